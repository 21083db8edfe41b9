// Embedded-atom potentials made of formulas, and their evaluation on frames, for tests.
#pragma once

#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "host/batch.hpp"
#include "host/eam_model.hpp"
#include "host/potential.hpp"

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

// Results in the order of the input.
struct PotentialResult {
  std::vector<double> energy;                 // [n]
  std::vector<Vec3> force;                    // [n]
  std::vector<std::array<double, 6>> virial;  // [n]

  double total() const {
    double sum = 0;
    for (const double e : energy) sum += e;
    return sum;
  }
  std::array<double, 6> total_virial() const {
    std::array<double, 6> sum{};
    for (const auto& w : virial)
      for (size_t k = 0; k < 6; ++k) sum[k] += w[k];
    return sum;
  }
};

struct PotentialRun {
  Exec exec;
  std::vector<Slab> slabs{Slab{}};
  double skin = 0;  // by which the list is longer than the cutoff, A
};

// Type t of every frame is the potential's species of_type[t]; empty: species t.
inline PotentialResult evaluate(const Potential& potential, const std::vector<const Frame*>& frames,
                                const PotentialRun& run = {}, std::vector<int32_t> of_type = {}) {
  if (of_type.empty())
    for (size_t t = 0; t < potential.elements().size(); ++t) of_type.push_back(static_cast<int32_t>(t));
  PotentialResult result;
  size_t n = 0;
  for (const Frame* f : frames) n += f->position.size();
  result.energy.assign(n, 0);
  result.force.assign(n, {});
  result.virial.assign(n, {});
  const double reach = potential.cutoff() + run.skin;
  for (const Slab& slab : run.slabs) {
    Batch batch(run.exec);
    batch.build(frames, reach, reach / cells_per_cutoff, slab);
    NeighborList list(run.exec);
    list.build(batch, reach);
    Workspace scratch(run.exec);
    const int64_t n_total = batch.n_total();
    Buffer<double> energy(run.exec, batch.n_local()), force(run.exec, 3 * n_total),
        virial(run.exec, 6 * n_total);
    PotentialOutput output;
    output.energy = energy.data();
    output.force = force.data();
    output.virial = virial.data();
    potential.evaluate(batch, list, of_type, output, scratch);
    const std::vector<double> e = energy.to_vector(), f = force.to_vector(), w = virial.to_vector();
    std::vector<int64_t> source(static_cast<size_t>(n_total));
    copy_to_host(run.exec, source.data(), batch.source().data, source.size() * sizeof(int64_t));
    for (size_t i = 0; i < source.size(); ++i) {
      const auto at = static_cast<size_t>(source[i]);
      if (i < e.size()) result.energy[at] += e[i];
      for (int k = 0; k < 3; ++k) result.force[at][k] += f[3 * i + static_cast<size_t>(k)];
      for (size_t k = 0; k < 6; ++k) result.virial[at][k] += w[6 * i + k];
    }
  }
  return result;
}

inline PotentialResult evaluate(const Potential& potential, const Frame& frame, const PotentialRun& run = {},
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
