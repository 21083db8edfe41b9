// A small moment tensor potential of two species, with an active set, that needs no file.
#pragma once

#include <fmt/format.h>

#include <cmath>
#include <string>
#include <vector>

#include "host/mtp_model.hpp"
#include "tests/reference/mtp_ref.hpp"
#include "tests/support/random.hpp"

namespace grainfield::test {

// All contractions of level 8 and below (level of M_{mu,nu}: 2 + 4 mu + nu), written down by hand:
// M00, M10, M00^2, M01.M01, M02:M02, M00 M10, M00^3, M00 M01.M01, M00^4.
inline MtpModel small_mtp(int n_species = 2, uint64_t seed = 1) {
  MtpModel m;
  m.name = "small";
  m.scaling = 0.03125;
  m.n_species = n_species;
  m.n_radial_basis = 5;
  m.n_radial = 2;
  m.min_distance = 1.75;
  m.max_distance = 5.25;
  for (int32_t s = 0; s < n_species; ++s) m.type_labels.push_back(s);
  m.basics = {{0, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}, {0, 2, 0, 0}, {0, 1, 1, 0},
              {0, 1, 0, 1}, {0, 0, 2, 0}, {0, 0, 1, 1}, {0, 0, 0, 2}, {1, 0, 0, 0}};
  m.products = {{0, 0, 1, 11},  {1, 1, 1, 12},  {2, 2, 1, 12},  {3, 3, 1, 12},  {4, 4, 1, 13},
                {5, 5, 2, 13},  {6, 6, 2, 13},  {7, 7, 1, 13},  {8, 8, 2, 13},  {9, 9, 1, 13},
                {0, 10, 1, 14}, {0, 11, 1, 15}, {0, 12, 1, 16}, {11, 11, 1, 17}};
  m.n_moments = 18;
  m.scalars = {0, 10, 11, 12, 13, 14, 15, 16, 17};
  Random random(seed);
  m.radial.resize(static_cast<size_t>(n_species * n_species * m.n_radial * m.n_radial_basis));
  for (double& c : m.radial) c = random.uniform(-1, 1);
  for (int32_t s = 0; s < n_species; ++s) m.species_energy.push_back(random.uniform(-4, -3));
  for (size_t s = 0; s < m.scalars.size(); ++s) m.linear.push_back(random.uniform(-0.25, 0.25));
  return m;
}

// An active set of neighborhoods, chosen from the sites of random clusters by swaps that enlarge |det A|
// (Podryabinkin and Shapeev, Comput. Mater. Sci. 140, 171 (2017)), from A = 1e-6.
inline MtpActiveSet small_active_set(const MtpModel& m, int clusters = 40, uint64_t seed = 2) {
  constexpr int atoms = 4;
  const auto n = static_cast<size_t>(m.n_coefficients());
  const reference::MtpRef ref(m);
  Random random(seed);
  std::vector<std::vector<double>> b;
  std::vector<std::string> text;
  for (int c = 0; c < clusters; ++c) {
    std::vector<Vec3> at;
    std::vector<int> type;
    text.push_back(
        fmt::format("BEGIN_CFG\n Size\n    {}\n AtomData:  id type       cartes_x      cartes_y      "
                    "cartes_z\n",
                    atoms));
    while (at.size() < atoms) {
      const Vec3 r = random.vector(0, 4);
      bool near = false;
      for (const Vec3& other : at) near = near || norm(other - r) < m.min_distance;
      if (near) continue;
      type.push_back(static_cast<int>(random.below(static_cast<uint64_t>(m.n_species))));
      at.push_back(r);
      text.back() += fmt::format("    {} {}  {:.16e} {:.16e} {:.16e}\n", at.size(),
                                 m.type_labels[static_cast<size_t>(type.back())], r.x, r.y, r.z);
    }
    for (size_t i = 0; i < atoms; ++i) {
      std::vector<Vec3> r;
      std::vector<int> s;
      for (size_t j = 0; j < atoms; ++j)
        if (j != i) r.push_back(at[j] - at[i]), s.push_back(type[j]);
      b.emplace_back();
      ref.site_energy(type[i], r, s, nullptr, &b.back());
    }
  }
  MtpActiveSet set;
  set.site_energy_weight = 1;
  set.rows.assign(n * n, 0.0);
  std::vector<double> inverse(n * n, 0.0);  // A^-1
  for (size_t k = 0; k < n; ++k) set.rows[k * n + k] = 1e-6, inverse[k * n + k] = 1e6;
  std::vector<int> origin(n, -1);
  for (int swaps = 0; swaps < 10000; ++swaps) {
    double largest = 1.001;
    size_t row = 0, slot = n;
    std::vector<double> best, c(n);
    for (size_t i = 0; i < b.size(); ++i) {
      c.assign(n, 0.0);
      for (size_t l = 0; l < n; ++l)
        for (size_t k = 0; k < n && b[i][l] != 0; ++k) c[k] += b[i][l] * inverse[l * n + k];
      for (size_t k = 0; k < n; ++k)
        if (std::abs(c[k]) > largest) largest = std::abs(c[k]), row = i, slot = k, best = c;
    }
    if (slot == n) break;
    best[slot] -= 1;  // (b - a_slot)^T A^-1
    const double pivot = best[slot] + 1;
    for (size_t l = 0; l < n; ++l) {
      const double factor = inverse[l * n + slot] / pivot;
      for (size_t k = 0; k < n; ++k) inverse[l * n + k] -= factor * best[k];
    }
    for (size_t l = 0; l < n; ++l) set.rows[slot * n + l] = b[row][l];
    origin[slot] = static_cast<int>(row);
  }
  set.inverse_transposed.resize(n * n);
  for (size_t k = 0; k < n; ++k)
    for (size_t l = 0; l < n; ++l) set.inverse_transposed[k * n + l] = inverse[l * n + k];
  std::vector<int> number(static_cast<size_t>(clusters), -1);
  int used = 0;
  for (size_t c = 0; c < static_cast<size_t>(clusters); ++c) {
    std::string equations;
    for (const int site : origin)
      if (site >= 0 && static_cast<size_t>(site) / atoms == c)
        equations += fmt::format("{}{}", equations.empty() ? "" : ",", 1 + 3 * atoms + 9 + site % atoms);
    if (equations.empty()) continue;
    number[c] = used++;
    set.configurations += text[c] + fmt::format(" Feature   selected_eqn_inds\t{}\nEND_CFG\n\n", equations);
  }
  for (const int site : origin)
    if (site < 0)
      set.origin.emplace_back(-1, -1);
    else
      set.origin.emplace_back(number[static_cast<size_t>(site / atoms)], 1 + 3 * atoms + 9 + site % atoms);
  return set;
}

}  // namespace grainfield::test
