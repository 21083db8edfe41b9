// Polycrystals of bcc Fe with removal of close atoms: atoms per second, bytes per atom.
// 20 million atoms too with GRAINFIELD_BENCH_LARGE=1 in the environment.
#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdlib>

#include "bench/floors.hpp"
#include "host/build_polycrystal.hpp"

namespace {

using namespace grainfield;

void bench_polycrystal(benchmark::State& state) {
  const auto n = static_cast<double>(state.range(0));
  PolycrystalOptions options;
  options.lattice = make_lattice(Structure::bcc, 2.83);
  options.threads = static_cast<int>(state.range(1));
  options.min_distance = 2.0;
  const double edge = std::cbrt(n / options.lattice.number_density());
  options.box = Box({edge, 0, 0}, {0, edge, 0}, {0, 0, edge});
  const int n_grains = static_cast<int>(std::max(8.0, n / 50000));
  int64_t atoms = 0, raw = 0, checked = 0;
  for (auto _ : state) {
    options.grains = random_grains(n_grains, options.box, options.lattice, 1);
    const Polycrystal built = build_polycrystal(options);
    atoms = built.frame.n_atoms(), raw = built.n_raw, checked = built.n_checked;
  }
  state.counters["atoms/s"] =
      benchmark::Counter(static_cast<double>(atoms), benchmark::Counter::kIsIterationInvariantRate);
  bench::add_floor(state, options.threads, cost::polycrystal(static_cast<double>(atoms)));
  state.counters["checked"] = static_cast<double>(checked) / static_cast<double>(raw);
  // The frame (position, type, grain) of the raw atoms; then index, grid and mark of those near a boundary.
  state.counters["bytes/atom"] =
      (36.0 * static_cast<double>(raw) + 29.0 * static_cast<double>(checked)) / static_cast<double>(atoms);
}

void sizes(benchmark::internal::Benchmark* b) {
  for (const int64_t threads : {1, 2}) {
    for (const int64_t n : {16'000, 250'000, 2'000'000}) b->Args({n, threads});
    if (std::getenv("GRAINFIELD_BENCH_LARGE")) b->Args({20'000'000, threads});
  }
  b->ArgNames({"atoms", "threads"})->UseRealTime()->Unit(benchmark::kMillisecond);
}
BENCHMARK(bench_polycrystal)->Apply(sizes);

}  // namespace
