// On a GPU two frames are computed at a time: results, grids and errors are those of one at a time.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "host/bench_inputs.hpp"
#include "kernels/potential/mtp.hpp"
#include "tests/pipeline/fakes.hpp"
#include "tests/support/systems.hpp"

namespace grainfield {
namespace {

using namespace test;

constexpr int n_frames = 7, cells = 5;

// Keeps what it is given, and the order of it.
class OrderWriter final : public ResultsWriter {
 public:
  struct Log {
    std::vector<int64_t> frames, grids;
    std::map<int64_t, FrameResults> results;
    std::map<int64_t, std::vector<double>> grid;
    bool open_grid = false, closed = false;
  };
  explicit OrderWriter(Log& log) : log_(log) {}
  bool has_frame(int64_t) const override { return false; }
  std::vector<KeptFrame> kept_frames() const override { return {}; }
  void write(const Frame& frame, const FrameResults& results) override {
    EXPECT_FALSE(log_.open_grid);
    EXPECT_EQ(frame.step, results.step);
    log_.frames.push_back(results.frame);
    log_.results[results.frame] = results;
  }
  void begin_grid(int64_t frame, const GridShape& grid) override {
    EXPECT_FALSE(log_.open_grid);
    log_.open_grid = true;
    log_.grids.push_back(frame);
    plane_ = grid.n[1] * grid.n[2];
  }
  void write_planes(int64_t, int64_t n, const double* values) override {
    std::vector<double>& all = log_.grid[log_.grids.back()];
    all.insert(all.end(), values, values + n * plane_);
  }
  void end_grid() override { log_.open_grid = false; }
  void close() override { log_.closed = true; }

