// What the analyses of one frame yield, on the host, in the order of the input file.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/core/box.hpp"

namespace grainfield {

// A per-atom result [n_atoms][components]: real or integer, with its unit.
struct Field {
  std::string name;                          // the registry's name, and the dataset's
  std::string unit;                          // "" for a pure number
  std::string doc;                           // one line
  std::vector<std::string> component_names;  // empty for one component
  int components = 1;
  bool is_integer = false;
  std::vector<double> real;
  std::vector<int32_t> integer;
};

// A result of the whole frame: a scalar (shape {}), or an array whose shape may change from frame to frame in
// its first dimension (the file pads with NaN, or with -1 where is_integer).
struct Observable {
  std::string name;  // may be a path: "rdf/r"
  std::string unit;
  std::string doc;
  std::vector<int64_t> shape;
  bool is_integer = false;
  std::vector<double> real;
  std::vector<int64_t> integer;
};

// A regular grid over the cell: value[(ia * n[1] + ib) * n[2] + ic] at origin + ia/n0 a + ib/n1 b + ic/n2 c.
// It may be too large for memory: analyses hand it out plane by plane (GridSink in host/analysis.hpp).
struct GridShape {
  std::string name;
  std::string unit;
  std::string doc;
  int64_t n[3] = {0, 0, 0};
  Box box;
};

struct FrameResults {
  int64_t frame = 0;  // position in the input, from 0
  int64_t step = 0;
  double time = 0;  // ps
  int64_t n_atoms = 0;
  Box box;
  // Deques: references to a result stay good while others are added.
  std::deque<Field> fields;
  std::deque<Observable> observables;
  std::vector<std::string> notes;  // one line each: what a user should know (cutoffs found, atoms flagged)

  const Field* find_field(std::string_view name) const {
    for (const Field& f : fields)
      if (f.name == name) return &f;
    return nullptr;
  }
  const Observable* find_observable(std::string_view name) const {
    for (const Observable& o : observables)
      if (o.name == name) return &o;
    return nullptr;
  }
};

}  // namespace grainfield
