// Runs another program with limits on its time.
#pragma once

#include <string>
#include <vector>

namespace grainfield {

struct ProgramLimits {
  double start = 60;  // seconds until it has written something
  double run = 60;    // seconds from then on
};

// Waits for the end of the program argv[0] (found by PATH), its output in files. Kills it, with what it
// started and stayed in its group, when a limit is over; it also ends when this process does. Returns ""
// where it ended with code 0, otherwise in one line why not.
std::string run_program(const std::vector<std::string>& argv, const std::string& stdout_path,
                        const std::string& stderr_path, const ProgramLimits& limits);

}  // namespace grainfield
