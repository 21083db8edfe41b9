#include "host/node_cell.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace grainfield {
namespace {

constexpr double touching = 1e-6;  // A

// A convex polyhedron as the loops of its faces.
struct Polyhedron {
  std::vector<std::vector<Vec3>> faces;

  explicit Polyhedron(double half) {  // a cube about the origin
    const double h = half;
    const Vec3 v[8] = {{-h, -h, -h}, {h, -h, -h}, {h, h, -h}, {-h, h, -h},
                       {-h, -h, h},  {h, -h, h},  {h, h, h},  {-h, h, h}};
    for (const auto& f : {std::array<int, 4>{0, 3, 2, 1},
                          {4, 5, 6, 7},
                          {0, 1, 5, 4},
                          {1, 2, 6, 5},
                          {2, 3, 7, 6},
                          {3, 0, 4, 7}})
      faces.push_back({v[f[0]], v[f[1]], v[f[2]], v[f[3]]});
  }

  // Keeps the part with normal . r <= offset; false where the plane misses it.
  bool clip(Vec3 normal, double offset, double tolerance) {
    bool cuts = false;
    for (const auto& face : faces)
      for (const Vec3& v : face) cuts = cuts || dot(normal, v) > offset + tolerance;
    if (!cuts) return false;
    std::vector<std::vector<Vec3>> kept;
    std::vector<Vec3> cap;
    for (const auto& face : faces) {
      std::vector<Vec3> loop;
      for (size_t a = 0; a < face.size(); ++a) {
        const Vec3 v = face[a], w = face[(a + 1) % face.size()];
        const double dv = dot(normal, v) - offset, dw = dot(normal, w) - offset;
        const bool in_v = dv <= tolerance, in_w = dw <= tolerance;
        if (in_v) {
          loop.push_back(v);
          if (dv >= -tolerance) cap.push_back(v);
        }
        if (in_v != in_w && std::fabs(in_v ? dv : dw) > tolerance) {
          const Vec3 crossing = v + dv / (dv - dw) * (w - v);
          loop.push_back(crossing);
          cap.push_back(crossing);
        }
      }
      if (loop.size() >= 3) kept.push_back(std::move(loop));
    }
    if (cap.size() >= 3) {  // order the points of the new face around their mean
      Vec3 mean;
      for (const Vec3& v : cap) mean += v / static_cast<double>(cap.size());
      const Vec3 axis = std::fabs(normal.x) < 0.6 ? Vec3{1, 0, 0} : Vec3{0, 1, 0};
      const Vec3 e1 = cross(normal, axis) / norm(cross(normal, axis)), e2 = cross(normal, e1);
      std::vector<std::pair<double, Vec3>> turned;
      for (const Vec3& v : cap) turned.push_back({std::atan2(dot(e2, v - mean), dot(e1, v - mean)), v});
      std::sort(turned.begin(), turned.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
      std::vector<Vec3> loop;  // every point came from two or more faces: keep one
      for (const auto& [angle, v] : turned)
        if (loop.empty() || norm(v - loop.back()) > tolerance) loop.push_back(v);
      if (loop.size() > 1 && norm(loop.front() - loop.back()) <= tolerance) loop.pop_back();
      if (loop.size() >= 3) kept.push_back(std::move(loop));
    }
    faces = std::move(kept);
    return true;
  }

  double radius() const {
    double r_sq = 0;
    for (const auto& face : faces)
      for (const Vec3& v : face) r_sq = std::max(r_sq, norm_sq(v));
    return std::sqrt(r_sq);
  }
  double volume() const {  // tetrahedra from the origin, which is inside
    double six_v = 0;
    for (const auto& face : faces)
      for (size_t a = 1; a + 1 < face.size(); ++a)
        six_v += std::fabs(dot(face[0], cross(face[a], face[a + 1])));
    return six_v / 6;
  }
};

}  // namespace

NodeTessellation::NodeTessellation(const Box& box, const std::vector<Vec3>& nodes) : box_(box) {
  for (const Vec3& node : nodes) nodes_.push_back(box.wrap(node));
  const double spacing = std::cbrt(box.volume() / static_cast<double>(nodes.size()));
  for (int k = 0; k < 3; ++k) n_[k] = std::max<int64_t>(1, static_cast<int64_t>(box.height(k) / spacing));
  const auto cell_of = [&](Vec3 r) {
    const Vec3 s = box_.fractional(r);
    int64_t m[3];
    for (int k = 0; k < 3; ++k)
      m[k] = std::clamp<int64_t>(static_cast<int64_t>(s[k] * static_cast<double>(n_[k])), 0, n_[k] - 1);
    return static_cast<size_t>((m[2] * n_[1] + m[1]) * n_[0] + m[0]);
  };
  start_.assign(static_cast<size_t>(n_[0] * n_[1] * n_[2]) + 1, 0);
  for (const Vec3& node : nodes_) ++start_[cell_of(node) + 1];
  for (size_t c = 1; c < start_.size(); ++c) start_[c] += start_[c - 1];
  std::vector<int64_t> next(start_.begin(), start_.end() - 1);
  order_.resize(nodes_.size());
  for (size_t i = 0; i < nodes_.size(); ++i)
    order_[static_cast<size_t>(next[cell_of(nodes_[i])]++)] = static_cast<int64_t>(i);
}

std::vector<CellFace> NodeTessellation::neighbors(int64_t i, double radius) const {
  const Vec3 center = nodes_[static_cast<size_t>(i)];
  const Vec3 s = box_.fractional(center);
  int64_t low[3], high[3];
  for (int k = 0; k < 3; ++k) {
    const double layers = static_cast<double>(n_[k]), reach = radius / box_.height(k);
    low[k] = static_cast<int64_t>(std::floor((s[k] - reach) * layers)) - 1;
    high[k] = static_cast<int64_t>(std::floor((s[k] + reach) * layers)) + 1;
  }
  std::vector<CellFace> found;
  const auto floor_div = [](int64_t a, int64_t b) { return a >= 0 ? a / b : -((b - 1 - a) / b); };
  for (int64_t z = low[2]; z <= high[2]; ++z)
    for (int64_t y = low[1]; y <= high[1]; ++y)
      for (int64_t x = low[0]; x <= high[0]; ++x) {
        const int64_t image[3] = {floor_div(x, n_[0]), floor_div(y, n_[1]), floor_div(z, n_[2])};
        const Vec3 shift = static_cast<double>(image[0]) * box_.a + static_cast<double>(image[1]) * box_.b +
                           static_cast<double>(image[2]) * box_.c;
        const auto c = static_cast<size_t>(((z - image[2] * n_[2]) * n_[1] + (y - image[1] * n_[1])) * n_[0] +
                                           (x - image[0] * n_[0]));
        for (int64_t p = start_[c]; p < start_[c + 1]; ++p) {
          const int64_t j = order_[static_cast<size_t>(p)];
          const Vec3 d = nodes_[static_cast<size_t>(j)] + shift - center;
          const double length = norm(d);
          if (length > radius || (j == i && image[0] == 0 && image[1] == 0 && image[2] == 0)) continue;
          // Coincident nodes have no bisector; offset 0 tells the caller.
          found.push_back({length > 0 ? d / length : Vec3{1, 0, 0}, 0.5 * length, j, d});
        }
      }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.offset < b.offset; });
  return found;
}

