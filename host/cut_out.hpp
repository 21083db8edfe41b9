// Pieces of a snapshot around one atom, small enough to be labelled by electronic structure calculations.
#pragma once

#include <cstdint>

#include "host/frame.hpp"

namespace grainfield {

struct CutOut {
  Frame frame;                  // atom 0 is the center, the others by distance from it; ids: 1, 2, ...
  std::vector<int64_t> source;  // [atoms] index in the snapshot
  int64_t removed = 0;          // atoms left out at the seam
  bool whole = false;           // the snapshot itself
};

// All atoms (and periodic images) within `radius` of the center, which stands in the origin; no cell.
CutOut cut_sphere(const Frame& frame, int64_t center, double radius);

// The same in the middle of a cubic periodic cell that leaves `vacuum` (A) between images.
CutOut cut_cluster(const Frame& frame, int64_t center, double radius, double vacuum);

// A periodic cell with faces parallel to those of the snapshot's cell, `size` (A) between opposite faces, the
// center in its middle; a periodic direction of the snapshot that is not longer keeps its whole period, and
// then has no seam. Atoms are taken in the order of their distance from the center; one that is closer than
// `min_distance` to an image of one taken before, through the seam, is left out (Ito et al., npj Comput.
// Mater. 2024, doi 10.1038/s41524-024-01451-y, cut cells of 15 A and removed one atom of pairs below 2.0 A at
// the boundary). Images of the center and distances that the snapshot has are never a reason.
CutOut cut_cell(const Frame& frame, int64_t center, double size, double min_distance);

}  // namespace grainfield
