// The coarse-grained number density at many points, through a grid: the fast form of the field.
//
// Formula  A Gaussian of width beta is split in three, G_beta = phi * psi * phi: each atom is spread on a
//          grid of spacing h = beta / 3 with a narrow kernel phi (10 nodes wide), the grid is smoothed
//          along x, y and z with the 43 taps psi, and the result is gathered at the points with phi again.
//          phi is the Kaiser-Bessel kernel
//              phi(u) = I0(b sqrt(1 - (2u/10)^2)) / I0(b),  |u| < 5 (units of h),  b = 25.5
//          along each axis, evaluated as one polynomial of degree 12 per node; the taps undo the two phi:
//              psi_j = 1/pi int_0^pi exp(-(3k)^2/2) 3 sqrt(2 pi) / phihat(k)^2 cos(jk) dk,  phihat(k) = int
//              phi(u) cos(ku) du.
//          All three steps are separable and of compact support: no Fourier transform, no periodicity
//          (ghosts and free surfaces alike), and a slab with a halo gives what the whole gives.
// Source   eq. (2) of Darvishi Kamachali and Wallis for the field; the kernel and its deconvolution are
//          those of non-uniform Fourier transforms (Greengard and Lee, SIAM Rev. 46, 443 (2004); Barnett,
//          Magland, af Klinteberg, SIAM J. Sci. Comput. 41, C479 (2019)), with the transform replaced by
//          its taps because a Gaussian damps.
// In       atoms of a batch with ghosts to gaussian_grid_reach * beta beyond the points; beta (A).
// Out      rho_n [n] A^-3.
// Error    |pair kernel error| < 2e-10 c0 (tests/kernels/test_density.cpp), so < 1e-9 of rho_n at any atom.
// Cost     per atom 2 x 10^3 multiply-adds (spread, gather) and 11.4 nodes x 3 x 22 (smooth) in bcc Fe at
//          beta = 3.024 A, against 3,400 exp of the direct sum. Bytes: 8 per node.
// Team     32 for spreading on a GPU: a team sums the atoms around a tile of nodes (no atomics); else 1. CPU:
//          atoms scatter in tiles of four colours, smoothing works in place on blocks of lines (spread_tiles,
//          smooth_in_place in the .cu).
// Order    fixed: by node, tap and cell; tiles in the order of their colours. No atomics.
// Test     tests/kernels/test_density.cpp
#pragma once

#include <vector>

#include "kernels/core/bits.hpp"
#include "kernels/core/exec.hpp"
#include "kernels/neighbors/neighbor_list.hpp"

