// Slow, obvious reference of the shell weights: eqs. 12 and 13 of the source, in long double.
#pragma once

#include <cmath>

namespace grainfield::reference {

struct ShellsReference {
  double r2 = 0, phi1 = 0, phi2 = 0;
};

// R2: radius of the sphere of this volume.
inline ShellsReference shells(double rho_n, int z1, int z2, double volume, double beta) {
  const long double pi = std::acos(-1.0L), b = beta;
  const long double r2 = std::pow(3 * static_cast<long double>(volume) / (4 * pi), 1.0L / 3);
  const long double phi2 = std::exp(-r2 * r2 / (2 * b * b)) / std::pow(2 * pi * b * b, 1.5L);
  const long double phi1 = z1 > 0 ? (rho_n - z2 * phi2) / z1 : rho_n - z2 * phi2;
  return {static_cast<double>(r2), static_cast<double>(phi1), static_cast<double>(phi2)};
}

}  // namespace grainfield::reference
