#include "kernels/density/density_grid.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "host/error.hpp"
#include "host/gaussian_field.hpp"
#include "host/gaussian_sweep.hpp"
#include "host/slab_plan.hpp"
#include "kernels/core/launch.hpp"

namespace grainfield {
namespace {

AnalysisInfo density_grid_info() {
  return {"density-grid",
          "Coarse-grained atomic density on a regular grid over the cell, for HDF5 and VTK (Darvishi "
          "Kamachali and "
          "Wallis, eq. 2). Width and bulk reference are those of `density`.",
          {{"spacing", ParameterKind::real, "1.0", "A",
            "largest distance of grid points along each cell vector", 1e-3, 1e6},
           {"relative", ParameterKind::flag, "false", "", "divide by the bulk number density"}},
          {},
          {}};
}

// Point m of the planes from `first_plane` on.
struct PlacePoints {
  Box box;
  int64_t n[3];
  int64_t first_plane;
  Vec3* points;
  template <class Team>
  GF_HD void operator()(Team, int64_t m) const {
    const int64_t ia = first_plane + m / (n[1] * n[2]), ib = m / n[2] % n[1], ic = m % n[2];
    points[m] = box.cartesian({static_cast<double>(ia) / static_cast<double>(n[0]),
                               static_cast<double>(ib) / static_cast<double>(n[1]),
                               static_cast<double>(ic) / static_cast<double>(n[2])});
  }
};

class DensityGridAnalysis : public Analysis {
 public:
  DensityGridAnalysis(const Parameters& parameters, const RunContext& run)
      : spacing_(parameters.real("spacing")), relative_(parameters.flag("relative")), run_(run) {}

  std::vector<std::string> requirements() const override { return {"density"}; }

  void begin(FrameContext& context) override {
    shape_.name = "density";
    shape_.unit = relative_ ? "" : "1/A^3";
    shape_.doc = relative_ ? "coarse-grained atomic density over its bulk value"
                           : "coarse-grained atomic number density";
    shape_.box = context.frame.box;
    for (int k = 0; k < 3; ++k) {
      const double count = std::ceil(norm(shape_.box.edge(k)) / spacing_ - 1e-9);
      if (!(count < 2e9))
        throw UsageError(fmt::format(
            "density-grid.spacing: {} A gives {:g} points along cell vector {}; take a larger one", spacing_,
            count, "abc"[k]));
      shape_.n[k] = std::max<int64_t>(1, static_cast<int64_t>(count));
    }
  }

  // The grid is not a property of atoms: its blocks of planes are cut here, not by the slab loop.
  void finish(FrameContext& context) override {
    if (!context.grids) return;
    beta_ = context.results.find_observable("density_beta")->real[0];
    const double bulk = context.results.find_observable("bulk_number_density")->real[0];
    scale_ = relative_ ? 1 / bulk : 1;
    context.grids->begin(shape_);
    if (context.frame.n_atoms() == 0) {
      write_zeros(context);
    } else {
      const GaussianMethod method = GaussianField::cheaper(context.frame, beta_, shape_.n[0] * plane());
      SweepNeeds sweep;
      const std::optional<SlabPlan> plan = plan_sweep(context, method, sweep);
      if (plan)
        write_in_sweep(context, sweep, *plan);
      else
        write_in_blocks(context, method);
    }
    context.grids->end();
  }

 private:
  int64_t plane() const { return shape_.n[1] * shape_.n[2]; }
  double fraction(int64_t plane_number) const {
    return static_cast<double>(plane_number) / static_cast<double>(shape_.n[0]);
  }
  void place_points(int64_t first, int64_t n_planes, Buffer<Vec3>& points) const {
    points.resize(n_planes * plane(), "grid points");
    for_each(run_.exec, points.size(),
             PlacePoints{shape_.box, {shape_.n[0], shape_.n[1], shape_.n[2]}, first, points.data()}, 0, 8192);
  }
  void hand_over(FrameContext& context, int64_t first, int64_t n_planes, std::vector<double>& host) const {
    for (double& v : host) v *= scale_;
    context.grids->planes(first, n_planes, host.data());
  }

  void write_zeros(FrameContext& context) const {
    std::vector<double> zeros(static_cast<size_t>(plane()));
    for (int64_t first = 0; first < shape_.n[0]; ++first) context.grids->planes(first, 1, zeros.data());
  }

  void write_in_blocks(FrameContext& context, GaussianMethod method) const {
    const int64_t block = planes_per_block(context, method);
    Batch batch(run_.exec);
    GaussianField field(run_.exec, beta_, method);
    Buffer<Vec3> points(run_.exec);
    Buffer<double> values(run_.exec);
    std::vector<double> host;
    for (int64_t first = 0; first < shape_.n[0]; first += block) {
      const int64_t n_planes = std::min(block, shape_.n[0] - first), n = n_planes * plane();
      const Slab slab{0, fraction(first), fraction(first + n_planes)};
      batch.build({&context.frame}, GaussianField::reach(beta_, method), std::max(1.0, beta_), slab);
      place_points(first, n_planes, points);
      values.resize(n, "grid values");
      const auto [lo, hi] = bounds(first, n_planes);
      field.set_atoms(batch, nullptr, lo, hi);
      field.evaluate(batch, points.data(), n, values.data());
      host.resize(static_cast<size_t>(n));
      values.download(host.data());
      hand_over(context, first, n_planes, host);
    }
  }