namespace grainfield {

constexpr int spread_width = 10;   // nodes that an atom touches along an axis
constexpr int spread_lanes = 12;   // the same, padded with zeros to whole vectors
constexpr int spread_degree = 12;  // of the polynomials
constexpr int smooth_reach = 21;   // taps on either side
constexpr double nodes_per_beta = 3;
// Ghosts this far (in beta) beyond the points: what lies farther contributes less than 1e-14 c0.
constexpr double gaussian_grid_reach = 8;

// The numbers of phi and psi; the same for every beta because h = beta / 3.
struct GaussianGridTables {
  // phi at node k of the window, for an atom at fraction t = 2f - 1 of its interval: sum_d phi[d][k] t^d.
  double phi[spread_degree + 1][spread_lanes];
  double psi[smooth_reach + 1];  // psi_0 ... psi_21; symmetric
};
const GaussianGridTables& gaussian_grid_tables();

// A piece of the grid: node (i, j, k), i fastest, lies at (first[0] + i) h along Cartesian direction axis[0],
// and so on. Nodes have the same places whatever the piece: slabs share them. A plane is all nodes of one k.
struct GridPiece {
  double h = 1;                  // A
  int64_t first[3] = {0, 0, 0};  // global number of the first node
  int64_t n[3] = {0, 0, 0};
  int32_t axis[3] = {0, 1, 2};
  int64_t n_nodes() const { return n[0] * n[1] * n[2]; }
  int64_t plane() const { return n[0] * n[1]; }
  // Planes [from, to) of global numbers.
  GridPiece planes(int64_t from, int64_t to) const {
    GridPiece part = *this;
    part.first[2] = from;
    part.n[2] = to - from;
    return part;
  }
  GF_HD int64_t at(int64_t i, int64_t j, int64_t k) const { return (k * n[1] + j) * n[0] + i; }
};

// The piece that the points of the box [lo, hi] (A) need; its planes are normal to Cartesian direction
// `across`.
GridPiece grid_piece_for(double beta, Vec3 lo, Vec3 hi, int across = 2);

// First node of the window of coordinate x (global number), and the fraction t in [-1, 1].
GF_HD inline int64_t window_of(double x, double inverse_h, double* t) {
  const double u = x * inverse_h;
  const double cell = std::floor(u);
  *t = 2 * (u - cell) - 1;
  return static_cast<int64_t>(cell) - (spread_width / 2 - 1);
}

// phi at the nodes of a window.
GF_HD inline void spread_weights(const GaussianGridTables& tables, double t, double* w) {
  for (int k = 0; k < spread_lanes; ++k) w[k] = tables.phi[spread_degree][k];
  for (int d = spread_degree - 1; d >= 0; --d)
    for (int k = 0; k < spread_lanes; ++k) w[k] = w[k] * t + tables.phi[d][k];
}

// Plain schedule of the spreading: one node sums the atoms around it, onto what it has where `add` is set.
struct SpreadToNode {
  BatchView batch;
  CellView cells;
  int32_t system;
  const double* weight;  // [n_total] or null
  GridPiece grid;
  const GaussianGridTables* tables;
  bool add;
  double* value;  // [n_nodes]

  template <class Team>
  GF_HD void operator()(Team, int64_t node) const {
    const int64_t at[3] = {node % grid.n[0], node / grid.n[0] % grid.n[1], node / (grid.n[0] * grid.n[1])};
    Vec3 r;
    for (int k = 0; k < 3; ++k) r[grid.axis[k]] = static_cast<double>(grid.first[k] + at[k]) * grid.h;
    const double inverse_h = 1 / grid.h;
    const double radius = 1.7320508075688774 * (spread_width / 2) * grid.h;
    double sum = 0;
    for_each_candidate_run(batch, cells, system, r, radius, [&](int32_t begin, int32_t end) {
      for (int32_t j = begin; j < end; ++j) {
        const Vec3 p = batch.position(j);
        double product = weight ? weight[j] : 1.0;
        for (int k = 0; k < 3; ++k) {
          double t;
          const int64_t tap = grid.first[k] + at[k] - window_of(p[grid.axis[k]], inverse_h, &t);
          if (tap < 0 || tap >= spread_width) {
            product = 0;
            break;
          }
          double w = tables->phi[spread_degree][tap];
          for (int d = spread_degree - 1; d >= 0; --d) w = w * t + tables->phi[d][tap];
          product *= w;
        }
        sum += product;
      }
    });
    value[node] = add ? value[node] + sum : sum;
  }
};

// The GPU's schedule: one team sums the atoms around a tile of 8 x 8 x 8 nodes, onto what they have where
// `add` is set. Its lanes look for atoms whose windows meet the tile, then find the weights of a few of these
// at the nodes of the three edges of the tile, then each adds the products to its own columns of 8 nodes. An
// atom costs about 50 instructions of a warp in each of the 9.6 tiles that its window meets, where
// SpreadToNode takes 600 candidates for each of the 11.4 nodes per atom.
struct SpreadToTile {
  static constexpr int edge = 8, columns = edge * edge, together = 8, most_lanes = 32;
  struct Scratch {
    double weight[together][3][edge];
    int32_t queue[together + most_lanes];
  };
  static constexpr size_t scratch_bytes = (sizeof(Scratch) + 15) / 16 * 16;

