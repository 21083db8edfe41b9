#include "host/registry.hpp"

#include <fmt/format.h>

#include "host/error.hpp"
#include "host/potential_analyses.hpp"
#include "host/suggest.hpp"
#include "quantities.hpp"  // the header of every quantity in kernels/CMakeLists.txt

namespace grainfield {

// One line per analysis, in the order of `grainfield list`.

const std::vector<AnalysisEntry>& registry() {
  // clang-format off
  static const std::vector<AnalysisEntry> entries{
      density_entry(),
      density_grid_entry(),
      density_profile_entry(),
      coordination_entry(),
      rdf_entry(),
      structure_entry(),
      voronoi_entry(),
      sfd_entry(),
      energy_entry(),
      force_entry(),
      virial_entry(),
      stress_entry(),
      grade_entry(),
      shells_entry(),
      entropy_entry(),
      excess_volume_entry(),
      energy_density_entry(),
  };
  // clang-format on
  return entries;
}

const AnalysisEntry& find_analysis(std::string_view name) { return find_analysis(name, registry()); }

const AnalysisEntry& find_analysis(std::string_view name, const std::vector<AnalysisEntry>& entries) {
  std::vector<std::string> known;
  for (const AnalysisEntry& entry : entries) {
    if (entry.info.name == name) return entry;
    known.push_back(entry.info.name);
  }
  throw UsageError(
      fmt::format("there is no analysis '{}'{}; known: {}", name, suggestion(name, known), listed(known)));
}

}  // namespace grainfield
