// grainfield bench: every kernel and stage, against what the machine can do.
#include <fmt/format.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <regex>
#include <string>
#include <vector>

#include "build_settings.hpp"
#include "commit.hpp"
#include "host/bench_inputs.hpp"
#include "host/ceilings.hpp"
#include "host/devices.hpp"
#include "host/error.hpp"
#include "host/memory.hpp"
#include "host/version.hpp"
#include "tools/cli/bench_cases.hpp"
#include "tools/cli/bench_peers.hpp"
#include "tools/cli/bench_report.hpp"
#include "tools/cli/bench_streaming.hpp"
#include "tools/cli/commands.hpp"
#include "tools/cli/text_files.hpp"

namespace grainfield {
namespace {

using json = nlohmann::ordered_json;
namespace fs = std::filesystem;

struct BenchOptions {
  std::vector<std::string> sizes, compare;
  std::string device = "all", filter, output, svg, timeline_svg, simd = "avx512", python, show;
  int threads = 0, repeats = -1;  // -1: the default
  uint64_t seed = 12345;
  double limit = -1;
  bool quick = false, list = false, peers = false;
};

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// "16k", "1M", "2000": k and M are powers of 1000.
int64_t parse_size(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string unit(end, text.data() + text.size());
  const double scale = unit.empty() ? 1 : unit == "k" || unit == "K" ? 1e3 : unit == "M" ? 1e6 : 0;
  if (error != std::errc() || scale == 0 || !(value * scale >= 16) || value * scale > 2e9)
    throw UsageError(
        fmt::format("--sizes {}: expected numbers of atoms from 16 to 2000M, such as 16k,128k,1M", text));
  return std::llround(value * scale);
}

Simd parse_simd(const std::string& text) {
  if (text == "portable") return Simd::portable;
  if (text == "avx2") return Simd::avx2;
  if (text == "avx512") return Simd::avx512;
  throw UsageError(fmt::format("--simd {}: expected portable, avx2 or avx512", text));
}

struct Device {
  std::string name;  // "cpu", "cuda:0"
  std::string model;
  Exec exec;
};

// First value of a line "key : value" of /proc/cpuinfo.
std::string cpu_info(const std::string& key) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(key)) {
      const size_t colon = line.find(": ");
      if (colon != std::string::npos) return line.substr(colon + 2);
    }
  return "";
}

std::vector<Device> processors(const BenchOptions& o) {
  std::vector<Device> found;
  Exec host = choose_device("cpu", o.threads);
  host.simd = parse_simd(o.simd);
  const std::string cpu = cpu_info("model name");
  const auto add_gpu = [&](const std::string& spec) {
    const Exec exec = choose_device(spec, o.threads);
    for (const DeviceInfo& d : list_devices())
      if (d.index == exec.device) found.push_back({fmt::format("cuda:{}", d.index), d.name, exec});
  };
  if (o.device == "all" || o.device == "cpu") found.push_back({"cpu", cpu.empty() ? "unknown" : cpu, host});
  if (o.device == "all") {
    for (const DeviceInfo& d : list_devices())
      if (d.unusable.empty()) add_gpu(fmt::format("cuda:{}", d.index));
  } else if (o.device != "cpu") {
    if (!o.device.starts_with("cuda"))
      throw UsageError(fmt::format("--device {}: expected all, cpu, cuda or cuda:<number>", o.device));
    add_gpu(o.device);
  }
  return found;
}

// A folder for the files that cases read and write, gone at the end.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = (fs::temp_directory_path() / "grainfield-bench-XXXXXX").string();
    if (!mkdtemp(name.data())) throw ResourceError(fmt::format("{}: cannot make a folder there", name));
    path_ = name;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

