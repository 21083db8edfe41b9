#include "kernels/potential/mtp.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numbers>
#include <utility>

#include "host/dense.hpp"
#include "host/error.hpp"
#include "kernels/core/launch.hpp"
#include "kernels/potential/mtp_lanes.hpp"
#include "kernels/potential/scatter_runs.hpp"

namespace grainfield {
namespace {

struct PairTargets {
  const int32_t* index;  // of the block's first pair
  uint32_t* targets;
  template <class Team>
  GF_HD void operator()(Team, int64_t k) const {
    targets[k] = static_cast<uint32_t>(index[k]);
  }
};

// sum[system][l] += rows of the atoms of one block, in their order; item l.
struct SumRows {
  BatchView batch;
  int64_t first_atom, n_rows, n;
  const double* rows;
  double* sum;
  template <class Team>
  GF_HD void operator()(Team, int64_t l) const {
    for (int64_t k = 0; k < n_rows; ++k) sum[batch.system[first_atom + k] * n + l] += rows[k * n + l];
  }
};

class MtpPotential final : public Potential {
 public:
  MtpPotential(const MtpModel& model, const Exec& exec, MtpPrecision precision)
      : model_(model),
        exec_(exec),
        precision_(precision),
        folded_(make_mtp_tables(model, false)),
        full_(make_mtp_tables(model, true)),
        inverse_(exec) {
    if (model.n_radial > max_mtp_radial || folded_.max_degree > max_mtp_degree)
      throw InputError(
          fmt::format("potential {}: {} radial functions and tensors of rank {}; at most {} and {}",
                      model.name, model.n_radial, folded_.max_degree, max_mtp_radial, max_mtp_degree));
    if (exec.on_gpu() || exec.plain || precision == MtpPrecision::mixed) {
      folded_on_processor_.emplace(folded_, exec);
      full_on_processor_.emplace(full_, exec);
    }
    if (model.active_set) inverse_.upload(model.active_set->inverse_transposed, "an active set");
  }

  std::string name() const override { return model_.name; }
  double cutoff() const override { return model_.max_distance; }
  const std::vector<std::string>& elements() const override { return model_.elements; }
  std::vector<int32_t> labels() const override { return model_.type_labels; }
  double min_distance() const override { return model_.min_distance; }
  bool has_grades() const override { return model_.active_set.has_value(); }
  bool grades_neighborhoods() const override {
    return has_grades() && model_.active_set->neighborhood_mode();
  }
  // gamma = max_k |(b A^-1)_k|, b = energy_weight * sum_i b_i / N^(weight_scaling / 2)
  double configuration_grade(const std::vector<double>& gradient_sum, int64_t n_atoms) const override {
    const MtpActiveSet& set = *model_.active_set;
    const double scale = set.energy_weight / std::pow(static_cast<double>(n_atoms), set.weight_scaling / 2.0);
    std::vector<double> b = gradient_sum, product(b.size());
    for (double& x : b) x *= scale;
    double grade = 0;
    largest_of_rows(b.data(), 1, n_coefficients(), set.inverse_transposed.data(), product.data(), &grade);
    return grade;
  }
  int64_t n_coefficients() const override { return model_.n_coefficients(); }
  int64_t bytes_per_atom(const PotentialDemand&) const override { return mtp_lanes_bytes_per_atom(exec_); }
  int64_t bytes_per_ghost(const PotentialDemand& demand) const override {
    return mtp_lanes_bytes_per_atom(exec_) + (demand.force ? 12 : 0);
  }
  int64_t bytes(const PotentialDemand& demand, const Exec& exec) const override {
    const int64_t neighbors =
        static_cast<int64_t>(4 * std::numbers::pi / 3 * std::pow(model_.max_distance, 3) * 0.15);
    if (!runs_in_blocks()) return static_cast<int64_t>(exec.threads) << 20;
    const int64_t rows =
        demand.grade || demand.gradient || demand.gradient_sum ? 16 * model_.n_coefficients() : 0;
    return block_atoms() * (40 * neighbors + rows + 16 * full_.n_stored);
  }

