#include "kernels/structure/structure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "host/coincidence.hpp"
#include "host/error.hpp"
#include "kernels/core/launch.hpp"

namespace grainfield {
namespace {

const AnalysisInfo& info() {
  static const AnalysisInfo value{
      "structure",
      "Crystal structure around every atom by adaptive common neighbor analysis (Stukowski, Modelling Simul. "
      "Mater. Sci. Eng. 20, 045021 (2012)), and the bulk: atoms with the structure of the matrix whose 12 "
      "(fcc, "
      "hcp) or 14 (bcc: 8 + 6) nearest neighbors all have it too. The matrix is --structure, else the most "
      "frequent of fcc, hcp and bcc.",
      {},
      {{"structure_type", "", "[atom]", "0 other, 1 fcc, 2 hcp, 3 bcc, 4 icosahedral, as in OVITO"},
       {"bulk", "", "[atom]", "1 where the structure is that of the matrix and the first shell is intact"}},
      {{"structure_count", "", "[5]", "atoms of every type, in the order of structure_type"},
       {"structure_fraction", "", "[5]", "the same over the number of atoms"},
       {"matrix_type", "", "", "type of the matrix; 0 where no atom is crystalline"},
       {"bulk_fraction", "", "", "atoms of the bulk over the number of atoms"}}};
  return value;
}

// Volume per atom (A^3) where the atoms are, however much of the frame is empty. Atoms are counted in cells
// that would hold 5 of them on average; sum c^2 / sum c is what an atom finds in its cell.
double occupied_volume_per_atom(const Frame& frame) {
  const auto wrapped = [&](const Vec3& r) {
    Vec3 s = frame.box.fractional(r);
    for (int k = 0; k < 3; ++k)
      if (frame.box.periodic[k]) s[k] -= std::floor(s[k]);
    return s;
  };
  Vec3 low{1e300, 1e300, 1e300}, high = -low;
  for (const Vec3& r : frame.position) {
    const Vec3 s = wrapped(r);
    for (int k = 0; k < 3; ++k) {
      low[k] = std::min(low[k], s[k]);
      high[k] = std::max(high[k], s[k]);
    }
  }
  const auto n = static_cast<double>(frame.n_atoms());
  Vec3 extent;  // fractional; of a periodic direction without a gap to speak of, all of it
  for (int k = 0; k < 3; ++k) {
    extent[k] = std::max(high[k] - low[k], 1e-3 / frame.box.height(k));
    if (frame.box.periodic[k] && extent[k] > 0.5) extent[k] = 1, low[k] = 0;
  }
  const double volume = std::fabs(frame.box.volume()) * extent.x * extent.y * extent.z;
  const double width = std::cbrt(5 * volume / n);
  int64_t cells[3];
  for (int k = 0; k < 3; ++k)
    cells[k] = std::max<int64_t>(1, std::llround(std::min(extent[k] * frame.box.height(k) / width, n)));
  while (static_cast<double>(cells[0]) * static_cast<double>(cells[1]) * static_cast<double>(cells[2]) >
         n + 1)
    for (int64_t& c : cells) c = (c + 1) / 2;  // flat or thin: a cell is at least an atom
  std::vector<int32_t> count(static_cast<size_t>(cells[0] * cells[1] * cells[2]));
  for (const Vec3& r : frame.position) {
    const Vec3 s = wrapped(r) - low;
    int64_t cell = 0;
    for (int k = 0; k < 3; ++k) {
      const auto c = static_cast<int64_t>(s[k] / extent[k] * static_cast<double>(cells[k]));
      cell = cell * cells[k] + std::clamp<int64_t>(c, 0, cells[k] - 1);
    }
    ++count[static_cast<size_t>(cell)];
  }
  double squares = 0;
  for (const int32_t c : count) squares += static_cast<double>(c) * c;
  const double mean = n / static_cast<double>(count.size()), found = squares / n;
  return found < 2 * mean ? volume / n : volume / static_cast<double>(count.size()) / found;
}

// An atom whose neighbors belong to another slab in part.
struct Pending {
  int64_t atom;
  std::array<int64_t, cna_neighbors> neighbor;
};

class StructureAnalysis final : public Analysis {
 public:
  StructureAnalysis(const Parameters&, const RunContext& run) : exec_(run.exec) {
    if (!run.structure) return;
    given_ = *run.structure == Structure::fcc   ? structure_fcc
             : *run.structure == Structure::hcp ? structure_hcp
             : *run.structure == Structure::bcc ? structure_bcc
                                                : structure_other;
    if (given_ == structure_other)
      throw UsageError(
          fmt::format("structure: common neighbor analysis tells bcc, fcc and hcp; found --structure {}",
                      structure_name(*run.structure)));
  }

