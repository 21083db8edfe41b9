#include "kernels/density/density_grid.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "host/error.hpp"
#include "host/gaussian_field.hpp"
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
    const double beta = context.results.find_observable("density_beta")->real[0];
    const double bulk = context.results.find_observable("bulk_number_density")->real[0];
    const double scale = relative_ ? 1 / bulk : 1;
    const int64_t plane = shape_.n[1] * shape_.n[2];
    const GaussianMethod method = GaussianField::cheaper(context.frame, beta, shape_.n[0] * plane);
    const int64_t block = planes_per_block(context, beta, method);
    context.grids->begin(shape_);
    Batch batch(run_.exec);
    GaussianField field(run_.exec, beta, method);
    Buffer<Vec3> points(run_.exec);
    Buffer<double> values(run_.exec);
    std::vector<double> host(static_cast<size_t>(block * plane));
    for (int64_t first = 0; first < shape_.n[0]; first += block) {
      const int64_t n_planes = std::min(block, shape_.n[0] - first), n = n_planes * plane;
      host.resize(static_cast<size_t>(n));
      if (context.frame.n_atoms() == 0) {
        std::fill(host.begin(), host.end(), 0.0);
      } else {
        const auto na = static_cast<double>(shape_.n[0]);
        const Slab slab{0, static_cast<double>(first) / na, static_cast<double>(first + n_planes) / na};
        batch.build({&context.frame}, GaussianField::reach(beta, method), std::max(1.0, beta), slab);
        points.resize(n, "grid points");
        values.resize(n, "grid values");
        for_each(run_.exec, n,
                 PlacePoints{shape_.box, {shape_.n[0], shape_.n[1], shape_.n[2]}, first, points.data()}, 0,
                 8192);
        const auto [lo, hi] = bounds(first, n_planes);
        field.set_atoms(batch, nullptr, lo, hi);
        field.evaluate(batch, points.data(), n, values.data());
        values.download(host.data());
      }
      for (double& v : host) v *= scale;
      context.grids->planes(first, n_planes, host.data());
    }
    context.grids->end();
  }

 private:
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

  double block_bytes(const FrameContext& context, double beta, GaussianMethod method,
                     int64_t n_planes) const {
    const Box& box = shape_.box;
    const double reach = GaussianField::reach(beta, method);
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
      const GridPiece piece = grid_piece_for(beta, lo, hi);
      bytes += 8.0 * static_cast<double>(piece.n_nodes()) * (run_.exec.on_gpu() || run_.exec.plain ? 2 : 1);
    }
    return bytes;
  }

  int64_t planes_per_block(const FrameContext& context, double beta, GaussianMethod method) const {
    const auto held =
        static_cast<double>(bytes_of(context.frame) + bytes_of(context.results) + context.held_elsewhere);
    double limit = run_.memory_limit > 0 ? static_cast<double>(run_.memory_limit) - held
                                         : static_cast<double>(available_host_bytes());
    if (run_.exec.on_gpu()) limit = std::min(limit, 0.95 * static_cast<double>(available_bytes(run_.exec)));
    int64_t block = shape_.n[0];
    while (block > 1 && block_bytes(context, beta, method, block) > limit) block = (block + 1) / 2;
    const double needed = block_bytes(context, beta, method, block);
    if (needed > limit)
      throw ResourceError(
          fmt::format("density-grid: one plane of {} x {} points needs {:.0f} MB beside the frame, {:.0f} MB "
                      "are left: raise --memory or density-grid.spacing",
                      shape_.n[1], shape_.n[2], needed / 1e6, limit / 1e6));
    return block;
  }

  double spacing_;
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
