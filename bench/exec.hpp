// The processor that the benchmarks measure: the CPU, or what the option --device says.
#pragma once

#include "kernels/core/exec.hpp"

namespace grainfield::bench {

// With this many host threads.
Exec exec(int threads);

}  // namespace grainfield::bench
