// One Voronoi cell: a convex polyhedron around the origin, cut by one half-space n.x <= d after the other.
//
// Every vertex lies on three planes and has three edges, also where more than three planes meet: there,
// vertices coincide and edges between them have length zero. Edge k of vertex v, number 4 v + k, lies on the
// planes plane[4 v + k] and plane[4 v + (k + 1) % 3], which go round the vertex counterclockwise as seen from
// outside; twin[] is the number that the same edge has at its other end. kernels/geometry/README.md says why,
// and how a cut decides where rounding leaves a choice.
//
// Memory is the caller's, for as many vertices and planes as it likes: a cell that needs more says
// `overflow`, and the caller begins again with more.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "kernels/core/bits.hpp"
#include "kernels/core/hd.hpp"
#include "kernels/core/vec3.hpp"

namespace grainfield {

enum class CellState : int32_t {
  complete,    // no atom further away can cut it
  empty,       // nothing of it is left (power cells only)
  incomplete,  // atoms beyond those searched may cut it
  overflow,    // needs more memory
  coincident,  // another atom lies on top of this one
  failed       // rounding left no consistent cut
};

// Whose a plane is: an atom of the batch (>= 0), a wall of the box, or a face of the cube that cells start
// from.
constexpr int32_t wall_plane = -1;  // and -2 ... -6
constexpr int32_t cube_plane = -7;

struct VoronoiTolerance {
  // A vertex is cut off if it lies further than this beyond the plane, in units of the cube's half edge.
  static constexpr double touch = 4e-15;
  // Where that gives no single ring of cut edges: wider ones, up to the last.
  static constexpr double widen = 4;
  static constexpr double last = 1e-7;
  // A face counts where its area exceeds this part of the surface of the cell.
  static constexpr double face = 1e-9;
  // Edges of a face that turn by less (radians) are one, in cells with faces that do not count.
  static constexpr double corner = 1e-4;
  // Below this part of the surface an area is summed again, from its own corner.
  static constexpr double small_face = 1e-3;
};

struct VoronoiCounts {
  double face_threshold = 1e-3;  // of the cell's surface, for coordination and index
  double face_area_min = 0;      // A^2, likewise
  double edge_threshold = 1e-6;  // edges at most this part of the cavity radius have no length
};

struct VoronoiResult {
  static constexpr int n_index = 6;  // faces with 3 ... 8 edges
  double volume = 0;                 // A^3
  double area = 0;                   // A^2
  double radius = 0;                 // A, to the farthest vertex
  int32_t faces = 0;
  int32_t coordination = 0;
  int32_t index[n_index] = {0, 0, 0, 0, 0, 0};
};

struct VoronoiCell {
  int32_t max_vertices = 0, max_planes = 0;  // multiples of 64
  double *x, *y, *z;                         // [max_vertices] A, relative to the atom
  double *vx, *vy, *vz;       // [max_vertices] the vertices without gaps, after list_vertices()
  double* s;                  // [max_vertices] distance beyond the plane of the last cut
  double *nx, *ny, *nz, *d;   // [max_planes] unit normals, distances (A)
  double *ax, *ay, *az;       // [max_planes] twice the face's area vector
  int32_t* id;                // [max_planes] whose plane
  int32_t* n_edges;           // [max_planes]
  int32_t* edge_of;           // [max_planes] an edge that goes counterclockwise round the face
  int32_t* start;             // [max_planes] scratch: new vertex whose cut edge has the plane first
  int32_t *plane, *twin;      // [4 * max_vertices]
  int32_t* list;              // [3 * max_vertices] scratch: edges
  uint64_t *alive, *outside;  // [max_vertices / 64]

  int32_t n_planes = 0;
  double half_edge = 0;  // of the cube (A)
  double widest = 0;     // the widest tolerance that a cut took, in units of half_edge
  double surface = 0;    // A^2, after measure()

  static constexpr GF_HD size_t bytes(int32_t vertices, int32_t planes) {
    return static_cast<size_t>(vertices) * (7 * 8 + 2 * 4 * 4 + 3 * 4) +
           static_cast<size_t>(vertices / 64) * 16 + static_cast<size_t>(planes) * (7 * 8 + 4 * 4);
  }

