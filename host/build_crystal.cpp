#include "host/build_crystal.hpp"

#include <fmt/format.h>

#include <cctype>
#include <cmath>
#include <cstdlib>
#include <numeric>

#include "host/disorder.hpp"
#include "host/error.hpp"
#include "kernels/core/parallel.hpp"

namespace grainfield {
namespace {

using Integers = std::array<int64_t, 3>;

Integers cross(const Integers& a, const Integers& b) {
  return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}
int64_t dot(const Integers& a, const Integers& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

std::string to_text(const Direction& d) { return fmt::format("[{} {} {}]", d[0], d[1], d[2]); }

// Twice the shortest lattice vector along d, in conventional-cell coordinates (the centering has halves
// only).
Integers twice_shortest(const Lattice& lattice, const Direction& d) {
  const int g = std::gcd(std::gcd(d[0], d[1]), d[2]);
  const Integers reduced{d[0] / g, d[1] / g, d[2] / g};
  for (const Vec3& t : lattice.centering) {
    bool half = true;  // is reduced/2 congruent to this centering vector?
    for (int k = 0; k < 3; ++k) half = half && (reduced[k] - std::lround(2 * t[k])) % 2 == 0;
    if (half) return reduced;
  }
  return {2 * reduced[0], 2 * reduced[1], 2 * reduced[2]};
}

}  // namespace

Direction parse_direction(const std::string& text) {
  // Separated by anything: numbers as they stand. Without separators: one digit each, with an optional sign.
  const bool separated = text.find_first_of(", \t") != std::string::npos;
  std::vector<int> values;
  for (size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (c == '[' || c == ']' || c == ',' || std::isspace(static_cast<unsigned char>(c))) {
      ++i;
      continue;
    }
    const size_t digits = i + (c == '-' || c == '+' ? 1 : 0);
    size_t end = digits;
    while (end < text.size() && std::isdigit(static_cast<unsigned char>(text[end])) && end - digits < 4 &&
           (separated || end == digits))
      ++end;
    if (end == digits) {
      values.clear();
      break;
    }
    values.push_back(std::atoi(text.substr(i, end - i).c_str()));
    i = end;
  }
  if (values.size() != 3)
    throw UsageError(
        fmt::format("'{}' is no lattice direction; expected three integers such as 1,-1,0 or 1-10", text));
  return {values[0], values[1], values[2]};
}

Frame build_crystal(const CrystalOptions& options) {
  const Lattice& lattice = options.lattice;
  Vec3 direction[3];
  for (int k = 0; k < 3; ++k) {
    const Direction& d = options.directions[k];
    if (d == Direction{0, 0, 0})
      throw UsageError(
          fmt::format("the direction along {} is [0 0 0]; expected a lattice direction", "xyz"[k]));
    for (const int u : d)
      if (std::abs(u) > 1000)
        throw UsageError(fmt::format("direction {} has an index beyond 1000 in size", to_text(d)));
    direction[k] = {d[0] * lattice.edge.x, d[1] * lattice.edge.y, d[2] * lattice.edge.z};
    if (options.repeat[k] < 1)
      throw UsageError(
          fmt::format("{} repetitions along {}; expected 1 or more", options.repeat[k], "xyz"[k]));
  }
  for (int k = 0; k < 3; ++k) {
    const int l = (k + 1) % 3;
    const double cosine =
        grainfield::dot(direction[k], direction[l]) / (norm(direction[k]) * norm(direction[l]));
    if (std::fabs(cosine) > 1e-9)
      throw UsageError(
          fmt::format("the directions {} along {} and {} along {} are not orthogonal: the angle is {:.6g} "
                      "degrees",
                      to_text(options.directions[k]), "xyz"[k], to_text(options.directions[l]), "xyz"[l],
                      std::acos(cosine) * 180 / std::acos(-1.0)));
  }
  if (grainfield::dot(direction[0], grainfield::cross(direction[1], direction[2])) < 0)
    throw UsageError(fmt::format("the directions {}, {}, {} are left-handed; reverse one of them",
                                 to_text(options.directions[0]), to_text(options.directions[1]),
                                 to_text(options.directions[2])));

  // The cell's vectors times 2, the sites times 12 (all basis positions are multiples of 1/12), and with the
  // rows of the adjugate: s_k = (site . adjugate_k) / (6 det).
  Integers vector[3], adjugate[3];
  double length[3];
  for (int k = 0; k < 3; ++k) {
    vector[k] = twice_shortest(lattice, options.directions[k]);
    length[k] = 0.5 * norm(Vec3{static_cast<double>(vector[k][0]) * lattice.edge.x,
                                static_cast<double>(vector[k][1]) * lattice.edge.y,
                                static_cast<double>(vector[k][2]) * lattice.edge.z});
  }
  for (int k = 0; k < 3; ++k) adjugate[k] = cross(vector[(k + 1) % 3], vector[(k + 2) % 3]);
  const int64_t det = dot(vector[0], adjugate[0]);  // 8 V(A, B, C) / V(conventional cell)
  const auto n_basis = static_cast<int64_t>(lattice.basis.size());
  const int64_t n_cell = det * n_basis / 8;
  const double n_atoms =
      static_cast<double>(n_cell) * options.repeat[0] * options.repeat[1] * options.repeat[2];
  if (n_atoms > 1e11)
    throw ResourceError(
        fmt::format("the crystal would have {:.3g} atoms; at most 1e11 are possible", n_atoms));

  int64_t low[3], high[3];  // cells that the parallelepiped touches
  for (int k = 0; k < 3; ++k) {
    low[k] = high[k] = 0;
    for (const Integers& v : vector) (v[k] < 0 ? low : high)[k] += v[k];
    low[k] = (low[k] - 1) / 2 - 1, high[k] = (high[k] + 1) / 2 + 1;
  }
  std::vector<Vec3> cell;  // fractional positions in the oriented cell
  cell.reserve(static_cast<size_t>(n_cell));
  const int64_t whole = 6 * det;
  for (int64_t mz = low[2]; mz <= high[2]; ++mz)
    for (int64_t my = low[1]; my <= high[1]; ++my)
      for (int64_t mx = low[0]; mx <= high[0]; ++mx)
        for (const Vec3& b : lattice.basis) {
          const Integers site{12 * mx + std::lround(12 * b.x), 12 * my + std::lround(12 * b.y),
                              12 * mz + std::lround(12 * b.z)};
          Vec3 s;
          bool inside = true;
          for (int k = 0; k < 3 && inside; ++k) {
            const int64_t numerator = dot(site, adjugate[k]);
            inside = numerator >= 0 && numerator < whole;
            s[k] = static_cast<double>(numerator) / static_cast<double>(whole);
          }
          if (inside) cell.push_back(s);
        }
  if (static_cast<int64_t>(cell.size()) != n_cell)
    throw std::logic_error(fmt::format("oriented cell has {} atoms instead of {}", cell.size(), n_cell));

  // Strain: columns of (1 + e) diag(length) are the cell vectors; turned to the lower-triangular form.
  const auto& e = options.strain;
  for (const double component : e)
    if (!std::isfinite(component)) throw UsageError("a component of the strain is not a finite number");
  Vec3 edges[3];
  const double f[3][3] = {{1 + e[0], e[5], e[4]}, {e[5], 1 + e[1], e[3]}, {e[4], e[3], 1 + e[2]}};
  for (int k = 0; k < 3; ++k) edges[k] = options.repeat[k] * length[k] * Vec3{f[0][k], f[1][k], f[2][k]};
  const double volume = grainfield::dot(edges[0], grainfield::cross(edges[1], edges[2]));
  if (!(volume > 0)) throw UsageError("the strain leaves a cell without positive volume");
  const double ax = norm(edges[0]);
  const double bx = grainfield::dot(edges[0], edges[1]) / ax;
  const double by = std::sqrt(norm_sq(edges[1]) - bx * bx);
  const double cx = grainfield::dot(edges[0], edges[2]) / ax;
  const double cy = (grainfield::dot(edges[1], edges[2]) - bx * cx) / by;
  const double cz = volume / (ax * by);

  Frame frame;
  const bool sheared = e[3] != 0 || e[4] != 0 || e[5] != 0;
  frame.box = sheared ? Box({ax, 0, 0}, {bx, by, 0}, {cx, cy, cz})
                      : Box({edges[0].x, 0, 0}, {0, edges[1].y, 0}, {0, 0, edges[2].z});
  frame.species = element_species({options.element});
  frame.position.resize(static_cast<size_t>(n_atoms));
  frame.type.assign(frame.position.size(), 0);
  const int64_t nx = options.repeat[0], ny = options.repeat[1], nz = options.repeat[2];
  parallel_for(
      options.threads, nx * ny * nz,
      [&](int64_t c) {
        const Vec3 corner{static_cast<double>(c % nx), static_cast<double>(c / nx % ny),
                          static_cast<double>(c / (nx * ny))};
        for (int64_t i = 0; i < n_cell; ++i) {
          const Vec3 s = corner + cell[static_cast<size_t>(i)];
          frame.position[static_cast<size_t>(c * n_cell + i)] = frame.box.cartesian(
              {s.x / static_cast<double>(nx), s.y / static_cast<double>(ny), s.z / static_cast<double>(nz)});
        }
      },
      std::max<int64_t>(1, 4096 / n_cell));
  return frame;
}

}  // namespace grainfield
