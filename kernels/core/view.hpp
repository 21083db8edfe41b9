// Borrowed, trivially copyable views of what the host layer owns. Kernels take views, never owners.
#pragma once

#include <cstdint>

#include "kernels/core/box.hpp"
#include "kernels/core/hd.hpp"

namespace grainfield {

// A one-dimensional array in the memory of the processor that runs the kernel.
template <class T>
struct Span {
  T* data = nullptr;
  int64_t size = 0;

  GF_HD T& operator[](int64_t i) const { return data[i]; }
  GF_HD T* begin() const { return data; }
  GF_HD T* end() const { return data + size; }
};

// Atoms of one or many independent systems, as plain Cartesian positions. The first n_local atoms are real
// and in cell order; after them come the ghosts: periodic images and the halo of a slab. Kernels see no
// periodicity.
struct BatchView {
  int32_t n_local = 0;
  int32_t n_total = 0;              // n_local + ghosts
  const double* x = nullptr;        // [n_total] A
  const double* y = nullptr;        // [n_total] A
  const double* z = nullptr;        // [n_total] A
  const int32_t* type = nullptr;    // [n_total] species, from 0
  const int32_t* system = nullptr;  // [n_total] index of the independent system
  const int32_t* parent =
      nullptr;  // [n_total] local atom that this is or images; -1: it belongs to another slab
  int32_t n_systems = 1;

  GF_HD Vec3 position(int64_t i) const { return {x[i], y[i], z[i]}; }
};

// Rows in compressed form: the neighbors of atom i are index[first[i]] ... index[first[i + 1] - 1],
// ascending.
struct NeighborView {
  int32_t n_rows = 0;
  const int64_t* first = nullptr;  // [n_rows + 1]
  const int32_t* index = nullptr;  // [first[n_rows]] atoms of the batch, local or ghost
  double cutoff = 0;               // A; pairs with 0 <= |rij| < cutoff, except i itself

  GF_HD int64_t begin(int64_t i) const { return first[i]; }
  GF_HD int64_t end(int64_t i) const { return first[i + 1]; }
};

}  // namespace grainfield
