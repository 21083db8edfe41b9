// Runs one analysis on one frame, as the driver would.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "host/analysis.hpp"
#include "host/registry.hpp"

namespace grainfield::test {

using Given = std::vector<std::pair<std::string, std::string>>;

// `results` may hold what the analysis requires.
inline void run_analysis(const AnalysisEntry& entry, const Frame& frame, const RunContext& run,
                         const Given& given, FrameResults& results) {
  results.n_atoms = frame.n_atoms();
  results.box = frame.box;
  FrameContext context(frame, results, run);
  const auto analysis = entry.make(Parameters(entry.info, given), run);
  analysis->begin(context);
  if (analysis->needs().reach > 0 || analysis->needs().cutoff > 0)
    context.for_each_slab(analysis->needs(),
                          [&](const SlabContext& slab) { analysis->compute(context, slab); });
  analysis->finish(context);
}

inline FrameResults run_analysis(const AnalysisEntry& entry, const Frame& frame, const RunContext& run = {},
                                 const Given& given = {}) {
  FrameResults results;
  run_analysis(entry, frame, run, given, results);
  return results;
}

}  // namespace grainfield::test
