#include "host/gaussian_field.hpp"

#include <algorithm>
#include <cmath>

#include "host/primitives.hpp"

namespace grainfield {
namespace {

// Heights (A) of the region that holds the atoms: the cell's along periodic directions, the atoms' along free
// ones.
Vec3 occupied_heights(const Frame& frame) {
  Vec3 heights;
  for (int k = 0; k < 3; ++k) {
    heights[k] = frame.box.height(k);
    if (frame.box.periodic[k] || frame.n_atoms() == 0) continue;
    const auto [lo, hi] = fractional_extent(frame, k, 1);
    heights[k] *= std::max(hi - lo, 1e-3);
  }
  return heights;
}

double occupied_density(const Frame& frame, const Vec3& heights) {
  double volume = frame.box.volume();
  for (int k = 0; k < 3; ++k) volume *= heights[k] / frame.box.height(k);
  return static_cast<double>(frame.n_atoms()) / volume;
}

}  // namespace

GaussianField::GaussianField(const Exec& exec, double beta, GaussianMethod method)
    : exec_(exec), beta_(beta), method_(method), tables_(exec), value_(exec), other_(exec) {
  if (method == GaussianMethod::grid) tables_.upload(&gaussian_grid_tables(), 1);
}

GaussianMethod GaussianField::cheaper(const Frame& frame, double beta, int64_t n_points) {
  const Vec3 heights = occupied_heights(frame);
  const double density = occupied_density(frame, heights);
  const auto n = static_cast<double>(n_points);
  const double h = beta / nodes_per_beta, halo = 2 * (smooth_reach + spread_width / 2) * h;
  double nodes = 1, atoms = density;
  for (int k = 0; k < 3; ++k) {
    nodes *= (heights[k] + halo) / h;
    atoms *= heights[k] + (frame.box.periodic[k] ? 2 * gaussian_grid_reach * beta : 0);
  }
  // Nanoseconds measured on one core (bench/bench_density): per neighbor; per spread and gathered atom; per
  // node.
  const double neighbors = std::min(atoms, 4.18879 * std::pow(gaussian_cutoff * beta, 3) * density);
  const double sum_cost = n * neighbors * 10;
  const double grid_cost = atoms * 240 + n * 160 + nodes * 15;
  return sum_cost < grid_cost ? GaussianMethod::sum : GaussianMethod::grid;
}

double GaussianField::nodes_per_atom(const Frame& frame, double beta) {
  const Vec3 heights = occupied_heights(frame);
  const double h = beta / nodes_per_beta, margins = 2 * (smooth_reach + spread_width / 2) * h;
  double nodes = 1.15 / (occupied_density(frame, heights) * std::pow(h, 3));
  for (int k = 0; k < 3; ++k)  // beyond a surface are nodes without atoms
    if (!frame.box.periodic[k]) nodes *= (heights[k] + margins) / heights[k];
  return nodes;
}

void GaussianField::set_atoms(const Batch& batch, const double* weights, Vec3 lo, Vec3 hi) {
  weights_ = weights;
  if (method_ == GaussianMethod::sum) return;
  grid_ = grid_piece_for(beta_, lo, hi);
  value_.resize(grid_.n_nodes(), "the density grid");
  if (exec_.on_gpu() || exec_.plain) other_.resize(grid_.n_nodes(), "the density grid");
  spread_on_grid(exec_, batch.view(), batch.cells(), 0, weights, grid_, tables_.data(), false, value_.data());
  smooth_grid(exec_, grid_, tables_.data(), value_.data(), other_.data());
}

void GaussianField::evaluate(const Batch& batch, const Vec3* points, int64_t n, double* rho) const {
  if (method_ == GaussianMethod::sum)
    gaussian_sum(exec_, {batch.view(), batch.cells(), beta_, weights_, points, 0, rho}, n);
  else
    gather_from_grid(
        exec_, {batch.view(), points, grid_, tables_.data(), gaussian_peak(beta_), value_.data(), rho}, n);
}

std::pair<Vec3, Vec3> local_bounds(const Batch& batch) {
  const BatchView view = batch.view();
  if (view.n_local == 0) return {};
  const Range x = reduce_range(batch.exec(), view.x, view.n_local);
  const Range y = reduce_range(batch.exec(), view.y, view.n_local);
  const Range z = reduce_range(batch.exec(), view.z, view.n_local);
  return {{x.min, y.min, z.min}, {x.max, y.max, z.max}};
}

}  // namespace grainfield
