// Other programs on the atoms of `grainfield bench`, in the same run: their times over ours, and whether both
// find the same.
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "tools/cli/bench_cases.hpp"

namespace grainfield {

struct PeerSettings {
  std::string python;  // interpreter of tools/peers/peers.py
  int threads = 1;
  int repeats = 5;
  double limit = 60;  // seconds of the runs of one peer in one case
};

class BenchPeers {
 public:
  explicit BenchPeers(PeerSettings settings) : settings_(std::move(settings)) {}

  // Our times of BenchPeerInput::whole on some number of threads.
  using Ours = std::function<std::vector<double>(int threads)>;

  // All peers of a case that has just run on the host, with `numbers` for a result; files go to `folder`.
  void measure(const BenchCase& c, const BenchRun& run, const BenchNumbers& numbers, const Ours& ours,
               const std::string& folder);

  // Adds "peers" and "peers_skipped".
  void report(nlohmann::ordered_json& report) const;
  bool disagree() const { return n_disagree_ > 0; }

 private:
  PeerSettings settings_;
  std::map<std::string, std::string> missing_;                              // peer: why
  std::map<std::pair<std::string, std::string>, double> seconds_per_atom_;  // peer and case
  nlohmann::ordered_json rows_ = nlohmann::ordered_json::array(), skipped_ = nlohmann::ordered_json::array();
  int n_disagree_ = 0;
};

// The part of a report, "" where no peers were asked for; the peers that two reports share.
std::string peers_table(const nlohmann::ordered_json& report);
std::string compare_peers(const nlohmann::ordered_json& a, const nlohmann::ordered_json& b);

}  // namespace grainfield
