#include "kernels/density/density_profile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "host/analysis.hpp"
#include "host/error.hpp"
#include "host/profile_minima.hpp"
#include "host/registry.hpp"
#include "kernels/core/parallel.hpp"
#include "kernels/density/planar_density.hpp"

namespace grainfield {
namespace {

constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();

// Distance from a vacuum (less than half the bulk's density) within which a profile is the surface's, not the
// bulk's: exp(-6^2/2) = 1.5e-8 of g1's peak, erfc(6/sqrt2)/2 = 1e-9 of the bulk density.
constexpr double surface_margin = 6;  // in units of beta
constexpr double vacuum_fraction = 0.5;
constexpr double slab_edge_rounding = 1e-6;  // A

const AnalysisInfo& info() {
  static const AnalysisInfo description{
      "density-profile",
      "planar average <rho>(z) = (1/A n_B) sum_I g1(z - z_I) of the coarse-grained atomic density along a "
      "normal of the cell; grain boundaries as its minima, their density, coordination and excess volume "
      "(Darvishi Kamachali & Wallis, eqs. 15-17; the exact sum rule L - N/(A n_B) for the excess volume)",
      {{"normal", ParameterKind::text, "auto", "",
        "a, b or c: normal of the plane of the other two cell vectors; auto: the one whose profile has the "
        "deepest minimum, or the longest if none has one"},
       {"step", ParameterKind::real, "0.1", "A",
        "distance of the samples (periodic: height / round(height / step))", 0.01, 1e6},
       {"width", ParameterKind::real, "0.2", "A", "width w of the slabs", 0.01, 1e6},
       {"depth", ParameterKind::real, "1e-3", "",
        "a minimum is a boundary if it is this much (relative to the bulk) below the lower of the two maxima "
        "that separate it from a lower one",
        1e-12, 1},
       {"separation", ParameterKind::real, "10", "A", "of minima closer than this the lowest is the boundary",
        0, 1e6},
       {"limit", ParameterKind::integer, "16", "", "at most so many boundaries, the lowest ones", 1, 1e6},
       {"beta", ParameterKind::real, "", "A", "width of the Gaussian; default: that of the density analysis",
        0.1, 1000}},
      {},
      {{"density_profile/normal", "", "", "normal of the profile: 0 = a, 1 = b, 2 = c"},
       {"density_profile/beta", "A", "", "width of the Gaussian of the profile"},
       {"density_profile/z", "A", "[sample]", "distance along the normal from the origin of the cell"},
       {"density_profile/relative_density", "", "[sample]", "planar average of the density over the bulk's"},
       {"density_profile/slab_density", "", "[sample]",
        "average of the relative density over a slab of width w centred at z"},
       {"density_profile/excess_volume", "A", "",
        "volume per area in excess of the bulk crystal of as many atoms, all boundaries together, from the "
        "number of atoms: L - N/(A n_B); between the surface regions where there are surfaces"},
       {"density_profile/excess_volume_integral", "A", "",
        "the same from the profile: integral of 1 - relative density (trapezoidal rule)"},
       {"gb/position", "A", "[boundary]", "z of the boundary plane: minimum of the planar average"},
       {"gb/minimum", "", "[boundary]", "relative density at the plane"},
       {"gb/density", "", "[boundary]", "relative density averaged over the slab of width w at the plane"},
       {"gb/density_deficit", "", "[boundary]", "1 - gb/density"},
       {"gb/excess_volume", "A", "[boundary]",
        "excess volume per area between the planes halfway to the next boundaries"},
       {"gb/slab_atoms", "", "[boundary]", "atoms in the slab of width w"},
       {"gb/coordination_slab", "", "[boundary][2]",
        "mean Z1 and Z2 of the atoms in the slab; NaN if there are none"},
       {"gb/coordination_slab_deficit", "", "[boundary][2]", "(Z_B - coordination_slab) / Z_B"},
       {"gb/coordination", "", "[boundary][2]",
        "mean Z1 and Z2 of the atoms weighted by g1 of their distance from the plane"},
       {"gb/coordination_deficit", "", "[boundary][2]", "(Z_B - coordination) / Z_B"}}};
  return description;
}

const OutputSpec& output(std::string_view name) {
  for (const OutputSpec& spec : info().observables)
    if (spec.name == name) return spec;
  throw std::logic_error(fmt::format("density-profile declares no observable {}", name));
}

const Observable& required(const FrameResults& results, std::string_view name, size_t size) {
  const Observable* found = results.find_observable(name);
  if (!found || (found->is_integer ? found->integer.size() : found->real.size()) != size)
    throw std::logic_error(fmt::format("density-profile needs the observable {} of {} values", name, size));
  return *found;
}
double number(const Observable& o, size_t k) {
  return o.is_integer ? static_cast<double>(o.integer[k]) : o.real[k];
}

// The profile along one direction and what was found in it.
struct Search {
  PlanarDensity density;
  std::vector<double> planar;  // A^-3, at the points
  std::vector<Stretch> stretches;
  std::vector<Minimum> minima;
  int64_t n_minima = 0;  // before the limit
  double deepest = 0;    // A^-3
};

struct Plane {
  int64_t point = 0;
  double beside_point = 0;  // A, next to the point, maybe just outside [0, L)
  double z = 0;             // A, in [0, L) where periodic
};

// What the atoms near one boundary add up to.
struct NearPlane {
  int64_t in_slab = 0, at_edge = 0;
  double slab_z[2] = {0, 0};  // sums of Z1, Z2
  double weight = 0, weighted_z[2] = {0, 0};
};

class DensityProfile final : public Analysis {
 public:
  explicit DensityProfile(const Parameters& p)
      : normal_(p.text("normal")),
        step_(p.real("step")),
        width_(p.real("width")),
        depth_(p.real("depth")),
        separation_(p.real("separation")),
        limit_(p.integer("limit")) {
    if (normal_ != "auto" && normal_ != "a" && normal_ != "b" && normal_ != "c")
      throw UsageError(
          fmt::format("--set density-profile.normal: expected a, b, c or auto, found '{}'", normal_));
    if (p.is_set("beta")) beta_ = p.real("beta");
  }

