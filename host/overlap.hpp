// Atoms too close to each other, found by the greedy rule in file order.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/core/box.hpp"

namespace grainfield {

// Walks through the atoms in order; a kept atom deletes every later one closer than min_distance (A),
// periodic images included: the kept ones are the lexicographically first maximal independent set of the
// graph of close pairs. Returns the indices of the deleted atoms, ascending. Images of an atom itself do not
// count.
//
// Only the atoms `among` (ascending; nullptr: all) are looked at: the caller knows that no other one has a
// neighbor closer than min_distance. Positions lie in the cell (0 <= s < 1 along periodic directions;
// anywhere along free ones). Exact for any box, also when min_distance is larger than the box.
// Memory: 5 bytes per atom looked at, at most 16 for the grid, 8 per deleted atom, and a fixed share for
// pairs.
std::vector<int64_t> greedy_overlaps(const Box& box, const std::vector<Vec3>& position,
                                     const std::vector<int64_t>* among, double min_distance, int threads);

}  // namespace grainfield
