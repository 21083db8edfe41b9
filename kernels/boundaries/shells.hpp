// Effective weights of the first two coordination shells in the coarse-grained density.
//
// Formula  phi2 = c0 exp(-R2^2 / 2 beta^2), c0 = (beta sqrt(2 pi))^-3,  and  phi1 = (rho_n - Z2 phi2) /
// max(Z1,
//          1), per atom: eq. 12, rho_n = Z1 phi1 + Z2 phi2, read as the definition of phi1.
//          R2 = (3 V / 4 pi)^(1/3), V the Voronoi volume (shells.radius = volume), or
//          R2 = s2 (V n_B)^(1/3), s2 the radius of the second shell of the lattice (shells.radius = scaled).
//          Bulk: the same with rho_n = n_B, V = 1/n_B and the bulk's Z1, Z2.
// Source   Darvishi Kamachali & Wallis, "On the relationship and distinction between atomic density and
//          coordination number ...", eqs. 12, 13 and Methods ("the local shell volume for Z2, that is the
//          Voronoi volume"). The first R2 is the literal reading, in bulk bcc iron 1.406 A, less than the
//          distance of the first neighbors; the second is the distance of the second neighbors. With either,
//          phi1 absorbs every other shell and the atom itself (in bulk bcc iron phi1 = 4.00 c0): no radius R1
//          belongs to it by eq. 13 (docs/entropy.md).
// In       number_density [atom] A^-3, coordination [atom][2], Voronoi volumes [atom] A^3, density_beta A,
//          bulk_number_density A^-3, bulk_coordination [2].
// Out      shell_radius [atom] A, shell_weights [atom][2] A^-3; bulk_shell_radius, bulk_shell_weights [2].
// Edges    Z1 = 0 -> phi1 = rho_n - Z2 phi2, counted in a note. A volume that is not positive and finite ->
//          NaN, counted in a note. phi1 may be negative.
// Cost     one cube root and one exponential per atom; 40 bytes read, 24 written.
// Team     none: on the host, where the results of the other analyses are.
// Order    atoms are independent: the same bits for any number of threads.
// Test     tests/kernels/test_shells.cpp
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/core/hd.hpp"

namespace grainfield {

struct AnalysisEntry;

struct ShellParams {
  double beta = 0;          // A
  double radius_scale = 0;  // R2 = radius_scale V^(1/3), a pure number
};

struct ShellWeights {
  double r2 = 0;              // A
  double phi1 = 0, phi2 = 0;  // A^-3
};

// rho_n in A^-3, volume in A^3.
GF_HD inline ShellWeights shell_weights(double rho_n, int64_t z1, int64_t z2, double volume,
                                        const ShellParams& p) {
  constexpr double sqrt_two_pi = 2.5066282746310005024;
  ShellWeights w;
  if (volume > 0 && volume < HUGE_VAL)
    w.r2 = p.radius_scale * std::cbrt(volume);
  else
    w.r2 = NAN;
  const double x = w.r2 / p.beta, width = p.beta * sqrt_two_pi;
  w.phi2 = std::exp(-0.5 * x * x) / (width * width * width);
  w.phi1 = (rho_n - static_cast<double>(z2) * w.phi2) / static_cast<double>(z1 > 1 ? z1 : 1);
  return w;
}

AnalysisEntry shells_entry();

}  // namespace grainfield
