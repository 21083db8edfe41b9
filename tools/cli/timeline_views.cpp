#include "tools/cli/timeline_views.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "host/run_summary.hpp"

namespace grainfield {
namespace {

// What the writer does for all frames together is drawn in the row of "write".
std::string track_of(const TimelineEvent& e) {
  if (!e.part_of.empty()) return e.part_of;
  return e.frame < 0 ? "write" : e.stage;
}

std::vector<std::string> tracks_of(const std::vector<TimelineEvent>& events) {
  std::vector<std::string> tracks;
  for (const char* name : {"read", "compute", "write"})
    if (std::any_of(events.begin(), events.end(), [&](const auto& e) { return track_of(e) == name; }))
      tracks.emplace_back(name);
  return tracks;
}

double end_of(const std::vector<TimelineEvent>& events) {
  double end = 0;
  for (const TimelineEvent& e : events) end = std::max(end, e.stop);
  return end;
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text)
    out += c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : std::string(1, c);
  return out;
}

}  // namespace

double busy_seconds(const std::vector<TimelineEvent>& events, std::string_view stage) {
  double seconds = 0;
  for (const TimelineEvent& e : events)
    if (e.stage == stage) seconds += e.stop - e.start;
  return seconds;
}

std::string timeline_text(const std::vector<TimelineEvent>& events, int columns) {
  const double end = end_of(events);
  if (end <= 0) return "";
  const double width = end / columns;
  std::string text;
  for (const std::string& track : tracks_of(events)) {
    std::string row(static_cast<size_t>(columns), '.');
    for (size_t c = 0; c < row.size(); ++c) {
      const double lo = static_cast<double>(c) * width, hi = lo + width;
      double most = 0.25 * width, waited = width;
      for (const TimelineEvent& e : events) {
        if (!e.part_of.empty() || track_of(e) != track) continue;
        const double inside = std::min(hi, e.stop) - std::max(lo, e.start);
        if (inside <= 0) continue;
        waited -= inside;
        if (inside > most) most = inside, row[c] = e.frame < 0 ? '#' : static_cast<char>('0' + e.frame % 10);
      }
      if (waited > 0.75 * width) row[c] = '.';
    }
    text += fmt::format("{:<9}{}\n", track, row);
  }
  return text + fmt::format("{:<9}0{:>{}}\n", "", seconds_text(end), columns - 1);
}

std::string timelines_svg(const std::vector<std::pair<std::string, std::vector<TimelineEvent>>>& timelines) {
  constexpr double left = 190, plot_width = 900, row_height = 22;
  std::string body;
  double top = 0;
  for (const auto& [title, events] : timelines) {
    const double end = std::max(end_of(events), 1e-9);
    // Every stage, and its parts below it, in the order in which they first ran.
    std::vector<std::pair<std::string, std::string>> rows;  // stage, part
    for (const std::string& track : tracks_of(events)) {
      rows.emplace_back(track, "");
      for (const TimelineEvent& e : events)
        if (e.part_of == track &&
            std::find(rows.begin(), rows.end(), std::pair(track, e.stage)) == rows.end())
          rows.emplace_back(track, e.stage);
    }
    body += fmt::format("<text x=\"{}\" y=\"{:.1f}\" font-size=\"15\">{}</text>\n", left, top + 24,
                        escaped(title));
    top += 40;
    const double bottom = top + row_height * static_cast<double>(rows.size());
    const auto x_of = [&](double seconds) { return left + plot_width * seconds / end; };
    const double decade = std::pow(10, std::floor(std::log10(end)));
    const double step = end / decade > 5 ? decade : end / decade > 2 ? decade / 2 : decade / 5;
    for (int k = 0; k * step <= end * (1 + 1e-9); ++k)
      body += fmt::format(
          "<line x1=\"{0:.1f}\" y1=\"{1:.1f}\" x2=\"{0:.1f}\" y2=\"{2:.1f}\" stroke=\"#ddd\"/>\n"
          "<text x=\"{0:.1f}\" y=\"{3:.1f}\" text-anchor=\"middle\">{4:.3g} s</text>\n",
          x_of(k * step), top, bottom, bottom + 18, k * step);
    for (const auto& [track, part] : rows) {
      body += fmt::format("<text x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\"{}>{}</text>\n", left - 8, top + 15,
                          part.empty() ? " font-weight=\"bold\"" : "", escaped(part.empty() ? track : part));
      for (const TimelineEvent& e : events) {
        if (track_of(e) != track ||
            (part.empty() ? !e.part_of.empty() : e.part_of.empty() || e.stage != part))
          continue;
        const std::string color =
            e.frame < 0 ? "#999" : fmt::format("hsl({},60%,{}%)", e.frame * 47 % 360, part.empty() ? 50 : 70);
        const std::string of_frame = e.frame < 0 ? "" : fmt::format(", frame {}", e.frame);
        body += fmt::format(
            "<rect x=\"{:.2f}\" y=\"{:.1f}\" width=\"{:.2f}\" height=\"{}\" fill=\"{}\">"
            "<title>{}</title></rect>\n",
            x_of(e.start), top + 3, std::max(0.2, x_of(e.stop) - x_of(e.start)), row_height - 6, color,
            escaped(fmt::format("{}{}: {:.4g} to {:.4g} s", e.stage, of_frame, e.start, e.stop)));
      }
      top += row_height;
    }
    top += 34;
  }
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" viewBox=\"0 0 {0:.0f} "
      "{1:.0f}\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" "
      "fill=\"white\"/>\n{2}</svg>\n",
      left + plot_width + 40, top, body);
}

std::string timeline_trace(const std::vector<TimelineEvent>& events) {
  using json = nlohmann::ordered_json;
  const std::vector<std::string> tracks = tracks_of(events);
  const auto number = [&](const std::string& track) {
    return std::find(tracks.begin(), tracks.end(), track) - tracks.begin() + 1;
  };
  json list = json::array();
  for (const std::string& track : tracks)
    list.push_back({{"name", "thread_name"},
                    {"ph", "M"},
                    {"pid", 1},
                    {"tid", number(track)},
                    {"args", {{"name", track}}}});
  for (const TimelineEvent& e : events) {
    json event = {{"name", e.stage},
                  {"ph", "X"},
                  {"pid", 1},
                  {"tid", number(track_of(e))},
                  {"ts", 1e6 * e.start},
                  {"dur", 1e6 * (e.stop - e.start)}};
    if (e.frame >= 0) event["args"] = {{"frame", e.frame}};
    list.push_back(std::move(event));
  }
  return json{{"displayTimeUnit", "ms"}, {"traceEvents", list}}.dump(1) + "\n";
}

}  // namespace grainfield
