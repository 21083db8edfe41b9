#include "tools/cli/config_file.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <fstream>

#include "host/error.hpp"
#include "host/suggest.hpp"

namespace grainfield {

std::vector<std::string> read_config(CLI::App& command, const std::string& path) {
  std::ifstream in(path);
  if (!in) throw ResourceError(fmt::format("{}: cannot be read; --config expects a TOML file", path));
  std::vector<CLI::ConfigItem> items;
  try {
    items = CLI::ConfigTOML().from_config(in);
  } catch (const CLI::Error& error) {
    throw UsageError(fmt::format("{}: not a TOML file: {}", path, error.what()));
  }
  std::vector<std::string> known;
  for (const CLI::Option* option : command.get_options())
    if (option->get_configurable() && !option->get_lnames().empty())
      known.push_back(option->get_lnames().front());
  std::vector<std::string> settings;
  for (const CLI::ConfigItem& item : items) {
    if (item.name == "++" || item.name == "--") continue;  // a table begins or ends
    if (item.parents.size() == 2 && item.parents[0] == "set") {
      settings.push_back(fmt::format("{}.{}={}", item.parents[1], item.name, fmt::join(item.inputs, ",")));
      continue;
    }
    const std::string key = item.fullname();
    CLI::Option* option = item.parents.empty() ? command.get_option_no_throw("--" + key) : nullptr;
    if (item.parents.empty() && key == "input") option = command.get_option_no_throw("input");
    if (!option || !option->get_configurable())
      throw UsageError(fmt::format("{}: there is no option '{}'{}; known: input, [set], {}", path, key,
                                   suggestion(key, known), listed(known)));
    if (option->count() > 0) continue;
    if (option->get_items_expected_max() == 0) {
      if (item.inputs.size() != 1 || (item.inputs[0] != "true" && item.inputs[0] != "false"))
        throw UsageError(fmt::format("{}: {} expects true or false", path, key));
      if (item.inputs[0] == "false") continue;
    }
    try {
      option->add_result(item.inputs);
      option->run_callback();
    } catch (const CLI::Error& error) {
      throw UsageError(fmt::format("{}: {}", path, error.what()));
    }
  }
  return settings;
}

}  // namespace grainfield
