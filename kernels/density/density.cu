#include "kernels/density/density.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <numeric>
#include <optional>

#include "host/elements.hpp"
#include "host/error.hpp"
#include "host/gaussian_field.hpp"
#include "host/gaussian_sweep.hpp"
#include "kernels/core/launch.hpp"

namespace grainfield {

double default_beta(const Frame& frame) {
  std::vector<int64_t> count(frame.species.size());
  for (const int32_t t : frame.type) ++count[static_cast<size_t>(t)];
  double sum = 0;
  for (size_t s = 0; s < count.size(); ++s) {
    if (count[s] == 0) continue;
    const Element* element = find_element(frame.species[s].name);
    if (!element || !std::isfinite(element->metallic_radius))
      throw UsageError(fmt::format(
          "density.beta: species '{}' has no metallic radius; give --set density.beta=<A>, or name "
          "the species with --species",
          frame.species[s].name.empty() ? std::to_string(frame.species[s].label) : frame.species[s].name));
    sum += static_cast<double>(count[s]) * element->metallic_radius;
  }
  return frame.n_atoms() == 0 ? 1.0 : 2.4 * sum / static_cast<double>(frame.n_atoms());
}

namespace {

AnalysisInfo density_info() {
  return {"density",
          "Coarse-grained atomic density at the atoms: Gaussian sum of width beta, absolute and relative to "
          "the bulk "
          "(Darvishi Kamachali and Wallis, eqs. 2-4).",
          {{"beta", ParameterKind::real, "", "A", "width of the Gaussian; default 2.4 x the metallic radius",
            1e-3, 1e3},
           {"bulk", ParameterKind::real, "", "1/A^3",
            "bulk number density; default: that of --structure and --lattice, else of the snapshot's own "
            "bulk atoms",
            1e-9, 1e3},
           {"method", ParameterKind::text, "auto", "", "auto, grid or sum: the same numbers to 1e-9"}},
          {{"number_density", "1/A^3", "[atom]", "rho_n at the atom"},
           {"relative_density", "", "[atom]", "rho_n at the atom over the bulk number density"}},
          {{"density_beta", "A", "", "width of the Gaussian"},
           {"bulk_number_density", "1/A^3", "", "bulk reference of relative_density"}}};
}

// weight[i] of every atom of the batch = 1 if its input atom is defective.
struct MarkDefects {
  const int64_t* source;
  const uint8_t* defective;  // [n_input]
  double* weight;
  template <class Team>
  GF_HD void operator()(Team, int64_t i) const {
    weight[i] = defective[source[i]];
  }
};

struct TakePositions {
  BatchView batch;
  Vec3* position;
  template <class Team>
  GF_HD void operator()(Team, int64_t i) const {
    position[i] = batch.position(i);
  }
};

class DensityAnalysis : public Analysis {
 public:
  DensityAnalysis(const Parameters& parameters, const RunContext& run) : parameters_(parameters), run_(run) {
    const std::string method = parameters.text("method");
    if (method != "auto" && method != "grid" && method != "sum")
      throw UsageError(fmt::format("--set density.method: expected auto, grid or sum, found '{}'", method));
  }

  std::vector<std::string> requirements() const override {
    return bulk_from_atoms() ? std::vector<std::string>{"coordination"} : std::vector<std::string>{};
  }