  std::vector<std::string> requirements() const override { return {"coordination", "density"}; }
  void begin(FrameContext&) override {}

  // All in finish(): one pass over the host's positions at the speed of memory. To move them to a device
  // first, or to cut them into slabs, would cost more than it saves.
  void finish(FrameContext& context) override {
    const double beta = beta_ ? *beta_ : number(required(context.results, "density_beta", 1), 0);
    if (!(beta > 0 && std::isfinite(beta)))
      throw UsageError("density-profile.beta is unknown: give it in A (--set density-profile.beta=...)");
    const double bulk = number(required(context.results, "bulk_number_density", 1), 0);
    const Search search = choose(context, beta, bulk);
    const PlanarDensity& density = search.density;
    if (density.periodic() && width_ > density.length())
      throw UsageError(fmt::format("--set density-profile.width: {} A exceeds the cell's height of {} A",
                                   width_, density.length()));
    report_profile(context, search, bulk);
    report_boundaries(context, search, bulk);
  }

 private:
  static bool periodic_plane(const Box& box, int axis) {
    return box.periodic[(axis + 1) % 3] && box.periodic[(axis + 2) % 3];
  }

  Search search(const FrameContext& context, int axis, double beta, double bulk) const {
    Search s{PlanarDensity(context.frame, axis, beta, step_, context.run.exec.threads), {}, {}, {}};
    s.planar = s.density.planar(context.run.exec);
    if (!(bulk > 0) || !periodic_plane(context.frame.box, axis)) return s;
    const bool periodic = s.density.periodic();
    const auto margin = static_cast<int64_t>(std::ceil(surface_margin * beta / s.density.spacing()));
    s.stretches = stretches_above(s.planar, vacuum_fraction * bulk, margin, periodic);
    std::vector<Minimum> all;
    for (const Stretch& stretch : s.stretches)
      for (const Minimum& m : find_minima(s.planar, stretch, depth_ * bulk)) all.push_back(m);
    const auto apart = static_cast<int64_t>(std::ceil(separation_ / s.density.spacing()));
    s.minima = lowest_apart(std::move(all), apart, periodic ? s.density.n_points() : 0);
    s.n_minima = static_cast<int64_t>(s.minima.size());
    auto lower = [](const Minimum& a, const Minimum& b) { return a.value < b.value; };
    if (s.n_minima > limit_) {
      std::stable_sort(s.minima.begin(), s.minima.end(), lower);
      s.minima.resize(static_cast<size_t>(limit_));
      std::sort(s.minima.begin(), s.minima.end(),
                [](const Minimum& a, const Minimum& b) { return a.point < b.point; });
    }
    for (const Minimum& m : s.minima) s.deepest = std::max(s.deepest, m.depth);
    return s;
  }

