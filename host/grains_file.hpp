// The ground truth of a polycrystal in JSON: nodes, orientations, lattice origins, lattice, box and counts.
//
// Keys: program, structure (or lattice, as a name), a, c_over_a, element, box (three lengths, or three
// vectors), seed, min_distance, n_raw, n_after_removal, site_order, and grains[]: id, node, R (3 rows),
// lattice_origin, n_atoms_raw, n_atoms_after_removal, voronoi_volume. Lengths in A.
//
// site_order says which of the equivalent lattice points of the conventional cell opens it (R and origin
// alone leave that open for centered lattices, and the order of the atoms depends on it):
//   "origin"        lattice_origin is the first basis site of its cell; default.
//   "grain-center"  the cell is the one whose center is nearest to the grain's center
//                     G = (2 node + sum of its 6 nearest midpoints to images of other nodes) / 8
//                   (modulo whole cells); default where program starts with "Atomsk", whose polycrystals are
//                   ordered so.
#pragma once

#include <optional>
#include <string>

#include "host/build_polycrystal.hpp"

namespace grainfield {

struct GrainsFile {
  std::optional<Lattice> lattice;
  std::optional<std::string> element;
  std::optional<Box> box;
  std::vector<Grain> grains;
};

// Reads the file; `lattice` and `box`, where given, take the place of the file's. With "grain-center" the
// returned lattice origins are moved so that they are first sites. Throws InputError with file, grain,
// expected and found; ResourceError where the file cannot be opened.
GrainsFile read_grains_file(const std::string& path, const std::optional<Lattice>& lattice = {},
                            const std::optional<Box>& box = {});

struct GrainsHeader {
  std::string element;
  std::optional<uint64_t> seed;
  double min_distance = 0;
  double min_node_distance = 0;
};
// Writes under a temporary name and renames; numbers read back to the same bits.
void write_grains_file(const std::string& path, const Polycrystal& polycrystal, const Lattice& lattice,
                       const GrainsHeader& header);

}  // namespace grainfield
