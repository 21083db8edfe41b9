#include "host/timeline.hpp"

#include <algorithm>
#include <tuple>

namespace grainfield {

int32_t Timeline::index_of(std::string_view name) {
  if (name.empty()) return -1;
  size_t k = 0;
  while (k < names_.size() && names_[k] != name) ++k;
  if (k == names_.size()) names_.emplace_back(name);
  return static_cast<int32_t>(k);
}

void Timeline::add(std::string_view stage, std::string_view part_of, int64_t frame, Time start, Time stop) {
  const auto seconds = [&](Time t) { return std::chrono::duration<double>(t - begun_).count(); };
  const std::lock_guard<std::mutex> lock(mutex_);
  const int32_t s = index_of(stage), p = index_of(part_of);
  records_.push_back({frame, s, p, seconds(start), seconds(stop)});
}

std::vector<TimelineEvent> Timeline::events() const {
  std::vector<TimelineEvent> events;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto name = [&](int32_t k) { return k < 0 ? std::string() : names_[static_cast<size_t>(k)]; };
    events.reserve(records_.size());
    for (const Record& r : records_)
      events.push_back({r.frame, name(r.stage), name(r.part_of), r.start, r.stop});
  }
  std::stable_sort(events.begin(), events.end(), [](const TimelineEvent& a, const TimelineEvent& b) {
    return std::tuple(a.start, !a.part_of.empty()) < std::tuple(b.start, !b.part_of.empty());
  });
  return events;
}

}  // namespace grainfield
