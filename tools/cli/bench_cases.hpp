// The kernels and stages that `grainfield bench` measures: a registry.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "host/frame.hpp"
#include "host/kernel_costs.hpp"
#include "kernels/core/exec.hpp"
#include "tools/cli/bench_checksum.hpp"

namespace grainfield {

// Numbers of a result by their names: sums, and with "by_place" placed_sum().
using BenchNumbers = std::vector<std::pair<std::string, double>>;

// What other programs are given to do the same as a case (bench_peers.hpp).
struct BenchPeerInput {
  const Frame* frame = nullptr;                 // as long as the run
  std::function<void()> whole;                  // from positions to results; of potentials: given the list
  std::map<std::string, double> parameters;     // lengths in A
  std::function<std::string()> potential = {};  // text of a file; may be empty
};

// A case made ready: memory taken, inputs in place.
struct BenchRun {
  std::function<void()> before;  // each run, and not timed; may be empty
  std::function<void()> run;
  std::function<std::string()> checksum;  // of the last run
  double neighbors = 0;                   // per atom; 0: there is no list
  KernelCost cost;                        // of one run
  std::function<BenchNumbers()> numbers;  // of the last run, after checksum(); may be empty
  BenchPeerInput peer;                    // without a frame: it has no peer
};

struct BenchInput {
  const Frame& frame;
  Exec exec;
  std::string folder;  // for files
};

struct BenchCase {
  std::string name;
  std::string doc;
  bool on_gpu = true;         // false: a stage of the host
  double bytes_per_atom = 0;  // memory, about
  std::function<BenchRun(const BenchInput&)> prepare;
  bool quick = true;  // false: making the input takes seconds
};

// In the order of a run: reading, neighbors, quantities, potentials, writing.
const std::vector<BenchCase>& bench_cases();

}  // namespace grainfield
