#include "kernels/neighbors/neighbor_list.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/core/launch.hpp"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#endif

namespace grainfield {
namespace {

struct CountNeighbors {
  BatchView batch;
  CellView cells;
  double cutoff;
  int32_t* count;
  Condition* coincident;

  template <class Team>
  GF_HD void operator()(Team, int64_t i) const {
    const double xi = batch.x[i], yi = batch.y[i], zi = batch.z[i];
    const double cutoff_sq = cutoff * cutoff;
    const double *x = batch.x, *y = batch.y, *z = batch.z;
    int32_t n = 0, n_close = 0;
    for_each_candidate_run(batch, cells, batch.system[i], {xi, yi, zi}, cutoff,
                           [&](int32_t begin, int32_t end) {
                             for (int32_t j = begin; j < end; ++j) {
                               const double dx = x[j] - xi, dy = y[j] - yi, dz = z[j] - zi;
                               const double d_sq = dx * dx + dy * dy + dz * dz;
                               n += d_sq < cutoff_sq ? 1 : 0;
                               n_close += d_sq < coincidence_distance * coincidence_distance ? 1 : 0;
                             }
                           });
    count[i] = n - 1;  // i itself
    for (int32_t k = 1; k < n_close; ++k) record(coincident, i);
  }
};

struct FillNeighbors {
  BatchView batch;
  CellView cells;
  double cutoff;
  const int64_t* first;
  int32_t* index;

  template <class Team>
  GF_HD void operator()(Team, int64_t i) const {
    const double xi = batch.x[i], yi = batch.y[i], zi = batch.z[i];
    const double cutoff_sq = cutoff * cutoff;
    const double *x = batch.x, *y = batch.y, *z = batch.z;
    int32_t* row = index + first[i];
    int32_t* row_end = index + first[i + 1];
    for_each_candidate_run(batch, cells, batch.system[i], {xi, yi, zi}, cutoff,
                           [&](int32_t begin, int32_t end) {
                             for (int32_t j = begin; j < end; ++j) {
                               const double dx = x[j] - xi, dy = y[j] - yi, dz = z[j] - zi;
                               if (dx * dx + dy * dy + dz * dz < cutoff_sq && j != i && row < row_end)
                                 *row++ = j;
                             }
                           });
  }
};

// The CPU's schedule: blocks of cells
//
// A block is a few consecutive cells of one row along a, so its atoms are consecutive too. The candidates of
// all of them are gathered once into contiguous arrays; each atom then runs over these in loops that
// vectorise. The plain schedule spends most of its time on the many short rows of cells around every single
// atom instead.

constexpr int cells_per_block = 1;

// How far the candidates of a block reach, in cells, for every row of cells around it.
struct BlockStencil {
  int32_t reach_b = 0, reach_c = 0;
  std::vector<int32_t>
      reach_a;  // [(2 reach_c + 1)(2 reach_b + 1)]; -1: no cell of that row is within the cutoff

  BlockStencil(const CellGrid& grid, double cutoff) {
    double width[3];
    for (int k = 0; k < 3; ++k) width[k] = grid.box.height(k) / grid.inverse_width[k];
    const double radius = cutoff * (1 + 1e-9) + 1e-9;  // rounding must not cost a neighbor at the edge
    auto cells_to = [&](int k, double distance) {  // a thin region may have far thinner cells than its reach
      return static_cast<int32_t>(std::min<double>(std::ceil(distance / width[k]), grid.total(k)));
    };
    reach_b = cells_to(1, radius);
    reach_c = cells_to(2, radius);
    for (int32_t dc = -reach_c; dc <= reach_c; ++dc)
      for (int32_t db = -reach_b; db <= reach_b; ++db) {
        const double gap_b = std::max(0, std::abs(db) - 1) * width[1],
                     gap_c = std::max(0, std::abs(dc) - 1) * width[2];
        // Only in an orthogonal cell do the gaps along the directions add up.
        const double left_sq = radius * radius - (grid.orthogonal ? gap_b * gap_b + gap_c * gap_c
                                                                  : std::max(gap_b * gap_b, gap_c * gap_c));
        const double along_a = grid.orthogonal ? std::sqrt(std::max(0.0, left_sq)) : radius;
        reach_a.push_back(left_sq < 0 ? -1 : cells_to(0, along_a));
      }
  }
};

struct Candidates {
  std::vector<double> x, y, z;
  std::vector<int32_t> index, row;
  std::vector<int64_t> keep;
  int64_t n = 0;
  int64_t block_at = 0;  // where the block's own atoms stand among the candidates

