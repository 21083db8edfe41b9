// What an H5MD file holds, without reading the data: for `grainfield info`.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace grainfield {

struct H5mdItem {
  std::string path;           // "/particles/all/density", "/observables/rdf/g", "/grids/density"
  std::vector<int64_t> dims;  // of value: [frame]...
  bool is_integer = false;
  std::string unit;  // as we write units: "A^-3"
  std::string doc;
  std::vector<std::string> component_names;
};

struct H5mdContents {
  std::string creator, creator_version;
  std::vector<H5mdItem> fields;       // below /particles, except position, species, id and box
  std::vector<H5mdItem> observables;  // below /observables
  std::vector<H5mdItem> grids;        // /grids/<name>
  // Of results: empty for plain snapshots.
  std::string command;
  std::vector<std::pair<std::string, std::string>> parameters;
  struct Input {
    std::string name;
    int64_t bytes = 0;
    std::string sha256;
  };
  std::vector<Input> inputs;
  std::vector<int64_t> n_atoms;    // by frame
  std::vector<std::string> notes;  // by frame
  bool has_positions = false;
};

// InputError unless it is an HDF5 file with the group /h5md.
H5mdContents h5md_contents(const std::string& path);

}  // namespace grainfield
