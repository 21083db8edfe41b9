// grainfield devices: what this machine and this build can compute on.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "host/devices.hpp"
#include "host/memory.hpp"
#include "tools/cli/commands.hpp"

namespace grainfield {
namespace {

constexpr double gib = 1024.0 * 1024 * 1024;

void print_text() {
  fmt::print("cpu     {} threads, {:.1f} GiB of memory available\n", available_threads(),
             static_cast<double>(available_host_bytes()) / gib);
  for (const DeviceInfo& d : list_devices())
    fmt::print("cuda:{}  {}, compute capability {}.{}, {:.1f} of {:.1f} GiB free{}\n", d.index, d.name,
               d.compute_major, d.compute_minor, static_cast<double>(d.free_memory) / gib,
               static_cast<double>(d.memory) / gib, d.unusable.empty() ? "" : "; not usable: " + d.unusable);
  if (const std::string why = why_no_gpu(); !why.empty()) fmt::print("--device auto uses the CPU: {}\n", why);
}

void print_json() {
  nlohmann::ordered_json cuda = nlohmann::ordered_json::array();
  for (const DeviceInfo& d : list_devices())
    cuda.push_back({{"index", d.index},
                    {"name", d.name},
                    {"compute_capability", fmt::format("{}.{}", d.compute_major, d.compute_minor)},
                    {"memory_bytes", d.memory},
                    {"free_bytes", d.free_memory},
                    {"usable", d.unusable.empty()},
                    {"why_not", d.unusable}});
  const nlohmann::ordered_json out = {
      {"cpu", {{"threads", available_threads()}, {"available_bytes", available_host_bytes()}}},
      {"cuda", cuda},
      {"why_no_gpu", why_no_gpu()}};
  fmt::print("{}\n", out.dump(2));
}

}  // namespace

void add_devices(CLI::App& app) {
  CLI::App* command = app.add_subcommand("devices", "List the processors that --device can name");
  command->footer("Example:\n  grainfield devices --json");
  auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "Print JSON");
  command->callback([json] { *json ? print_json() : print_text(); });
}

}  // namespace grainfield
