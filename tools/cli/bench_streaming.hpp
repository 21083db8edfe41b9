// What `grainfield bench` measures of whole runs: frames that stream from file to file, and frames that are
// cut.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "kernels/core/exec.hpp"

namespace grainfield {

struct StreamingInput {
  Exec exec;
  std::string device;  // "cpu", "cuda:0"
  std::string folder;  // for files
  int64_t atoms = 0;   // of a frame
  int repeats = 1;
  uint64_t seed = 0;
};

struct StreamingCase {
  std::string name;
  std::string doc;
};

// "stream_read", ...: twelve frames from a file to a results file, with a timeline, against its stages alone.
const std::vector<StreamingCase>& streaming_cases();
nlohmann::ordered_json measure_streaming(const std::string& name, const StreamingInput& input);

// "cut_density", ...: an analysis with a quarter of the memory that it plans, against the same uncut.
const std::vector<StreamingCase>& cut_cases();
nlohmann::ordered_json measure_cut(const std::string& name, const StreamingInput& input);

// Tables of reports, "" without such results; timelines one below the other as a picture.
std::string streaming_table(const nlohmann::ordered_json& report);
std::string cut_table(const nlohmann::ordered_json& report);
std::string streaming_svg(const nlohmann::ordered_json& report);

}  // namespace grainfield
