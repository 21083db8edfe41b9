// From the atoms of a snapshot to local atoms and ghosts.
//
// Every image r + sum n_k (cell vector k), n_k integer along periodic directions and 0 along free ones, whose
// fractional coordinates lie in [lo - reach, hi + reach) along every periodic (or cut) direction becomes an
// atom of the batch: local if it lies in [lo, hi) along all of them, else a ghost. With the whole cell as
// region exactly one image of each atom is local. The images are counted, the counts scanned, and the images
// written: there is no bound on how many an atom may have (boxes much smaller than the cutoff).
#pragma once

#include <cstdint>

#include "kernels/core/exec.hpp"
#include "kernels/core/hd.hpp"
#include "kernels/core/rounding.hpp"
#include "kernels/core/view.hpp"
#include "kernels/neighbors/cell_grid.hpp"

namespace grainfield {

struct InputView {
  int64_t n = 0;
  const Vec3* position = nullptr;   // A
  const int32_t* system = nullptr;  // null: all atoms belong to system 0
  const CellGrid* grids = nullptr;
};

GF_HD inline bool in_own_range(const CellGrid& grid, int k, double s) {
  return s >= grid.lo[k] && s < grid.hi[k];
}
GF_HD inline bool in_own_region(const CellGrid& grid, Vec3 s) {
  return in_own_range(grid, 0, s.x) && in_own_range(grid, 1, s.y) && in_own_range(grid, 2, s.z);
}

// The images of one atom that a batch needs, in a fixed order.
struct ImageRange {
  Vec3 r;                     // as in the input, A
  Vec3 s;                     // fractional coordinates, 0 <= s <= 1 where periodic (-1e-17 rounds to 1)
  double wrap[3];             // cell vectors that take r to s
  int32_t first[3], last[3];  // shifts n_k from there, inclusive

