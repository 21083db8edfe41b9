// The CPU's schedule of the cells that the neighbor list completes.
#include <algorithm>
#include <bit>
#include <limits>

#include "kernels/core/launch.hpp"
#include "kernels/geometry/voronoi_kernels.hpp"
#include "kernels/geometry/voronoi_simd.hpp"

// Vectors are never passed to a function that is not inlined: the warning about how is off.
#pragma GCC diagnostic ignored "-Wpsabi"

namespace grainfield {
namespace {

// The neighbors of one atom, relative to it, and their order of distance.
struct alignas(64) SortedNeighbors {
  static constexpr int capacity = 128;
  double x[capacity + 1], y[capacity + 1], z[capacity + 1];
  double d_sq[capacity], distance[capacity], inverse[capacity];
  alignas(64) int64_t key[capacity];
  alignas(64) int64_t rank[capacity];
  int32_t j[capacity + 1];
  uint8_t order[capacity];
  int n = 0;

  SortedNeighbors() {
    for (int k = 0; k < capacity; ++k) x[k] = y[k] = z[k] = d_sq[k] = distance[k] = inverse[k] = 0, j[k] = 0;
  }

  bool before(int a, int b) const {
    if (d_sq[a] != d_sq[b]) return d_sq[a] < d_sq[b];
    if (x[a] != x[b]) return x[a] < x[b];
    if (y[a] != y[b]) return y[a] < y[b];
    return z[a] < z[b];
  }

  // false: more than fit.
  __attribute__((always_inline)) bool gather(const BatchView& batch, const NeighborView& neighbors, double radius,
                                             int64_t i) {
    const int64_t begin = neighbors.begin(i), n_listed = neighbors.end(i) - begin;
    if (n_listed > capacity) return false;
    const double xi = batch.x[i], yi = batch.y[i], zi = batch.z[i];
    const int32_t* row = neighbors.index + begin;
    n = 0;
    for (int k = 0; k < n_listed; ++k) {
      const int32_t m = row[k];
      const double dx = batch.x[m] - xi, dy = batch.y[m] - yi, dz = batch.z[m] - zi;
      j[n] = m;
      x[n] = dx;
      y[n] = dy;
      z[n] = dz;
      // The list may reach further than we asked.
      n += dx * dx + dy * dy + dz * dz < radius * radius ? 1 : 0;
    }
    for (int k = 0; k < n; ++k) {
      d_sq[k] = x[k] * x[k] + y[k] * y[k] + z[k] * z[k];
      distance[k] = std::sqrt(d_sq[k]);
      inverse[k] = 1 / distance[k];
      // Positive doubles are ordered as their bits; the lowest ones make the keys distinct.
      key[k] = (std::bit_cast<int64_t>(d_sq[k]) & ~int64_t{capacity - 1}) | k;
    }
    const int blocks = (n + 7) / 8;
    for (int k = n; k < 8 * blocks; ++k) key[k] = std::numeric_limits<int64_t>::max();
    // The rank of a key is the number of lower ones.
    for (int b = 0; b < blocks; ++b) {
      Bits8 mine, lower{};
      std::memcpy(&mine, key + 8 * b, 64);
      for (int k = 0; k < n; ++k) lower -= mine > key[k];
      std::memcpy(rank + 8 * b, &lower, 64);
    }
    for (int k = 0; k < n; ++k) order[rank[k]] = static_cast<uint8_t>(k);
    // What the keys' lowest bits hid.
    for (int m = 1; m < n; ++m) {
      const uint8_t k = order[m];
      if (__builtin_expect(d_sq[order[m - 1]] < d_sq[k], 1)) continue;
      int at = m;
      for (; at > 0 && before(k, order[at - 1]); --at) order[at] = order[at - 1];
      order[at] = k;
    }
    return true;
  }
};

// As VoronoiBuilder::build() with the neighbor list as its one shell.
__attribute__((always_inline)) inline CellState build_cell(const VoronoiBuilder& builder, SmallVoronoiCell& cell,
                                                           const SortedNeighbors& near, int32_t& partner) {
  using Cut = VoronoiCell::Cut;
  const VoronoiParams& params = builder.params;
  const BatchView& batch = builder.batch;
  const int32_t i = builder.i;
  bool closed = false;
  cell.begin(VoronoiBuilder::cube(params.list_radius, params.bound, closed));
  const bool may_stop_early = closed || params.walls;
  if (params.walls && params.bound == 0) {
    const Vec3 ri = batch.position(i);
    const VoronoiWalls& walls = params.walls[batch.system[i]];
    for (int k = 0; k < walls.n; ++k) {
      const double distance = walls.offset[k] - dot(walls.normal[k], ri);
      const Cut done = cell.cut(walls.normal[k], distance > 0 ? distance : 0, wall_plane - k);
      if (done == Cut::overflow || done == Cut::failed) return CellState::overflow;
    }
  }
  const double excess = builder.excess();
  double security = security_radius(cell.radius_sq(), excess);
  for (int m = 0; m < near.n; ++m) {
    const int k = near.order[m];
    if (near.d_sq[k] < coincidence_distance * coincidence_distance) {
      partner = near.j[k];
      return CellState::coincident;
    }
    if (near.distance[k] >= security) return CellState::complete;
    const double shift =
        params.radius ? builder.radius_sq_of(near.j[k]) - builder.radius_sq_of(i) : 0.0;
    const double plane = power_distance(near.d_sq[k], near.distance[k], shift);
    const double inverse = near.inverse[k];
    const Cut done =
        cell.cut({near.x[k] * inverse, near.y[k] * inverse, near.z[k] * inverse}, plane, near.j[k]);
    if (done == Cut::none) continue;
    if (done == Cut::empty) return CellState::empty;
    if (done == Cut::overflow || done == Cut::failed) return CellState::overflow;
    // Three planes bound nothing: the cube still does, and security is beyond the list.
    if (may_stop_early || cell.n_planes >= 10) security = security_radius(cell.radius_sq(), excess);
  }
  return params.list_radius >= security ? CellState::complete : CellState::incomplete;
}

GF_SIMD_CLONES void build_cells(const VoronoiFromList& task, SmallVoronoiCell& cell, SortedNeighbors& near,
                                int64_t begin, int64_t end) {
  VoronoiBuilder builder{task.batch, task.params};
  for (int64_t i = begin; i < end; ++i) {
    builder.i = static_cast<int32_t>(i);
    CellState state = CellState::overflow;
    if (near.gather(task.batch, task.neighbors, task.params.list_radius, i)) state = build_cell(builder, cell, near, task.out.partner[i]);
    write_cell(task.out, task.batch, task.params, i, state, cell);
  }
}

}  // namespace

void voronoi_simd(const Exec& exec, const VoronoiFromList& task) {
  for_each_range(exec, task.batch.n_local, 1024, [&](int64_t begin, int64_t end, int) {
    SmallVoronoiCell cell;
    SortedNeighbors near;
    build_cells(task, cell, near, begin, end);
  });
}

}  // namespace grainfield
