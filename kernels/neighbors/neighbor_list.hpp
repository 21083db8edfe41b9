// Neighbor lists: for every local atom all atoms of the batch (local or ghost) with |rij| < cutoff.
//
// Formula  j is a neighbor of i if j != i and |rj - ri|^2 < rc^2 (strictly), evaluated as dx^2 + dy^2 +
//          dz^2.
// Out      compressed rows: first [n_local + 1] (64-bit), index [first[n_local]], ascending in each row:
//          local atoms, then ghosts. Count -> scan -> fill, so there is no bound on the number of
//          neighbors.
// Edges    r = 0 is a neighbor too, and is recorded as a coincidence (|rij| < 1e-4 A, both atoms are
//          counted). Periodic images of i itself are ghosts, hence neighbors like any other.
// Cost     two passes over the candidates. Bytes: 4 per neighbor + 12 per atom written.
// Team     1: a thread per atom on the GPU, over rows of cells cut to the sphere. The CPU works by blocks
//          of cells (neighbor_list.cu): 6 times as fast there as the plain schedule
//          (bench/bench_neighbors).
// Order    rows are sorted by construction (cells ascend, atoms ascend in cells), no sort and no atomics.
// Test     tests/kernels/test_neighbor_list.cpp
#pragma once

#include "kernels/core/exec.hpp"
#include "kernels/core/status.hpp"
#include "kernels/core/view.hpp"
#include "kernels/neighbors/cell_grid.hpp"

namespace grainfield {

// The cells of a batch: own atoms of cell c are own_first[c] ... own_first[c + 1] - 1, its ghosts
// n_local + ghost_first[c] ... n_local + ghost_first[c + 1] - 1.
struct CellView {
  const CellGrid* grids = nullptr;  // [n_systems]
  const int32_t* own_first = nullptr;
  const int32_t* ghost_first = nullptr;
};

constexpr double coincidence_distance = 1e-4;  // A

// Calls visit(begin, end) for runs of consecutive atoms of the batch, ascending, that together hold every
// atom within `radius` of r (a point of system `system` inside the region that the cells cover).
template <class Visit>
GF_HD void for_each_candidate_run(const BatchView& batch, const CellView& cells, int32_t system, Vec3 r,
                                  double radius, const Visit& visit) {
  const CellGrid& grid = cells.grids[system];
  const Vec3 s = grid.box.fractional(r);
  int32_t from[3], to[3];
  double height[3];
  for (int k = 0; k < 3; ++k) {
    height[k] = grid.box.height(k);
    // 1e-9: rounding of s must not cost a neighbor at the edge.
    const double reach = radius / height[k] * (1 + 1e-9) + 1e-12;
    from[k] = grid.cell_of(k, s[k] - reach);
    to[k] = grid.cell_of(k, s[k] + reach);
  }
  // Distance (A) from r to the slab of cells with coordinate c along k, a lower bound.
  auto gap = [&](int k, int32_t c) {
    const double low = grid.lo[k] + (c - grid.halo[k]) / grid.inverse_width[k];
    const double high = low + 1 / grid.inverse_width[k];
    // The outermost cells are clamped: they hold whatever lies beyond, too.
    const double below = c == grid.total(k) - 1 ? 0 : s[k] - high, above = c == 0 ? 0 : low - s[k];
    const double distance = (below > above ? below : above) * height[k] * (1 - 1e-9) - 1e-9;
    return distance > 0 ? distance : 0.0;
  };
  const bool touches_halo = from[0] < grid.halo[0] || from[1] < grid.halo[1] || from[2] < grid.halo[2] ||
                            to[0] >= grid.halo[0] + grid.n[0] || to[1] >= grid.halo[1] + grid.n[1] ||
                            to[2] >= grid.halo[2] + grid.n[2];
  const double radius_sq = radius * radius;
  for (int kind = 0; kind < (touches_halo ? 2 : 1); ++kind) {
    const int32_t* first = kind == 0 ? cells.own_first : cells.ghost_first;
    const int32_t shift = kind == 0 ? 0 : batch.n_local;
    for (int32_t cc = from[2]; cc <= to[2]; ++cc) {
      const double gap_c = gap(2, cc);
      for (int32_t cb = from[1]; cb <= to[1]; ++cb) {
        const double gap_b = gap(1, cb);
        int32_t first_a = from[0], last_a = to[0];
        // Only in an orthogonal cell do the gaps along two directions add up.
        const double gap_sq =
            grid.orthogonal ? gap_b * gap_b + gap_c * gap_c : (gap_b > gap_c ? gap_b * gap_b : gap_c * gap_c);
        if (gap_sq > radius_sq) continue;
        if (grid.orthogonal) {
          const double reach = std::sqrt(radius_sq - gap_sq) / height[0] * (1 + 1e-9) + 1e-12;
          first_a = grid.cell_of(0, s.x - reach);
          last_a = grid.cell_of(0, s.x + reach);
        }
        const int64_t row = grid.index(0, cb, cc);
        const int32_t begin = first[row + first_a], end = first[row + last_a + 1];
        if (begin < end) visit(begin + shift, end + shift);
      }
    }
  }
}

// count[i]: number of neighbors of local atom i. coincident: pairs closer than coincidence_distance.
void count_neighbors(const Exec& exec, const BatchView& batch, const CellView& cells, double cutoff,
                     int32_t* count, Condition* coincident);
// Fills the rows that first[] describes.
void fill_neighbors(const Exec& exec, const BatchView& batch, const CellView& cells, double cutoff,
                    const int64_t* first, int32_t* index);

}  // namespace grainfield
