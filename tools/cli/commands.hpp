// The subcommands of `grainfield`; each file of this folder adds its own.
#pragma once

namespace CLI {
class App;
}

namespace grainfield {

void add_build(CLI::App& app);
void add_convert(CLI::App& app);
void add_devices(CLI::App& app);
void add_info(CLI::App& app);

}  // namespace grainfield
