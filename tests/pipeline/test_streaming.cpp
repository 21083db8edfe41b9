// Streams of frames: when their stages ran, that they overlap, and frames larger than the memory given.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "host/bench_inputs.hpp"
#include "host/slab_plan.hpp"
#include "kernels/potential/eam.hpp"
#include "kernels/potential/mtp.hpp"
#include "tests/pipeline/fakes.hpp"
#include "tests/support/command.hpp"
#include "tests/support/systems.hpp"
#include "tools/cli/timeline_views.hpp"

namespace grainfield {
namespace {

using namespace test;
using nlohmann::json;
using std::chrono::milliseconds;

constexpr milliseconds nap{30};

// Takes a nap in begin() and another in finish(), as two stages.
class FakeSleep final : public Analysis {
 public:
  FakeSleep(const Parameters&, const RunContext&) {}
  static AnalysisInfo info() { return {"fake-sleep", "Sleeps. For tests.", {}, {}, {}}; }
  void begin(FrameContext&) override { std::this_thread::sleep_for(nap / 2); }
  void finish(FrameContext&) override { std::this_thread::sleep_for(nap / 2); }
};

class SleepyReader final : public Reader {
 public:
  explicit SleepyReader(int64_t n) : reader_(n, 0) {}
  std::string format() const override { return "fake"; }
  std::string file() const override { return "fake.dump"; }
  bool next(Frame& frame) override {
    if (!reader_.next(frame)) return false;
    std::this_thread::sleep_for(nap);
    return true;
  }
  bool skip() override { return reader_.skip(); }

 private:
  FakeReader reader_;
};

class SleepyWriter : public ResultsWriter {
 public:
  explicit SleepyWriter(milliseconds each = nap) : each_(each) {}
  bool has_frame(int64_t) const override { return false; }
  std::vector<KeptFrame> kept_frames() const override { return {}; }
  void write(const Frame&, const FrameResults&) override { std::this_thread::sleep_for(each_); }
  void begin_grid(int64_t, const GridShape&) override {}
  void write_planes(int64_t, int64_t, const double*) override {}
  void end_grid() override {}
  void close() override {}

