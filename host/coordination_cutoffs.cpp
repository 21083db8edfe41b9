#include "host/coordination_cutoffs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "host/error.hpp"
#include "kernels/structure/rdf.hpp"

namespace grainfield {
namespace {

constexpr double closest = 0.4;         // A: no two atoms are closer, unless by mistake
constexpr double sigma_over_d1 = 0.02;  // the gap between the first shells of bcc is 0.155 d1
constexpr double same_shell = 1.12;     // as coordination_reference()

struct Smooth {
  std::vector<double> g, variance;  // any common factor
};

Smooth smooth(const std::vector<int64_t>& counts, double width, double sigma) {
  const auto n = static_cast<int64_t>(counts.size());
  const auto reach = static_cast<int64_t>(std::ceil(5 * sigma / width));
  std::vector<double> weight;
  for (int64_t k = -reach; k <= reach; ++k) {
    const double u = static_cast<double>(k) * width / sigma;
    weight.push_back(std::exp(-0.5 * u * u));
  }
  Smooth s{std::vector<double>(counts.size()), std::vector<double>(counts.size())};
  for (int64_t from = 0; from < n; ++from) {
    const double r = (static_cast<double>(from) + 0.5) * width;
    const auto count = static_cast<double>(counts[static_cast<size_t>(from)]);
    if (r < closest || count == 0) continue;
    for (int64_t k = std::max<int64_t>(0, from - reach); k <= std::min(n - 1, from + reach); ++k) {
      const double w = weight[static_cast<size_t>(k - from + reach)] / (r * r);
      s.g[static_cast<size_t>(k)] += w * count;
      s.variance[static_cast<size_t>(k)] += w * w * count;
    }
  }
  return s;
}

// The extrema of g that count: minimum, maximum, minimum, ... (from bin 0, where g = 0).
std::vector<size_t> significant_extrema(const Smooth& s) {
  const std::vector<double>& g = s.g;
  std::vector<size_t> at{0};
  for (size_t k = 1; k < g.size(); ++k) {
    const bool seeks_maximum = at.size() % 2 == 1;
    const bool rising = g[k] > g[k - 1], falling = g[k] < g[k - 1];
    if (rising && seeks_maximum)
      at.push_back(k);
    else if (falling && !seeks_maximum)
      at.push_back(k);
    else if (rising || falling)
      at.back() = k;  // goes on in the direction of the last leg
  }
  const double highest = *std::max_element(g.begin(), g.end());
  while (at.size() > 1) {
    size_t weakest = 0;
    double least = 1;
    for (size_t leg = 0; leg + 1 < at.size(); ++leg) {
      const size_t low = leg % 2 == 0 ? at[leg] : at[leg + 1], high = leg % 2 == 0 ? at[leg + 1] : at[leg];
      const double need =
          std::max({0.1 * g[high], 0.02 * highest, 2 * std::sqrt(s.variance[low] + s.variance[high])});
      const double strength = (g[high] - g[low]) / need;
      if (strength < least) least = strength, weakest = leg;
    }
    if (least >= 1) break;
    if (weakest + 2 == at.size())
      at.pop_back();  // the last leg: its end is no extremum
    else if (weakest == 0)
      at.erase(at.begin() + 1, at.begin() + 3);
    else
      at.erase(at.begin() + static_cast<std::ptrdiff_t>(weakest),
               at.begin() + static_cast<std::ptrdiff_t>(weakest) + 2);
  }
  return at;
}

// The middle of what is within 5 % of the minimum between bins p and q.
double middle_of_minimum(const std::vector<double>& g, size_t p, size_t q, double width) {
  const double lowest = *std::min_element(g.begin() + static_cast<std::ptrdiff_t>(p),
                                          g.begin() + static_cast<std::ptrdiff_t>(q));
  const double level = lowest + 0.05 * (std::min(g[p], g[q]) - lowest);
  size_t first = p, last = q;
  while (g[first] > level) ++first;
  while (g[last] > level) --last;
  return 0.5 * static_cast<double>(first + last + 1) * width;
}

}  // namespace

CoordinationCutoffs coordination_cutoffs_of(const std::vector<int64_t>& counts, double width) {
  CoordinationCutoffs found;
  const double range = width * static_cast<double>(counts.size());
  auto center = [&](size_t k) { return (static_cast<double>(k) + 0.5) * width; };
  double sigma = sigma_over_d1 * range / 3;  // then of d1 itself
  for (int pass = 0; pass < 2; ++pass) {
    const Smooth s = smooth(counts, width, sigma);
    const std::vector<size_t> extrema = significant_extrema(s);
    if (extrema.size() < 2) return {};
    found = {0, 0, center(extrema[1])};
    sigma = std::max(width, sigma_over_d1 * found.d1);
    size_t inner = extrema[1], outer = extrema[1];  // first and last maximum of a group
    int n_found = 0;
    for (size_t e = 3; e < extrema.size() && n_found < 2; e += 2) {
      if (center(extrema[e]) >= same_shell * center(inner)) {
        (n_found++ == 0 ? found.r1 : found.r2) = middle_of_minimum(s.g, outer, extrema[e], width);
        inner = extrema[e];
      }
      outer = extrema[e];
    }
  }
  return found;
}

CoordinationCutoffs find_coordination_cutoffs(FrameContext& context) {
  const auto n = static_cast<double>(context.frame.n_atoms());
  // Three shells are within 3 d1; d1 is about the spacing of the atoms where the box has no vacuum.
  const double widest = n > 0 ? 3 * std::cbrt(context.frame.box.volume() / n) : 0;
  double range = std::min(widest, 9.0);
  CoordinationCutoffs found;
  for (int pass = 0; pass < 6 && range > closest; ++pass) {
    const SnapshotRdf rdf = snapshot_rdf(context, range, range / 600);
    found = coordination_cutoffs_of(rdf.counts, rdf.params.width());
    if (found.d1 > 0 && range >= 2.6 * found.d1 && range <= 3.6 * found.d1) break;
    if (found.d1 == 0 && range >= widest) break;
    range = found.d1 > 0 ? 3 * found.d1 : std::min(widest, 2 * range);
  }
  if (!(found.r1 > 0 && found.r2 > found.r1))
    throw UsageError(fmt::format(
        "coordination: the g(r) of the {} atoms has no two minima to cut the shells at; give --structure and "
        "--lattice, or --set coordination.cutoffs=r1,r2",
        context.frame.n_atoms()));
  return found;
}

}  // namespace grainfield