  void begin(FrameContext& context) override {
    cutoff_ = context.frame.n_atoms() == 0
                  ? 0
                  : cna_list_factor * std::cbrt(occupied_volume_per_atom(context.frame));
    types_ = &context.add_field(info().fields[0], 1, true);
    bulk_ = &context.add_field(info().fields[1], 1, true);
    pending_.clear();
    coincidences_ = {};
  }

  Needs needs() const override {
    Needs needs;
    needs.cutoff = cutoff_;
    needs.reach = cna_reach_factor * cutoff_;
    needs.bytes_per_atom = (2 + cna_neighbors) * sizeof(int32_t);
    return needs;
  }

  void compute(FrameContext& context, const SlabContext& slab) override {
    const int64_t n = slab.batch.n_local();
    const Span<int32_t> type = slab.scratch.take<int32_t>(n, "structure types"),
                        intact = slab.scratch.take<int32_t>(n, "marks of the bulk"),
                        nearest = slab.scratch.take<int32_t>(cna_neighbors * n, "nearest neighbors");
    const StructureTask task{slab.batch.view(),  slab.list->view(), slab.batch.cells(), cutoff_,
                             slab.batch.reach(), type.data,         nearest.data};
    if (exec_.on_gpu() || exec_.plain)
      for_each(exec_, n, StructureKernel{task});
    else
      structure_in_lanes(exec_, task);
    for_each(exec_, n, IntactKernel{task.batch.parent, type.data, nearest.data, intact.data});
    scatter(slab.batch, type.data, 1, types_->integer);
    scatter(slab.batch, intact.data, 1, bulk_->integer);
    if (slab.n_slabs > 1) keep_pending(slab.batch, type, intact, nearest);
    coincidences_.add(context.frame, slab);
  }

  void finish(FrameContext& context) override {
    const std::vector<int32_t>& type = types_->integer;
    std::vector<int32_t>& bulk = bulk_->integer;
    for (const Pending& p : pending_) {
      const int32_t mine = type[static_cast<size_t>(p.atom)];
      bulk[static_cast<size_t>(p.atom)] =
          std::all_of(p.neighbor.begin(), p.neighbor.begin() + cna_shell(mine),
                      [&](int64_t j) { return type[static_cast<size_t>(j)] == mine; })
              ? 1
              : 0;
    }
    std::vector<int64_t> count(n_structure_types);
    for (const int32_t t : type) ++count[static_cast<size_t>(t)];
    int32_t matrix = given_;
    if (matrix == structure_other) {
      const auto most = std::max_element(count.begin() + structure_fcc, count.begin() + structure_bcc + 1);
      matrix = *most > 0 ? static_cast<int32_t>(most - count.begin()) : structure_other;
    }
    int64_t n_bulk = 0;
    for (size_t i = 0; i < bulk.size(); ++i) {
      bulk[i] = bulk[i] == 1 && type[i] == matrix ? 1 : 0;
      n_bulk += bulk[i];
    }
    const auto n = static_cast<double>(context.frame.n_atoms());
    std::vector<double> fraction;  // NaN without atoms
    for (const int64_t c : count) fraction.push_back(static_cast<double>(c) / n);
    context.add_observable(info().observables[0], {n_structure_types}, true).integer = std::move(count);
    context.add_observable(info().observables[1], {n_structure_types}).real = std::move(fraction);
    context.add_observable(info().observables[2], {}, true).integer = {matrix};
    context.add_observable(info().observables[3]).real = {static_cast<double>(n_bulk) / n};
    coincidences_.note(context);
  }

 private:
  void keep_pending(const Batch& batch, Span<int32_t> type, Span<int32_t> intact, Span<int32_t> nearest) {
    const auto on_host = [&](const auto& span) {
      std::vector<std::remove_cv_t<std::remove_reference_t<decltype(span[0])>>> values(
          static_cast<size_t>(span.size));
      copy_to_host(exec_, values.data(), span.data, values.size() * sizeof(values[0]));
      return values;
    };
    const auto types = on_host(type), marks = on_host(intact), neighbors = on_host(nearest);
    const auto source = on_host(batch.source());
    for (size_t i = 0; i < marks.size(); ++i) {
      if (marks[i] != 2) continue;
      Pending& p = pending_.emplace_back();
      p.atom = source[i];
      for (size_t k = 0; k < static_cast<size_t>(cna_shell(types[i])); ++k)
        p.neighbor[k] = source[static_cast<size_t>(neighbors[cna_neighbors * i + k])];
    }
  }

  Exec exec_;
  int32_t given_ = structure_other;
  double cutoff_ = 0;  // A, of the list
  Field *types_ = nullptr, *bulk_ = nullptr;
  std::vector<Pending> pending_;
  CoincidenceReport coincidences_;
};

}  // namespace

AnalysisEntry structure_entry() {
  return {info(), [](const Parameters& parameters, const RunContext& run) -> std::unique_ptr<Analysis> {
            return std::make_unique<StructureAnalysis>(parameters, run);
          }};
}

}  // namespace grainfield
