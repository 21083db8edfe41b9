// Where the time of one thread goes, by stage; other threads may ask where it is.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace grainfield {

class Timeline;

// Stages nest: time inside an inner stage is not counted for the outer one, so that the sums add up.
class StageClock {
 public:
  // Counts for `stage` from its making to its end.
  class Scope {
   public:
    Scope(StageClock* clock, const std::string& stage) : clock_(clock) {
      if (clock_) clock_->enter(stage);
    }
    ~Scope() {
      if (clock_) clock_->leave();
    }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    StageClock* clock_;
  };

  struct Place {
    std::string stage;  // "" where the thread does none of them
    int slab = 0;       // of n_slabs
    int n_slabs = 1;
  };
  Place place() const;
  void set_slab(int slab, int n_slabs);
  // Every stretch of time in a stage is also noted there, as a part of `part_of`, until this is called with
  // null.
  void record(Timeline* timeline, const std::string& part_of);
  void set_frame(int64_t frame);  // that those belong to
  // Seconds per stage, in the order in which the stages were first entered.
  std::vector<std::pair<std::string, double>> totals() const;

 private:
  using Time = std::chrono::steady_clock::time_point;
  void enter(const std::string& stage);
  void leave();
  void charge();

  mutable std::mutex mutex_;
  std::vector<std::pair<std::string, double>> totals_;
  std::vector<size_t> open_;  // stages, the innermost last
  Time since_;
  int slab_ = 0, n_slabs_ = 1;
  Timeline* timeline_ = nullptr;
  std::string part_of_;
  int64_t frame_ = -1;
};

}  // namespace grainfield
