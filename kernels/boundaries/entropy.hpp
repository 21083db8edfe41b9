// Shannon entropies of per-atom descriptors, their excess at grain boundaries, and the descriptors'
// correlations.
//
// Formula  For q = rho_n, Z1, phi1, Z2, phi2 and a set of N atoms:  p_I = |q_I| / sum_J |q_J|,
//            S_q = - sum_I p_I ln p_I = ln N - D_q / N,   D_q = sum_I (x_I ln x_I - x_I + 1),  x_I = |q_I| /
//            mean |q|
//          (the two terms of D_q beside x ln x sum to 0; with them every summand is >= 0 and nothing
//          cancels). ALL = every atom that counts, Bulk = those of them far from the boundaries, each set
//          with its own sum of |q|. N_GB = N_ALL - N_Bulk, A = area of all boundaries.
//            excess    S_q^GB = (N_GB / A) (S_q(ALL) - S_q(Bulk))                          (eq. 19)
//            half sum  1/2 (S_Z1^GB + S_phi1^GB + S_Z2^GB + S_phi2^GB)                      (eq. 14)
//            deficit   d_q = (1/A) (D_q(ALL) - D_q(Bulk)),  D_q = N (ln N - S_q)
//            correlation r(x, y) of eq. 20 over the boundaries' atoms, for the pairs of Z1, phi1, Z2, phi2.
//          Bulk: atoms farther than `distance` from every plane of density-profile; atoms next to a surface
//          (host/boundary_planes.hpp) count nowhere; A = planes times the cell's face. With a mask: Bulk =
//          atoms where the column is 0; the atoms of every other number are a region; A = entropy.area.
// Source   Darvishi Kamachali & Wallis, "On the relationship and distinction between atomic density and
//          coordination number ...", eqs. 14, 18-20; the sum of eq. 18 read over atoms, N_GB as stated here.
//          The deficit is ours. Eq. 21 (the half sum equals the excess of rho) is assumed nowhere:
//          docs/entropy.md says why it cannot hold.
// In       number_density, coordination [atom][2], shell_weights [atom][2]; the planes of density-profile, or
//          a mask.
// Out      observables entropy/* (the registry lists them), k_B or k_B/A^2.
// Edges    No boundary, no such mask, or a mask that is not whole numbers -> InputError. No bulk atoms ->
// S(Bulk) and the excess NaN, deficits
//          as if D(Bulk) = 0. All q of a set 0 -> NaN. A descriptor whose standard deviation is less than
//          1e-8 of its largest size in the set counts as constant: its correlations are NaN.
// Error    D_q: 1e-15 N times the relative spread of q, so 1e-10 of itself for a spread of 1e-5.
// Cost     two passes: 40 bytes read per pass; one or two logarithms per atom and descriptor.
// Team     none: on the host, where the results of the other analyses are.
// Order    sums over pieces of 2^16 atoms, pieces in order: the same bits for any number of threads.
// Test     tests/kernels/test_entropy.cpp
#pragma once

#include <cmath>

#include "kernels/core/hd.hpp"

namespace grainfield {

struct AnalysisEntry;

// x ln x - x + 1 for x >= 0: about (x - 1)^2 / 2 near x = 1, to 1e-16 |x - 1|.
GF_HD inline double divergence_term(double x) {
  if (x == 0) return 1;
  const double d = x - 1;
  const double term = x * std::log1p(d) - d;
  return term < 0 ? 0 : term;  // rounding of what is 0; NaN stays
}

AnalysisEntry entropy_entry();

}  // namespace grainfield
