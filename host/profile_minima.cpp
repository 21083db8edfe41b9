#include "host/profile_minima.hpp"

#include <algorithm>
#include <cstdlib>

namespace grainfield {

std::vector<Stretch> stretches_above(const std::vector<double>& profile, double threshold, int64_t margin,
                                     bool periodic) {
  const auto n = static_cast<int64_t>(profile.size());
  std::vector<int64_t> below;
  for (int64_t i = 0; i < n; ++i)
    if (!(profile[static_cast<size_t>(i)] >= threshold)) below.push_back(i);
  std::vector<Stretch> stretches;
  auto between = [&](int64_t low_before, int64_t low_after) {
    const Stretch s{low_before + margin + 1, low_after - margin - 1, false};
    if (s.first <= s.last) stretches.push_back(s);
  };
  if (n == 0) return stretches;
  if (below.empty() && periodic) return {Stretch{0, n - 1, true}};
  if (!periodic) {
    below.insert(below.begin(), -1);
    below.push_back(n);
  } else {
    below.push_back(below.front() + n);
  }
  for (size_t k = 0; k + 1 < below.size(); ++k) between(below[k], below[k + 1]);
  return stretches;
}

std::vector<Minimum> find_minima(const std::vector<double>& profile, const Stretch& stretch, double depth) {
  const auto n = static_cast<int64_t>(profile.size());
  auto value = [&](int64_t i) { return profile[static_cast<size_t>(((i % n) + n) % n)]; };
  std::vector<Minimum> minima;
  const int64_t from = stretch.closed ? stretch.first : stretch.first + 1;
  const int64_t to = stretch.closed ? stretch.last : stretch.last - 1;
  for (int64_t i = from; i <= to; ++i) {
    const double v = value(i);
    if (!(v < value(i - 1) && v <= value(i + 1))) continue;
    auto highest_towards = [&](int step) {
      double highest = v;
      for (int64_t k = i + step, walked = 1; walked < n; k += step, ++walked) {
        if (!stretch.closed && (k < stretch.first || k > stretch.last)) break;
        if (value(k) < v) break;
        highest = std::max(highest, value(k));
      }
      return highest;
    };
    const double found = std::min(highest_towards(-1), highest_towards(1)) - v;
    if (found >= depth && found > 0) minima.push_back({((i % n) + n) % n, v, found});
  }
  return minima;
}

std::vector<Minimum> lowest_apart(std::vector<Minimum> minima, int64_t min_distance, int64_t period) {
  auto by_place = [](const Minimum& a, const Minimum& b) { return a.point < b.point; };
  std::stable_sort(minima.begin(), minima.end(), by_place);
  std::stable_sort(minima.begin(), minima.end(),
                   [](const Minimum& a, const Minimum& b) { return a.value < b.value; });
  std::vector<Minimum> kept;
  for (const Minimum& m : minima) {
    const bool apart = std::all_of(kept.begin(), kept.end(), [&](const Minimum& k) {
      int64_t distance = std::abs(m.point - k.point);
      if (period > 0) distance = std::min(distance, period - distance);
      return distance >= min_distance;
    });
    if (apart) kept.push_back(m);
  }
  std::sort(kept.begin(), kept.end(), by_place);
  return kept;
}

}  // namespace grainfield
