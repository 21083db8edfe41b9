#include "host/cut_out.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <tuple>
#include <vector>

#include "host/error.hpp"

namespace grainfield {
namespace {

// An atom of the snapshot, or an image of one, seen from the center.
struct Seen {
  Vec3 d;
  double r_sq = 0;
  int64_t source = 0;
};

// The center first, then by distance; equal ones in a definite order.
void sort_by_distance(std::vector<Seen>& atoms, int64_t center) {
  std::sort(atoms.begin(), atoms.end(), [center](const Seen& a, const Seen& b) {
    const bool a_is_center = a.source == center && a.r_sq == 0,
               b_is_center = b.source == center && b.r_sq == 0;
    if (a_is_center != b_is_center) return a_is_center;
    if (a.r_sq != b.r_sq) return a.r_sq < b.r_sq;
    if (a.source != b.source) return a.source < b.source;
    return std::tie(a.d.x, a.d.y, a.d.z) < std::tie(b.d.x, b.d.y, b.d.z);
  });
}

CutOut make(const Frame& frame, const std::vector<Seen>& atoms, const Vec3& center_at) {
  CutOut out;
  out.frame.species = frame.species;
  for (const Seen& a : atoms) {
    out.frame.position.push_back(center_at + a.d);
    out.frame.type.push_back(frame.type[static_cast<size_t>(a.source)]);
    out.source.push_back(a.source);
  }
  return out;
}

void check_center(const Frame& frame, int64_t center, double size, const char* what) {
  if (center < 0 || center >= frame.n_atoms())
    throw UsageError(fmt::format("cut-out: atom {} of {}", center, frame.n_atoms()));
  if (!(size > 0) || !std::isfinite(size))
    throw UsageError(fmt::format("cut-out: {} {}; expected a positive length in A", what, size));
}

}  // namespace

CutOut cut_sphere(const Frame& frame, int64_t center, double radius) {
  check_center(frame, center, radius, "radius");
  const Box& box = frame.box;
  const Vec3 at = frame.position[static_cast<size_t>(center)];
  Vec3 reach;  // fractional
  for (int k = 0; k < 3; ++k) reach[k] = radius / box.height(k) * (1 + 1e-9);
  std::vector<Seen> atoms;
  for (int64_t j = 0; j < frame.n_atoms(); ++j) {
    const Vec3 d = frame.position[static_cast<size_t>(j)] - at;
    int first[3] = {0, 0, 0}, last[3] = {0, 0, 0};
    bool outside = false;
    for (int k = 0; k < 3; ++k) {
      const double s = dot(box.reciprocal(k), d);
      if (box.periodic[k]) {
        first[k] = static_cast<int>(std::ceil(-reach[k] - s));
        last[k] = static_cast<int>(std::floor(reach[k] - s));
      } else {
        outside = outside || std::fabs(s) > reach[k];
      }
    }
    if (outside) continue;
    for (int a = first[0]; a <= last[0]; ++a)
      for (int b = first[1]; b <= last[1]; ++b)
        for (int c = first[2]; c <= last[2]; ++c) {
          const Vec3 e = d + a * box.a + b * box.b + c * box.c;
          const double r_sq = dot(e, e);
          if (r_sq <= radius * radius) atoms.push_back({e, r_sq, j});
        }
  }
  sort_by_distance(atoms, center);
  CutOut out = make(frame, atoms, {});
  out.frame.has_box = false;
  const double edge = 2 * radius + 2;
  out.frame.box =
      Box({edge, 0, 0}, {0, edge, 0}, {0, 0, edge}, {-edge / 2, -edge / 2, -edge / 2}, false, false, false);
  return out;
}

CutOut cut_cluster(const Frame& frame, int64_t center, double radius, double vacuum) {
  CutOut out = cut_sphere(frame, center, radius);
  const double edge = 2 * radius + vacuum;
  out.frame.has_box = true;
  out.frame.box = Box({edge, 0, 0}, {0, edge, 0}, {0, 0, edge});
  for (Vec3& r : out.frame.position) r += Vec3{edge / 2, edge / 2, edge / 2};
  return out;
}

CutOut cut_cell(const Frame& frame, int64_t center, double size, double min_distance) {
  check_center(frame, center, size, "size");
  if (!(min_distance >= 0 && 2 * min_distance <= size))
    throw UsageError(fmt::format(
        "cut-out: least distance {} A at the seam; expected 0 to half of the size {} A", min_distance, size));
  const Box& box = frame.box;
  double part[3];  // of the snapshot's cell vectors
  bool is_cut[3];
  for (int k = 0; k < 3; ++k) {
    is_cut[k] = !box.periodic[k] || box.height(k) > size;
    part[k] = is_cut[k] ? size / box.height(k) : 1;
  }
  const Vec3 at = frame.position[static_cast<size_t>(center)];
  std::vector<Seen> atoms;
  for (int64_t j = 0; j < frame.n_atoms(); ++j) {
    Vec3 d = frame.position[static_cast<size_t>(j)] - at;
    bool inside = true;
    for (int k = 0; k < 3 && inside; ++k) {
      double s = dot(box.reciprocal(k), d);
      if (box.periodic[k]) {
        const double shift = std::floor(s + 0.5);
        s -= shift;
        d -= shift * box.edge(k);
      }
      inside = s >= -part[k] / 2 && s < part[k] / 2;
    }
    if (inside) atoms.push_back({d, dot(d, d), j});
  }
  sort_by_distance(atoms, center);

  const Box cell(part[0] * box.a, part[1] * box.b, part[2] * box.c);
  std::vector<Vec3> seams;  // shifts that no shift of the snapshot is
  int reach[3];
  for (int k = 0; k < 3; ++k) reach[k] = 1 + static_cast<int>(std::ceil(min_distance / cell.height(k)));
  for (int a = -reach[0]; a <= reach[0]; ++a)
    for (int b = -reach[1]; b <= reach[1]; ++b)
      for (int c = -reach[2]; c <= reach[2]; ++c)
        if ((a != 0 && is_cut[0]) || (b != 0 && is_cut[1]) || (c != 0 && is_cut[2]))
          seams.push_back(a * cell.a + b * cell.b + c * cell.c);
  std::vector<Seen> kept;
  for (const Seen& atom : atoms) {
    bool clear = true;
    for (const Vec3& shift : seams) {
      const Vec3 from = atom.d + shift;
      for (size_t q = 0; q < kept.size() && clear; ++q)
        clear = norm_sq(from - kept[q].d) >= min_distance * min_distance;
      if (!clear) break;
    }
    if (clear) kept.push_back(atom);
  }
  CutOut out = make(frame, kept, 0.5 * (cell.a + cell.b + cell.c));
  out.frame.box = cell;
  out.removed = static_cast<int64_t>(atoms.size() - kept.size());
  out.whole = !is_cut[0] && !is_cut[1] && !is_cut[2];
  return out;
}

}  // namespace grainfield
