// Seeded random numbers of the tests: the same on every standard library.
#pragma once

#include <cstdint>
#include <random>

#include "kernels/core/vec3.hpp"

namespace grainfield::test {

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  // Uniform in [lo, hi).
  double uniform(double lo = 0, double hi = 1) {
    return lo + (hi - lo) * static_cast<double>(engine_() >> 11) * 0x1p-53;
  }
  Vec3 vector(double lo = 0, double hi = 1) {
    const double x = uniform(lo, hi), y = uniform(lo, hi);
    return {x, y, uniform(lo, hi)};
  }
  // Uniform in 0 ... n - 1 (n small beside 2^64).
  uint64_t below(uint64_t n) { return engine_() % n; }

 private:
  std::mt19937_64 engine_;
};

}  // namespace grainfield::test
