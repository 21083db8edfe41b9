#include "host/run_summary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace grainfield {
namespace {

RunSummary::Row& row_of(std::vector<RunSummary::Row>& rows, const std::string& name,
                        const std::string& unit) {
  for (RunSummary::Row& row : rows)
    if (row.name == name) return row;
  return rows.emplace_back(RunSummary::Row{name, unit, {}});
}

std::string number(double value) { return fmt::format("{:.6g}", value == 0 ? 0.0 : value); }

}  // namespace

void RunSummary::add(const FrameResults& results, int threads) {
  for (const Field& field : results.fields) {
    const std::vector<Statistics> columns = field.is_integer
                                                ? column_statistics(field.integer, field.components, threads)
                                                : column_statistics(field.real, field.components, threads);
    for (int c = 0; c < field.components; ++c) {
      const auto k = static_cast<size_t>(c);
      std::string name = field.name;
      if (field.components > 1)
        name += "." + (k < field.component_names.size() ? field.component_names[k] : fmt::to_string(c));
      row_of(fields_, name, field.unit).values.merge(columns[k]);
    }
  }
  for (const Observable& o : results.observables)
    if (o.shape.empty())
      row_of(observables_, o.name, o.unit)
          .values.add(o.is_integer ? static_cast<double>(o.integer.at(0)) : o.real.at(0));
  for (const std::string& note : results.notes) {
    const auto at =
        std::find_if(notes_.begin(), notes_.end(), [&](const auto& known) { return known.first == note; });
    if (at == notes_.end())
      notes_.emplace_back(note, 1);
    else
      ++at->second;
  }
}

std::string RunSummary::table() const {
  size_t name_width = 8, unit_width = 4;
  for (const auto* rows : {&fields_, &observables_})
    for (const Row& row : *rows) {
      name_width = std::max(name_width, row.name.size());
      unit_width = std::max(unit_width, row.unit.size());
    }
  const auto line = [&](const std::string& name, const std::string& unit, const std::string& mean,
                        const std::string& min, const std::string& max, const std::string& std,
                        const std::string& nan) {
    std::string text = fmt::format("{:<{}}  {:<{}}  {:>13}{:>13}{:>13}{:>13}{:>9}", name, name_width, unit,
                                   unit_width, mean, min, max, std, nan);
    text.erase(text.find_last_not_of(' ') + 1);
    return text + "\n";
  };
  const auto rows_of = [&](const std::vector<Row>& rows) {
    std::string text;
    for (const Row& row : rows) {
      const Statistics& v = row.values;
      const std::string nan = v.n_nan ? fmt::to_string(v.n_nan) : "";
      text += v.count == 0 ? line(row.name, row.unit, "-", "-", "-", "-", nan)
                           : line(row.name, row.unit, number(v.mean), number(v.min), number(v.max),
                                  number(v.std()), nan);
    }
    return text;
  };
  std::string text;
  if (!fields_.empty())
    text += line("per atom", "unit", "mean", "min", "max", "std", "NaN") + rows_of(fields_);
  if (!observables_.empty()) {
    bool one_frame = true;
    for (const Row& row : observables_) one_frame = one_frame && row.values.count + row.values.n_nan <= 1;
    if (!text.empty()) text += "\n";
    if (one_frame) {
      text += line("of the frame", "unit", "value", "", "", "", "");
      for (const Row& row : observables_)
        text += line(row.name, row.unit, row.values.count ? number(row.values.mean) : "NaN", "", "", "", "");
    } else {
      text += line("per frame", "unit", "mean", "min", "max", "std", "NaN") + rows_of(observables_);
    }
  }
  return text;
}

std::string bytes_text(double bytes) {
  const char* units[] = {"B", "kB", "MB", "GB", "TB"};
  int k = 0;
  for (; k < 4 && bytes >= 999.5; ++k) bytes /= 1000;
  return k == 0 ? fmt::format("{:.0f} B", bytes) : fmt::format("{:.3g} {}", bytes, units[k]);
}

std::string seconds_text(double seconds) {
  if (seconds < 99.95) return fmt::format("{:.3g} s", seconds < 0.0005 ? 0.0 : seconds);
  const auto s = static_cast<int64_t>(std::llround(seconds));
  if (s < 3600) return fmt::format("{} min {:02d} s", s / 60, s % 60);
  return fmt::format("{} h {:02d} min", s / 3600, s % 3600 / 60);
}

}  // namespace grainfield
