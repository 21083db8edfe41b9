// Extrapolation grades of a run, put in order: classes, histogram, the worst of them.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "host/frame.hpp"

namespace grainfield {

// Classes as Ito et al., npj Comput. Mater. (2024), doi 10.1038/s41524-024-01451-y, name them: interpolation
// (gamma <= 1), accurate extrapolation (to 2), reliable extrapolation (to 10), dangerous extrapolation. What
// an active set holds has grade 1 up to the rounding of its inverse: the first limit is taken 1e-5 higher.
struct GradeClass {
  const char* name;
  const char* range;
  double most;
};
constexpr int n_grade_classes = 4;
extern const std::array<GradeClass, n_grade_classes> grade_classes;
int grade_class(double grade);  // NaN: the last

class GradeReport {
 public:
  // The histogram's bins: from 10^(k/20) to 10^((k+1)/20), 1e-4 to 1e6; what lies outside is in the first and
  // the last bin.
  static constexpr int bins_per_decade = 20, first_decade = -4, last_decade = 6;
  static constexpr int n_bins = (last_decade - first_decade) * bins_per_decade;
  static double edge(int bin);  // 0 .. n_bins

  struct Entry {
    double grade = 0;
    int64_t frame = 0, atom = 0;  // from 0; atom -1: the grade is that of the whole frame
    int64_t id = 0;
    std::string species;
    Vec3 position;
  };

  explicit GradeReport(int64_t n_worst) : n_worst_(n_worst) {}

  // grades [n_atoms] of a frame; or, not per_atom, the one of the whole frame.
  void add(const Frame& frame, int64_t index, const std::vector<double>& grades, bool per_atom = true);

  int64_t n_atoms() const { return n_atoms_; }
  int64_t count() const { return count_; }
  int64_t n_nan() const { return n_nan_; }
  double largest() const;  // NaN if any grade is; 0 without grades
  const std::array<int64_t, n_grade_classes>& classes() const { return classes_; }
  const std::vector<int64_t>& histogram() const { return histogram_; }
  // The largest grades, in descending order; NaN first. Equal ones by frame and atom.
  std::vector<Entry> worst() const;

  std::string verdict() const;  // one line
  std::string histogram_csv() const;
  std::string histogram_picture() const;  // for terminals: five bins per decade, on a log scale

 private:
  int64_t n_worst_;
  int64_t n_atoms_ = 0, count_ = 0, n_nan_ = 0;
  double largest_ = 0;
  std::array<int64_t, n_grade_classes> classes_{};
  std::vector<int64_t> histogram_ = std::vector<int64_t>(n_bins, 0);
  std::vector<Entry> worst_;
};

}  // namespace grainfield
