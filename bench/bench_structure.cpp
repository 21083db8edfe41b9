// Adaptive common neighbor analysis from a neighbor list: atoms per second, and with the list.
#include <benchmark/benchmark.h>

#include "bench/exec.hpp"
#include "bench/floors.hpp"
#include "host/batch.hpp"
#include "host/bench_inputs.hpp"
#include "kernels/structure/structure.hpp"

namespace {

using namespace grainfield;

void bench_structure(benchmark::State& state) {
  const Frame frame = rattled_bcc_iron(state.range(0));
  RunContext run;
  run.exec = bench::exec(static_cast<int>(state.range(1)));
  const AnalysisEntry entry = structure_entry();
  const auto analysis = entry.make(Parameters(entry.info, {}), run);
  FrameResults results;
  FrameContext context(frame, results, run);
  analysis->begin(context);
  const Needs needs = analysis->needs();
  Batch batch(run.exec);
  batch.build({&frame}, needs.reach, needs.cutoff / cells_per_cutoff);
  NeighborList list(run.exec);
  list.build(batch, needs.cutoff);
  Workspace scratch(run.exec);
  std::shared_ptr<void> held;
  const bool with_list = state.range(2) != 0;
  analysis->compute(context, {batch, &list, {}, 0, 1, scratch, held});  // allocates
  for (auto _ : state) {
    if (with_list) list.build(batch, needs.cutoff);
    scratch.reset();
    analysis->compute(context, {batch, &list, {}, 0, 1, scratch, held});
  }
  const auto n = static_cast<double>(frame.n_atoms());
  const double neighbors = static_cast<double>(list.n_pairs()) / n;
  state.counters["atoms/s"] = benchmark::Counter(n, benchmark::Counter::kIsIterationInvariantRate);
  state.counters["neighbors"] = neighbors;
  bench::add_floor(state, run.exec.threads, cost::structure(n, n * neighbors));
}

void sizes(benchmark::internal::Benchmark* b) {
  for (const int64_t with_list : {0, 1})
    for (const int64_t threads : {1, 2})
      for (const int64_t n : {16'000, 1'000'000}) b->Args({n, threads, with_list});
  b->ArgNames({"atoms", "threads", "list"})->UseRealTime()->Unit(benchmark::kMillisecond);
}

BENCHMARK(bench_structure)->Apply(sizes);

}  // namespace
