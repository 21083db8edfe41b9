// The CPU's schedule of the common neighbor analysis.
//
// Of every neighbor of the list, in the lanes of a vector, how many are nearer: its place. Then the distances
// among the 14 nearest, lanes over one of the two, and from them the sets of bonds for both local cutoffs.
#include <algorithm>
#include <limits>

#include "kernels/core/lanes.hpp"
#include "kernels/core/parallel.hpp"
#include "kernels/structure/structure.hpp"

namespace grainfield {
namespace {

constexpr int most = 64;  // neighbors; atoms with more, or with fewer than 14, take the plain form
constexpr int32_t structure_unknown = -1;

template <int n_bytes>
GF_INLINE int32_t structure_of(const StructureTask& task, int64_t i, int32_t* nearest) {
  using L = Lanes<double, n_bytes>;
  using Value = typename L::Value;
  using Word = typename L::Word;
  constexpr int width = L::width;
  const BatchView& batch = task.batch;
  const double xi = batch.x[i], yi = batch.y[i], zi = batch.z[i];
  alignas(64) double dx[most + 1], dy[most + 1], dz[most + 1], d_sq[most + 1];
  alignas(64) uint64_t place[most];
  int32_t index[most + 1];
  int n = 0;
  if (task.neighbors.cutoff <= task.enough) {
    const int64_t first = task.neighbors.begin(i);
    if (task.neighbors.end(i) - first > most) return structure_unknown;
    n = static_cast<int>(task.neighbors.end(i) - first);
    for (int j = 0; j < n; ++j) {
      index[j] = task.neighbors.index[first + j];
      dx[j] = batch.x[index[j]] - xi;
      dy[j] = batch.y[index[j]] - yi;
      dz[j] = batch.z[index[j]] - zi;
    }
    for (int j = 0; j < n; ++j) d_sq[j] = dx[j] * dx[j] + dy[j] * dy[j] + dz[j] * dz[j];
  } else {  // a list made for something else: the near ones of it
    for (int64_t k = task.neighbors.begin(i); k < task.neighbors.end(i) && n <= most; ++k) {
      const int32_t j = task.neighbors.index[k];
      index[n] = j;
      dx[n] = batch.x[j] - xi;
      dy[n] = batch.y[j] - yi;
      dz[n] = batch.z[j] - zi;
      d_sq[n] = dx[n] * dx[n] + dy[n] * dy[n] + dz[n] * dz[n];
      n += d_sq[n] < task.enough * task.enough ? 1 : 0;
    }
  }
  if (n < cna_neighbors || n > most) return structure_unknown;
  const int padded = (n + width - 1) / width * width;
  for (int j = n; j < padded; ++j) d_sq[j] = std::numeric_limits<double>::infinity();
  for (int a = 0; a < padded; a += width) {
    const Value mine = L::load(d_sq + a);
    Word nearer{};
    for (int b = 0; b < n; ++b) nearer -= (Word)(d_sq[b] < mine);  // true is -1
    std::memcpy(place + a, &nearer, sizeof nearer);
  }
  alignas(64) double x[16], y[16], z[16], sorted[16];
  int32_t at[16];
  uint32_t taken = 0;
  for (int j = 0; j < n; ++j) {
    uint64_t k = place[j];
    if (k >= cna_neighbors) continue;
    while (taken >> k & 1) ++k;  // equally near ones in the order of the list
    if (k >= cna_neighbors) continue;
    taken |= 1u << k;
    x[k] = dx[j], y[k] = dy[j], z[k] = dz[j], sorted[k] = d_sq[j], at[k] = index[j];
  }
  for (int k = cna_neighbors; k < 16; ++k) x[k] = y[k] = z[k] = std::numeric_limits<double>::infinity();
  sorted[14] = sorted[15] = 0;
  for (int k = 0; k < 16; k += width) L::store(sorted + k, L::root(L::load(sorted + k)));
  const double twelve = cna_cutoff_sq_of_twelve(sorted), fourteen = cna_cutoff_sq_of_fourteen(sorted);
  alignas(64) uint64_t bonds_12[16], bonds_14[16];
  for (int a = 0; a < 16; a += width) {
    const Value ax = L::load(x + a), ay = L::load(y + a), az = L::load(z + a);
    Word set_12{}, set_14{};
#pragma GCC unroll 14
    for (int b = 0; b < cna_neighbors; ++b) {
      const Value ex = ax - x[b], ey = ay - y[b], ez = az - z[b];
      const Value e_sq = ex * ex + ey * ey + ez * ez;
      const uint64_t bit = uint64_t{1} << b;
      set_12 |= (Word)(e_sq <= twelve) & bit;
      set_14 |= (Word)(e_sq <= fourteen) & bit;
    }
    std::memcpy(bonds_12 + a, &set_12, sizeof set_12);
    std::memcpy(bonds_14 + a, &set_14, sizeof set_14);
  }
  uint32_t bonds[cna_neighbors];
  for (int k = 0; k < 12; ++k) bonds[k] = static_cast<uint32_t>(bonds_12[k]) & 0xfff & ~(1u << k);
  int32_t type = cna_type_of_twelve(bonds);
  if (type == structure_other) {
    for (int k = 0; k < 14; ++k) bonds[k] = static_cast<uint32_t>(bonds_14[k]) & ~(1u << k);
    type = cna_type_of_fourteen(bonds);
  }
  for (int k = 0; k < cna_shell(type); ++k) nearest[k] = at[k];
  return type;
}

template <int n_bytes>
GF_INLINE void structure_range(const StructureTask& task, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i) {
    int32_t* nearest = task.nearest + cna_neighbors * i;
    task.type[i] = structure_of<n_bytes>(task, i, nearest);
    if (task.type[i] != structure_unknown) continue;
    NearestNeighbors near;
    task.type[i] = find_structure(task, i, near);
    for (int k = 0; k < cna_shell(task.type[i]); ++k) nearest[k] = near.index[k];
  }
}

GF_LANES_AVX512 void range_avx512(const StructureTask& task, int64_t begin, int64_t end) {
  structure_range<64>(task, begin, end);
}
GF_LANES_AVX2 void range_avx2(const StructureTask& task, int64_t begin, int64_t end) {
  structure_range<32>(task, begin, end);
}
void range_portable(const StructureTask& task, int64_t begin, int64_t end) {
  structure_range<16>(task, begin, end);
}

}  // namespace

void structure_in_lanes(const Exec& exec, const StructureTask& task) {
  const Simd simd = simd_of_cpu(exec.simd);
  const auto range = simd == Simd::avx512 ? range_avx512 : simd == Simd::avx2 ? range_avx2 : range_portable;
  parallel_chunks(exec.threads, task.batch.n_local, 256,
                  [&](int64_t begin, int64_t end, int) { range(task, begin, end); });
}

}  // namespace grainfield
