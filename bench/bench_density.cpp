// density at the atoms: direct sums (plain), and the grid.
#include <benchmark/benchmark.h>

#include "bench/exec.hpp"
#include "bench/floors.hpp"
#include "host/bench_inputs.hpp"
#include "host/gaussian_field.hpp"

namespace {

using namespace grainfield;

constexpr double beta = 3.024;

void bench_density(benchmark::State& state, GaussianMethod method) {
  const Frame frame = rattled_bcc_iron(state.range(0));
  const Exec exec = bench::exec(static_cast<int>(state.range(1)));
  Batch batch(exec);
  const double reach = GaussianField::reach(beta, method);
  GaussianField field(exec, beta, method);
  batch.build({&frame}, reach, reach / 4);
  Buffer<double> rho(exec, batch.n_local());
  reset_peak_memory(exec.processor);
  for (auto _ : state) {
    batch.build({&frame}, reach, reach / 4);
    const auto [lo, hi] = local_bounds(batch);
    field.set_atoms(batch, nullptr, lo, hi);
    field.evaluate(batch, nullptr, batch.n_local(), rho.data());
  }
  const auto n = static_cast<double>(frame.n_atoms());
  state.counters["atoms/s"] = benchmark::Counter(n, benchmark::Counter::kIsIterationInvariantRate);
  bench::add_floor(state, exec.threads,
                   method == GaussianMethod::grid ? cost::density_grid(n) : cost::density_sum(n));
  state.counters["ghosts/atom"] = static_cast<double>(batch.n_ghost()) / n;
  state.counters["bytes/atom"] = static_cast<double>(memory_use(exec.processor).peak) / n;
}

void sizes(benchmark::internal::Benchmark* b) {
  for (const int64_t threads : {1, 2})
    for (const int64_t n : {16'000, 128'000, 1'000'000, 4'000'000}) b->Args({n, threads});
  b->ArgNames({"atoms", "threads"})->UseRealTime()->Unit(benchmark::kMillisecond);
}

BENCHMARK_CAPTURE(bench_density, grid, GaussianMethod::grid)->Apply(sizes);
BENCHMARK_CAPTURE(bench_density, sum, GaussianMethod::sum)
    ->Args({16'000, 1})
    ->ArgNames({"atoms", "threads"})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