  BatchView batch;
  CellView cells;
  int32_t system;
  const double* weight;  // [n_total] or null
  GridPiece grid;
  const GaussianGridTables* tables;
  bool add;
  double* value;  // [n_nodes]

  GF_HD int64_t tiles_along(int k) const { return (grid.n[k] + edge - 1) / edge; }
  GF_HD int64_t n_tiles() const { return tiles_along(0) * tiles_along(1) * tiles_along(2); }
  GF_HD double coordinate(int32_t atom, int k) const {
    return grid.axis[k] == 0 ? batch.x[atom] : grid.axis[k] == 1 ? batch.y[atom] : batch.z[atom];
  }

  template <class Team>
  GF_HD void operator()(Team team, int64_t tile) const {
    constexpr int mine = columns / Team::size();  // columns of a lane
    auto* scratch = static_cast<Scratch*>(team.scratch());
    const int64_t corner[3] = {tile % tiles_along(0) * edge, tile / tiles_along(0) % tiles_along(1) * edge,
                               tile / (tiles_along(0) * tiles_along(1)) * edge};
    const double inverse_h = 1 / grid.h;
    Vec3 centre;
    for (int k = 0; k < 3; ++k)
      centre[grid.axis[k]] = (static_cast<double>(grid.first[k] + corner[k]) + 0.5 * (edge - 1)) * grid.h;
    double sum[mine][edge] = {};

    // The weights of `n` atoms of the queue from `at` on, and what they add.
    const auto add_atoms = [&](int at, int n) {
      for (int slot = team.rank(); slot < n * 3 * edge; slot += team.size()) {
        const int a = slot / (3 * edge), k = slot / edge % 3, node = slot % edge;
        const int32_t atom = scratch->queue[at + a];
        double t;
        const int64_t tap = grid.first[k] + corner[k] + node - window_of(coordinate(atom, k), inverse_h, &t);
        double w = 0;
        if (tap >= 0 && tap < spread_width) {
          w = tables->phi[spread_degree][tap];
          for (int d = spread_degree - 1; d >= 0; --d) w = w * t + tables->phi[d][tap];
          if (k == 0 && weight) w *= weight[atom];
        }
        scratch->weight[a][k][node] = w;
      }
      team.sync();
      for (int a = 0; a < n; ++a)
        for (int c = 0; c < mine; ++c) {
          const int column = c * Team::size() + team.rank();
          const double w = scratch->weight[a][0][column % edge] * scratch->weight[a][1][column / edge];
          for (int k = 0; k < edge; ++k) sum[c][k] += w * scratch->weight[a][2][k];
        }
      team.sync();
    };

    int n_queued = 0;
    const double radius = 1.7320508075688774 * (0.5 * (edge - 1) + spread_width / 2) * grid.h;
    for_each_candidate_run(batch, cells, system, centre, radius, [&](int32_t begin, int32_t end) {
      for (int32_t base = begin; base < end; base += team.size()) {
        const int32_t atom = base + team.rank();
        bool meets = atom < end;
        for (int k = 0; k < 3 && meets; ++k) {
          double t;
          const int64_t tap = grid.first[k] + corner[k] - window_of(coordinate(atom, k), inverse_h, &t);
          meets = tap > -edge && tap < spread_width;
        }
        const uint32_t found = team.sum(meets ? uint32_t{1} << team.rank() : uint32_t{0});
        if (meets) scratch->queue[n_queued + count_bits(found & ((uint32_t{1} << team.rank()) - 1))] = atom;
        team.sync();
        n_queued += count_bits(found);
        while (n_queued >= together) add_atoms(n_queued -= together, together);
      }
    });
    add_atoms(0, n_queued);

    for (int c = 0; c < mine; ++c) {
      const int column = c * Team::size() + team.rank();
      const int64_t i = corner[0] + column % edge, j = corner[1] + column / edge;
      if (i >= grid.n[0] || j >= grid.n[1]) continue;
      for (int k = 0; k < edge && corner[2] + k < grid.n[2]; ++k) {
        double& node = value[grid.at(i, j, corner[2] + k)];
        node = add ? node + sum[c][k] : sum[c][k];
      }
    }
  }
};

// Plain schedule of the smoothing along one axis: out = psi * in, with nothing beyond the piece `from`; `to`
// is a part of it (of its planes).
struct SmoothAxis {
  GridPiece from, to;
  int axis;
  const GaussianGridTables* tables;
  const double* in;
  double* out;

