// The floor of a benchmark: the time that the bytes that must move and the operations that must be done take
// at the rates that this machine reaches in the same run.
#pragma once

#include <benchmark/benchmark.h>

#include "host/kernel_costs.hpp"

namespace grainfield::bench {

// Counter of_floor = (floor time of one iteration) / (its wall time), the floor being the slower of moving
// the bytes and doing the operations. For the CPU only: with --device=cuda nothing is added.
void add_floor(benchmark::State& state, int threads, const KernelCost& cost);

}  // namespace grainfield::bench
