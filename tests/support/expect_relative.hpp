// A number compared with the expected one, in relative error.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <string>

namespace grainfield::test {

inline void expect_relative(double found, double expected, double bound, const std::string& what) {
  EXPECT_LE(std::fabs(found - expected), bound * std::fabs(expected))
      << what << ": found " << found << ", expected " << expected;
}

}  // namespace grainfield::test
