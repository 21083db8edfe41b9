// The CPU's schedule of moment tensor potentials: SIMD lanes over neighbors, then over atoms.
//
// Atoms go in groups of as many as a vector has lanes. For each atom of a group, lanes over its neighbors:
// radial functions, monomials and reduced moments. Then lanes over the atoms: all products of moments and
// their adjoints, every table entry read once for the group. Then again lanes over neighbors: D_ij by
// Horner's scheme.
// Forces: an atom's D_ij go to a small array of the chunk's neighbors; chunks are added to the result in
// their order, whichever thread made them.
#pragma once

#include <vector>

#include "host/mtp_tables.hpp"
#include "host/potential.hpp"

namespace grainfield {

struct MtpLanesJob {
  Exec exec;
  BatchView batch;
  NeighborView neighbors;
  const MtpTables* tables = nullptr;  // with all scalars stored where gradients are wanted
  const MtpModel* model = nullptr;
  const int32_t* species = nullptr;            // [types]
  PotentialOutput output;                      // force and virial are added to, the rest is written
  const double* inverse_transposed = nullptr;  // X [n][n] for grades
  Condition* too_close = nullptr;
};

void evaluate_mtp_in_lanes(const MtpLanesJob& job);

// Bytes per atom of the batch that it allocates.
int64_t mtp_lanes_bytes_per_atom(const Exec& exec);

}  // namespace grainfield
