// Strain functional descriptors from a neighbor list: atoms per second in double and single precision, and
// with the list.
#include <benchmark/benchmark.h>

#include <string>

#include "bench/exec.hpp"
#include "bench/floors.hpp"
#include "host/batch.hpp"
#include "host/bench_inputs.hpp"
#include "kernels/descriptors/sfd.hpp"

namespace {

using namespace grainfield;

// About 78 neighbors, as in fcc Cu with the default cutoff.
constexpr double cutoff = 6.24;  // A
constexpr double sigma = cutoff / sfd_cutoff_over_sigma;

void bench_sfd(benchmark::State& state) {
  const Frame frame = rattled_bcc_iron(state.range(0));
  RunContext run;
  run.exec = bench::exec(static_cast<int>(state.range(1)));
  const AnalysisEntry entry = sfd_entry();
  const bool single = state.range(2) != 0, with_list = state.range(3) != 0;
  const auto analysis = entry.make(Parameters(entry.info, {{"sigma", std::to_string(sigma)},
                                                           {"cutoff", std::to_string(cutoff)},
                                                           {"precision", single ? "single" : "double"}}),
                                   run);
  FrameResults results;
  FrameContext context(frame, results, run);
  analysis->begin(context);
  Batch batch(run.exec);
  batch.build({&frame}, cutoff, cutoff / cells_per_cutoff);
  NeighborList list(run.exec);
  list.build(batch, cutoff);
  Workspace scratch(run.exec);
  std::shared_ptr<void> held;
  analysis->compute(context, {batch, &list, {}, 0, 1, scratch, held});  // allocates
  for (auto _ : state) {
    if (with_list) list.build(batch, cutoff);
    scratch.reset();
    analysis->compute(context, {batch, &list, {}, 0, 1, scratch, held});
  }
  const auto n = static_cast<double>(frame.n_atoms());
  const double neighbors = static_cast<double>(list.n_pairs()) / n;
  state.counters["atoms/s"] = benchmark::Counter(n, benchmark::Counter::kIsIterationInvariantRate);
  state.counters["neighbors"] = neighbors;
  bench::add_floor(state, run.exec.threads, cost::sfd(n, n * neighbors));
}

void sizes(benchmark::internal::Benchmark* b) {
  for (const int64_t with_list : {0, 1})
    for (const int64_t single : {0, 1})
      for (const int64_t threads : {1, 2})
        for (const int64_t n : {16'000, 128'000, 1'000'000})
          if (with_list == 0 || single == 0) b->Args({n, threads, single, with_list});
  b->ArgNames({"atoms", "threads", "single", "list"})->UseRealTime()->Unit(benchmark::kMillisecond);
}

BENCHMARK(bench_sfd)->Apply(sizes);

}  // namespace
