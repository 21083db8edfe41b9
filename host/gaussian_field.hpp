// The coarse-grained density of a batch, ready to be evaluated at points: by direct sums or through a grid.
#pragma once

#include <string>

#include "host/batch.hpp"
#include "kernels/density/gaussian_grid.hpp"
#include "kernels/density/gaussian_sum.hpp"

namespace grainfield {

enum class GaussianMethod { sum, grid };

class GaussianField {
 public:
  // beta in A. The batch must reach `reach(beta, method)` beyond the points.
  GaussianField(const Exec& exec, double beta, GaussianMethod method);

  static double reach(double beta, GaussianMethod method) {
    return beta * (method == GaussianMethod::grid ? gaussian_grid_reach : gaussian_cutoff);
  }
  // The cheaper method for evaluating the field of this frame at n points spread over it. A function of the
  // frame alone, so slabs and threads do not change it.
  static GaussianMethod cheaper(const Frame& frame, double beta, int64_t n_points);
  // Grid nodes per atom of a batch (local or ghost), for memory plans.
  static double nodes_per_atom(const Frame& frame, double beta);

  // Takes the atoms of the batch (weights [n_total], or null for 1) for points in the box [lo, hi] (A,
  // Cartesian).
  void set_atoms(const Batch& batch, const double* weights, Vec3 lo, Vec3 hi);
  // rho[i] (A^-3) at points [n], or at the batch's local atoms where points is null.
  void evaluate(const Batch& batch, const Vec3* points, int64_t n, double* rho) const;

 private:
  Exec exec_;
  double beta_;
  GaussianMethod method_;
  const double* weights_ = nullptr;
  GridPiece grid_;
  Buffer<GaussianGridTables> tables_;
  Buffer<double> value_, other_;
};

// Cartesian bounds of the batch's local atoms, A; {0, 0} without atoms.
std::pair<Vec3, Vec3> local_bounds(const Batch& batch);

}  // namespace grainfield
