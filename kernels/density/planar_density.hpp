// Planar average of the coarse-grained atomic density along a normal of the cell, at any plane.
//
// Formula  n(z) = (1/A) sum_I sum_k g1(z - z_I - k L),    g1(u) = exp(-u^2 / 2 beta^2) / (beta sqrt(2 pi)),
//          the average over the plane z of rho_n(r) = sum_I g3(|r - R_I|): in a plane that is periodic the
//          in-plane integral of a Gaussian with all its images is 1, so neither a grid nor a cutoff in the
//          plane is needed. z = distance along the unit normal n of the plane spanned by the other two cell
//          vectors, from the origin of the cell; L = height of the cell along n, A = area of that plane's
//          cell; k runs over all integers if the cell is periodic along its third vector, else k = 0. Slab
//          average over [z - w/2, z + w/2]: g1 is replaced by (1/2w) { erf[(z + w/2 - z_I - kL) / (sqrt2
//          beta)] - erf[(z - w/2 - z_I - kL) / (sqrt2 beta)] }.
// Method   Atoms are gathered in bins of width h <= beta/30 centred at z_b; with d = (z_I - z_b)/beta,
//          |d| <= 1/60, the Taylor series (the fast Gauss transform in one dimension)
//            g1(z - z_I) = sum_{m=0..7} (d^m / m!) D_m(z - z_b) + remainder,  D_m(u) = He_m(u/beta) g1(u),
//          is exact to |remainder| <= 1.09 (1/60)^8 / sqrt(8!) exp(-u^2/4 beta^2) / (beta sqrt(2 pi)), that
//          is 3e-17 of the peak (Cramer's bound for Hermite polynomials): below the rounding of the direct
//          sum. So 8 moments per bin hold the whole snapshot; values, derivatives and integrals follow from
//          them. Gaussians are cut at 8.5 beta, where 2e-17 of their integral is left.
// Source   Darvishi Kamachali & Wallis, "On the relationship and distinction between atomic density and
//          coordination number ...", eqs. 2, 15, 16 (w is the "bin size" there). Fast Gauss transform:
//          Greengard & Strain, SIAM J. Sci. Stat. Comput. 12, 79 (1991).
// In       positions [N] A (any image), the cell, beta A, w A.      Out  n(z) [points] A^-3.
// Edges    no atoms: 0. An atom on a bin's edge may go to either bin: the series holds for both.
// Cost     per atom 8 fused multiply-adds and one line of 64 bytes; per point 17 beta/h bins x 8 moments.
// Team     any size: lanes share the bins of a point; default 32. The CPU runs one thread per point with SIMD
//          over the moments.
// Order    atoms are summed in pieces of the snapshot whose number depends on N and the bins only, pieces in
//          order: the number of threads changes no bit. Team sizes agree to 1e-15 relative.
// Test     tests/kernels/test_density_profile.cpp
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "host/frame.hpp"
#include "kernels/core/exec.hpp"
#include "kernels/core/hd.hpp"

namespace grainfield {

constexpr int n_profile_moments = 8;
constexpr double profile_bins_per_beta = 30;
constexpr double profile_reach = 8.5;  // in units of beta

// g1(u), the normalised Gaussian of width beta (A) at distance u (A): 1/A.
GF_HD inline double gaussian_1d(double u, double beta) {
  constexpr double sqrt_two_pi = 2.5066282746310005024;
  const double x = u / beta;
  return std::exp(-0.5 * x * x) / (beta * sqrt_two_pi);
}

// d[m] = D_m(u) = He_m(u/beta) g1(u) = (-beta)^m d^m g1 / du^m, m = 0 ... n - 1, in 1/A.
GF_HD inline void gaussian_terms(double u, double beta, int n, double* d) {
  const double x = u / beta;
  d[0] = gaussian_1d(u, beta);
  if (n > 1) d[1] = x * d[0];
  for (int m = 2; m < n; ++m) d[m] = x * d[m - 1] - (m - 1) * d[m - 2];
}

// s[m] = integral of D_m(u) du from u1 to u2, m = 0 ... n - 1 (n <= n_profile_moments), a pure number.
GF_HD inline void gaussian_integral_terms(double u1, double u2, double beta, int n, double* s) {
  constexpr double inverse_sqrt_two = 0.70710678118654752440;
  double lower[n_profile_moments], upper[n_profile_moments];
  gaussian_terms(u1, beta, n, lower);
  gaussian_terms(u2, beta, n, upper);
  s[0] = 0.5 * (std::erf(u2 / beta * inverse_sqrt_two) - std::erf(u1 / beta * inverse_sqrt_two));
  for (int m = 1; m < n; ++m) s[m] = -beta * (upper[m - 1] - lower[m - 1]);
}

// Value at point i: scale * sum over n_bins bins and all moments of weights * moments, the bins starting at
// bin i * stride.
struct ProfileKernel {
  const double* moments;  // [bins][n_profile_moments]
  const double* weights;  // [n_bins][n_profile_moments]
  int64_t n_bins;
  int64_t stride;
  double scale;
  double* out;