 private:
  milliseconds each_;
};

std::vector<TimelineEvent> sleepy_run(int n_frames, int64_t memory, double* seconds) {
  static const std::vector<AnalysisEntry> entries{{FakeSleep::info(), make_fake<FakeSleep>}};
  RunContext run;
  run.memory_limit = memory;
  Analyzer analyzer({{"fake-sleep", {}}}, run, entries);
  Timeline timeline;
  PipelineOptions options;
  options.inputs = {"a"};
  options.open = [=](const std::string&) { return std::make_unique<SleepyReader>(n_frames); };
  options.make_writer = [] { return std::make_unique<SleepyWriter>(); };
  options.timeline = &timeline;
  RunWatch watch;
  *seconds = run_pipeline(options, analyzer, watch).seconds;
  return timeline.events();
}

// Of one stage (or part), in the order of time.
std::vector<TimelineEvent> events_of(const std::vector<TimelineEvent>& events, const std::string& stage) {
  std::vector<TimelineEvent> found;
  std::copy_if(events.begin(), events.end(), std::back_inserter(found),
               [&](const TimelineEvent& e) { return e.stage == stage; });
  return found;
}

TEST(Timeline, HasEveryStageOfEveryFrameInOrder) {
  double seconds = 0;
  const std::vector<TimelineEvent> events = sleepy_run(4, int64_t{1} << 30, &seconds);
  EXPECT_TRUE(
      std::is_sorted(events.begin(), events.end(),
                     [](const TimelineEvent& a, const TimelineEvent& b) { return a.start < b.start; }));
  const auto read = events_of(events, "read"), compute = events_of(events, "compute"),
             write = events_of(events, "write"), part = events_of(events, "fake-sleep");
  ASSERT_EQ(read.size(), 4u);
  ASSERT_EQ(compute.size(), 4u);
  ASSERT_EQ(write.size(), 4u);
  ASSERT_EQ(part.size(), 8u);  // begin() and finish()
  EXPECT_EQ(events_of(events, "hash inputs, open results").size(), 1u);
  EXPECT_EQ(events_of(events, "close results").size(), 1u);
  EXPECT_EQ(events.size(), 22u);
  for (const auto* stage : {&read, &compute, &write})
    for (size_t k = 0; k < 4; ++k) {
      const TimelineEvent& e = (*stage)[k];
      EXPECT_EQ(e.frame, static_cast<int64_t>(k));
      EXPECT_EQ(e.part_of, "");
      EXPECT_GE(e.start, k == 0 ? 0 : (*stage)[k - 1].stop) << "a stage overlaps itself";
      EXPECT_GE(e.stop - e.start, 0.029);
      EXPECT_LE(e.stop, seconds + 0.01);
    }
  for (size_t k = 0; k < 4; ++k) {
    EXPECT_GE(compute[k].start, read[k].stop);
    EXPECT_GE(write[k].start, compute[k].stop);
    for (const size_t p : {2 * k, 2 * k + 1}) {
      EXPECT_EQ(part[p].part_of, "compute");
      EXPECT_EQ(part[p].frame, static_cast<int64_t>(k));
      EXPECT_GE(part[p].start, compute[k].start);
      EXPECT_LE(part[p].stop, compute[k].stop);
      EXPECT_GE(part[p].stop - part[p].start, 0.014);
    }
    EXPECT_LE(part[2 * k].stop, part[2 * k + 1].start);
  }
}

// Three stages of equal length: together they take a little more than a third of their sum. Times are those
// measured, so that a slow machine slows both.
TEST(Timeline, StagesOverlap) {
  double seconds = 0;
  const auto busy = [&](const std::vector<TimelineEvent>& events) {
    double sum = 0;
    for (const char* stage : {"read", "compute", "write"})
      for (const TimelineEvent& e : events_of(events, stage)) sum += e.stop - e.start;
    return sum;
  };
  const double overlapped = busy(sleepy_run(10, int64_t{1} << 30, &seconds));
  EXPECT_GE(overlapped, 10 * 3 * 0.029);
  EXPECT_LT(seconds, 0.6 * overlapped);  // 0.4 where nothing else runs; two stages alone would give 0.67
  // Memory for one frame: the stages take turns, and the same test would fail.
  const double serial = busy(sleepy_run(4, 16'000, &seconds));
  EXPECT_GT(seconds, 0.95 * serial);
}

// Begins to read, and what of it a slow analysis and a slow writer saw.
struct Progress {
  std::atomic<int64_t> begun{0}, computed{0};
  std::vector<int64_t> begun_while_computing, computed_while_writing;
};
Progress* progress = nullptr;

class FakeWatch final : public Analysis {
 public:
  FakeWatch(const Parameters&, const RunContext&) {}
  static AnalysisInfo info() { return {"fake-watch", "Looks at the reader. For tests.", {}, {}, {}}; }
  void begin(FrameContext&) override {
    std::this_thread::sleep_for(nap);
    progress->begun_while_computing.push_back(progress->begun);
    ++progress->computed;
  }
};

// Small frames, then large ones.
class WatchedReader final : public Reader {
 public:
  WatchedReader(int64_t n_small, int64_t n_large) : small_(n_small, 0, -1, 4), large_(n_large, 100, -1, 6) {}
  std::string format() const override { return "fake"; }
  std::string file() const override { return "fake.dump"; }
  bool next(Frame& frame) override {
    ++progress->begun;
    return small_.next(frame) || large_.next(frame);
  }
  bool skip() override { return small_.skip() || large_.skip(); }

 private:
  FakeReader small_, large_;
};

class WatchingWriter final : public SleepyWriter {
 public:
  using SleepyWriter::SleepyWriter;
  void write(const Frame& frame, const FrameResults& results) override {
    SleepyWriter::write(frame, results);
    progress->computed_while_writing.push_back(progress->computed);
  }
};

void watched_run(Progress& seen, int64_t n_small, int64_t n_large, milliseconds write_nap) {
  static const std::vector<AnalysisEntry> entries{{FakeWatch::info(), make_fake<FakeWatch>}};
  progress = &seen;
  RunContext run;
  run.memory_limit = int64_t{1} << 30;
  Analyzer analyzer({{"fake-watch", {}}}, run, entries);
  PipelineOptions options;
  options.inputs = {"a"};
  options.open = [=](const std::string&) { return std::make_unique<WatchedReader>(n_small, n_large); };
  options.make_writer = [=] { return std::make_unique<WatchingWriter>(write_nap); };
  RunWatch watch;
  EXPECT_EQ(run_pipeline(options, analyzer, watch).frames_computed, n_small + n_large);
}

// Up to four small frames wait to be computed, and four to be written.
TEST(Pipeline, SmallFramesWaitBetweenStages) {
  Progress seen;
  watched_run(seen, 12, 0, milliseconds{1});
  int64_t most = 0;
  for (int64_t k = 0; k < 12; ++k) {
    const int64_t ahead = seen.begun_while_computing[static_cast<size_t>(k)] - (k + 1);
    EXPECT_LE(ahead, k == 0 ? 1 : 4) << "frame " << k;
    most = std::max(most, ahead);
  }
  EXPECT_EQ(most, 4);
  Progress slow_writer;
  watched_run(slow_writer, 12, 0, 3 * nap);
  most = 0;
  for (int64_t k = 0; k < 12; ++k) {
    const int64_t behind = slow_writer.computed_while_writing[static_cast<size_t>(k)] - (k + 1);
    EXPECT_LE(behind, 4 + 1) << "frame " << k;  // and one that is done, but for its place
    most = std::max(most, behind);
  }
  EXPECT_GE(most, 4);
}

// Memory was found for small frames only: the first large one waits until it is alone, those behind it come
// one at a time.
TEST(Pipeline, LargeFramesAreNotReadAhead) {
  Progress seen;
  watched_run(seen, 8, 6, milliseconds{1});
  int64_t most = 0;
  for (int64_t k = 0; k < 14; ++k) {
    const int64_t begun = seen.begun_while_computing[static_cast<size_t>(k)];
    EXPECT_LE(begun, std::max<int64_t>(9, k + 2)) << "frame " << k;
    most = std::max(most, begun - (k + 1));
  }
  EXPECT_EQ(most, 4);  // the last of them large
}

// As on a GPU: frames 0 and 1 are computed at the same time, frame 2 when the first of them is done.
TEST(Timeline, FramesAtTheSameTimeHaveRowsOfTheirOwn) {
  const std::vector<TimelineEvent> events{
      {-1, "hash inputs, open results", "", 0, 0.5},
      {0, "read", "", 0, 1},
      {0, "compute", "", 1, 4},
      {0, "rdf", "compute", 1.5, 2},
      {1, "read", "", 1, 2},
      {1, "compute", "", 2, 6},
      {1, "rdf", "compute", 2.5, 3},
      {1, "copy out", "compute", 5, 6},
      {2, "read", "", 2, 3},
      {0, "write", "", 4, 5},
      {2, "compute", "", 4, 8},
      {2, "rdf", "compute", 6.5, 7},
      {3, "rdf", "compute", 8, 8},  // its frame was called off
  };
  const json trace = json::parse(timeline_trace(events));
  std::vector<std::string> rows;
  std::vector<std::pair<int64_t, int64_t>> bars;  // frame, row
  std::map<int64_t, double> free_at;
  for (const json& e : trace.at("traceEvents")) {
    if (e.at("ph") == "M") {
      rows.push_back(e.at("args").at("name"));
      EXPECT_EQ(e.at("tid"), rows.size());
      continue;
    }
    const double start = e.at("ts"), stop = start + e.at("dur").get<double>();
    const int64_t row = e.at("tid");
    if (e.at("name") == rows.at(row - 1)) {
      EXPECT_GE(start, free_at[row]) << e;
      free_at[row] = stop;
    }
    bars.emplace_back(e.contains("args") ? e.at("args").at("frame").get<int64_t>() : -1, row);
  }
  EXPECT_EQ(rows, (std::vector<std::string>{"read", "compute", "compute", "write"}));
  const std::vector<std::pair<int64_t, int64_t>> expected{{-1, 4}, {0, 1}, {0, 2}, {0, 2}, {1, 1},
                                                          {1, 3},  {1, 3}, {1, 3}, {2, 1}, {0, 4},
                                                          {2, 2},  {2, 2}, {3, 2}};
  EXPECT_EQ(bars, expected);
  EXPECT_EQ(timeline_text(events, 8),
            "read     012.....\n"
            "compute  .0002222\n"
            "compute  ..1111..\n"
            "write    #...0...\n"
            "         0    8 s\n");
  const std::string svg = timelines_svg({{"two at a time", events}});
  const auto count = [&](const std::string& what) {
    int64_t n = 0;
    for (size_t at = svg.find(what); at != std::string::npos; at = svg.find(what, at + 1)) ++n;
    return n;
  };
  EXPECT_EQ(count("font-weight=\"bold\""), 4);  // the stages
  EXPECT_EQ(count("text-anchor=\"end\""), 7);   // and rdf twice, copy out once
  EXPECT_EQ(timeline_text({}, 8), "");
}

TEST(Timeline, IsWrittenForTraceViewers) {
  const TempFolder folder;
  {
    const auto writer = open_writer(folder.file("a.dump"));
    for (unsigned k = 1; k <= 3; ++k) writer->write(bcc_frame(4, 2.83, 0.1, k));
    writer->close();
  }
  const std::string input = folder.file("a.dump");
  const auto done =
      grainfield::test::grainfield("analyze " + input + " --compute coordination,rdf -o " +
                                   folder.file("a.h5") + " --timeline " + folder.file("t.json"));
  ASSERT_EQ(done.code, 0) << done.err;
  const json trace = json::parse(read_file(folder.file("t.json")));
  std::map<int, std::string> tracks;
  std::map<std::string, int> count;
  std::map<std::string, std::set<int>> frames;
  std::map<int, double> free_at;  // where the events that are no parts end
  for (const json& e : trace.at("traceEvents")) {
    if (e.at("ph") == "M") {
      EXPECT_EQ(e.at("name"), "thread_name");
      tracks[e.at("tid")] = e.at("args").at("name");
      continue;
    }
    EXPECT_EQ(e.at("ph"), "X");
    const double start = e.at("ts"), duration = e.at("dur");
    EXPECT_GE(start, 0);
    EXPECT_GE(duration, 0);
    const std::string name = e.at("name"), track = tracks.at(e.at("tid"));
    ++count[track + "/" + name];
    if (e.contains("args")) frames[track + "/" + name].insert(e.at("args").at("frame").get<int>());
    if (name == "read" || name == "compute" || name == "write") {
      EXPECT_EQ(name, track);
      EXPECT_TRUE(e.at("args").at("frame").is_number());
      EXPECT_GE(start, free_at[e.at("tid")]);
      free_at[e.at("tid")] = start + duration - 1e-3;
    }
  }
  size_t computing = 0;  // on a GPU, two frames at a time
  for (const auto& [id, name] : tracks) computing += name == "compute" ? 1 : 0;
  EXPECT_LE(computing, choose_device("auto", 1).on_gpu() ? 2u : 1u);
  EXPECT_EQ(tracks.size(), 2 + computing);
  for (const char* name : {"read/read", "compute/compute", "write/write"}) EXPECT_EQ(count[name], 3) << name;
  EXPECT_EQ(count["write/hash inputs, open results"], 1);
  for (const char* part : {"compute/coordination", "compute/rdf", "compute/ghosts, cells and lists"})
    EXPECT_EQ(frames[part], (std::set<int>{0, 1, 2})) << part;
  const auto bad = grainfield::test::grainfield("analyze " + input + " --compute rdf -o " +
                                                folder.file("b.h5") + " --timeline /nowhere/t.json");
  EXPECT_EQ(bad.code, 4);
  EXPECT_NE(bad.err.find("--timeline /nowhere/t.json"), std::string::npos) << bad.err;
}

TEST(BenchStreaming, ReportsStagesAndCuts) {
  const TempFolder folder;
  const auto done = grainfield::test::grainfield(
      "bench --device cpu --threads 1 --repeats 1 --sizes 16000 --filter '^(stream_read|cut_coordination)$' "
      "-o " +
      folder.file("a.json") + " --timeline-svg " + folder.file("a.svg"));
  ASSERT_EQ(done.code, 0) << done.err;
  const json report = json::parse(read_file(folder.file("a.json")));
  EXPECT_TRUE(report.at("results").empty());
  ASSERT_EQ(report.at("streaming").size(), 1u);
  const json& s = report.at("streaming")[0];
  EXPECT_EQ(s.at("case"), "stream_read");
  EXPECT_EQ(s.at("frames"), 48);
  EXPECT_EQ(s.at("atoms"), 16000);
  double slowest = 0, work = 0;
  for (const char* stage : {"read", "compute", "write"}) {
    const json& alone = s.at("alone").at(stage);
    EXPECT_GT(alone.at("wall_s").get<double>(), 0) << stage;
    slowest = std::max(slowest, alone.at("wall_s").get<double>());
    work += alone.at("work_s").get<double>();
  }
  EXPECT_EQ(s.at("slowest_s"), slowest);
  const double wall = s.at("whole").at("wall_s"), shared = work / s.at("cores").get<double>();
  EXPECT_NEAR(s.at("work_over_cores_s").get<double>(), shared, 1e-9);
  EXPECT_NEAR(s.at("over_slowest").get<double>(), wall / slowest, 1e-9);
  EXPECT_NEAR(s.at("over_bound").get<double>(), wall / std::max(slowest, shared), 1e-9);
  std::map<std::string, int> count;
  std::map<std::string, double> busy;
  for (const json& e : s.at("timeline")) {
    const double start = e.at("start"), stop = e.at("stop");
    EXPECT_LE(start, stop);
    EXPECT_LE(stop, wall);
    busy[e.at("stage")] += stop - start;
    if (e.at("frame") >= 0) ++count[e.at("stage")];
  }
  for (const char* stage : {"read", "compute", "write"}) {
    EXPECT_EQ(count[stage], 48) << stage;
    EXPECT_NEAR(s.at("busy_s").at(stage).get<double>(), busy[stage], 1e-9) << stage;
  }
  ASSERT_EQ(report.at("cut").size(), 1u);
  const json &c = report.at("cut")[0], &plan = c.at("plan");
  EXPECT_GE(c.at("slabs"), 4);
  EXPECT_NEAR(c.at("wall_ratio").get<double>(),
              c.at("cut").at("wall_s").get<double>() / c.at("uncut").at("wall_s").get<double>(), 1e-9);
  // The plan is the sum of its prices.
  const double edge = 20 * 2.855, images = std::pow(1 + 2 * plan.at("reach_A").get<double>() / edge, 3);
  EXPECT_NEAR(plan.at("bytes").get<double>(),
              16000 * (plan.at("per_input").get<double>() + plan.at("per_local").get<double>() +
                       plan.at("per_ghost").get<double>() * (images - 1)) +
                  plan.at("fixed").get<double>(),
              1e-6 * plan.at("bytes").get<double>());
  EXPECT_NE(done.out.find("stream_read on cpu: 48 frames of 16000 atoms"), std::string::npos) << done.out;
  const std::string svg = read_file(folder.file("a.svg"));
  EXPECT_EQ(svg.rfind("<svg xmlns", 0), 0u);
  EXPECT_EQ(svg.substr(svg.size() - 7), "</svg>\n");
  size_t bars = 0;
  for (size_t at = svg.find("<rect"); at != std::string::npos; at = svg.find("<rect", at + 1)) ++bars;
  EXPECT_EQ(bars, 1 + s.at("timeline").size());  // and the background
}

TEST(LongBenchStreaming, EveryCaseRuns) {
  const TempFolder folder;
  const auto done = grainfield::test::grainfield(
      "bench --device cpu --threads 1 --repeats 1 --sizes 500 --filter '^(stream_|cut_)' -o " +
      folder.file("a.json"));
  ASSERT_EQ(done.code, 0) << done.err;
  const json report = json::parse(read_file(folder.file("a.json")));
  std::set<std::string> cases;
  for (const json& s : report.at("streaming")) {
    EXPECT_GT(s.at("over_slowest").get<double>(), 0.3) << s.at("case");
    cases.insert(s.at("case"));
  }
  for (const json& c : report.at("cut")) {
    EXPECT_GT(c.at("uncut").at("wall_s").get<double>(), 0) << c.at("case");
    EXPECT_NE(c.contains("wall_ratio"), c.contains("why")) << c.at("case");  // too small to cut, or cut
    cases.insert(c.at("case"));
  }
  EXPECT_EQ(cases, (std::set<std::string>{"stream_read", "stream_compute", "stream_write", "cut_density",
                                          "cut_coordination", "cut_rdf", "cut_voronoi", "cut_sfd",
                                          "cut_structure", "cut_eam", "cut_mtp"}));
}

// Two boundaries across a long cell: layers that lost part of their atoms.
Frame long_bicrystal() {
  const int nx = 6, nz = 40;
  const double a = 2.855;
  Frame frame;
  frame.box = Box({nx * a, 0, 0}, {0, nx * a, 0}, {0, 0, nz * a});
  frame.species = {{"Fe", 55.845, 1}};
  std::mt19937 random(7);
  std::uniform_real_distribution<double> shift(-0.05, 0.05), chance(0, 1);
  for (int k = 0; k < nz; ++k)
    for (int j = 0; j < nx; ++j)
      for (int i = 0; i < nx; ++i)
        for (const double half : {0.0, 0.5}) {
          const double x = (i + half) * a + shift(random), y = (j + half) * a + shift(random);
          const bool at_boundary = k % (nz / 2) == nz / 4;
          const double lost = chance(random);
          if (at_boundary && lost < 0.4) continue;
          frame.position.push_back({x, y, (k + half) * a + shift(random)});
          frame.type.push_back(0);
        }
  return frame;
}

// Equal integers; numbers that differ by at most 1e-12 of the largest of their kind, but for what cancels or
// is a quotient of small numbers.
void expect_same(const FrameResults& a, const FrameResults& b, const std::string& what) {
  const auto largest = [](const std::vector<double>& values) {
    double scale = 0;
    for (const double v : values)
      if (!std::isnan(v)) scale = std::max(scale, std::fabs(v));
    return scale;
  };
  const auto compare = [&](const std::vector<double>& x, const std::vector<double>& y,
                           const std::string& name) {
    ASSERT_EQ(x.size(), y.size()) << what << " " << name;
    double scale = largest(x), tolerance = 1e-12;
    if (name == "net_force") scale = largest(a.find_field("force")->real);  // zero, but for rounding
    // Grades go through an inverse with large entries in the directions that no atom has.
    if (name == "extrapolation_grade") tolerance = 1e-8;
    // Made of deviations from means, a few percent of the values: what differs by 1e-12 of a value differs by
    // that times value over deviation here.
    if (name.find("correlation") != std::string::npos) tolerance = 1e-11;
    double worst = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      ASSERT_EQ(std::isnan(x[i]), std::isnan(y[i])) << what << " " << name << " " << i;
      if (!std::isnan(x[i])) worst = std::max(worst, std::fabs(x[i] - y[i]));
    }
    EXPECT_LE(worst, tolerance * scale) << what << " " << name;
  };
  ASSERT_EQ(a.fields.size(), b.fields.size()) << what;
  for (size_t f = 0; f < a.fields.size(); ++f) {
    EXPECT_EQ(a.fields[f].name, b.fields[f].name);
    EXPECT_EQ(a.fields[f].integer, b.fields[f].integer) << what << " " << a.fields[f].name;
    compare(a.fields[f].real, b.fields[f].real, a.fields[f].name);
  }
  ASSERT_EQ(a.observables.size(), b.observables.size()) << what;
  for (size_t o = 0; o < a.observables.size(); ++o) {
    EXPECT_EQ(a.observables[o].integer, b.observables[o].integer) << what << " " << a.observables[o].name;
    compare(a.observables[o].real, b.observables[o].real, a.observables[o].name);
  }
  EXPECT_EQ(a.notes, b.notes) << what;
}

class CutFrames : public testing::TestWithParam<const char*> {};

// Every analysis that works on slabs, in at least four of them.
TEST_P(CutFrames, GiveWhatTheWholeGives) {
  const std::string name = GetParam();
  const Frame frame = long_bicrystal();
  RunContext run;
  run.exec.threads = 2;
  run.exec = on_test_device(run.exec);
  run.structure = Structure::bcc;
  run.lattice = make_lattice(Structure::bcc, 2.855);
  run.memory_limit = int64_t{4} << 30;
  std::vector<AnalysisRequest> requests{{name, {}}};
  if (name.starts_with("eam") || name == "energy-density")
    run.potential = make_eam_potential(bench_eam_model(false), run.exec);
  if (name.starts_with("mtp"))
    run.potential = make_mtp_potential(bench_mtp_model(8), run.exec, MtpPrecision::full);
  if (name.starts_with("eam") || name.starts_with("mtp"))
    requests = {{"energy", {}}, {"force", {}}, {"virial", {}}, {"stress", {}}};
  if (name == "mtp-grade") requests = {{"grade", {}}};
  Analyzer whole(requests, run);
  const FrameResults expected = whole.analyze(frame);
  ASSERT_FALSE(whole.plans().empty()) << "nothing is done in slabs";
  double uncut = 0, fixed = 0;
  for (const SlabPlan& plan : whole.plans()) {
    EXPECT_EQ(plan.n_slabs(), 1);
    uncut = std::max(uncut, plan.uncut_bytes - plan.fixed);
    fixed = std::max(fixed, plan.fixed);
  }
  int n_slabs = 1;
  for (double share = 0.35; n_slabs < 4; share *= 0.75) {
    ASSERT_GT(share, 0.01);
    const auto held = static_cast<double>(bytes_of(frame) + bytes_of(expected));
    run.memory_limit = static_cast<int64_t>(held + fixed + share * uncut);
    Analyzer cut(requests, run);
    const FrameResults found = cut.analyze(frame);
    for (const SlabPlan& plan : cut.plans()) n_slabs = std::max(n_slabs, plan.n_slabs());
    if (n_slabs < 4) continue;
    expect_same(found, expected, name);
    expect_same(cut.analyze(frame), expected, name + " once more, in memory that is kept");
  }
}

INSTANTIATE_TEST_SUITE_P(LongAnalyses, CutFrames,
                         testing::Values("density", "coordination", "rdf", "voronoi", "sfd", "structure",
                                         "shells", "density-profile", "entropy", "excess-volume",
                                         "energy-density", "eam", "mtp", "mtp-grade"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

// Frames of one kind find the memory of the pass before; another kind gives it back first.
TEST(CutFramesMemory, IsKeptForTheNextFrame) {
  const Frame frame = bcc_frame(12);
  RunContext run;
  const auto in_use = [] { return memory_use(Processor::cpu).now; };
  const int64_t before = in_use();
  {
    Analyzer one({{"fake-pairs", {}}}, run, fakes());
    const FrameResults first = one.analyze(frame);
    const int64_t kept = in_use() - before;
    EXPECT_GT(kept, frame.n_atoms() * 100);
    EXPECT_LE(kept, static_cast<int64_t>(one.plans().front().bytes));
    const FrameResults second = one.analyze(frame);
    EXPECT_EQ(in_use() - before, kept);
    EXPECT_EQ(first.find_field("pair_sum")->real, second.find_field("pair_sum")->real);
  }
  EXPECT_EQ(in_use(), before);
  Analyzer both({{"fake-pairs", {}}, {"fake-wide", {}}}, run, fakes());
  reset_peak_memory(Processor::cpu);
  both.analyze(frame);
  both.analyze(frame);
  double largest = 0;
  for (const SlabPlan& plan : both.plans()) largest = std::max(largest, plan.bytes);
  EXPECT_LE(static_cast<double>(memory_use(Processor::cpu).peak - before), largest);
}

// A slab takes memory for its own atoms and halo, not for the frame; on a GPU the frame stays on the host.
TEST(CutFramesMemory, ASlabIsChargedForItsOwnAtoms) {
  const Frame frame = long_bicrystal();
  const Needs needs{0, 3, 100, 0, 0};
  const auto n = static_cast<double>(frame.n_atoms());
  for (const bool on_gpu : {false, true}) {
    const SlabPlan whole = plan_slabs(frame, needs, on_gpu, 1e300, 0, 0);
    EXPECT_EQ(whole.n_slabs(), 1);
    EXPECT_EQ(whole.per_input, on_gpu ? 56 : 28);
    EXPECT_EQ(whole.reach, 3);
    const SlabPlan plan = plan_slabs(frame, needs, on_gpu, 0.1 * whole.uncut_bytes, 0, 0);
    EXPECT_EQ(plan.axis, 2);
    EXPECT_LE(plan.bytes, 0.1 * whole.uncut_bytes);
    EXPECT_LT(plan.bytes, plan.per_input * n + 0.05 * whole.uncut_bytes);
    EXPECT_GE(plan.n_slabs(), 10);
  }
  try {
    plan_slabs(frame, needs, true, 1e4, 0, 0);
    FAIL();
  } catch (const ResourceError& error) {
    EXPECT_NE(std::string(error.what()).find("the GPU's memory is not enough: 0 MB"), std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace grainfield
