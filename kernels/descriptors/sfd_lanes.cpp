// The CPU's schedule of the strain functional descriptors.
//
// Neighbors of an atom in the lanes of a vector: weights, then the 35 moments, each a vector of partial sums.
// When the moments of as many atoms as there are lanes are there, they are transposed while their lanes are
// added, and the invariants of all these atoms are computed at once, atoms in the lanes.
#include <algorithm>
#include <vector>

#include "kernels/core/lanes.hpp"
#include "kernels/core/parallel.hpp"
#include "kernels/descriptors/sfd.hpp"

namespace grainfield {
namespace {

constexpr int block = 128;  // neighbors at a time: 4 kB of vectors

template <class L>
struct SfdScratch {
  alignas(64) double dx[block], dy[block], dz[block];
  alignas(64) typename L::Real x[block], y[block], z[block], w[block];
  typename L::Value partial[L::width][sfd_moments];  // of the atoms of a group
};

// Neighbors k ... k + n - 1 of the list, as x, y, z, w; padded with weights 0. Returns the padded number.
template <class L>
GF_INLINE int sfd_weights(const SfdTask& task, int64_t k, int n, Vec3 ri, SfdScratch<L>& s) {
  using Real = typename L::Real;
  const BatchView& batch = task.batch;
  const int32_t* index = task.neighbors.index + k;
  const double inverse_sigma = 1 / task.params.sigma, cutoff_sq = task.params.cutoff * task.params.cutoff;
  for (int j = 0; j < n; ++j) {
    s.dx[j] = batch.x[index[j]] - ri.x;
    s.dy[j] = batch.y[index[j]] - ri.y;
    s.dz[j] = batch.z[index[j]] - ri.z;
  }
  const int padded = (n + L::width - 1) / L::width * L::width;
  for (int j = n; j < padded; ++j) s.dx[j] = s.dy[j] = s.dz[j] = 0;
  for (int j = 0; j < padded; ++j) {
    s.x[j] = static_cast<Real>(inverse_sigma * s.dx[j]);
    s.y[j] = static_cast<Real>(inverse_sigma * s.dy[j]);
    s.z[j] = static_cast<Real>(inverse_sigma * s.dz[j]);
  }
  for (int j = 0; j < padded; j += L::width) {
    const auto x = L::load(s.x + j), y = L::load(s.y + j), z = L::load(s.z + j);
    L::store(s.w + j, L::exp_of_negative(Real(-0.5) * (x * x + y * y + z * z)));
  }
  for (int j = n; j < padded; ++j) s.w[j] = 0;
  if (task.neighbors.cutoff > task.params.cutoff)
    for (int j = 0; j < n; ++j) {
      const double d_sq = s.dx[j] * s.dx[j] + s.dy[j] * s.dy[j] + s.dz[j] * s.dz[j];
      s.w[j] = d_sq < cutoff_sq ? s.w[j] : Real(0);
    }
  return padded;
}

template <class L>
GF_INLINE void sfd_group(const SfdTask& task, int64_t first, int n_atoms, SfdScratch<L>& s) {
  using Real = typename L::Real;
  using Value = typename L::Value;
  for (int a = 0; a < L::width; ++a) {
    Value m[sfd_moments];
#pragma GCC unroll 64  // else they pass through memory
    for (int c = 0; c < sfd_moments; ++c) m[c] = Value{};
    if (a < n_atoms) {
      const int64_t i = first + a, end = task.neighbors.end(i);
      const Vec3 ri = task.batch.position(i);
      for (int64_t k = task.neighbors.begin(i); k < end; k += block) {
        const int n = sfd_weights<L>(task, k, static_cast<int>(std::min<int64_t>(block, end - k)), ri, s);
        for (int j = 0; j < n; j += L::width)
          sfd_add_with_x(m, L::load(s.x + j), L::load(s.y + j), L::load(s.z + j), L::load(s.w + j));
        for (int j = 0; j < n; j += L::width)
          sfd_add_without_x(m, L::load(s.y + j), L::load(s.z + j), L::load(s.w + j));
      }
    }
#pragma GCC unroll 64
    for (int c = 0; c < sfd_moments; ++c) s.partial[a][c] = m[c];
  }
  Value moment[sfd_moments], feature[sfd_features], polynomial[sfd_features];
  for (int c = 0; c < sfd_moments; ++c) {
    Value of_atoms[L::width];
    for (int a = 0; a < L::width; ++a) of_atoms[a] = s.partial[a][c];
    moment[c] = L::sums_of_lanes(of_atoms);
  }
  moment[0] += static_cast<Real>(task.params.self_weight);
  sfd_invariants<L>(moment, feature, polynomial);
  const auto write = [&](const Value* values, int n, double* out) __attribute__((always_inline)) {
    alignas(64) Real lanes[L::width];
    for (int c = 0; c < n; ++c) {
      L::store(lanes, values[c]);
      for (int a = 0; a < n_atoms; ++a) out[(first + a) * n + c] = lanes[a];
    }
  };
  write(feature, sfd_features, task.out.feature);
  if (task.out.polynomial) write(polynomial, sfd_features, task.out.polynomial);
  if (task.out.moment) write(moment, sfd_moments, task.out.moment);
}

template <class L>
GF_INLINE void sfd_range(const SfdTask& task, int64_t begin, int64_t end) {
  SfdScratch<L> scratch;
  for (int64_t first = begin; first < end; first += L::width)
    sfd_group<L>(task, first, static_cast<int>(std::min<int64_t>(L::width, end - first)), scratch);
}

GF_LANES_AVX512 void range_avx512(const SfdTask& task, int64_t begin, int64_t end, bool single) {
  if (single)
    sfd_range<Lanes<float, 32>>(task, begin,
                                end);  // 16 lanes would be padded too much: 4.2 against 3.2 M atoms/s
  else
    sfd_range<Lanes<double, 64>>(task, begin, end);
}
GF_LANES_AVX2 void range_avx2(const SfdTask& task, int64_t begin, int64_t end, bool single) {
  if (single)
    sfd_range<Lanes<float, 32>>(task, begin, end);
  else
    sfd_range<Lanes<double, 32>>(task, begin, end);
}
void range_portable(const SfdTask& task, int64_t begin, int64_t end, bool single) {
  if (single)
    sfd_range<Lanes<float, 16>>(task, begin, end);
  else
    sfd_range<Lanes<double, 16>>(task, begin, end);
}

}  // namespace

void sfd_in_lanes(const Exec& exec, const SfdTask& task, bool single_precision) {
  const Simd simd = simd_of_cpu(exec.simd);
  const auto range = simd == Simd::avx512 ? range_avx512 : simd == Simd::avx2 ? range_avx2 : range_portable;
  // A multiple of every width: groups do not depend on the number of threads.
  parallel_chunks(exec.threads, task.batch.n_local, 256,
                  [&](int64_t begin, int64_t end, int) { range(task, begin, end, single_precision); });
}

}  // namespace grainfield
