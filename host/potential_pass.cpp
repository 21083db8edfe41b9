#include "host/potential_pass.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "host/error.hpp"
#include "host/match_species.hpp"
#include "kernels/core/parallel.hpp"

namespace grainfield {
namespace {

// An array of the batch on the host.
class OnHost {
 public:
  OnHost(const Exec& exec, const double* values, int64_t n) : values_(values) {
    if (!values || !exec.on_gpu()) return;
    copy_.resize(static_cast<size_t>(n));
    copy_to_host(exec, copy_.data(), values, copy_.size() * sizeof(double));
    values_ = copy_.data();
  }
  const double* data() const { return values_; }

 private:
  const double* values_;
  std::vector<double> copy_;
};

}  // namespace

std::shared_ptr<PotentialPass> PotentialPass::of(FrameContext& context) {
  if (!context.potential_pass)
    context.potential_pass = std::shared_ptr<PotentialPass>(new PotentialPass(context));
  return context.potential_pass;
}

PotentialPass::PotentialPass(const FrameContext& context)
    : potential_(context.run.potential), exec_(context.run.exec) {
  if (!potential_) throw UsageError("energies, forces and grades need a potential: name it with --potential");
  species_of_type_ = match_species(context.frame, *potential_, "potential " + potential_->name());
}

Needs PotentialPass::needs() {
  Needs needs;
  needs.cutoff = potential_->cutoff();
  if (counted_) return needs;
  counted_ = true;
  const int64_t per_atom = (demand.energy ? 8 : 0) + (demand.grade ? 8 : 0),
                per_any = (demand.force ? 24 : 0) + (demand.virial ? 48 : 0);
  needs.bytes_per_atom = potential_->bytes_per_atom(demand) + per_atom + per_any;
  needs.bytes_per_ghost = potential_->bytes_per_ghost(demand) + per_any;
  needs.bytes = potential_->bytes(demand, exec_);
  return needs;
}

void PotentialPass::compute(FrameContext& context, const SlabContext& slab) {
  if (done_ == slab.index) return;
  done_ = slab.index;
  const Batch& batch = slab.batch;
  const int64_t n_local = batch.n_local(), n_total = batch.n_total();
  PotentialOutput output;
  if (demand.energy) output.energy = slab.scratch.take<double>(n_local, "energies").data;
  if (demand.force) output.force = slab.scratch.take<double>(3 * n_total, "forces").data;
  if (demand.virial) output.virial = slab.scratch.take<double>(6 * n_total, "virials").data;
  if (demand.grade) output.grade = slab.scratch.take<double>(n_local, "grades").data;
  std::vector<double> sums;
  if (demand.gradient_sum) {
    sums.resize(static_cast<size_t>(potential_->n_coefficients()));
    output.gradient_sum = sums.data();
  }
  const StageClock::Scope timed(context.clock, "potential");
  const Condition close = potential_->evaluate(batch, *slab.list, species_of_type_, output, slab.scratch);

  const Exec& exec = batch.exec();
  const Span<const int64_t> on_processor = batch.source();
  std::vector<int64_t> source(static_cast<size_t>(n_total));
  copy_to_host(exec, source.data(), on_processor.data, source.size() * sizeof(int64_t));
  if (close.count > 0) {
    too_close.count += close.count;
    too_close.first =
        std::min<unsigned long long>(too_close.first, static_cast<unsigned long long>(source[close.first]));
  }
  if (energy) scatter(batch, output.energy, 1, *energy);
  if (grade) scatter(batch, output.grade, 1, *grade);
  // Local atoms have each its own place; ghosts of other slabs may share one, and are few.
  const auto add = [&](const double* values, size_t components, std::vector<double>& frame_values) {
    const auto one = [&](int64_t k) {
      const double* from = values + static_cast<size_t>(k) * components;
      double* to = frame_values.data() + static_cast<size_t>(source[static_cast<size_t>(k)]) * components;
      for (size_t c = 0; c < components; ++c) to[c] += from[c];
    };
    parallel_for(exec.threads, n_local, one, 8192);
    if (slab.n_slabs > 1)
      for (int64_t k = n_local; k < n_total; ++k) one(k);
  };
  const OnHost forces(exec, output.force, 3 * n_total), virials(exec, output.virial, 6 * n_total);
  if (force) add(forces.data(), 3, *force);
  if (virial) add(virials.data(), 6, *virial);
  if (demand.virial)
    for (int64_t k = 0; k < n_total; ++k)
      for (int c = 0; c < 6; ++c) total_virial[c] += virials.data()[6 * k + c];
  if (demand.gradient_sum) {
    gradient_sum.resize(sums.size());
    for (size_t l = 0; l < sums.size(); ++l) gradient_sum[l] += sums[l];
  }
}

void PotentialPass::note(FrameContext& context) {
  if (noted_ || too_close.count == 0) return;
  noted_ = true;
  context.note(fmt::format(
      "potential: {} pairs are closer than {} A, the least distance of {} (first: atom {}); its values "
      "mean nothing there",
      (too_close.count + 1) / 2, potential_->min_distance(), potential_->name(),
      context.frame.id_of(static_cast<int64_t>(too_close.first))));
}

}  // namespace grainfield