  void reserve(int64_t capacity) {
    constexpr int64_t lanes = 8;  // of the widest vector: loads and stores pass the end by fewer
    if (static_cast<int64_t>(x.size()) >= capacity + lanes) return;
    const auto size = static_cast<size_t>(capacity + capacity / 2 + lanes);
    for (auto* v : {&x, &y, &z}) v->resize(size);
    index.resize(size);
    row.resize(size);
    keep.resize(size);
  }
};

struct Run {
  int32_t begin, end;
};

// Neighbors of the point among n candidates, itself included, and how many of them coincide with it.
GF_SIMD_CLONES int64_t count_within(const double* x, const double* y, const double* z, int64_t n, double xi,
                                    double yi, double zi, double cutoff_sq, int64_t* n_close) {
  int64_t within = 0, close = 0;
  for (int64_t j = 0; j < n; ++j) {
    const double dx = x[j] - xi, dy = y[j] - yi, dz = z[j] - zi;
    const double d_sq = dx * dx + dy * dy + dz * dz;
    within += d_sq < cutoff_sq ? 1 : 0;
    close += d_sq < coincidence_distance * coincidence_distance ? 1 : 0;
  }
  *n_close = close;
  return within;
}

// Writes the indices of the candidates within the cutoff to row[0 ...], except candidate `self`; returns how
// many.
GF_SIMD_CLONES int64_t list_within(const double* x, const double* y, const double* z, const int32_t* index,
                                   int64_t n, double xi, double yi, double zi, double cutoff_sq, int64_t self,
                                   int64_t* keep, int32_t* row) {
  for (int64_t j = 0; j < n; ++j) {
    const double dx = x[j] - xi, dy = y[j] - yi, dz = z[j] - zi;
    keep[j] = dx * dx + dy * dy + dz * dz < cutoff_sq ? 1 : 0;
  }
  keep[self] = 0;
  int64_t k = 0;
  for (int64_t j = 0; j < n; ++j) {
    row[k] = index[j];
    k += keep[j];
  }
  return k;
}

#if defined(__x86_64__) && defined(__GNUC__)
// The same with AVX-512: compressing in a register is what no compiler finds in the loop above.
__attribute__((target("avx512f,avx512vl"))) int64_t list_within_avx512(const double* x, const double* y,
                                                                       const double* z, const int32_t* index,
                                                                       int64_t n, double xi, double yi,
                                                                       double zi, double cutoff_sq,
                                                                       int64_t self, int32_t* row) {
  const __m512d vx = _mm512_set1_pd(xi), vy = _mm512_set1_pd(yi), vz = _mm512_set1_pd(zi);
  const __m512d limit = _mm512_set1_pd(cutoff_sq);
  int64_t k = 0;
  for (int64_t j = 0; j < n; j += 8) {
    const auto lanes = static_cast<__mmask8>(n - j >= 8 ? 0xff : (1 << (n - j)) - 1);
    const __m512d dx = _mm512_sub_pd(_mm512_maskz_loadu_pd(lanes, x + j), vx);
    const __m512d dy = _mm512_sub_pd(_mm512_maskz_loadu_pd(lanes, y + j), vy);
    const __m512d dz = _mm512_sub_pd(_mm512_maskz_loadu_pd(lanes, z + j), vz);
    const __m512d d_sq =
        _mm512_add_pd(_mm512_add_pd(_mm512_mul_pd(dx, dx), _mm512_mul_pd(dy, dy)), _mm512_mul_pd(dz, dz));
    __mmask8 keep = _mm512_mask_cmp_pd_mask(lanes, d_sq, limit, _CMP_LT_OQ);
    if (static_cast<uint64_t>(self - j) < 8) keep = static_cast<__mmask8>(keep & ~(1u << (self - j)));
    const __m256i kept = _mm256_maskz_compress_epi32(keep, _mm256_maskz_loadu_epi32(lanes, index + j));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(row + k), kept);  // row has room for n + 8
    k += __builtin_popcount(keep);
  }
  return k;
}

// For every set of kept lanes of four, the bytes that move them to the front.
struct CompressTable {
  alignas(16) uint8_t bytes[16][16];
  constexpr CompressTable() : bytes{} {
    for (int keep = 0; keep < 16; ++keep) {
      int at = 0;
      for (int lane = 0; lane < 4; ++lane)
        if (keep & (1 << lane))
          for (int b = 0; b < 4; ++b) bytes[keep][at++] = static_cast<uint8_t>(4 * lane + b);
    }
  }
};
constexpr CompressTable compress_table;

// The same with AVX2.
__attribute__((target("avx2,popcnt"))) int64_t list_within_avx2(const double* x, const double* y,
                                                                const double* z, const int32_t* index,
                                                                int64_t n, double xi, double yi, double zi,
                                                                double cutoff_sq, int64_t self,
                                                                int32_t* row) {
  const __m256d vx = _mm256_set1_pd(xi), vy = _mm256_set1_pd(yi), vz = _mm256_set1_pd(zi);
  const __m256d limit = _mm256_set1_pd(cutoff_sq);
  int64_t k = 0;
  for (int64_t j = 0; j < n; j += 4) {
    const __m256d dx = _mm256_sub_pd(_mm256_loadu_pd(x + j), vx);
    const __m256d dy = _mm256_sub_pd(_mm256_loadu_pd(y + j), vy);
    const __m256d dz = _mm256_sub_pd(_mm256_loadu_pd(z + j), vz);
    const __m256d d_sq =
        _mm256_add_pd(_mm256_add_pd(_mm256_mul_pd(dx, dx), _mm256_mul_pd(dy, dy)), _mm256_mul_pd(dz, dz));
    auto keep = static_cast<unsigned>(_mm256_movemask_pd(_mm256_cmp_pd(d_sq, limit, _CMP_LT_OQ)));
    if (n - j < 4) keep &= (1u << (n - j)) - 1;
    if (static_cast<uint64_t>(self - j) < 4) keep &= ~(1u << (self - j));
    const __m128i front = _mm_load_si128(reinterpret_cast<const __m128i*>(compress_table.bytes[keep]));
    const __m128i candidates = _mm_loadu_si128(reinterpret_cast<const __m128i*>(index + j));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(row + k), _mm_shuffle_epi8(candidates, front));
    k += __builtin_popcount(keep);
  }
  return k;
}

