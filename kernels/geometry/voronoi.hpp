// Exact Voronoi cells.
//
// Formula  the cell of atom i is { r : |r - ri| <= |r - rj| for all j }: the polyhedron that the half-spaces
//          rij.x <= |rij|^2 / 2 (x = r - ri) leave. With radii R, the power cell: rij.x <= (|rij|^2 + Ri^2 -
//          Rj^2) / 2. Volume = 1/3 sum over faces of area x distance of the plane, area = sum of the faces.
//          Atoms are tried in order of distance until none further away can reach a vertex: |rij| >=
//          rho + sqrt(rho^2 + Rmax^2 - Ri^2), rho the distance of the farthest vertex (2 rho without radii).
//          A face exists if its area exceeds 1e-9 of the cell's; it counts for coordination and index if it
//          exceeds `face_threshold` of it and is no smaller than `face_area_min`; an edge has length if it is
//          longer than 1e-6 rho.
// Source   Rycroft, Chaos 19, 041111 (2009), for the order and the radius at which to stop; Ray, Sokolov,
//          Lefebvre, Levy, ACM Trans. Graph. 37, 265 (2018), for vertices as triples of planes.
//          Coordination as in OVITO with its relative face threshold.
// In       positions [n] A; neighbor lists with a cutoff of `list_radius`; cells of the batch.
// Out      volume A^3, area A^2, radius A (cavity), faces, coordination, index [6]: faces with 3 ... 8 edges;
//          state: complete, or why not.
// Edges    walls where the box is free; images of i are neighbors like any other; an atom closer than 1e-4 A:
//          coincident. Degenerate vertices: kernels/geometry/README.md.
// Cost     per bcc cell: 26 neighbors of 28 bytes read, 60 bytes written; 14 cuts, 6,000 flops. Latency
//          of dependent steps is what binds (kernels/geometry/README.md).
// Team     1.
// Order    atoms by (distance, x, y, z of rij), vertices and planes by number: the same bits for any number
// of
//          threads, cut into slabs, and schedule.
// Test     tests/kernels/test_voronoi.cpp
#pragma once

#include "host/registry.hpp"
#include "kernels/core/view.hpp"
#include "kernels/geometry/voronoi_cell.hpp"
#include "kernels/neighbors/neighbor_list.hpp"

namespace grainfield {

// The planes that bound a system along its free directions: normal.r <= offset.
struct VoronoiWalls {
  int32_t n = 0;
  Vec3 normal[6];
  double offset[6] = {0, 0, 0, 0, 0, 0};  // A
};

struct VoronoiParams {
  double list_radius = 0;               // A: the neighbor list holds all within it
  double reach = 0;                     // A: so far atoms are searched
  double bound = 0;                     // A: half edge of the cube that bounds every cell; 0: none
  const double* radius = nullptr;       // [species] A; null: no radii
  double largest_radius = 0;            // A
  const VoronoiWalls* walls = nullptr;  // [systems]
  VoronoiCounts rules;
};

struct VoronoiOutput {
  double *volume = nullptr, *area = nullptr, *radius = nullptr;  // [n_local]
  int32_t *faces = nullptr, *coordination = nullptr;             // [n_local]
  int32_t* index = nullptr;                                      // [n_local][6]
  CellState* state = nullptr;                                    // [n_local]
  int32_t* partner = nullptr;                                    // [n_local] of a coincident atom
  // The faces of atom i begin at face_first[i]; null: not wanted.
  const int64_t* face_first = nullptr;
  int32_t* face_neighbor = nullptr;  // atom of the batch, or wall_plane ... cube_plane
  double *face_area = nullptr, *face_distance = nullptr;
};

// Atoms near one atom, relative to it; memory is the caller's.
struct VoronoiCandidates {
  struct Candidate {
    double d_sq;  // A^2
    Vec3 r;       // A
    int32_t j;
    GF_HD bool operator<(const Candidate& o) const {
      if (d_sq != o.d_sq) return d_sq < o.d_sq;
      if (r.x != o.r.x) return r.x < o.r.x;
      if (r.y != o.r.y) return r.y < o.r.y;
      return r.z < o.r.z;
    }
  };
  Candidate* data = nullptr;
  int32_t capacity = 0;
  int32_t n = 0;

  // The vertices of the cell so far: atoms whose planes lie beyond all of them are left out. n = 0: none is.
  const double *vx = nullptr, *vy = nullptr, *vz = nullptr;
  int32_t n_vertices = 0;

