// A potential by its name: found, read, and ready to evaluate.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "host/potential.hpp"

namespace grainfield {

struct LoadPotentialOptions {
  std::vector<std::string> elements;  // names of an MTP's species in the order of the file; empty: unknown
  bool mixed_precision = false;       // MTP: single precision but for positions and sums
};

// Whether the file is a moment tensor potential (its first line is "MTP"); else it is taken for an EAM.
bool is_mtp_file(const std::string& path);

// `name` as find_potential() takes it. Throws UsageError where there is no such file, or where options do not
// fit the potential; InputError for a broken one.
std::unique_ptr<Potential> load_potential(const std::string& name, const Exec& exec,
                                          const LoadPotentialOptions& options = {});

}  // namespace grainfield
