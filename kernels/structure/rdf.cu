#include "kernels/structure/rdf.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>
#include <vector>

#include "host/error.hpp"
#include "kernels/core/launch.hpp"
#include "kernels/neighbors/ghosts.hpp"

namespace grainfield {
namespace {

// ---- The CPU's schedule: blocks of cells, every pair of local atoms once ----------------------------------

constexpr double block_edge = 0.5;  // of the range (bench/bench_rdf)
constexpr int lanes = 4;  // copies of a histogram in turn: adds to one bin in a row would wait for each other

// Which pairs of a local atom and a ghost are counted in a slab: all, as every image of a pair of atoms is
// met from both ends; but where the ghost is an atom of another slab at its own place, the pair is met there
// too, with the same bits of its distance. The lower of the two slabs counts it for both.
enum class GhostPairs : uint8_t { once, twice, never };

// Of every ghost, and where ghosts of another kind begin behind it.
struct GhostKinds {
  std::vector<GhostPairs> pairs;
  std::vector<int32_t> end;
};

GhostKinds ghost_kinds_of(const Frame& frame, const SlabContext& slab) {
  const BatchView batch = slab.batch.view();
  const CellGrid& grid = slab.batch.cells().grids[0];
  const int64_t* source = slab.batch.source().data;
  const int axis = slab.slab.axis;
  GhostKinds kinds{std::vector<GhostPairs>(static_cast<size_t>(batch.n_total - batch.n_local)),
                   std::vector<int32_t>(static_cast<size_t>(batch.n_total - batch.n_local))};
  parallel_for(
      slab.batch.exec().threads, static_cast<int64_t>(kinds.pairs.size()),
      [&](int64_t k) {
        const int64_t ghost = batch.n_local + k;
        const Vec3 r = frame.position[static_cast<size_t>(source[ghost])];
        const ImageRange images(grid, r);
        Vec3 fraction;
        const Vec3 own = images.own_place(grid.box, &fraction), here = batch.position(ghost);
        if (own.x != here.x || own.y != here.y || own.z != here.z) return;
        kinds.pairs[static_cast<size_t>(k)] = fraction[axis] >= grid.hi[axis]  ? GhostPairs::twice
                                              : fraction[axis] < grid.lo[axis] ? GhostPairs::never
                                                                               : GhostPairs::once;
      },
      8192);
  for (size_t k = kinds.pairs.size(); k-- > 0;)
    kinds.end[k] = k + 1 < kinds.pairs.size() && kinds.pairs[k] == kinds.pairs[k + 1]
                       ? kinds.end[k + 1]
                       : static_cast<int32_t>(k + 1);
  return kinds;
}

// What a worker gathers and counts. Candidates: local atoms, sorted by their index, then ghosts.
struct RdfWorker {
  struct Run {  // atoms begin, begin + 1, ... from candidate `at` on
    int32_t begin;
    int64_t at;
  };
  std::vector<double> x, y, z;
  std::vector<int32_t> type, bin;
  std::vector<Run> runs;                                 // of the local atoms, ascending
  int64_t n_twice = 0, n = 0;                            // ends of the pairs that count twice, of all
  std::vector<std::pair<int32_t, int32_t>> ghosts_once;  // runs of them that wait for those that count twice
  std::vector<uint64_t> twice, once;  // [lanes][n_pairs][n_bins + 1]; the last bin: out of range
};

GF_SIMD_CLONES void find_bins(const double* x, const double* y, const double* z, int64_t begin, int64_t end,
                              Vec3 r, double inverse_width, int32_t n_bins, int32_t* bin) {
  for (int64_t j = begin; j < end; ++j) {
    const double dx = x[j] - r.x, dy = y[j] - r.y, dz = z[j] - r.z;
    const double k = std::sqrt(dx * dx + dy * dy + dz * dz) * inverse_width;
    bin[j] = static_cast<int32_t>(k < n_bins ? k : n_bins);
  }
}

// Adds the bins of candidates begin ... end - 1 to the histograms of their pairs with an atom of species a.
void add_bins(const RdfWorker& worker, const RdfParams& params, int32_t a, int64_t begin, int64_t end,
              std::vector<uint64_t>& histogram) {
  const int64_t row = params.n_bins + 1, copy = row * params.n_pairs();
  uint64_t* h = histogram.data();
  const int32_t* bin = worker.bin.data();
  int64_t j = begin;
  if (params.n_types == 1) {
    for (; j + lanes <= end; j += lanes)
      for (int l = 0; l < lanes; ++l) ++h[l * copy + bin[j + l]];
    for (; j < end; ++j) ++h[bin[j]];
  } else {
    for (; j < end; ++j)
      ++h[(j % lanes) * copy + params.pair(a, worker.type[static_cast<size_t>(j)]) * row + bin[j]];
  }
}

// Null: every ghost counts once.
void count_pairs_in_blocks(const Exec& exec, const BatchView& batch, const CellView& cells,
                           const RdfParams& params, const GhostKinds* kinds, std::vector<int64_t>& counts) {
  const int64_t row = params.n_bins + 1;
  const double inverse_width = 1 / params.width();
  const double radius = params.range * (1 + 1e-9) + 1e-9;  // rounding must not cost a pair at the edge
  std::vector<RdfWorker> workers(static_cast<size_t>(std::max(1, exec.threads)));
  for (RdfWorker& w : workers) {
    w.twice.resize(static_cast<size_t>(lanes * params.n_pairs() * row));
    w.once.resize(w.twice.size());
  }
  for (int32_t system = 0; system < batch.n_systems; ++system) {
    const CellGrid& grid = cells.grids[system];
    int32_t edge[3], n_blocks[3], reach[3];  // of a block in cells; blocks; cells that the range spans
    double width[3];
    for (int k = 0; k < 3; ++k) {
      width[k] = grid.box.height(k) / grid.inverse_width[k];
      edge[k] =
          std::clamp(static_cast<int32_t>(std::lround(std::min(1e6, block_edge * params.range / width[k]))),
                     1, grid.n[k]);
      n_blocks[k] = (grid.n[k] + edge[k] - 1) / edge[k];
      reach[k] = static_cast<int32_t>(std::ceil(std::min(1e9, radius / width[k])));
    }
    // Cells along a that may hold atoms within the radius of a block, beyond its ends, in a row that is `gap`
    // cells along b and c from it; -1: none.
    const int32_t gaps[2] = {std::min(reach[1], grid.total(1)), std::min(reach[2], grid.total(2))};
    std::vector<int32_t> reach_a;
    for (int32_t gap_c = 0; gap_c < gaps[1] + 1; ++gap_c)
      for (int32_t gap_b = 0; gap_b < gaps[0] + 1; ++gap_b) {
        const double b = gap_b * width[1], c = gap_c * width[2];
        // Only in an orthogonal cell do the gaps along the directions add up.
        const double left_sq = radius * radius - (grid.orthogonal ? b * b + c * c : 0.0);
        const double cells = std::ceil(std::sqrt(std::max(0.0, left_sq)) / width[0]);
        reach_a.push_back(left_sq < 0 ? -1 : static_cast<int32_t>(std::min<double>(reach[0], cells)));
      }
    // Layers of cells along c with ghosts that count.
    std::vector<bool> any_ghosts(static_cast<size_t>(grid.total(2)));
    for (int32_t c = 0; c < grid.total(2); ++c) {
      const int64_t first = grid.index(0, 0, c),
                    cells_of_layer = static_cast<int64_t>(grid.total(0)) * grid.total(1);
      const int32_t begin = cells.ghost_first[first], end = cells.ghost_first[first + cells_of_layer];
      const bool none_counts = kinds && begin < end &&
                               kinds->pairs[static_cast<size_t>(begin)] == GhostPairs::never &&
                               kinds->end[static_cast<size_t>(begin)] >= end;
      any_ghosts[static_cast<size_t>(c)] = begin < end && !none_counts;
    }
    const int64_t blocks = static_cast<int64_t>(n_blocks[0]) * n_blocks[1] * n_blocks[2];
    parallel_chunks(exec.threads, blocks, 8, [&](int64_t begin_block, int64_t end_block, int which) {
      RdfWorker& w = workers[static_cast<size_t>(which)];
      for (int64_t block = begin_block; block < end_block; ++block) {
        const int64_t at[3] = {block % n_blocks[0], block / n_blocks[0] % n_blocks[1],
                               block / n_blocks[0] / n_blocks[1]};
        int32_t first[3], last[3];  // cells of the block
        for (int k = 0; k < 3; ++k) {
          first[k] = grid.halo[k] + static_cast<int32_t>(at[k]) * edge[k];
          last[k] = std::min(first[k] + edge[k], grid.halo[k] + grid.n[k]) - 1;
        }
        // Calls visit(begin, end) for the atoms in rows of cells within the radius of the block, ascending.
        // Local atoms lie in the inner cells, ghosts in the halo; what lies at a face may by rounding be one
        // cell off.
        const auto inner = [&](int k, int32_t from, int32_t to) {
          return from > grid.halo[k] && to < grid.halo[k] + grid.n[k] - 1;
        };
        auto for_each_run = [&](const int32_t* starts, auto&& visit) {
          const bool of_ghosts = starts == cells.ghost_first;
          int32_t low[3], high[3];
          for (int k = 0; k < 3; ++k) {
            low[k] = std::max(of_ghosts ? 0 : grid.halo[k], first[k] - reach[k]);
            high[k] = std::min({grid.total(k) - 1, last[k] + reach[k],
                                of_ghosts ? grid.total(k) : grid.halo[k] + grid.n[k]});
          }
          if (!of_ghosts) low[2] = first[2];  // rows before the block's first hold lower atoms only
          const bool inner_along_a = inner(0, low[0], high[0]);
          for (int32_t c = low[2]; c <= high[2]; ++c) {
            if (of_ghosts && !any_ghosts[static_cast<size_t>(c)]) continue;
            const bool skips_inner = of_ghosts && inner_along_a && inner(2, c, c);
            for (int32_t b = of_ghosts || c > first[2] ? low[1] : first[1]; b <= high[1]; ++b) {
              if (skips_inner && inner(1, b, b)) {
                b = grid.halo[1] + grid.n[1] - 2;  // the last one
                continue;
              }
              const int32_t gap_b = std::max({0, first[1] - b - 1, b - last[1] - 1});
              const int32_t gap_c = std::max({0, first[2] - c - 1, c - last[2] - 1});
              const int32_t beyond = reach_a[static_cast<size_t>(gap_c * (gaps[0] + 1) + gap_b)];
              if (beyond < 0) continue;
              const int32_t from_a = std::max(low[0], first[0] - beyond);
              const int32_t to_a = std::min(high[0], last[0] + beyond);
              if (of_ghosts && inner(0, from_a, to_a) && inner(1, b, b) && inner(2, c, c)) continue;
              const int64_t cell = grid.index(0, b, c);
              const int32_t from = starts[cell + from_a], to = starts[cell + to_a + 1];
              if (from < to) visit(from, to);
            }
          }
        };
        auto for_each_row = [&](auto&& visit) {
          for (int32_t c = first[2]; c <= last[2]; ++c)
            for (int32_t b = first[1]; b <= last[1]; ++b) {
              const int64_t cell = grid.index(0, b, c);
              visit(cells.own_first[cell + first[0]], cells.own_first[cell + last[0] + 1]);
            }
        };
        int32_t lowest = batch.n_local;  // atom of the block
        for_each_row([&](int32_t begin, int32_t end) {
          if (begin < end) lowest = std::min(lowest, begin);
        });
        if (lowest == batch.n_local) continue;
        w.n = 0;
        auto gather = [&](int32_t begin, int32_t end) {
          const auto size = static_cast<size_t>(w.n + end - begin);
          if (w.x.size() < size) {
            for (auto* v : {&w.x, &w.y, &w.z}) v->resize(2 * size);
            for (auto* v : {&w.type, &w.bin}) v->resize(2 * size);
          }
          std::copy(batch.x + begin, batch.x + end, w.x.data() + w.n);
          std::copy(batch.y + begin, batch.y + end, w.y.data() + w.n);
          std::copy(batch.z + begin, batch.z + end, w.z.data() + w.n);
          if (params.n_types > 1) std::copy(batch.type + begin, batch.type + end, w.type.data() + w.n);
          w.n += end - begin;
        };
        w.runs.clear();
        for_each_run(cells.own_first, [&](int32_t begin, int32_t end) {
          if (end <= lowest) return;
          w.runs.push_back({std::max(begin, lowest), w.n});
          gather(std::max(begin, lowest), end);
        });
        bool meets_ghosts = false;
        for (int k = 0; k < 3; ++k)
          meets_ghosts = meets_ghosts || first[k] - reach[k] < grid.halo[k] ||
                         last[k] + reach[k] >= grid.halo[k] + grid.n[k];
        w.ghosts_once.clear();
        if (meets_ghosts)
          for_each_run(cells.ghost_first, [&](int32_t begin, int32_t end) {
            if (!kinds) {
              w.ghosts_once.emplace_back(begin, end);
              return;
            }
            for (int32_t from = begin, to; from < end; from = to) {
              const GhostPairs pairs = kinds->pairs[static_cast<size_t>(from)];
              to = std::min(end, kinds->end[static_cast<size_t>(from)]);
              if (pairs == GhostPairs::twice) gather(batch.n_local + from, batch.n_local + to);
              if (pairs == GhostPairs::once) w.ghosts_once.emplace_back(from, to);
            }
          });
        w.n_twice = w.n;
        for (const auto& [begin, end] : w.ghosts_once) gather(batch.n_local + begin, batch.n_local + end);
        for_each_row([&](int32_t begin, int32_t end) {
          if (begin == end) return;
          const RdfWorker::Run& run =  // a row of the block lies in one of them
              *std::prev(std::upper_bound(w.runs.begin(), w.runs.end(), begin,
                                          [](int32_t i, const RdfWorker::Run& r) { return i < r.begin; }));
          for (int32_t i = begin; i < end; ++i) {
            const int64_t after = run.at + (i - run.begin) + 1;
            find_bins(w.x.data(), w.y.data(), w.z.data(), after, w.n, batch.position(i), inverse_width,
                      params.n_bins, w.bin.data());
            add_bins(w, params, batch.type[i], after, w.n_twice, w.twice);
            add_bins(w, params, batch.type[i], w.n_twice, w.n, w.once);
          }
        });
      }
    });
  }
  // A pair of local atoms was met once and counts for both.
  for (const RdfWorker& w : workers)
    for (int64_t copy = 0; copy < lanes; ++copy)
      for (int64_t pair = 0; pair < params.n_pairs(); ++pair)
        for (int64_t k = 0; k < params.n_bins; ++k) {
          const auto from = static_cast<size_t>((copy * params.n_pairs() + pair) * row + k);
          counts[static_cast<size_t>(pair * params.n_bins + k)] +=
              static_cast<int64_t>(2 * w.twice[from] + w.once[from]);
        }
}

}  // namespace

void count_pairs(const Batch& batch, const RdfParams& params, std::vector<int64_t>& counts) {
  const Exec& exec = batch.exec();
  const auto size = static_cast<int64_t>(params.n_pairs()) * params.n_bins;
  counts.resize(static_cast<size_t>(size));
  if (!exec.on_gpu() && !exec.plain)
    return count_pairs_in_blocks(exec, batch.view(), batch.cells(), params, nullptr, counts);
  Buffer<unsigned long long> copies(exec, size * RdfKernel::copies, "pair counts");
  copies.zero();
  for_each(exec, batch.n_local(), RdfKernel{batch.view(), batch.cells(), params, copies.data()});
  const std::vector<unsigned long long> found = copies.to_vector();
  for (size_t k = 0; k < found.size(); ++k)
    counts[k % static_cast<size_t>(size)] += static_cast<int64_t>(found[k]);
}

namespace {

void count_pairs_of_slab(const Frame& frame, const SlabContext& slab, const RdfParams& params,
                         std::vector<int64_t>& counts) {
  const Exec& exec = slab.batch.exec();
  if (slab.slab.axis < 0 || exec.on_gpu() || exec.plain) return count_pairs(slab.batch, params, counts);
  const GhostKinds kinds = ghost_kinds_of(frame, slab);
  count_pairs_in_blocks(exec, slab.batch.view(), slab.batch.cells(), params, &kinds, counts);
}

}  // namespace

RdfParams rdf_params(double range, double bin, int32_t n_types) {
  RdfParams params{range, 1, n_types};
  const double n_bins = std::max(1.0, std::round(range / bin));
  if (n_bins * params.n_pairs() > 1e7)
    throw UsageError(
        fmt::format("rdf: {:.0f} bins for each of {} pairs of species; expected at most 10 million "
                    "together: use a larger rdf.bin or a smaller rdf.range",
                    n_bins, params.n_pairs()));
  params.n_bins = static_cast<int32_t>(n_bins);
  return params;
}

namespace {

Needs rdf_needs(const RdfParams& params, const Exec& exec) {
  Needs needs;
  needs.reach = params.range;
  const bool copies = exec.on_gpu() || exec.plain;
  needs.bytes_per_ghost = copies ? 0 : sizeof(GhostPairs) + sizeof(int32_t);
  needs.bytes = static_cast<int64_t>(params.n_pairs()) * (params.n_bins + 1) * 8 *
                (copies ? RdfKernel::copies : 2 * lanes * std::max(1, exec.threads));
  return needs;
}

// Names of the species of a frame, each different: the element, or the file's label where there is none.
std::vector<std::string> species_names(const Frame& frame) {
  std::vector<std::string> names;
  std::set<std::string> seen;
  for (const Species& s : frame.species) {
    std::string name = s.name.empty() ? fmt::format("type{}", s.label) : s.name;
    while (!seen.insert(name).second) name += fmt::format("_{}", names.size());
    names.push_back(name);
  }
  return names;
}

const AnalysisInfo& info() {
  static const AnalysisInfo value{
      "rdf",
      "Radial distribution function g(r) = V count(r) / (N^2 v(r)), v the volume of the bin's shell (Allen "
      "and "
      "Tildesley 2017, section 2.6), total and for every pair of species, from exact counts of pairs.",
      {{"range", ParameterKind::real, "8", "A", "distances up to this; may exceed the box", 1e-3, 1e6},
       {"bin", ParameterKind::real, "0.02", "A", "width of a bin; made to divide the range", 1e-6, 1e6},
       {"partials", ParameterKind::flag, "true", "", "also g(r) of every pair of species"}},
      {},
      {{"rdf/r", "A", "[bin]", "centers of the bins"},
       {"rdf/g", "", "[bin]", "radial distribution function, normalised by N^2/V with the volume of the box"},
       {"rdf/pairs", "", "[bin]", "ordered pairs of atoms (both directions) at these distances"},
       {"rdf/coordination", "", "[bin]", "mean number of neighbors within the upper edge of the bin"},
       {"rdf/g_<A>_<B>", "", "[bin]", "g(r) between species A and B, normalised by N_A N_B / V"}}};
  return value;
}

class Rdf final : public Analysis {
 public:
  Rdf(const Parameters& parameters, const RunContext& run)
      : range_(parameters.real("range")),
        bin_(parameters.real("bin")),
        partials_(parameters.flag("partials")),
        exec_(run.exec) {
    if (bin_ > range_) throw UsageError(fmt::format("rdf.bin {} A exceeds rdf.range {} A", bin_, range_));
    params_ = rdf_params(range_, bin_);
  }

