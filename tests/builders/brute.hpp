// Slow, obvious references for the builders.
#pragma once

#include <algorithm>
#include <map>
#include <vector>

#include "host/frame.hpp"

namespace grainfield::brute {

// Distances (A, ascending, up to r_max) from r to all periodic images of the atoms, r itself left out.
inline std::vector<double> distances(const Frame& frame, Vec3 r, double r_max) {
  const Box& box = frame.box;
  int n[3];
  for (int k = 0; k < 3; ++k) n[k] = static_cast<int>(std::ceil(r_max / box.height(k))) + 1;
  std::vector<double> found;
  for (const Vec3& p : frame.position)
    for (int a = -n[0]; a <= n[0]; ++a)
      for (int b = -n[1]; b <= n[1]; ++b)
        for (int c = -n[2]; c <= n[2]; ++c) {
          const double d = norm(p - r + a * box.a + b * box.b + c * box.c);
          if (d > 1e-9 && d < r_max) found.push_back(d);
        }
  std::sort(found.begin(), found.end());
  return found;
}

// The greedy rule as it is stated: a kept atom deletes every later one closer than d, any image.
inline std::vector<int64_t> greedy(const Box& box, const std::vector<Vec3>& r, double d) {
  int n[3];
  for (int k = 0; k < 3; ++k) n[k] = box.periodic[k] ? static_cast<int>(std::ceil(d / box.height(k))) + 1 : 0;
  std::vector<bool> dead(r.size(), false);
  std::vector<int64_t> deleted;
  for (size_t i = 0; i < r.size(); ++i) {
    if (dead[i]) continue;
    for (size_t j = i + 1; j < r.size(); ++j)
      for (int a = -n[0]; a <= n[0] && !dead[j]; ++a)
        for (int b = -n[1]; b <= n[1] && !dead[j]; ++b)
          for (int c = -n[2]; c <= n[2] && !dead[j]; ++c)
            if (norm(r[j] - r[i] + a * box.a + b * box.b + c * box.c) < d) dead[j] = true;
  }
  for (size_t i = 0; i < r.size(); ++i)
    if (dead[i]) deleted.push_back(static_cast<int64_t>(i));
  return deleted;
}

}  // namespace grainfield::brute
