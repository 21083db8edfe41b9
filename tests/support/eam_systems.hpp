// Embedded-atom potentials made of formulas, and their evaluation on frames, for tests.
#pragma once

#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "host/eam_model.hpp"
#include "host/potential.hpp"
#include "tests/support/evaluate_potential.hpp"

namespace grainfield::test {

// A soft potential of 1 to 4 species (Fe, Cr, Ni, Cu) with different functions for every pair: finite at
// r = 0, smooth at the cutoff.
inline EamModel smooth_eam(int n_species, EamKind kind, double cutoff = 4.5, int n_r = 2000,
                           int n_rho = 2000) {
  const char* names[] = {"Fe", "Cr", "Ni", "Cu"};
  EamModel m;
  m.name = "smooth";
  m.kind = kind;
  m.cutoff = cutoff;
  m.n_r = n_r;
  m.n_rho = n_rho;
  m.d_r = cutoff / (n_r - 1);
  m.d_rho = 40.0 / (n_rho - 1);
  m.rho_max = 40;
  for (int a = 0; a < n_species; ++a) {
    m.elements.emplace_back(names[a]);
    m.masses.push_back(55.845);
    for (int k = 0; k < n_rho; ++k) {
      const double rho = k * m.d_rho;
      m.embedding.push_back(-(1 + 0.2 * a) * std::sqrt(rho + 0.3) + 0.01 * (a + 1) * rho);
    }
  }
  const auto window = [&](double r) { return r < cutoff ? std::pow(1 - r / cutoff, 4) : 0.0; };
  for (int a = 0; a < n_species; ++a)
    for (int b = 0; b < n_species; ++b)
      for (int k = 0; k < n_r; ++k) {
        const double r = k * m.d_r;
        m.density.push_back(window(r) * (3 + a + (kind == EamKind::fs ? 0.7 * b + 0.2 * a * b : 0)) *
                            (1 + 0.3 * std::cos(r + a)));
      }
  for (int a = 0; a < n_species; ++a)
    for (int b = 0; b <= a; ++b)
      for (int k = 0; k < n_r; ++k) {
        const double r = k * m.d_r;
        m.pair.push_back(r * window(r) * (4 + 0.5 * a * b + 0.3 * (a + b)) * std::cos(1.3 * r + 0.2 * a));
      }
  return m;
}

struct PotentialRun {
  Exec exec;
  std::vector<Slab> slabs{Slab{}};
  double skin = 0;  // by which the list is longer than the cutoff, A
};

// Energies, forces and virials, the sum of those of all slabs. Type t of every frame is the potential's
// species of_type[t]; empty: species t.
inline Evaluation evaluate(const Potential& potential, const std::vector<const Frame*>& frames,
                           const PotentialRun& run = {}, const std::vector<int32_t>& of_type = {}) {
  Evaluation sum;
  for (const Slab& slab : run.slabs) {
    Evaluation part = evaluate_potential(potential, frames, run.exec, {true, true, true, false, false, false},
                                         of_type, potential.cutoff() + run.skin, slab);
    if (sum.energy.empty()) {
      sum = std::move(part);
      continue;
    }
    for (size_t i = 0; i < sum.energy.size(); ++i) {
      sum.energy[i] += part.energy[i];
      sum.force[i] += part.force[i];
      for (size_t k = 0; k < 6; ++k) sum.virial[i][k] += part.virial[i][k];
    }
  }
  return sum;
}

inline Evaluation evaluate(const Potential& potential, const Frame& frame, const PotentialRun& run = {},
                           const std::vector<int32_t>& of_type = {}) {
  return evaluate(potential, std::vector<const Frame*>{&frame}, run, of_type);
}

// Largest difference of two results, each relative to the largest value of its kind in a (1 at least).
template <class A, class B>
double largest_difference(const A& a, const B& b) {
  double e = 0, e_max = 1, f = 0, f_max = 1, w = 0, w_max = 1;
  for (size_t i = 0; i < a.energy.size(); ++i) {
    e = std::max(e, std::fabs(a.energy[i] - b.energy[i]));
    e_max = std::max(e_max, std::fabs(a.energy[i]));
    for (int k = 0; k < 3; ++k) {
      f = std::max(f, std::fabs(a.force[i][k] - b.force[i][k]));
      f_max = std::max(f_max, std::fabs(a.force[i][k]));
    }
    for (size_t k = 0; k < 6; ++k) {
      w = std::max(w, std::fabs(a.virial[i][k] - b.virial[i][k]));
      w_max = std::max(w_max, std::fabs(a.virial[i][k]));
    }
    if (std::isnan(a.energy[i] - b.energy[i])) return std::nan("");
  }
  return std::max({e / e_max, f / f_max, w / w_max});
}

}  // namespace grainfield::test
