#include "tools/cli/bench_streaming.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <utility>

#include "host/bench_inputs.hpp"
#include "host/engine.hpp"
#include "host/memory.hpp"
#include "kernels/potential/eam.hpp"
#include "kernels/potential/mtp.hpp"
#include "tools/cli/bench_report.hpp"
#include "tools/cli/timeline_views.hpp"

namespace grainfield {
namespace {

using json = nlohmann::ordered_json;
namespace fs = std::filesystem;

// Filling and emptying the pipeline takes the time of two frames: enough frames for it not to count, where
// that takes little time.
int frames_for(int64_t atoms) { return atoms <= 20'000 ? 48 : 12; }

// Seconds on the clock, and of work: of all threads of this process together.
struct Spent {
  double wall = 0, work = 0;
};

double work_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

Spent spent_in(const std::function<void()>& work) {
  const double before = work_seconds();
  const auto start = std::chrono::steady_clock::now();
  work();
  return {std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(),
          work_seconds() - before};
}

// Repeats of one piece of work.
class Turns {
 public:
  void add(const Spent& s) {
    wall_.push_back(s.wall);
    work_.push_back(s.work);
  }
  Spent median() const { return {median_of(wall_), median_of(work_)}; }  // of either time

 private:
  std::vector<double> wall_, work_;
};

json spent_json(const Spent& s) { return {{"wall_s", s.wall}, {"work_s", s.work}}; }

struct Work {
  StreamingCase what;
  std::vector<AnalysisRequest> requests;
  enum Potential { none, eam, mtp } potential = none;
};

RunContext run_of(const Work& work, const Exec& exec) {
  RunContext run;
  run.exec = exec;
  run.structure = Structure::bcc;
  run.lattice = make_lattice(Structure::bcc, 2.855);
  if (work.potential == Work::eam) run.potential = make_eam_potential(bench_eam_model(false), exec);
  if (work.potential == Work::mtp)
    run.potential = make_mtp_potential(bench_mtp_model(16), exec, MtpPrecision::full);
  return run;
}

const std::vector<Work>& streams() {
  static const std::vector<Work> all{
      {{"stream_read", "frames of a LAMMPS dump, coordination: stages of like length"},
       {{"coordination", {}, false}}},
      {{"stream_compute", "frames of a LAMMPS dump, energies and forces of an MTP of level 16"},
       {{"energy", {}, false}, {"force", {}, false}},
       Work::mtp},
      {{"stream_write", "frames of a LAMMPS dump, SFDs with moments and polynomials: much is written"},
       {{"sfd", {{"precision", "single"}, {"polynomials", "true"}, {"moments", "true"}}, false}}}};
  return all;
}

const std::vector<Work>& cuts() {
  static const std::vector<Work> all{
      {{"cut_density", "density with a quarter of the memory that it plans, against uncut"},
       {{"density", {}, false}}},
      {{"cut_coordination", "the same of coordination"}, {{"coordination", {}, false}}},
      {{"cut_rdf", "the same of rdf"}, {{"rdf", {}, false}}},
      {{"cut_voronoi", "the same of voronoi"}, {{"voronoi", {}, false}}},
      {{"cut_sfd", "the same of sfd"}, {{"sfd", {}, false}}},
      {{"cut_structure", "the same of structure"}, {{"structure", {}, false}}},
      {{"cut_eam", "the same of energy, force and virial of an embedded-atom potential"},
       {{"energy", {}, false}, {"force", {}, false}, {"virial", {}, false}},
       Work::eam},
      {{"cut_mtp", "the same of an MTP of level 16"},
       {{"energy", {}, false}, {"force", {}, false}, {"virial", {}, false}},
       Work::mtp}};
  return all;
}

const Work& find(const std::vector<Work>& all, const std::string& name) {
  return *std::find_if(all.begin(), all.end(), [&](const Work& w) { return w.what.name == name; });
}

std::vector<StreamingCase> cases_of(const std::vector<Work>& all) {
  std::vector<StreamingCase> cases;
  for (const Work& w : all) cases.push_back(w.what);
  return cases;
}

std::string seconds_of_stage(double seconds) { return fmt::format("{:.3f}", seconds); }

}  // namespace

const std::vector<StreamingCase>& streaming_cases() {
  static const std::vector<StreamingCase> cases = cases_of(streams());
  return cases;
}

const std::vector<StreamingCase>& cut_cases() {
  static const std::vector<StreamingCase> cases = cases_of(cuts());
  return cases;
}

json measure_streaming(const std::string& name, const StreamingInput& in) {
  const Work& work = find(streams(), name);
  const std::string dump = in.folder + "/stream.dump", output = in.folder + "/stream.h5";
  const int n_frames = frames_for(in.atoms);
  int64_t atoms = 0;
  {
    const auto writer = open_writer(dump, {in.exec.threads, false});
    for (int k = 0; k < n_frames; ++k) {
      Frame frame = rattled_bcc_iron(in.atoms, in.seed + static_cast<uint64_t>(k));
      frame.step = k;
      atoms = frame.n_atoms();
      writer->write(frame);
    }
    writer->close();
  }
  ReadOptions read;
  read.threads = in.exec.threads;
  const RunContext run = run_of(work, in.exec);
  const auto make_writer = [&] {
    return open_results(output, {"bench", "grainfield bench", {}, {describe_input(dump)}});
  };

  // The stages alone and all of it, file to file, in turns: a machine's speed may drift. As in the whole,
  // each frame is another one.
  std::vector<Frame> frames(static_cast<size_t>(n_frames));
  Analyzer analyzer(work.requests, run);
  FrameResults results;
  const auto read_all = [&] {
    const auto reader = open_reader(dump, read);
    for (Frame& frame : frames) reader->next(frame);
  };
  const auto compute_all = [&] {
    RunSummary summary;
    for (size_t k = 0; k < frames.size(); ++k) {
      results = analyzer.analyze(frames[k], static_cast<int64_t>(k));
      summary.add(results, in.exec.threads);
    }
  };
  const auto write_all = [&] {
    const auto writer = make_writer();
    for (size_t k = 0; k < frames.size(); ++k) {
      results.frame = static_cast<int64_t>(k);
      writer->write(frames[k], results);
    }
    writer->close();
  };
  struct Whole {
    Spent spent;
    std::vector<TimelineEvent> events;
  };
  std::vector<Whole> runs;
  Turns reading, computing, writing;
  for (int k = -1; k < in.repeats; ++k) {  // the first warms up
    const Spent reading_now = spent_in(read_all), computing_now = spent_in(compute_all);
    fs::remove(output);
    const Spent writing_now = spent_in(write_all);
    fs::remove(output);
    Timeline timeline;
    PipelineOptions options;
    options.inputs = {dump};
    options.open = [&](const std::string& path) { return open_reader(path, read); };
    options.make_writer = make_writer;
    options.timeline = &timeline;
    RunWatch watch;
    const Spent s = spent_in([&] { run_pipeline(options, analyzer, watch); });
    if (k < 0) continue;
    reading.add(reading_now);
    computing.add(computing_now);
    writing.add(writing_now);
    runs.push_back({s, timeline.events()});
  }
  fs::remove(output);
  fs::remove(dump);
  std::sort(runs.begin(), runs.end(),
            [](const Whole& a, const Whole& b) { return a.spent.wall < b.spent.wall; });
  const Whole& whole = runs[runs.size() / 2];

  const std::pair<const char*, Spent> stages[] = {
      {"read", reading.median()}, {"compute", computing.median()}, {"write", writing.median()}};
  json alone, busy;
  double total = 0, slowest = 0;
  std::string name_of_slowest;
  for (const auto& [stage, spent] : stages) {
    alone[stage] = spent_json(spent);
    busy[stage] = busy_seconds(whole.events, stage);
    total += spent.work;
    if (spent.wall > slowest) slowest = spent.wall, name_of_slowest = stage;
  }
  const double cores = available_threads(), bound = std::max(slowest, total / cores);
  json timeline = json::array();
  for (const TimelineEvent& e : whole.events) {
    json one = {{"frame", e.frame}, {"stage", e.stage}, {"start", e.start}, {"stop", e.stop}};
    if (!e.part_of.empty()) one["part_of"] = e.part_of;
    timeline.push_back(std::move(one));
  }
  return {{"case", name},
          {"device", in.device},
          {"frames", n_frames},
          {"atoms", atoms},
          {"threads", in.exec.threads},
          {"cores", cores},
          {"alone", alone},
          {"whole", spent_json(whole.spent)},
          {"busy_s", busy},
          {"slowest", name_of_slowest},
          {"slowest_s", slowest},
          {"work_over_cores_s", total / cores},
          {"over_slowest", whole.spent.wall / slowest},
          {"over_bound", whole.spent.wall / bound},
          {"copy_in_s", busy_seconds(whole.events, "copy in")},
          {"copy_out_s", busy_seconds(whole.events, "copy out")},
          {"timeline", timeline}};
}

json measure_cut(const std::string& name, const StreamingInput& in) {
  const Work& work = find(cuts(), name);
  const Frame frame = rattled_bcc_iron(in.atoms, in.seed);
  RunContext run = run_of(work, in.exec);
  const auto most_expensive = [](const Analyzer& analyzer) {
    const std::vector<SlabPlan>& plans = analyzer.plans();
    return *std::max_element(plans.begin(), plans.end(), [](const SlabPlan& a, const SlabPlan& b) {
      return a.uncut_bytes < b.uncut_bytes;
    });
  };
  // Frame after frame, as in a run: memory is kept. The first runs warm up; then both take turns, as a
  // machine's speed may drift.
  Analyzer uncut(work.requests, run);
  FrameResults results;
  const auto analyze_whole = [&] { results = uncut.analyze(frame); };
  analyze_whole();
  const SlabPlan plan = most_expensive(uncut);
  const auto result_bytes = static_cast<double>(bytes_of(results));
  const double beside = in.exec.on_gpu() ? 0 : static_cast<double>(bytes_of(frame)) + result_bytes;
  run.memory_limit = static_cast<int64_t>(beside + plan.uncut_bytes / 4);
  json report = {{"case", name},
                 {"device", in.device},
                 {"atoms", frame.n_atoms()},
                 {"plan",
                  {{"bytes", plan.uncut_bytes},
                   {"per_input", plan.per_input},
                   {"per_picked", plan.per_picked},
                   {"per_local", plan.per_local},
                   {"per_ghost", plan.per_ghost},
                   {"fixed", plan.fixed},
                   {"reach_A", plan.reach}}},
                 {"result_bytes_per_atom", result_bytes / static_cast<double>(frame.n_atoms())},
                 {"memory", run.memory_limit}};
  Analyzer in_slabs(work.requests, run);
  const auto analyze_in_slabs = [&] { results = in_slabs.analyze(frame); };
  bool can_be_cut = true;
  try {
    analyze_in_slabs();
  } catch (const ResourceError& error) {  // a small frame is thinner than the halo
    report["why"] = error.what();
    can_be_cut = false;
  }
  Turns wholes, cuts;
  for (int k = 0; k < in.repeats; ++k) {
    wholes.add(spent_in(analyze_whole));
    if (can_be_cut) cuts.add(spent_in(analyze_in_slabs));
  }
  const Spent whole = wholes.median();
  report["uncut"] = spent_json(whole);
  if (can_be_cut) {
    const Spent cut = cuts.median();
    int n_slabs = 1;
    for (const SlabPlan& p : in_slabs.plans()) n_slabs = std::max(n_slabs, p.n_slabs());
    report["slabs"] = n_slabs;
    report["cut"] = spent_json(cut);
    report["wall_ratio"] = cut.wall / whole.wall;
    report["work_ratio"] = cut.work / whole.work;
  }
  return report;
}

std::string streaming_table(const json& report) {
  if (!report.contains("streaming")) return "";
  std::string text;
  for (const json& s : report.at("streaming")) {
    const json &alone = s.at("alone"), &whole = s.at("whole");
    text += fmt::format("\n{} on {}: {} frames of {} atoms, {} threads on {} cores\n",
                        s.at("case").get<std::string>(), s.at("device").get<std::string>(),
                        s.at("frames").get<int>(), s.at("atoms").get<int64_t>(), s.at("threads").get<int>(),
                        s.at("cores").get<int>());
    text += fmt::format("{:<22}{:>10}{:>12}\n", "", "time, s", "of work, s");
    for (const char* stage : {"read", "compute", "write"})
      text += fmt::format("{:<22}{:>10}{:>12}\n", std::string(stage) + " alone",
                          seconds_of_stage(alone.at(stage).at("wall_s")),
                          seconds_of_stage(alone.at(stage).at("work_s")));
    text += fmt::format("{:<22}{:>10}{:>12}\n", "file to file", seconds_of_stage(whole.at("wall_s")),
                        seconds_of_stage(whole.at("work_s")));
    text += fmt::format(
        "{:.2f} of the slowest stage alone ({}); {:.2f} of the bound, the longer of that and of all work "
        "over the "
        "cores ({:.3f} s)\n",
        s.at("over_slowest").get<double>(), s.at("slowest").get<std::string>(),
        s.at("over_bound").get<double>(), s.at("work_over_cores_s").get<double>());
    text += "at work in the whole:";
    for (const char* stage : {"read", "compute", "write"})
      text += fmt::format(" {} {:.0f} %", stage,
                          100 * s.at("busy_s").at(stage).get<double>() / whole.at("wall_s").get<double>());
    text += " of the time\n";
    if (s.at("copy_in_s").get<double>() > 0)
      text += fmt::format("of compute, copies to the GPU took {:.3f} s, back {:.3f} s\n",
                          s.at("copy_in_s").get<double>(), s.at("copy_out_s").get<double>());
    std::vector<TimelineEvent> events;
    for (const json& e : s.at("timeline"))
      events.push_back({e.at("frame"), e.at("stage"), e.value("part_of", ""), e.at("start"), e.at("stop")});
    text += timeline_text(events);
  }
  return text;
}

std::string cut_table(const json& report) {
  if (!report.contains("cut")) return "";
  std::string text;
  for (const json& c : report.at("cut")) {
    if (text.empty())
      text += fmt::format("\n{:<18}{:>8}{:>10}{:>7}{:>14}{:>10}{:>10}{:>11}{:>11}\n", "a quarter of the", "",
                          "", "", "bytes/atom", "uncut, s", "cut, s", "ratio of", "ratio of") +
              fmt::format("{:<18}{:>8}{:>10}{:>7}{:>14}{:>10}{:>10}{:>11}{:>11}\n", "planned memory",
                          "device", "atoms", "slabs", "planned", "", "", "times", "work");
    text += fmt::format("{:<18}{:>8}{:>10}", c.at("case").get<std::string>(),
                        c.at("device").get<std::string>(), c.at("atoms").get<int64_t>());
    const double planned = c.at("plan").at("bytes").get<double>() / c.at("atoms").get<double>();
    if (c.contains("cut"))
      text += fmt::format("{:>7}{:>14.0f}{:>10.3f}{:>10.3f}{:>11.2f}{:>11.2f}\n", c.at("slabs").get<int>(),
                          planned, c.at("uncut").at("wall_s").get<double>(),
                          c.at("cut").at("wall_s").get<double>(), c.at("wall_ratio").get<double>(),
                          c.at("work_ratio").get<double>());
    else
      text += fmt::format("{:>7}{:>14.0f}{:>10.3f}  {}\n", "-", planned,
                          c.at("uncut").at("wall_s").get<double>(), c.at("why").get<std::string>());
  }
  return text;
}

std::string streaming_svg(const json& report) {
  if (!report.contains("streaming")) return "";
  std::vector<std::pair<std::string, std::vector<TimelineEvent>>> timelines;
  for (const json& s : report.at("streaming")) {
    std::vector<TimelineEvent> events;
    for (const json& e : s.at("timeline"))
      events.push_back({e.at("frame"), e.at("stage"), e.value("part_of", ""), e.at("start"), e.at("stop")});
    timelines.emplace_back(fmt::format("{} on {}: {} frames of {} atoms", s.at("case").get<std::string>(),
                                       s.at("device").get<std::string>(), s.at("frames").get<int>(),
                                       s.at("atoms").get<int64_t>()),
                           std::move(events));
  }
  return timelines_svg(timelines);
}

}  // namespace grainfield
