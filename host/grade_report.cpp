#include "host/grade_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace grainfield {
namespace {

// NaN before all numbers.
double rank_of(double grade) { return std::isnan(grade) ? std::numeric_limits<double>::infinity() : grade; }

bool is_worse(const GradeReport::Entry& a, const GradeReport::Entry& b) {
  const double x = rank_of(a.grade), y = rank_of(b.grade);
  if (x != y) return x > y;
  return a.frame != b.frame ? a.frame < b.frame : a.atom < b.atom;
}

}  // namespace

const std::array<GradeClass, n_grade_classes> grade_classes = {
    GradeClass{"interpolation", "up to 1", 1 + 1e-5}, GradeClass{"accurate extrapolation", "1 to 2", 2},
    GradeClass{"reliable extrapolation", "2 to 10", 10},
    GradeClass{"dangerous extrapolation", "above 10", std::numeric_limits<double>::infinity()}};

int grade_class(double grade) {
  int k = 0;
  while (k < n_grade_classes - 1 && !(grade <= grade_classes[static_cast<size_t>(k)].most)) ++k;
  return k;
}

double GradeReport::edge(int bin) {
  return std::pow(10.0, first_decade + static_cast<double>(bin) / bins_per_decade);
}

void GradeReport::add(const Frame& frame, int64_t index, const std::vector<double>& grades, bool per_atom) {
  n_atoms_ += frame.n_atoms();
  for (size_t i = 0; i < grades.size(); ++i) {
    const double g = grades[i];
    ++count_;
    ++classes_[static_cast<size_t>(grade_class(g))];
    if (std::isnan(g)) {
      ++n_nan_;
    } else {
      largest_ = std::max(largest_, g);
      const double at = (std::log10(std::max(g, 1e-300)) - first_decade) * bins_per_decade;
      ++histogram_[static_cast<size_t>(std::clamp(at, 0.0, n_bins - 1.0))];
    }
    Entry entry{g, index, static_cast<int64_t>(i), 0, "", {}};
    if (n_worst_ <= 0) continue;
    if (static_cast<int64_t>(worst_.size()) >= n_worst_ && !is_worse(entry, worst_.front())) continue;
    if (per_atom) {
      entry.id = frame.id_of(entry.atom);
      entry.position = frame.position[i];
      const Species& s = frame.species[static_cast<size_t>(frame.type[i])];
      entry.species = s.name.empty() ? fmt::format("{}", s.label) : s.name;
    } else {
      entry.atom = -1;
    }
    // A heap whose first is the least bad.
    worst_.push_back(entry);
    std::push_heap(worst_.begin(), worst_.end(), is_worse);
    if (static_cast<int64_t>(worst_.size()) > n_worst_) {
      std::pop_heap(worst_.begin(), worst_.end(), is_worse);
      worst_.pop_back();
    }
  }
}

double GradeReport::largest() const {
  return n_nan_ > 0 ? std::numeric_limits<double>::quiet_NaN() : largest_;
}

std::vector<GradeReport::Entry> GradeReport::worst() const {
  std::vector<Entry> sorted = worst_;
  std::sort(sorted.begin(), sorted.end(), is_worse);
  return sorted;
}

std::string GradeReport::verdict() const {
  if (count_ == 0) return "no grades";
  if (n_nan_ > 0) return fmt::format("dangerous: {} of {} grades are not numbers", n_nan_, count_);
  switch (grade_class(largest_)) {
    case 0:
      return "interpolation everywhere: nothing in these snapshots is outside the active set";
    case 1:
      return "accurate extrapolation at most: further training would change little";
    case 2:
      return "reliable extrapolation at most: label the worst neighborhoods and train again";
    default:
      return "dangerous extrapolation: do not trust this potential here before it is trained again";
  }
}

std::string GradeReport::histogram_csv() const {
  std::string text = "grade_from,grade_to,count\n";
  for (int b = 0; b < n_bins; ++b)
    text += fmt::format("{:.6g},{:.6g},{}\n", edge(b), edge(b + 1), histogram_[static_cast<size_t>(b)]);
  return text;
}

std::string GradeReport::histogram_picture() const {
  constexpr int joined = bins_per_decade / 5, width = 50;
  std::vector<int64_t> bars;
  for (int b = 0; b < n_bins; b += joined) {
    bars.push_back(0);
    for (int k = b; k < b + joined; ++k) bars.back() += histogram_[static_cast<size_t>(k)];
  }
  const int64_t most = *std::max_element(bars.begin(), bars.end());
  size_t first = 0, last = bars.size();
  while (first < last && bars[first] == 0) ++first;
  while (last > first && bars[last - 1] == 0) --last;
  std::string text;
  for (size_t k = first; k < last; ++k) {
    // Counts on a log scale: one atom is a bar already.
    const double share = bars[k] == 0 ? 0
                                      : (1 + std::log10(static_cast<double>(bars[k]))) /
                                            (1 + std::log10(static_cast<double>(most)));
    text += fmt::format("{:>9.3g} to {:<9.3g}{:>12}  {}\n", edge(static_cast<int>(k) * joined),
                        edge(static_cast<int>(k + 1) * joined), bars[k],
                        std::string(static_cast<size_t>(std::lround(share * width)), '#'));
  }
  return text;
}

}  // namespace grainfield
