// Embedded-atom energies, forces and virials from the definition: all pairs and images, cubic Hermite
// interpolation as the formats' convention states it. Slow and obvious; no kernels.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "host/eam_model.hpp"
#include "host/frame.hpp"

namespace grainfield::reference {

struct EamResult {
  std::vector<double> energy, rho;            // [n]
  std::vector<Vec3> force;                    // [n]
  std::vector<std::array<double, 6>> virial;  // [n] xx yy zz xy xz yz

  double total() const {
    double sum = 0;
    for (const double e : energy) sum += e;
    return sum;
  }
};

struct ValueSlope {
  double value, slope;
};

// The table f[0 .. n-1] with nodes d apart, at x: Hermite cubic between the nodes around x.
inline ValueSlope interpolate(const double* f, int n, double d, double x) {
  const auto slope = [&](int m) {
    if (m == 0) return f[1] - f[0];
    if (m == 1) return (f[2] - f[0]) / 2;
    if (m == n - 2) return (f[n - 1] - f[n - 3]) / 2;
    if (m == n - 1) return f[n - 1] - f[n - 2];
    return (f[m - 2] - f[m + 2] + 8 * (f[m + 1] - f[m - 1])) / 12;
  };
  const int m = static_cast<int>(std::clamp(std::floor(x / d), 0.0, n - 2.0));
  const double p = std::min(x / d - m, 1.0), q = 1 - p;
  const double value = f[m] * q * q * (1 + 2 * p) + slope(m) * p * q * q - slope(m + 1) * p * p * q +
                       f[m + 1] * p * p * (3 - 2 * p);
  const double derivative =
      6 * p * q * (f[m + 1] - f[m]) + slope(m) * q * (1 - 3 * p) + slope(m + 1) * p * (3 * p - 2);
  return {value, derivative / d};
}

// species[i]: the model's species of atom i.
inline EamResult eam(const EamModel& model, const Frame& frame, const std::vector<int32_t>& species) {
  const auto n = static_cast<size_t>(frame.n_atoms());
  const int32_t s = model.n_species();
  struct Pair {
    size_t i, j;
    Vec3 d;
  };
  std::vector<Pair> pairs;
  int images[3];
  for (int k = 0; k < 3; ++k)
    images[k] = frame.box.periodic[k] ? static_cast<int>(model.cutoff / frame.box.height(k)) + 2 : 0;
  std::vector<Vec3> r = frame.position;
  for (Vec3& x : r) x = frame.box.wrap(x);
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j < n; ++j)
      for (int a = -images[0]; a <= images[0]; ++a)
        for (int b = -images[1]; b <= images[1]; ++b)
          for (int c = -images[2]; c <= images[2]; ++c) {
            if (i == j && a == 0 && b == 0 && c == 0) continue;
            const Vec3 d =
                r[j] - r[i] + double(a) * frame.box.a + double(b) * frame.box.b + double(c) * frame.box.c;
            if (norm_sq(d) < model.cutoff * model.cutoff) pairs.push_back({i, j, d});
          }
  const auto density = [&](size_t from, size_t at, double x) {
    return interpolate(model.density.data() + (species[from] * s + species[at]) * model.n_r, model.n_r,
                       model.d_r, x);
  };
  EamResult out;
  out.energy.assign(n, 0);
  out.rho.assign(n, 0);
  out.force.assign(n, {});
  out.virial.assign(n, {});
  for (const Pair& p : pairs) out.rho[p.i] += density(p.j, p.i, norm(p.d)).value;
  std::vector<double> slope(n);
  for (size_t i = 0; i < n; ++i) {
    const ValueSlope f =
        interpolate(model.embedding.data() + species[i] * model.n_rho, model.n_rho, model.d_rho, out.rho[i]);
    slope[i] = f.slope;
    out.energy[i] = f.value + (out.rho[i] > model.rho_max ? f.slope * (out.rho[i] - model.rho_max) : 0);
  }
  for (const Pair& p : pairs) {
    const double x = norm(p.d);
    const ValueSlope z =
        interpolate(model.pair.data() + EamModel::pair_index(species[p.i], species[p.j]) * model.n_r,
                    model.n_r, model.d_r, x);
    const double phi = z.value / x, phi_slope = z.slope / x - z.value / (x * x);
    const double psi =
        slope[p.i] * density(p.j, p.i, x).slope + slope[p.j] * density(p.i, p.j, x).slope + phi_slope;
    const Vec3 f = psi / x * p.d;
    out.energy[p.i] += phi / 2;
    out.force[p.i] += f;
    const int rows[6] = {0, 1, 2, 0, 0, 1}, columns[6] = {0, 1, 2, 1, 2, 2};
    for (size_t k = 0; k < 6; ++k) out.virial[p.i][k] -= 0.5 * f[rows[k]] * p.d[columns[k]];
  }
  return out;
}

}  // namespace grainfield::reference
