// Moment tensor potentials given a neighbor list: energies, forces and virials of every level; grades; sizes.
// Tables and coefficients are generated: speed depends on the level alone. The cutoff is that of published
// iron potentials (6.5 A: about 112 neighbors). LAMMPS' pair mtp makes 14,000, 6,000 and 2,600 atoms/s at
// levels 16, 20 and 24 (the published pot_22.mtp has the level-24 tables) on one core of an AMD EPYC.
#include <benchmark/benchmark.h>

#include <map>

#include "bench/exec.hpp"
#include "bench/floors.hpp"
#include "bench/inputs.hpp"
#include "host/batch.hpp"
#include "host/mtp_basis.hpp"
#include "kernels/potential/mtp.hpp"

namespace {

using namespace grainfield;

const MtpModel& model_of(int level) {
  static std::map<int, MtpModel> models;
  const auto [at, is_new] = models.try_emplace(level);
  if (!is_new) return at->second;
  MtpModel model = mtp_basis(level);
  model.n_species = 1;
  model.type_labels = {0};
  model.elements = {"Fe"};
  model.n_radial_basis = 8;
  model.min_distance = 1.4;
  model.max_distance = 6.5;
  randomize_coefficients(model, 1);
  // A grade costs the same with any active set.
  const auto n = static_cast<size_t>(model.n_coefficients());
  model.active_set.emplace();
  model.active_set->site_energy_weight = 1;
  model.active_set->inverse_transposed.assign(n * n, 0);
  for (size_t k = 0; k < n; ++k) model.active_set->inverse_transposed[k * n + k] = 1;
  return at->second = std::move(model);
}

struct Case {
  bool grade = false;
  MtpPrecision precision = MtpPrecision::full;
  Simd simd = Simd::avx512;
};

void run(benchmark::State& state, const Case& c) {
  const MtpModel& model = model_of(static_cast<int>(state.range(0)));
  const Frame frame = bench::rattled_bcc_iron(state.range(1));
  Exec exec = bench::exec(static_cast<int>(state.range(2)));
  exec.simd = c.simd;
  const auto potential = make_mtp_potential(model, exec, c.precision);
  Batch batch(exec);
  batch.build({&frame}, model.max_distance, model.max_distance / cells_per_cutoff);
  NeighborList list(exec);
  list.build(batch, model.max_distance);
  Workspace scratch(exec);
  const int64_t n_local = batch.n_local(), n_total = batch.n_total();
  Buffer<double> energy(exec, n_local), force(exec, 3 * n_total), virial(exec, 6 * n_total),
      grade(exec, n_local);
  PotentialOutput output;
  output.energy = energy.data();
  output.force = force.data();
  output.virial = virial.data();
  if (c.grade) output.grade = grade.data();
  potential->evaluate(batch, list, {0}, output, scratch);
  for (auto _ : state) {
    scratch.reset();
    potential->evaluate(batch, list, {0}, output, scratch);
    synchronize(exec);
  }
  const MtpTables tables = make_mtp_tables(model, c.grade);
  const auto n = static_cast<double>(frame.n_atoms()), neighbors = static_cast<double>(list.n_pairs()) / n;
  const auto n_coefficients = static_cast<double>(model.n_coefficients());
  double flops = n * (neighbors * tables.flops_per_neighbor() + tables.flops_per_atom());
  if (c.grade)
    flops += n * (2 * n_coefficients * n_coefficients +
                  neighbors * (2.0 * tables.n_reduced + 2.0 * model.n_radial * model.n_radial_basis));
  state.counters["atoms/s"] = benchmark::Counter(n, benchmark::Counter::kIsIterationInvariantRate);
  state.counters["s/atom"] =
      benchmark::Counter(n, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
  state.counters["flop/s"] = benchmark::Counter(flops, benchmark::Counter::kIsIterationInvariantRate);
  state.counters["neighbors"] = neighbors;
  state.counters["bytes/atom"] = (static_cast<double>(list.n_pairs()) * 4 + 12 * n +
                                  8 * static_cast<double>(n_local) + 72 * static_cast<double>(n_total)) /
                                     n +
                                 static_cast<double>(potential->bytes_per_atom({}));
  bench::add_floor(state, exec.threads, n * (4 * neighbors + 28 + 8 + 72), flops);
}

void bench_mtp(benchmark::State& state) { run(state, {}); }
void bench_mtp_grade(benchmark::State& state) { run(state, {true}); }
void bench_mtp_avx2(benchmark::State& state) { run(state, {false, MtpPrecision::full, Simd::avx2}); }
void bench_mtp_portable(benchmark::State& state) { run(state, {false, MtpPrecision::full, Simd::portable}); }

void levels(benchmark::internal::Benchmark* b) {
  for (const int64_t level : {6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28})
    for (const int64_t threads : {1, 2}) b->Args({level, 2000, threads});
}
void sizes(benchmark::internal::Benchmark* b) {
  for (const int64_t threads : {1, 2})
    for (const int64_t n : {16'000, 128'000, 2'000'000}) b->Args({16, n, threads});
}
void few_levels(benchmark::internal::Benchmark* b) {
  for (const int64_t level : {16, 20, 24}) b->Args({level, 2000, 1});
}
void style(benchmark::internal::Benchmark* b) {
  b->ArgNames({"level", "atoms", "threads"})->UseRealTime()->Unit(benchmark::kMillisecond);
}

BENCHMARK(bench_mtp)->Apply(levels)->Apply(sizes)->Apply(style);
BENCHMARK(bench_mtp_grade)->Apply(few_levels)->Apply(style);
BENCHMARK(bench_mtp_avx2)->Apply(few_levels)->Apply(style);
BENCHMARK(bench_mtp_portable)->Apply(few_levels)->Apply(style);

}  // namespace
