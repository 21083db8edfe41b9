// Coarse-grained density by definition: every atom, every image within reach, in the order of the loops.
#pragma once

#include <cmath>
#include <vector>

#include "host/frame.hpp"

namespace grainfield::reference {

// rho_n(r) = (beta sqrt(2 pi))^-3 sum over atoms and images within 9 beta of exp(-d^2 / 2 beta^2), A^-3.
// The tail beyond 9 beta is 3e-16 of a bulk value.
inline double number_density(const Frame& frame, const Vec3& r, double beta,
                             const std::vector<double>& weight = {}) {
  const double pi = std::acos(-1.0);
  const double reach = 9 * beta;
  int images[3];
  for (int k = 0; k < 3; ++k)
    images[k] = frame.box.periodic[k] ? static_cast<int>(reach / frame.box.height(k)) + 2 : 0;
  double sum = 0;
  for (size_t j = 0; j < frame.position.size(); ++j) {
    // The image next to r first, so that atoms many cells away are found.
    const Vec3 d0 = frame.box.minimum_image(frame.position[j] - r);
    double part = 0;
    for (int a = -images[0]; a <= images[0]; ++a)
      for (int b = -images[1]; b <= images[1]; ++b)
        for (int c = -images[2]; c <= images[2]; ++c) {
          const Vec3 d = d0 + static_cast<double>(a) * frame.box.a + static_cast<double>(b) * frame.box.b +
                         static_cast<double>(c) * frame.box.c;
          if (norm_sq(d) < reach * reach) part += std::exp(-norm_sq(d) / (2 * beta * beta));
        }
    sum += (weight.empty() ? 1.0 : weight[j]) * part;
  }
  return sum / std::pow(beta * std::sqrt(2 * pi), 3);
}

}  // namespace grainfield::reference
