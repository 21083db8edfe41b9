// The four whole-array steps. On a GPU they are Thrust/CUB; on the host they are a few lines over
// parallel_chunks (docs/decisions.md says why). All are deterministic for any number of threads: pieces have
// a fixed size and partial results are combined in a fixed order.
#pragma once

#include <cstdint>

#include "kernels/core/exec.hpp"

namespace grainfield {

// offsets[i] = counts[0] + ... + counts[i - 1], i = 0 .. n (n + 1 values). Returns the total.
int64_t exclusive_scan(const Exec& exec, const int32_t* counts, int64_t n, int64_t* offsets);

// Sorts values by key, stable: equal keys keep the order of the values.
void sort_by_key(const Exec& exec, int64_t n, uint32_t* keys, int32_t* values);

// Sum in a fixed tree: the same bits for any number of threads.
double reduce_sum(const Exec& exec, const double* values, int64_t n);
int64_t reduce_sum(const Exec& exec, const int32_t* values, int64_t n);
// Smallest and largest value; {+inf, -inf} for n = 0.
struct Range {
  double min, max;
};
Range reduce_range(const Exec& exec, const double* values, int64_t n);

// Writes the indices i with flags[i] != 0, ascending, and returns how many.
int64_t select(const Exec& exec, const uint8_t* flags, int64_t n, int32_t* indices);

}  // namespace grainfield
