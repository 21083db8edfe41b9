// Atoms and nodes of tables are short rows of memory that lie anywhere. A group of them is loaded whole, four
// numbers at a time, and turned in registers to columns, which costs less than gathers: these load number by
// number.
#include "kernels/potential/eam_rows.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/core/launch.hpp"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define GF_LANES inline __attribute__((always_inline))

namespace grainfield {
namespace {

#pragma GCC push_options
#pragma GCC target("avx512f,avx512vl,avx512dq,avx2,fma")
namespace avx512 {

constexpr int width = 8;
using V = __m512d;
using Mask = __mmask8;

GF_LANES V all(double a) { return _mm512_set1_pd(a); }
GF_LANES V load(const double* a) { return _mm512_load_pd(a); }
GF_LANES V add(V a, V b) { return _mm512_add_pd(a, b); }
GF_LANES V sub(V a, V b) { return _mm512_sub_pd(a, b); }
GF_LANES V mul(V a, V b) { return _mm512_mul_pd(a, b); }
GF_LANES V fma(V a, V b, V c) { return _mm512_fmadd_pd(a, b, c); }
GF_LANES V minimum(V a, V b) { return _mm512_min_pd(a, b); }
GF_LANES Mask less(V a, V b) { return _mm512_cmp_pd_mask(a, b, _CMP_LT_OQ); }
GF_LANES Mask first_lanes(Mask m, int n) { return static_cast<Mask>(m & ((1u << n) - 1)); }
GF_LANES V choose(Mask m, V a, V b) { return _mm512_mask_blend_pd(m, b, a); }
GF_LANES V only_kept(Mask m, V a) { return _mm512_maskz_mov_pd(m, a); }
GF_LANES V add_kept(V a, Mask m, V b) { return _mm512_mask_add_pd(a, m, a, b); }

GF_LANES V div(V a, V b) { return _mm512_div_pd(a, b); }
GF_LANES V square_root(V a) { return _mm512_sqrt_pd(a); }

// Whole part of a, also to m[8].
GF_LANES V truncate(V a, int32_t* m) {
  const __m256i whole = _mm512_cvttpd_epi32(a);
  _mm256_store_si256(reinterpret_cast<__m256i*>(m), whole);
  return _mm512_cvtepi32_pd(whole);
}

GF_LANES double sum_of(V a) {
  const __m256d h = _mm256_add_pd(_mm512_castpd512_pd256(a), _mm512_extractf64x4_pd(a, 1));
  const __m128d q = _mm_add_pd(_mm256_castpd256_pd128(h), _mm256_extractf128_pd(h, 1));
  return _mm_cvtsd_f64(_mm_add_sd(q, _mm_unpackhi_pd(q, q)));
}

// Four numbers from each of eight rows, 32-byte aligned there.
GF_LANES void turn(const double* const (&row)[8], int offset, V& c0, V& c1, V& c2, V& c3) {
  const auto rows = [&](int a, int b) __attribute__((always_inline)) {
    return _mm512_insertf64x4(_mm512_castpd256_pd512(_mm256_load_pd(row[a] + offset)),
                              _mm256_load_pd(row[b] + offset), 1);
  };
  // 128-bit pieces: row 0 | row 2 beside row 4 | row 6, so that one shuffle picks each column's.
  const V r04 = rows(0, 4), r15 = rows(1, 5), r26 = rows(2, 6), r37 = rows(3, 7);
  const V even01 = _mm512_unpacklo_pd(r04, r15), odd01 = _mm512_unpackhi_pd(r04, r15);
  const V even23 = _mm512_unpacklo_pd(r26, r37), odd23 = _mm512_unpackhi_pd(r26, r37);
  const __m512i low = _mm512_set_epi64(13, 12, 5, 4, 9, 8, 1, 0);
  const __m512i high = _mm512_set_epi64(15, 14, 7, 6, 11, 10, 3, 2);
  c0 = _mm512_permutex2var_pd(even01, low, even23);
  c1 = _mm512_permutex2var_pd(odd01, low, odd23);
  c2 = _mm512_permutex2var_pd(even01, high, even23);
  c3 = _mm512_permutex2var_pd(odd01, high, odd23);
}

#include "kernels/potential/eam_rows.inc"

}  // namespace avx512
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx2,fma")
namespace avx2 {

constexpr int width = 4;
using V = __m256d;
using Mask = __m256d;

GF_LANES V all(double a) { return _mm256_set1_pd(a); }
GF_LANES V load(const double* a) { return _mm256_load_pd(a); }
GF_LANES V add(V a, V b) { return _mm256_add_pd(a, b); }
GF_LANES V sub(V a, V b) { return _mm256_sub_pd(a, b); }
GF_LANES V mul(V a, V b) { return _mm256_mul_pd(a, b); }
GF_LANES V fma(V a, V b, V c) { return _mm256_fmadd_pd(a, b, c); }
GF_LANES V minimum(V a, V b) { return _mm256_min_pd(a, b); }
GF_LANES Mask less(V a, V b) { return _mm256_cmp_pd(a, b, _CMP_LT_OQ); }
GF_LANES Mask first_lanes(Mask m, int n) {
  return _mm256_and_pd(m, _mm256_cmp_pd(_mm256_set_pd(3, 2, 1, 0), all(n), _CMP_LT_OQ));
}
GF_LANES V choose(Mask m, V a, V b) { return _mm256_blendv_pd(b, a, m); }
GF_LANES V only_kept(Mask m, V a) { return _mm256_and_pd(m, a); }
GF_LANES V add_kept(V a, Mask m, V b) { return _mm256_add_pd(a, _mm256_and_pd(m, b)); }

GF_LANES V div(V a, V b) { return _mm256_div_pd(a, b); }
GF_LANES V square_root(V a) { return _mm256_sqrt_pd(a); }

GF_LANES V truncate(V a, int32_t* m) {
  const __m128i whole = _mm256_cvttpd_epi32(a);
  _mm_store_si128(reinterpret_cast<__m128i*>(m), whole);
  return _mm256_cvtepi32_pd(whole);
}

GF_LANES double sum_of(V a) {
  const __m128d q = _mm_add_pd(_mm256_castpd256_pd128(a), _mm256_extractf128_pd(a, 1));
  return _mm_cvtsd_f64(_mm_add_sd(q, _mm_unpackhi_pd(q, q)));
}

GF_LANES void turn(const double* const (&row)[4], int offset, V& c0, V& c1, V& c2, V& c3) {
  const V r0 = _mm256_load_pd(row[0] + offset), r1 = _mm256_load_pd(row[1] + offset);
  const V r2 = _mm256_load_pd(row[2] + offset), r3 = _mm256_load_pd(row[3] + offset);
  const V even01 = _mm256_unpacklo_pd(r0, r1), odd01 = _mm256_unpackhi_pd(r0, r1);
  const V even23 = _mm256_unpacklo_pd(r2, r3), odd23 = _mm256_unpackhi_pd(r2, r3);
  c0 = _mm256_permute2f128_pd(even01, even23, 0x20);
  c1 = _mm256_permute2f128_pd(odd01, odd23, 0x20);
  c2 = _mm256_permute2f128_pd(even01, even23, 0x31);
  c3 = _mm256_permute2f128_pd(odd01, odd23, 0x31);
}

#include "kernels/potential/eam_rows.inc"

}  // namespace avx2
#pragma GCC pop_options

Simd simd_of_cpu() {
  static const Simd found = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                                    __builtin_cpu_supports("avx512dq")
                                ? Simd::avx512
                            : __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")
                                ? Simd::avx2
                                : Simd::portable;
  return found;
}

}  // namespace
}  // namespace grainfield
#endif

