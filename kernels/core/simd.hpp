// Vectors of doubles for CPU schedules that are written with explicit lanes, and the choice among them.
//
// A schedule is a template of the number of lanes W whose functions are all GF_ALWAYS_INLINE; one function
// per instruction set, marked GF_TARGET_..., calls it with W = 8, 4 or 2, so that everything is compiled for
// that set. simd_of_cpu() says which the processor runs.
#pragma once

#include <algorithm>

#include "kernels/core/exec.hpp"

#define GF_ALWAYS_INLINE inline __attribute__((always_inline))
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define GF_HAS_X86_TARGETS 1
#define GF_TARGET_AVX512 __attribute__((target("arch=x86-64-v4,prefer-vector-width=512"), flatten))
#define GF_TARGET_AVX2 __attribute__((target("arch=x86-64-v3"), flatten))
#endif

namespace grainfield {

// The widest instruction set that this processor and exec allow.
inline Simd simd_of_cpu(const Exec& exec) {
#if defined(GF_HAS_X86_TARGETS)
  static const Simd found = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                                    __builtin_cpu_supports("avx512dq") &&
                                    __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd")
                                ? Simd::avx512
                            : __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")
                                ? Simd::avx2
                                : Simd::portable;
  return std::min(exec.simd, found);
#else
  return std::min(exec.simd, Simd::portable);
#endif
}

template <int W>
struct VectorOf {
  typedef double type __attribute__((vector_size(W * sizeof(double))));
  typedef long long mask __attribute__((vector_size(W * sizeof(double))));
};
template <int W>
using Vector = typename VectorOf<W>::type;

template <int W>
GF_ALWAYS_INLINE Vector<W> splat(double value) {
  return value - Vector<W>{};
}

// in: W vectors, `stride` apart. Returns the vector of their sums over lanes: out[k] = sum_l in[k][l].
template <int W>
GF_ALWAYS_INLINE Vector<W> sum_lanes_of(const Vector<W>* in, long stride) {
  using V = Vector<W>;
  using M = typename VectorOf<W>::mask;
  if constexpr (W == 2) {
    return __builtin_shuffle(in[0], in[stride], M{0, 2}) + __builtin_shuffle(in[0], in[stride], M{1, 3});
  } else if constexpr (W == 4) {
    V pair[2];
    for (int k = 0; k < 2; ++k) {
      const V u = in[2 * k * stride], v = in[(2 * k + 1) * stride];
      pair[k] = __builtin_shuffle(u, v, M{0, 4, 2, 6}) + __builtin_shuffle(u, v, M{1, 5, 3, 7});
    }
    return __builtin_shuffle(pair[0], pair[1], M{0, 1, 4, 5}) +
           __builtin_shuffle(pair[0], pair[1], M{2, 3, 6, 7});
  } else {
    static_assert(W == 8);
    V pair[4], four[2];
    for (int k = 0; k < 4; ++k) {
      const V u = in[2 * k * stride], v = in[(2 * k + 1) * stride];
      pair[k] = __builtin_shuffle(u, v, M{0, 8, 2, 10, 4, 12, 6, 14}) +
                __builtin_shuffle(u, v, M{1, 9, 3, 11, 5, 13, 7, 15});
    }
    for (int k = 0; k < 2; ++k)
      four[k] = __builtin_shuffle(pair[2 * k], pair[2 * k + 1], M{0, 1, 8, 9, 4, 5, 12, 13}) +
                __builtin_shuffle(pair[2 * k], pair[2 * k + 1], M{2, 3, 10, 11, 6, 7, 14, 15});
    return __builtin_shuffle(four[0], four[1], M{0, 1, 2, 3, 8, 9, 10, 11}) +
           __builtin_shuffle(four[0], four[1], M{4, 5, 6, 7, 12, 13, 14, 15});
  }
}

}  // namespace grainfield
