// Strain functional descriptors (SFD): 19 rotation invariants of the Gaussian-weighted neighborhood.
//
// Formula  r_j: vectors from atom i to all other atoms and images (its own included) with r_j^2 < rc^2;
//          rho_j = r_j / sigma, w_j = exp(-rho_j^2 / 2);
//          m_abc = sum_j w_j x^a y^b z^c, a + b + c <= 4, (x, y, z) = rho_j; self_weight is added to m_000.
//          The 19 invariants PX_IY (X: order, Y: rank within it) of these 35 moments: sfd_invariants.hpp.
//          By default sigma = 0.909 A (V / 11.8104 A^3)^(1/3) with V the atomic volume, rc = 6.495 sigma,
//          self_weight = 0.
// Source   Mishra et al., learning from metastable grain boundaries (names, sigma and cutoff of Cu); Kober et
//          al., arXiv:2402.04191 (expansion of the smeared density). All species count equally.
// In       positions [n] A; neighbor lists with a cutoff of at least rc.
// Out      sfd [n][19], on request sfd_polynomial [n][19] and sfd_moment [n][35]; pure numbers.
// Edges    no neighbor: zeros (and self_weight). A coincident atom adds 1 to P0_I0. Atoms at exactly rc do
// not
//          count; one there carries the weight 7e-10.
// Cost     per neighbor 77 operations and one exp; per atom 950 operations. 78 neighbors: 7 kflop and 78 exp
//          (bench/bench_sfd).
// Team     any size; 8 on a GPU. The CPU takes the neighbors of an atom in the lanes of a vector, then
//          the moments of as many atoms in its lanes (sfd_lanes.cpp).
// Order    a lane adds every size-th neighbor, the lanes are added in a fixed tree: the same bits for any
//          number of threads. Slabs and schedules differ by rounding.
// Error    of the scale of the order (sfd_invariants.hpp): double 1e-14; single 3e-6: distances are double,
//          weights, moments and invariants single.
// Test     tests/kernels/test_sfd.cpp
#pragma once

#include "host/registry.hpp"
#include "kernels/core/exec.hpp"
#include "kernels/core/view.hpp"
#include "kernels/descriptors/sfd_invariants.hpp"

