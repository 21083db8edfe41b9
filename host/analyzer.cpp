#include "host/analyzer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "host/coincidence.hpp"
#include "host/copy_clock.hpp"
#include "host/devices.hpp"
#include "host/error.hpp"
#include "host/memory.hpp"
#include "host/suggest.hpp"

namespace grainfield {
Analyzer::Item* Analyzer::find(const std::string& name) {
  for (Item& item : items_)
    if (item.entry->info.name == name) return &item;
  return nullptr;
}

void Analyzer::add(const AnalysisRequest& request, const std::vector<AnalysisEntry>& entries) {
  const AnalysisEntry& entry = find_analysis(request.name, entries);
  auto parameters = std::make_unique<Parameters>(entry.info, request.parameters);
  std::unique_ptr<Analysis> analysis = entry.make(*parameters, run_);
  items_.push_back({&entry, std::move(analysis), std::move(parameters), 0});
}

Analyzer::Analyzer(const std::vector<AnalysisRequest>& requests, const RunContext& run,
                   const std::vector<AnalysisEntry>& entries)
    : Analyzer(requests, run, entries, nullptr) {}

std::unique_ptr<Analyzer> Analyzer::another() const {
  return std::unique_ptr<Analyzer>(new Analyzer(requests_, run_, entries_, make_stream(run_.exec)));
}

bool Analyzer::halve_device_memory() {
  if (!run_.exec.on_gpu() || plans_.empty()) return false;
  const double free = kept_ ? kept_->free_on_device : static_cast<double>(available_bytes(run_.exec));
  const double all = std::min(free, static_cast<double>(run_.memory_limit));
  // What the plans of a pass allow themselves, with the kernels' own arrays.
  constexpr double usable = 0.9;
  for (const SlabPlan& plan : plans_)
    if (plan.n_slabs() > 1 || plan.uncut_bytes > usable * all / 2) return false;
  run_.device_memory = static_cast<int64_t>(all / 2);
  return true;
}

Analyzer::Analyzer(const std::vector<AnalysisRequest>& requests, const RunContext& run,
                   const std::vector<AnalysisEntry>& entries, std::shared_ptr<void> stream)
    : requests_(requests), entries_(entries), stream_(std::move(stream)), run_(run) {
  if (stream_) run_.exec.stream = stream_.get();
  if (run_.memory_limit <= 0) run_.memory_limit = available_host_bytes() / 10 * 9;
  bool any = false;
  for (const AnalysisRequest& request : requests) {
    if (request.only_if_required) {
      find_analysis(request.name, entries);
      continue;
    }
    any = true;
    if (find(request.name))
      throw UsageError(fmt::format("--compute names {} twice; name each analysis once", request.name));
    add(request, entries);
  }
  if (!any) {
    std::vector<std::string> known;
    for (const AnalysisEntry& entry : entries) known.push_back(entry.info.name);
    throw UsageError(fmt::format("--compute names no analysis; known: {}", listed(known)));
  }
  // Requirements may have requirements: items_ grows while it is gone through.
  for (size_t i = 0; i < items_.size(); ++i) {
    for (const std::string& required : items_[i].analysis->requirements()) {
      if (find(required)) continue;
      AnalysisRequest request{required, {}, false};
      for (const AnalysisRequest& given : requests)
        if (given.only_if_required && given.name == required) request.parameters = given.parameters;
      notes_.push_back(fmt::format("{} is computed too: {} needs it", required, name(items_[i])));
      add(request, entries);
    }
  }
  for (const AnalysisRequest& request : requests) {
    if (!request.only_if_required || find(request.name)) continue;
    const std::string parameter = request.parameters.empty() ? "" : "." + request.parameters.front().first;
    throw UsageError(fmt::format("--set {}{}: {} is not computed; add it to --compute", request.name,
                                 parameter, request.name));
  }
  std::vector<std::string> path;
  for (Item& item : items_) item.level = level_of(item, path);
  // Entries of one registry lie in one array: their order is its order.
  std::stable_sort(items_.begin(), items_.end(), [](const Item& a, const Item& b) {
    return a.level != b.level ? a.level < b.level : a.entry < b.entry;
  });
}

int Analyzer::level_of(Item& item, std::vector<std::string>& path) {
  if (std::find(path.begin(), path.end(), name(item)) != path.end())
    throw std::logic_error(
        fmt::format("analyses require each other: {} -> {}", fmt::join(path, " -> "), name(item)));
  path.push_back(name(item));
  int level = 0;
  for (const std::string& required : item.analysis->requirements())
    level = std::max(level, 1 + level_of(*find(required), path));
  path.pop_back();
  return level;
}

void Analyzer::run_level(FrameContext& context, const std::vector<Item*>& items) {
  for (Item* item : items) {
    const StageClock::Scope timed(&clock_, name(*item));
    item->analysis->begin(context);
  }
  Needs shared;
  std::vector<Item*> with_list, wide;
  for (Item* item : items) {
    const Needs needs = item->analysis->needs();
    if (needs.cutoff > 0) {
      with_list.push_back(item);
      shared.cutoff = std::max(shared.cutoff, needs.cutoff);
      shared.reach = std::max(shared.reach, needs.reach);
      shared.bytes_per_atom += needs.bytes_per_atom;
      shared.bytes_per_ghost += needs.bytes_per_ghost;
      shared.bytes += needs.bytes;
      shared.local_memory = std::max(shared.local_memory, needs.local_memory);
    } else if (needs.reach > 0) {
      wide.push_back(item);
    }
  }
  if (!with_list.empty()) {
    CoincidenceReport coincidences;
    context.for_each_slab(shared, [&](const SlabContext& slab) {
      coincidences.add(context.frame, slab);
      for (Item* item : with_list) {
        const StageClock::Scope timed(&clock_, name(*item));
        item->analysis->compute(context, slab);
      }
    });
    coincidences.note(context);
  }
  for (Item* item : wide) {
    context.for_each_slab(item->analysis->needs(), [&](const SlabContext& slab) {
      const StageClock::Scope timed(&clock_, name(*item));
      item->analysis->compute(context, slab);
    });
  }
  for (Item* item : items) {
    const StageClock::Scope timed(&clock_, name(*item));
    item->analysis->finish(context);
  }
}

FrameResults Analyzer::analyze(const Frame& frame, int64_t index, GridSink* grids, int64_t held_elsewhere) {
  FrameResults results;
  results.frame = index;
  results.step = frame.step;
  results.time = frame.time;
  results.n_atoms = frame.n_atoms();
  results.box = frame.box;
  FrameContext context(frame, results, run_);
  context.grids = grids;
  context.held_elsewhere = held_elsewhere;
  context.clock = &clock_;
  clock_.set_frame(index);
  plans_.clear();
  const CopyClock copies(&clock_);
  context.plans = &plans_;
  context.kept = &kept_;
  for (size_t first = 0; first < items_.size();) {
    std::vector<Item*> level;
    size_t last = first;
    for (; last < items_.size() && items_[last].level == items_[first].level; ++last)
      level.push_back(&items_[last]);
    run_level(context, level);
    first = last;
  }
  for (const SlabPlan& plan : plans_)
    if (frame.n_atoms() > 0)
      bytes_per_atom_ = std::max(bytes_per_atom_, plan.uncut_bytes / static_cast<double>(frame.n_atoms()));
  return results;
}

std::vector<std::string> Analyzer::names() const {
  std::vector<std::string> result;
  for (const Item& item : items_) result.push_back(name(item));
  return result;
}

std::vector<std::pair<std::string, std::string>> Analyzer::parameters() const {
  std::vector<std::pair<std::string, std::string>> result;
  for (const Item& item : items_)
    for (const auto& [parameter, value] : item.parameters->all())
      result.emplace_back(name(item) + "." + parameter, value);
  return result;
}

int Analyzer::n_fields() const {
  size_t n = 0;
  for (const Item& item : items_) n += item.entry->info.fields.size();
  return static_cast<int>(n);
}

}  // namespace grainfield
