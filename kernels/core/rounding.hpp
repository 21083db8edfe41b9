// Whole numbers beside a real one, on every processor.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/core/hd.hpp"

namespace grainfield {

// std::floor(x), without the call into the library that x86-64 makes of it where SSE4.1 is not taken for
// granted. (Of -0.0 it is 0.0.)
GF_HD inline double round_down(double x) {
#if defined(__CUDA_ARCH__)
  return floor(x);
#else
  if (!(std::fabs(x) < 0x1p31)) return std::floor(x);
  const auto whole = static_cast<double>(static_cast<int32_t>(x));
  return whole > x ? whole - 1 : whole;
#endif
}

// std::ceil(x), likewise.
GF_HD inline double round_up(double x) {
#if defined(__CUDA_ARCH__)
  return ceil(x);
#else
  return -round_down(-x);
#endif
}

}  // namespace grainfield
