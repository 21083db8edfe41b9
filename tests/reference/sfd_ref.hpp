// Strain functional descriptors, slow and obvious: every atom, every image, whole tensors index by index.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "host/frame.hpp"

namespace grainfield::reference {

struct SfdAtom {
  std::array<double, 35> moment;      // words 1, x, y, z, xx, xy, ... lexicographic in each order
  std::array<double, 19> polynomial;  // P0_I0 ... P4_I8
  std::array<double, 19> feature;
};

// A tensor of order n over 3 dimensions, indexed by the digits of a number in base 3.
using Tensor = std::vector<long double>;

inline long double delta(int i, int j) { return i == j ? 1 : 0; }

// q and j of a symmetric traceless 3 x 3 tensor: 3/2 D:D and 9/2 tr(DDD).
inline void rank_two(const Tensor& d, long double* q, long double* j) {
  *q = *j = 0;
  for (int a = 0; a < 3; ++a)
    for (int b = 0; b < 3; ++b) {
      *q += 1.5L * d[3 * a + b] * d[3 * a + b];
      for (int c = 0; c < 3; ++c) *j += 4.5L * d[3 * a + b] * d[3 * b + c] * d[3 * c + a];
    }
}

inline Tensor without_trace(Tensor a) {
  const long double trace = a[0] + a[4] + a[8];
  for (int i = 0; i < 3; ++i) a[4 * i] -= trace / 3;
  return a;
}

inline SfdAtom sfd_of_neighbors(const std::vector<Vec3>& r, double sigma, double self_weight) {
  // Moment tensors of orders 0 to 4.
  std::vector<Tensor> m;
  for (size_t n = 0, size = 1; n <= 4; ++n, size *= 3) m.emplace_back(size, 0.0L);
  m[0][0] = self_weight;
  for (const Vec3& v : r) {
    const long double u[3] = {v.x / (long double)sigma, v.y / (long double)sigma, v.z / (long double)sigma};
    const long double w = std::exp(-(u[0] * u[0] + u[1] * u[1] + u[2] * u[2]) / 2);
    for (int n = 0; n <= 4; ++n)
      for (size_t k = 0; k < m[static_cast<size_t>(n)].size(); ++k) {
        long double product = w;
        for (int digit = 0, rest = static_cast<int>(k); digit < n; ++digit, rest /= 3) product *= u[rest % 3];
        m[static_cast<size_t>(n)][k] += product;
      }
  }
  SfdAtom atom{};
  size_t at = 0;
  atom.moment[at++] = (double)m[0][0];
  for (int a = 0; a < 3; ++a) atom.moment[at++] = (double)m[1][static_cast<size_t>(a)];
  for (int a = 0; a < 3; ++a)
    for (int b = a; b < 3; ++b) atom.moment[at++] = (double)m[2][static_cast<size_t>(3 * a + b)];
  for (int a = 0; a < 3; ++a)
    for (int b = a; b < 3; ++b)
      for (int c = b; c < 3; ++c) atom.moment[at++] = (double)m[3][static_cast<size_t>(9 * a + 3 * b + c)];
  for (int a = 0; a < 3; ++a)
    for (int b = a; b < 3; ++b)
      for (int c = b; c < 3; ++c)
        for (int d = c; d < 3; ++d)
          atom.moment[at++] = (double)m[4][static_cast<size_t>(27 * a + 9 * b + 3 * c + d)];

  // Traceless symmetric parts.
  const auto i2 = [](int a, int b) { return static_cast<size_t>(3 * a + b); };
  const auto i3 = [](int a, int b, int c) { return static_cast<size_t>(9 * a + 3 * b + c); };
  const auto i4 = [](int a, int b, int c, int d) { return static_cast<size_t>(27 * a + 9 * b + 3 * c + d); };
  const long double s2 = m[2][0] + m[2][4] + m[2][8];
  Tensor v3(3), t(9), o(27), h(81);
  for (int a = 0; a < 3; ++a)
    for (int k = 0; k < 3; ++k) {
      v3[static_cast<size_t>(a)] += m[3][i3(a, k, k)];
      for (int b = 0; b < 3; ++b) t[i2(a, b)] += m[4][i4(a, b, k, k)];
    }
  const auto v = [&](int a) { return v3[static_cast<size_t>(a)]; };
  const long double s4 = t[0] + t[4] + t[8];
  for (int a = 0; a < 3; ++a)
    for (int b = 0; b < 3; ++b)
      for (int c = 0; c < 3; ++c) {
        o[i3(a, b, c)] =
            m[3][i3(a, b, c)] - (delta(a, b) * v(c) + delta(a, c) * v(b) + delta(b, c) * v(a)) / 5;
        for (int d = 0; d < 3; ++d)
          h[i4(a, b, c, d)] =
              m[4][i4(a, b, c, d)] -
              (delta(a, b) * t[i2(c, d)] + delta(a, c) * t[i2(b, d)] + delta(a, d) * t[i2(b, c)] +
               delta(b, c) * t[i2(a, d)] + delta(b, d) * t[i2(a, c)] + delta(c, d) * t[i2(a, b)]) /
                  7 +
              s4 * (delta(a, b) * delta(c, d) + delta(a, c) * delta(b, d) + delta(a, d) * delta(b, c)) / 35;
      }

  std::array<long double, 19> p{};
  p[0] = m[0][0];
  for (const long double x : m[1]) p[1] += x * x;
  rank_two(without_trace(m[2]), &p[2], &p[3]);
  p[4] = s2;
  // Order 3.
  Tensor a(9), w(3);
  for (size_t k = 0; k < 27; ++k) p[5] += 2.5L * o[k] * o[k];
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 3; ++j)
      for (int k = 0; k < 3; ++k)
        for (int l = 0; l < 3; ++l) a[i2(i, j)] += 6.25L * o[i3(i, k, l)] * o[i3(j, k, l)];
  a = without_trace(a);
  for (const long double x : a) p[6] += 1.5L * x * x;
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 3; ++j)
      for (int k = 0; k < 3; ++k) w[static_cast<size_t>(i)] += 2.5L * o[i3(i, j, k)] * a[i2(j, k)];
  for (const long double x : w) p[7] += x * x;
  for (size_t i = 0; i < 3; ++i)
    for (size_t j = 0; j < 3; ++j)
      for (size_t k = 0; k < 3; ++k) p[8] += 2.5L * o[9 * i + 3 * j + k] * w[i] * w[j] * w[k];
  for (const long double x : v3) p[9] += x * x;
  // Order 4.
  for (size_t k = 0; k < 81; ++k) p[10] += 35.0L / 8 * h[k] * h[k];
  Tensor hh(81), b(9);
  for (size_t ij = 0; ij < 9; ++ij)
    for (size_t kl = 0; kl < 9; ++kl)
      for (size_t mn = 0; mn < 9; ++mn) hh[9 * ij + mn] += h[9 * ij + kl] * h[9 * kl + mn];
  for (size_t ij = 0; ij < 9; ++ij)
    for (size_t mn = 0; mn < 9; ++mn) p[11] += 8575.0L / 144 * hh[9 * ij + mn] * h[9 * mn + ij];
  a.assign(9, 0);
  for (size_t i = 0; i < 3; ++i)
    for (size_t j = 0; j < 3; ++j)
      for (size_t pqr = 0; pqr < 27; ++pqr) a[3 * i + j] += 49.0L / 4 * h[27 * i + pqr] * h[27 * j + pqr];
  a = without_trace(a);
  for (size_t ij = 0; ij < 9; ++ij)
    for (size_t kl = 0; kl < 9; ++kl) b[ij] += 35.0L / 12 * h[9 * ij + kl] * a[kl];
  for (size_t i = 0; i < 3; ++i)
    for (size_t j = 0; j < 3; ++j) {
      p[12] += 1.5L * a[3 * i + j] * a[3 * i + j];
      p[13] += 1.5L * a[3 * i + j] * b[3 * i + j];
      for (size_t k = 0; k < 3; ++k) {
        p[14] += 4.5L * a[3 * i + j] * a[3 * j + k] * a[3 * k + i];
        p[15] += 4.5L * a[3 * i + j] * a[3 * j + k] * b[3 * k + i];
      }
    }
  rank_two(without_trace(t), &p[16], &p[17]);
  p[18] = s4;

  // Features: amplitude times shape. A quotient whose denominator is 0, or is only rounding, is 0.
  const auto over = [](long double x, long double y, bool defined) { return defined ? x / y : 0.0L; };
  const auto root = [](long double x) { return std::sqrt(std::max(0.0L, x)); };
  std::array<long double, 19> f = p;
  f[1] = root(p[1]);
  f[2] = root(p[2]);
  f[3] = over(p[3], p[2], p[2] > 0);
  const bool third = p[5] > 0, polar = third && p[7] > 1e-60L * p[5] * p[5] * p[5];
  f[5] = root(p[5]);
  f[6] = over(root(p[6]), f[5], third);
  f[7] = over(root(p[7]), p[5], third);
  f[8] = over(p[8], p[7] * p[5] * f[5], polar);
  f[9] = root(p[9]);
  const bool fourth = p[10] > 0, uneven = fourth && p[12] > 1e-60L * p[10] * p[10];
  f[10] = root(p[10]);
  f[11] = over(p[11], p[10], fourth);
  f[12] = over(root(p[12]), f[10], fourth);
  f[13] = over(p[13], root(p[12]) * p[10], uneven);
  f[14] = over(p[14], p[12] * f[10], uneven);
  f[15] = over(p[15], p[12] * p[10], uneven);
  f[16] = root(p[16]);
  f[17] = over(p[17], p[16], p[16] > 0);
  for (size_t k = 0; k < 19; ++k) {
    atom.polynomial[k] = (double)p[k];
    atom.feature[k] = (double)f[k];
  }
  return atom;
}

