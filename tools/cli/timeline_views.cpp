#include "tools/cli/timeline_views.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "host/run_summary.hpp"

namespace grainfield {
namespace {

// What the writer does for all frames together is drawn in the row of "write".
std::string track_of(const TimelineEvent& e) {
  if (!e.part_of.empty()) return e.part_of;
  return e.frame < 0 ? "write" : e.stage;
}

// The rows of a timeline: one for each stage, more where frames are in the same stage at the same time (two
// on a GPU). The parts of a stage are in the row of their frame.
class Rows {
 public:
  // The events are those of a Timeline: by start.
  explicit Rows(const std::vector<TimelineEvent>& events) : row_(events.size()) {
    for (const char* track : {"read", "compute", "write"}) {
      std::vector<double> free_at;  // each row's
      std::map<int64_t, size_t> row_of_frame;
      for (size_t i = 0; i < events.size(); ++i) {
        const TimelineEvent& e = events[i];
        if (!e.part_of.empty() || track_of(e) != track) continue;
        const auto row = std::find_if(free_at.begin(), free_at.end(), [&](double t) { return t <= e.start; });
        row_[i] = names_.size() + static_cast<size_t>(row - free_at.begin());
        if (row == free_at.end())
          free_at.push_back(e.stop);
        else
          *row = e.stop;
        row_of_frame[e.frame] = row_[i];
      }
      bool any = !free_at.empty();
      for (size_t i = 0; i < events.size(); ++i) {
        if (events[i].part_of != track) continue;
        any = true;
        const auto known = row_of_frame.find(events[i].frame);
        row_[i] = known == row_of_frame.end() ? names_.size() : known->second;
      }
      names_.insert(names_.end(), std::max<size_t>(free_at.size(), any ? 1 : 0), track);
    }
  }

  // Of each row, the stage.
  const std::vector<std::string>& names() const { return names_; }
  // Of the event with this place in the list.
  size_t of(size_t event) const { return row_[event]; }

 private:
  std::vector<std::string> names_;
  std::vector<size_t> row_;
};

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
  const Rows rows(events);
  for (size_t r = 0; r < rows.names().size(); ++r) {
    std::string row(static_cast<size_t>(columns), '.');
    for (size_t c = 0; c < row.size(); ++c) {
      const double lo = static_cast<double>(c) * width, hi = lo + width;
      double most = 0.25 * width, waited = width;
      for (size_t i = 0; i < events.size(); ++i) {
        const TimelineEvent& e = events[i];
        if (!e.part_of.empty() || rows.of(i) != r) continue;
        const double inside = std::min(hi, e.stop) - std::max(lo, e.start);
        if (inside <= 0) continue;
        waited -= inside;
        if (inside > most) most = inside, row[c] = e.frame < 0 ? '#' : static_cast<char>('0' + e.frame % 10);
      }
      if (waited > 0.75 * width) row[c] = '.';
    }
    text += fmt::format("{:<9}{}\n", rows.names()[r], row);
  }
  return text + fmt::format("{:<9}0{:>{}}\n", "", seconds_text(end), columns - 1);
}

std::string timelines_svg(const std::vector<std::pair<std::string, std::vector<TimelineEvent>>>& timelines) {
  constexpr double left = 190, plot_width = 900, row_height = 22;
  std::string body;
  double top = 0;
  for (const auto& [title, events] : timelines) {
    const double end = std::max(end_of(events), 1e-9);
    // Every row of a stage, and one for each of its parts below it, in the order in which they first ran.
    const Rows rows(events);
    std::vector<std::pair<size_t, std::string>> lines;  // row, part
    for (size_t r = 0; r < rows.names().size(); ++r) {
      lines.emplace_back(r, "");
      for (size_t i = 0; i < events.size(); ++i)
        if (!events[i].part_of.empty() && rows.of(i) == r &&
            std::find(lines.begin(), lines.end(), std::pair(r, events[i].stage)) == lines.end())
          lines.emplace_back(r, events[i].stage);
    }
    body += fmt::format("<text x=\"{}\" y=\"{:.1f}\" font-size=\"15\">{}</text>\n", left, top + 24,
                        escaped(title));
    top += 40;
    const double bottom = top + row_height * static_cast<double>(lines.size());
    const auto x_of = [&](double seconds) { return left + plot_width * seconds / end; };
    const double decade = std::pow(10, std::floor(std::log10(end)));
    const double step = end / decade > 5 ? decade : end / decade > 2 ? decade / 2 : decade / 5;
    for (int k = 0; k * step <= end * (1 + 1e-9); ++k)
      body += fmt::format(
          "<line x1=\"{0:.1f}\" y1=\"{1:.1f}\" x2=\"{0:.1f}\" y2=\"{2:.1f}\" stroke=\"#ddd\"/>\n"
          "<text x=\"{0:.1f}\" y=\"{3:.1f}\" text-anchor=\"middle\">{4:.3g} s</text>\n",
          x_of(k * step), top, bottom, bottom + 18, k * step);
    for (const auto& [r, part] : lines) {
      body += fmt::format("<text x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\"{}>{}</text>\n", left - 8, top + 15,
                          part.empty() ? " font-weight=\"bold\"" : "",
                          escaped(part.empty() ? rows.names()[r] : part));
      for (size_t i = 0; i < events.size(); ++i) {
        const TimelineEvent& e = events[i];
        if (rows.of(i) != r || (part.empty() ? !e.part_of.empty() : e.part_of.empty() || e.stage != part))
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
  const Rows rows(events);
  json list = json::array();
  for (size_t r = 0; r < rows.names().size(); ++r)
    list.push_back({{"name", "thread_name"},
                    {"ph", "M"},
                    {"pid", 1},
                    {"tid", r + 1},
                    {"args", {{"name", rows.names()[r]}}}});
  for (size_t i = 0; i < events.size(); ++i) {
    const TimelineEvent& e = events[i];
    json event = {{"name", e.stage},       {"ph", "X"},           {"pid", 1},
                  {"tid", rows.of(i) + 1}, {"ts", 1e6 * e.start}, {"dur", 1e6 * (e.stop - e.start)}};
    if (e.frame >= 0) event["args"] = {{"frame", e.frame}};
    list.push_back(std::move(event));
  }
  return json{{"displayTimeUnit", "ms"}, {"traceEvents", list}}.dump(1) + "\n";
}

}  // namespace grainfield
