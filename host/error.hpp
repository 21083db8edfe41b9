// Typed exceptions; the command line maps them to exit codes (DESIGN rule 10).
#pragma once

#include <stdexcept>
#include <string>

namespace grainfield {

// A wrong argument or parameter: exit code 2.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};
// Input that cannot be used; the message names file, line or frame, expected, found: exit code 3.
struct InputError : std::runtime_error {
  using std::runtime_error::runtime_error;
};
// Memory, disk, permission, device: exit code 4.
struct ResourceError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// exit_verdict: the command did its work, and its finding is what the user asked to be told of (screen
// --fail-above).
enum ExitCode {
  exit_ok = 0,
  exit_bug = 1,
  exit_usage = 2,
  exit_input = 3,
  exit_resource = 4,
  exit_verdict = 5
};

}  // namespace grainfield
