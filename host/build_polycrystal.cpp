#include "host/build_polycrystal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <tuple>
#include <utility>

#include "host/disorder.hpp"
#include "host/error.hpp"
#include "host/node_cell.hpp"
#include "host/overlap.hpp"
#include "host/random.hpp"
#include "kernels/core/parallel.hpp"

namespace grainfield {
namespace {

constexpr double tie = 1e-9;  // A: sites this close to a bisector plane are on it

Vec3 transform(const std::array<Vec3, 3>& rows, Vec3 v) {
  return {dot(rows[0], v), dot(rows[1], v), dot(rows[2], v)};
}
Vec3 transform_back(const std::array<Vec3, 3>& rows, Vec3 v) {
  return v.x * rows[0] + v.y * rows[1] + v.z * rows[2];
}
Vec3 scale(Vec3 a, Vec3 b) { return {a.x * b.x, a.y * b.y, a.z * b.z}; }

// The sites of one grain, layer by layer (m.z), row by row (m.y): each row is cut by the planes of the
// grain's cell, so that only the ends of rows are ever decided, and atoms cost no test of their own.
class GrainSites {
 public:
  GrainSites(const Lattice& lattice, const Grain& grain, const NodeCell& cell, int64_t index,
             double boundary_width)
      : n_basis_(lattice.basis.size()), width_(boundary_width) {
    const Vec3 offset = grain.lattice_origin - grain.node;  // positions here are relative to the node
    first_ = offset;
    for (int k = 0; k < 3; ++k) {
      Vec3 unit;
      unit[k] = lattice.edge[k];
      step_[k] = transform(grain.rotation, unit);
    }
    for (const Vec3& b : lattice.basis) basis_.push_back(transform(grain.rotation, scale(lattice.edge, b)));
    Vec3 low{1e300, 1e300, 1e300}, high{-1e300, -1e300, -1e300};
    for (const Vec3& v : cell.vertices) {
      const Vec3 u = transform_back(grain.rotation, v - offset);
      for (int k = 0; k < 3; ++k) {
        low[k] = std::min(low[k], u[k] / lattice.edge[k]);
        high[k] = std::max(high[k], u[k] / lattice.edge[k]);
      }
    }
    for (int k = 0; k < 3; ++k) {  // basis fractions are in [0, 1)
      low_[k] = static_cast<int64_t>(std::floor(low[k] - 1e-6)) - 1;
      high_[k] = static_cast<int64_t>(std::ceil(high[k] + 1e-6));
    }
    for (const CellFace& face : cell.faces) {
      const Vec3 d = face.separation;
      const bool wins = face.node != index
                            ? index < face.node
                            : d.x > tie || (d.x > -tie && (d.y > tie || (d.y > -tie && d.z > 0)));
      Plane plane;
      plane.bound = face.offset + (wins ? tie : -tie) - dot(face.normal, offset);
      for (int k = 0; k < 3; ++k) plane.slope[k] = dot(face.normal, step_[k]);
      for (const Vec3& b : basis_) plane.basis.push_back(dot(face.normal, b));
      if (std::fabs(plane.slope.x) < 1e-12) plane.slope.x = 0;
      planes_.push_back(std::move(plane));
    }
  }

  int64_t first_layer() const { return low_[2]; }
  int64_t n_layers() const { return high_[2] - low_[2] + 1; }

  // Number of sites in layer mz, and of those nearer to a face than the boundary width.
  std::pair<int64_t, int64_t> count(int64_t mz) const {
    std::pair<int64_t, int64_t> n{0, 0};
    for (int64_t my = low_[1]; my <= high_[1]; ++my)
      for (size_t k = 0; k < n_basis_; ++k) {
        const Row row = cut(mz, my, k);
        n.first += row.last - row.first + 1;
        n.second += (row.last - row.first + 1) - (row.inner_last - row.inner_first + 1);
      }
    return n;
  }

  // f(position relative to the node, near a face?) for the sites of layer mz in order.
  template <class F>
  void visit(int64_t mz, const F& f) const {
    std::vector<Row> rows(n_basis_);
    std::vector<Vec3> base(n_basis_);
    for (int64_t my = low_[1]; my <= high_[1]; ++my) {
      int64_t first = high_[0] + 1, last = low_[0] - 1;
      for (size_t k = 0; k < n_basis_; ++k) {
        rows[k] = cut(mz, my, k);
        if (rows[k].first > rows[k].last) continue;
        first = std::min(first, rows[k].first), last = std::max(last, rows[k].last);
        base[k] =
            first_ + basis_[k] + static_cast<double>(my) * step_[1] + static_cast<double>(mz) * step_[2];
      }
      for (int64_t mx = first; mx <= last; ++mx)
        for (size_t k = 0; k < n_basis_; ++k)
          if (mx >= rows[k].first && mx <= rows[k].last)
            f(base[k] + static_cast<double>(mx) * step_[0],
              mx < rows[k].inner_first || mx > rows[k].inner_last);
    }
  }

