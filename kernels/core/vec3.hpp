// A Cartesian vector and the few operations that the formulas need.
#pragma once

#include <cmath>

#include "kernels/core/hd.hpp"

namespace grainfield {

struct Vec3 {
  double x = 0, y = 0, z = 0;

  GF_HD double& operator[](int k) { return k == 0 ? x : k == 1 ? y : z; }
  GF_HD double operator[](int k) const { return k == 0 ? x : k == 1 ? y : z; }
};

GF_HD inline Vec3 operator+(Vec3 a, Vec3 b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
GF_HD inline Vec3 operator-(Vec3 a, Vec3 b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
GF_HD inline Vec3 operator-(Vec3 a) { return {-a.x, -a.y, -a.z}; }
GF_HD inline Vec3 operator*(double s, Vec3 a) { return {s * a.x, s * a.y, s * a.z}; }
GF_HD inline Vec3 operator*(Vec3 a, double s) { return s * a; }
GF_HD inline Vec3 operator/(Vec3 a, double s) { return {a.x / s, a.y / s, a.z / s}; }
GF_HD inline Vec3& operator+=(Vec3& a, Vec3 b) { return a = a + b; }
GF_HD inline Vec3& operator-=(Vec3& a, Vec3 b) { return a = a - b; }
GF_HD inline bool operator==(Vec3 a, Vec3 b) { return a.x == b.x && a.y == b.y && a.z == b.z; }
GF_HD inline double dot(Vec3 a, Vec3 b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
GF_HD inline Vec3 cross(Vec3 a, Vec3 b) {
  return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}
GF_HD inline double norm_sq(Vec3 a) { return dot(a, a); }
GF_HD inline double norm(Vec3 a) { return std::sqrt(norm_sq(a)); }
GF_HD inline bool is_finite(Vec3 a) { return std::isfinite(a.x) && std::isfinite(a.y) && std::isfinite(a.z); }

}  // namespace grainfield
