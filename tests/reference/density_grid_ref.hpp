// The points of a density grid, by their definition.
#pragma once

#include <vector>

#include "host/results.hpp"
#include "tests/reference/density_ref.hpp"

namespace grainfield::reference {

// value[ia][ib][ic] = rho_n(origin + ia/na a + ib/nb b + ic/nc c), A^-3, by direct summation.
inline std::vector<double> density_grid(const Frame& frame, const int64_t (&n)[3], double beta) {
  std::vector<double> values;
  for (int64_t ia = 0; ia < n[0]; ++ia)
    for (int64_t ib = 0; ib < n[1]; ++ib)
      for (int64_t ic = 0; ic < n[2]; ++ic) {
        const Vec3 r = frame.box.origin + static_cast<double>(ia) / static_cast<double>(n[0]) * frame.box.a +
                       static_cast<double>(ib) / static_cast<double>(n[1]) * frame.box.b +
                       static_cast<double>(ic) / static_cast<double>(n[2]) * frame.box.c;
        values.push_back(number_density(frame, r, beta));
      }
  return values;
}

}  // namespace grainfield::reference
