// Cutoffs between the first shells, from the g(r) of the snapshot itself.
//
// g(r) is smoothed with a Gaussian of sigma = 0.02 d1 (d1: the first maximum). Its extrema are pruned from
// the least pronounced on, until every rise and fall is at least 10 % of its maximum, 2 % of the highest one
// and twice its counting noise: the rest are shells. Maxima within 12 % of the first of their group are one
// shell (hcp near the ideal c/a), as for the lattices of host/lattice.hpp. Each cutoff is the middle of what
// lies within 5 % of the minimum between two groups: the middle of the gap in a perfect crystal, the minimum
// in a hot one.
#pragma once

#include <optional>

#include "host/analysis.hpp"

namespace grainfield {

struct CoordinationCutoffs {
  double r1 = 0, r2 = 0;  // A
  double d1 = 0;          // A, the first maximum
};

// Of ordered pair counts in bins of `width` (A); distances below 0.4 A are ignored (coincident atoms). r2 = 0
// where fewer than two minima are found, d1 = 0 where no maximum is.
CoordinationCutoffs coordination_cutoffs_of(const std::vector<int64_t>& counts, double width);

// Of a frame; chooses the range. Throws UsageError where there are no two minima.
CoordinationCutoffs find_coordination_cutoffs(FrameContext& context);

}  // namespace grainfield
