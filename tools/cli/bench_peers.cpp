#include "tools/cli/bench_peers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "host/error.hpp"
#include "io/writer.hpp"
#include "peers_script.hpp"
#include "tools/cli/bench_report.hpp"
#include "tools/cli/run_program.hpp"

namespace grainfield {
namespace {

using json = nlohmann::ordered_json;
namespace fs = std::filesystem;

// A peer in a case: what it does there and how far each number of its result may be from ours, relative.
struct Peer {
  const char* case_name;
  const char* name;
  const char* timed;
  std::vector<std::pair<const char*, double>> tolerances;
};

// freud and its Voro++ round positions to single precision, 6e-8 of the box: pairs at the edge of a cutoff or
// a bin fall to either side. The others work in double precision; OVITO and we decide alike which bonds are
// within a cutoff but for ties.
const std::vector<Peer>& peers() {
  constexpr double single = 1e-5, binned = 1e-4, exact = 1e-12, rounded = 1e-10, same = 1e-7;
  static const std::vector<Peer> all = {
      {"neighbor_list", "freud", "positions to list", {{"pairs", single}, {"neighbors_by_place", single}}},
      {"coordination", "freud", "positions to counts", {{"pairs", single}, {"neighbors_by_place", single}}},
      {"coordination", "OVITO", "positions to counts", {{"pairs", same}, {"neighbors_by_place", same}}},
      {"rdf", "freud", "positions to counts", {{"pairs", single}, {"bins_by_place", binned}}},
      {"voronoi",
       "Voro++",
       "positions to cells",
       {{"volume", exact}, {"area", rounded}, {"faces", same}, {"volumes_by_place", rounded}}},
      {"voronoi",
       "freud",
       "positions to cells",
       {{"volume", single}, {"area", single}, {"faces", single}, {"volumes_by_place", single}}},
      {"structure",
       "OVITO",
       "positions to types",
       {{"other", same},
        {"fcc", same},
        {"hcp", same},
        {"bcc", same},
        {"ico", same},
        {"types_by_place", same}}},
      {"eam", "LAMMPS", "list to forces", {{"energy", rounded}, {"forces_by_place", rounded}}},
  };
  return all;
}

// Beside this command.
std::string voropp_program() {
  std::error_code none;
  return (fs::read_symlink("/proc/self/exe", none).parent_path() / "grainfield-peer-voropp").string();
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file) throw ResourceError(fmt::format("{}: cannot be written", path));
}

// The answer of a peer: its last line. An exception says what is wrong with it.
json read_answer(const std::string& path) {
  std::ifstream file(path);
  std::string last;
  for (std::string line; std::getline(file, line);)
    if (!line.empty()) last = line;
  json answer = json::parse(last);
  if (answer.contains("missing")) {
    answer.at("missing").get_ref<const std::string&>();
    return answer;
  }
  answer.at("version").get_ref<const std::string&>();
  if (answer.at("threads").get<int>() < 1) throw std::invalid_argument("less than one thread");
  if (answer.at("seconds").empty()) throw std::invalid_argument("no times");
  for (const json& t : answer.at("seconds"))
    if (!(t.get<double>() > 0)) throw std::invalid_argument("a time that is not > 0");
  for (const json& v : answer.at("numbers"))
    if (!v.is_number()) throw std::invalid_argument("a result that is no number");
  return answer;
}

// What was compared, number by number.
json agreement_of(const Peer& peer, const BenchNumbers& ours, const json& theirs) {
  json agreement = json::array();
  for (const auto& [name, tolerance] : peer.tolerances) {
    const auto mine =
        std::find_if(ours.begin(), ours.end(), [what = name](const auto& n) { return n.first == what; });
    if (mine == ours.end()) throw std::logic_error(fmt::format("bench: {} has no {}", peer.case_name, name));
    const double a = mine->second, b = theirs.at(name);
    const double largest = std::max(std::fabs(a), std::fabs(b));
    const double difference = largest > 0 ? std::fabs(a - b) / largest : 0;
    agreement.push_back({{"what", name},
                         {"ours", a},
                         {"theirs", b},
                         {"relative_difference", difference},
                         {"tolerance", tolerance},
                         {"agrees", difference <= tolerance}});
  }
  return agreement;
}

}  // namespace