namespace grainfield {
namespace {

// Rows of the local atoms within the cutoff of each of the ghosts of other slabs; the distances of a run of
// candidates are computed side by side.
GF_SIMD_CLONES void list_at_ghosts(const EamGhostKernel& kernel, int64_t begin, int64_t end, int64_t* first,
                                   std::vector<int32_t>& index) {
  constexpr int32_t block = 64;
  const EamView& v = kernel.v;
  const BatchView& batch = kernel.batch;
  const double limit = v.tables.cutoff_sq * (1 + 1e-12);  // the rows' kernel decides
  for (int64_t k = begin; k < end; ++k) {
    const int64_t g = v.n_local + k;
    first[k - begin] = static_cast<int64_t>(index.size());
    if (v.parent[g] >= 0) continue;
    const Vec3 r = batch.position(g);
    for_each_candidate_run(batch, kernel.cells, batch.system[g], r, kernel.cutoff,
                           [&](int32_t from, int32_t last) {
                             for (last = std::min(last, v.n_local); from < last; from += block) {
                               const int32_t n = std::min(block, last - from);
                               double r_sq[block];
                               for (int32_t m = 0; m < n; ++m) {
                                 const double dx = batch.x[from + m] - r.x, dy = batch.y[from + m] - r.y,
                                              dz = batch.z[from + m] - r.z;
                                 r_sq[m] = dx * dx + dy * dy + dz * dz;
                               }
                               for (int32_t m = 0; m < n; ++m)
                                 if (r_sq[m] < limit) index.push_back(from + m);
                             }
                           });
  }
  first[end - begin] = static_cast<int64_t>(index.size());
}

template <class Kernel>
void plain_rows(const Kernel& kernel, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i) kernel(SerialTeam{}, i);
}

}  // namespace

void eam_density_rows(Simd simd, const EamDensityKernel& kernel, int64_t begin, int64_t end) {
#if defined(__x86_64__) && defined(__GNUC__)
  simd = std::min(simd, simd_of_cpu());
  if (simd == Simd::avx512) return avx512::density(kernel, begin, end);
  if (simd == Simd::avx2) return avx2::density(kernel, begin, end);
#else
  (void)simd;
#endif
  plain_rows(kernel, begin, end);
}

void eam_force_rows(Simd simd, const EamForceKernel& kernel, int64_t begin, int64_t end, bool at_face) {
#if defined(__x86_64__) && defined(__GNUC__)
  simd = std::min(simd, simd_of_cpu());
  if (simd == Simd::avx512) return avx512::force(kernel, begin, end, at_face);
  if (simd == Simd::avx2) return avx2::force(kernel, begin, end, at_face);
#else
  (void)simd, (void)at_face;
#endif
  plain_rows(kernel, begin, end);
}

// A pair is the same seen from either side, and a ghost of another slab has no slope.
void eam_ghost_rows(Simd simd, const EamGhostKernel& kernel, int64_t begin, int64_t end) {
  std::vector<int64_t> first(static_cast<size_t>(end - begin) + 1);
  std::vector<int32_t> index;
  list_at_ghosts(kernel, begin, end, first.data(), index);
  EamView v = kernel.v;
  const int64_t from = v.n_local + begin, to = v.n_local + end;
  v.neighbors = {static_cast<int32_t>(to), first.data() - from, index.data(), kernel.cutoff};
  eam_force_rows(simd, {v, nullptr, kernel.force, kernel.virial}, from, to, true);
}

}  // namespace grainfield
