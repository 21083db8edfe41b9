// Slow, obvious reference of the excess volume of orthogonal cells, periodic along z.
#pragma once

#include <cmath>
#include <vector>

#include "host/frame.hpp"

namespace grainfield::reference {

// (V - N / n_B) / (n A), A.
inline double excess_volume_box(const Frame& frame, double bulk_density, int boundaries) {
  const double area = frame.box.a.x * frame.box.b.y;
  return (area * frame.box.c.z - static_cast<double>(frame.n_atoms()) / bulk_density) / (boundaries * area);
}

// Per plane: sum of V - 1/n_B over the atoms within `distance`, nearest plane first, over the area: A.
inline std::vector<double> excess_volume_voronoi(const Frame& frame, const std::vector<double>& volume,
                                                 const std::vector<double>& planes, double bulk_density,
                                                 double distance) {
  std::vector<double> sum(planes.size(), 0.0);
  for (size_t i = 0; i < volume.size(); ++i) {
    size_t nearest = 0;
    double least = 1e300;
    for (size_t k = 0; k < planes.size(); ++k)
      for (int image = -2; image <= 2; ++image) {
        const double d =
            std::fabs(frame.position[i].z - frame.box.origin.z - planes[k] + image * frame.box.c.z);
        if (d < least) least = d, nearest = k;
      }
    if (least <= distance) sum[nearest] += (volume[i] - 1 / bulk_density) / (frame.box.a.x * frame.box.b.y);
  }
  return sum;
}

}  // namespace grainfield::reference