void BenchPeers::measure(const BenchCase& c, const BenchRun& run, const BenchNumbers& numbers,
                         const Ours& ours, const std::string& folder) {
  if (!run.peer.frame) return;
  const Frame& frame = *run.peer.frame;
  const auto n = static_cast<double>(frame.n_atoms());
  const auto in = [&folder](const char* name) { return folder + "/" + name; };
  std::map<int, json> our_seconds;  // by threads
  for (const Peer& peer : peers()) {
    if (c.name != peer.case_name) continue;
    const auto skip = [&](const std::string& why) {
      skipped_.push_back({{"peer", peer.name}, {"case", c.name}, {"atoms", frame.n_atoms()}, {"why", why}});
    };
    if (missing_.contains(peer.name)) continue;
    const auto miss = [&](const std::string& why) {
      missing_[peer.name] = why;
      skipped_.push_back({{"peer", peer.name}, {"why", why}});
    };
    const auto known = seconds_per_atom_.find({peer.name, c.name});
    if (known != seconds_per_atom_.end() && known->second * n > settings_.limit) {
      skip(fmt::format("one run would take about {:.1f} s (--limit {:g})", known->second * n,
                       settings_.limit));
      continue;
    }
    std::vector<std::string> argv;
    if (peer.name == std::string("Voro++")) {
      argv = {voropp_program()};
      if (!fs::exists(argv[0])) {
        miss("not found when this command was built");
        continue;
      }
    } else {
      write_file(in("peers.py"), peers_script);
      argv = {settings_.python, in("peers.py")};
    }
    const auto writer = open_writer(in("peer.data"));
    writer->write(frame);
    writer->close();
    json request = {{"peer", peer.name},
                    {"case", c.name},
                    {"frame", in("peer.data")},
                    {"threads", settings_.threads},
                    {"repeats", settings_.repeats},
                    {"limit_s", settings_.limit},
                    {"parameters", run.peer.parameters}};
    if (run.peer.potential) {
      write_file(in("peer.eam.fs"), run.peer.potential());
      request["potential"] = in("peer.eam.fs");
    }
    write_file(in("peer.json"), request.dump());
    argv.push_back(in("peer.json"));
    // Its runs end by its own count after the limit and one run more; loading takes some 20 us an atom.
    const ProgramLimits limits{60 + 20e-6 * n, 2 * settings_.limit + 1};
    const std::string why = run_program(argv, in("peer.out"), in("peer.err"), limits);
    if (why.find("cannot be started") != std::string::npos) {
      miss(why);
      continue;
    }
    if (!why.empty()) {
      skip(why);
      continue;
    }
    json answer, agreement;
    try {
      answer = read_answer(in("peer.out"));
      if (!answer.contains("missing")) agreement = agreement_of(peer, numbers, answer.at("numbers"));
    } catch (const json::exception& error) {
      skip(fmt::format("its answer makes no sense: {}", error.what()));
      continue;
    } catch (const std::invalid_argument& error) {
      skip(fmt::format("its answer makes no sense: {}", error.what()));
      continue;
    }
    if (answer.contains("missing")) {
      miss(answer.at("missing"));
      continue;
    }
    const int threads = answer.at("threads");
    if (!our_seconds.contains(threads)) our_seconds[threads] = seconds_json(ours(threads));
    const json seconds = seconds_json(answer.at("seconds").get<std::vector<double>>());
    const double median = seconds.at("median"), our_median = our_seconds[threads].at("median");
    seconds_per_atom_[{peer.name, c.name}] = median / n;
    const bool agrees = std::all_of(agreement.begin(), agreement.end(),
                                    [](const json& a) { return a.at("agrees").get<bool>(); });
    n_disagree_ += agrees ? 0 : 1;
    rows_.push_back({{"case", c.name},
                     {"peer", peer.name},
                     {"version", answer.at("version")},
                     {"atoms", frame.n_atoms()},
                     {"threads", threads},
                     {"timed", peer.timed},
                     {"repeats", answer.at("seconds").size()},
                     {"seconds", seconds},
                     {"our_seconds", our_seconds[threads]},
                     {"atoms_per_s", n / median},
                     {"ratio", median / std::max(our_median, 1e-9)},
                     {"agreement", agreement},
                     {"agrees", agrees}});
  }
}

void BenchPeers::report(json& report) const {
  report["peers"] = rows_;
  report["peers_skipped"] = skipped_;
}

}  // namespace grainfield