  Condition evaluate(const Batch& batch, const NeighborList& list,
                     const std::vector<int32_t>& species_of_type, const PotentialOutput& output,
                     Workspace& scratch) const override {
    const NeighborView neighbors = list.view();
    if (neighbors.cutoff < model_.max_distance)
      throw UsageError(fmt::format("potential {} needs neighbors to {} A; the list has {} A", model_.name,
                                   model_.max_distance, neighbors.cutoff));
    if (output.grade && !has_grades())
      throw UsageError(
          fmt::format("potential {} has no active set: it gives no extrapolation grade", model_.name));
    const BatchView view = batch.view();
    Exec exec = exec_;
    exec.stream = batch.exec().stream;
    if (output.force) fill_zero(exec, output.force, static_cast<size_t>(view.n_total) * 3 * sizeof(double));
    if (output.virial) fill_zero(exec, output.virial, static_cast<size_t>(view.n_total) * 6 * sizeof(double));
    if (output.gradient_sum) std::fill_n(output.gradient_sum, view.n_systems * n_coefficients(), 0.0);
    Buffer<int32_t> species(exec);
    species.upload(species_of_type, "species");
    Condition too_close;
    // Grades in single precision would be noise: rows of empty slots of the active set hold 1e6.
    const bool gradients = output.grade || output.gradient || output.gradient_sum;
    if (!runs_in_blocks()) {
      evaluate_mtp_in_lanes({exec, view, neighbors, gradients ? &full_ : &folded_, &model_, species.data(),
                             output, inverse_.data(), &too_close});
    } else if (precision_ == MtpPrecision::full || gradients) {
      too_close = evaluate_blocks<double>(exec, view, neighbors, species.data(), output, scratch);
    } else {
      too_close = evaluate_blocks<float>(exec, view, neighbors, species.data(), output, scratch);
    }
    if (output.force) fold_ghosts(batch, output.force, 3, scratch);
    return too_close;
  }

 private:
  bool runs_in_blocks() const { return exec_.on_gpu() || exec_.plain || precision_ == MtpPrecision::mixed; }
  int64_t block_atoms() const { return exec_.on_gpu() ? 65536 : 1024; }

  // One team per atom; the D_ij of a block of atoms are written and then gathered.
  template <class Real>
  Condition evaluate_blocks(const Exec& exec, const BatchView& view, const NeighborView& neighbors,
                            const int32_t* species, const PotentialOutput& output, Workspace& scratch) const {
    constexpr int lanes = 32;
    const bool gradients = output.grade || output.gradient || output.gradient_sum;
    const MtpTables& tables = gradients ? full_ : folded_;
    const MtpView& t = (gradients ? full_on_processor_ : folded_on_processor_)->view();
    const int64_t n = n_coefficients(), block = std::min<int64_t>(block_atoms(), view.n_local);
    const auto first_of = [&](int64_t i) {
      int64_t value = 0;
      copy_to_host(exec, &value, neighbors.first + i, sizeof value);
      return value;
    };
    const int team = exec.on_gpu() ? lanes : 1;
    size_t bytes = mtp_scratch_bytes<Real>(tables.n_stored, t.n_radial, t.n_basis, t.max_degree, team);
    Span<Real> moments;
    if (bytes > largest_scratch(exec)) {
      moments = scratch.take<Real>(block * 2 * tables.n_stored, "moments");
      bytes -= sizeof(Real) * 2 * static_cast<size_t>(tables.n_stored);
    }
    Span<double> rows, product, sums;
    if (gradients && !output.gradient) rows = scratch.take<double>(block * n, "gradients of a block");
    if (output.grade) product = scratch.take<double>(block * n, "grades of a block");
    if (output.gradient_sum) {
      sums = scratch.take<double>(view.n_systems * n, "sums of gradients");
      fill_zero(exec, sums.data, static_cast<size_t>(sums.size) * sizeof(double));
    }
    Buffer<Condition> too_close(exec);
    const Condition none;
    too_close.upload(&none, 1);
    Workspace pairs(exec);
    for (int64_t begin = 0; begin < view.n_local; begin += block) {
      const int64_t end = std::min<int64_t>(begin + block, view.n_local);
      const int64_t first_pair = first_of(begin), n_pairs = first_of(end) - first_pair;
      pairs.reset();
      double* pair_force = output.force ? pairs.take<double>(3 * n_pairs, "forces of pairs").data : nullptr;
      double* block_rows = output.gradient ? output.gradient + begin * n : rows.data;
      const MtpKernel<Real> kernel{
          view,          neighbors,  t,          species,          begin,       output.energy, output.force,
          output.virial, pair_force, block_rows, too_close.data(), moments.data};
      for_each<lanes>(exec, end - begin, kernel, bytes, 16);
      if (output.force) {
        const Span<uint32_t> targets = pairs.take<uint32_t>(n_pairs, "targets of pairs");
        for_each(exec, n_pairs, PairTargets{neighbors.index + first_pair, targets.data}, 0, 65536);
        scatter_runs(exec, n_pairs, targets.data, pair_force, -1.0, 3, output.force, pairs);
      }
      if (output.grade)
        largest_of_rows(exec, block_rows, end - begin, n, inverse_.data(), product.data,
                        output.grade + begin);
      if (output.gradient_sum)
        for_each(exec, n, SumRows{view, begin, end - begin, n, block_rows, sums.data}, 0, 64);
    }
    if (output.gradient_sum)
      copy_to_host(exec, output.gradient_sum, sums.data, static_cast<size_t>(sums.size) * sizeof(double));
    return too_close.element(0);
  }