  GF_HD VoronoiCell(void* memory, int32_t vertices, int32_t planes)
      : max_vertices(vertices), max_planes(planes) {
    auto* real = static_cast<double*>(memory);
    x = real;
    y = x + vertices;
    z = y + vertices;
    s = z + vertices;
    vx = s + vertices;
    vy = vx + vertices;
    vz = vy + vertices;
    nx = vz + vertices;
    ny = nx + planes;
    nz = ny + planes;
    d = nz + planes;
    ax = d + planes;
    ay = ax + planes;
    az = ay + planes;
    alive = reinterpret_cast<uint64_t*>(az + planes);
    outside = alive + vertices / 64;
    id = reinterpret_cast<int32_t*>(outside + vertices / 64);
    n_edges = id + planes;
    edge_of = n_edges + planes;
    start = edge_of + planes;
    plane = start + planes;
    twin = plane + 4 * vertices;
    list = twin + 4 * vertices;
  }

  // A cube with this half edge (A) around the origin.
  GF_HD void begin(double half) {
    half_edge = half;
    widest = 0;
    n_planes = 6;
    for (int p = 0; p < 6; ++p) {
      const double sign = p % 2 == 0 ? 1 : -1;
      nx[p] = p / 2 == 0 ? sign : 0;
      ny[p] = p / 2 == 1 ? sign : 0;
      nz[p] = p / 2 == 2 ? sign : 0;
      d[p] = half;
      id[p] = cube_plane;
    }
    for (int w = 0; w < max_vertices / 64; ++w) alive[w] = 0;
    alive[0] = 0xff;
    for (int v = 0; v < 8; ++v) {
      const int minus[3] = {v & 1, v >> 1 & 1, v >> 2 & 1};
      x[v] = minus[0] ? -half : half;
      y[v] = minus[1] ? -half : half;
      z[v] = minus[2] ? -half : half;
      // Axes in counterclockwise order: x y z where the number of minus signs is even, else x z y.
      const bool odd = ((minus[0] + minus[1] + minus[2]) & 1) != 0;
      for (int k = 0; k < 3; ++k) {
        const int axis = odd ? (3 - k) % 3 : k;
        const int third = odd ? (3 - (k + 2) % 3) % 3 : (k + 2) % 3;  // the edge runs along this axis
        plane[4 * v + k] = 2 * axis + minus[axis];
        // At the other end the order is reversed: the edge whose third plane has the same axis.
        const int u = v ^ (1 << third);
        const int m = odd ? (third + 1) % 3 : (4 - third) % 3;
        twin[4 * v + k] = 4 * u + m;
      }
    }
  }

  enum class Cut { none, cut, empty, overflow, failed };

  // Removes what lies beyond the plane n.r = distance (n a unit vector) of `owner`.
  GF_HD Cut cut(Vec3 n, double distance, int32_t owner) {
    const int n_words = max_vertices / 64;
    for (int w = 0; w < n_words; ++w)
      for (uint64_t bits = alive[w]; bits != 0; bits &= bits - 1) {
        const int v = 64 * w + lowest_bit(bits);
        s[v] = n.x * x[v] + n.y * y[v] + n.z * z[v] - distance;
      }
    for (double tolerance = VoronoiTolerance::touch;; tolerance *= VoronoiTolerance::widen) {
      if (tolerance > VoronoiTolerance::last) return Cut::failed;
      const Cut done = cut_beyond(tolerance * half_edge, n, distance, owner);
      if (done == Cut::failed) continue;
      if (tolerance > VoronoiTolerance::touch && tolerance > widest) widest = tolerance;
      return done;
    }
  }

  // Square of the distance of the farthest vertex (A^2).
  GF_HD double radius_sq() const {
    double most = 0;
    for (int w = 0; w < max_vertices / 64; ++w)
      for (uint64_t bits = alive[w]; bits != 0; bits &= bits - 1) {
        const int v = 64 * w + lowest_bit(bits);
        const double r_sq = x[v] * x[v] + y[v] * y[v] + z[v] * z[v];
        most = r_sq > most ? r_sq : most;
      }
    return most;
  }

  // Copies the vertices to vx, vy, vz; returns their number.
  GF_HD int list_vertices() {
    int n = 0;
    for (int w = 0; w < max_vertices / 64; ++w)
      for (uint64_t bits = alive[w]; bits != 0; bits &= bits - 1, ++n) {
        const int v = 64 * w + lowest_bit(bits);
        vx[n] = x[v];
        vy[n] = y[v];
        vz[n] = z[v];
      }
    return n;
  }

