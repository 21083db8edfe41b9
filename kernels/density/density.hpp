// Coarse-grained atomic density at the atoms.
//
// Formula  number_density[i] = rho_n(R_i), the normalised Gaussian sum of gaussian_sum.hpp over all atoms
//          and images, the atom's own Gaussian included; relative_density[i] = rho_n(R_i) / rho_n^B. beta =
//          2.4 x metallic radius (3.024 A for Fe), averaged over the atoms where there are several species.
//          rho_n^B is, in this order: density.bulk; the number density of the lattice given; the mean of
//          rho_n over the snapshot's own bulk atoms. Bulk atoms are those that see the fewest defects: with
//          f_i = (Gaussian sum over atoms whose Z1, Z2 are not the bulk's) / (Gaussian sum over all atoms)
//          at R_i, all atoms with f_i < 1e-4, but at least the hundredth part (and 100 atoms) with the
//          smallest f_i.
// Source   Darvishi Kamachali and Wallis, "On the Relationship and Distinction Between Atomic Density and
//          Coordination Number in Describing Grain Boundaries", eqs. (2)-(4). Poisson summation: in a
//          perfect crystal rho_n equals the number density to 1e-18 at this beta, so the lattice's value
//          needs no sum.
// In       positions A; species (for beta); coordination [atom][2] where the bulk is the snapshot's own.
// Out      number_density [atom] A^-3, relative_density [atom] 1.
// Edges    no atoms -> empty fields and NaN for the bulk. An isolated atom has c0 = (beta sqrt(2 pi))^-3.
// Error    < 1e-9 of the infinite sum, by either method (gaussian_grid.hpp, gaussian_sum.hpp).
// Slabs    by the grid: swept, each atom spread once (host/gaussian_sweep.hpp); else with halos.
// Cost     see gaussian_grid.hpp: per atom about 2,000 multiply-adds and 250 bytes of grid traffic.
// Team     through gaussian_grid.hpp and gaussian_sum.hpp.
// Order    through the same; the mean over the bulk atoms is summed in the order of the input.
// Test     tests/kernels/test_density.cpp
#pragma once

#include "host/registry.hpp"

namespace grainfield {

AnalysisEntry density_entry();

// 2.4 x the mean metallic radius (A) of the frame's atoms; throws UsageError for a species that has none.
double default_beta(const Frame& frame);

}  // namespace grainfield
