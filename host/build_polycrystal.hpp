// Nano-polycrystals: a periodic Voronoi tessellation filled with turned lattices.
//
// Grain g is the region closer to its node than to any other node image. It holds the sites
//   r = lattice_origin + R (edge * (m + basis_k)),    m = cell indices, R = orientation matrix,
// that lie in it, wrapped into the box. A site within 1e-9 A of a bisector plane goes to the grain of lower
// index (between a grain and its own image: to the side against the image's direction, by first non-zero
// component).
//
// Order of the atoms: grain by grain; in a grain by m.z, then m.y, then m.x, then k. Then atoms closer than
// min_distance are removed by the greedy rule in this order (host/overlap.hpp), so grains of low index win.
// The result depends on the options only, never on the number of threads.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "host/frame.hpp"
#include "host/lattice.hpp"

namespace grainfield {

struct Grain {
  Vec3 node;                                                        // A
  std::array<Vec3, 3> rotation{{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};  // rows of R: crystal to laboratory frame
  Vec3 lattice_origin;  // the first basis site of the cell m = 0, A
  // Filled by build_polycrystal:
  int64_t n_raw = 0;    // lattice sites in the region
  int64_t n_atoms = 0;  // atoms left after the removal of close ones
  double volume = 0;    // of the region, A^3
};

struct PolycrystalOptions {
  Lattice lattice;
  std::string element = "Fe";
  Box box;  // periodic along all directions
  std::vector<Grain> grains;
  double min_distance = 0;  // A; 0 keeps all atoms
  int threads = 1;
};

struct Polycrystal {
  Frame frame;  // with the integer column `grain`, 1 ... number of grains
  std::vector<Grain> grains;
  int64_t n_raw = 0;
  int64_t n_checked = 0;  // atoms near a boundary, which the overlap removal looked at
};

// Throws UsageError without grains, for nodes closer than 0.01 A, a box that is not periodic, a rotation that
// is not one (to 1e-6), min_distance negative or larger than the thickness of the box, an unknown element;
// ResourceError for more than 1e11 atoms.
Polycrystal build_polycrystal(const PolycrystalOptions& options);

// n grains: nodes uniform in the box (each at least min_node_distance, A, from the ones before, images
// included), orientations uniform on SO(3), lattice origins uniform in the unit cell at the node. Throws
// UsageError for n < 1 or when a node finds no place in 10,000 tries.
std::vector<Grain> random_grains(int n, const Box& box, const Lattice& lattice, uint64_t seed,
                                 double min_node_distance = 0);

}  // namespace grainfield
