// --config FILE: options of a subcommand from a TOML file.
//
//   compute = ["density", "coordination"]
//   memory = "4G"
//   [set]
//   density.beta = 3.024
//   coordination.cutoffs = [3.4, 4.5]
//
// Keys are the long names of the options; an option on the command line wins.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace grainfield {

// Gives the options of `command` that were not on the command line the values of the file, and returns the
// [set] table as "name.parameter=value". Throws UsageError for a key that is no option, ResourceError for a
// file that cannot be read.
std::vector<std::string> read_config(CLI::App& command, const std::string& path);

}  // namespace grainfield
