// The registry of analyses: the command line, `grainfield list`, the file layout and the docs come from it.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "host/analysis.hpp"

namespace grainfield {

struct AnalysisEntry {
  AnalysisInfo info;
  std::unique_ptr<Analysis> (*make)(const Parameters&, const RunContext&);
};

const std::vector<AnalysisEntry>& registry();
// The entry with this name, or UsageError naming the nearest ones.
const AnalysisEntry& find_analysis(std::string_view name);
const AnalysisEntry& find_analysis(std::string_view name, const std::vector<AnalysisEntry>& entries);

}  // namespace grainfield
