// Reference material outside the repository: ../shared beside the checkout. Absent in a user's clone: tests
// skip.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "tests/support/places.hpp"

namespace grainfield::test {

// Folder of the reference material, or "" where there is none. GRAINFIELD_SHARED overrides.
inline std::string shared_folder() {
  if (const char* env = std::getenv("GRAINFIELD_SHARED")) return env;
  const std::filesystem::path folder = std::filesystem::path(source_folder()) / ".." / "shared";
  return std::filesystem::exists(folder / "reference") ? folder.string() : "";
}

// Folder of the small files that every clone has.
inline std::string data_folder() { return source_folder() + "/tests/data"; }

}  // namespace grainfield::test

// Skips the test, with the reason, where the reference material is absent; otherwise defines `shared`.
#define GF_NEEDS_SHARED(shared)                                   \
  const std::string shared = ::grainfield::test::shared_folder(); \
  if (shared.empty())                                             \
  GTEST_SKIP() << "the reference material ../shared is absent (set GRAINFIELD_SHARED to its folder)"
