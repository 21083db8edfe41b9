#include "host/primitives.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <new>
#include <numeric>
#include <string>
#include <vector>

#include "host/buffer.hpp"
#include "kernels/core/parallel.hpp"
#if defined(__CUDACC__)
#include <thrust/copy.h>
#include <thrust/functional.h>
#include <thrust/iterator/counting_iterator.h>
#include <thrust/iterator/transform_iterator.h>
#include <thrust/reduce.h>
#include <thrust/scan.h>
#include <thrust/sort.h>
#include <thrust/system/cuda/execution_policy.h>

#include "kernels/core/cuda_check.hpp"
#endif

namespace grainfield {
namespace {

constexpr int64_t piece = 1 << 15;  // fixed, so that partial sums do not depend on the number of threads

int64_t n_pieces(int64_t n) { return (n + piece - 1) / piece; }

// partial[k] = f(begin, end) for piece k.
template <class T, class F>
std::vector<T> per_piece(const Exec& exec, int64_t n, const F& f) {
  std::vector<T> partial(static_cast<size_t>(n_pieces(n)));
  parallel_chunks(exec.threads, n, piece, [&](int64_t begin, int64_t end, int) {
    partial[static_cast<size_t>(begin / piece)] = f(begin, end);
  });
  return partial;
}

// Pairwise over the pieces: error grows with log n, order is fixed.
template <class T>
T tree_sum(const T* values, size_t n) {
  if (n == 0) return T{};
  if (n <= 8) return std::accumulate(values, values + n, T{});
  const size_t half = n / 2;
  return tree_sum(values, half) + tree_sum(values + half, n - half);
}

#if defined(__CUDACC__)
auto policy(const Exec& exec) { return thrust::cuda::par.on(static_cast<cudaStream_t>(exec.stream)); }

// What Thrust cannot allocate is ours to report.
template <class Step>
auto with_scratch(const char* what, const Step& step) {
  try {
    return step();
  } catch (const std::bad_alloc&) {
    (void)cudaGetLastError();
    throw ResourceError(std::string("the GPU has no memory for the scratch of ") + what + "; lower --memory");
  }
}

struct ToInt64 {
  __host__ __device__ int64_t operator()(int32_t v) const { return v; }
};
struct IsSet {
  __host__ __device__ bool operator()(uint8_t v) const { return v != 0; }
};
#endif

}  // namespace

int64_t exclusive_scan(const Exec& exec, const int32_t* counts, int64_t n, int64_t* offsets) {
#if defined(__CUDACC__)
  if (exec.on_gpu()) {
    const auto wide = thrust::make_transform_iterator(counts, ToInt64{});
    CUDA_CHECK(cudaMemsetAsync(offsets, 0, sizeof(int64_t), static_cast<cudaStream_t>(exec.stream)));
    with_scratch("a scan", [&] { return thrust::inclusive_scan(policy(exec), wide, wide + n, offsets + 1); });
    int64_t total = 0;
    CUDA_CHECK(cudaMemcpyAsync(&total, offsets + n, sizeof total, cudaMemcpyDeviceToHost,
                               static_cast<cudaStream_t>(exec.stream)));
    CUDA_CHECK(cudaStreamSynchronize(static_cast<cudaStream_t>(exec.stream)));
    return total;
  }
#endif
  auto totals = per_piece<int64_t>(exec, n, [&](int64_t begin, int64_t end) {
    int64_t sum = 0;
    for (int64_t i = begin; i < end; ++i) sum += counts[i];
    return sum;
  });
  int64_t total = 0;
  for (int64_t& t : totals) total += std::exchange(t, total);
  parallel_chunks(exec.threads, n, piece, [&](int64_t begin, int64_t end, int) {
    int64_t sum = totals[static_cast<size_t>(begin / piece)];
    for (int64_t i = begin; i < end; ++i) {
      offsets[i] = sum;
      sum += counts[i];
    }
  });
  offsets[n] = total;
  return total;
}

void sort_by_key(const Exec& exec, int64_t n, uint32_t* keys, int32_t* values) {
#if defined(__CUDACC__)
  if (exec.on_gpu()) {
    with_scratch("a sort", [&] { thrust::stable_sort_by_key(policy(exec), keys, keys + n, values); });
    return;
  }
#endif
  // Least-significant-digit radix sort, 8 bits a pass: as fast as Thrust on the host or up to twice so,
  // and its result does not depend on the number of threads (docs/decisions.md).
  constexpr int bits = 8;
  constexpr uint32_t buckets = 1u << bits;
  uint32_t largest = 0;
  for (const uint32_t k : per_piece<uint32_t>(
           exec, n, [&](int64_t b, int64_t e) { return *std::max_element(keys + b, keys + e); }))
    largest = std::max(largest, k);
  Buffer<uint32_t> other_keys(exec, n, "sort keys");
  Buffer<int32_t> other_values(exec, n, "sort values");
  // Pieces large enough that their histograms stay small beside the data.
  const int64_t block = std::max<int64_t>(piece, (n + 255) / 256);
  const int64_t n_blocks = (n + block - 1) / block;
  std::vector<int64_t> histogram(static_cast<size_t>(n_blocks) * buckets);
  uint32_t* from_keys = keys;
  int32_t* from_values = values;
  uint32_t* to_keys = other_keys.data();
  int32_t* to_values = other_values.data();
  for (int shift = 0; shift < 32 && (shift == 0 || (largest >> shift) != 0); shift += bits) {
    parallel_chunks(exec.threads, n, block, [&](int64_t begin, int64_t end, int) {
      int64_t* h = histogram.data() + begin / block * buckets;
      std::fill(h, h + buckets, 0);
      for (int64_t i = begin; i < end; ++i) ++h[(from_keys[i] >> shift) & (buckets - 1)];
    });
    int64_t total = 0;
    for (uint32_t b = 0; b < buckets; ++b)
      for (int64_t k = 0; k < n_blocks; ++k)
        total += std::exchange(histogram[static_cast<size_t>(k * buckets + b)], total);
    parallel_chunks(exec.threads, n, block, [&](int64_t begin, int64_t end, int) {
      int64_t* h = histogram.data() + begin / block * buckets;
      for (int64_t i = begin; i < end; ++i) {
        const int64_t at = h[(from_keys[i] >> shift) & (buckets - 1)]++;
        to_keys[at] = from_keys[i];
        to_values[at] = from_values[i];
      }
    });
    std::swap(from_keys, to_keys);
    std::swap(from_values, to_values);
  }
  if (from_keys != keys)
    parallel_chunks(exec.threads, n, piece, [&](int64_t begin, int64_t end, int) {
      std::copy(from_keys + begin, from_keys + end, keys + begin);
      std::copy(from_values + begin, from_values + end, values + begin);
    });
}

double reduce_sum(const Exec& exec, const double* values, int64_t n) {
#if defined(__CUDACC__)
  if (exec.on_gpu())
    return with_scratch("a sum", [&] { return thrust::reduce(policy(exec), values, values + n, 0.0); });
#endif
  const auto partial = per_piece<double>(
      exec, n, [&](int64_t b, int64_t e) { return tree_sum(values + b, static_cast<size_t>(e - b)); });
  return tree_sum(partial.data(), partial.size());
}

int64_t reduce_sum(const Exec& exec, const int32_t* values, int64_t n) {
#if defined(__CUDACC__)
  if (exec.on_gpu()) {
    const auto wide = thrust::make_transform_iterator(values, ToInt64{});
    return with_scratch("a sum", [&] { return thrust::reduce(policy(exec), wide, wide + n, int64_t{0}); });
  }
#endif
  const auto partial = per_piece<int64_t>(
      exec, n, [&](int64_t b, int64_t e) { return std::accumulate(values + b, values + e, int64_t{0}); });
  return tree_sum(partial.data(), partial.size());
}

Range reduce_range(const Exec& exec, const double* values, int64_t n) {
  constexpr double inf = std::numeric_limits<double>::infinity();
#if defined(__CUDACC__)
  if (exec.on_gpu())
    return with_scratch("a range", [&] {
      return Range{thrust::reduce(policy(exec), values, values + n, inf, thrust::minimum<double>()),
                   thrust::reduce(policy(exec), values, values + n, -inf, thrust::maximum<double>())};
    });
#endif
  Range total{inf, -inf};
  for (const Range& r : per_piece<Range>(exec, n, [&](int64_t b, int64_t e) {
         Range part{inf, -inf};
         for (int64_t i = b; i < e; ++i)
           part = {std::min(part.min, values[i]), std::max(part.max, values[i])};
         return part;
       }))
    total = {std::min(total.min, r.min), std::max(total.max, r.max)};
  return total;
}

int64_t select(const Exec& exec, const uint8_t* flags, int64_t n, int32_t* indices) {
#if defined(__CUDACC__)
  if (exec.on_gpu()) {
    const thrust::counting_iterator<int32_t> first(0);
    return with_scratch("a selection", [&] {
      return thrust::copy_if(policy(exec), first, first + n, flags, indices, IsSet{}) - indices;
    });
  }
#endif
  auto totals = per_piece<int64_t>(exec, n, [&](int64_t b, int64_t e) {
    return std::count_if(flags + b, flags + e, [](uint8_t f) { return f != 0; });
  });
  int64_t total = 0;
  for (int64_t& t : totals) total += std::exchange(t, total);
  parallel_chunks(exec.threads, n, piece, [&](int64_t begin, int64_t end, int) {
    int64_t at = totals[static_cast<size_t>(begin / piece)];
    for (int64_t i = begin; i < end; ++i)
      if (flags[i]) indices[at++] = static_cast<int32_t>(i);
  });
  return total;
}

}  // namespace grainfield
