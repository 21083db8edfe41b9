// A timeline for people: as text, as a picture, and for the viewers of traces.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/timeline.hpp"

namespace grainfield {

// Seconds that the stage was at work; parts of a stage by their own name.
double busy_seconds(const std::vector<TimelineEvent>& events, std::string_view stage);

// A row for every stage (more where frames are in it at the same time, here and below), a column for every
// piece of the time: the last digit of the frame that has most of it, '#' where that is none, '.' where the
// stage waits.
std::string timeline_text(const std::vector<TimelineEvent>& events, int columns = 96);

// Bars over time, a row for every stage and its parts, a color for every frame; one picture below the other,
// each with its title. SVG.
std::string timelines_svg(const std::vector<std::pair<std::string, std::vector<TimelineEvent>>>& timelines);

// The Trace Event Format (JSON) of chrome://tracing and Perfetto: a track for every stage, its parts on it.
std::string timeline_trace(const std::vector<TimelineEvent>& events);

}  // namespace grainfield
