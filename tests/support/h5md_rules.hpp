// Runs tests/io/check_h5md.py: H5MD's rules, checked by another program with another library on top.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <string>

#include "tests/support/places.hpp"

namespace grainfield::test {

struct RuleCheck {
  int status = 0;  // 0: passed, 77: h5py is absent
  std::string output;
};

// `expected`: "particles/all/density/value=2,5:3.25" and so on.
inline RuleCheck check_h5md_rules(const std::string& path, const std::string& expected) {
  // Debian's python3-h5py belongs to /usr/bin/python3.
  const std::string command = "/usr/bin/python3 '" + source_folder() + "/tests/io/check_h5md.py' '" + path +
                              "' " + expected + " 2>&1";
  RuleCheck check;
  FILE* pipe = popen(command.c_str(), "r");
  if (!pipe) return {77, "cannot start python3"};
  char buffer[4096];
  for (size_t n; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) check.output.append(buffer, n);
  const int status = pclose(pipe);
  check.status = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
  if (check.status == 127) check.status = 77;  // no python3
  return check;
}

}  // namespace grainfield::test

#define GF_EXPECT_H5MD(path, expected)                                       \
  do {                                                                       \
    const auto check = ::grainfield::test::check_h5md_rules(path, expected); \
    if (check.status == 77) GTEST_SKIP() << check.output;                    \
    EXPECT_EQ(check.status, 0) << check.output;                              \
  } while (false)