 private:
  struct Plane {
    double bound = 0;           // slope . m + basis[k] <= bound inside, A
    Vec3 slope;                 // per cell along each lattice direction
    std::vector<double> basis;  // per basis atom
  };
  // Cells first ... last of the row are inside; inner_first ... inner_last of them farther than the boundary
  // width from every face (empty: inner_last = inner_first - 1).
  struct Row {
    int64_t first, last, inner_first, inner_last;
  };

  Row cut(int64_t mz, int64_t my, size_t k) const {
    double low = static_cast<double>(low_[0]), high = static_cast<double>(high_[0]);
    double inner_low = low, inner_high = high;
    for (const Plane& plane : planes_) {
      const double room = plane.bound - plane.basis[k] - static_cast<double>(my) * plane.slope.y -
                          static_cast<double>(mz) * plane.slope.z;
      if (plane.slope.x == 0) {
        if (room < 0) high = low - 1;
        if (room < width_) inner_high = inner_low - 1;
      } else if (plane.slope.x > 0) {
        high = std::min(high, room / plane.slope.x);
        inner_high = std::min(inner_high, (room - width_) / plane.slope.x);
      } else {
        low = std::max(low, room / plane.slope.x);
        inner_low = std::max(inner_low, (room - width_) / plane.slope.x);
      }
    }
    Row row;
    row.first = static_cast<int64_t>(std::ceil(low));
    row.last = std::max(row.first - 1, static_cast<int64_t>(std::floor(high)));
    row.inner_first = std::clamp(static_cast<int64_t>(std::ceil(inner_low)), row.first, row.last + 1);
    row.inner_last = std::clamp(static_cast<int64_t>(std::floor(inner_high)), row.inner_first - 1, row.last);
    return row;
  }