  // Sums over the faces; ax[p] is then the area of face p.
  GF_HD VoronoiResult measure(const VoronoiCounts& rules) {
    VoronoiResult result;
    const double radius2 = radius_sq();
    result.radius = std::sqrt(radius2);
    const double shortest_sq = rules.edge_threshold * rules.edge_threshold * radius2;
    for (int p = 0; p < n_planes; ++p) {
      ax[p] = ay[p] = az[p] = 0;
      n_edges[p] = 0;
      edge_of[p] = -1;
    }
    for (int w = 0; w < max_vertices / 64; ++w)
      for (uint64_t bits = alive[w]; bits != 0; bits &= bits - 1) {
        const int v = 64 * w + lowest_bit(bits);
        for (int k = 0; k < 3; ++k) {
          const int e = 4 * v + k, t = twin[e], u = t >> 2;
          if (u < v) continue;
          // From v to u it goes counterclockwise round q, from u to v round p.
          const int p = plane[e], q = plane[t];
          const double cx = y[v] * z[u] - z[v] * y[u];
          const double cy = z[v] * x[u] - x[v] * z[u];
          const double cz = x[v] * y[u] - y[v] * x[u];
          ax[q] += cx, ay[q] += cy, az[q] += cz;
          ax[p] -= cx, ay[p] -= cy, az[p] -= cz;
          const double lx = x[u] - x[v], ly = y[u] - y[v], lz = z[u] - z[v];
          const int long_enough = lx * lx + ly * ly + lz * lz > shortest_sq ? 1 : 0;
          n_edges[p] += long_enough;
          n_edges[q] += long_enough;
          edge_of[q] = e;
          edge_of[p] = t;
        }
      }
    finish_faces(*this, rules, shortest_sq, result);
    return result;
  }

  // Areas, volume and counts from the area vectors, of a cell of either schedule. Leaves the areas in ax.
  template <class Cell>
  static GF_HD void finish_faces(Cell& cell, const VoronoiCounts& rules, double shortest_sq,
                                 VoronoiResult& result) {
    double surface = 0;
    for (int p = 0; p < cell.n_planes; ++p) {
      const double a = 0.5 * (cell.nx[p] * cell.ax[p] + cell.ny[p] * cell.ay[p] + cell.nz[p] * cell.az[p]);
      cell.ax[p] = a > 0 ? a : 0;
      surface += cell.ax[p];
    }
    bool has_slivers = false;
    for (int p = 0; p < cell.n_planes; ++p) {
      if (cell.edge_of[p] < 0) continue;
      if (cell.ax[p] < VoronoiTolerance::small_face * surface) cell.ax[p] = own_area(cell, p);
      has_slivers = has_slivers || !(cell.ax[p] > VoronoiTolerance::face * surface);
    }
    double volume = 0, area = 0;
    for (int p = 0; p < cell.n_planes; ++p) {
      if (cell.edge_of[p] < 0) continue;
      const double a = cell.ax[p];
      area += a;
      volume += a * cell.d[p];
      if (!(a > VoronoiTolerance::face * surface)) continue;
      ++result.faces;
      if (cell.id[p] < 0 || !(a > rules.face_threshold * surface) || a < rules.face_area_min) continue;
      ++result.coordination;
      const int n = (has_slivers ? corners(cell, p, shortest_sq) : cell.n_edges[p]) - 3;
      if (n >= 0 && n < VoronoiResult::n_index) ++result.index[n];
    }
    cell.surface = surface;
    result.area = area;
    result.volume = volume / 3;
  }

  // Corners of a face: where its edges longer than the shortest turn. A sliver beside part of an edge, which
  // does not count as a face, makes two edges of it, but no corner.
  template <class Cell>
  static GF_HD int corners(const Cell& cell, int p, double shortest_sq) {
    const int first = cell.edge_of[p];
    int n = 0, e = first, closing = -1;  // closing: the first long edge, met again at the end
    double bx = 0, by = 0, bz = 0;       // the long edge before
    for (;;) {
      const int v = e >> 2, t = cell.twin[e], u = t >> 2;
      const double lx = cell.x[u] - cell.x[v], ly = cell.y[u] - cell.y[v], lz = cell.z[u] - cell.z[v];
      const double length_sq = lx * lx + ly * ly + lz * lz;
      if (length_sq > shortest_sq) {
        if (closing >= 0) {
          const double cx = by * lz - bz * ly, cy = bz * lx - bx * lz, cz = bx * ly - by * lx;
          const double least = VoronoiTolerance::corner * VoronoiTolerance::corner * length_sq;
          n += cx * cx + cy * cy + cz * cz > least * (bx * bx + by * by + bz * bz) ? 1 : 0;
          if (e == closing) return n;
        } else {
          closing = e;
        }
        bx = lx, by = ly, bz = lz;
      }
      e = 4 * u + ((t & 3) + 2) % 3;
      if (e == first && closing < 0) return 0;  // no edge is long
    }
  }

