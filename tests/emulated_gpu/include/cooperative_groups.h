// Tiles of threads on an emulated GPU: what the lanes of a warp exchange.
#pragma once

#include "cuda_runtime.h"

namespace cooperative_groups {

struct thread_block {};
inline thread_block this_thread_block() { return {}; }

template <unsigned W>
class thread_block_tile {
 public:
  unsigned thread_rank() const { return threadIdx.x % W; }
  void sync() const { emulated_gpu::meet(W); }
  template <class T>
  T shfl_xor(T value, unsigned mask) const {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= emulated_gpu::largest_value);
    T other;
    emulated_gpu::exchange(W, mask, &value, &other, sizeof(T));
    return other;
  }
};

template <unsigned W>
thread_block_tile<W> tiled_partition(const thread_block&) {
  static_assert(W <= 32 && (W & (W - 1)) == 0);
  return {};
}

}  // namespace cooperative_groups
