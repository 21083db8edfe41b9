// Condition words: how a kernel tells the host that something is wrong, without writing past a bound or
// throwing.
#pragma once

#include <cstdint>

#include "kernels/core/hd.hpp"

namespace grainfield {

// One condition: how often it was met, and the lowest atom that met it.
struct Condition {
  unsigned long long count = 0;
  unsigned long long first = ~0ull;
};

// Records that `atom` met the condition. Counts and minima do not depend on the order, so the result is
// deterministic.
GF_HD inline void record(Condition* condition, int64_t atom) {
#if defined(__CUDA_ARCH__)
  atomicAdd(&condition->count, 1ull);
  atomicMin(&condition->first, static_cast<unsigned long long>(atom));
#else
  __atomic_fetch_add(&condition->count, 1ull, __ATOMIC_RELAXED);
  auto value = static_cast<unsigned long long>(atom);
  unsigned long long seen = __atomic_load_n(&condition->first, __ATOMIC_RELAXED);
  while (value < seen && !__atomic_compare_exchange_n(&condition->first, &seen, value, true, __ATOMIC_RELAXED,
                                                      __ATOMIC_RELAXED)) {
  }
#endif
}

// Adds to a 64-bit integer shared by all threads. Only for integers: their sums do not depend on the order.
GF_HD inline void add_shared(unsigned long long* target, unsigned long long value) {
#if defined(__CUDA_ARCH__)
  atomicAdd(target, value);
#else
  __atomic_fetch_add(target, value, __ATOMIC_RELAXED);
#endif
}

}  // namespace grainfield
