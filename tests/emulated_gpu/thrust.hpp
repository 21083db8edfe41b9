// The algorithms of Thrust that Grainfield uses, on an emulated GPU: one thread of the device, with scratch
// of its own.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <numeric>
#include <utility>
#include <vector>

#include "cuda_runtime.h"

namespace thrust {

struct Policy {
  cudaStream_t stream = nullptr;
  Policy on(cudaStream_t s) const { return {s}; }
};
namespace cuda {
inline constexpr Policy par{};
}

template <class T>
struct minimum {
  T operator()(T a, T b) const { return b < a ? b : a; }
};
template <class T>
struct maximum {
  T operator()(T a, T b) const { return a < b ? b : a; }
};

template <class T>
struct counting_iterator {
  T value;
  explicit counting_iterator(T v) : value(v) {}
  T operator[](int64_t i) const { return static_cast<T>(value + i); }
  friend counting_iterator operator+(counting_iterator a, int64_t n) {
    return counting_iterator(static_cast<T>(a.value + n));
  }
  friend int64_t operator-(counting_iterator a, counting_iterator b) { return a.value - b.value; }
};

template <class F, class It>
struct transform_iterator {
  It base;
  F f;
  auto operator[](int64_t i) const { return f(base[i]); }
  friend transform_iterator operator+(transform_iterator a, int64_t n) { return {a.base + n, a.f}; }
  friend int64_t operator-(transform_iterator a, transform_iterator b) { return a.base - b.base; }
};
template <class F, class It>
transform_iterator<F, It> make_transform_iterator(It base, F f) {
  return {base, f};
}

template <class In, class Out>
Out inclusive_scan(Policy policy, In first, In last, Out out) {
  const int64_t n = last - first;
  emulated_gpu::run_with_scratch(policy.stream, "thrust::inclusive_scan", [=] {
    if (n == 0) return;
    auto sum = first[0];
    out[0] = sum;
    for (int64_t i = 1; i < n; ++i) out[i] = sum = sum + first[i];
  });
  return out + n;
}

template <class Keys, class Values>
void stable_sort_by_key(Policy policy, Keys first, Keys last, Values values) {
  const int64_t n = last - first;
  emulated_gpu::run_with_scratch(policy.stream, "thrust::stable_sort_by_key", [=] {
    std::vector<std::pair<typename std::iterator_traits<Keys>::value_type,
                          typename std::iterator_traits<Values>::value_type>>
        all(static_cast<size_t>(n));
    for (int64_t i = 0; i < n; ++i) all[static_cast<size_t>(i)] = {first[i], values[i]};
    std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    for (int64_t i = 0; i < n; ++i)
      std::tie(first[i], values[i]) =
          std::pair(all[static_cast<size_t>(i)].first, all[static_cast<size_t>(i)].second);
  });
}

template <class In, class T, class Op = std::plus<T>>
T reduce(Policy policy, In first, In last, T init, Op op = {}) {
  const int64_t n = last - first;
  T result;
  emulated_gpu::run_for_result(policy.stream, "thrust::reduce", &result, sizeof result, [=](void* out) {
    T sum = init;
    for (int64_t i = 0; i < n; ++i) sum = op(sum, first[i]);
    std::memcpy(out, &sum, sizeof sum);
  });
  return result;
}

template <class In, class Stencil, class Out, class Predicate>
Out copy_if(Policy policy, In first, In last, Stencil stencil, Out out, Predicate predicate) {
  const int64_t n = last - first;
  int64_t count = 0;
  emulated_gpu::run_for_result(policy.stream, "thrust::copy_if", &count, sizeof count, [=](void* result) {
    int64_t at = 0;
    for (int64_t i = 0; i < n; ++i)
      if (predicate(stencil[i])) out[at++] = first[i];
    std::memcpy(result, &at, sizeof at);
  });
  return out + count;
}

}  // namespace thrust
