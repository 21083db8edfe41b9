// Coordination numbers, slow and obvious: every atom, every atom, every image.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "host/frame.hpp"

namespace grainfield::reference {

// Z1, Z2 of every atom: #{0 < d <= r1}, #{r1 < d <= r2}.
inline std::vector<int32_t> coordination(const Frame& frame, double r1, double r2) {
  const Box& box = frame.box;
  int n[3];
  for (int k = 0; k < 3; ++k)
    n[k] = box.periodic[k] ? static_cast<int>(std::ceil(r2 / box.height(k))) + 1 : 0;
  std::vector<int32_t> z;
  for (Vec3 ri : frame.position) {
    ri = box.wrap(ri);
    int32_t z1 = 0, z2 = 0;
    for (Vec3 rj : frame.position) {
      rj = box.wrap(rj);
      for (int a = -n[0]; a <= n[0]; ++a)
        for (int b = -n[1]; b <= n[1]; ++b)
          for (int c = -n[2]; c <= n[2]; ++c) {
            const double d = norm(rj + a * box.a + b * box.b + c * box.c - ri);
            if (d > 0 && d <= r1) ++z1;
            if (d > r1 && d <= r2) ++z2;
          }
    }
    z.push_back(z1);
    z.push_back(z2);
  }
  return z;
}

}  // namespace grainfield::reference