Simd simd_of_cpu() {
  static const Simd found = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")
                                ? Simd::avx512
                            : __builtin_cpu_supports("avx2") ? Simd::avx2
                                                             : Simd::portable;
  return found;
}
#endif

// The row of candidate `self` by the widest code that the CPU has and exec allows.
int64_t list_row(Simd simd, Candidates& c, double cutoff_sq, int64_t self) {
  const double *x = c.x.data(), *y = c.y.data(), *z = c.z.data();
  const double xi = x[self], yi = y[self], zi = z[self];
  const int32_t* index = c.index.data();
#if defined(__x86_64__) && defined(__GNUC__)
  simd = std::min(simd, simd_of_cpu());
  if (simd == Simd::avx512)
    return list_within_avx512(x, y, z, index, c.n, xi, yi, zi, cutoff_sq, self, c.row.data());
  if (simd == Simd::avx2)
    return list_within_avx2(x, y, z, index, c.n, xi, yi, zi, cutoff_sq, self, c.row.data());
#else
  (void)simd;
#endif
  return list_within(x, y, z, index, c.n, xi, yi, zi, cutoff_sq, self, c.keep.data(), c.row.data());
}

// Calls body(begin, end, candidates) for every block of own atoms begin ... end - 1.
template <class Body>
void for_each_block(const Exec& exec, const BatchView& batch, const CellView& cells, double cutoff,
                    const Body& body) {
  std::vector<BlockStencil> stencils;
  std::vector<int64_t> first_block{0};
  for (int32_t s = 0; s < batch.n_systems; ++s) {
    const CellGrid& grid = cells.grids[s];
    stencils.emplace_back(grid, cutoff);
    const int64_t along_a = (grid.n[0] + cells_per_block - 1) / cells_per_block;
    first_block.push_back(first_block.back() + along_a * grid.n[1] * grid.n[2]);
  }
  std::vector<Candidates> candidates_of(static_cast<size_t>(std::max(1, exec.threads)));
  parallel_chunks(
      exec.threads, first_block.back(), 64, [&](int64_t begin_block, int64_t end_block, int worker) {
        Candidates& candidates = candidates_of[static_cast<size_t>(worker)];
        std::vector<Run> runs;
        auto system = static_cast<size_t>(
            std::upper_bound(first_block.begin(), first_block.end(), begin_block) - first_block.begin() - 1);
        for (int64_t block = begin_block; block < end_block; ++block) {
          while (block >= first_block[system + 1]) ++system;
          const CellGrid& grid = cells.grids[system];
          const BlockStencil& stencil = stencils[system];
          const int64_t in_system = block - first_block[system];
          const int64_t along_a = (grid.n[0] + cells_per_block - 1) / cells_per_block;
          const auto ca = static_cast<int32_t>(in_system % along_a) * cells_per_block + grid.halo[0];
          const auto cb = static_cast<int32_t>(in_system / along_a % grid.n[1]) + grid.halo[1];
          const auto cc = static_cast<int32_t>(in_system / along_a / grid.n[1]) + grid.halo[2];
          const int32_t last_a = std::min(ca + cells_per_block, grid.halo[0] + grid.n[0]) - 1;
          const int32_t begin = cells.own_first[grid.index(ca, cb, cc)];
          const int32_t end = cells.own_first[grid.index(last_a, cb, cc) + 1];
          if (begin == end) continue;
          runs.clear();
          int64_t total = 0, block_at = 0;
          for (const int32_t* first : {cells.own_first, cells.ghost_first}) {
            const bool ghosts = first == cells.ghost_first;
            const int32_t shift = ghosts ? batch.n_local : 0;
            if (ghosts && batch.n_total == batch.n_local) break;
            for (int32_t dc = -stencil.reach_c; dc <= stencil.reach_c; ++dc) {
              if (cc + dc < 0 || cc + dc >= grid.total(2)) continue;
              for (int32_t db = -stencil.reach_b; db <= stencil.reach_b; ++db) {
                if (cb + db < 0 || cb + db >= grid.total(1)) continue;
                const int32_t reach = stencil.reach_a[static_cast<size_t>(
                    (dc + stencil.reach_c) * (2 * stencil.reach_b + 1) + db + stencil.reach_b)];
                if (reach < 0) continue;
                const int64_t row = grid.index(0, cb + db, cc + dc);
                const int32_t from = first[row + std::max(0, ca - reach)] + shift;
                const int32_t to = first[row + std::min(grid.total(0) - 1, last_a + reach) + 1] + shift;
                if (from == to) continue;
                if (!ghosts && db == 0 && dc == 0) block_at = total + (begin - from);
                runs.push_back({from, to});
                total += to - from;
              }
            }
          }
          candidates.reserve(total);
          candidates.n = total;
          candidates.block_at = block_at;
          int64_t at = 0;
          for (const Run run : runs) {
            // Runs are short: plain loops beat calls of memcpy.
            double *cx = candidates.x.data() + at, *cy = candidates.y.data() + at,
                   *cz = candidates.z.data() + at;
            int32_t* index = candidates.index.data() + at;
            const int32_t n = run.end - run.begin;
            for (int32_t j = 0; j < n; ++j) cx[j] = batch.x[run.begin + j];
            for (int32_t j = 0; j < n; ++j) cy[j] = batch.y[run.begin + j];
            for (int32_t j = 0; j < n; ++j) cz[j] = batch.z[run.begin + j];
            for (int32_t j = 0; j < n; ++j) index[j] = run.begin + j;
            at += n;
          }
          body(begin, end, candidates);
        }
      });
}

}  // namespace

