// A moment tensor potential as its formulas say, site by site: slow, obvious, double precision.
//
//   phi_xi(r) = sigma T_xi(x) (r - r_max)^2,  x = (2 r - r_min - r_max)/(r_max - r_min),  r < r_max
//   f_mu(r) = sum_xi c[a][b][mu][xi] phi_xi(r)              a, b: species of the center and of the neighbor
//   M_k = sum_j f_mu(r) n_x^p n_y^q n_z^s for the basics;   M_o = sum of factor M_left M_right over its
//   products V = species_energy[a] + sum_s linear[s] M[scalars[s]]
//
// Everything is differentiated forward: each moment carries its derivatives with respect to every r_ij and
// every radial coefficient, so there is no reverse sweep to get wrong. theta = (c, species_energy, linear).
// Shapeev, Multiscale Model. Simul. 14, 1153 (2016); theta as in Podryabinkin and Shapeev, Comput. Mater.
// Sci. 140, 171 (2017).
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

#include "host/mtp_model.hpp"
#include "kernels/core/vec3.hpp"

namespace grainfield::reference {

struct MtpRef {
  explicit MtpRef(const MtpModel& model) : m(model) {}
  explicit MtpRef(MtpModel&&) = delete;

  // r[j] = r_j - r_i of the neighbors (any beyond the cutoff count nothing). d (may be null): dV / dr_ij.
  // b (may be null): dV / dtheta.
  double site_energy(int species, const std::vector<Vec3>& r, const std::vector<int>& neighbor_species,
                     std::vector<Vec3>* d, std::vector<double>* b) const {
    const auto S = static_cast<size_t>(m.n_species), K = static_cast<size_t>(m.n_radial),
               R = static_cast<size_t>(m.n_radial_basis), a = static_cast<size_t>(species);
    const size_t n_d = d ? 3 * r.size() : 0, n_c = b ? S * K * R : 0, width = n_d + n_c;
    const auto moments = static_cast<size_t>(m.n_moments), basics = m.basics.size();
    std::vector<double> M(moments, 0.0), dM(moments * width, 0.0);
    double repulsion = 0;
    if (d) d->assign(r.size(), Vec3{});
    for (size_t j = 0; j < r.size(); ++j) {
      const double len = norm(r[j]);
      if (len >= m.max_distance) continue;
      const auto s = static_cast<size_t>(neighbor_species[j]);
      std::vector<double> phi(R), dphi(R);
      radial_functions(len, phi, dphi);
      for (size_t k = 0; k < basics; ++k) {
        const auto mu = static_cast<size_t>(m.basics[k].mu);
        const int p = m.basics[k].a, q = m.basics[k].b, t = m.basics[k].c, nu = p + q + t;
        const Vec3 v = r[j];
        const double poly = power(v.x, p) * power(v.y, q) * power(v.z, t);
        const double angular = poly / power(len, nu);  // n_x^p n_y^q n_z^t
        double f = 0, df = 0;
        for (size_t xi = 0; xi < R; ++xi) {
          const double c = m.radial[((a * S + s) * K + mu) * R + xi];
          f += c * phi[xi];
          df += c * dphi[xi];
          if (b) dM[k * width + n_d + (s * K + mu) * R + xi] += phi[xi] * angular;
        }
        M[k] += f * angular;
        if (!d) continue;
        const Vec3 grad_poly{p == 0 ? 0 : p * power(v.x, p - 1) * power(v.y, q) * power(v.z, t),
                             q == 0 ? 0 : q * power(v.x, p) * power(v.y, q - 1) * power(v.z, t),
                             t == 0 ? 0 : t * power(v.x, p) * power(v.y, q) * power(v.z, t - 1)};
        const Vec3 g =
            df * angular / len * v + f * (grad_poly / power(len, nu) - nu * poly / power(len, nu + 2) * v);
        for (size_t x = 0; x < 3; ++x) dM[k * width + 3 * j + x] += g[static_cast<int>(x)];
      }
      if (m.repulsive && len < m.min_distance) {
        repulsion += 1e4 * (std::exp(-10 * (len - 1)) - std::exp(-10 * (m.min_distance - 1)));
        if (d) (*d)[j] = -1e5 * std::exp(-10 * (len - 1)) / len * r[j];
      }
    }
    for (const MtpProduct& t : m.products) {
      const auto o = static_cast<size_t>(t.out), x = static_cast<size_t>(t.left),
                 y = static_cast<size_t>(t.right);
      M[o] += t.factor * M[x] * M[y];
      for (size_t i = 0; i < width; ++i)
        dM[o * width + i] += t.factor * (dM[x * width + i] * M[y] + M[x] * dM[y * width + i]);
    }
    double energy = m.species_energy[a] + repulsion;
    if (b) b->assign(static_cast<size_t>(m.n_coefficients()), 0.0);
    for (size_t s = 0; s < m.scalars.size(); ++s) {
      const auto k = static_cast<size_t>(m.scalars[s]);
      energy += m.linear[s] * M[k];
      if (d)
        for (size_t j = 0; j < r.size(); ++j)
          (*d)[j] +=
              m.linear[s] * Vec3{dM[k * width + 3 * j], dM[k * width + 3 * j + 1], dM[k * width + 3 * j + 2]};
      if (b) {
        for (size_t i = 0; i < n_c; ++i) (*b)[a * n_c + i] += m.linear[s] * dM[k * width + n_d + i];
        (*b)[S * n_c + S + s] = M[k];
      }
    }
    if (b) (*b)[S * n_c + a] = 1;
    return energy;
  }

  // All moments of a site, for tests of tables: f_mu given per neighbor as f[j][mu].
  static std::vector<double> moments_of(const MtpModel& m, const std::vector<Vec3>& n,
                                        const std::vector<std::vector<double>>& f) {
    std::vector<double> M(static_cast<size_t>(m.n_moments), 0.0);
    for (size_t k = 0; k < m.basics.size(); ++k) {
      const MtpBasic& basic = m.basics[k];
      for (size_t j = 0; j < n.size(); ++j)
        M[k] += f[j][static_cast<size_t>(basic.mu)] * power(n[j].x, basic.a) * power(n[j].y, basic.b) *
                power(n[j].z, basic.c);
    }
    for (const MtpProduct& t : m.products)
      M[static_cast<size_t>(t.out)] +=
          t.factor * M[static_cast<size_t>(t.left)] * M[static_cast<size_t>(t.right)];
    return M;
  }

  static double power(double x, int n) {
    double out = 1;
    for (; n > 0; --n) out *= x;
    return out;
  }

  void radial_functions(double r, std::vector<double>& phi, std::vector<double>& dphi) const {
    const bool frozen = m.repulsive && r <= m.min_distance;
    if (frozen) r = m.min_distance;
    const double k = 2 / (m.max_distance - m.min_distance);
    const double x = (2 * r - m.min_distance - m.max_distance) / (m.max_distance - m.min_distance);
    const double u = r - m.max_distance;
    double T[2] = {1, x}, dT[2] = {0, 1};  // of xi and xi + 1
    for (size_t xi = 0; xi < phi.size(); ++xi) {
      phi[xi] = m.scaling * T[0] * u * u;
      dphi[xi] = frozen ? 0 : m.scaling * (k * dT[0] * u * u + 2 * T[0] * u);
      const double next = 2 * x * T[1] - T[0], dnext = 2 * T[1] + 2 * x * dT[1] - dT[0];
      T[0] = T[1], T[1] = next;
      dT[0] = dT[1], dT[1] = dnext;
    }
  }

  const MtpModel& m;
};

}  // namespace grainfield::reference
