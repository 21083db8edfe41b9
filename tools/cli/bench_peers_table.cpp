// What reports of `grainfield bench` say of peers, as text.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "tools/cli/bench_peers.hpp"
#include "tools/cli/bench_report.hpp"

namespace grainfield {
namespace {

using json = nlohmann::ordered_json;

double ratio_of(const json& peer) { return peer.at("ratio").get<double>(); }

}  // namespace

std::string peers_table(const json& report) {
  if (!report.contains("peers")) return "";
  std::string text;
  const std::vector<int> widths{15, 8, 22, 8, 9, 21, 10, 10, 9, 8, 12};
  if (!report.at("peers").empty())
    text = "\npeers on the cpu, in the same run; ratio: time of the peer over ours\n" +
           row({"case", "peer", "version", "atoms", "threads", "timed", "ours", "peer", "spread", "ratio",
                "difference"},
               widths);
  for (const json& p : report.at("peers")) {
    double largest = 0;
    std::string differences;
    for (const json& a : p.at("agreement")) {
      largest = std::max(largest, a.at("relative_difference").get<double>());
      if (!a.at("agrees").get<bool>())
        differences += fmt::format("{} {}: ours {:.12g}, theirs {:.12g}", differences.empty() ? "" : ",",
                                   a.at("what").get<std::string>(), a.at("ours").get<double>(),
                                   a.at("theirs").get<double>());
    }
    text += row({p.at("case"), p.at("peer"), p.at("version"), count_text(p.at("atoms")),
                 fmt::format("{}", p.at("threads").get<int>()), p.at("timed"),
                 time_text(p.at("our_seconds").at("median")), time_text(p.at("seconds").at("median")),
                 fmt::format("{:.1f} %", 100 * relative_spread(p)), fmt::format("{:.2f}", ratio_of(p)),
                 fmt::format("{:.1e}", largest)},
                widths);
    if (!differences.empty()) text.insert(text.size() - 1, "  DISAGREES:" + differences);
  }
  for (const json& s : report.at("peers_skipped")) {
    text += fmt::format("peer skipped: {}", s.at("peer").get<std::string>());
    if (s.contains("case"))
      text += fmt::format(" in {}, {} atoms", s.at("case").get<std::string>(), s.at("atoms").get<int64_t>());
    text += fmt::format(": {}\n", s.at("why").get<std::string>());
  }
  return text;
}

std::string compare_peers(const json& a, const json& b) {
  if (!a.contains("peers") || !b.contains("peers")) return "";
  using Key = std::tuple<std::string, std::string, int64_t, int>;
  const auto key_of = [](const json& p) {
    return Key(p.at("case"), p.at("peer"), p.at("atoms").get<int64_t>(), p.at("threads").get<int>());
  };
  std::map<Key, const json*> in_b;
  for (const json& p : b.at("peers")) in_b[key_of(p)] = &p;
  std::string text;
  const std::vector<int> widths{17, 9, 8, 9, 11, 11};
  for (const json& p : a.at("peers")) {
    const auto found = in_b.find(key_of(p));
    if (found == in_b.end()) continue;
    text += row(
        {p.at("case"), p.at("peer"), count_text(p.at("atoms")), fmt::format("{}", p.at("threads").get<int>()),
         fmt::format("{:.2f}", ratio_of(p)), fmt::format("{:.2f}", ratio_of(*found->second))},
        widths);
    if (p.at("version") != found->second->at("version"))
      text.insert(text.size() - 1, fmt::format("  {}, {}", p.at("version").get<std::string>(),
                                               found->second->at("version").get<std::string>()));
  }
  if (text.empty()) return "";
  return "peers: their time over ours, in a and in b\n" +
         row({"case", "peer", "atoms", "threads", "in a", "in b"}, widths) + text;
}

}  // namespace grainfield
