// What a format of files cannot hold of a frame (io/FORMAT.md).
#pragma once

#include <string>
#include <vector>

#include "host/frame.hpp"

namespace grainfield {

// In words, for messages: "column c_pe", "ids", "free directions"; empty where nothing is lost. `format` is a
// name that open_writer knows.
std::vector<std::string> not_held(const Frame& frame, const std::string& format);

}  // namespace grainfield
