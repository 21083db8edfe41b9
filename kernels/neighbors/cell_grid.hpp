// The grid of cells of one system, in fractional coordinates of its box.
//
// Along cell vector k the system's own region is lo <= s < hi (0 to 1, or a slab of it, or the extent of the
// atoms where k is free). It is cut into n cells; `halo` more on either side hold the ghosts. Cells are
// numbered with k = 0 fastest, so that a row of cells along a is contiguous. Cells of fractional coordinates
// fit any triclinic box, and their number is known before the ghosts are.
#pragma once

#include <cstdint>

#include "kernels/core/box.hpp"
#include "kernels/core/rounding.hpp"

namespace grainfield {

struct CellGrid {
  Box box;
  double lo[3] = {0, 0, 0};
  double hi[3] = {1, 1, 1};
  double inverse_width[3] = {1, 1, 1};  // cells per unit of s
  double reach[3] = {0, 0, 0};          // depth of the halo in s
  int32_t n[3] = {1, 1, 1};             // own cells
  int32_t halo[3] = {0, 0, 0};          // halo cells on either side
  int64_t first_cell = 0;               // of this system, among the cells of the batch
  int64_t first_atom = 0;               // of this system, among the atoms of the input
  bool orthogonal = false;

  GF_HD int32_t total(int k) const { return n[k] + 2 * halo[k]; }
  GF_HD int64_t n_cells() const { return static_cast<int64_t>(total(0)) * total(1) * total(2); }

  // Cell coordinate of s along k, clamped to the grid. Monotonic in s: what searches rely on.
  GF_HD int32_t cell_of(int k, double s) const {
    const double c = round_down((s - lo[k]) * inverse_width[k]) + halo[k];
    const double last = total(k) - 1;
    return static_cast<int32_t>(c < 0 ? 0 : c > last ? last : c);
  }
  // For atoms inside [lo, hi): rounding never takes them into the halo.
  GF_HD int32_t own_cell_of(int k, double s) const {
    const int32_t c = cell_of(k, s);
    return c < halo[k] ? halo[k] : c >= halo[k] + n[k] ? halo[k] + n[k] - 1 : c;
  }
  GF_HD int64_t index(int32_t ca, int32_t cb, int32_t cc) const {
    return first_cell + (static_cast<int64_t>(cc) * total(1) + cb) * total(0) + ca;
  }
};

}  // namespace grainfield