  // half: the plane's distance times that of the atom, A^2.
  GF_HD bool can_cut(Vec3 r, double half) const {
    if (n_vertices == 0) return true;
    int32_t n_beyond = 0;
    for (int v = 0; v < n_vertices; ++v) n_beyond += r.x * vx[v] + r.y * vy[v] + r.z * vz[v] > half ? 1 : 0;
    return n_beyond > 0;
  }
  // Whether an atom in the box low ... high may: whether it is nearer to a vertex than the origin is. excess:
  // of the largest radius over the own one, squares, A^2.
  GF_HD bool can_cut(Vec3 low, Vec3 high, double excess) const {
    if (n_vertices == 0) return true;
    int32_t n_near = 0;
    for (int v = 0; v < n_vertices; ++v) {
      const double x = vx[v], y = vy[v], z = vz[v];
      const double dx = x < low.x ? low.x - x : x > high.x ? x - high.x : 0.0;
      const double dy = y < low.y ? low.y - y : y > high.y ? y - high.y : 0.0;
      const double dz = z < low.z ? low.z - z : z > high.z ? z - high.z : 0.0;
      n_near += dx * dx + dy * dy + dz * dz < (x * x + y * y + z * z) * (1 + 1e-9) + excess ? 1 : 0;
    }
    return n_near > 0;
  }
  GF_HD void add(const Candidate& c) {
    if (n < capacity) data[n] = c;
    ++n;  // beyond the capacity they are counted only
  }
  GF_HD void sort() {
    if (n <= 32) {
      for (int k = 1; k < n; ++k) {
        const Candidate c = data[k];
        int at = k;
        for (; at > 0 && c < data[at - 1]; --at) data[at] = data[at - 1];
        data[at] = c;
      }
      return;
    }
    for (int k = n / 2 - 1; k >= 0; --k) sink(k, n);
    for (int end = n - 1; end > 0; --end) {
      const Candidate c = data[0];
      data[0] = data[end];
      data[end] = c;
      sink(0, end);
    }
  }

 private:
  GF_HD void sink(int k, int end) {
    const Candidate c = data[k];
    for (int child = 2 * k + 1; child < end; child = 2 * k + 1) {
      if (child + 1 < end && data[child] < data[child + 1]) ++child;
      if (!(c < data[child])) break;
      data[k] = data[child];
      k = child;
    }
    data[k] = c;
  }
};

// The distance (A) beyond which no atom can cut a cell whose farthest vertex is rho away.
GF_HD inline double security_radius(double rho_sq, double excess) {
  const double rho = std::sqrt(rho_sq);
  return excess > 0 ? rho + std::sqrt(rho_sq + excess) : 2 * rho;
}

// The plane between two atoms: unit normal, and distance from the first.
GF_HD inline double power_distance(double d_sq, double distance, double excess_of_other) {
  return 0.5 * (d_sq - excess_of_other) / distance;
}

// One atom's cell from the atoms within `reach`, shell by shell; shells are gathered by
// gather(inner, outer): inner <= distance < outer.
struct VoronoiBuilder {
  BatchView batch;
  VoronoiParams params;
  int32_t i = 0;
  int32_t partner = -1;  // of a coincident atom

  GF_HD double radius_sq_of(int32_t j) const {
    const double r = params.radius[batch.type[j]];
    return r * r;
  }
  // Rmax^2 - Ri^2.
  GF_HD double excess() const {
    return params.radius ? params.largest_radius * params.largest_radius - radius_sq_of(i) : 0.0;
  }

  // Adds atom j at r, unless its plane passes the cell by.
  GF_HD void consider(VoronoiCandidates& near, Vec3 r, double d_sq, int32_t j) const {
    const double shift = params.radius ? radius_sq_of(j) - radius_sq_of(i) : 0.0;
    // 1e-9: rounding costs no atom.
    if (near.can_cut(r, 0.5 * (d_sq - shift) - 1e-9 * d_sq)) near.add({d_sq, r, j});
  }

  // Half edge of the cube that a cell starts from, and whether its faces are walls.
  GF_HD static double cube(double reach, double bound, bool& closed) {
    closed = bound > 0 && bound <= 0.51 * reach;
    return closed ? bound : 0.51 * reach;
  }

  // Rounding is that of the cube: a much smaller cell has to begin again from a smaller one.
  GF_HD static bool cube_too_large(double radius_sq, double half) {
    return radius_sq < 0.015625 * half * half;
  }

