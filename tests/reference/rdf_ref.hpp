// Counts of pairs by distance, slow and obvious: every atom, every atom, every image.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "host/frame.hpp"

namespace grainfield::reference {

// Ordered pairs (i of species a, j of species b) with k w <= d < (k + 1) w; a < 0: any species. i with its
// own images is a pair, i with itself is none.
inline std::vector<int64_t> pair_counts(const Frame& frame, double range, int n_bins, int a = -1,
                                        int b = -1) {
  const Box& box = frame.box;
  int n[3];
  for (int k = 0; k < 3; ++k)
    n[k] = box.periodic[k] ? static_cast<int>(std::ceil(range / box.height(k))) + 1 : 0;
  std::vector<int64_t> counts(static_cast<size_t>(n_bins));
  const size_t n_atoms = frame.position.size();
  for (size_t i = 0; i < n_atoms; ++i)
    for (size_t j = 0; j < n_atoms; ++j) {
      if (a >= 0 && (frame.type[i] != a || frame.type[j] != b)) continue;
      const Vec3 d = box.wrap(frame.position[j]) - box.wrap(frame.position[i]);
      for (int ia = -n[0]; ia <= n[0]; ++ia)
        for (int ib = -n[1]; ib <= n[1]; ++ib)
          for (int ic = -n[2]; ic <= n[2]; ++ic) {
            if (i == j && ia == 0 && ib == 0 && ic == 0) continue;
            const double k = norm(d + ia * box.a + ib * box.b + ic * box.c) / range * n_bins;
            if (k < n_bins) ++counts[static_cast<size_t>(k)];
          }
    }
  return counts;
}

}  // namespace grainfield::reference
