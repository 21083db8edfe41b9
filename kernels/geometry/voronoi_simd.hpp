// The CPU's schedule of one Voronoi cell: the same polyhedron and the same steps as VoronoiCell, in the same
// order and to the same bits, for cells of at most 64 vertices. Sets of vertices are the bits of one word;
// distances of vertices from a plane are taken eight at a time.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "kernels/geometry/voronoi_cell.hpp"

namespace grainfield {

// Eight lanes: one AVX-512 register, or what the compiler makes of them elsewhere.
typedef double Lanes8 __attribute__((vector_size(64)));
typedef int64_t Bits8 __attribute__((vector_size(64)));

struct alignas(64) SmallVoronoiCell {
  static constexpr int max_vertices = 64;
  static constexpr int max_planes = 128;

  double x[max_vertices], y[max_vertices], z[max_vertices], s[max_vertices];
  double nx[max_planes], ny[max_planes], nz[max_planes], d[max_planes];
  double ax[max_planes], ay[max_planes], az[max_planes];
  int32_t id[max_planes], n_edges[max_planes], edge_of[max_planes];
  uint8_t plane[4 * max_vertices], twin[4 * max_vertices];
  uint8_t start[max_planes];
  uint8_t list[3 * max_vertices];
  uint64_t alive = 0;
  int32_t n_planes = 0;
  double half_edge = 0, widest = 0, surface = 0;

  SmallVoronoiCell() {
    std::memset(static_cast<void*>(x), 0, sizeof x + sizeof y + sizeof z + sizeof s);
    alignas(16) unsigned char memory[VoronoiCell::bytes(64, 64)];
    VoronoiCell cube(memory, 64, 64);
    cube.begin(1);
    for (int v = 0; v < 8; ++v) {
      cube_x[v] = cube.x[v], cube_y[v] = cube.y[v], cube_z[v] = cube.z[v];
      for (int k = 0; k < 3; ++k) {
        cube_plane_of[4 * v + k] = static_cast<uint8_t>(cube.plane[4 * v + k]);
        cube_twin[4 * v + k] = static_cast<uint8_t>(cube.twin[4 * v + k]);
      }
      cube_plane_of[4 * v + 3] = cube_twin[4 * v + 3] = 0;
    }
    for (int p = 0; p < 6; ++p) nx[p] = cube.nx[p], ny[p] = cube.ny[p], nz[p] = cube.nz[p], id[p] = cube.id[p];
  }

  __attribute__((always_inline)) void begin(double half) {
    half_edge = half;
    widest = 0;
    n_planes = 6;
    alive = 0xff;
    for (int v = 0; v < 8; ++v) x[v] = half * cube_x[v], y[v] = half * cube_y[v], z[v] = half * cube_z[v];
    std::memcpy(plane, cube_plane_of, sizeof cube_plane_of);
    std::memcpy(twin, cube_twin, sizeof cube_twin);
    for (int p = 0; p < 6; ++p) d[p] = half;
  }

  using Cut = VoronoiCell::Cut;

  __attribute__((always_inline)) Cut cut(Vec3 n, double distance, int32_t owner) {
    const int blocks = (71 - __builtin_clzll(alive)) >> 3;  // of eight vertices
    const double tolerance = VoronoiTolerance::touch * half_edge;
    Bits8 hits{};
    const Bits8 lane = {1, 2, 4, 8, 16, 32, 64, 128};
    for (int b = 0; b < blocks; ++b) {
      Lanes8 vx, vy, vz;
      std::memcpy(&vx, x + 8 * b, 64);
      std::memcpy(&vy, y + 8 * b, 64);
      std::memcpy(&vz, z + 8 * b, 64);
      const Lanes8 beyond = n.x * vx + n.y * vy + n.z * vz - distance;
      std::memcpy(s + 8 * b, &beyond, 64);
      hits |= (beyond > tolerance) & (lane << (8 * b));
    }
    const uint64_t outside = any_of(hits) & alive;
    if (outside == 0) return Cut::none;
    const Cut done = remove(outside, n, distance, owner);
    return __builtin_expect(done == Cut::failed, 0) ? cut_wider(n, distance, owner) : done;
  }

  __attribute__((always_inline)) double radius_sq() const {
    const int blocks = (71 - __builtin_clzll(alive)) >> 3;
    const Bits8 lane = {1, 2, 4, 8, 16, 32, 64, 128};
    Lanes8 most{};
    for (int b = 0; b < blocks; ++b) {
      Lanes8 vx, vy, vz;
      std::memcpy(&vx, x + 8 * b, 64);
      std::memcpy(&vy, y + 8 * b, 64);
      std::memcpy(&vz, z + 8 * b, 64);
      const Lanes8 r_sq = vx * vx + vy * vy + vz * vz;
      const Bits8 here = (Bits8{} + static_cast<int64_t>(alive >> (8 * b))) & lane;
      const Lanes8 of_alive = here != 0 ? r_sq : Lanes8{};
      most = of_alive > most ? of_alive : most;
    }
    double result = 0;
    for (int l = 0; l < 8; ++l) result = most[l] > result ? most[l] : result;
    return result;
  }