json machine_json() {
  json clocks = {{"cpu_mhz_now", std::atof(cpu_info("cpu MHz").c_str())}};
  std::ifstream highest("/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq");
  if (double khz = 0; highest >> khz) clocks["cpu_mhz_highest"] = khz / 1000;
  double load = 0;
  std::ifstream("/proc/loadavg") >> load;
  json gpus = json::array();
  for (const DeviceInfo& d : list_devices())
    gpus.push_back({{"index", d.index},
                    {"name", d.name},
                    {"compute_capability", fmt::format("{}.{}", d.compute_major, d.compute_minor)},
                    {"memory_bytes", d.memory},
                    {"clock_mhz_highest", d.clock_mhz},
                    {"memory_clock_mhz_highest", d.memory_clock_mhz}});
  return {{"cpu", cpu_info("model name")},
          {"threads", available_threads()},
          {"clocks", clocks},
          {"available_bytes", available_host_bytes()},
          {"load_average", load},
          {"driver", driver_version()},
          {"gpus", gpus}};
}

std::string date_text() {
  const std::time_t t = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&t, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

class Bench {
 public:
  explicit Bench(const BenchOptions& o) : o_(o), begun_(now()) {
    for (const std::string& list : o.sizes)
      for (size_t from = 0; from <= list.size();) {
        const size_t comma = std::min(list.find(',', from), list.size());
        sizes_.push_back(parse_size(list.substr(from, comma - from)));
        from = comma + 1;
      }
    if (sizes_.empty())
      sizes_ = o.quick ? std::vector<int64_t>{2000, 16000}
                       : std::vector<int64_t>{16'000, 128'000, 1'000'000, 8'000'000};
    std::sort(sizes_.begin(), sizes_.end());
    sizes_.erase(std::unique(sizes_.begin(), sizes_.end()), sizes_.end());
    repeats_ = o.repeats > 0 ? o.repeats : o.quick ? 3 : 5;
    limit_ = o.limit > 0 ? o.limit : o.quick ? 1 : 60;
    try {
      const std::regex pattern(o.filter);
      for (const BenchCase& c : bench_cases())
        if (std::regex_search(c.name, pattern)) cases_.push_back(&c);
      for (const StreamingCase& c : streaming_cases())
        if (std::regex_search(c.name, pattern)) streams_.push_back(c.name);
      for (const StreamingCase& c : cut_cases())
        if (std::regex_search(c.name, pattern)) cuts_.push_back(c.name);
    } catch (const std::regex_error& error) {
      throw UsageError(fmt::format("--filter '{}' is no regular expression: {}", o.filter, error.what()));
    }
    if (cases_.empty() && streams_.empty() && cuts_.empty())
      throw UsageError(fmt::format("--filter '{}' selects no case; bench --list names them", o.filter));
    if (o.peers)
      peers_.emplace(PeerSettings{o.python, choose_device("cpu", o.threads).threads, repeats_, limit_});
  }

  json go() {
    json devices = json::array();
    const json machine = machine_json();
    for (const Device& p : processors(o_)) {
      use_device(p.exec);
      const Ceilings c = ceilings(p.exec);
      devices.push_back({{"device", p.name},
                         {"name", p.model},
                         {"threads", p.exec.threads},
                         {"ceilings", {{"bytes_per_s", c.bytes_per_s}, {"flops_per_s", c.flops_per_s}}}});
      if (!cases_.empty()) measure_all(p, c);
      measure_runs(p);
    }
    json report = {{"schema", bench_schema},
                   {"date", date_text()},
                   {"build",
                    {{"version", library_version()},
                     {"commit", GRAINFIELD_COMMIT},
                     {"compiler", GRAINFIELD_COMPILER},
                     {"flags", GRAINFIELD_FLAGS}}},
                   {"machine", machine},
                   {"options",
                    {{"sizes", sizes_},
                     {"seed", o_.seed},
                     {"repeats", repeats_},
                     {"warmups", 1},
                     {"limit_s", limit_},
                     {"filter", o_.filter},
                     {"simd", o_.simd}}},
                   {"devices", devices},
                   {"results", results_},
                   {"skipped", skipped_}};
    if (!streaming_.empty()) report["streaming"] = streaming_;
    if (!cut_.empty()) report["cut"] = cut_;
    if (peers_) peers_->report(report);
    return report;
  }

  bool peers_disagree() const { return peers_ && peers_->disagree(); }

 private:
  void skip(const Device& p, const BenchCase& c, int64_t n, const std::string& why) {
    skipped_.push_back({{"case", c.name}, {"device", p.name}, {"atoms", n}, {"why", why}});
  }

  void measure_all(const Device& p, const Ceilings& ceilings) {
    const ScratchFolder folder;
    std::map<const BenchCase*, double> seconds_per_atom;
    for (const int64_t size : sizes_) {
      if (static_cast<double>(size) * 28 > 0.8 * static_cast<double>(available_host_bytes())) {
        for (const BenchCase* c : cases_) skip(p, *c, size, "the frame does not fit in memory");
        continue;
      }
      const Frame frame = rattled_bcc_iron(size, o_.seed);
      const auto n = static_cast<double>(frame.n_atoms());
      for (const BenchCase* c : cases_) {
        if (p.exec.on_gpu() && !c->on_gpu) continue;
        const double needed = n * c->bytes_per_atom, there = static_cast<double>(available_bytes(p.exec));
        const auto known = seconds_per_atom.find(c);
        if (o_.quick && !c->quick) {
          skip(p, *c, frame.n_atoms(), "--quick: its tables take seconds to make");
        } else if (needed > 0.9 * there) {
          skip(p, *c, frame.n_atoms(),
               fmt::format("needs about {:.1f} GB, {:.1f} GB are available", needed * 1e-9, there * 1e-9));
        } else if (known != seconds_per_atom.end() && known->second * n > limit_) {
          skip(p, *c, frame.n_atoms(),
               fmt::format("one run would take about {:.1f} s (--limit {:g})", known->second * n, limit_));
        } else if (o_.quick && now() - begun_ > 50) {
          skip(p, *c, frame.n_atoms(), "--quick: the minute is over");
        } else {
          if (isatty(STDERR_FILENO) != 0)
            fmt::print(stderr, "\r\033[K{} {}, {} atoms", p.name, c->name, frame.n_atoms());
          try {
            seconds_per_atom[c] = measure(p, *c, frame, ceilings, folder.path()) / n;
          } catch (const ResourceError& error) {
            skip(p, *c, frame.n_atoms(), error.what());
          }
        }
      }
    }
    if (isatty(STDERR_FILENO) != 0) fmt::print(stderr, "\r\033[K");
  }

  // Whole runs, of one size each: the largest asked for that is not too long for many frames, and for one.
  void measure_runs(const Device& p) {
    if (streams_.empty() && cuts_.empty()) return;
    if (o_.quick && o_.filter.empty()) {
      for (const auto* names : {&streams_, &cuts_})
        for (const std::string& name : *names)
          skipped_.push_back({{"case", name},
                              {"device", p.name},
                              {"atoms", sizes_.back()},
                              {"why", "--quick: many frames take minutes; --filter names them"}});
      return;
    }
    const ScratchFolder folder;
    const auto largest = [&](int64_t most) {
      int64_t size = sizes_.front();
      for (const int64_t s : sizes_)
        if (s <= most) size = s;
      return size;
    };
    StreamingInput input{p.exec, p.name, folder.path(), largest(200'000), std::min(repeats_, 3), o_.seed};
    for (const std::string& name : streams_) {
      if (isatty(STDERR_FILENO) != 0) fmt::print(stderr, "\r\033[K{} {}", p.name, name);
      streaming_.push_back(measure_streaming(name, input));
    }
    input.atoms = largest(1'000'000);
    for (const std::string& name : cuts_) {
      if (isatty(STDERR_FILENO) != 0) fmt::print(stderr, "\r\033[K{} {}", p.name, name);
      try {
        cut_.push_back(measure_cut(name, input));
      } catch (const ResourceError& error) {
        skipped_.push_back(
            {{"case", name}, {"device", p.name}, {"atoms", input.atoms}, {"why", error.what()}});
      }
    }
    if (isatty(STDERR_FILENO) != 0) fmt::print(stderr, "\r\033[K");
  }

  std::vector<double> times_of(const Exec& exec, const BenchCase& c, const std::function<void()>& run,
                               const std::function<void()>& before = {}) {
    std::vector<double> times;
    double spent = 0;
    for (int repeat = -1; repeat < repeats_; ++repeat) {  // -1: a run that allocates and warms up
      if (before) before();
      synchronize(exec);
      const double seconds = seconds_of(exec, c.name.c_str(), run);
      if (repeat >= 0) times.push_back(seconds);
      spent += seconds;
      if (!times.empty() && spent > limit_) break;
    }
    return times;
  }

  double measure(const Device& p, const BenchCase& c, const Frame& frame, const Ceilings& ceilings,
                 const std::string& folder) {
    const BenchRun run = c.prepare({frame, p.exec, folder});
    const std::vector<double> times = times_of(p.exec, c, run.run, run.before);
    const json seconds = seconds_json(times);
    const double median = std::max(seconds.at("median").get<double>(), 1e-9);
    const double by_memory = run.cost.bytes / ceilings.bytes_per_s,
                 by_arithmetic = run.cost.flops / ceilings.flops_per_s;
    const auto n = static_cast<double>(frame.n_atoms());
    results_.push_back({{"case", c.name},
                        {"device", p.name},
                        {"atoms", frame.n_atoms()},
                        {"neighbors", run.neighbors},
                        {"repeats", times.size()},
                        {"seconds", seconds},
                        {"atoms_per_s", n / median},
                        {"bytes", run.cost.bytes},
                        {"flops", run.cost.flops},
                        {"bytes_per_s", run.cost.bytes / median},
                        {"flops_per_s", run.cost.flops / median},
                        {"of_copy", by_memory / median},
                        {"of_multiply_add", by_arithmetic / median},
                        {"of_floor", std::max(by_memory, by_arithmetic) / median},
                        {"bound", by_memory >= by_arithmetic ? "memory" : "flops"},
                        {"checksum", run.checksum()}});
    const BenchNumbers numbers = run.numbers ? run.numbers() : BenchNumbers{};
    for (const auto& [name, value] : numbers) results_.back()["numbers"][name] = value;
    if (peers_ && !p.exec.on_gpu()) {
      const double before = now();
      peers_->measure(
          c, run, numbers,
          [&](int threads) {
            Exec exec = p.exec;
            exec.threads = threads;
            if (threads == p.exec.threads) return times_of(exec, c, run.peer.whole);
            return times_of(exec, c, c.prepare({frame, exec, folder}).peer.whole);
          },
          folder);
      begun_ += now() - before;  // the minute of --quick is that of our cases
    }
    return median;
  }

  const BenchOptions& o_;
  double begun_;
  std::vector<int64_t> sizes_;
  int repeats_ = 5;
  double limit_ = 60;
  std::vector<const BenchCase*> cases_;
  std::vector<std::string> streams_, cuts_;
  json streaming_ = json::array(), cut_ = json::array();
  json results_ = json::array(), skipped_ = json::array();
  std::optional<BenchPeers> peers_;
};

void run_bench(const BenchOptions& o) {
  if (!o.compare.empty()) {
    const json a = read_bench_report(o.compare[0]), b = read_bench_report(o.compare[1]);
    const BenchComparison c = compare_bench(a, b);
    if (c.n_compared == 0)
      throw InputError(
          fmt::format("{} and {} have no case, device and size in common", o.compare[0], o.compare[1]));
    fmt::print("{}", c.text);
    if (c.n_different > 0) throw Exit{exit_verdict};
    return;
  }
  if (!o.show.empty()) {
    fmt::print("{}", bench_table(read_bench_report(o.show)));
    return;
  }
  if (o.list) {
    for (const BenchCase& c : bench_cases()) fmt::print("{:<17} {}\n", c.name, c.doc);
    for (const auto* cases : {&streaming_cases(), &cut_cases()})
      for (const StreamingCase& c : *cases) fmt::print("{:<17} {}\n", c.name, c.doc);
    return;
  }
  if (o.threads < 0 || o.threads > 4096)
    throw UsageError(fmt::format("--threads {}: expected 1 to 4096", o.threads));
  if (o.repeats != -1 && o.repeats < 1)
    throw UsageError(fmt::format("--repeats {}: expected a number > 0", o.repeats));
  if (o.limit != -1 && !(o.limit > 0))
    throw UsageError(fmt::format("--limit {}: expected seconds > 0", o.limit));
  check_writable("-o", o.output);
  check_writable("--svg", o.svg);
  check_writable("--timeline-svg", o.timeline_svg);
  Bench bench(o);
  const json report = bench.go();
  fmt::print("{}{}{}", bench_table(report), streaming_table(report), cut_table(report));
  if (!o.output.empty()) write_text(o.output, report.dump(1) + "\n");
  if (!o.svg.empty()) write_text(o.svg, bench_svg(report));
  if (!o.timeline_svg.empty()) write_text(o.timeline_svg, streaming_svg(report));
  if (bench.peers_disagree()) throw Exit{exit_verdict};
}

}  // namespace

void add_bench(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("bench", "Measure every kernel and stage against what this machine can do");
  auto o = std::make_shared<BenchOptions>();
  command->add_flag("--quick", o->quick, "2,000 and 16,000 atoms, 3 repeats: done in a minute");
  command->add_option("--filter", o->filter, "Only cases whose name this regular expression matches");
  command->add_option("--sizes", o->sizes, "Numbers of atoms, as 16k,1M (default 16k,128k,1M,8M)");
  command->add_option("--device", o->device, "all (default), cpu, cuda or cuda:<number>");
  command->add_option("--threads", o->threads, "Threads of the host (default: all)");
  command->add_option("--repeats", o->repeats, "Timed runs of each case (default 5)");
  command->add_option("--limit", o->limit,
                      "Seconds: runs that would take longer are left out, and no more repeats follow once a "
                      "case has taken so long (default 60)");
  command->add_option("--seed", o->seed, "Of the displacements of the atoms (default 12345)");
  command->add_option("--simd", o->simd,
                      "At most these instructions where code is written for them: portable, avx2, avx512");
  command->add_option("-o,--output", o->output, "Report as JSON");
  command->add_option("--svg", o->svg, "Roofline as a picture");
  command->add_option("--timeline-svg", o->timeline_svg,
                      "When each frame of the cases stream_* was read, computed and written, as a picture");
  command
      ->add_option("--compare", o->compare,
                   "Two reports: ratios of their times with the noise; exit code 5 where results differ")
      ->expected(2);
  command->add_option("--show", o->show, "Print the table of a report");
  command->add_flag("--list", o->list, "Name the cases");
  command->add_flag(
      "--peers", o->peers,
      "Also run Voro++, LAMMPS, freud and OVITO, where installed, on the same atoms on the CPU, and compare "
      "times and results; off by default, as it starts other programs; exit code 5 where results disagree");
  o->python = "python3";
  command
      ->add_option("--python", o->python,
                   "Interpreter that has the Python packages of the peers (default python3)")
      ->envname("GRAINFIELD_PYTHON");
  command->footer(
      "Examples:\n"
      "  grainfield bench --quick -o bench.json --svg bench.svg\n"
      "  grainfield bench --filter 'mtp|eam' --sizes 16k,1M --threads 1 -o b.json\n"
      "  grainfield bench --filter '^stream_' --sizes 128k --timeline-svg timeline.svg\n"
      "  grainfield bench --filter 'voronoi|eam' --peers --python venv/bin/python\n"
      "  grainfield bench --compare a.json b.json\n"
      "Inputs are rattled crystals of bcc iron, and potentials made of formulas. Each case is run once to "
      "warm\n"
      "up, then repeated: median, and 1.4826 times the median deviation as the spread. GB/s and GFLOP/s "
      "count\n"
      "what must move and be done (host/kernel_costs.hpp); the floor is the longer of the two at the rates "
      "of\n"
      "a copy and of multiply-adds, measured in the same run.");
  command->callback([o] { run_bench(*o); });
}

}  // namespace grainfield