  template <class Team>
  GF_HD void operator()(Team, int64_t node) const {
    const int64_t stride = axis == 0 ? 1 : axis == 1 ? to.n[0] : to.n[0] * to.n[1];
    const int64_t skipped = to.first[axis] - from.first[axis];
    const int64_t here = node / stride % to.n[axis] + skipped, last = from.n[axis] - 1;
    const double* centre = in + node + skipped * stride;
    double sum = tables->psi[0] * *centre;
    for (int64_t j = 1; j <= smooth_reach; ++j) {
      const double below = here - j >= 0 ? centre[-j * stride] : 0.0;
      const double above = here + j <= last ? centre[j * stride] : 0.0;
      sum += tables->psi[j] * (below + above);
    }
    out[node] = sum;
  }
};

// The field at a point: rho = c0 sum over the window of phi phi phi value.
struct GatherAtPoint {
  BatchView batch;
  const Vec3* points;  // null: the local atoms
  GridPiece grid;
  const GaussianGridTables* tables;
  double peak;  // c0, A^-3
  const double* value;
  double* rho;  // [n] A^-3

  template <class Team>
  GF_HD void operator()(Team, int64_t i) const {
    const Vec3 p = points ? points[i] : batch.position(i);
    const double inverse_h = 1 / grid.h;
    double t[3], w[3][spread_lanes];
    int64_t from[3];
    for (int k = 0; k < 3; ++k) {
      from[k] = window_of(p[grid.axis[k]], inverse_h, &t[k]) - grid.first[k];
      spread_weights(*tables, t[k], w[k]);
    }
    // Rows are read to spread_lanes nodes: the weights beyond the window are 0, and the piece has the room.
    double lane[spread_lanes] = {};
    const double* corner = value + grid.at(from[0], from[1], from[2]);
    for (int c = 0; c < spread_width; ++c)
      for (int b = 0; b < spread_width; ++b) {
        const double* row = corner + (c * grid.n[1] + b) * grid.n[0];
        const double wcb = w[2][c] * w[1][b];
        for (int a = 0; a < spread_lanes; ++a) lane[a] += wcb * row[a];
      }
    double sum = 0;
    for (int a = 0; a < spread_lanes; ++a) sum += w[0][a] * lane[a];
    rho[i] = peak * sum;
  }
};

// Launchers. `tables` lies where exec runs. `other` [n_nodes] is a second array, needed by the plain
// schedules (GPU, exec.plain) only. Spreads the atoms whose windows lie in the piece, onto what value holds
// where `add` is set.
void spread_on_grid(const Exec& exec, const BatchView& batch, const CellView& cells, int32_t system,
                    const double* weight, const GridPiece& grid, const GaussianGridTables* tables, bool add,
                    double* value);
// Smooths in place within each plane, and across the planes; the latter from a piece to some of its planes,
// in place where both are all of them and in = out.
void smooth_in_planes(const Exec& exec, const GridPiece& grid, const GaussianGridTables* tables,
                      double* value, double* other);
void smooth_across_planes(const Exec& exec, const GridPiece& from, const GridPiece& to,
                          const GaussianGridTables* tables, const double* in, double* out);
// Both, in place.
void smooth_grid(const Exec& exec, const GridPiece& grid, const GaussianGridTables* tables, double* value,
                 double* other);
void gather_from_grid(const Exec& exec, const GatherAtPoint& kernel, int64_t n_points);

}  // namespace grainfield
