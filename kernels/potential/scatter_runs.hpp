// Sums of many values onto few targets without atomics: the values are sorted by target (stable), and one
// thread adds each run in its order. Deterministic on every processor.
#pragma once

#include <cstdint>

#include "host/workspace.hpp"
#include "kernels/core/hd.hpp"

namespace grainfield {

constexpr uint32_t no_target = 0xffffffffu;

// target[t][c] += sign * source[item][c] over the items whose target is t, in ascending order of the items.
// targets [n]: overwritten; no_target: nowhere. Needs 4 bytes per item of scratch, and what the sort takes.
void scatter_runs(const Exec& exec, int64_t n, uint32_t* targets, const double* source, double sign,
                  int components, double* target, Workspace& scratch);

}  // namespace grainfield
