// Copies between the host and a GPU as stages of a clock: "copy in" and "copy out".
#pragma once

#include "host/stage_clock.hpp"

namespace grainfield {

// Until its end, the copies of this thread count for `clock`, wherever they are asked for.
class CopyClock {
 public:
  explicit CopyClock(StageClock* clock) : before_(of_thread()) { of_thread() = clock; }
  ~CopyClock() { of_thread() = before_; }
  CopyClock(const CopyClock&) = delete;
  CopyClock& operator=(const CopyClock&) = delete;

  static StageClock*& of_thread() {
    thread_local StageClock* clock = nullptr;
    return clock;
  }

 private:
  StageClock* before_;
};

}  // namespace grainfield
