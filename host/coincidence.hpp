// Atoms that lie on top of each other: found by the neighbor list, reported with their ids.
#pragma once

#include <cstdint>

#include "host/analysis.hpp"

namespace grainfield {

// Collects over the slabs of a frame. An analysis that uses the neighbor list calls add() in compute() and
// note() in finish(); several analyses of a frame make one note.
class CoincidenceReport {
 public:
  void add(const Frame& frame, const SlabContext& slab);
  // "3 pairs of atoms are closer than 0.0001 A; the first are ids 17 and 4711"; nothing without such pairs.
  void note(FrameContext& context) const;

 private:
  unsigned long long n_ends_ = 0;         // every pair counts at both ends
  int64_t first_id_ = 0, second_id_ = 0;  // of the first pair that was found
};

}  // namespace grainfield
