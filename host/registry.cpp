#include "host/registry.hpp"

#include <fmt/format.h>

#include "host/error.hpp"
#include "kernels/density/density.hpp"
#include "kernels/density/density_grid.hpp"
#include "kernels/density/density_profile.hpp"

namespace grainfield {

// One line per analysis, in the order of `grainfield list`.

const std::vector<AnalysisEntry>& registry() {
  static const std::vector<AnalysisEntry> entries{
      density_entry(),
      density_grid_entry(),
      density_profile_entry(),
  };
  return entries;
}

const AnalysisEntry& find_analysis(std::string_view name) {
  std::string known;
  for (const AnalysisEntry& entry : registry()) {
    if (entry.info.name == name) return entry;
    known += (known.empty() ? "" : ", ") + entry.info.name;
  }
  throw UsageError(fmt::format("there is no analysis '{}'; expected one of {}", name, known));
}

}  // namespace grainfield
