// Evaluates a potential on frames, as the analyses would: results in the order of the frames' atoms.
#pragma once

#include <array>
#include <vector>

#include "host/batch.hpp"
#include "host/potential.hpp"
#include "tests/support/systems.hpp"

namespace grainfield::test {

struct Evaluation {
  std::vector<double> energy;                     // [atoms] eV
  std::vector<Vec3> force;                        // [atoms] eV/A
  std::vector<std::array<double, 6>> virial;      // [atoms] eV
  std::vector<double> grade;                      // [atoms]
  std::vector<std::vector<double>> gradient;      // [atoms][coefficients]
  std::vector<std::vector<double>> gradient_sum;  // [frames][coefficients]
  Condition too_close;

  double total() const {
    double sum = 0;
    for (const double e : energy) sum += e;
    return sum;
  }
  std::array<double, 6> total_virial() const {
    std::array<double, 6> sum{};
    for (const auto& w : virial)
      for (size_t c = 0; c < 6; ++c) sum[c] += w[c];
    return sum;
  }
};

// Species of the frames' types are the types themselves unless given. `cutoff`: of the list; 0: the
// potential's. A slab: its local atoms are evaluated, and everything else stays 0; forces and virials on
// atoms of other slabs are added to them, so that results of all slabs may be summed.
inline Evaluation evaluate_potential(const Potential& potential, const std::vector<const Frame*>& frames,
                                     const Exec& exec, const PotentialDemand& demand,
                                     std::vector<int32_t> species = {}, double cutoff = 0,
                                     const Slab& slab = {}) {
  Evaluation out;
  int32_t n_types = 0;
  size_t n_atoms = 0;
  for (const Frame* f : frames) {
    n_types = std::max(n_types, static_cast<int32_t>(f->species.size()));
    n_atoms += f->position.size();
  }
  for (auto t = static_cast<int32_t>(species.size()); t < n_types; ++t) species.push_back(t);
  if (cutoff == 0) cutoff = potential.cutoff();
  Batch batch(exec);
  batch.build(frames, cutoff, cutoff, slab);
  NeighborList list(exec);
  list.build(batch, cutoff);
  const auto n_local = static_cast<size_t>(batch.n_local()), n_total = static_cast<size_t>(batch.n_total());
  const auto n = static_cast<size_t>(potential.n_coefficients());
  const auto size = [](bool wanted, size_t count) { return wanted ? static_cast<int64_t>(count) : 0; };
  Buffer<double> energy(exec, size(demand.energy, n_local)), force(exec, size(demand.force, 3 * n_total)),
      virial(exec, size(demand.virial, 6 * n_total)), grade(exec, size(demand.grade, n_local)),
      gradient(exec, size(demand.gradient, n_local * n));
  std::vector<double> sums(frames.size() * n);
  PotentialOutput output;
  if (demand.energy) output.energy = energy.data();
  if (demand.force) output.force = force.data();
  if (demand.virial) output.virial = virial.data();
  if (demand.grade) output.grade = grade.data();
  if (demand.gradient) output.gradient = gradient.data();
  if (demand.gradient_sum) output.gradient_sum = sums.data();
  Workspace scratch(exec);
  out.too_close = potential.evaluate(batch, list, species, output, scratch);
  Buffer<int64_t> source_on_processor(exec);
  std::vector<int64_t> source(n_total);
  copy_to_host(exec, source.data(), batch.source().data, n_total * sizeof(int64_t));
  const std::vector<double> e = energy.to_vector(), f = force.to_vector(), w = virial.to_vector(),
                            y = grade.to_vector(), b = gradient.to_vector();
  if (demand.energy) out.energy.assign(n_atoms, 0);
  if (demand.force) out.force.assign(n_atoms, Vec3{});
  if (demand.virial) out.virial.assign(n_atoms, {});
  if (demand.grade) out.grade.assign(n_atoms, 0);
  if (demand.gradient) out.gradient.assign(n_atoms, std::vector<double>(n));
  for (size_t k = 0; k < n_total; ++k) {
    const auto at = static_cast<size_t>(source[k]);
    if (k < n_local) {
      if (demand.energy) out.energy[at] = e[k];
      if (demand.grade) out.grade[at] = y[k];
      if (demand.gradient) out.gradient[at].assign(&b[k * n], &b[k * n] + n);
    }
    if (demand.force) out.force[at] += Vec3{f[3 * k], f[3 * k + 1], f[3 * k + 2]};
    if (demand.virial)
      for (size_t c = 0; c < 6; ++c) out.virial[at][c] += w[6 * k + c];
  }
  if (demand.gradient_sum)
    for (size_t s = 0; s < frames.size(); ++s)
      out.gradient_sum.emplace_back(sums.begin() + static_cast<int64_t>(s * n),
                                    sums.begin() + static_cast<int64_t>((s + 1) * n));
  return out;
}

inline Evaluation evaluate_potential(const Potential& potential, const Frame& frame, const Exec& exec = {},
                                     const PotentialDemand& demand = {true, true, true, false, false,
                                                                      false}) {
  return evaluate_potential(potential, std::vector<const Frame*>{&frame}, exec, demand);
}

}  // namespace grainfield::test
