// Batch (wrap, ghosts, cell order) and neighbor list: atoms per second, bytes per atom.
#include <benchmark/benchmark.h>

#include "bench/exec.hpp"
#include "bench/floors.hpp"
#include "host/batch.hpp"
#include "host/bench_inputs.hpp"

namespace {

using namespace grainfield;

void bench_batch(benchmark::State& state) {
  const Frame frame = rattled_bcc_iron(state.range(0));
  const Exec exec = bench::exec(static_cast<int>(state.range(1)));
  Batch batch(exec);
  batch.build({&frame}, 5.5, 5.5 / cells_per_cutoff);
  for (auto _ : state) batch.build({&frame}, 5.5, 5.5 / cells_per_cutoff);
  state.counters["atoms/s"] =
      benchmark::Counter(static_cast<double>(frame.n_atoms()), benchmark::Counter::kIsIterationInvariantRate);
  bench::add_floor(state, exec.threads, cost::batch(static_cast<double>(frame.n_atoms())));
  state.counters["ghosts/atom"] = static_cast<double>(batch.n_ghost()) / static_cast<double>(frame.n_atoms());
}

void bench_neighbor_list(benchmark::State& state) {
  const Frame frame = rattled_bcc_iron(state.range(0));
  const Exec exec = bench::exec(static_cast<int>(state.range(1)));
  Batch batch(exec);
  batch.build({&frame}, 5.5, 5.5 / cells_per_cutoff);
  NeighborList list(exec);
  list.build(batch, 5.5);  // memory of the first frame serves all others
  for (auto _ : state) list.build(batch, 5.5);
  const auto n = static_cast<double>(frame.n_atoms());
  state.counters["atoms/s"] = benchmark::Counter(n, benchmark::Counter::kIsIterationInvariantRate);
  bench::add_floor(state, exec.threads, cost::neighbor_list(n, static_cast<double>(list.n_pairs())));
  state.counters["neighbors"] = static_cast<double>(list.n_pairs()) / n;
  state.counters["bytes/atom"] = static_cast<double>(list.n_pairs()) * 4 / n + 12;
}

void sizes(benchmark::internal::Benchmark* b) {
  for (const int64_t threads : {1, 2})
    for (const int64_t n : {16'000, 128'000, 1'000'000, 4'000'000}) b->Args({n, threads});
  b->ArgNames({"atoms", "threads"})->UseRealTime()->Unit(benchmark::kMillisecond);
}

BENCHMARK(bench_batch)->Apply(sizes);
BENCHMARK(bench_neighbor_list)->Apply(sizes);

}  // namespace
