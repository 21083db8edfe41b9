#include "host/stage_clock.hpp"

#include <algorithm>

#include "host/timeline.hpp"

namespace grainfield {

void StageClock::charge() {
  const Time now = std::chrono::steady_clock::now();
  if (!open_.empty()) {
    auto& [stage, seconds] = totals_[open_.back()];
    seconds += std::chrono::duration<double>(now - since_).count();
    if (timeline_) timeline_->add(stage, part_of_, frame_, since_, now);
  }
  since_ = now;
}

void StageClock::enter(const std::string& stage) {
  const std::lock_guard<std::mutex> lock(mutex_);
  charge();
  auto at = std::find_if(totals_.begin(), totals_.end(), [&](const auto& t) { return t.first == stage; });
  if (at == totals_.end()) at = totals_.insert(totals_.end(), {stage, 0.0});
  open_.push_back(static_cast<size_t>(at - totals_.begin()));
}

void StageClock::leave() {
  const std::lock_guard<std::mutex> lock(mutex_);
  charge();
  open_.pop_back();
  if (open_.empty()) slab_ = 0, n_slabs_ = 1;
}

StageClock::Place StageClock::place() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return {open_.empty() ? "" : totals_[open_.back()].first, slab_, n_slabs_};
}

void StageClock::set_slab(int slab, int n_slabs) {
  const std::lock_guard<std::mutex> lock(mutex_);
  slab_ = slab, n_slabs_ = n_slabs;
}

void StageClock::record(Timeline* timeline, const std::string& part_of) {
  const std::lock_guard<std::mutex> lock(mutex_);
  timeline_ = timeline, part_of_ = part_of;
}

void StageClock::set_frame(int64_t frame) {
  const std::lock_guard<std::mutex> lock(mutex_);
  frame_ = frame;
}

std::vector<std::pair<std::string, double>> StageClock::totals() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return totals_;
}

}  // namespace grainfield
