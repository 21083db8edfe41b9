// When the stages of a run over many frames began and ended: a few records per frame, from any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace grainfield {

struct TimelineEvent {
  int64_t frame = -1;          // of the input; -1: of none (inputs hashed, results closed)
  std::string stage;           // "read", "compute", "write", or a part of one: an analysis, "copy in", ...
  std::string part_of;         // the stage that this is a part of; "": a stage
  double start = 0, stop = 0;  // seconds since the timeline was made
};

class Timeline {
 public:
  using Time = std::chrono::steady_clock::time_point;

  void add(std::string_view stage, std::string_view part_of, int64_t frame, Time start, Time stop);
  // By start, a stage before its parts.
  std::vector<TimelineEvent> events() const;

 private:
  struct Record {
    int64_t frame;
    int32_t stage, part_of;  // of names_; -1: none
    double start, stop;
  };
  int32_t index_of(std::string_view name);  // mutex_ is held

  const Time begun_ = std::chrono::steady_clock::now();
  mutable std::mutex mutex_;
  std::vector<std::string> names_;
  std::vector<Record> records_;
};

}  // namespace grainfield