namespace grainfield {

struct SfdParams {
  double sigma = 0;        // A
  double cutoff = 0;       // A
  double self_weight = 0;  // of the central atom in P0_I0
};
constexpr double sfd_cutoff_over_sigma = 6.495;
// sigma of an atomic volume (A^3).
inline double sfd_default_sigma(double volume) { return 0.909 * std::cbrt(volume / 11.8104); }

// Adds a neighbor at (x, y, z) sigma with weight w to the moments: those with a factor x, then those without.
// Each half keeps its sums in the registers of an AVX-512 processor, and no product is made twice.
template <class Value>
GF_HD inline void sfd_add_with_x(Value* m, const Value& x, const Value& y, const Value& z, const Value& w) {
  const Value wx = w * x;
  m[1] += wx;
  const Value xx = wx * x, xy = wx * y, xz = wx * z;
  m[4] += xx, m[5] += xy, m[6] += xz;
  const Value xxx = xx * x, xxy = xx * y, xxz = xx * z, xyy = xy * y, xyz = xy * z, xzz = xz * z;
  m[10] += xxx, m[11] += xxy, m[12] += xxz, m[13] += xyy, m[14] += xyz, m[15] += xzz;
  m[20] += xxx * x, m[21] += xxx * y, m[22] += xxx * z, m[23] += xxy * y, m[24] += xxy * z;
  m[25] += xxz * z, m[26] += xyy * y, m[27] += xyy * z, m[28] += xyz * z, m[29] += xzz * z;
}
template <class Value>
GF_HD inline void sfd_add_without_x(Value* m, const Value& y, const Value& z, const Value& w) {
  const Value wy = w * y, wz = w * z;
  m[0] += w, m[2] += wy, m[3] += wz;
  const Value yy = wy * y, yz = wy * z, zz = wz * z;
  m[7] += yy, m[8] += yz, m[9] += zz;
  const Value yyy = yy * y, yyz = yy * z, yzz = yz * z, zzz = zz * z;
  m[16] += yyy, m[17] += yyz, m[18] += yzz, m[19] += zzz;
  m[30] += yyy * y, m[31] += yyy * z, m[32] += yyz * z, m[33] += yzz * z, m[34] += zzz * z;
}

// Team member's share of the moments of atom i.
template <class Real, class Team>
GF_HD inline void sfd_sum_moments(Team team, const BatchView& batch, const NeighborView& neighbors,
                                  const SfdParams& p, int64_t i, Real* m) {
  const Vec3 ri = batch.position(i);
  const double cutoff_sq = p.cutoff * p.cutoff, inverse_sigma = 1 / p.sigma;
  for (int k = 0; k < sfd_moments; ++k) m[k] = 0;
  for (int64_t k = neighbors.begin(i) + team.rank(); k < neighbors.end(i); k += team.size()) {
    const Vec3 rij = batch.position(neighbors.index[k]) - ri;
    if (!(norm_sq(rij) < cutoff_sq)) continue;
    const Vec3 rho = inverse_sigma * rij;
    const Real x = static_cast<Real>(rho.x), y = static_cast<Real>(rho.y), z = static_cast<Real>(rho.z);
    const Real w = std::exp(Real(-0.5) * (x * x + y * y + z * z));
    sfd_add_with_x(m, x, y, z, w);
    sfd_add_without_x(m, y, z, w);
  }
}

// Moments of the atoms first ... first + n - 1.
template <class Real>
struct SfdMomentKernel {
  BatchView batch;
  NeighborView neighbors;
  SfdParams params;
  int64_t first;
  int64_t n;
  Real* moment;  // [35][n]

  template <class Team>
  GF_HD void operator()(Team team, int64_t i) const {
    Real m[sfd_moments];
    sfd_sum_moments(team, batch, neighbors, params, first + i, m);
    for (int k = 0; k < sfd_moments; ++k) m[k] = team.sum(m[k]);
    if (team.rank() != 0) return;
    m[0] += static_cast<Real>(params.self_weight);
    for (int k = 0; k < sfd_moments; ++k) moment[k * n + i] = m[k];
  }
};

// Where the results of the local atoms go; null: not wanted.
struct SfdOutputs {
  double* feature = nullptr;     // [n_local][19]
  double* polynomial = nullptr;  // [n_local][19]
  double* moment = nullptr;      // [n_local][35]
};

template <class Real>
struct SfdInvariantKernel {
  int64_t first;
  int64_t n;
  const Real* moment;  // [35][n]
  SfdOutputs out;

  template <class Team>
  GF_HD void operator()(Team, int64_t i) const {
    Real m[sfd_moments], feature[sfd_features], polynomial[sfd_features];
    for (int k = 0; k < sfd_moments; ++k) m[k] = moment[k * n + i];
    sfd_invariants<OneAtom<Real>>(m, feature, polynomial);
    const int64_t atom = first + i;
    for (int k = 0; k < sfd_features; ++k) out.feature[sfd_features * atom + k] = feature[k];
    if (out.polynomial)
      for (int k = 0; k < sfd_features; ++k) out.polynomial[sfd_features * atom + k] = polynomial[k];
    if (out.moment)
      for (int k = 0; k < sfd_moments; ++k) out.moment[sfd_moments * atom + k] = m[k];
  }
};

struct SfdTask {
  BatchView batch;
  NeighborView neighbors;
  SfdParams params;
  SfdOutputs out;
};

// The CPU's schedule: lanes of a vector, for the atoms begin ... end - 1. exec.simd bounds its width.
void sfd_in_lanes(const Exec& exec, const SfdTask& task, bool single_precision);

AnalysisEntry sfd_entry();

}  // namespace grainfield
