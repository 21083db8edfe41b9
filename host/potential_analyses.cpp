#include "host/potential_analyses.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "host/error.hpp"
#include "host/potential_pass.hpp"
#include "host/primitives.hpp"

namespace grainfield {
namespace {

constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();

// What the five have in common.
class PotentialAnalysis : public Analysis {
 public:
  PotentialAnalysis(const AnalysisInfo& info, const RunContext& run) : info_(info) {
    if (!run.potential) throw UsageError(info.name + " needs a potential: name it with --potential");
  }
  void begin(FrameContext& context) final {
    pass_ = PotentialPass::of(context);
    demand(context);
  }
  Needs needs() const final { return pass_->needs(); }
  void compute(FrameContext& context, const SlabContext& slab) final { pass_->compute(context, slab); }
  void finish(FrameContext& context) final {
    pass_->note(context);
    conclude(context);
    pass_.reset();
  }

 protected:
  virtual void demand(FrameContext& context) = 0;
  virtual void conclude(FrameContext& context) = 0;
  const AnalysisInfo& info_;
  std::shared_ptr<PotentialPass> pass_;
};

const AnalysisInfo& energy_info() {
  static const AnalysisInfo value{
      "energy",
      "Site energies V_i of the potential (--potential), whose sum is the potential energy E; eV. For pair "
      "terms of "
      "EAM half of each pair belongs to either atom, as in LAMMPS' compute pe/atom.",
      {},
      {{"energy", "eV", "[atom]", "site energy V_i"}},
      {{"potential_energy", "eV", "", "E = sum of the site energies"},
       {"mean_energy", "eV", "", "E per atom"},
       {"pairs_below_min_distance", "", "",
        "pairs closer than the least distance of the potential (MTP: min_dist)"}}};
  return value;
}

class EnergyAnalysis final : public PotentialAnalysis {
  using PotentialAnalysis::PotentialAnalysis;
  void demand(FrameContext& context) override {
    values_ = &context.add_field(info_.fields[0], 1, false);
    pass_->demand.energy = true;
    pass_->energy = &values_->real;
  }
  void conclude(FrameContext& context) override {
    const auto n = static_cast<int64_t>(values_->real.size());
    const double sum = reduce_sum(Exec{}, values_->real.data(), n);
    context.add_observable(info_.observables[0]).real = {sum};
    context.add_observable(info_.observables[1]).real = {n > 0 ? sum / static_cast<double>(n) : nan_value};
    context.add_observable(info_.observables[2], {}, true).integer = {
        static_cast<int64_t>((pass_->too_close.count + 1) / 2)};
  }
  Field* values_ = nullptr;
};

const AnalysisInfo& force_info() {
  static const AnalysisInfo value{"force",
                                  "Forces of the potential (--potential), F_i = -dE/dr_i; eV/A.",
                                  {},
                                  {{"force", "eV/A", "[atom][3]", "F_i = -dE/dr_i"}},
                                  {{"max_force", "eV/A", "", "largest |F_i|"},
                                   {"net_force", "eV/A", "[3]", "sum of the forces: 0 up to rounding"}}};
  return value;
}

class ForceAnalysis final : public PotentialAnalysis {
  using PotentialAnalysis::PotentialAnalysis;
  void demand(FrameContext& context) override {
    values_ = &context.add_field(info_.fields[0], 3, false, {"x", "y", "z"});
    pass_->demand.force = true;
    pass_->force = &values_->real;
  }
  void conclude(FrameContext& context) override {
    double largest = 0, sum[3] = {0, 0, 0};
    const std::vector<double>& f = values_->real;
    for (size_t i = 0; i < f.size(); i += 3) {
      largest = std::max(largest, f[i] * f[i] + f[i + 1] * f[i + 1] + f[i + 2] * f[i + 2]);
      for (size_t c = 0; c < 3; ++c) sum[c] += f[i + c];
    }
    context.add_observable(info_.observables[0]).real = {std::sqrt(largest)};
    context.add_observable(info_.observables[1], {3}).real = {sum[0], sum[1], sum[2]};
  }
  Field* values_ = nullptr;
};

const AnalysisInfo& virial_info() {
  static const AnalysisInfo value{
      "virial",
      "Per-atom virials W_i of the potential (--potential); eV, positive under compression. Their sum is W = "
      "-dE/d(strain). "
      "MTP: W_i = -1/2 sum_j (D_ij r_ij + r_ij D_ij), D_ij = dV_i/dr_ij: all of a site's energy counts for "
      "its center. EAM: "
      "half of each pair for either atom, as in LAMMPS' compute stress/atom (which gives -W_i, in bar A^3).",
      {},
      {{"virial", "eV", "[atom][6]", "W_i: xx yy zz xy xz yz"}},
      {{"total_virial", "eV", "[6]", "W = -dE/d(strain): xx yy zz xy xz yz"}}};
  return value;
}

class VirialAnalysis final : public PotentialAnalysis {
  using PotentialAnalysis::PotentialAnalysis;
  void demand(FrameContext& context) override {
    values_ = &context.add_field(info_.fields[0], 6, false, {"xx", "yy", "zz", "xy", "xz", "yz"});
    pass_->demand.virial = true;
    pass_->virial = &values_->real;
  }
  void conclude(FrameContext& context) override {
    context.add_observable(info_.observables[0], {6})
        .real.assign(pass_->total_virial, pass_->total_virial + 6);
  }
  Field* values_ = nullptr;
};

const AnalysisInfo& stress_info() {
  static const AnalysisInfo value{
      "stress",
      "Cauchy stress of the potential (--potential) without the kinetic part: -W/V = (1/V) dE/d(strain), "
      "tension positive; "
      "GPa. NaN where the cell is not periodic in all directions, for it has no volume then.",
      {},
      {},
      {{"stress", "GPa", "[6]", "-W/V, tension positive: xx yy zz xy xz yz"},
       {"pressure", "GPa", "", "minus a third of the trace of the stress"}}};
  return value;
}

class StressAnalysis final : public PotentialAnalysis {
  using PotentialAnalysis::PotentialAnalysis;
  void demand(FrameContext&) override { pass_->demand.virial = true; }
  void conclude(FrameContext& context) override {
    const Box& box = context.frame.box;
    const bool bulk = box.periodic[0] && box.periodic[1] && box.periodic[2];
    const double scale = bulk ? -gpa_per_ev_per_cubic_angstrom / box.volume() : nan_value;
    const double* w = pass_->total_virial;
    Observable& stress = context.add_observable(info_.observables[0], {6});
    for (size_t c = 0; c < 6; ++c) stress.real[c] = scale * w[c];
    context.add_observable(info_.observables[1]).real = {-scale * (w[0] + w[1] + w[2]) / 3};
  }
};

const AnalysisInfo& grade_info() {
  static const AnalysisInfo value{
      "grade",
      "Extrapolation grade gamma of a moment tensor potential with an active set (.almtp): gamma = max_k |(b "
      "A^-1)_k|, b the "
      "derivatives of the site energy in all coefficients, A the active set (Podryabinkin and Shapeev, "
      "Comput. Mater. Sci. "
      "140, 171 (2017)). Up to 1: interpolation; 1 to 2: accurate, 2 to 10: reliable extrapolation; above "
      "10: dangerous. "
      "Sets of whole configurations (configuration mode) have no grade per atom.",
      {},
      {{"extrapolation_grade", "", "[atom]", "gamma_i of the atom's neighborhood (neighborhood mode only)"}},
      {{"configuration_grade", "", "",
        "the largest gamma_i; in configuration mode gamma of the whole frame"}}};
  return value;
}

class GradeAnalysis final : public PotentialAnalysis {
 public:
  GradeAnalysis(const AnalysisInfo& info, const RunContext& run) : PotentialAnalysis(info, run) {
    if (!run.potential->has_grades())
      throw UsageError("grade: potential " + run.potential->name() +
                       " has no active set; `grainfield select` makes one (an .almtp file)");
  }

