// Where the tests find the sources and the build: as configured, or where a bundle has been unpacked
// (bench/gpu_check.sh sets the variables).
#pragma once

#include <cstdlib>
#include <string>

namespace grainfield::test {

// The folder that holds tests/data, docs and so on. GRAINFIELD_TEST_SOURCE overrides.
inline std::string source_folder() {
  const char* env = std::getenv("GRAINFIELD_TEST_SOURCE");
  return env ? env : GF_SOURCE_DIR;
}

// The `grainfield` command of this build. GRAINFIELD_TEST_BUILD names another folder.
inline std::string command_path() {
  const char* env = std::getenv("GRAINFIELD_TEST_BUILD");
  return std::string(env ? env : GF_BINARY_DIR) + "/grainfield";
}

}  // namespace grainfield::test
