// Minima of a sampled one-dimensional profile that stand out from it.
//
// Depth of a minimum (its topographic prominence): walk from it to the left and to the right until the
// profile is lower than the minimum or the stretch ends; the lower of the two highest values met, less the
// minimum. The lowest minimum has the depth (highest value - lowest value). A wrong scale or reference of the
// profile shifts no depth, and ripples on the flank of a deep minimum count with their own height only.
#pragma once

#include <cstdint>
#include <vector>

namespace grainfield {

// Points first ... last of a profile of n points. With a periodic profile, point i means i modulo n, and a
// stretch may run past n - 1. closed: the whole period, its ends are neighbors.
struct Stretch {
  int64_t first = 0;
  int64_t last = -1;
  bool closed = false;
};

// The stretches of points with no point below `threshold` within `margin` points of them. A profile that is
// not periodic counts as below the threshold before its first and after its last point.
std::vector<Stretch> stretches_above(const std::vector<double>& profile, double threshold, int64_t margin,
                                     bool periodic);

struct Minimum {
  int64_t point = 0;  // in [0, n)
  double value = 0;
  double depth = 0;
};

// Local minima inside the stretch (an end of an open stretch is none) of at least this depth, in order of
// their place.
std::vector<Minimum> find_minima(const std::vector<double>& profile, const Stretch& stretch, double depth);

// The lowest minima such that no two are closer than min_distance points (around the period where period > 0;
// 0: not periodic), in order of their place.
std::vector<Minimum> lowest_apart(std::vector<Minimum> minima, int64_t min_distance, int64_t period);

}  // namespace grainfield
