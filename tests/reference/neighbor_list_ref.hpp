// Neighbors by definition: every pair of atoms, every periodic image within reach. O(N^2 images).
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "host/frame.hpp"

namespace grainfield::reference {

struct Neighbor {
  int64_t atom = 0;           // of the frame
  std::array<double, 3> d{};  // A, from the central atom
  double r = 0;               // A
};

// rows[i]: all (j, image) with |d| < cutoff except the atom itself. Uses the cell vectors only: fractional
// differences by Cramer's rule, images by the spacing of lattice planes.
inline std::vector<std::vector<Neighbor>> neighbor_rows(const Frame& frame, double cutoff) {
  using V = std::array<double, 3>;
  auto to_array = [](Vec3 v) { return V{v.x, v.y, v.z}; };
  const V cell[3] = {to_array(frame.box.a), to_array(frame.box.b), to_array(frame.box.c)};
  auto determinant = [](const V& p, const V& q, const V& r) {
    return p[0] * (q[1] * r[2] - q[2] * r[1]) - p[1] * (q[0] * r[2] - q[2] * r[0]) +
           p[2] * (q[0] * r[1] - q[1] * r[0]);
  };
  const double volume = determinant(cell[0], cell[1], cell[2]);
  int images[3];
  for (int k = 0; k < 3; ++k) {
    const V &p = cell[(k + 1) % 3], &q = cell[(k + 2) % 3];
    const double area =
        std::hypot(p[1] * q[2] - p[2] * q[1], p[2] * q[0] - p[0] * q[2], p[0] * q[1] - p[1] * q[0]);
    images[k] =
        frame.box.periodic[k] ? static_cast<int>(std::floor(cutoff * area / std::fabs(volume))) + 2 : 0;
  }
  const int64_t n = frame.n_atoms();
  std::vector<std::vector<Neighbor>> rows(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < n; ++j) {
      V d = to_array(frame.position[static_cast<size_t>(j)]);
      const V ri = to_array(frame.position[static_cast<size_t>(i)]);
      for (int x = 0; x < 3; ++x) d[static_cast<size_t>(x)] -= ri[static_cast<size_t>(x)];
      // The image of j nearest to i in fractional coordinates, then all around it.
      const double s[3] = {determinant(d, cell[1], cell[2]) / volume,
                           determinant(cell[0], d, cell[2]) / volume,
                           determinant(cell[0], cell[1], d) / volume};
      double m[3];
      for (int k = 0; k < 3; ++k) m[k] = frame.box.periodic[k] ? -std::round(s[k]) : 0.0;
      for (int a = -images[0]; a <= images[0]; ++a)
        for (int b = -images[1]; b <= images[1]; ++b)
          for (int c = -images[2]; c <= images[2]; ++c) {
            V e = d;
            for (size_t x = 0; x < 3; ++x)
              e[x] += (m[0] + a) * cell[0][x] + (m[1] + b) * cell[1][x] + (m[2] + c) * cell[2][x];
            const bool itself = i == j && m[0] + a == 0 && m[1] + b == 0 && m[2] + c == 0;
            const double r = std::hypot(e[0], e[1], e[2]);
            if (!itself && r < cutoff) rows[static_cast<size_t>(i)].push_back({j, e, r});
          }
    }
  return rows;
}

}  // namespace grainfield::reference
