// What a processor can do at most, measured: the rates that benchmarks are held against; and how long
// something takes there.
#pragma once

#include <functional>

#include "kernels/core/exec.hpp"

namespace grainfield {

struct Ceilings {
  double bytes_per_s = 0;  // a copy of arrays far larger than the caches, bytes read plus bytes written
  double flops_per_s = 0;  // independent fused multiply-adds of doubles in registers, two operations each
};
// Measured once for each GPU and each number of host threads (about 0.3 s).
Ceilings ceilings(const Exec& exec);

// Seconds that `work` takes, all of it done: between two events of exec's stream on a GPU, by the clock of
// the host elsewhere. In builds with CUDA an NVTX range with this name holds it.
double seconds_of(const Exec& exec, const char* name, const std::function<void()>& work);

}  // namespace grainfield
