// Per-atom numbers that an analysis takes from another analysis or from a column of the input.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "host/analysis.hpp"

namespace grainfield {

// Where an analysis finds them: the value of its text parameter `parameter`.
struct AtomSource {
  std::string parameter;  // with its analysis, for messages: "shells.volume"
  std::string source;     // its value: `keyword`, or the name of a column ("c_voronoi[1]")
  std::string keyword;    // asks for the analysis
  std::string analysis;   // "voronoi"
  std::string field;      // of that analysis, one real number per atom: "voronoi_volume"

  bool is_computed() const { return source == keyword; }
  std::vector<std::string> requirements() const {
    return is_computed() ? std::vector<std::string>{analysis} : std::vector<std::string>{};
  }
};

// The parameter `volume` of the analyses that need Voronoi volumes.
AtomSource volume_source(const std::string& analysis, const Parameters& parameters);
ParameterSpec volume_parameter(const std::string& default_value, const std::string& more = "");

// One real number per atom, in the order of the input.
class AtomValues {
 public:
  explicit AtomValues(const std::vector<double>& values) : data_(values.data()) {}  // stays where it is
  explicit AtomValues(std::vector<double>&& own) : own_(std::move(own)), data_(own_.data()) {}
  AtomValues(const AtomValues&) = delete;
  AtomValues& operator=(const AtomValues&) = delete;

  double operator[](size_t i) const { return data_[i]; }
  const double* data() const { return data_; }

 private:
  std::vector<double> own_;
  const double* data_;
};

// A column of several components is asked for as name[1], name[2], ... Throws InputError where the input has
// no such column of real numbers.
AtomValues atom_values(const FrameContext& context, const AtomSource& source);

}  // namespace grainfield
