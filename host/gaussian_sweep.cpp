#include "host/gaussian_sweep.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <tuple>

namespace grainfield {
namespace {

// Planes around a point: those of its window, and those that reach them by smoothing. One more of each: the
// coordinates of points and atoms are rounded.
constexpr int64_t below_point = spread_width / 2, above_point = spread_width / 2 + 1;
constexpr int64_t below_smoothed = below_point + smooth_reach, above_smoothed = above_point + smooth_reach;

// Planes that are held for slabs of at most t planes: of the spread grid, from those that the lowest waiting
// slab needs to those that the slab at hand or, at the end, the last point touches; of the smoothed one,
// those of a slab.
int64_t spread_planes(double t) {
  const auto slab = static_cast<int64_t>(std::ceil(t)) + 1;
  return slab + std::max(slab, above_smoothed) + below_smoothed + above_smoothed + below_point + above_point +
         4;
}
int64_t smooth_planes(double t) { return static_cast<int64_t>(std::ceil(t)) + 2 + below_point + above_point; }

// The grid piece for all points; its planes follow each other along the cell vector `axis`.
GridPiece piece_of(const Box& box, double beta, const PointRange& points, int axis) {
  Vec3 lo{1e300, 1e300, 1e300}, hi{-1e300, -1e300, -1e300};
  for (int corner = 0; corner < 8; ++corner) {
    Vec3 s;
    for (int k = 0; k < 3; ++k) s[k] = corner >> k & 1 ? points.hi[k] : points.lo[k];
    const Vec3 r = box.cartesian(s);
    for (int k = 0; k < 3; ++k) lo[k] = std::min(lo[k], r[k]), hi[k] = std::max(hi[k], r[k]);
  }
  return grid_piece_for(beta, lo, hi, GaussianSweep::direction(box, axis));
}

// Moves planes [from, end) of an array to its start; pieces of the distance moved, so that none overlaps
// itself.
void move_down(const Exec& exec, double* value, int64_t from, int64_t end) {
  for (int64_t at = from; at < end; at += from)
    copy_within(exec, value + at - from, value + at,
                static_cast<size_t>(std::min(from, end - at)) * sizeof(double));
}

}  // namespace

PointRange PointRange::of_atoms(const Frame& frame, int threads) {
  PointRange range;
  for (int k = 0; k < 3; ++k)
    if (!frame.box.periodic[k]) std::tie(range.lo[k], range.hi[k]) = fractional_extent(frame, k, threads);
  return range;
}

int GaussianSweep::direction(const Box& box, int k) {
  const Vec3 normal = box.reciprocal(k);
  for (int d = 0; d < 3; ++d)  // rounding of the cell vectors turns faces by less than a plane's margin
    if (normal[d] > (1 - 1e-12) * norm(normal)) return d;
  return -1;
}

SweepNeeds GaussianSweep::needs(const Exec& exec, const Box& box, double beta, const PointRange& points) {
  SweepNeeds needs;
  const double h = beta / nodes_per_beta;
  std::array<double, 3> plane_bytes{};
  for (int k = 0; k < 3; ++k) {
    const auto at = static_cast<size_t>(k);
    needs.along[at] = direction(box, k) >= 0;
    if (needs.along[at]) plane_bytes[at] = 8 * static_cast<double>(piece_of(box, beta, points, k).plane());
  }
  needs.reach = gaussian_grid_reach * beta;
  needs.wait = h * static_cast<double>(above_smoothed + below_point + 2);
  const int smoothed = exec.on_gpu() || exec.plain ? 2 : 1;  // arrays of these planes
  needs.bytes = [plane_bytes, h, smoothed](int axis, double thickness) {
    const double t = thickness / h;
    return plane_bytes[static_cast<size_t>(axis)] *
           static_cast<double>(spread_planes(t) + smoothed * smooth_planes(t));
  };
  return needs;
}

GaussianSweep& GaussianSweep::in(std::shared_ptr<void>& held, const Exec& exec) {
  if (!held) held = std::make_shared<GaussianSweep>(exec);
  return *static_cast<GaussianSweep*>(held.get());
}

GaussianSweep::GaussianSweep(const Exec& exec)
    : exec_(exec), tables_(exec), spread_value_(exec), smooth_value_(exec), other_(exec) {
  tables_.upload(&gaussian_grid_tables(), 1);
}

void GaussianSweep::begin(const Box& box, double beta, const PointRange& points, const SlabPlan& plan) {
  beta_ = beta;
  origin_ = box.origin[direction(box, plan.axis)];
  height_ = box.height(plan.axis);
  done_ = points.lo[plan.axis];
  ready_ = -std::numeric_limits<double>::infinity();
  const GridPiece whole = piece_of(box, beta, points, plan.axis);
  double thickness = 0;
  for (int k = 0; k < plan.n_slabs(); ++k)
    thickness = std::max(thickness, (plan.slab(k).hi - plan.slab(k).lo) * height_);
  const int64_t first = whole.first[2];
  end_ = first + whole.n[2];
  spread_ = whole.planes(first, first + spread_planes(thickness / whole.h));
  smooth_ = whole.planes(first, first);
  in_planes_ = first;
  spread_value_.resize(spread_.n_nodes(), "the density grid");
  spread_value_.zero();
  smooth_value_.resize(smooth_planes(thickness / whole.h) * whole.plane(), "the density grid");
  if (exec_.on_gpu() || exec_.plain) other_.resize(smooth_value_.size(), "the density grid");
}

int64_t GaussianSweep::plane_of(double s) const {
  return static_cast<int64_t>(std::floor((origin_ + s * height_) / spread_.h));
}

int64_t GaussianSweep::nodes_below(const GridPiece& piece, int64_t plane) const {
  return (plane - piece.first[2]) * piece.plane();
}

// Lets go of planes that no waiting point needs, so that those below `end` fit.
void GaussianSweep::make_room(int64_t end) {
  if (end <= spread_.first[2] + spread_.n[2]) return;
  const int64_t first = std::min(plane_of(done_) - below_smoothed - 1, spread_.first[2] + spread_.n[2]);
  if (first <= spread_.first[2] || end > first + spread_.n[2])
    throw std::logic_error("a sweep was given a slab that is thicker than its plan, or points late");
  const int64_t all = spread_.n_nodes(), gone = nodes_below(spread_, first);
  move_down(exec_, spread_value_.data(), gone, all);
  fill_zero(exec_, spread_value_.data() + (all - gone), static_cast<size_t>(gone) * sizeof(double));
  spread_.first[2] = first;
}

// All atoms of the planes below are there.
void GaussianSweep::complete(int64_t plane) {
  const int64_t chunk = std::max<int64_t>(1, smooth_value_.size() / spread_.plane());
  for (plane = std::min(plane, end_); in_planes_ < plane;) {
    const GridPiece part = spread_.planes(in_planes_, std::min(plane, in_planes_ + chunk));
    smooth_in_planes(exec_, part, tables_.data(), spread_value_.data() + nodes_below(spread_, in_planes_),
                     other_.data());
    in_planes_ += part.n[2];
  }
  ready_ = in_planes_ == end_
               ? std::numeric_limits<double>::infinity()
               : ((static_cast<double>(in_planes_ - above_smoothed) - 0.5) * spread_.h - origin_) / height_;
}

void GaussianSweep::add(const Batch& batch, const double* weights, const Slab& slab) {
  const int64_t from = std::max(plane_of(slab.lo) - below_point, spread_.first[2]);
  const int64_t to = std::min(plane_of(slab.hi) + above_point + 1, end_);
  if (from < to) {
    make_room(to);
    if (batch.n_local() > 0)
      spread_on_grid(exec_, batch.view(), batch.cells(), 0, weights, spread_.planes(from, to), tables_.data(),
                     true, spread_value_.data() + nodes_below(spread_, from));
  }
  complete(plane_of(slab.hi) - below_point);
}

void GaussianSweep::finish() {
  make_room(end_);
  complete(end_);
}

void GaussianSweep::evaluate(const Vec3* points, int64_t n, double lo, double hi, double* rho) {
  done_ = std::max(done_, hi);
  if (n == 0) return;
  const int64_t from = std::max(plane_of(lo) - below_point, smooth_.first[2]);
  const int64_t to = std::min(plane_of(hi) + above_point + 1, end_);
  const int64_t held_end = smooth_.first[2] + smooth_.n[2];
  // What the calls before have smoothed and this one needs too.
  const int64_t kept = std::max<int64_t>(0, held_end - from);
  if (kept > 0 && from > smooth_.first[2])
    move_down(exec_, smooth_value_.data(), nodes_below(smooth_, from), smooth_.n_nodes());
  smooth_ = spread_.planes(from, std::max(to, from + kept));
  if (to > from + kept) {
    const GridPiece fresh = spread_.planes(from + kept, to);
    smooth_across_planes(exec_, spread_, fresh, tables_.data(), spread_value_.data(),
                         smooth_value_.data() + nodes_below(smooth_, fresh.first[2]));
  }
  gather_from_grid(exec_,
                   {{}, points, smooth_, tables_.data(), gaussian_peak(beta_), smooth_value_.data(), rho}, n);
}

}  // namespace grainfield
