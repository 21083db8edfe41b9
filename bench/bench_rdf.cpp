// Pair counts of the radial distribution function: atoms per second, pairs per second, bytes per atom.
#include <benchmark/benchmark.h>

#include <numeric>

#include "bench/exec.hpp"
#include "bench/floors.hpp"
#include "host/batch.hpp"
#include "host/bench_inputs.hpp"
#include "kernels/structure/rdf.hpp"

namespace {

using namespace grainfield;

void bench_rdf(benchmark::State& state) {
  const Frame frame = rattled_bcc_iron(state.range(0));
  const Exec exec = bench::exec(static_cast<int>(state.range(1)));
  const auto range = static_cast<double>(state.range(2));
  const auto cell = static_cast<double>(state.range(3));  // of the batch, tenths of an A
  const RdfParams params = rdf_params(range, 0.02);
  Batch batch(exec);
  batch.build({&frame}, range, 0.1 * cell);
  std::vector<int64_t> counts;
  for (auto _ : state) {
    counts.assign(counts.size(), 0);
    count_pairs(batch, params, counts);
  }
  const auto n = static_cast<double>(frame.n_atoms());
  const double pairs = static_cast<double>(std::accumulate(counts.begin(), counts.end(), int64_t{0}));
  state.counters["atoms/s"] = benchmark::Counter(n, benchmark::Counter::kIsIterationInvariantRate);
  state.counters["pairs/s"] = benchmark::Counter(pairs, benchmark::Counter::kIsIterationInvariantRate);
  state.counters["neighbors"] = pairs / n;
  bench::add_floor(state, exec.threads, cost::rdf(n, pairs));
}

void sizes(benchmark::internal::Benchmark* b) {
  for (const int64_t n : {16'000, 1'000'000, 4'000'000}) b->Args({n, 1, 8, 20});
  b->Args({1'000'000, 2, 8, 20});
  for (const int64_t cell : {34, 55, 80}) b->Args({128'000, 1, 8, cell});  // cells of other analyses' lists
  b->Args({128'000, 1, 16, 40});
  b->ArgNames({"atoms", "threads", "range", "cell"})->UseRealTime()->Unit(benchmark::kMillisecond);
}

BENCHMARK(bench_rdf)->Apply(sizes);

}  // namespace
