// Embedded-atom energies, forces and virials given a neighbor list: atoms per second, all passes.
// Tables are made of formulas on the grids of two files in wide use (Mendelev's Fe, Mishin's Cu), with their
// cutoffs: speed does not depend on the values.
#include <benchmark/benchmark.h>

#include <cmath>

#include "bench/exec.hpp"
#include "bench/floors.hpp"
#include "host/batch.hpp"
#include "host/bench_inputs.hpp"
#include "kernels/potential/eam.hpp"

namespace {

using namespace grainfield;

// fcc Cu instead of bcc Fe: the same box of cells with four atoms each.
Frame rattled_fcc_copper(int64_t n) {
  Frame frame = rattled_bcc_iron(n / 2);
  const double scale = 3.615 / 2.855;
  frame.species = {{"Cu", 63.546, 1}};
  frame.box = Box(scale * frame.box.a, scale * frame.box.b, scale * frame.box.c);
  std::vector<Vec3> corners;
  for (size_t k = 0; k < frame.position.size(); k += 2) corners.push_back(scale * frame.position[k]);
  frame.position.clear();
  const double h = 3.615 / 2;
  for (const Vec3 r : corners)
    for (const Vec3 basis : {Vec3{0, 0, 0}, Vec3{0, h, h}, Vec3{h, 0, h}, Vec3{h, h, 0}})
      frame.position.push_back(r + basis);
  frame.type.assign(frame.position.size(), 0);
  return frame;
}

void bench_eam(benchmark::State& state) {
  const bool copper = state.range(3) != 0;
  const Frame frame = copper ? rattled_fcc_copper(state.range(0)) : rattled_bcc_iron(state.range(0));
  const Exec exec = bench::exec(static_cast<int>(state.range(1)));
  const EamModel m = bench_eam_model(copper);
  const auto potential = make_eam_potential(m, exec);
  const double list_cutoff = m.cutoff + static_cast<double>(state.range(4));
  Batch batch(exec);
  batch.build({&frame}, list_cutoff, list_cutoff / cells_per_cutoff);
  NeighborList list(exec);
  list.build(batch, list_cutoff);
  Workspace scratch(exec);
  Buffer<double> energy(exec, batch.n_local()), force(exec, 3 * static_cast<int64_t>(batch.n_total())),
      virial(exec, 6 * static_cast<int64_t>(batch.n_total()));
  PotentialOutput output;
  output.energy = energy.data();
  output.force = force.data();
  if (state.range(2) != 0) output.virial = virial.data();
  potential->evaluate(batch, list, {0}, output, scratch);
  for (auto _ : state) {
    scratch.reset();
    potential->evaluate(batch, list, {0}, output, scratch);
    synchronize(exec);
  }
  const auto n = static_cast<double>(frame.n_atoms());
  const double neighbors = static_cast<double>(list.n_pairs()) / n;
  state.counters["atoms/s"] = benchmark::Counter(n, benchmark::Counter::kIsIterationInvariantRate);
  state.counters["neighbors"] = neighbors;
  bench::add_floor(state, exec.threads, cost::eam(n, n * neighbors, state.range(2) != 0));
}

// skin: A by which the list is longer than the cutoff.
void sizes(benchmark::internal::Benchmark* b) {
  for (const int64_t copper : {0, 1}) {
    for (const int64_t threads : {1, 2})
      for (const int64_t n : {16'000, 128'000, 1'000'000}) b->Args({n, threads, 1, copper, 0});
    b->Args({128'000, 1, 0, copper, 0});
    b->Args({128'000, 1, 0, copper, 1});
  }
  b->ArgNames({"atoms", "threads", "virial", "Cu", "skin"})->UseRealTime()->Unit(benchmark::kMillisecond);
}

BENCHMARK(bench_eam)->Apply(sizes);

}  // namespace