  MtpModel model_;
  Exec exec_;
  MtpPrecision precision_;
  MtpTables folded_, full_;
  std::optional<MtpTablesOnProcessor> folded_on_processor_, full_on_processor_;
  Buffer<double> inverse_;
};

}  // namespace

MtpTablesOnProcessor::MtpTablesOnProcessor(const MtpTables& t, const Exec& exec) : exec_(exec) {
  view_.n_species = t.n_species;
  view_.n_radial = t.n_radial;
  view_.n_basis = t.n_basis;
  view_.max_degree = t.max_degree;
  view_.n_reduced = t.n_reduced;
  view_.n_basic = t.n_basic;
  view_.n_stored = t.n_stored;
  view_.n_scalars = static_cast<int32_t>(t.scalar_moment.size());
  view_.n_reduction_levels = static_cast<int32_t>(t.reduction_level.size()) - 1;
  view_.n_adjoint_levels = static_cast<int32_t>(t.adjoint_level.size()) - 1;
  view_.n_depths = static_cast<int32_t>(t.depth_first.size()) - 1;
  view_.n_folded = static_cast<int32_t>(t.folded_weight.size());
  view_.min_distance = t.min_distance;
  view_.max_distance = t.max_distance;
  view_.scaling = t.scaling;
  view_.repulsive = t.repulsive;
  view_.value = put(t.value);
  view_.slope = put(t.slope);
  view_.radial_order = put(t.radial_order);
  view_.degree = put(t.degree);
  view_.reduced_first = put(t.reduced_first);
  view_.functions_of_degree = put(t.functions_of_degree);
  view_.horner_basic = put(t.horner_basic);
  view_.basic_of_reduced = put(t.basic_of_reduced);
  view_.reductions = put(t.reductions);
  view_.reduction_level = put(t.reduction_level);
  view_.adjoints = put(t.adjoints);
  view_.adjoint_level = put(t.adjoint_level);
  view_.depth_first = put(t.depth_first);
  view_.factors = put(t.factors);
  view_.row_first = put(t.row_first);
  view_.terms = put(t.terms);
  view_.folded_first = put(t.folded_first);
  view_.folded_weight = put(t.folded_weight);
  view_.folded_terms = put(t.folded_terms);
  view_.linear = put(t.linear);
  view_.use_first = put(t.use_first);
  view_.uses = put(t.uses);
  view_.folded_use_first = put(t.folded_use_first);
  view_.folded_uses = put(t.folded_uses);
  view_.weights = put(t.weights);
  view_.species_energy = put(t.species_energy);
  view_.scalar_moment = put(t.scalar_moment);
}

std::unique_ptr<Potential> make_mtp_potential(const MtpModel& model, const Exec& exec,
                                              MtpPrecision precision) {
  return std::make_unique<MtpPotential>(model, exec, precision);
}

}  // namespace grainfield
