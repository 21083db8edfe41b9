// Sets of up to 32 members as the bits of a word.
#pragma once

#include <cstdint>

#include "kernels/core/hd.hpp"

namespace grainfield {

GF_HD inline int bits_of(uint32_t set) {
#if defined(__CUDA_ARCH__)
  return __popc(set);
#else
  return __builtin_popcount(set);
#endif
}

// Of a set that is not empty.
GF_HD inline int lowest_bit(uint32_t set) {
#if defined(__CUDA_ARCH__)
  return __ffs(static_cast<int>(set)) - 1;
#else
  return __builtin_ctz(set);
#endif
}

}  // namespace grainfield
