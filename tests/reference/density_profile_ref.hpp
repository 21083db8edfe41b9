// Slow, obvious reference of the density profile: direct sums over all atoms and images, from the formulas.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "host/frame.hpp"

namespace grainfield::test {

// z of every atom: distance along the normal of the plane of the other two cell vectors, and the cell's
// height and face.
struct ProfileReference {
  std::vector<double> z;  // A
  double length = 0, area = 0, beta = 0;
  bool periodic = true;

  ProfileReference(const Frame& frame, int axis, double beta_) : beta(beta_) {
    const Box& box = frame.box;
    const Vec3 face = cross(box.edge((axis + 1) % 3), box.edge((axis + 2) % 3));
    area = norm(face);
    const Vec3 normal = face / area;
    length = dot(normal, box.edge(axis));
    periodic = box.periodic[axis];
    for (const Vec3& r : frame.position) z.push_back(dot(normal, r - box.origin));
  }

  // f(at - z_I - k L) summed over atoms and images that lie within 12 beta.
  template <class F>
  double sum(double at, const F& f) const {
    double total = 0;
    for (const double zi : z) {
      double d = at - zi;
      if (!periodic) {
        total += f(d);
        continue;
      }
      d -= length * std::floor(d / length + 0.5);
      const int images = static_cast<int>(std::ceil(12 * beta / length)) + 1;
      for (int k = -images; k <= images; ++k) total += f(d + k * length);
    }
    return total / area;
  }

  double gauss(double u) const {
    return std::exp(-u * u / (2 * beta * beta)) / (beta * std::sqrt(2 * std::acos(-1.0)));
  }
  double density(double at) const {
    return sum(at, [&](double u) { return gauss(u); });
  }
  double slab(double at, double width) const {
    return sum(at,
               [&](double u) {
                 return 0.5 * (std::erf((u + width / 2) / (std::sqrt(2.0) * beta)) -
                               std::erf((u - width / 2) / (std::sqrt(2.0) * beta)));
               }) /
           width;
  }
  // The minimum between lo and hi: bisection of the slope.
  double minimum(double lo, double hi) const {
    for (int pass = 0; pass < 80; ++pass) {
      const double mid = 0.5 * (lo + hi);
      (sum(mid, [&](double u) { return -u * gauss(u); }) > 0 ? hi : lo) = mid;
    }
    return 0.5 * (lo + hi);
  }
  // Mean of values[I] weighted by g1(at - z_I).
  double weighted_mean(double at, const std::vector<double>& values) const {
    double weighted = 0, weight = 0;
    for (size_t i = 0; i < z.size(); ++i) {
      const double d = at - z[i];
      const int images = periodic ? static_cast<int>(std::ceil((std::fabs(d) + 12 * beta) / length)) : 0;
      for (int k = -images; k <= images; ++k) {
        weighted += values[i] * gauss(d + k * length);
        weight += gauss(d + k * length);
      }
    }
    return weighted / weight;
  }
};

// Z1 = #{0 < d <= r1}, Z2 = #{r1 < d <= r2}, [atom][2], over the images next to the cell.
inline std::vector<int32_t> coordination_reference_counts(const Frame& frame, double r1, double r2) {
  const Box& box = frame.box;
  const size_t n = frame.position.size();
  std::vector<int32_t> counts(2 * n, 0);
  std::vector<Vec3> r;
  for (const Vec3& p : frame.position) r.push_back(box.wrap(p));
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j < n; ++j)
      for (int ia = -box.periodic[0]; ia <= box.periodic[0]; ++ia)
        for (int ib = -box.periodic[1]; ib <= box.periodic[1]; ++ib)
          for (int ic = -box.periodic[2]; ic <= box.periodic[2]; ++ic) {
            const double dz = r[j].z - r[i].z + ia * box.a.z + ib * box.b.z + ic * box.c.z;
            if (std::fabs(dz) > r2) continue;
            const double d = norm(r[j] - r[i] + static_cast<double>(ia) * box.a +
                                  static_cast<double>(ib) * box.b + static_cast<double>(ic) * box.c);
            if (d > 1e-9 && d <= r1) ++counts[2 * i];
            if (d > r1 && d <= r2) ++counts[2 * i + 1];
          }
  return counts;
}

}  // namespace grainfield::test
