// Random numbers that are the same on every machine and for every number of threads.
//
// Philox4x32-10 (Salmon, Moraes, Dror, Shaw, SC'11, "Parallel random numbers: as easy as 1, 2, 3") maps a key
// and a counter to 128 random bits. The key is the user's seed; the counter holds the stream (what the
// numbers are for), the index (of the atom, the grain, ...) and the block. So atom 17 draws the same numbers
// whoever computes it. The distributions are our own and use +, -, *, / and sqrt only: the standard library's
// differ between implementations, and so do its logarithms in the last bit.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>

#include "kernels/core/vec3.hpp"

namespace grainfield {

using PhiloxBlock = std::array<uint32_t, 4>;

inline PhiloxBlock philox4x32(PhiloxBlock counter, std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53u} * counter[0];
    const uint64_t p1 = uint64_t{0xCD9E8D57u} * counter[2];
    counter = {static_cast<uint32_t>(p1 >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(p1),
               static_cast<uint32_t>(p0 >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(p0)};
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  return counter;
}

// What the numbers are for; each purpose is independent of the others under the same seed.
enum class Stream : uint32_t {
  node = 1,
  orientation,
  lattice_origin,
  species,
  vacancy,
  rattle,
  coefficient,
  search
};

class Random {
 public:
  Random(uint64_t seed, Stream stream, uint64_t index = 0)
      : key_{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)},
        counter_{0, static_cast<uint32_t>(stream), static_cast<uint32_t>(index),
                 static_cast<uint32_t>(index >> 32)} {}

  uint64_t bits() {  // 64 uniform bits; up to 2^33 calls
    if (half_ == 2) {
      block_ = philox4x32(counter_, key_);
      ++counter_[0];
      half_ = 0;
    }
    const size_t k = 2 * static_cast<size_t>(half_++);
    return block_[k] | uint64_t{block_[k + 1]} << 32;
  }

  double uniform() { return static_cast<double>(bits() >> 11) * 0x1p-53; }  // [0, 1), 53 bits

  // Uniform in 0 ... n - 1 (n > 0), without bias: the top of the range of bits() that is no multiple of n is
  // drawn again.
  uint64_t below(uint64_t n) {
    const uint64_t excess = (UINT64_MAX % n + 1) % n;  // 2^64 mod n
    uint64_t x;
    do x = bits();
    while (x > UINT64_MAX - excess);
    return x % n;
  }

  // Standard normal: the polar method (Marsaglia and Bray, SIAM Review 6, 260 (1964)), one value per pair.
  double normal() {
    for (;;) {
      const double u = 2 * uniform() - 1, v = 2 * uniform() - 1, s = u * u + v * v;
      if (s > 0 && s < 1) return u * std::sqrt(-2 * log(s) / s);
    }
  }

 private:
  // Natural logarithm of a positive normal number: x = 2^e m with m in [sqrt(1/2), sqrt(2)),
  // ln m = 2 artanh(t), t = (m - 1)/(m + 1); |t| < 0.172, so 12 terms reach double precision.
  static double log(double x) {
    int e;
    double m = std::frexp(x, &e);
    if (m < 0.70710678118654752440) m *= 2, --e;
    const double t = (m - 1) / (m + 1), t_sq = t * t;
    double sum = 0;
    for (int k = 12; k >= 0; --k) sum = sum * t_sq + 1.0 / (2 * k + 1);
    return 2 * t * sum + e * 0.69314718055994530942;
  }

  std::array<uint32_t, 2> key_;
  PhiloxBlock counter_, block_{};
  int half_ = 2;
};

}  // namespace grainfield