  void begin(FrameContext& context) override {
    // One species: its partial is the total.
    const size_t n_species = context.frame.species.size();
    params_ = rdf_params(range_, bin_, partials_ && n_species > 1 ? static_cast<int32_t>(n_species) : 1);
    counts_.assign(static_cast<size_t>(params_.n_pairs()) * static_cast<size_t>(params_.n_bins), 0);
    if (!context.frame.box.fully_periodic())
      context.note("rdf: a direction of the box is free; g(r) is normalised by the volume of the box");
  }

  Needs needs() const override { return rdf_needs(params_, exec_); }

  void compute(FrameContext& context, const SlabContext& slab) override {
    count_pairs_of_slab(context.frame, slab, params_, counts_);
  }

  void finish(FrameContext& context) override {
    const Frame& frame = context.frame;
    const auto n = static_cast<double>(frame.n_atoms());
    const double w = params_.width(), volume = frame.box.volume();
    const auto n_bins = static_cast<size_t>(params_.n_bins);
    const auto& outputs = info().observables;
    auto add = [&](const OutputSpec& spec, bool is_integer = false) -> Observable& {
      return context.add_observable(spec, {params_.n_bins}, is_integer);
    };
    std::vector<double> shell(n_bins);  // v_k, A^3
    Observable& r = add(outputs[0]);
    for (size_t k = 0; k < n_bins; ++k) {
      const auto at = static_cast<double>(k);
      r.real[k] = (at + 0.5) * w;
      shell[k] = 4.18879020478639098 * w * w * w * (3 * at * (at + 1) + 1);
    }
    Observable &g = add(outputs[1]), &pairs = add(outputs[2], true), &coordination = add(outputs[3]);
    int64_t within = 0;
    for (size_t k = 0; k < n_bins; ++k) {
      for (size_t pair = 0; pair < counts_.size() / n_bins; ++pair)
        pairs.integer[k] += counts_[pair * n_bins + k];
      within += pairs.integer[k];
      g.real[k] = n > 0 ? volume * static_cast<double>(pairs.integer[k]) / (n * n * shell[k]) : NAN;
      coordination.real[k] = n > 0 ? static_cast<double>(within) / n : NAN;
    }
    if (!partials_ || frame.species.empty()) return;
    std::vector<double> n_of(frame.species.size());
    for (const int32_t t : frame.type) n_of[static_cast<size_t>(t)] += 1;
    const std::vector<std::string> names = species_names(frame);
    for (size_t b = 0; b < n_of.size(); ++b)
      for (size_t a = 0; a <= b; ++a) {
        Observable& partial =
            add({fmt::format("rdf/g_{}_{}", names[a], names[b]), "", outputs[4].shape,
                 fmt::format("g(r) between {} and {}, normalised by N_A N_B / V", names[a], names[b])});
        const auto pair = static_cast<size_t>(params_.pair(static_cast<int32_t>(a), static_cast<int32_t>(b)));
        // counts_ has both directions of a mixed pair.
        const double n_ordered = (a == b ? 1 : 2) * n_of[a] * n_of[b];
        for (size_t k = 0; k < n_bins; ++k)
          partial.real[k] = n_ordered > 0 ? volume * static_cast<double>(counts_[pair * n_bins + k]) /
                                                (n_ordered * shell[k])
                                          : NAN;
      }
  }

 private:
  double range_, bin_;  // A, as given
  bool partials_;
  Exec exec_;
  RdfParams params_;
  std::vector<int64_t> counts_;  // [n_pairs][n_bins]
};

}  // namespace

SnapshotRdf snapshot_rdf(FrameContext& context, double range, double bin) {
  SnapshotRdf rdf{rdf_params(range, bin), {}};
  rdf.counts.assign(static_cast<size_t>(rdf.params.n_bins), 0);
  context.for_each_slab(rdf_needs(rdf.params, context.run.exec), [&](const SlabContext& slab) {
    count_pairs_of_slab(context.frame, slab, rdf.params, rdf.counts);
  });
  return rdf;
}

AnalysisEntry rdf_entry() {
  return {info(), [](const Parameters& parameters, const RunContext& run) -> std::unique_ptr<Analysis> {
            return std::make_unique<Rdf>(parameters, run);
          }};
}

}  // namespace grainfield
