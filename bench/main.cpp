// main() of every benchmark: Google Benchmark's options, and --device=cpu|cuda|cuda:i|auto.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <exception>
#include <string>

#include "bench/exec.hpp"
#include "host/devices.hpp"
#include "host/version.hpp"

namespace grainfield::bench {
namespace {
Exec chosen;
}  // namespace

Exec exec(int threads) {
  Exec e = chosen;
  e.threads = threads;
  return e;
}

}  // namespace grainfield::bench

int main(int argc, char** argv) {
  using namespace grainfield;
  std::string device = "cpu";
  int kept = 1;
  for (int k = 1; k < argc; ++k) {
    const std::string argument = argv[k];
    if (argument.rfind("--device=", 0) == 0)
      device = argument.substr(9);
    else
      argv[kept++] = argv[k];
  }
  argc = kept;
  try {
    bench::chosen = choose_device(device, 1);
    if (bench::chosen.on_gpu()) use_device(bench::chosen);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: error: %s\n", argv[0], error.what());
    return 2;
  }
  std::string name = "cpu";
  if (bench::chosen.on_gpu())
    for (const DeviceInfo& info : list_devices())
      if (info.index == bench::chosen.device) name = info.name;
  benchmark::AddCustomContext("device", name);
  benchmark::AddCustomContext("compiler", GRAINFIELD_BENCH_COMPILER);
  benchmark::AddCustomContext("grainfield", library_version());
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
