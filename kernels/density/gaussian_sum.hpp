// The coarse-grained number density at one point, by direct summation: the plain form of the field.
//
// Formula  rho_n(r) = c0 sum_I w_I exp(-|r - R_I|^2 / (2 beta^2)),  c0 = (beta sqrt(2 pi))^-3, over all
//          atoms and images within gaussian_cutoff * beta of r; w_I = 1, or a weight per atom.
// Source   Darvishi Kamachali and Wallis, eq. (2). The kernel integrates to 1, so rho_n is a number
//          density.
// In       points (A); atoms of the batch, whose ghosts must reach gaussian_cutoff * beta beyond the
//          points.
// Out      rho_n [n] A^-3.
// Edges    no atom in reach -> 0. The atom at the point itself counts (w_I c0).
// Cost     (4 pi / 3) (7 beta)^3 n_B exp per point: 3,400 in bcc Fe at beta = 3.024 A. The gridded form
//          (gaussian_grid.hpp) is 15 to 35 times as fast at this beta; this one wins for few atoms in much
//          empty space.
// Team     any size: lanes share the candidates.
// Order    runs of candidates ascend; the sum over lanes is a fixed tree.
// Error    the missing tail of the Gaussian: erfc(7/sqrt2) + sqrt(2/pi) 7 exp(-49/2) = 1.3e-10 of the bulk
//          value.
// Test     tests/kernels/test_density.cpp
#pragma once

#include "kernels/core/exec.hpp"
#include "kernels/neighbors/neighbor_list.hpp"

namespace grainfield {

constexpr double gaussian_cutoff = 7;  // in units of beta

// c0: the value of the normalised Gaussian at its centre, A^-3.
GF_HD inline double gaussian_peak(double beta) {
  const double s = beta * 2.5066282746310005024;  // sqrt(2 pi)
  return 1 / (s * s * s);
}

struct GaussianSum {
  BatchView batch;
  CellView cells;
  double beta;           // A
  const double* weight;  // [n_total] per atom of the batch; null: 1
  const Vec3* points;    // null: the local atoms
  int32_t system;        // of the points
  double* rho;           // [n]

  template <class Team>
  GF_HD void operator()(Team team, int64_t i) const {
    const Vec3 r = points ? points[i] : batch.position(i);
    const double cutoff = gaussian_cutoff * beta, scale = -0.5 / (beta * beta);
    double sum = 0;
    for_each_candidate_run(batch, cells, points ? system : batch.system[i], r, cutoff,
                           [&](int32_t begin, int32_t end) {
                             for (int32_t j = begin + team.rank(); j < end; j += team.size()) {
                               const double d_sq = norm_sq(batch.position(j) - r);
                               if (d_sq < cutoff * cutoff)
                                 sum += (weight ? weight[j] : 1.0) * std::exp(scale * d_sq);
                             }
                           });
    sum = team.sum(sum);
    if (team.rank() == 0) rho[i] = gaussian_peak(beta) * sum;
  }
};

void gaussian_sum(const Exec& exec, const GaussianSum& kernel, int64_t n_points);

}  // namespace grainfield