  // The normal that was asked for; else, among the directions whose plane is periodic, the one with the
  // deepest minimum; else the longest.
  Search choose(FrameContext& context, double beta, double bulk) const {
    const Box& box = context.frame.box;
    static constexpr char names[] = "abc";
    if (normal_ != "auto") return search(context, normal_[0] - 'a', beta, bulk);
    std::optional<Search> best;
    for (int axis = 0; axis < 3; ++axis) {
      if (!periodic_plane(box, axis)) continue;
      Search s = search(context, axis, beta, bulk);
      if (!best || s.deepest > best->deepest ||
          (s.deepest == best->deepest && s.density.length() > best->density.length()))
        best = std::move(s);
    }
    if (best) {
      context.note(fmt::format("density-profile: normal {} chosen ({})", names[best->density.axis()],
                               best->deepest > 0 ? "the deepest minimum of the planar density"
                                                 : "the longest; no boundary found"));
      return std::move(*best);
    }
    int longest = 0;
    for (int axis = 1; axis < 3; ++axis)
      if (box.height(axis) > box.height(longest)) longest = axis;
    context.note(
        fmt::format("density-profile: normal {} chosen (the longest; no plane is periodic)", names[longest]));
    return search(context, longest, beta, bulk);
  }

  void report_profile(FrameContext& context, const Search& search, double bulk) const {
    const PlanarDensity& density = search.density;
    if (!periodic_plane(context.frame.box, density.axis()))
      context.note(
          "density-profile: the cell is not periodic in the plane of the profile, so the density is divided "
          "by "
          "the cell's face, atoms or not; no boundaries are searched");
    else if (!(bulk > 0))
      context.note("density-profile: the bulk density is unknown; no boundaries are searched");
    else if (search.stretches.empty())
      context.note(
          fmt::format("density-profile: no plane lies farther than {:g} beta from a surface (density below "
                      "half the bulk's); "
                      "no boundaries are searched",
                      surface_margin));

    auto scalar = [&](const char* name, double value) {
      context.add_observable(output(name)).real.assign(1, value);
    };
    context.add_observable(output("density_profile/normal"), {}, true).integer.assign(1, density.axis());
    scalar("density_profile/beta", density.beta());
    const int64_t n = density.n_samples();
    std::vector<double> slab = density.slab(context.run.exec, width_);
    auto& z = context.add_observable(output("density_profile/z"), {n}).real;
    auto& planar = context.add_observable(output("density_profile/relative_density"), {n}).real;
    for (int64_t k = 0; k < n; ++k) {
      z[static_cast<size_t>(k)] = density.point(k * density.stride());
      planar[static_cast<size_t>(k)] = search.planar[static_cast<size_t>(k * density.stride())] / bulk;
      slab[static_cast<size_t>(k)] /= bulk;
    }
    context.add_observable(output("density_profile/slab_density"), {n}).real = std::move(slab);

    double sum_rule = search.stretches.empty() ? nan_value : 0, integral = sum_rule;
    for (const Stretch& s : search.stretches) {
      sum_rule += excess_volume(density, bulk, s);
      integral += profile_integral(search, bulk, s);
    }
    scalar("density_profile/excess_volume", sum_rule);
    scalar("density_profile/excess_volume_integral", integral);
    if (search.stretches.empty()) return;
    const bool whole = search.stretches.front().closed;
    context.note(
        fmt::format("density-profile: excess volume {:.12g} A from the number of atoms ({}), {:.12g} A "
                    "from the integral of the profile",
                    sum_rule, whole ? "L - N/(A n_B)" : "between the surface regions", integral));
  }

  static double excess_volume(const PlanarDensity& density, double bulk, double z1, double z2) {
    return (z2 - z1) - density.count_between(z1, z2) / (density.area() * bulk);
  }
  static double excess_volume(const PlanarDensity& density, double bulk, const Stretch& s) {
    if (s.closed) return density.length() - static_cast<double>(density.n_atoms()) / (density.area() * bulk);
    return excess_volume(density, bulk, density.point(s.first), density.point(s.last));
  }
  static double profile_integral(const Search& search, double bulk, const Stretch& s) {
    const auto n = search.density.n_points();
    double sum = 0;
    for (int64_t i = s.first; i <= s.last; ++i) {
      const bool end = !s.closed && (i == s.first || i == s.last);
      sum += (end ? 0.5 : 1) * (1 - search.planar[static_cast<size_t>(i % n)] / bulk);
    }
    return s.first == s.last && !s.closed ? 0 : sum * search.density.spacing();
  }

