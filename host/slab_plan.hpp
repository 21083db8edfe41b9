// How a frame is cut so that what grows with its atoms fits into memory.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "host/analysis.hpp"

namespace grainfield {

struct SlabPlan {
  int axis = -1;                   // the cell vector that is cut; -1: the whole frame at once
  std::vector<double> cuts{0, 1};  // fractional coordinates; slab k is cuts[k] <= s < cuts[k + 1]
  double bytes = 0;                // that the most expensive slab takes
  double uncut_bytes = 0;          // that the whole frame would take
  // What both are made of, in bytes. Input: every atom of the frame, or of a slab every one with an image in
  // it or its halo, which then takes per_picked too. Beside that, atoms of the slab and of its halo; fixed.
  double per_input = 0, per_picked = 0, per_local = 0, per_ghost = 0, fixed = 0;
  double reach = 0;  // A: width of the halo

  int n_slabs() const { return static_cast<int>(cuts.size()) - 1; }
  Slab slab(int k) const {
    return axis < 0 ? Slab{} : Slab{axis, cuts[static_cast<size_t>(k)], cuts[static_cast<size_t>(k) + 1]};
  }
};

// The fewest slabs, of about equal numbers of atoms, that fit into `available` bytes beside the frame itself.
// Counts batch, neighbor list and what `needs` states. Depends on the frame, the needs and `available` only.
// Throws ResourceError where even slabs of a quarter of the reach do not fit: `held` (bytes of the frame, its
// results and other frames; 0 on a GPU, which holds none of them) and `limit` are for the message.
SlabPlan plan_slabs(const Frame& frame, const Needs& needs, bool on_gpu, double available, double held,
                    double limit);

// What a sweep needs: slabs that are visited in order, each without ghosts along the cut, by an analysis that
// keeps between them what they share (host/gaussian_sweep.hpp).
struct SweepNeeds {
  std::array<bool, 3> along{};  // the cell vectors that may be cut
  bool must = false;            // the caller knows that nothing else fits
  // A: ghosts beside a slab; where the cut vector is periodic, atoms this far before the first slab and
  // behind the last are visited too, as slabs of index -1.
  double reach = 0;
  double wait = 0;                // A: results of an atom may need others this far behind it
  int64_t bytes_per_visited = 0;  // per atom of the slab at hand, with the ghosts beside it
  int64_t bytes_per_waiting = 0;  // per atom of a slab that waits for those behind it
  std::function<double(int axis, double thickness)> bytes;  // for slabs of at most so many A
};

// Slabs of equal thickness, as thick as memory allows. None where the frame fits uncut, where no sweep fits,
// or where slabs with halos (plan_slabs) visit atoms less often.
std::optional<SlabPlan> plan_sweep(const Frame& frame, const Needs& needs, const SweepNeeds& sweep,
                                   bool on_gpu, double available);

// Width (A) of the cells that a batch for these needs has.
double cell_size_for(const Needs& needs);

// Bytes that a frame, or its results, hold on the host.
int64_t bytes_of(const Frame& frame);
int64_t bytes_of(const FrameResults& results);

}  // namespace grainfield
