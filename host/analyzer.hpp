// The analyses of a run: made once, ordered by their requirements, run on one frame after the other.
//
// Order within a frame: analyses are grouped in levels (those without requirements first). In each level all
// begin(); those that need a neighbor list share one pass over the slabs (with the largest cutoff and reach,
// and the sum of their bytes); those that need ghosts only have a pass each; then all finish(). Within a
// level the order is that of the registry, whatever the order of the requests.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "host/analysis.hpp"
#include "host/registry.hpp"
#include "host/slab_plan.hpp"
#include "host/stage_clock.hpp"

namespace grainfield {

struct AnalysisRequest {
  std::string name;
  std::vector<std::pair<std::string, std::string>> parameters;  // "beta" -> "3.024"
  bool only_if_required = false;  // parameters for an analysis that another one brings in
};

class Analyzer {
 public:
  // Throws UsageError for unknown analyses or parameters, values out of range, and parameters of an analysis
  // that is neither asked for nor required. A memory_limit of 0 becomes nine tenths of the memory available
  // now.
  Analyzer(const std::vector<AnalysisRequest>& requests, const RunContext& run,
           const std::vector<AnalysisEntry>& entries = registry());
  Analyzer(const Analyzer&) = delete;
  Analyzer& operator=(const Analyzer&) = delete;

  // Another one for the same work, which may run at the same time: on a GPU it has a stream of its own. It
  // must not outlive what this one was made from.
  std::unique_ptr<Analyzer> another() const;
  // From now on half of the GPU's memory is used, and by another() the other half. False, and nothing is
  // changed, if no frame was analysed yet or the last one would have to be cut.
  bool halve_device_memory();

  // All results of one frame. `index` counts frames of the input; `held_elsewhere` (bytes) is what other
  // frames take of the memory limit.
  FrameResults analyze(const Frame& frame, int64_t index = 0, GridSink* grids = nullptr,
                       int64_t held_elsewhere = 0);

  // In the order in which they run.
  std::vector<std::string> names() const;
  // "density.beta" -> its value as text; "" where it is resolved from the snapshot.
  std::vector<std::pair<std::string, std::string>> parameters() const;
  // What was added to the requests, one line each.
  const std::vector<std::string>& notes() const { return notes_; }
  const RunContext& run() const { return run_; }
  // Seconds per analysis; readable from other threads.
  const StageClock& clock() const { return clock_; }
  // The analyses of each frame go there too, as parts of "compute", until this is called with null.
  void record(Timeline* timeline) { clock_.record(timeline, "compute"); }
  // Bytes per atom of the most expensive pass so far, uncut.
  double bytes_per_atom() const { return bytes_per_atom_; }
  // How the passes of the last frame were cut.
  const std::vector<SlabPlan>& plans() const { return plans_; }
  // Per-atom values that all analyses declare.
  int n_fields() const;

 private:
  struct Item {
    const AnalysisEntry* entry = nullptr;
    std::unique_ptr<Analysis> analysis;
    std::unique_ptr<Parameters> parameters;  // stays in place: the analysis may refer to it
    int level = 0;
  };
  const std::string& name(const Item& item) const { return item.entry->info.name; }
  Analyzer(const std::vector<AnalysisRequest>& requests, const RunContext& run,
           const std::vector<AnalysisEntry>& entries, std::shared_ptr<void> stream);
  Item* find(const std::string& name);
  void add(const AnalysisRequest& request, const std::vector<AnalysisEntry>& entries);
  int level_of(Item& item, std::vector<std::string>& path);
  void run_level(FrameContext& context, const std::vector<Item*>& items);

  std::vector<AnalysisRequest> requests_;
  const std::vector<AnalysisEntry>& entries_;
  std::shared_ptr<void> stream_;  // null: the default one; outlives the memory that is used on it
  RunContext run_;
  std::vector<Item> items_;
  std::vector<std::string> notes_;
  StageClock clock_;
  double bytes_per_atom_ = 0;
  std::vector<SlabPlan> plans_;
  std::unique_ptr<PassMemory> kept_;
};

}  // namespace grainfield