  void begin(FrameContext& context) override {
    const AnalysisInfo info = density_info();
    beta_ = parameters_.is_set("beta") ? parameters_.real("beta") : default_beta(context.frame);
    const std::string method = parameters_.text("method");
    method_ = method == "grid"  ? GaussianMethod::grid
              : method == "sum" ? GaussianMethod::sum
                                : GaussianField::cheaper(context.frame, beta_, context.frame.n_atoms());
    number_density_ = &context.add_field(info.fields[0], 1, false);
    relative_density_ = &context.add_field(info.fields[1], 1, false);
    context.add_observable(info.observables[0]).real[0] = beta_;
    bulk_ = &context.add_observable(info.observables[1]);
    needs_ = {};
    needs_.reach = context.frame.n_atoms() > 0 ? GaussianField::reach(beta_, method_) : 0;
    needs_.bytes_per_atom = 8;
    if (method_ == GaussianMethod::grid && context.frame.n_atoms() > 0) {
      const int copies = run_.exec.on_gpu() || run_.exec.plain ? 2 : 1;
      const double nodes = GaussianField::nodes_per_atom(context.frame, beta_);
      needs_.bytes_per_ghost = static_cast<int64_t>(8 * copies * nodes) + 16;
      needs_.bytes_per_atom += needs_.bytes_per_ghost;
    }
  }

  // Passes over the frame are made here: needs() asks for none, because they may be sweeps.
  void finish(FrameContext& context) override {
    if (context.frame.n_atoms() > 0) sum_at_atoms(context, nullptr, number_density_->real);
    double bulk = std::numeric_limits<double>::quiet_NaN();
    if (parameters_.is_set("bulk"))
      bulk = parameters_.real("bulk");
    else if (context.run.lattice)
      bulk = context.run.lattice->number_density();
    else if (context.frame.n_atoms() > 0)
      bulk = mean_of_bulk_atoms(context);
    bulk_->real[0] = bulk;
    parallel_for(
        run_.exec.threads, context.frame.n_atoms(),
        [&](int64_t i) {
          const auto k = static_cast<size_t>(i);
          relative_density_->real[k] = number_density_->real[k] / bulk;
        },
        1 << 15);
  }

 private:
  bool bulk_from_atoms() const { return !parameters_.is_set("bulk") && !run_.lattice; }

  // The Gaussian sums at all atoms, over the atoms (by input) that `marks` has set, or all.
  void sum_at_atoms(FrameContext& context, const uint8_t* marks, std::vector<double>& values) const {
    std::optional<SlabPlan> plan;
    SweepNeeds sweep;
    PointRange range;
    if (method_ == GaussianMethod::grid) {
      range = PointRange::of_atoms(context.frame, run_.exec.threads);
      sweep = GaussianSweep::needs(run_.exec, context.frame.box, beta_, range);
      sweep.bytes_per_visited = 8;
      sweep.bytes_per_waiting = sizeof(Vec3) + sizeof(int64_t) + sizeof(double);
      plan = context.plan_sweep(needs_, sweep);
    }
    if (plan)
      sum_in_sweep(context, range, sweep, *plan, marks, values);
    else
      context.for_each_slab(needs_, [&](const SlabContext& slab) { sum_in_slab(slab, marks, values); });
  }

  // Null without marks.
  const double* weights_of(const SlabContext& slab, const uint8_t* marks) const {
    if (!marks) return nullptr;
    const Span<double> weights = slab.scratch.take<double>(slab.batch.n_total(), "defect weights");
    for_each(run_.exec, slab.batch.n_total(), MarkDefects{slab.batch.source().data, marks, weights.data});
    return weights.data;
  }

  void sum_in_slab(const SlabContext& slab, const uint8_t* marks, std::vector<double>& values) const {
    const Batch& batch = slab.batch;
    if (batch.n_local() == 0) return;
    GaussianField field(run_.exec, beta_, method_);
    const auto [lo, hi] = local_bounds(batch);
    field.set_atoms(batch, weights_of(slab, marks), lo, hi);
    const Span<double> rho = slab.scratch.take<double>(batch.n_local(), "densities");
    field.evaluate(batch, nullptr, batch.n_local(), rho.data);
    scatter(batch, rho.data, 1, values);
  }

