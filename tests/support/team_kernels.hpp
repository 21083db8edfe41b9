// Kernels that need all words of a team, for lanes emulated on the host and for those of a GPU.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "kernels/core/hd.hpp"

namespace grainfield::test {

constexpr int length = 50;  // not a multiple of any team's size

// Fills the scratch together, then every member reads what the others wrote. With whole numbers the sums are
// exact, whatever their order.
template <bool with_sync>
struct Convolve {
  double* out;
  template <class Team>
  GF_HD void operator()(Team team, int64_t i) const {
    auto* memory = static_cast<double*>(team.scratch());
    for (int k = team.rank(); k < length; k += team.size())
      memory[k] = static_cast<double>((i * 31 + k * 17) % 101 - 50);
    if constexpr (with_sync) team.sync();
    double part = 0;
    for (int k = team.rank(); k < length; k += team.size()) part += memory[k] * memory[length - 1 - k];
    const double total = team.sum(part);
    // A second round in the same scratch; sum() has let all members finish reading.
    for (int k = team.rank(); k < length; k += team.size()) memory[k] = total + k;
    if constexpr (with_sync) team.sync();
    double other = 0;
    for (int k = team.rank(); k < length; k += team.size()) other += memory[(k + 1) % length];
    other = team.sum(other);
    if (team.rank() == 0) out[i] = total + 3 * other;
  }
};

constexpr size_t convolve_bytes = length * sizeof(double);

// What it yields.
inline double convolution(int64_t i) {
  const auto value = [&](int k) { return static_cast<double>((i * 31 + k * 17) % 101 - 50); };
  double total = 0, other = 0;
  for (int k = 0; k < length; ++k) total += value(k) * value(length - 1 - k);
  for (int k = 0; k < length; ++k) other += total + k;
  return total + 3 * other;
}

// Every member's total, to see that all have the same bits.
struct SumReals {
  double* out;  // [item][member]
  template <class Team>
  GF_HD void operator()(Team team, int64_t i) const {
    const double mine = std::sin(1.0 + static_cast<double>(i) + 0.37 * team.rank());
    out[i * team.size() + team.rank()] = team.sum(mine);
  }
};

}  // namespace grainfield::test