  GF_HD ImageRange(const CellGrid& grid, Vec3 r_) : r(r_) {
    const Box& box = grid.box;
    const Vec3 raw = box.fractional(r);
    if constexpr (is_on_host())
      if (is_far_from_faces(grid, raw)) return;
    for (int k = 0; k < 3; ++k) {
      double f = raw[k];
      wrap[k] = 0;
      if (box.periodic[k]) {
        wrap[k] = -round_down(f);
        f += wrap[k];
        first[k] = static_cast<int32_t>(round_up(grid.lo[k] - grid.reach[k] - f));
        last[k] = static_cast<int32_t>(round_up(grid.hi[k] + grid.reach[k] - f)) - 1;
      } else {
        // A free direction has no images: the atom itself, if the region (a slab of the snapshot) reaches it.
        const bool inside = f >= grid.lo[k] - grid.reach[k] && f < grid.hi[k] + grid.reach[k];
        first[k] = 0;
        last[k] = inside ? 0 : -1;
      }
      s[k] = f;
    }
  }
  // The usual case in large cells, by the numbers that decide below, with one branch: itself is the only
  // image. Sets all members if so.
  GF_HD bool is_far_from_faces(const CellGrid& grid, const Vec3& raw) {
    bool far = true;
    for (int k = 0; k < 3; ++k) {
      const bool periodic = grid.box.periodic[k];
      const double down = periodic ? round_down(raw[k]) : 0, f = raw[k] - down;
      const double below = grid.lo[k] - grid.reach[k] - f, above = grid.hi[k] + grid.reach[k] - f;
      wrap[k] = -down;
      s[k] = f;
      first[k] = last[k] = 0;
      const bool once = (below > -1) & (above <= 1);
      far = far & (below <= 0) & (above > 0) & (once | !periodic);
    }
    return far;
  }
  GF_HD int64_t count() const {
    int64_t product = 1;
    for (int k = 0; k < 3; ++k) product *= last[k] >= first[k] ? last[k] - first[k] + 1 : 0;
    return product;
  }
  // How many of the shifts along k lie in the own region.
  GF_HD int64_t count_own(const CellGrid& grid, int k) const {
    int64_t own = 0;
    for (int32_t n = first[k]; n <= last[k]; ++n) own += in_own_range(grid, k, s[k] + n) ? 1 : 0;
    return own;
  }
  // Shifts n_k of image m, whole numbers.
  GF_HD Vec3 shift(int64_t m) const {
    if constexpr (is_on_host())  // where divisions are slow; most atoms have one image
      if (m == 0)
        return {static_cast<double>(first[0]), static_cast<double>(first[1]), static_cast<double>(first[2])};
    const int32_t na = last[0] - first[0] + 1, nb = last[1] - first[1] + 1;
    return {static_cast<double>(first[0] + static_cast<int32_t>(m % na)),
            static_cast<double>(first[1] + static_cast<int32_t>(m / na % nb)),
            static_cast<double>(first[2] + static_cast<int32_t>(m / (static_cast<int64_t>(na) * nb)))};
  }
  // Its fractional coordinates.
  GF_HD Vec3 shifted(int64_t m) const { return s + shift(m); }
  // The place (A) where the atom is local in one of the slabs that share a frame, to the bits that it has
  // there, and its fractional coordinates, 0 <= s < 1 where periodic.
  GF_HD Vec3 own_place(const Box& box, Vec3* fraction) const {
    Vec3 n{};
    for (int k = 0; k < 3; ++k) n[k] = box.periodic[k] && s[k] >= 1 ? -1 : 0;
    *fraction = s + n;
    return place(box, n);
  }
  // Its position (A): r plus whole cell vectors, so an atom that lies in its cell keeps every bit of it.
  GF_HD Vec3 position(const Box& box, int64_t m) const { return place(box, shift(m)); }
  GF_HD Vec3 place(const Box& box, Vec3 n) const {
    return r + ((wrap[0] + n.x) * box.a + (wrap[1] + n.y) * box.b + (wrap[2] + n.z) * box.c);
  }
};

// n_own[i], n_ghost[i]: how many images of atom i are local (0 or 1) and ghosts.
void count_images(const Exec& exec, const InputView& input, int32_t* n_own, int32_t* n_ghost);

// Which image of which atom of the input. Its position is computed anew where it is needed: to the same bits,
// and 24 bytes less than to keep it.
struct ImageOf {
  int32_t atom;    // of the input
  int32_t number;  // of its ImageRange
};

// Writes the images: local atom k = own_at[i], ghosts ghost_at[i] ... : cell (key) and what it images.
struct ImageArrays {
  const int64_t* own_at;
  const int64_t* ghost_at;
  uint32_t* own_key;
  uint32_t* ghost_key;
  int32_t* own_slot;    // identity, to be sorted with the keys
  int32_t* ghost_slot;  // likewise
  ImageOf* own_image;
  ImageOf* ghost_image;
};
void write_images(const Exec& exec, const InputView& input, const ImageArrays& out);

// Puts the sorted images in their places in the batch (locals first), and finds the start of every cell:
// cell_first[c] ... cell_first[c + 1] - 1 are the atoms of cell c among n sorted keys.
struct PlaceArrays {
  InputView input;
  const int32_t* type_of_input;
  const int32_t* slot;   // sorted
  const ImageOf* image;  // by slot
  int64_t n;
  int64_t at;  // where in the batch the first goes
  double *x, *y, *z;
  int32_t *type, *system;
  int64_t* source;
};
void place_images(const Exec& exec, const PlaceArrays& arrays);
void find_cell_starts(const Exec& exec, const uint32_t* sorted_keys, int64_t n, int64_t n_cells,
                      int32_t* cell_first);

// parent[i]: the local atom that atom i of the batch is an image of, or -1. local_of_source is scratch of the
// length of the input.
void find_parents(const Exec& exec, const int64_t* source, int32_t n_local, int32_t n_total,
                  int32_t* local_of_source, int64_t n_input, int32_t* parent);

// source[i] = origin[source[i]]: from places among the atoms that were picked to places in the snapshot.
void rename_sources(const Exec& exec, const int64_t* origin, int64_t n, int64_t* source);

}  // namespace grainfield