  // Area of a face relative to one of its vertices: to rounding of the face's own size.
  template <class Cell>
  static GF_HD double own_area(const Cell& cell, int p) {
    const int first = cell.edge_of[p], v0 = first >> 2;
    double sum = 0;
    int e = first;
    do {
      const int v = e >> 2, t = cell.twin[e], u = t >> 2;
      const double bx = cell.x[v] - cell.x[v0], by = cell.y[v] - cell.y[v0], bz = cell.z[v] - cell.z[v0];
      const double cx = cell.x[u] - cell.x[v0], cy = cell.y[u] - cell.y[v0], cz = cell.z[u] - cell.z[v0];
      sum += cell.nx[p] * (by * cz - bz * cy) + cell.ny[p] * (bz * cx - bx * cz) +
             cell.nz[p] * (bx * cy - by * cx);
      e = 4 * u + ((t & 3) + 2) % 3;
    } while (e != first);
    return sum > 0 ? 0.5 * sum : 0;
  }

 private:
  GF_HD bool is_outside(int v) const { return (outside[v >> 6] >> (v & 63) & 1) != 0; }

  // The cut with `tolerance` (A); failed, and nothing changed, where the cut edges are not one ring.
  GF_HD Cut cut_beyond(double tolerance, Vec3 n, double distance, int32_t owner) {
    const int n_words = max_vertices / 64;
    int n_alive = 0, n_outside = 0;
    for (int w = 0; w < n_words; ++w) {
      outside[w] = 0;
      for (uint64_t bits = alive[w]; bits != 0; bits &= bits - 1) {
        const int b = lowest_bit(bits);
        if (s[64 * w + b] > tolerance) outside[w] |= uint64_t{1} << b;
      }
      n_alive += count_bits(alive[w]);
      n_outside += count_bits(outside[w]);
    }
    if (n_outside == 0) return Cut::none;
    if (n_outside == n_alive) return Cut::empty;

    // Edges with one end inside.
    int n_cut = 0;
    for (int w = 0; w < n_words; ++w)
      for (uint64_t bits = outside[w]; bits != 0; bits &= bits - 1) {
        const int v = 64 * w + lowest_bit(bits);
        for (int k = 0; k < 3; ++k)
          if (!is_outside(twin[4 * v + k] >> 2)) list[n_cut++] = 4 * v + k;
      }
    if (n_alive + n_cut > max_vertices || n_planes == max_planes) return Cut::overflow;

    // A vertex on each; the first free places.
    const int h = n_planes;
    int w = 0, first_new = -1;
    uint64_t free = ~alive[0];
    for (int k = 0; k < n_cut; ++k) {
      while (free == 0) free = ~alive[++w];
      const int a = 64 * w + lowest_bit(free);
      free &= free - 1;
      if (k == 0) first_new = a;
      const int e = list[k], v = e >> 2, u = twin[e] >> 2, p = plane[e], q = plane[next(e)];
      const double part = (s[u] < 0 ? s[u] : 0.0) / (s[u] - s[v]);
      x[a] = x[u] + part * (x[v] - x[u]);
      y[a] = y[u] + part * (y[v] - y[u]);
      z[a] = z[u] + part * (z[v] - z[u]);
      plane[4 * a] = p;
      plane[4 * a + 1] = q;
      plane[4 * a + 2] = h;
      twin[4 * a] = twin[e];
      start[p] = a;
      list[k] = a;
    }
    // The ring: after the vertex that leaves plane p for q comes the one that leaves q.
    int length = 0;
    for (int a = first_new; length <= n_cut;) {
      a = start[plane[4 * a + 1]];
      ++length;
      if (a == first_new) break;
    }
    if (length != n_cut) return Cut::failed;
    for (int k = 0; k < n_cut; ++k) {
      const int a = list[k], b = start[plane[4 * a + 1]];
      twin[4 * a + 1] = 4 * b + 2;
      twin[4 * b + 2] = 4 * a + 1;
      twin[twin[4 * a]] = 4 * a;
    }
    for (int word = 0; word < n_words; ++word) alive[word] &= ~outside[word];
    for (int k = 0; k < n_cut; ++k) alive[list[k] >> 6] |= uint64_t{1} << (list[k] & 63);
    nx[h] = n.x;
    ny[h] = n.y;
    nz[h] = n.z;
    d[h] = distance;
    id[h] = owner;
    ++n_planes;
    return Cut::cut;
  }

  static GF_HD int next(int e) { return (e & 3) == 2 ? e - 2 : e + 1; }
};

}  // namespace grainfield
