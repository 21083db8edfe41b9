#include "kernels/structure/coordination.hpp"

#include <fmt/format.h>

#include <cmath>
#include <map>

#include "host/coincidence.hpp"
#include "host/coordination_cutoffs.hpp"
#include "host/error.hpp"
#include "kernels/core/launch.hpp"

namespace grainfield {
namespace {

const AnalysisInfo& info() {
  static const AnalysisInfo value{
      "coordination",
      "Coordination numbers Z1 = #{0 < d <= r1} and Z2 = #{r1 < d <= r2} of every atom (Darvishi Kamachali "
      "and "
      "Wallis). The cutoffs are those given, else midway between the shells of the bulk lattice, else the "
      "first two minima of the snapshot's g(r).",
      {{"cutoffs", ParameterKind::reals, "", "A",
        "r1,r2; default: from --structure and --lattice, else from the snapshot's g(r)", 1e-3, 1e3}},
      {{"coordination", "", "[atom][2]", "Z1 and Z2: neighbors in the first and the second shell"}},
      {{"coordination_cutoffs", "A", "[2]", "r1 and r2"},
       {"bulk_coordination", "", "[2]",
        "Z1 and Z2 of the bulk: of the lattice, or the most frequent pair of the snapshot"},
       {"mean_coordination", "", "[2]", "mean Z1 and Z2 of all atoms"}}};
  return value;
}

class CoordinationAnalysis final : public Analysis {
 public:
  CoordinationAnalysis(const Parameters& parameters, const RunContext& run) {
    if (parameters.is_set("cutoffs")) {
      const std::vector<double> r = parameters.reals("cutoffs");
      if (r.size() != 2 || !(r[0] < r[1]))
        throw UsageError(
            fmt::format("--set coordination.cutoffs={}: expected two lengths r1,r2 in A with r1 < r2",
                        parameters.text("cutoffs")));
      given_ = {r[0], r[1]};
    } else if (run.lattice) {
      const CoordinationReference bulk = coordination_reference(*run.lattice);
      given_ = {bulk.r1, bulk.r2};
    }
  }

  void begin(FrameContext& context) override {
    params_ = given_;
    if (given_.r2 == 0) {
      const CoordinationCutoffs found = find_coordination_cutoffs(context);
      params_ = {found.r1, found.r2};
      context.note(fmt::format("coordination: cutoffs {:.4f} and {:.4f} A, the first minima of g(r)",
                               found.r1, found.r2));
    }
    context.add_observable(info().observables[0], {2}).real = {params_.r1, params_.r2};
    values_ = &context.add_field(info().fields[0], 2, true, {"Z1", "Z2"});
    n_near_ = 0;
    coincidences_ = {};
  }

  Needs needs() const override {
    Needs needs;
    needs.cutoff = params_.list_cutoff();
    needs.bytes_per_atom = 2 * sizeof(int32_t);
    return needs;
  }

  void compute(FrameContext& context, const SlabContext& slab) override {
    const Exec& exec = slab.batch.exec();
    const Span<int32_t> z =
        slab.scratch.take<int32_t>(2 * static_cast<int64_t>(slab.batch.n_local()), "coordination numbers");
    Buffer<Condition> near_cutoff(exec);
    const Condition none;
    near_cutoff.upload(&none, 1);
    for_each<8>(
        exec, slab.batch.n_local(),
        CoordinationKernel{slab.batch.view(), slab.list->view(), params_, z.data, near_cutoff.data()});
    scatter(slab.batch, z.data, 2, values_->integer);
    n_near_ += near_cutoff.element(0).count;
    coincidences_.add(context.frame, slab);
  }

  void finish(FrameContext& context) override {
    const std::vector<int32_t>& z = values_->integer;
    std::map<std::pair<int32_t, int32_t>, int64_t> frequency;
    double sum[2] = {0, 0};
    for (size_t i = 0; i < z.size(); i += 2) {
      ++frequency[{z[i], z[i + 1]}];
      for (size_t c = 0; c < 2; ++c) sum[c] += z[i + c];
    }
    std::pair<int64_t, int64_t> bulk{-1, -1};
    if (context.run.lattice) {
      bulk = {0, 0};
      for (const Shell& shell : context.run.lattice->shells(24)) {
        if (shell.radius <= params_.r1) bulk.first += shell.count;
        if (shell.radius > params_.r1 && shell.radius <= params_.r2) bulk.second += shell.count;
      }
    } else {
      int64_t most = 0;
      for (const auto& [pair, count] : frequency)
        if (count > most) most = count, bulk = pair;
    }
    context.add_observable(info().observables[1], {2}, true).integer = {bulk.first, bulk.second};
    const auto n = static_cast<double>(context.frame.n_atoms());
    context.add_observable(info().observables[2], {2}).real = {sum[0] / n, sum[1] / n};  // NaN without atoms
    if (n_near_ > 0)
      context.note(
          fmt::format("coordination: {} atoms have a neighbor within {:g} A of a cutoff; their numbers "
                      "depend on rounding",
                      n_near_, CoordinationParams::near));
    coincidences_.note(context);
  }

 private:
  CoordinationParams given_;   // r2 = 0: to be found in every frame
  CoordinationParams params_;  // of this frame
  Field* values_ = nullptr;
  unsigned long long n_near_ = 0;
  CoincidenceReport coincidences_;
};

}  // namespace

AnalysisEntry coordination_entry() {
  return {info(), [](const Parameters& parameters, const RunContext& run) -> std::unique_ptr<Analysis> {
            return std::make_unique<CoordinationAnalysis>(parameters, run);
          }};
}

}  // namespace grainfield
