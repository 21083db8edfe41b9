// Which frames of the input: a slice as in Python, "a:b:c".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace grainfield {

// Frames first, first + step, ... before last; counted from 0, negative numbers from the end.
class FrameRange {
 public:
  FrameRange() = default;  // all
  // "a", "a:b", "a:b:c" with any of a, b, c left out; "a" is that frame alone. Throws UsageError unless they
  // are whole numbers and c > 0 (frames are read forward only).
  explicit FrameRange(std::string_view text);

  // True where the frames are counted from the end, so that their number must be known: resolve() then.
  bool needs_count() const { return (first_ && *first_ < 0) || (last_ && *last_ < 0); }
  // The same frames of an input with n frames, counted from the start.
  FrameRange resolve(int64_t n_frames) const;

  // For ranges that are counted from the start.
  bool contains(int64_t frame) const;
  // True if no frame from `frame` on is wanted.
  bool is_past(int64_t frame) const { return last_ && frame >= *last_; }
  // How many frames of an input with n frames are wanted.
  int64_t count(int64_t n_frames) const;
  // Frames before which an end is known; -1 where the range is open.
  int64_t end() const { return last_ ? *last_ : -1; }
  std::string text() const;  // "a:b", "a:b:c"; ":" for all

 private:
  std::optional<int64_t> first_, last_;
  int64_t step_ = 1;
};

}  // namespace grainfield
