// Moment tensor potentials given a neighbor list: energies, forces and virials of every level; grades; sizes.
// Tables and coefficients are generated: speed depends on the level alone. The cutoff is that of published
// iron potentials (6.5 A: about 112 neighbors). LAMMPS' pair mtp makes 14,000, 6,000 and 2,600 atoms/s at
// levels 16, 20 and 24 (the published pot_22.mtp has the level-24 tables) on one core of an AMD EPYC.
#include <benchmark/benchmark.h>

#include <map>

#include "bench/exec.hpp"
#include "bench/floors.hpp"
#include "host/batch.hpp"
#include "host/bench_inputs.hpp"
#include "kernels/potential/mtp.hpp"

namespace {

using namespace grainfield;

const MtpModel& model_of(int level) {
  static std::map<int, MtpModel> models;
  const auto [at, is_new] = models.try_emplace(level);
  if (is_new) at->second = bench_mtp_model(level);
  return at->second;
}

struct Case {
  bool grade = false;
  MtpPrecision precision = MtpPrecision::full;
  Simd simd = Simd::avx512;
};

void run(benchmark::State& state, const Case& c) {
  const MtpModel& model = model_of(static_cast<int>(state.range(0)));
  const Frame frame = rattled_bcc_iron(state.range(1));
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
  const auto n = static_cast<double>(frame.n_atoms()), neighbors = static_cast<double>(list.n_pairs()) / n;
  const KernelCost floor = cost::mtp(model, n, n * neighbors, c.grade);
  state.counters["atoms/s"] = benchmark::Counter(n, benchmark::Counter::kIsIterationInvariantRate);
  state.counters["s/atom"] =
      benchmark::Counter(n, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
  state.counters["flop/s"] = benchmark::Counter(floor.flops, benchmark::Counter::kIsIterationInvariantRate);
  state.counters["neighbors"] = neighbors;
  state.counters["bytes/atom"] = (static_cast<double>(list.n_pairs()) * 4 + 12 * n +
                                  8 * static_cast<double>(n_local) + 72 * static_cast<double>(n_total)) /
                                     n +
                                 static_cast<double>(potential->bytes_per_atom({}));
  bench::add_floor(state, exec.threads, floor);
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
