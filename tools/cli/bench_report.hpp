// What `grainfield bench` says of a run, as JSON and for people.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace grainfield {

inline constexpr const char* bench_schema = "grainfield-bench-1";

// Words of the tables.
std::string time_text(double seconds);
std::string count_text(double n);  // 16384 as "16.4k"
// Where columns are `width` apart, the text to the right of its column.
std::string row(const std::vector<std::string>& cells, const std::vector<int>& widths);

double median_of(std::vector<double> values);
// Median, spread, extremes of times.
nlohmann::ordered_json seconds_json(const std::vector<double>& times);
double relative_spread(const nlohmann::ordered_json& result);

// The results of a report as a table, with the ceilings.
std::string bench_table(const nlohmann::ordered_json& report);

// The roofline: operations per second over operations per byte, the ceilings, every case at its largest size;
// beside it the fraction of the floor. SVG.
std::string bench_svg(const nlohmann::ordered_json& report);

struct BenchComparison {
  std::string text;
  int n_compared = 0;
  int n_different = 0;  // checksums that differ
};
// Times of b over those of a, case by case.
BenchComparison compare_bench(const nlohmann::ordered_json& a, const nlohmann::ordered_json& b);

// Reads a report; InputError where the file is none.
nlohmann::ordered_json read_bench_report(const std::string& path);

}  // namespace grainfield
