#include "kernels/boundaries/excess_volume.hpp"

#include <fmt/format.h>

#include <limits>
#include <optional>

#include "host/atom_values.hpp"
#include "host/boundary_planes.hpp"
#include "host/registry.hpp"
#include "kernels/core/parallel.hpp"

namespace grainfield {
namespace {

constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();

const AnalysisInfo& info() {
  static const AnalysisInfo value{
      "excess-volume",
      "Excess volume per area of grain boundary: (V - N / n_B) / (n A) from the box, and (1/A) sum (V_I - "
      "1/n_B) over the Voronoi volumes near each plane of density-profile",
      {{"boundaries", ParameterKind::integer, "", "",
        "number n of boundaries in the cell; default: those that density-profile finds", 1, 1e6},
       {"distance", ParameterKind::real, "10", "A",
        "atoms up to this far from a plane count to its Voronoi sum", 1e-3, 1e6},
       volume_parameter("voronoi", "; none: the box alone")},
      {},
      {{"excess_volume/boundaries", "", "", "number of boundaries"},
       {"excess_volume/box", "A", "",
        "mean over the boundaries, from the box: (V - N / n_B) / (n A); between surfaces that of "
        "density-profile over n"},
       {"excess_volume/voronoi", "A", "[boundary]", "from the Voronoi volumes near each boundary"},
       {"excess_volume/voronoi_mean", "A", "", "mean of excess_volume/voronoi"}}};
  return value;
}

double scalar(const FrameResults& results, std::string_view name) {
  const Observable* found = results.find_observable(name);
  if (!found) throw std::logic_error(fmt::format("excess-volume needs the observable {}", name));
  return found->real.at(0);
}

class ExcessVolume final : public Analysis {
 public:
  explicit ExcessVolume(const Parameters& parameters) : distance_(parameters.real("distance")) {
    if (parameters.is_set("boundaries")) boundaries_ = parameters.integer("boundaries");
    if (parameters.text("volume") != "none") volume_ = volume_source("excess-volume", parameters);
  }

  std::vector<std::string> requirements() const override {
    std::vector<std::string> required{"density", "density-profile"};
    if (volume_)
      for (std::string& name : volume_->requirements()) required.push_back(std::move(name));
    return required;
  }
  void begin(FrameContext&) override {}

  void finish(FrameContext& context) override {
    const BoundaryPlanes planes = boundary_planes(context.frame, context.results);
    const auto n_found = static_cast<int64_t>(planes.z.size());
    const int64_t n = boundaries_.value_or(n_found);
    if (n == 0)
      throw_no_boundary(context, "excess-volume",
                        "lower --set density-profile.depth, or state their number: --set "
                        "excess-volume.boundaries=<n> (a boundary denser than the bulk has no minimum)");
    const double bulk = scalar(context.results, "bulk_number_density");
    const double per_area =
        planes.whole
            ? (std::fabs(context.frame.box.volume()) - static_cast<double>(context.frame.n_atoms()) / bulk) /
                  planes.area
            : scalar(context.results, "density_profile/excess_volume");
    const double box = per_area / static_cast<double>(n);
    context.add_observable(info().observables[0], {}, true).integer = {n};
    context.add_observable(info().observables[1]).real = {box};
    context.note(fmt::format("excess-volume: {:.9g} A per boundary from the {}, {} boundaries", box,
                             planes.whole ? "box" : "number of atoms between the surfaces", n));
    if (boundaries_ && n_found > 0 && n != n_found)
      context.note(
          fmt::format("excess-volume: density-profile finds {} boundaries, {} were stated", n_found, n));
    if (!volume_) return;

    std::vector<double> sum = sums(context, planes, 1 / bulk);
    double mean = n_found > 0 ? 0 : nan_value;
    for (double& v : sum) {
      v /= planes.area;
      mean += v / static_cast<double>(n_found);
    }
    for (size_t k = 0; k < sum.size(); ++k)
      context.note(
          fmt::format("excess-volume: {:.9g} A from the Voronoi volumes within {:g} A of z = {:.6f} A",
                      sum[k], distance_, planes.z[k]));
    context.add_observable(info().observables[2], {n_found}).real = std::move(sum);
    context.add_observable(info().observables[3]).real = {mean};
  }

 private:
  // Sum of V_I - bulk_volume over the atoms of every plane, A^3.
  std::vector<double> sums(const FrameContext& context, const BoundaryPlanes& planes,
                           double bulk_volume) const {
    constexpr int64_t piece = 1 << 15;
    const AtomValues volume = atom_values(context, *volume_);
    const int64_t n = context.frame.n_atoms();
    const size_t n_planes = planes.z.size();
    std::vector<double> partial(static_cast<size_t>((n + piece - 1) / piece) * n_planes);
    if (n_planes > 0)
      parallel_chunks(context.run.exec.threads, n, piece, [&](int64_t begin, int64_t end, int) {
        double* mine = &partial[static_cast<size_t>(begin / piece) * n_planes];
        for (int64_t i = begin; i < end; ++i) {
          const auto k = static_cast<size_t>(i);
          const double place = planes.coordinate(context.frame.position[k]);
          const BoundaryPlanes::Nearest nearest = planes.nearest(place);
          if (nearest.distance <= distance_ && planes.inside(place))
            mine[nearest.plane] += volume[k] - bulk_volume;
        }
      });
    std::vector<double> total(n_planes);
    for (size_t p = 0; p < partial.size(); ++p) total[p % n_planes] += partial[p];
    return total;
  }

  double distance_;
  std::optional<int64_t> boundaries_;
  std::optional<AtomSource> volume_;
};

}  // namespace

AnalysisEntry excess_volume_entry() {
  return {info(), [](const Parameters& parameters, const RunContext&) -> std::unique_ptr<Analysis> {
            return std::make_unique<ExcessVolume>(parameters);
          }};
}

}  // namespace grainfield
