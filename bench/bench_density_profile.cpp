// Density profile: the planar density from the atoms (moments and all points), atoms per second. The floor is
// that of host/kernel_costs.hpp.
#include <benchmark/benchmark.h>

#include "bench/exec.hpp"
#include "bench/floors.hpp"
#include "host/bench_inputs.hpp"
#include "kernels/density/planar_density.hpp"

namespace {

using namespace grainfield;

void bench_density_profile(benchmark::State& state) {
  const Frame frame = rattled_bcc_iron(state.range(0));
  const Exec exec = bench::exec(static_cast<int>(state.range(1)));
  for (auto _ : state) {
    const PlanarDensity density(frame, 2, 3.024, 0.1, exec.threads);
    benchmark::DoNotOptimize(density.planar(exec).data());
    benchmark::DoNotOptimize(density.slab(exec, 0.2).data());
  }
  const auto n = static_cast<double>(frame.n_atoms());
  state.counters["atoms/s"] = benchmark::Counter(n, benchmark::Counter::kIsIterationInvariantRate);
  bench::add_floor(state, exec.threads, cost::density_profile(n));
  state.counters["bytes/s"] =
      benchmark::Counter(n * sizeof(Vec3), benchmark::Counter::kIsIterationInvariantRate);
}

BENCHMARK(bench_density_profile)
    ->ArgsProduct({{16'000, 128'000, 1'000'000, 4'000'000}, {1, 2}})
    ->ArgNames({"atoms", "threads"})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