 private:
  void demand(FrameContext& context) override {
    if (pass_->potential().grades_neighborhoods()) {
      values_ = &context.add_field(info_.fields[0], 1, false);
      pass_->demand.grade = true;
      pass_->grade = &values_->real;
    } else {
      pass_->demand.gradient_sum = true;
    }
  }
  void conclude(FrameContext& context) override {
    double grade = nan_value;
    if (pass_->demand.gradient_sum) {
      if (context.frame.n_atoms() > 0)
        grade = pass_->potential().configuration_grade(pass_->gradient_sum, context.frame.n_atoms());
    } else {
      for (const double g : values_->real) grade = grade >= g || std::isnan(g) ? grade : g;
    }
    context.add_observable(info_.observables[0]).real = {grade};
  }
  Field* values_ = nullptr;
};

template <class A, const AnalysisInfo& (*info)()>
AnalysisEntry entry_of() {
  return {info(), [](const Parameters&, const RunContext& run) -> std::unique_ptr<Analysis> {
            return std::make_unique<A>(info(), run);
          }};
}

}  // namespace

AnalysisEntry energy_entry() { return entry_of<EnergyAnalysis, energy_info>(); }
AnalysisEntry force_entry() { return entry_of<ForceAnalysis, force_info>(); }
AnalysisEntry virial_entry() { return entry_of<VirialAnalysis, virial_info>(); }
AnalysisEntry stress_entry() { return entry_of<StressAnalysis, stress_info>(); }
AnalysisEntry grade_entry() { return entry_of<GradeAnalysis, grade_info>(); }

}  // namespace grainfield
