// The perfect lattices of the builders and of the bulk references.
//
// Every structure is described by an orthogonal conventional cell (edges in A) and a basis of fractional
// positions in it; hcp by its orthorhombic cell a x sqrt(3) a x c with four atoms. Order of the basis is part
// of the contract: it fixes the order of the atoms that the builders write.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kernels/core/vec3.hpp"

namespace grainfield {

enum class Structure { sc, bcc, fcc, hcp, diamond };

// "sc", "bcc", "fcc", "hcp", "diamond"; throws UsageError for any other name.
Structure parse_structure(std::string_view name);
std::string structure_name(Structure structure);

// Neighbors of an atom of the perfect crystal at one distance.
struct Shell {
  double radius = 0;  // A
  int count = 0;
};

struct Lattice {
  Structure structure = Structure::sc;
  double a = 1;                 // lattice constant, A
  double c_over_a = 1;          // 1 for the cubic structures
  Vec3 edge{1, 1, 1};           // edges of the conventional cell along x, y, z, A
  std::vector<Vec3> basis;      // fractional positions in the conventional cell
  std::vector<Vec3> centering;  // lattice translations within the conventional cell, fractional; first is 0

  // Position (A) of basis atom k in the cell (m.x, m.y, m.z), the cell (0, 0, 0) starting at the origin.
  Vec3 site(Vec3 m, size_t k) const {
    const Vec3 u = m + basis[k];
    return {u.x * edge.x, u.y * edge.y, u.z * edge.z};
  }
  double cell_volume() const { return edge.x * edge.y * edge.z; }                              // A^3
  double number_density() const { return static_cast<double>(basis.size()) / cell_volume(); }  // A^-3

  // The n nearest shells in order of distance; distances within 1e-6 relative are one shell. Every atom of
  // these structures has the same shells.
  std::vector<Shell> shells(int n) const;
  double nearest_neighbor_distance() const { return shells(1)[0].radius; }  // A
};

// The lattice with constant a (A). c_over_a is used by hcp only; 0 means the ideal sqrt(8/3).
// Throws UsageError unless a is finite and positive, and c_over_a is 0 or, for hcp, finite and positive.
Lattice make_lattice(Structure structure, double a, double c_over_a = 0);

// Bulk coordination numbers and the cutoffs between the shells: Z1 = #{0 < d <= r1}, Z2 = #{r1 < d <= r2}
// with
//   r1 = (s1 + s2)/2,  r2 = (s2 + s3)/2,   s1, s2, s3 = radii of the first three shells.
// Shells that follow each other within 12 % of the radius where a group starts count as one (hcp with c/a
// near the ideal has 6 + 6 first neighbors); then the gap between the groups is halved. bcc: 8 and 6; fcc: 12
// and 6; sc: 6 and 12; diamond: 4 and 12; hcp: 12 and 6.
struct CoordinationReference {
  double r1 = 0, r2 = 0;  // A
  int z1 = 0, z2 = 0;
};
CoordinationReference coordination_reference(const Lattice& lattice);

}  // namespace grainfield
