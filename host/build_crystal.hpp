// A perfect crystal in a periodic box, oriented by three lattice directions.
//
// The box is spanned by the shortest lattice vectors A, B, C along the three directions; its atoms are all
// lattice sites with fractional coordinates in [0, 1), found in integer arithmetic, so their number is
// exactly V(A, B, C) / V(conventional cell) times the atoms of that cell. Order: cells of the repetition (x
// fastest, then y, then z), and in a cell by the indices m of the conventional cell (m.x fastest), then by
// the basis.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "host/frame.hpp"
#include "host/lattice.hpp"

namespace grainfield {

using Direction = std::array<int, 3>;

struct CrystalOptions {
  Lattice lattice;
  std::string element = "Fe";
  // Directions [uvw] in the conventional cell that become x, y and z; for hcp in the orthorhombic cell
  // a x sqrt(3) a x c (three indices).
  std::array<Direction, 3> directions{{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
  std::array<int, 3> repeat{1, 1, 1};
  // Small-strain tensor xx, yy, zz, yz, xz, xy (components of the tensor, no factor 2): r -> (1 + e) r. The
  // cell is then turned so that its first vector is along x and its second in the x-y plane, as most file
  // formats need.
  std::array<double, 6> strain{};
  int threads = 1;
};

// Throws UsageError for directions that are zero, not orthogonal (to 1e-9) or left-handed, a repetition below
// 1, a strain that leaves no volume, an unknown element; ResourceError where the crystal would hold too many
// atoms.
Frame build_crystal(const CrystalOptions& options);

// "1,1,0", "110", "1-10" or "[1 -1 0]" to three integers; throws UsageError.
Direction parse_direction(const std::string& text);

}  // namespace grainfield