  // Excess volume of every boundary: from halfway to the boundary before it to halfway to the one after it.
  static std::vector<double> shares(const Search& search, double bulk, const std::vector<Plane>& planes) {
    const PlanarDensity& density = search.density;
    const int64_t n = density.n_points();
    std::vector<double> share(planes.size(), nan_value);
    for (const Stretch& s : search.stretches) {
      // The stretch's boundaries, with coordinates that do not wrap inside it.
      std::vector<std::pair<double, size_t>> mine;
      for (size_t k = 0; k < planes.size(); ++k) {
        const int64_t point = planes[k].point;
        if (point >= s.first && point <= s.last)
          mine.emplace_back(planes[k].beside_point, k);
        else if (density.periodic() && point + n >= s.first && point + n <= s.last)
          mine.emplace_back(planes[k].beside_point + density.length(), k);
      }
      std::sort(mine.begin(), mine.end());
      for (size_t k = 0; k < mine.size(); ++k) {
        const double here = mine[k].first;
        double from = density.point(s.first), to = density.point(s.last);
        if (k > 0) from = 0.5 * (mine[k - 1].first + here);
        if (k + 1 < mine.size()) to = 0.5 * (here + mine[k + 1].first);
        if (s.closed && k == 0) from = 0.5 * (mine.back().first - density.length() + here);
        if (s.closed && k + 1 == mine.size()) to = 0.5 * (here + mine.front().first + density.length());
        share[mine[k].second] = excess_volume(density, bulk, from, to);
      }
    }
    return share;
  }

  std::vector<NearPlane> near_planes(const FrameContext& context, const PlanarDensity& density,
                                     const std::vector<Plane>& planes, const Field& coordination) const {
    constexpr int64_t piece = 1 << 15;
    const int64_t n = context.frame.n_atoms();
    const double length = density.length(), beta = density.beta();
    const double reach = std::max(profile_reach * beta, 0.5 * width_ + slab_edge_rounding);
    const size_t n_planes = planes.size();
    if (n_planes == 0) return {};
    std::vector<NearPlane> partial(static_cast<size_t>((n + piece - 1) / piece) * n_planes);
    parallel_chunks(context.run.exec.threads, n, piece, [&](int64_t begin, int64_t end, int) {
      NearPlane* mine = &partial[static_cast<size_t>(begin / piece) * n_planes];
      for (int64_t i = begin; i < end; ++i) {
        const double z = density.coordinate(context.frame.position[static_cast<size_t>(i)]);
        const int32_t* counts = &coordination.integer[static_cast<size_t>(2 * i)];
        for (size_t k = 0; k < n_planes; ++k) {
          NearPlane& plane = mine[k];
          double d = z - planes[k].z;
          if (density.periodic()) d -= length * std::round(d / length);
          if (std::fabs(d) > reach) continue;
          if (std::fabs(d) <= 0.5 * width_) {
            ++plane.in_slab;
            for (int c = 0; c < 2; ++c) plane.slab_z[c] += counts[c];
          }
          if (std::fabs(std::fabs(d) - 0.5 * width_) < slab_edge_rounding) ++plane.at_edge;
          double weight = gaussian_1d(d, beta);
          if (density.periodic())
            for (double image = length; image - std::fabs(d) <= reach; image += length)
              weight += gaussian_1d(d + image, beta) + gaussian_1d(d - image, beta);
          plane.weight += weight;
          for (int c = 0; c < 2; ++c) plane.weighted_z[c] += weight * counts[c];
        }
      }
    });
    std::vector<NearPlane> sum(n_planes);
    for (size_t p = 0; p < partial.size(); ++p) {
      NearPlane& to = sum[p % n_planes];
      to.in_slab += partial[p].in_slab;
      to.at_edge += partial[p].at_edge;
      to.weight += partial[p].weight;
      for (int c = 0; c < 2; ++c) {
        to.slab_z[c] += partial[p].slab_z[c];
        to.weighted_z[c] += partial[p].weighted_z[c];
      }
    }
    return sum;
  }