 private:
  Log& log_;
  int64_t plane_ = 0;
};

RunContext run_on(const Exec& exec) {
  RunContext run;
  run.exec = exec;
  run.structure = Structure::bcc;
  run.lattice = make_lattice(Structure::bcc, 2.83);
  run.memory_limit = int64_t{2} << 30;
  run.potential = make_mtp_potential(bench_mtp_model(8), exec, MtpPrecision::full);
  return run;
}

const std::vector<AnalysisRequest> requests{{"density", {{"beta", "1"}, {"method", "sum"}}},
                                            {"density-grid", {{"spacing", "2"}}},
                                            {"structure", {}},
                                            {"voronoi", {}},
                                            {"energy", {}},
                                            {"force", {}},
                                            {"grade", {}}};

PipelineOptions options_for(OrderWriter::Log& log, Timeline* timeline, int64_t n_good = -1) {
  PipelineOptions options;
  options.inputs = {"a"};
  options.open = [=](const std::string&) { return std::make_unique<FakeReader>(n_frames, 0, n_good, cells); };
  options.make_writer = [&log] { return std::make_unique<OrderWriter>(log); };
  options.timeline = timeline;
  return options;
}

// Frames that are computed at the same time.
int most_at_once(const Timeline& timeline) {
  std::vector<std::pair<double, int>> changes;
  for (const TimelineEvent& e : timeline.events())
    if (e.stage == "compute") changes.insert(changes.end(), {{e.start, 1}, {e.stop, -1}});
  std::sort(changes.begin(), changes.end());
  int now = 0, most = 0;
  for (const auto& change : changes) most = std::max(most, now += change.second);
  return most;
}

void expect_equal(const FrameResults& found, const FrameResults& wanted) {
  ASSERT_EQ(found.fields.size(), wanted.fields.size());
  for (size_t k = 0; k < wanted.fields.size(); ++k) {
    EXPECT_EQ(found.fields[k].name, wanted.fields[k].name);
    EXPECT_EQ(found.fields[k].integer, wanted.fields[k].integer) << wanted.fields[k].name;
    EXPECT_EQ(found.fields[k].real, wanted.fields[k].real) << wanted.fields[k].name;
  }
  ASSERT_EQ(found.observables.size(), wanted.observables.size());
  for (size_t k = 0; k < wanted.observables.size(); ++k)
    EXPECT_EQ(found.observables[k].real, wanted.observables[k].real) << wanted.observables[k].name;
  EXPECT_EQ(found.notes, wanted.notes);
}

TEST(Lanes, GiveTheBitsOfOneFrameAtATime) {
  std::vector<Exec> all = gpu_executions();
  all.push_back({});
  for (const Exec& exec : all) {
    OrderWriter::Log log;
    Timeline timeline;
    RunWatch watch;
    Analyzer analyzer(requests, run_on(exec));
    const RunReport report = run_pipeline(options_for(log, &timeline), analyzer, watch);
    EXPECT_EQ(most_at_once(timeline), exec.on_gpu() ? 2 : 1);
    EXPECT_EQ(report.frames_computed, n_frames);
    EXPECT_TRUE(log.closed);
    std::vector<int64_t> order(n_frames);
    for (int k = 0; k < n_frames; ++k) order[static_cast<size_t>(k)] = k;
    EXPECT_EQ(log.frames, order);
    EXPECT_EQ(log.grids, order);

    Analyzer alone(requests, run_on(exec));
    for (int k = 0; k < n_frames; ++k) {
      OrderWriter::Log one;
      OrderWriter writer(one);
      struct Sink final : GridSink {
        OrderWriter& writer;
        explicit Sink(OrderWriter& w) : writer(w) {}
        void begin(const GridShape& grid) override { writer.begin_grid(0, grid); }
        void planes(int64_t first, int64_t n, const double* values) override {
          writer.write_planes(first, n, values);
        }
        void end() override { writer.end_grid(); }
      } sink(writer);
      expect_equal(log.results[k],
                   alone.analyze(bcc_frame(cells, 2.83, 0.1, static_cast<unsigned>(k)), k, &sink));
      EXPECT_EQ(log.grid[k], one.grid[0]);
    }
  }
}

// Results of 4 KB per atom.
class FakeColumns final : public Analysis {
 public:
  FakeColumns(const Parameters&, const RunContext&) {}
  static AnalysisInfo info() {
    return {"fake-columns", "Fills memory. For tests.", {}, {{"columns", "", "[atom][500]", "zeros"}}, {}};
  }
  void begin(FrameContext& c) override { c.add_field(info().fields[0], 500, false); }
};

// Where memory holds three frames, but not four, one is computed at a time.
TEST(Lanes, OneWhereMemoryIsShort) {
  const std::vector<AnalysisEntry> entries{{FakeColumns::info(), make_fake<FakeColumns>},
                                           find_analysis("structure", registry())};
  const std::vector<AnalysisRequest> both{{"fake-columns", {}}, {"structure", {}}};
  for (const Exec& exec : gpu_executions())
    for (const double frames : {3.8, 4.2}) {
      OrderWriter::Log log;
      Timeline timeline;
      RunWatch watch;
      RunContext run = run_on(exec);
      const Frame frame = bcc_frame(cells);
      const FrameResults results = Analyzer(both, run, entries).analyze(frame);
      run.memory_limit =
          static_cast<int64_t>(frames * static_cast<double>(bytes_of(frame) + bytes_of(results)));
      Analyzer analyzer(both, run, entries);
      EXPECT_EQ(run_pipeline(options_for(log, &timeline), analyzer, watch).frames_computed, n_frames);
      EXPECT_EQ(most_at_once(timeline), frames < 4 ? 1 : 2);
      EXPECT_TRUE(log.closed);
    }
}

// `structure`, and before it what fails or stops where it is told to.
const std::vector<AnalysisEntry>& troublesome() {
  static const std::vector<AnalysisEntry> entries{{FakeTrouble::info(), make_fake<FakeTrouble>},
                                                  find_analysis("structure", registry())};
  return entries;
}

TEST(Lanes, AnErrorKeepsTheFramesBeforeIt) {
  for (const Exec& exec : gpu_executions()) {
    OrderWriter::Log log;
    RunWatch watch;
    Analyzer analyzer(requests, run_on(exec));
    EXPECT_THROW(run_pipeline(options_for(log, nullptr, 6), analyzer, watch), InputError);
    EXPECT_EQ(log.frames, (std::vector<int64_t>{0, 1, 2, 3, 4, 5}));
    EXPECT_FALSE(log.closed);

    for (const char* step : {"0", "1", "4", "5", "6"}) {
      OrderWriter::Log other;
      Analyzer troubled({{"fake-trouble", {{"step", step}}}, {"structure", {}}}, run_on(exec), troublesome());
      EXPECT_THROW(run_pipeline(options_for(other, nullptr), troubled, watch), ResourceError);
      EXPECT_EQ(static_cast<int>(other.frames.size()), std::stoi(step));
      EXPECT_TRUE(std::is_sorted(other.frames.begin(), other.frames.end()));
      EXPECT_FALSE(other.closed);
    }
  }
}

TEST(Lanes, StopEndsAfterTheFramesInHand) {
  for (const Exec& exec : gpu_executions()) {
    OrderWriter::Log log;
    RunWatch watch;
    FakeTrouble::stop = &watch.stop;
    Analyzer analyzer({{"fake-trouble", {{"step", "4"}}}, {"structure", {}}}, run_on(exec), troublesome());
    const RunReport report = run_pipeline(options_for(log, nullptr), analyzer, watch);
    FakeTrouble::stop = nullptr;
    EXPECT_TRUE(report.interrupted);
    EXPECT_FALSE(log.closed);
    EXPECT_GE(log.frames.size(), 5u);  // frame 4 was in hand
    EXPECT_LE(log.frames.size(), 7u);
    for (size_t k = 0; k < log.frames.size(); ++k) EXPECT_EQ(log.frames[k], static_cast<int64_t>(k));
    EXPECT_EQ(report.frames_computed, static_cast<int64_t>(log.frames.size()));
  }
}

}  // namespace
}  // namespace grainfield
