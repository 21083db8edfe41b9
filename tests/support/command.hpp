// Runs the `grainfield` command of this build.
#pragma once

#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/support/places.hpp"
#include "tests/support/temp_folder.hpp"

namespace grainfield::test {

struct CommandResult {
  int code = -1;
  std::string out, err;
};

inline CommandResult grainfield(const std::string& arguments) {
  const TempFolder folder;
  const std::string out = folder.file("out"), err = folder.file("err");
  const int status =
      std::system(("'" + command_path() + "' " + arguments + " >'" + out + "' 2>'" + err + "'").c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_file(out), read_file(err)};
}

}  // namespace grainfield::test
