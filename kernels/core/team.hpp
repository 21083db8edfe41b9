// Teams: the threads that share one item (an atom, a grid point) of a kernel.
//
// A kernel is a struct with   template <class Team> GF_HD void operator()(Team team, int64_t i) const.
// It may use five words and nothing else of the machine:
//   team.size()      number of members             team.rank()   my number, 0 .. size - 1
//   team.sum(v)      total over the members, the same bits for all
//   team.sync()      all members have arrived and see each other's scratch
//   team.scratch()   memory of the team, of the size that the launch asked for, 16-byte aligned
// Law: no member returns before a collective (sum, sync) that others call. Between two items the launcher
// syncs, so that the next may reuse the scratch at once.
//
// SerialTeam is a team of one (every CPU thread, and one GPU thread per item). TileTeam<W> is W lanes of a
// warp. tests/support/emulated_team.hpp runs W host threads with a barrier, so that a missing sync() is found
// by ThreadSanitizer without a GPU.
#pragma once

#include "kernels/core/hd.hpp"

#if defined(__CUDACC__)
#include <cooperative_groups.h>
#endif

namespace grainfield {

struct SerialTeam {
  void* memory = nullptr;

  GF_HD static constexpr int size() { return 1; }
  GF_HD static constexpr int rank() { return 0; }
  template <class T>
  GF_HD T sum(T value) const {
    return value;
  }
  GF_HD void sync() const {}
  GF_HD void* scratch() const { return memory; }
};

#if defined(__CUDACC__)
template <int W>
struct TileTeam {
  cooperative_groups::thread_block_tile<W> tile;
  void* memory = nullptr;

  __device__ static constexpr int size() { return W; }
  __device__ int rank() const { return static_cast<int>(tile.thread_rank()); }
  // Butterfly: every lane adds the same pairs in the same order.
  template <class T>
  __device__ T sum(T value) const {
    for (int step = W / 2; step > 0; step /= 2) value += tile.shfl_xor(value, step);
    return value;
  }
  __device__ void sync() const { tile.sync(); }
  __device__ void* scratch() const { return memory; }
};
#endif

}  // namespace grainfield
