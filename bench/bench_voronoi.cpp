// Voronoi cells (volumes, areas and faces) of a bcc polycrystal: cells per second, with the batch and its
// neighbor list, beside Voro++ where it is installed.
#include <benchmark/benchmark.h>

#include <array>
#include <cmath>
#include <map>
#include <memory>

#include "bench/exec.hpp"
#include "bench/floors.hpp"
#include "host/build_polycrystal.hpp"
#include "host/registry.hpp"
#include "kernels/geometry/voronoi.hpp"
#if defined(GF_HAVE_VOROPP)
#include <voro++/voro++.hh>
#endif

namespace {

using namespace grainfield;

// Grains of 30,000 atoms, unrelaxed, close atoms removed.
const Frame& polycrystal(int64_t n) {
  static std::map<int64_t, Frame> made;
  Frame& frame = made[n];
  if (frame.n_atoms() > 0) return frame;
  PolycrystalOptions options;
  options.lattice = make_lattice(Structure::bcc, 2.83);
  options.min_distance = 2.0;
  const double edge = std::cbrt(static_cast<double>(n) / options.lattice.number_density());
  options.box = Box({edge, 0, 0}, {0, edge, 0}, {0, 0, edge});
  options.grains =
      random_grains(static_cast<int>(std::max<int64_t>(1, n / 30'000)), options.box, options.lattice, 909);
  frame = build_polycrystal(options).frame;
  return frame;
}

// Everything from positions to fields in the order of the input.
void bench_voronoi(benchmark::State& state) {
  const Frame& frame = polycrystal(state.range(0));
  RunContext run;
  run.exec = bench::exec(static_cast<int>(state.range(1)));
  const AnalysisEntry entry = voronoi_entry();
  double sum = 0;
  for (auto _ : state) {
    const auto analysis = entry.make(Parameters(entry.info, {}), run);
    FrameResults results;
    FrameContext context(frame, results, run);
    analysis->begin(context);
    context.for_each_slab(analysis->needs(),
                          [&](const SlabContext& slab) { analysis->compute(context, slab); });
    analysis->finish(context);
    sum = 0;
    for (const double v : results.find_field("voronoi_volume")->real) sum += v;
  }
  const auto n = static_cast<double>(frame.n_atoms());
  state.counters["cells/s"] = benchmark::Counter(n, benchmark::Counter::kIsIterationInvariantRate);
  state.counters["volume_error"] = sum / frame.box.volume() - 1;
  bench::add_floor(state, run.exec.threads, cost::voronoi(n));
}
void sizes(benchmark::internal::Benchmark* b) {
  for (const int64_t n : {250'000, 2'000'000})
    for (const int64_t threads : {1, 2}) b->Args({n, threads});
  b->ArgNames({"atoms", "threads"})->UseRealTime()->MeasureProcessCPUTime()->Unit(benchmark::kMillisecond);
}
BENCHMARK(bench_voronoi)->Apply(sizes);

#if defined(GF_HAVE_VOROPP)
// Voro++ on the same atoms, one thread: container, cells, volumes, areas of the faces and neighbors.
void bench_voropp(benchmark::State& state) {
  const Frame& frame = polycrystal(state.range(0));
  const bool with_faces = state.range(1) != 0;
  const double edge = frame.box.a.x;
  double sum = 0;
  for (auto _ : state) {
    const int blocks = static_cast<int>(std::cbrt(static_cast<double>(frame.n_atoms()) / 5));
    voro::container container(0, edge, 0, edge, 0, edge, blocks, blocks, blocks, true, true, true, 8);
    for (int64_t i = 0; i < frame.n_atoms(); ++i) {
      const Vec3 r = frame.position[static_cast<size_t>(i)];
      container.put(static_cast<int>(i), r.x, r.y, r.z);
    }
    voro::voronoicell_neighbor with;
    voro::voronoicell without;
    voro::c_loop_all loop(container);
    std::vector<double> areas;
    std::vector<int> neighbors;
    sum = 0;
    if (loop.start()) do {
        if (with_faces) {
          if (!container.compute_cell(with, loop)) continue;
          sum += with.volume();
          with.face_areas(areas);
          with.neighbors(neighbors);
          benchmark::DoNotOptimize(areas.data());
          benchmark::DoNotOptimize(neighbors.data());
        } else if (container.compute_cell(without, loop)) {
          sum += without.volume();
        }
      } while (loop.inc());
  }
  const auto n = static_cast<double>(frame.n_atoms());
  state.counters["cells/s"] = benchmark::Counter(n, benchmark::Counter::kIsIterationInvariantRate);
  state.counters["volume_error"] = sum / frame.box.volume() - 1;
}
BENCHMARK(bench_voropp)
    ->ArgNames({"atoms", "faces"})
    ->Args({250'000, 1})
    ->Args({250'000, 0})
    ->MeasureProcessCPUTime()
    ->Unit(benchmark::kMillisecond);
#endif

}  // namespace
