// The subcommands of `grainfield`; each file of this folder adds its own.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace grainfield {

// Thrown by a subcommand to leave with a code of its own, after it has said why.
struct Exit {
  int code = 0;
};

void add_analyze(CLI::App& app, const std::string& command_line);
void add_bench(CLI::App& app);
void add_build(CLI::App& app);
void add_convert(CLI::App& app);
void add_devices(CLI::App& app);
void add_info(CLI::App& app);
void add_list(CLI::App& app);
void add_potential(CLI::App& app);
void add_screen(CLI::App& app, const std::string& command_line);
void add_select(CLI::App& app);

}  // namespace grainfield
