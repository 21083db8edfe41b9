#include "kernels/neighbors/ghosts.hpp"

#include "kernels/core/launch.hpp"

namespace grainfield {
namespace {

struct CountImages {
  InputView input;
  int32_t* n_own;
  int32_t* n_ghost;
  template <class Team>
  GF_HD void operator()(Team, int64_t i) const {
    const CellGrid& grid = input.grids[input.system ? input.system[i] : 0];
    const ImageRange images(grid, input.position[i]);
    int64_t own = 1;
    for (int k = 0; k < 3; ++k) own *= images.count_own(grid, k);
    // More than an int32 holds is more than a batch holds: the sum over the atoms will tell.
    const int64_t ghosts = images.count() - own, most = 0x7fffffff;
    n_own[i] = static_cast<int32_t>(own);
    n_ghost[i] = static_cast<int32_t>(ghosts < most ? ghosts : most);
  }
};

struct WriteImages {
  InputView input;
  ImageArrays out;
  template <class Team>
  GF_HD void operator()(Team, int64_t i) const {
    const CellGrid& grid = input.grids[input.system ? input.system[i] : 0];
    const ImageRange images(grid, input.position[i]);
    const int64_t count = images.count();
    int64_t own = out.own_at[i], ghost = out.ghost_at[i];
    for (int64_t m = 0; m < count; ++m) {
      const Vec3 s = images.shifted(m);
      const bool is_own = in_own_region(grid, s);
      const int64_t k = is_own ? own++ : ghost++;
      int32_t cell[3];
      for (int d = 0; d < 3; ++d) cell[d] = is_own ? grid.own_cell_of(d, s[d]) : grid.cell_of(d, s[d]);
      (is_own ? out.own_key : out.ghost_key)[k] =
          static_cast<uint32_t>(grid.index(cell[0], cell[1], cell[2]));
      (is_own ? out.own_slot : out.ghost_slot)[k] = static_cast<int32_t>(k);
      (is_own ? out.own_image : out.ghost_image)[k] = {static_cast<int32_t>(i), static_cast<int32_t>(m)};
    }
  }
};

struct PlaceImages {
  PlaceArrays a;
  template <class Team>
  GF_HD void operator()(Team, int64_t k) const {
    const ImageOf image = a.image[a.slot[k]];
    const int32_t system = a.input.system ? a.input.system[image.atom] : 0;
    const CellGrid& grid = a.input.grids[system];
    const Vec3 r = ImageRange(grid, a.input.position[image.atom]).position(grid.box, image.number);
    const int64_t to = a.at + k;
    a.x[to] = r.x;
    a.y[to] = r.y;
    a.z[to] = r.z;
    a.source[to] = image.atom;
    a.type[to] = a.type_of_input[image.atom];
    a.system[to] = system;
  }
};

// Atom k opens every cell after its predecessor's, up to its own.
struct FindCellStarts {
  const uint32_t* key;
  int64_t n, n_cells;
  int32_t* cell_first;
  template <class Team>
  GF_HD void operator()(Team, int64_t k) const {
    const int64_t from = k == 0 ? 0 : static_cast<int64_t>(key[k - 1]) + 1;
    const int64_t to = k == n ? n_cells : static_cast<int64_t>(key[k]);
    for (int64_t c = from; c <= to; ++c) cell_first[c] = static_cast<int32_t>(k);
  }
};

struct MarkLocals {
  const int64_t* source;
  int32_t* local_of_source;
  template <class Team>
  GF_HD void operator()(Team, int64_t i) const {
    local_of_source[source[i]] = static_cast<int32_t>(i);
  }
};

struct ClearMap {
  int32_t* local_of_source;
  template <class Team>
  GF_HD void operator()(Team, int64_t i) const {
    local_of_source[i] = -1;
  }
};

struct LookUpParents {
  const int64_t* source;
  const int32_t* local_of_source;
  int32_t* parent;
  template <class Team>
  GF_HD void operator()(Team, int64_t i) const {
    parent[i] = local_of_source[source[i]];
  }
};

struct RenameSources {
  const int64_t* origin;
  int64_t* source;
  template <class Team>
  GF_HD void operator()(Team, int64_t i) const {
    source[i] = origin[source[i]];
  }
};

}  // namespace

void count_images(const Exec& exec, const InputView& input, int32_t* n_own, int32_t* n_ghost) {
  for_each(exec, input.n, CountImages{input, n_own, n_ghost}, 0, 4096);
}

void write_images(const Exec& exec, const InputView& input, const ImageArrays& out) {
  for_each(exec, input.n, WriteImages{input, out}, 0, 4096);
}

void place_images(const Exec& exec, const PlaceArrays& arrays) {
  for_each(exec, arrays.n, PlaceImages{arrays}, 0, 4096);
}

void find_cell_starts(const Exec& exec, const uint32_t* sorted_keys, int64_t n, int64_t n_cells,
                      int32_t* cell_first) {
  // n + 1 items: the last closes the cells after the last atom.
  for_each(exec, n + 1, FindCellStarts{sorted_keys, n, n_cells, cell_first}, 0, 4096);
}

void find_parents(const Exec& exec, const int64_t* source, int32_t n_local, int32_t n_total,
                  int32_t* local_of_source, int64_t n_input, int32_t* parent) {
  for_each(exec, n_input, ClearMap{local_of_source}, 0, 8192);
  for_each(exec, n_local, MarkLocals{source, local_of_source}, 0, 8192);
  for_each(exec, n_total, LookUpParents{source, local_of_source, parent}, 0, 8192);
}

void rename_sources(const Exec& exec, const int64_t* origin, int64_t n, int64_t* source) {
  for_each(exec, n, RenameSources{origin, source}, 0, 8192);
}

}  // namespace grainfield
