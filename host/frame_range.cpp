#include "host/frame_range.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <vector>

#include "host/error.hpp"

namespace grainfield {

FrameRange::FrameRange(std::string_view text) {
  std::vector<std::optional<int64_t>> parts;
  for (size_t at = 0; at <= text.size();) {
    const size_t colon = std::min(text.find(':', at), text.size());
    const std::string_view part = text.substr(at, colon - at);
    std::optional<int64_t> value;
    if (!part.empty()) {
      int64_t number = 0;
      const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), number);
      if (error != std::errc() || end != part.data() + part.size())
        throw UsageError(fmt::format(
            "--frames {}: expected whole numbers a:b:c as in a Python slice, found '{}'", text, part));
      value = number;
    }
    parts.push_back(value);
    at = colon + 1;
  }
  if (parts.size() > 3 || (parts.size() == 1 && !parts[0]))
    throw UsageError(fmt::format("--frames '{}': expected a, a:b or a:b:c", text));
  first_ = parts[0];
  if (parts.size() == 1) {
    if (*first_ != -1) last_ = *first_ + 1;  // the last frame has no successor to stop at
    return;
  }
  last_ = parts[1];
  if (parts.size() == 3 && parts[2]) step_ = *parts[2];
  if (step_ <= 0)
    throw UsageError(fmt::format("--frames {}: the step must be positive, frames are read forward", text));
}

FrameRange FrameRange::resolve(int64_t n_frames) const {
  FrameRange range;
  const auto from_start = [&](int64_t i) {
    return std::clamp<int64_t>(i < 0 ? i + n_frames : i, 0, n_frames);
  };
  if (first_) range.first_ = from_start(*first_);
  if (last_) range.last_ = from_start(*last_);
  range.step_ = step_;
  return range;
}

bool FrameRange::contains(int64_t frame) const {
  const int64_t first = first_.value_or(0);
  return frame >= first && !is_past(frame) && (frame - first) % step_ == 0;
}

int64_t FrameRange::count(int64_t n_frames) const {
  const FrameRange range = resolve(n_frames);
  const int64_t first = range.first_.value_or(0), last = range.last_.value_or(n_frames);
  return last > first ? (last - first + step_ - 1) / step_ : 0;
}

std::string FrameRange::text() const {
  const auto part = [](const std::optional<int64_t>& v) { return v ? fmt::to_string(*v) : std::string(); };
  return part(first_) + ":" + part(last_) + (step_ == 1 ? "" : ":" + fmt::to_string(step_));
}

}  // namespace grainfield
