// One number for many values in their order, which two programs can compare.
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

namespace grainfield {

// Sum of w_k (|v_k| + v_k / 2), w_k = 1 + the fraction of (k + 1) 0.618...: nothing cancels, the sign and the
// place count. tools/peers/peers.py has the same.
template <class T>
double placed_sum(const std::vector<T>& values) {
  double sum = 0;
  for (size_t k = 0; k < values.size(); ++k) {
    const double turns = static_cast<double>(k + 1) * 0.6180339887498949, v = static_cast<double>(values[k]);
    sum += (1 + turns - std::floor(turns)) * (std::fabs(v) + 0.5 * v);
  }
  return sum;
}

}  // namespace grainfield