  __attribute__((always_inline)) VoronoiResult measure(const VoronoiCounts& rules) {
    VoronoiResult result;
    const double radius2 = radius_sq();
    result.radius = std::sqrt(radius2);
    const double shortest_sq = rules.edge_threshold * rules.edge_threshold * radius2;
    for (int p = 0; p < n_planes; ++p) {
      ax[p] = ay[p] = az[p] = 0;
      n_edges[p] = 0;
      edge_of[p] = -1;
    }
    int n = 0;
    for (uint64_t bits = alive; bits != 0; bits &= bits - 1) {
      const int v = __builtin_ctzll(bits);
      for (int k = 0; k < 3; ++k) {
        list[n] = static_cast<uint8_t>(4 * v + k);
        n += twin[4 * v + k] >> 2 >= v ? 1 : 0;
      }
    }
    for (int m = 0; m < n; ++m) {
      const int e = list[m], v = e >> 2, t = twin[e], u = t >> 2, p = plane[e], q = plane[t];
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
    VoronoiCell::finish_faces(*this, rules, result);
    return result;
  }

 private:
  double cube_x[8], cube_y[8], cube_z[8];
  uint8_t cube_plane_of[32], cube_twin[32];

  static __attribute__((always_inline)) uint64_t any_of(Bits8 v) {
    uint64_t all = 0;
    for (int l = 0; l < 8; ++l) all |= static_cast<uint64_t>(v[l]);
    return all;
  }

  __attribute__((always_inline)) Cut remove(uint64_t outside, Vec3 n, double distance, int32_t owner) {
    if (outside == alive) return Cut::empty;
    int n_cut = 0;
    for (uint64_t bits = outside; bits != 0; bits &= bits - 1) {
      const int v = __builtin_ctzll(bits);
      for (int k = 0; k < 3; ++k) {
        list[n_cut] = static_cast<uint8_t>(4 * v + k);
        n_cut += static_cast<int>(~(outside >> (twin[4 * v + k] >> 2)) & 1);
      }
    }
    if (__builtin_popcountll(alive) + n_cut > max_vertices || n_planes == max_planes) return Cut::overflow;

    const int h = n_planes;
    uint64_t free = ~alive, added = 0;
    const int first_new = __builtin_ctzll(free);
    for (int k = 0; k < n_cut; ++k) {
      const int a = __builtin_ctzll(free);
      added |= free & -free;
      free &= free - 1;
      const int e = list[k], v = e >> 2, u = twin[e] >> 2, p = plane[e], q = plane[next(e)];
      const double part = s[u] < 0 ? s[u] / (s[u] - s[v]) : 0;
      x[a] = x[u] + part * (x[v] - x[u]);
      y[a] = y[u] + part * (y[v] - y[u]);
      z[a] = z[u] + part * (z[v] - z[u]);
      const uint32_t planes = static_cast<uint32_t>(p | q << 8 | h << 16);
      std::memcpy(plane + 4 * a, &planes, 4);
      twin[4 * a] = twin[e];
      start[p] = static_cast<uint8_t>(a);
      list[k] = static_cast<uint8_t>(a);
    }
    int length = 0;
    for (int a = first_new; length <= n_cut;) {
      const int b = start[plane[4 * a + 1]];
      twin[4 * a + 1] = static_cast<uint8_t>(4 * b + 2);
      twin[4 * b + 2] = static_cast<uint8_t>(4 * a + 1);
      a = b;
      ++length;
      if (a == first_new) break;
    }
    if (__builtin_expect(length != n_cut, 0)) return Cut::failed;
    for (int k = 0; k < n_cut; ++k) {
      const int a = list[k];
      twin[twin[4 * a]] = static_cast<uint8_t>(4 * a);
    }
    alive = (alive & ~outside) | added;
    nx[h] = n.x;
    ny[h] = n.y;
    nz[h] = n.z;
    d[h] = distance;
    id[h] = owner;
    ++n_planes;
    return Cut::cut;
  }

  Cut cut_wider(Vec3 n, double distance, int32_t owner) {
    for (double tolerance = VoronoiTolerance::touch * VoronoiTolerance::widen; tolerance <= VoronoiTolerance::last;
         tolerance *= VoronoiTolerance::widen) {
      uint64_t outside = 0;
      for (uint64_t bits = alive; bits != 0; bits &= bits - 1) {
        const int v = __builtin_ctzll(bits);
        if (s[v] > tolerance * half_edge) outside |= uint64_t{1} << v;
      }
      const Cut done = outside == 0 ? Cut::none : remove(outside, n, distance, owner);
      if (done == Cut::failed) continue;
      widest = tolerance > widest ? tolerance : widest;
      return done;
    }
    return Cut::failed;
  }

  static int next(int e) { return (e & 3) == 2 ? e - 2 : e + 1; }
};

}  // namespace grainfield