inline std::vector<SfdAtom> sfd(const Frame& frame, double sigma, double cutoff, double self_weight = 0) {
  const Box& box = frame.box;
  int n[3];
  for (int k = 0; k < 3; ++k)
    n[k] = box.periodic[k] ? static_cast<int>(std::ceil(cutoff / box.height(k))) + 1 : 0;
  std::vector<SfdAtom> atoms;
  for (size_t i = 0; i < frame.position.size(); ++i) {
    const Vec3 ri = box.wrap(frame.position[i]);
    std::vector<Vec3> neighbors;
    for (size_t j = 0; j < frame.position.size(); ++j) {
      const Vec3 rj = box.wrap(frame.position[j]);
      for (int a = -n[0]; a <= n[0]; ++a)
        for (int b = -n[1]; b <= n[1]; ++b)
          for (int c = -n[2]; c <= n[2]; ++c) {
            if (i == j && a == 0 && b == 0 && c == 0) continue;
            const Vec3 r = rj + a * box.a + b * box.b + c * box.c - ri;
            if (norm_sq(r) < cutoff * cutoff) neighbors.push_back(r);
          }
    }
    atoms.push_back(sfd_of_neighbors(neighbors, sigma, self_weight));
  }
  return atoms;
}

}  // namespace grainfield::reference