  // jitter: planes move by so much of their distance, each its own part of it; 0 but after a failure.
  template <class Gather>
  GF_HD CellState build(VoronoiCell& cell, VoronoiCandidates& near, double first_shell, double reach,
                        double half, double jitter, const Gather& gather) {
    using Cut = VoronoiCell::Cut;
    cell.begin(half);
    const Vec3 ri = batch.position(i);
    if (params.walls && params.bound == 0) {
      const VoronoiWalls& walls = params.walls[batch.system[i]];
      for (int k = 0; k < walls.n; ++k) {
        const double distance = walls.offset[k] - dot(walls.normal[k], ri);
        const Cut done = cell.cut(walls.normal[k], distance > 0 ? distance : 0, wall_plane - k);
        if (done == Cut::overflow) return CellState::overflow;
        if (done == Cut::failed) return CellState::failed;
      }
    }
    const double w = excess();
    double security = security_radius(cell.radius_sq(), w);
    double inner = 0, outer = first_shell < reach ? first_shell : reach;
    for (;;) {
      near.vx = cell.vx;
      near.vy = cell.vy;
      near.vz = cell.vz;
      near.n_vertices = inner > 0 ? cell.list_vertices() : 0;
      near.n = 0;
      gather(near, inner, outer);
      while (near.n > near.capacity) {  // fewer at a time
        const double middle = 0.5 * (inner + outer);
        if (!(middle - inner > 1e-6 * outer)) return CellState::overflow;
        outer = middle;
        near.n = 0;
        gather(near, inner, outer);
      }
      near.sort();
      for (int k = 0; k < near.n; ++k) {
        const auto& c = near.data[k];
        if (c.d_sq < coincidence_distance * coincidence_distance) {
          partner = c.j;
          return CellState::coincident;
        }
        const double distance = std::sqrt(c.d_sq);
        if (distance >= security) return CellState::complete;
        const double shift = params.radius ? radius_sq_of(c.j) - radius_sq_of(i) : 0.0;
        double plane = power_distance(c.d_sq, distance, shift);
        if (jitter > 0) plane += jitter * distance * hashed(cell.n_planes);
        const double inverse = 1 / distance;
        const Cut done = cell.cut({c.r.x * inverse, c.r.y * inverse, c.r.z * inverse}, plane, c.j);
        if (done == Cut::none) continue;
        if (done == Cut::empty) return CellState::empty;
        if (done == Cut::overflow) return CellState::overflow;
        if (done == Cut::failed) return CellState::failed;
        security = security_radius(cell.radius_sq(), w);
      }
      if (outer >= security) return CellState::complete;
      if (outer >= reach) return CellState::incomplete;
      inner = outer;
      // Not beyond what can matter now.
      const double wider = (near.n < 32 ? 2 : 1.3) * outer;
      const double next = wider < security ? wider : security * (1 + 1e-12);
      outer = next < reach ? next : reach;
    }
  }

  // -1 ... 1, from a number.
  GF_HD static double hashed(int32_t k) {
    auto h = static_cast<uint32_t>(k) * 2654435761u;
    h ^= h >> 15;
    h *= 2246822519u;
    h ^= h >> 13;
    return static_cast<double>(h) * 0x1p-31 - 1;
  }
};

// Writes what a cell yields. Works for cells of either schedule.
template <class Cell>
GF_HD void write_cell(const VoronoiOutput& out, const BatchView& batch, const VoronoiParams& params,
                      int64_t i, CellState state, Cell& cell) {
  out.state[i] = state;
  if (state != CellState::complete && state != CellState::empty) return;
  VoronoiResult r;
  if (state == CellState::complete) r = cell.measure(params.rules);
  out.volume[i] = r.volume;
  out.area[i] = r.area;
  out.radius[i] = r.radius;
  out.faces[i] = r.faces;
  out.coordination[i] = r.coordination;
  for (int k = 0; k < VoronoiResult::n_index; ++k) out.index[VoronoiResult::n_index * i + k] = r.index[k];
  if (!out.face_first || state == CellState::empty) return;
  int64_t at = out.face_first[i];
  for (int p = 0; p < cell.n_planes && at < out.face_first[i + 1]; ++p) {
    if (cell.edge_of[p] < 0 || !(cell.ax[p] > VoronoiTolerance::face * cell.surface)) continue;
    const int32_t j = cell.id[p];
    out.face_neighbor[at] = j;
    out.face_area[at] = cell.ax[p];
    out.face_distance[at] = j >= 0 ? norm(batch.position(j) - batch.position(i)) : cell.d[p];
    ++at;
  }
}

AnalysisEntry voronoi_entry();

}  // namespace grainfield
