// Seeded systems and potentials for benchmarks, made without the builders and without files.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "host/eam_model.hpp"
#include "host/frame.hpp"
#include "host/mtp_basis.hpp"

namespace grainfield {

// About n atoms of bcc Fe (a = 2.855 A), periodic, each displaced by up to 0.1 A along x, y, z.
inline Frame rattled_bcc_iron(int64_t n, uint64_t seed = 12345) {
  const double a = 2.855;
  const auto cells =
      std::max<int64_t>(1, static_cast<int64_t>(std::lround(std::cbrt(static_cast<double>(n) / 2))));
  const double edge = a * static_cast<double>(cells);
  Frame frame;
  frame.box = Box({edge, 0, 0}, {0, edge, 0}, {0, 0, edge});
  frame.species = {{"Fe", 55.845, 1}};
  frame.position.reserve(static_cast<size_t>(2 * cells * cells * cells));
  frame.type.reserve(static_cast<size_t>(2 * cells * cells * cells));
  uint64_t state = seed;
  auto random = [&] {  // splitmix64
    uint64_t z = (state += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53 - 0.5;
  };
  for (int64_t k = 0; k < cells; ++k)
    for (int64_t j = 0; j < cells; ++j)
      for (int64_t i = 0; i < cells; ++i)
        for (int basis = 0; basis < 2; ++basis) {
          const double h = 0.5 * basis;
          frame.position.push_back({a * (static_cast<double>(i) + h) + 0.2 * random(),
                                    a * (static_cast<double>(j) + h) + 0.2 * random(),
                                    a * (static_cast<double>(k) + h) + 0.2 * random()});
          frame.type.push_back(0);
        }
  return frame;
}

// Embedded-atom tables made of formulas on the grids of two files in wide use (Mendelev's Fe, Mishin's Cu),
// with their cutoffs: speed does not depend on the values.
inline EamModel bench_eam_model(bool copper) {
  EamModel m;
  m.name = copper ? "Cu" : "Fe";
  m.kind = copper ? EamKind::alloy : EamKind::fs;
  m.elements = {m.name};
  m.masses = {1};
  m.n_rho = m.n_r = copper ? 10001 : 10000;
  m.d_rho = copper ? 0.000164 : 0.03;
  m.d_r = copper ? 0.00089991 : 0.00053;
  m.cutoff = copper ? 5.50679 : 5.3;
  m.rho_max = (m.n_rho - 1) * m.d_rho;
  for (int k = 0; k < m.n_rho; ++k) m.embedding.push_back(-std::sqrt(k * m.d_rho));
  for (int k = 0; k < m.n_r; ++k) {
    const double r = k * m.d_r, w = r < m.cutoff ? std::pow(1 - r / m.cutoff, 3) : 0;
    m.density.push_back(w);
    m.pair.push_back(r * w * std::cos(2 * r));
  }
  return m;
}

// A moment tensor potential with generated tables and coefficients: speed depends on the level alone. The
// cutoff is that of published iron potentials (6.5 A: about 112 neighbors). The active set is the unit
// matrix: a grade costs the same with any.
inline MtpModel bench_mtp_model(int level) {
  MtpModel model = mtp_basis(level);
  model.n_species = 1;
  model.type_labels = {0};
  model.elements = {"Fe"};
  model.n_radial_basis = 8;
  model.min_distance = 1.4;
  model.max_distance = 6.5;
  randomize_coefficients(model, 1);
  const auto n = static_cast<size_t>(model.n_coefficients());
  model.active_set.emplace();
  model.active_set->site_energy_weight = 1;
  model.active_set->inverse_transposed.assign(n * n, 0);
  for (size_t k = 0; k < n; ++k) model.active_set->inverse_transposed[k * n + k] = 1;
  return model;
}

}  // namespace grainfield
