// One frame of a snapshot on the host: what a reader fills and a writer takes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/core/box.hpp"

namespace grainfield {

// A species of a frame. Files without names give name "" (and the file's own type number in `label`).
struct Species {
  std::string name;   // element symbol or the file's own label; "" where unknown
  double mass = 0;    // amu; 0 where unknown
  int32_t label = 0;  // the number that the file used for it (LAMMPS type 1.., MLIP type 0..)
};

// A per-atom array with a name: [n_atoms][components], row by row.
struct Column {
  enum class Kind { real, integer, text };
  std::string name;
  std::string unit;  // "" where unknown or dimensionless
  Kind kind = Kind::real;
  int components = 1;
  std::vector<double> real;
  std::vector<int64_t> integer;
  std::vector<std::string> text;
};

// Names that readers and writers share, whatever a format calls them (io/FORMAT.md):
//   velocity [3] A/ps, force [3] eV/A, image [3] (periodic image flags), charge [1] e, grain [1], energy [1]
//   eV.
struct Frame {
  Box box;
  bool has_box = true;  // false: the file states none; the reader sets a free box around the atoms
  int64_t step = 0;
  double time = 0;             // ps; 0 where unknown
  std::vector<Vec3> position;  // A, as in the file (not wrapped)
  std::vector<int32_t> type;   // index into species
  std::vector<Species> species;
  std::vector<int64_t> id;      // empty: 1, 2, 3, ...
  std::vector<Column> columns;  // everything else, per atom
  std::vector<std::pair<std::string, std::string>>
      info;  // the frame's key-value pairs (extended XYZ, .cfg features)

  int64_t n_atoms() const { return static_cast<int64_t>(position.size()); }
  int64_t id_of(int64_t i) const { return id.empty() ? i + 1 : id[static_cast<size_t>(i)]; }
  const Column* find_column(std::string_view name) const {
    for (const Column& c : columns)
      if (c.name == name) return &c;
    return nullptr;
  }
};

// Extent of the atoms along cell vector k in fractional coordinates, as [lo, hi) that holds them all; [0, 1)
// without atoms.
std::pair<double, double> fractional_extent(const Frame& frame, int k, int threads);

// Where a frame came from, for messages: "file.dump, frame 3".
struct FrameSource {
  std::string file;
  int64_t frame = 0;  // from 0
};

// Throws InputError unless the cell is right-handed, finite and of positive volume, all positions are finite,
// and types index species. `where` starts the message.
void validate(const Frame& frame, const std::string& where);

}  // namespace grainfield