  void report_boundaries(FrameContext& context, const Search& search, double bulk) const {
    const PlanarDensity& density = search.density;
    const Field* coordination = context.results.find_field("coordination");
    if (!coordination || !coordination->is_integer || coordination->components != 2)
      throw std::logic_error("density-profile needs the field coordination [atom][2] of whole numbers");
    const Observable& bulk_z = required(context.results, "bulk_coordination", 2);

    const auto n = static_cast<int64_t>(search.minima.size());
    std::vector<Plane> planes;
    for (const Minimum& m : search.minima) {
      Plane plane{m.point, refine_minimum(density, m.point)};
      plane.z = plane.beside_point;
      if (density.periodic()) {
        plane.z -= std::floor(plane.z / density.length()) * density.length();
        if (plane.z >= density.length()) plane.z = 0;
      }
      planes.push_back(plane);
    }
    std::sort(planes.begin(), planes.end(), [](const Plane& p, const Plane& q) { return p.z < q.z; });
    const std::vector<double> share = shares(search, bulk, planes);
    const std::vector<NearPlane> near = near_planes(context, density, planes, *coordination);

    auto column = [&](const char* name, std::vector<int64_t> shape) -> std::vector<double>& {
      return context.add_observable(output(name), std::move(shape)).real;
    };
    auto& position = column("gb/position", {n});
    auto& minimum = column("gb/minimum", {n});
    auto& slab_density = column("gb/density", {n});
    auto& deficit = column("gb/density_deficit", {n});
    auto& excess = column("gb/excess_volume", {n});
    auto& slab_atoms = context.add_observable(output("gb/slab_atoms"), {n}, true).integer;
    auto& slab_z = column("gb/coordination_slab", {n, 2});
    auto& slab_z_deficit = column("gb/coordination_slab_deficit", {n, 2});
    auto& mean_z = column("gb/coordination", {n, 2});
    auto& mean_z_deficit = column("gb/coordination_deficit", {n, 2});
    for (size_t k = 0; k < planes.size(); ++k) {
      const double z_plane = planes[k].z;
      position[k] = z_plane;
      minimum[k] = density.at(z_plane).density / bulk;
      slab_density[k] = density.slab_at(z_plane, width_) / bulk;
      deficit[k] = 1 - slab_density[k];
      excess[k] = share[k];
      slab_atoms[k] = near[k].in_slab;
      for (size_t c = 0; c < 2; ++c) {
        const size_t at = 2 * k + c;
        const double z_bulk = number(bulk_z, c);
        const auto relative = [&](double z) { return z_bulk > 0 ? (z_bulk - z) / z_bulk : nan_value; };
        slab_z[at] =
            near[k].in_slab > 0 ? near[k].slab_z[c] / static_cast<double>(near[k].in_slab) : nan_value;
        mean_z[at] = near[k].weight > 0 ? near[k].weighted_z[c] / near[k].weight : nan_value;
        slab_z_deficit[at] = relative(slab_z[at]);
        mean_z_deficit[at] = relative(mean_z[at]);
      }
      context.note(fmt::format(
          "density-profile: boundary at z = {:.6f} A, density {:.6f} of the bulk's, excess volume {:.6f} A, "
          "Z1 {:.4f} (weighted), {} atoms in the slab",
          z_plane, slab_density[k], excess[k], mean_z[2 * k], slab_atoms[k]));
      if (near[k].at_edge > 0)
        context.note(
            fmt::format("density-profile: {} atoms lie within {:g} A of the edges of the slab at z = {:.6f} "
                        "A: whether they "
                        "count in gb/slab_atoms and gb/coordination_slab is a matter of rounding",
                        near[k].at_edge, slab_edge_rounding, z_plane));
    }
    if (!search.stretches.empty() && n == 0)
      context.note(
          fmt::format("density-profile: no boundary: no minimum of the planar density is {:g} deep", depth_));
    if (search.n_minima > n)
      context.note(
          fmt::format("density-profile: {} minima found, the {} lowest are reported (density-profile.limit)",
                      search.n_minima, n));
  }

  std::string normal_;
  double step_, width_, depth_, separation_;
  int64_t limit_;
  std::optional<double> beta_;
};

}  // namespace

AnalysisEntry density_profile_entry() {
  return {info(), [](const Parameters& parameters, const RunContext&) -> std::unique_ptr<Analysis> {
            return std::make_unique<DensityProfile>(parameters);
          }};
}

}  // namespace grainfield
