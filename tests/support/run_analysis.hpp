// Runs one analysis on one frame, as the driver would.
#pragma once

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "host/analysis.hpp"
#include "host/registry.hpp"
#include "host/slab_plan.hpp"
#include "tests/support/systems.hpp"

namespace grainfield::test {

// Every schedule of the CPU.
inline std::vector<RunContext> schedules() {
  std::vector<RunContext> runs(5);
  runs[1].exec.simd = Simd::avx2;
  runs[2].exec.simd = Simd::portable;
  runs[3].exec.threads = 4;
  runs[4].exec.plain = true;
  runs[4].exec.threads = 2;
  return runs;
}

// What results say of an observable; it must be there.
inline const std::vector<double>& values(const FrameResults& results, const std::string& name) {
  const Observable* found = results.find_observable(name);
  if (!found) throw std::out_of_range(name);
  return found->real;
}
inline bool has_note(const FrameResults& results, const std::string& text) {
  return std::any_of(results.notes.begin(), results.notes.end(),
                     [&](const std::string& note) { return note.find(text) != std::string::npos; });
}

using Given = std::vector<std::pair<std::string, std::string>>;

// `results` may hold what the analysis requires. Returns how each pass was cut.
inline std::vector<SlabPlan> plans_of_analysis(const AnalysisEntry& entry, const Frame& frame,
                                               const RunContext& run, const Given& given,
                                               FrameResults& results) {
  std::vector<SlabPlan> plans;
  RunContext there = run;
  if (!run.potential) there.exec = on_test_device(run.exec);  // a potential is on its processor already
  results.n_atoms = frame.n_atoms();
  results.box = frame.box;
  FrameContext context(frame, results, there);
  context.plans = &plans;
  const auto analysis = entry.make(Parameters(entry.info, given), there);
  analysis->begin(context);
  if (analysis->needs().reach > 0 || analysis->needs().cutoff > 0)
    context.for_each_slab(analysis->needs(),
                          [&](const SlabContext& slab) { analysis->compute(context, slab); });
  analysis->finish(context);
  return plans;
}

// The same; returns the number of slabs of the pass that has the most.
inline int run_analysis(const AnalysisEntry& entry, const Frame& frame, const RunContext& run,
                        const Given& given, FrameResults& results) {
  int n_slabs = 0;
  for (const SlabPlan& plan : plans_of_analysis(entry, frame, run, given, results))
    n_slabs = std::max(n_slabs, plan.n_slabs());
  return n_slabs;
}

inline FrameResults run_analysis(const AnalysisEntry& entry, const Frame& frame, const RunContext& run = {},
                                 const Given& given = {}) {
  FrameResults results;
  run_analysis(entry, frame, run, given, results);
  return results;
}

// The same by name, with access to the results by theirs.
struct AnalysisRun {
  FrameResults results;
  int n_slabs = 0;

  const Observable& observable(const std::string& name) const {
    const Observable* found = results.find_observable(name);
    if (!found) throw std::out_of_range("no observable " + name);
    return *found;
  }
  const Field& field(const std::string& name) const {
    const Field* found = results.find_field(name);
    if (!found) throw std::out_of_range("no field " + name);
    return *found;
  }
  // The first note that contains the text; "" where none does.
  std::string note_with(const std::string& text) const {
    for (const std::string& line : results.notes)
      if (line.find(text) != std::string::npos) return line;
    return "";
  }
};

inline AnalysisRun run_analysis(const std::string& name, const Frame& frame, const Given& given = {},
                                const RunContext& run = {}) {
  AnalysisRun done;
  done.n_slabs = run_analysis(find_analysis(name), frame, run, given, done.results);
  return done;
}

}  // namespace grainfield::test