  // Points are those of the cell, free or not. None where one block is enough, or planes along a cannot be
  // swept.
  std::optional<SlabPlan> plan_sweep(FrameContext& context, GaussianMethod method, SweepNeeds& sweep) const {
    if (method != GaussianMethod::grid || GaussianSweep::direction(shape_.box, 0) < 0) return {};
    if (block_bytes(context, method, shape_.n[0]) <= bytes_left(context)) return {};
    sweep = GaussianSweep::needs(run_.exec, shape_.box, beta_, {});
    sweep.along = {true, false, false};
    sweep.must = true;
    const double spacing = shape_.box.height(0) / static_cast<double>(shape_.n[0]);
    sweep.bytes = [field = sweep.bytes, spacing, this](int axis, double thickness) {
      return field(axis, thickness) +
             (thickness / spacing + 1) * static_cast<double>(plane()) * (sizeof(Vec3) + 2 * sizeof(double));
    };
    Needs uncut;
    uncut.reach = sweep.reach;
    return context.plan_sweep(uncut, sweep);
  }

  void write_in_sweep(FrameContext& context, const SweepNeeds& needs, const SlabPlan& plan) const {
    std::shared_ptr<void> held;  // beyond the last slab
    GaussianSweep* field = nullptr;
    Buffer<Vec3> points(run_.exec);
    Buffer<double> values(run_.exec);
    std::vector<double> host;
    const double thickness = plan.cuts[1] - plan.cuts[0];
    const int64_t most =
        std::max<int64_t>(1, static_cast<int64_t>(thickness * static_cast<double>(shape_.n[0])));
    int64_t first = 0;
    const auto write = [&] {
      for (;;) {
        int64_t n_planes = 0;
        while (n_planes < most && first + n_planes < shape_.n[0] &&
               fraction(first + n_planes) <= field->ready())
          ++n_planes;
        if (n_planes == 0) return;
        const int64_t n = n_planes * plane();
        place_points(first, n_planes, points);
        values.resize(n, "grid values");
        field->evaluate(points.data(), n, fraction(first), fraction(first + n_planes - 1), values.data());
        host.resize(static_cast<size_t>(n));
        values.download(host.data());
        hand_over(context, first, n_planes, host);
        first += n_planes;
      }
    };
    context.sweep(plan, needs, [&](const SlabContext& slab) {
      if (!field) {
        field = &GaussianSweep::in(slab.held, run_.exec);
        field->begin(shape_.box, beta_, {}, plan);
        held = slab.held;
      }
      field->add(slab.batch, nullptr, slab.slab);
      write();
    });
    field->finish();
    write();
  }

  // Cartesian bounds of a block of planes.
  std::pair<Vec3, Vec3> bounds(int64_t first, int64_t n_planes) const {
    Vec3 lo{1e300, 1e300, 1e300}, hi{-1e300, -1e300, -1e300};
    for (int corner = 0; corner < 8; ++corner) {
      const Vec3 s{
          static_cast<double>(first + (corner & 1 ? n_planes : 0)) / static_cast<double>(shape_.n[0]),
          corner & 2 ? 1.0 : 0.0, corner & 4 ? 1.0 : 0.0};
      const Vec3 r = shape_.box.cartesian(s);
      for (int k = 0; k < 3; ++k) lo[k] = std::min(lo[k], r[k]), hi[k] = std::max(hi[k], r[k]);
    }
    return {lo, hi};
  }

  double block_bytes(const FrameContext& context, GaussianMethod method, int64_t n_planes) const {
    const Box& box = shape_.box;
    const double reach = GaussianField::reach(beta_, method);
    double volume = box.volume();
    for (int k = 0; k < 3; ++k)
      volume *= (k == 0 ? static_cast<double>(n_planes) / static_cast<double>(shape_.n[0]) : 1.0) +
                2 * reach / box.height(k);
    const auto n = static_cast<double>(context.frame.n_atoms());
    double bytes =
        n * Batch::bytes_per_input_atom + volume * n / box.volume() * (Batch::bytes_per_atom + 16) +
        static_cast<double>(n_planes * shape_.n[1] * shape_.n[2]) * (sizeof(Vec3) + 2 * sizeof(double));
    if (method == GaussianMethod::grid) {
      const auto [lo, hi] = bounds(0, n_planes);
      const GridPiece piece = grid_piece_for(beta_, lo, hi);
      bytes += 8.0 * static_cast<double>(piece.n_nodes()) * (run_.exec.on_gpu() || run_.exec.plain ? 2 : 1);
    }
    return bytes;
  }

  double bytes_left(const FrameContext& context) const {
    const auto held =
        static_cast<double>(bytes_of(context.frame) + bytes_of(context.results) + context.held_elsewhere);
    double limit = run_.memory_limit > 0 ? static_cast<double>(run_.memory_limit) - held
                                         : static_cast<double>(available_host_bytes());
    if (run_.exec.on_gpu()) limit = std::min(limit, 0.95 * static_cast<double>(available_bytes(run_.exec)));
    return limit;
  }

  int64_t planes_per_block(const FrameContext& context, GaussianMethod method) const {
    const double limit = bytes_left(context);
    int64_t block = shape_.n[0];
    while (block > 1 && block_bytes(context, method, block) > limit) block = (block + 1) / 2;
    const double needed = block_bytes(context, method, block);
    if (needed > limit)
      throw ResourceError(
          fmt::format("density-grid: one plane of {} x {} points needs {:.0f} MB beside the frame, {:.0f} MB "
                      "are left: raise --memory or density-grid.spacing",
                      shape_.n[1], shape_.n[2], needed / 1e6, limit / 1e6));
    return block;
  }

  double spacing_, beta_ = 0, scale_ = 1;
  bool relative_;
  RunContext run_;
  GridShape shape_;
};

}  // namespace

AnalysisEntry density_grid_entry() {
  return {density_grid_info(), [](const Parameters& p, const RunContext& run) -> std::unique_ptr<Analysis> {
            return std::make_unique<DensityGridAnalysis>(p, run);
          }};
}

}  // namespace grainfield