  size_t n_basis_;
  double width_;
  Vec3 first_, step_[3];
  std::vector<Vec3> basis_;
  std::vector<Plane> planes_;
  int64_t low_[3], high_[3];
};

void check(const PolycrystalOptions& options) {
  if (options.grains.empty()) throw UsageError("no grains; expected 1 or more");
  const Box& box = options.box;
  if (!box.fully_periodic() || !(box.volume() > 0))
    throw UsageError("a polycrystal needs a right-handed box that is periodic along all three directions");
  double thickness = box.height(0);
  for (int k = 1; k < 3; ++k) thickness = std::min(thickness, box.height(k));
  if (!(options.min_distance >= 0) || options.min_distance > thickness)
    throw UsageError(fmt::format("min-distance is {} A; expected 0 up to the thickness of the box, {:.6g} A",
                                 options.min_distance, thickness));
  for (size_t g = 0; g < options.grains.size(); ++g) {
    const auto& R = options.grains[g].rotation;
    double error = norm(cross(R[0], R[1]) - R[2]) + std::fabs(norm(R[0]) - 1) + std::fabs(norm(R[1]) - 1);
    error += std::fabs(dot(R[0], R[1]));
    if (!(error < 1e-6))
      throw UsageError(fmt::format("grain {}: the matrix R is no rotation (off by {:.2g})", g + 1, error));
    if (!is_finite(options.grains[g].node) || !is_finite(options.grains[g].lattice_origin))
      throw UsageError(fmt::format("grain {}: node or lattice origin is not finite", g + 1));
  }
  const double n = options.lattice.number_density() * box.volume();
  if (n > 1e11)
    throw ResourceError(fmt::format("the polycrystal would have {:.3g} atoms; at most 1e11 are possible", n));
}

}  // namespace

Polycrystal build_polycrystal(const PolycrystalOptions& options) {
  check(options);
  Polycrystal result;
  result.grains = options.grains;
  std::vector<Grain>& grains = result.grains;
  const auto n_grains = static_cast<int64_t>(grains.size());
  const Box& box = options.box;

  // Atoms of different grains (or of a grain and its image) closer than min_distance lie nearer than that to
  // a face of their cells; atoms of one lattice only if its own neighbors are that close: then all are looked
  // at.
  const bool all_near = options.lattice.nearest_neighbor_distance() * (1 - 1e-9) < options.min_distance;
  const double width = options.min_distance > 0 && !all_near ? options.min_distance * (1 + 1e-9) + tie : 0;
  std::vector<Vec3> nodes;
  for (Grain& grain : grains) nodes.push_back(grain.node);
  const NodeTessellation tessellation(box, nodes);
  std::vector<std::unique_ptr<GrainSites>> sites(grains.size());
  std::vector<double> nearest(grains.size());
  parallel_for(
      options.threads, n_grains,
      [&](int64_t g) {
        const auto i = static_cast<size_t>(g);
        const NodeCell cell = tessellation.cell(g);
        grains[i].volume = cell.volume;
        nearest[i] = cell.faces.empty() ? 0 : 2 * cell.faces.front().offset;
        sites[i] = std::make_unique<GrainSites>(options.lattice, grains[i], cell, g, width);
      },
      1);
  for (size_t g = 0; g < grains.size(); ++g)
    if (!(nearest[g] > 0.01))
      throw UsageError(fmt::format("the node of grain {} is closer than 0.01 A to another one", g + 1));

  // Layers of all grains are the units of work: count, scan, fill.
  struct Layer {
    int64_t grain, mz, first_atom, first_near;
  };
  std::vector<Layer> layers;
  for (int64_t g = 0; g < n_grains; ++g) {
    const GrainSites& s = *sites[static_cast<size_t>(g)];
    for (int64_t l = 0; l < s.n_layers(); ++l) layers.push_back({g, s.first_layer() + l, 0, 0});
  }
  const auto n_layers = static_cast<int64_t>(layers.size());
  parallel_for(
      options.threads, n_layers,
      [&](int64_t l) {
        Layer& layer = layers[static_cast<size_t>(l)];
        std::tie(layer.first_atom, layer.first_near) =
            sites[static_cast<size_t>(layer.grain)]->count(layer.mz);
      },
      4);
  int64_t n_near = 0;
  for (Layer& layer : layers) {
    grains[static_cast<size_t>(layer.grain)].n_raw += layer.first_atom;
    layer.first_atom = std::exchange(result.n_raw, result.n_raw + layer.first_atom);
    layer.first_near = std::exchange(n_near, n_near + layer.first_near);
  }

  Frame& frame = result.frame;
  frame.box = box;
  frame.species = element_species({options.element});
  const auto n_raw = static_cast<size_t>(result.n_raw);
  frame.position.resize(n_raw);
  frame.type.assign(n_raw, 0);
  frame.columns.resize(1);
  Column& column = frame.columns[0];
  column.name = "grain";
  column.kind = Column::Kind::integer;
  column.integer.resize(n_raw);
  std::vector<int64_t> near(width > 0 ? static_cast<size_t>(n_near) : 0);
  parallel_for(
      options.threads, n_layers,
      [&](int64_t l) {
        const Layer& layer = layers[static_cast<size_t>(l)];
        const Vec3 node = grains[static_cast<size_t>(layer.grain)].node;
        int64_t i = layer.first_atom, j = layer.first_near;
        sites[static_cast<size_t>(layer.grain)]->visit(layer.mz, [&](Vec3 r, bool near_face) {
          frame.position[static_cast<size_t>(i)] = box.wrap(node + r);
          column.integer[static_cast<size_t>(i)] = layer.grain + 1;
          if (near_face && width > 0) near[static_cast<size_t>(j++)] = i;
          ++i;
        });
      },
      4);

  std::vector<int64_t> removed;
  if (options.min_distance > 0) {
    result.n_checked = all_near ? result.n_raw : n_near;
    removed = greedy_overlaps(box, frame.position, all_near ? nullptr : &near, options.min_distance,
                              options.threads);
  }
  for (Grain& grain : grains) grain.n_atoms = grain.n_raw;
  for (const int64_t i : removed)
    --grains[static_cast<size_t>(column.integer[static_cast<size_t>(i)] - 1)].n_atoms;
  remove_atoms(frame, removed);
  return result;
}

std::vector<Grain> random_grains(int n, const Box& box, const Lattice& lattice, uint64_t seed,
                                 double min_node_distance) {
  if (n < 1) throw UsageError(fmt::format("{} grains; expected 1 or more", n));
  if (!(min_node_distance >= 0) || !std::isfinite(min_node_distance))
    throw UsageError(fmt::format("min-node-distance is {} A; expected 0 or more", min_node_distance));
  std::vector<Grain> grains(static_cast<size_t>(n));
  Random place(seed, Stream::node);
  constexpr int tries = 10000;
  for (size_t g = 0; g < grains.size(); ++g) {
    int attempt = 0;
    for (bool free = false; !free; ++attempt) {
      if (attempt == tries)
        throw UsageError(
            fmt::format("only {} of {} nodes find place {} A apart in this box; use fewer grains or a "
                        "smaller min-node-distance",
                        g, n, min_node_distance));
      const double sx = place.uniform(), sy = place.uniform(), sz = place.uniform();
      grains[g].node = box.cartesian({sx, sy, sz});
      free = true;
      for (size_t h = 0; h < g && free && min_node_distance > 0; ++h)
        free = norm(box.minimum_image(grains[g].node - grains[h].node)) >= min_node_distance;
    }
    // Uniform unit quaternion (Marsaglia, Ann. Math. Stat. 43, 645 (1972)): two points in the unit disc.
    Random turn(seed, Stream::orientation, g);
    double u[2], v[2], s[2];
    for (int k = 0; k < 2; ++k) do {
        u[k] = 2 * turn.uniform() - 1, v[k] = 2 * turn.uniform() - 1;
        s[k] = u[k] * u[k] + v[k] * v[k];
      } while (s[k] >= 1 || s[k] == 0);
    const double root = std::sqrt((1 - s[0]) / s[1]);
    const double w = u[0], x = v[0], y = u[1] * root, z = v[1] * root;
    grains[g].rotation = {{{1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)},
                           {2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)},
                           {2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)}}};
    Random phase(seed, Stream::lattice_origin, g);
    Vec3 t;
    for (int k = 0; k < 3; ++k) t[k] = phase.uniform() - 0.5;
    grains[g].lattice_origin = grains[g].node + transform(grains[g].rotation, scale(lattice.edge, t));
  }
  return grains;
}

}  // namespace grainfield