void count_neighbors(const Exec& exec, const BatchView& batch, const CellView& cells, double cutoff,
                     int32_t* count, Condition* coincident) {
  const CountNeighbors kernel{batch, cells, cutoff, count, coincident};
  if (exec.on_gpu() || exec.plain) return for_each(exec, batch.n_local, kernel);
  for_each_block(exec, batch, cells, cutoff, [&](int32_t begin, int32_t end, Candidates& c) {
    for (int32_t i = begin; i < end; ++i) {
      int64_t n_close = 0;
      const int64_t within = count_within(c.x.data(), c.y.data(), c.z.data(), c.n, batch.x[i], batch.y[i],
                                          batch.z[i], cutoff * cutoff, &n_close);
      count[i] = static_cast<int32_t>(within - 1);
      for (int64_t k = 1; k < n_close; ++k) record(coincident, i);
    }
  });
}

void fill_neighbors(const Exec& exec, const BatchView& batch, const CellView& cells, double cutoff,
                    const int64_t* first, int32_t* index) {
  if (exec.on_gpu() || exec.plain)
    return for_each(exec, batch.n_local, FillNeighbors{batch, cells, cutoff, first, index});
  for_each_block(exec, batch, cells, cutoff, [&](int32_t begin, int32_t end, Candidates& c) {
    for (int32_t i = begin; i < end; ++i) {
      const int64_t n = list_row(exec.simd, c, cutoff * cutoff, c.block_at + (i - begin));
      std::copy_n(c.row.data(), static_cast<size_t>(n), index + first[i]);
    }
  });
}

}  // namespace grainfield
