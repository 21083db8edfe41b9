// The two floors of a benchmark: bytes that must move and operations that must be done, at the rates that
// this machine reaches in the same run.
#pragma once

#include <benchmark/benchmark.h>

namespace grainfield::bench {

struct Ceilings {
  double bytes_per_s;  // a copy of arrays far larger than the caches, bytes read plus bytes written
  double flops_per_s;  // independent fused multiply-adds in registers, two operations each
};
// Measured once for each number of host threads (0.3 s).
Ceilings ceilings(int threads);

// Counter of_floor = (floor time of one iteration) / (its wall time), the floor being the slower of moving
// `bytes` and doing `flops`. For the CPU only: with --device=cuda nothing is added.
void add_floor(benchmark::State& state, int threads, double bytes, double flops);

}  // namespace grainfield::bench