  template <class Team>
  GF_HD void operator()(Team team, int64_t i) const {
    const double* bins = moments + i * stride * n_profile_moments;
    double part[n_profile_moments] = {};
    for (int64_t j = team.rank(); j < n_bins; j += team.size())
      for (int m = 0; m < n_profile_moments; ++m)
        part[m] += weights[j * n_profile_moments + m] * bins[j * n_profile_moments + m];
    double total = 0;
    for (int m = 0; m < n_profile_moments; ++m) total += part[m];
    total = team.sum(total);
    if (team.rank() == 0) out[i] = scale * total;
  }
};

// The planar density of one snapshot along one normal, held as moments of its bins.
class PlanarDensity {
 public:
  // axis 0, 1, 2: the normal of the plane spanned by the other two cell vectors. Samples are `step` apart
  // (periodic: L / round(L / step)). Throws ResourceError where the bins would not fit.
  PlanarDensity(const Frame& frame, int axis, double beta, double step, int threads);

  int axis() const { return axis_; }
  bool periodic() const { return periodic_; }
  double length() const { return length_; }  // L, A
  double area() const { return area_; }      // A, A^2
  double beta() const { return beta_; }      // A
  int64_t n_atoms() const { return n_atoms_; }

  // Points are the centres of the bins: from 0 to L - spacing where periodic; from 6 beta below the lowest to
  // 6 beta above the highest atom where free. Every stride-th point is a sample.
  int64_t n_points() const { return n_points_; }
  double spacing() const { return spacing_; }  // A
  double point(int64_t i) const { return first_ + static_cast<double>(i) * spacing_; }
  int64_t stride() const { return stride_; }
  int64_t n_samples() const { return (n_points_ + stride_ - 1) / stride_; }

  // n(z) at all points, and the average of n over slabs of this width (A) centred at the samples: A^-3.
  std::vector<double> planar(const Exec& exec) const;
  std::vector<double> slab(const Exec& exec, double width) const;

  struct Value {
    double density = 0;    // A^-3
    double slope = 0;      // A^-4
    double curvature = 0;  // A^-5
  };
  Value at(double z) const;
  double slab_at(double z, double width) const;  // A^-3
  // Integral of n(z) over [z1, z2] times the area: the number of (smeared) atoms between two planes.
  double count_between(double z1, double z2) const;

  // z of a position, in [0, L) where periodic.
  double coordinate(Vec3 r) const {
    double s = dot(reciprocal_, r - origin_);
    if (periodic_) {
      s -= std::floor(s);
      if (s >= 1) s = 0;
    }
    return s * length_;
  }

 private:
  std::vector<double> convolve(const Exec& exec, const std::vector<double>& weights, int64_t stride,
                               double scale) const;
  int64_t nearest_point(double z) const {
    return static_cast<int64_t>(std::llround((z - first_) / spacing_));
  }
  const double* moments_of(int64_t bin) const;

  int axis_ = 2;
  bool periodic_ = true;
  double length_ = 0, area_ = 0, beta_ = 0;
  Vec3 reciprocal_, origin_;
  int64_t n_atoms_ = 0;
  double first_ = 0, spacing_ = 0;
  int64_t n_points_ = 0, stride_ = 1, reach_ = 0;  // reach_: bins within profile_reach beta
  std::vector<double> moments_;                    // [reach_ + n_points_ + reach_][n_profile_moments]
};

// Place of the minimum of n(z) between the points next to `point` (Newton's method on the slope, halving the
// bracket where it leaves it), to 1e-13 A or the rounding of the slope.
double refine_minimum(const PlanarDensity& density, int64_t point);

}  // namespace grainfield