  void sum_in_sweep(FrameContext& context, const PointRange& range, const SweepNeeds& needs,
                    const SlabPlan& plan, const uint8_t* marks, std::vector<double>& values) const {
    struct Waiting {
      Slab slab;
      Buffer<Vec3> position;
      std::vector<int64_t> source;
    };
    std::deque<Waiting> waiting;
    std::shared_ptr<void> held;  // beyond the last slab
    GaussianSweep* field = nullptr;
    Buffer<double> rho(run_.exec);
    std::vector<double> host;
    const auto evaluate = [&] {
      for (; !waiting.empty() && waiting.front().slab.hi <= field->ready(); waiting.pop_front()) {
        const Waiting& w = waiting.front();
        rho.resize(w.position.size(), "densities");
        host.resize(w.source.size());
        field->evaluate(w.position.data(), w.position.size(), w.slab.lo, w.slab.hi, rho.data());
        rho.download(host.data());
        for (size_t i = 0; i < host.size(); ++i) values[static_cast<size_t>(w.source[i])] = host[i];
      }
    };
    context.sweep(plan, needs, [&](const SlabContext& slab) {
      const Batch& batch = slab.batch;
      if (!field) {
        field = &GaussianSweep::in(slab.held, run_.exec);
        field->begin(context.frame.box, beta_, range, plan);
        held = slab.held;
      }
      field->add(batch, weights_of(slab, marks), slab.slab);
      if (slab.index >= 0) {
        Waiting& w = waiting.emplace_back(
            Waiting{slab.slab, Buffer<Vec3>(run_.exec, batch.n_local(), "positions"), {}});
        for_each(run_.exec, batch.n_local(), TakePositions{batch.view(), w.position.data()}, 0, 8192);
        w.source.resize(static_cast<size_t>(batch.n_local()));
        copy_to_host(run_.exec, w.source.data(), batch.source().data, w.source.size() * sizeof(int64_t));
      }
      evaluate();
    });
    field->finish();
    evaluate();
  }

  double mean_of_bulk_atoms(FrameContext& context) const {
    const Field& coordination = *context.results.find_field("coordination");
    const Observable& modal = *context.results.find_observable("bulk_coordination");
    const auto n = static_cast<size_t>(context.frame.n_atoms());
    const std::vector<double>& rho = number_density_->real;
    std::vector<uint8_t> defective(n);
    const auto expected = [&](size_t k) {
      return modal.is_integer ? static_cast<double>(modal.integer[k]) : modal.real[k];
    };
    for (size_t i = 0; i < n; ++i)
      defective[i] =
          coordination.integer[2 * i] != expected(0) || coordination.integer[2 * i + 1] != expected(1);
    Buffer<uint8_t> marks(run_.exec);
    marks.upload(defective, "defect marks");
    std::vector<double> fraction(n);
    sum_at_atoms(context, marks.data(), fraction);
    for (size_t i = 0; i < n; ++i) fraction[i] = std::max(0.0, fraction[i] / rho[i]);
    const size_t least = std::min(n, std::max<size_t>(100, n / 100));
    std::vector<double> sorted = fraction;
    std::nth_element(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(least - 1), sorted.end());
    const double limit = std::max(1e-4, sorted[least - 1]);
    double sum = 0;
    int64_t count = 0;
    for (size_t i = 0; i < n; ++i)
      if (fraction[i] <= limit) sum += rho[i], ++count;
    context.note(fmt::format(
        "density: bulk number density {:.8g} A^-3 from {} bulk atoms that see at most {:.2g} of defective "
        "atoms; give --structure and --lattice for an exact reference",
        sum / static_cast<double>(count), count, limit));
    return sum / static_cast<double>(count);
  }

  Parameters parameters_;
  RunContext run_;
  double beta_ = 0;
  GaussianMethod method_ = GaussianMethod::grid;
  Needs needs_;
  Field* number_density_ = nullptr;
  Field* relative_density_ = nullptr;
  Observable* bulk_ = nullptr;
};

}  // namespace

AnalysisEntry density_entry() {
  return {density_info(), [](const Parameters& p, const RunContext& run) -> std::unique_ptr<Analysis> {
            return std::make_unique<DensityAnalysis>(p, run);
          }};
}

}  // namespace grainfield
