// The coarse-grained density of a frame that does not fit into memory uncut, slab after slab.
//
// A slab that is evaluated for itself needs atoms 8 beta (24 A in iron) beyond its faces: thin slabs then
// spread every atom several times. Here slabs follow each other along a cell vector and share one window of
// the grid (gaussian_grid.hpp): an atom is spread once, a plane of nodes is smoothed once it has all its
// atoms, and points are evaluated once the planes around them are. Numbers are those of the frame uncut, up
// to the order of the sums.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "host/analysis.hpp"
#include "host/gaussian_field.hpp"
#include "host/slab_plan.hpp"

namespace grainfield {

// Where points lie, in fractional coordinates.
struct PointRange {
  double lo[3] = {0, 0, 0}, hi[3] = {1, 1, 1};
  // The atoms': along periodic directions the whole cell.
  static PointRange of_atoms(const Frame& frame, int threads);
};

class GaussianSweep {
 public:
  // The Cartesian direction in which slabs along cell vector k follow each other; -1 where their faces are
  // normal to none.
  static int direction(const Box& box, int k);
  // What plans need to know of a sweep at this beta (A); what points and atoms take while they wait is left
  // to those who keep them.
  static SweepNeeds needs(const Exec& exec, const Box& box, double beta, const PointRange& points);

  // The one that `held` (SlabContext) has, or a new one.
  static GaussianSweep& in(std::shared_ptr<void>& held, const Exec& exec);
  explicit GaussianSweep(const Exec& exec);
  // Before the first slab; memory stays from frame to frame.
  void begin(const Box& box, double beta, const PointRange& points, const SlabPlan& plan);

  // Spreads the batch's local atoms, those of `slab`, and the ghosts beside them (weights [n_total], or null
  // for 1). Slabs ascend without gaps.
  void add(const Batch& batch, const double* weights, const Slab& slab);
  // Nothing follows.
  void finish();
  // Points below this fractional coordinate can be evaluated now.
  double ready() const { return ready_; }
  // rho[i] (A^-3) at points [n] with fractional coordinates from lo to hi <= ready(), hi - lo at most a slab
  // of the plan. Calls ascend: what lies below hi is forgotten.
  void evaluate(const Vec3* points, int64_t n, double lo, double hi, double* rho);

 private:
  int64_t plane_of(double s) const;
  int64_t nodes_below(const GridPiece& piece, int64_t plane) const;
  void make_room(int64_t end);
  void complete(int64_t plane);

  Exec exec_;
  double beta_ = 0, origin_ = 0, height_ = 1;  // A
  Buffer<GaussianGridTables> tables_;
  // Planes of the grid that are held: spread, and smoothed in themselves below plane in_planes_; and those
  // that are smoothed across too. end_: no plane of that number or above is needed.
  GridPiece spread_, smooth_;
  Buffer<double> spread_value_, smooth_value_, other_;
  int64_t in_planes_ = 0, end_ = 0;
  double done_ = 0, ready_ = 0;  // fractional coordinates: all below is evaluated, or can be
};

}  // namespace grainfield
