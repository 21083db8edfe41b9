#include "host/boundary_planes.hpp"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <stdexcept>

#include "host/error.hpp"
#include "host/profile_minima.hpp"

namespace grainfield {
namespace {

constexpr double surface_margin = 6;  // in units of beta, as in density-profile
constexpr double vacuum_fraction = 0.5;

const Observable& needed(const FrameResults& results, std::string_view name) {
  const Observable* found = results.find_observable(name);
  if (!found) throw std::logic_error(fmt::format("the results have no observable {}", name));
  return *found;
}

}  // namespace

double BoundaryPlanes::coordinate(Vec3 r) const {
  double s = dot(reciprocal_, r - origin_);
  if (periodic) {
    s -= std::floor(s);
    if (s >= 1) s = 0;
  }
  return s * length;
}

bool BoundaryPlanes::inside(double place) const {
  if (whole) return true;
  for (const Range& range : interior) {
    if (place >= range.from && place <= range.to) return true;
    if (periodic && place + length >= range.from && place + length <= range.to) return true;
  }
  return false;
}

BoundaryPlanes::Nearest BoundaryPlanes::nearest(double place) const {
  Nearest best{-1, std::numeric_limits<double>::infinity()};
  for (size_t k = 0; k < z.size(); ++k) {
    double d = place - z[k];
    if (periodic) d -= length * std::round(d / length);
    if (std::fabs(d) < best.distance) best = {static_cast<int>(k), std::fabs(d)};
  }
  return best;
}

BoundaryPlanes boundary_planes(const Frame& frame, const FrameResults& results) {
  BoundaryPlanes planes;
  const Box& box = frame.box;
  planes.axis = static_cast<int>(needed(results, "density_profile/normal").integer.at(0));
  planes.length = box.height(planes.axis);
  planes.area = std::fabs(box.volume()) / planes.length;
  planes.periodic = box.periodic[planes.axis];
  planes.reciprocal_ = box.reciprocal(planes.axis);
  planes.origin_ = box.origin;
  planes.z = needed(results, "gb/position").real;

  const double beta = needed(results, "density_profile/beta").real.at(0);
  const std::vector<double>& sample = needed(results, "density_profile/z").real;
  const std::vector<double>& density = needed(results, "density_profile/relative_density").real;
  const auto n = static_cast<int64_t>(sample.size());
  planes.whole = false;
  const bool plane_is_periodic = box.periodic[(planes.axis + 1) % 3] && box.periodic[(planes.axis + 2) % 3];
  if (n < 2 || !plane_is_periodic) return planes;
  const double spacing = sample[1] - sample[0];
  const auto margin = static_cast<int64_t>(std::ceil(surface_margin * beta / spacing));
  for (const Stretch& s : stretches_above(density, vacuum_fraction, margin, planes.periodic)) {
    if (s.closed) planes.whole = true;
    planes.interior.push_back({sample[0] + static_cast<double>(s.first) * spacing,
                               sample[0] + static_cast<double>(s.last) * spacing});
  }
  return planes;
}

void throw_no_boundary(const FrameContext& context, std::string_view analysis, std::string_view mend) {
  throw InputError(
      fmt::format("frame {}: {} needs a grain boundary, and density-profile found none along cell vector {} "
                  "(no minimum deeper than density-profile.depth away from surfaces); {}",
                  context.results.frame, analysis,
                  "abc"[needed(context.results, "density_profile/normal").integer.at(0)], mend));
}

}  // namespace grainfield