NodeCell NodeTessellation::cell(int64_t i) const {
  // A cell is never larger than the one made by the node's own images: half of the sum of the edges.
  const double bound = norm(box_.a) + norm(box_.b) + norm(box_.c);
  const double tolerance = 1e-12 * bound;
  double radius = 3 * std::cbrt(box_.volume() / static_cast<double>(nodes_.size()));
  for (;;) {
    const std::vector<CellFace> planes = neighbors(i, radius);
    Polyhedron polyhedron(bound);
    double reach = polyhedron.radius();
    for (const CellFace& plane : planes) {
      if (plane.offset > reach + touching) break;
      if (polyhedron.clip(plane.normal, plane.offset, tolerance)) reach = polyhedron.radius();
    }
    if (radius < 2 * (reach + touching)) {  // nodes beyond the search radius could still cut
      radius = std::min(2 * radius, 2.01 * reach + 2 * touching);
      continue;
    }
    NodeCell cell;
    cell.volume = polyhedron.volume();
    cell.radius = reach;
    for (const auto& face : polyhedron.faces)
      cell.vertices.insert(cell.vertices.end(), face.begin(), face.end());
    for (const CellFace& plane : planes) {
      if (plane.offset > reach + touching) break;
      bool touches = false;
      for (const Vec3& v : cell.vertices) touches = touches || dot(plane.normal, v) > plane.offset - touching;
      if (touches) cell.faces.push_back(plane);
    }
    return cell;
  }
}

}  // namespace grainfield
