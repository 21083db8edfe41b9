// Voronoi cells face by face: the face of atom j is a large square on the plane between i and j, cut by every
// other plane in the plane itself. Slow, and shares no step with the kernel.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "host/frame.hpp"

namespace grainfield::reference {

struct VoronoiFace {
  int64_t neighbor = 0;  // index into the frame; -1: a wall
  Vec3 normal{};         // of length 1
  double distance = 0;   // of the plane, A
  double area = 0;       // A^2
  std::vector<Vec3> polygon;
};

struct VoronoiCell {
  double volume = 0, area = 0, radius = 0;
  std::vector<VoronoiFace> faces;
};

// Cell of atom i from all images with shifts up to `images` along periodic directions; walls are the faces of
// the box along free ones. radius: per species, empty for none.
inline VoronoiCell voronoi_cell(const Frame& frame, size_t i, int images,
                                const std::vector<double>& radius = {}) {
  VoronoiCell cell;
  const Box& box = frame.box;
  const Vec3 ri = frame.position[i];
  const double own = radius.empty() ? 0 : radius[static_cast<size_t>(frame.type[i])];
  int last[3];
  for (int k = 0; k < 3; ++k) last[k] = box.periodic[k] ? images : 0;
  for (int a = -last[0]; a <= last[0]; ++a)
    for (int b = -last[1]; b <= last[1]; ++b)
      for (int c = -last[2]; c <= last[2]; ++c)
        for (size_t j = 0; j < frame.position.size(); ++j) {
          if (a == 0 && b == 0 && c == 0 && j == i) continue;
          const Vec3 r = frame.position[j] + static_cast<double>(a) * box.a + static_cast<double>(b) * box.b +
                         static_cast<double>(c) * box.c - ri;
          const double other = radius.empty() ? 0 : radius[static_cast<size_t>(frame.type[j])];
          VoronoiFace face;
          face.neighbor = static_cast<int64_t>(j);
          face.normal = r / norm(r);
          face.distance = (norm_sq(r) + own * own - other * other) / (2 * norm(r));
          cell.faces.push_back(face);
        }
  for (int k = 0; k < 3; ++k)
    if (!box.periodic[k])
      for (const double side : {1.0, -1.0}) {
        VoronoiFace face;
        face.neighbor = -1;
        face.normal = side * box.reciprocal(k) / norm(box.reciprocal(k));
        const Vec3 on_wall = side > 0 ? box.origin + box.edge(k) : box.origin;
        face.distance = dot(face.normal, on_wall - ri);
        cell.faces.push_back(face);
      }
  // Near planes first: the faces of far ones vanish sooner.
  std::sort(cell.faces.begin(), cell.faces.end(),
            [](const VoronoiFace& f, const VoronoiFace& g) { return f.distance < g.distance; });
  double longest = 0;
  for (int k = 0; k < 3; ++k) longest += norm(box.edge(k));
  for (size_t f = 0; f < cell.faces.size(); ++f) {
    VoronoiFace& face = cell.faces[f];
    const Vec3 n = face.normal;
    const Vec3 axis = std::fabs(n.x) < 0.6 ? Vec3{1, 0, 0} : Vec3{0, 1, 0};
    const Vec3 u = cross(n, axis) / norm(cross(n, axis)), v = cross(n, u);
    const Vec3 center = face.distance * n;
    const double half = 4 * longest;
    std::vector<Vec3>& polygon = face.polygon;
    polygon = {center + half * u + half * v, center - half * u + half * v, center - half * u - half * v,
               center + half * u - half * v};
    for (size_t g = 0; g < cell.faces.size() && !polygon.empty(); ++g) {
      if (g == f) continue;
      const VoronoiFace& by = cell.faces[g];
      std::vector<Vec3> kept;
      for (size_t k = 0; k < polygon.size(); ++k) {
        const Vec3 p = polygon[k], q = polygon[(k + 1) % polygon.size()];
        const double sp = dot(by.normal, p) - by.distance, sq = dot(by.normal, q) - by.distance;
        if (sp <= 0) kept.push_back(p);
        if ((sp <= 0) != (sq <= 0)) kept.push_back(p + sp / (sp - sq) * (q - p));
      }
      polygon = kept;
    }
    for (size_t k = 1; k + 1 < polygon.size(); ++k)
      face.area += 0.5 * norm(cross(polygon[k] - polygon[0], polygon[k + 1] - polygon[0]));
    cell.area += face.area;
    cell.volume += face.area * face.distance / 3;
    for (const Vec3& p : polygon) cell.radius = std::max(cell.radius, norm(p));
  }
  return cell;
}

}  // namespace grainfield::reference
