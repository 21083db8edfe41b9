// Lanes: a vector of numbers that the compiler keeps in one register, for the CPU's own schedules.
//
// Included by .cpp files only: nvcc takes no vector types into functions that it also compiles for the
// device. Every function is inlined into its caller, which is compiled for one instruction set
// (GF_LANES_AVX512, ...), so that it does not matter how a vector would be passed.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "kernels/core/exec.hpp"

#pragma GCC diagnostic ignored "-Wpsabi"
#define GF_INLINE inline __attribute__((always_inline))

// A function compiled for one instruction set, with everything that it calls.
#if defined(__x86_64__) && defined(__GNUC__)
#define GF_LANES_AVX512 __attribute__((target("arch=x86-64-v4"), flatten))
#define GF_LANES_AVX2 __attribute__((target("arch=x86-64-v3"), flatten))
#else
#define GF_LANES_AVX512
#define GF_LANES_AVX2
#endif

namespace grainfield {

// The widest instruction set that this CPU has and `most` allows.
inline Simd simd_of_cpu(Simd most) {
#if defined(__x86_64__) && defined(__GNUC__)
  if (most >= Simd::avx512 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512cd"))
    return Simd::avx512;
  if (most >= Simd::avx2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
      __builtin_cpu_supports("bmi2"))
    return Simd::avx2;
#endif
  (void)most;
  return Simd::portable;
}

template <class RealType, int n_bytes>
struct Lanes {
  using Real = RealType;
  static constexpr int width = n_bytes / static_cast<int>(sizeof(Real));
  using Bits = std::conditional_t<sizeof(Real) == 8, uint64_t, uint32_t>;
  typedef Real Value __attribute__((vector_size(n_bytes)));
  typedef Bits Word __attribute__((vector_size(n_bytes)));

  static GF_INLINE Value load(const Real* p) {
    Value v;
    std::memcpy(&v, p, sizeof v);
    return v;
  }
  static GF_INLINE void store(Real* p, const Value& v) { std::memcpy(p, &v, sizeof v); }
  static GF_INLINE Value root(const Value& v) {
    alignas(n_bytes) Real a[width];
    store(a, v);
    for (int l = 0; l < width; ++l) a[l] = std::sqrt(a[l]);
    return load(a);
  }
  static GF_INLINE Value where_above(const Value& test, Real limit, const Value& value) {
    return test > limit ? value : Value{};
  }

  // exp(x) to 1 ulp for -700 <= x <= 0 (single: -87). x = n ln 2 + r, |r| <= ln(2)/2, and
  // exp(r) = 1 + r + r^2 p(r) with p the Chebyshev interpolant of degree 9 (single: 4); its relative error is
  // 1.3e-17 (single: 7.8e-9). ln 2 is split so that n times its first part is exact.
  static GF_INLINE Value exp_of_negative(const Value& x) {
    constexpr bool twice = sizeof(Real) == 8;
    constexpr int mantissa = twice ? 52 : 23;
    // Adding this rounds to an integer, which stands in the lowest bits.
    constexpr Real shifter = twice ? Real(0x1.8p52) : Real(0x1.8p23);
    constexpr Real ln2_high = twice ? Real(0x1.62e42feep-1) : Real(0x1.63p-1);
    constexpr Real ln2_low = twice ? Real(0x1.a39ef35793c76p-33) : Real(-0x1.bd0106p-13);
    const Value shifted = x * Real(1.4426950408889634074) + shifter;
    const Value n = shifted - shifter;
    const Value r = (x - n * ln2_high) - n * ln2_low;
    const Value r2 = r * r, r4 = r2 * r2;
    Value p;
    if constexpr (twice) {
      const Value low = (Real(0x1.0000000000001p-1) + r * Real(0x1.5555555555556p-3)) +
                        r2 * (Real(0x1.5555555553d63p-5) + r * Real(0x1.11111111109b3p-7));
      const Value high = (Real(0x1.6c16c1788bd90p-10) + r * Real(0x1.a01a01a7c41d5p-13)) +
                         r2 * (Real(0x1.a019b90d2ae7ap-16) + r * Real(0x1.71de0dae63bb3p-19));
      const Value top = Real(0x1.289185613a3d6p-22) + r * Real(0x1.af38a9b0ec855p-26);
      p = low + r4 * (high + r4 * top);
    } else {
      p = (Real(0.5) + r * Real(0x1.5554dcp-3)) + r2 * (Real(0x1.55551ap-5) + r * Real(0x1.120b6ep-7)) +
          r4 * Real(0x1.6d110ap-10);
    }
    const Value e = Real(1) + (r + r2 * p);
    Word bits, scale;
    std::memcpy(&bits, &e, sizeof bits);
    std::memcpy(&scale, &shifted, sizeof scale);
    bits += scale << mantissa;
    Value result;
    std::memcpy(&result, &bits, sizeof result);
    return result;
  }

  // Lane l of the result is the sum over the lanes of a[l], added as a tree. Overwrites a.
  static GF_INLINE Value sums_of_lanes(Value (&a)[width]) {
    fold<1>(a, std::make_integer_sequence<int, width>());
    return a[0];
  }

 private:
  // a[k] and a[k + step] into a[k]: where bit `step` of the lane is clear, the sum of two lanes of the
  // former.
  template <int step, int... lane>
  static GF_INLINE void fold(Value (&a)[width], std::integer_sequence<int, lane...> lanes) {
    if constexpr (step < width) {
      for (int k = 0; k < width; k += 2 * step)
        a[k] = __builtin_shufflevector(a[k], a[k + step], (lane & step ? width + lane - step : lane)...) +
               __builtin_shufflevector(a[k], a[k + step], (lane & step ? width + lane : lane + step)...);
      fold<2 * step>(a, lanes);
    }
  }
};

}  // namespace grainfield
