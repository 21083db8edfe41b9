// The driver with fake analyses: order, slabs, threads, errors, interruption, resume.
#include <gtest/gtest.h>

#include <cstring>

#include "host/slab_plan.hpp"
#include "tests/pipeline/fakes.hpp"

namespace grainfield {
namespace {

using namespace test;

RunContext run_with(int threads, int64_t memory = 0) {
  RunContext run;
  run.exec.threads = threads;
  run.memory_limit = memory;
  return run;
}

template <class E, class F>
std::string message_of(const F& f) {
  try {
    f();
  } catch (const E& e) {
    return e.what();
  }
  return "nothing was thrown";
}

struct Job {
  Written written;
  RunWatch watch;
  PipelineOptions options;

  explicit Job(int64_t n_frames = 5, int64_t n_good = -1, int cells = 4) {
    options.inputs = {"a", "b"};
    // Input a has the first two frames, b the others.
    options.open = [=](const std::string& path) -> std::unique_ptr<Reader> {
      if (path == "a") return std::make_unique<FakeReader>(2, 0, -1, cells);
      return std::make_unique<FakeReader>(n_frames - 2, 2, n_good < 0 ? -1 : n_good - 2, cells);
    };
    options.make_writer = [this] { return std::make_unique<MemoryWriter>(written); };
  }
  RunReport run(const std::vector<AnalysisRequest>& requests, int threads = 2, int64_t memory = 0) {
    Analyzer analyzer(requests, run_with(threads, memory), fakes());
    return run_pipeline(options, analyzer, watch);
  }
};

bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}

TEST(Analyzer, OrderComesFromRequirementsAndTheRegistry) {
  const Analyzer analyzer({{"fake-wide", {}}, {"fake-after", {}}}, run_with(1), fakes());
  EXPECT_EQ(analyzer.names(), (std::vector<std::string>{"fake-pairs", "fake-wide", "fake-after"}));
  ASSERT_EQ(analyzer.notes().size(), 1u);
  EXPECT_EQ(analyzer.notes()[0], "fake-pairs is computed too: fake-after needs it");
}

TEST(Analyzer, ParametersReachAnalysesThatAreRequired) {
  const Analyzer analyzer({{"fake-after", {}}, {"fake-pairs", {{"cutoff", "5"}}, true}}, run_with(1),
                          fakes());
  const auto parameters = analyzer.parameters();
  ASSERT_EQ(parameters.size(), 2u);
  EXPECT_EQ(parameters[0], (std::pair<std::string, std::string>("fake-pairs.cutoff", "5")));
}

TEST(Analyzer, WrongRequestsAreNamed) {
  const auto make = [](const std::vector<AnalysisRequest>& r) {
    return message_of<UsageError>([&] { Analyzer(r, run_with(1), fakes()); });
  };
  EXPECT_EQ(make({{"fake-pair", {}}}),
            "there is no analysis 'fake-pair' (did you mean 'fake-pairs'?); known: fake-after, fake-pairs, "
            "fake-wide, fake-trouble, fake-loop");
  EXPECT_EQ(make({{"fake-pairs", {{"cutof", "3"}}}}),
            "--set fake-pairs.cutof: there is no such parameter (did you mean 'cutoff'?); fake-pairs has "
            "cutoff, label");
  EXPECT_EQ(make({{"fake-pairs", {{"cutoff", "0.05"}}}}),
            "--set fake-pairs.cutoff: 0.05 A is out of range; expected 0.1 to 20");
  EXPECT_EQ(make({{"fake-pairs", {{"cutoff", "3x"}}}}),
            "--set fake-pairs.cutoff: expected a finite number, found '3x'");
  EXPECT_EQ(make({{"fake-pairs", {}}, {"fake-pairs", {}}}),
            "--compute names fake-pairs twice; name each analysis once");
  EXPECT_EQ(make({{"fake-pairs", {}}, {"fake-wide", {{"reach", "5"}}, true}}),
            "--set fake-wide.reach: fake-wide is not computed; add it to --compute");
  EXPECT_EQ(make({}),
            "--compute names no analysis; known: fake-after, fake-pairs, fake-wide, fake-trouble, fake-loop");
  EXPECT_EQ(message_of<std::logic_error>([] {
              Analyzer({{"fake-loop", {}}}, run_with(1), fakes());
            }),
            "analyses require each other: fake-loop -> fake-loop");
}

TEST(Analyzer, CoincidentAtomsAreReportedWithTheirIds) {
  Frame frame = bcc_frame(4);
  for (int64_t i = 0; i < frame.n_atoms(); ++i) frame.id.push_back(1000 + i);
  frame.position[17] = frame.position[90] + Vec3{0, 1e-5, 0};
  Analyzer analyzer({{"fake-pairs", {}}}, run_with(2), fakes());
  const FrameResults results = analyzer.analyze(frame);
  ASSERT_EQ(results.notes.size(), 2u);
  EXPECT_EQ(results.notes[1], "1 pairs of atoms are closer than 0.0001 A; the first are ids 1017 and 1090");
}

// The brute sum over all images, for one atom.
double wide_sum(const Frame& frame, size_t i, double reach) {
  double sum = 0;
  const int m = 3;
  for (const Vec3& r : frame.position)
    for (int a = -m; a <= m; ++a)
      for (int b = -m; b <= m; ++b)
        for (int c = frame.box.periodic[2] ? -m : 0; c <= (frame.box.periodic[2] ? m : 0); ++c) {
          const Vec3 rij = r + static_cast<double>(a) * frame.box.a + static_cast<double>(b) * frame.box.b +
                           static_cast<double>(c) * frame.box.c - frame.position[i];
          if (dot(rij, rij) < reach * reach) sum += std::exp(-dot(rij, rij) / 4);
        }
  return sum;
}

TEST(Slabs, SmallerMemoryGivesTheSameIntegersAndSums) {
  for (const bool periodic : {true, false}) {
    const Frame frame = bcc_frame(14, 2.83, 0.1, 3, periodic);
    const std::vector<AnalysisRequest> requests{{"fake-after", {}}, {"fake-wide", {}}};
    Analyzer whole(requests, run_with(2, int64_t{4} << 30), fakes());
    const FrameResults expected = whole.analyze(frame);
    EXPECT_NEAR(expected.find_field("wide_sum")->real[0], wide_sum(frame, 0, 7), 1e-11);
    int last_n_slabs = 1;
    for (const double share : {0.8, 0.6, 0.45}) {
      const double uncut = whole.bytes_per_atom() * static_cast<double>(frame.n_atoms());
      const auto held = static_cast<double>(bytes_of(frame) + bytes_of(expected));
      const auto limit = static_cast<int64_t>(held + share * uncut);
      const int n_slabs = plan_slabs(frame, {0, 7, 8, 0, 0}, false, share * uncut, held, held).n_slabs();
      EXPECT_GE(n_slabs, last_n_slabs);
      last_n_slabs = n_slabs;
      Analyzer cut(requests, run_with(2, limit), fakes());
      const FrameResults found = cut.analyze(frame);
      EXPECT_EQ(found.find_field("pair_count")->integer, expected.find_field("pair_count")->integer);
      for (const char* name : {"pair_sum", "wide_sum"}) {
        const std::vector<double>& a = found.find_field(name)->real;
        const std::vector<double>& b = expected.find_field(name)->real;
        ASSERT_EQ(a.size(), b.size());
        for (size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], 1e-12 * std::fabs(b[i])) << name << i;
      }
    }
    EXPECT_GE(last_n_slabs, 3);
  }
}

TEST(Slabs, CutsHoldAboutEqualNumbersOfAtoms) {
  Frame frame = bcc_frame(12);
  frame.box = Box({34, 0, 0}, {0, 34, 0}, {0, 0, 120}, {0, 0, 0}, true, true, true);  // vacuum above
  const Needs needs{0, 3, 100, 0, 0};
  const double uncut = plan_slabs(frame, needs, false, 1e300, 0, 0).uncut_bytes;
  const SlabPlan plan = plan_slabs(frame, needs, false, 0.5 * uncut, 0, 0);
  ASSERT_GE(plan.n_slabs(), 3);
  EXPECT_EQ(plan.axis, 2);
  EXPECT_LE(plan.bytes, 0.5 * uncut);
  std::vector<int64_t> n(static_cast<size_t>(plan.n_slabs()));
  for (const Vec3& r : frame.position) {
    double s = frame.box.fractional(r)[2];
    s -= std::floor(s);
    for (int k = 0; k < plan.n_slabs(); ++k)
      if (plan.slab(k).lo <= s && s < plan.slab(k).hi) ++n[static_cast<size_t>(k)];
  }
  int64_t sum = 0;
  for (const int64_t k : n) {
    EXPECT_NEAR(static_cast<double>(k), 3456.0 / plan.n_slabs(), 300);
    sum += k;
  }
  EXPECT_EQ(sum, frame.n_atoms());
}

TEST(Slabs, MemoryInUseStaysBelowThePlan) {
  const Frame frame = bcc_frame(40);  // 128,000 atoms
  const std::vector<AnalysisRequest> requests{{"fake-pairs", {{"cutoff", "5.5"}}}, {"fake-wide", {}}};
  Analyzer whole(requests, run_with(2, int64_t{8} << 30), fakes());
  whole.analyze(frame);
  const double uncut = whole.bytes_per_atom() * static_cast<double>(frame.n_atoms());
  for (const double share : {1.1, 0.6}) {
    const auto limit = static_cast<int64_t>(share * uncut) + bytes_of(frame) + 40 * frame.n_atoms();
    Analyzer analyzer(requests, run_with(2, limit), fakes());
    const int64_t before = memory_use(Processor::cpu).now;
    reset_peak_memory(Processor::cpu);
    const FrameResults results = analyzer.analyze(frame);
    const int64_t used = memory_use(Processor::cpu).peak - before;
    EXPECT_LT(used + bytes_of(frame) + bytes_of(results), limit);
    EXPECT_GT(used, limit / 4) << "the plan is far above what is used";
  }
}

TEST(Slabs, TooLittleMemoryIsRefusedWithTheAmountNeeded) {
  const Frame frame = bcc_frame(10);
  Analyzer analyzer({{"fake-wide", {}}}, run_with(1, 60000), fakes());
  const std::string message = message_of<ResourceError>([&] { analyzer.analyze(frame); });
  EXPECT_NE(message.find("is not enough"), std::string::npos) << message;
  EXPECT_NE(message.find("give at least"), std::string::npos) << message;
}

TEST(Pipeline, AllFramesOfAllInputsInOrder) {
  Job s;
  const RunReport report = s.run({{"fake-after", {}}, {"fake-wide", {}}});
  EXPECT_EQ(report.frames_computed, 5);
  EXPECT_EQ(report.atoms, 5 * 128);
  EXPECT_FALSE(report.interrupted);
  EXPECT_TRUE(s.written.closed);
  ASSERT_EQ(s.written.frames.size(), 5u);
  for (const auto& [index, results] : s.written.frames) {
    EXPECT_EQ(results.step, index);
    const Frame frame = bcc_frame(4, 2.83, 0.1, static_cast<unsigned>(index));
    EXPECT_EQ(results.n_atoms, frame.n_atoms());
    Analyzer alone({{"fake-wide", {}}}, run_with(1), fakes());
    EXPECT_TRUE(
        same_bits(alone.analyze(frame).find_field("wide_sum")->real, results.find_field("wide_sum")->real));
    // Grids went to the file before their frame, plane by plane.
    ASSERT_EQ(s.written.grids[index].size(), 24u);
    EXPECT_EQ(s.written.grids[index][12], 200);
    EXPECT_EQ(s.written.positions[index][3].x, frame.position[3].x);
  }
  std::vector<std::string> stages;
  for (const auto& stage : report.stages) stages.push_back(stage.first);
  for (const char* name :
       {"read", "ghosts, cells and lists", "fake-pairs", "fake-wide", "fake-after", "write"})
    EXPECT_NE(std::find(stages.begin(), stages.end(), name), stages.end()) << name;
}

TEST(Pipeline, ThreadsChangeNoBit) {
  Job one(3), two(3), four(3);
  const std::vector<AnalysisRequest> requests{{"fake-after", {}}, {"fake-wide", {}}};
  const RunReport a = one.run(requests, 1), b = two.run(requests, 2), c = four.run(requests, 4);
  for (const Job* other : {&two, &four})
    for (const auto& [index, results] : one.written.frames)
      for (const char* name : {"pair_sum", "wide_sum"})
        EXPECT_TRUE(same_bits(results.find_field(name)->real,
                              other->written.frames.at(index).find_field(name)->real));
  EXPECT_EQ(a.summary.table(), b.summary.table());
  EXPECT_EQ(a.summary.table(), c.summary.table());
}

TEST(Pipeline, FramesTakeTurnsWhereMemoryIsShort) {
  Job wide(4, -1, 10), narrow(4, -1, 10);
  const std::vector<AnalysisRequest> requests{{"fake-pairs", {}}};
  wide.run(requests);
  // Enough for one frame and its pass, not for three frames.
  narrow.run(requests, 2, 1000000);
  ASSERT_EQ(narrow.written.frames.size(), 4u);
  for (const auto& [index, results] : wide.written.frames)
    EXPECT_EQ(results.find_field("pair_count")->integer,
              narrow.written.frames.at(index).find_field("pair_count")->integer);
}

TEST(Pipeline, SelectsFramesAsAPythonSlice) {
  const struct {
    const char* range;
    std::vector<int64_t> frames;
  } cases[] = {{"1:4", {1, 2, 3}}, {"::2", {0, 2, 4}}, {"-2:", {3, 4}},  {"3", {3}},
               {"-1", {4}},        {":-3", {0, 1}},    {"1::3", {1, 4}}, {"2:100", {2, 3, 4}}};
  for (const auto& c : cases) {
    Job s;
    s.options.frames = FrameRange(c.range);
    s.run({{"fake-pairs", {}}});
    std::vector<int64_t> found;
    for (const auto& [index, results] : s.written.frames) {
      found.push_back(index);
      EXPECT_EQ(results.step, index);
    }
    EXPECT_EQ(found, c.frames) << c.range;
    EXPECT_EQ(FrameRange(c.range).count(5), static_cast<int64_t>(c.frames.size())) << c.range;
  }
  for (const char* wrong : {"", "a:b", "1:2:0", "1:2:-1", "1:2:3:4", "1.5"})
    EXPECT_THROW(FrameRange{wrong}, UsageError) << wrong;
  Job s;
  s.options.frames = FrameRange("7:9");
  EXPECT_EQ(message_of<UsageError>([&] {
              s.run({{"fake-pairs", {}}});
            }),
            "--frames 7:9 selects none of the 5 frames of the input");
  EXPECT_FALSE(s.written.closed);
}

TEST(Pipeline, AReadErrorKeepsTheFramesBeforeIt) {
  Job s(6, 4);
  EXPECT_EQ(message_of<InputError>([&] { s.run({{"fake-pairs", {}}}); }), "fake.dump, frame 2: broken");
  EXPECT_EQ(s.written.frames.size(), 4u);
  EXPECT_FALSE(s.written.closed);
}

TEST(Pipeline, BadFramesAreNotedAndKeepTheirNumbers) {
  const std::vector<AnalysisRequest> requests{{"fake-pairs", {}}};
  const auto job = [](Job& s, int64_t lost) {
    s.options.skip_bad_frames = true;
    s.options.open = [=](const std::string& path) -> std::unique_ptr<Reader> {
      if (path == "none") throw InputError("none: is no snapshot");
      auto reader = path == "a" ? std::make_unique<FakeReader>(4, 0) : std::make_unique<FakeReader>(4, 10);
      reader->bad = {1, 2, 12};
      reader->lost = lost;
      return reader;
    };
    s.options.inputs = {"a", "none", "b"};
  };
  const auto numbers = [](const Job& s) {
    std::vector<int64_t> found;
    for (const auto& [frame, results] : s.written.frames) found.push_back(frame);
    return found;
  };
  const struct {
    const char* frames;
    int64_t lost;
    std::vector<int64_t> good;
    int64_t n_bad;
  } cases[] = {
      {":", -1, {0, 3, 5, 6, 8}, 4}, {"2:7", -1, {3, 5, 6}, 2}, {"-2:", -1, {8}, 1},
      {"::3", -1, {0, 3, 6}, 0},     {":", 1, {0, 3, 4, 6}, 3}, {":", 12, {0, 3, 5, 6}, 4},
  };
  for (const auto& c : cases) {
    for (const int64_t memory : {int64_t{0}, int64_t{4} << 20}) {
      Job s;
      job(s, c.lost);
      s.options.frames = FrameRange(c.frames);
      const RunReport report = s.run(requests, 2, memory);
      EXPECT_EQ(numbers(s), c.good) << c.frames;
      EXPECT_EQ(report.frames_bad, c.n_bad) << c.frames;
      EXPECT_EQ(report.bad_notes.size(), static_cast<size_t>(c.n_bad));
      EXPECT_TRUE(s.written.closed);
      // Resumed with some frames there, the rest is the same.
      s.written.frames.erase(c.good.back());
      s.options.resume = true;
      EXPECT_EQ(s.run(requests, 2, memory).frames_computed, 1);
      EXPECT_EQ(numbers(s), c.good);
    }
  }
  Job s;
  job(s, -1);
  EXPECT_EQ(s.run(requests).bad_notes,
            (std::vector<std::string>{
                "frame 1 skipped: fake.dump: step 1 is bad", "frame 2 skipped: fake.dump: step 2 is bad",
                "frame 4 skipped: none: is no snapshot", "frame 7 skipped: fake.dump: step 12 is bad"}));
  Job only_bad;
  job(only_bad, -1);
  only_bad.options.frames = FrameRange("1:3");
  EXPECT_EQ(message_of<InputError>([&] { only_bad.run(requests); }),
            "no frame could be read; 2 skipped, the first: frame 1 skipped: fake.dump: step 1 is bad");
  Job default_way;
  job(default_way, -1);
  default_way.options.skip_bad_frames = false;
  EXPECT_EQ(message_of<InputError>([&] { default_way.run(requests); }), "fake.dump: step 1 is bad");
  EXPECT_EQ(numbers(default_way), (std::vector<int64_t>{0}));
}

TEST(Pipeline, AnErrorOfAnAnalysisKeepsTheFramesBeforeIt) {
  Job s(6);
  EXPECT_EQ(message_of<ResourceError>([&] {
              s.run({{"fake-pairs", {}}, {"fake-trouble", {{"step", "3"}}}});
            }),
            "fake trouble");
  EXPECT_EQ(s.written.frames.size(), 3u);
  EXPECT_FALSE(s.written.closed);
}

TEST(Pipeline, AWriteErrorStopsEverything) {
  for (const int64_t at : {0, 1, 4}) {
    Job s(400);
    s.written.fail_at = at;
    EXPECT_EQ(message_of<ResourceError>([&] { s.run({{"fake-after", {}}}); }), "fake disk is full");
    EXPECT_EQ(s.written.frames.size(), static_cast<size_t>(at));
    EXPECT_FALSE(s.written.closed);
  }
  Job s;
  s.options.make_writer = []() -> std::unique_ptr<ResultsWriter> { throw ResourceError("no disk"); };
  EXPECT_EQ(message_of<ResourceError>([&] { s.run({{"fake-after", {}}}); }), "no disk");
  s.options.resume = true;
  EXPECT_EQ(message_of<ResourceError>([&] { s.run({{"fake-after", {}}}); }), "no disk");
}

TEST(Pipeline, StopEndsAfterTheFrameInHandAndResumeGoesOn) {
  Job s(6);
  FakeTrouble::stop = &s.watch.stop;
  const std::vector<AnalysisRequest> requests{{"fake-pairs", {}}, {"fake-trouble", {{"step", "2"}}}};
  const RunReport first = s.run(requests);
  EXPECT_TRUE(first.interrupted);
  EXPECT_EQ(first.frames_computed, 3);
  EXPECT_EQ(s.written.frames.size(), 3u);
  EXPECT_FALSE(s.written.closed);
  FakeTrouble::stop = nullptr;

  s.watch.stop = false;
  s.options.resume = true;
  const RunReport second = s.run({{"fake-pairs", {}}});
  EXPECT_FALSE(second.interrupted);
  EXPECT_EQ(second.frames_kept, 3);
  EXPECT_EQ(second.frames_computed, 3);
  EXPECT_EQ(s.written.frames.size(), 6u);
  EXPECT_TRUE(s.written.closed);

  // A third time there is nothing to do, which is no error.
  const RunReport third = s.run({{"fake-pairs", {}}});
  EXPECT_EQ(third.frames_kept, 6);
  EXPECT_EQ(third.frames_computed, 0);
}

TEST(Summary, MatchesTheDefinitionsAndCountsNaN) {
  FrameResults results;
  Field& field = results.fields.emplace_back();
  field.name = "f";
  field.unit = "A";
  field.components = 2;
  std::mt19937 random(7);
  std::normal_distribution<double> normal(1e3, 2);
  double sum = 0, square = 0;
  const int n = 100000;
  std::vector<double> second;
  for (int i = 0; i < n; ++i) {
    field.real.push_back(std::nan(""));
    second.push_back(normal(random));
    field.real.push_back(second.back());
    sum += second.back();
  }
  for (const double v : second) square += (v - sum / n) * (v - sum / n);
  field.real[1] = std::nan("");
  sum -= second[0];
  square -= (second[0] - sum / n) * (second[0] - sum / n);
  RunSummary summary;
  summary.add(results, 2);
  ASSERT_EQ(summary.fields().size(), 2u);
  EXPECT_EQ(summary.fields()[0].values.n_nan, n);
  EXPECT_EQ(summary.fields()[0].values.count, 0);
  const Statistics& v = summary.fields()[1].values;
  EXPECT_EQ(v.n_nan, 1);
  EXPECT_NEAR(v.mean, sum / (n - 1), 1e-9);
  EXPECT_NEAR(v.std(), std::sqrt(square / (n - 1)), 1e-5);
  EXPECT_EQ(v.min, *std::min_element(second.begin() + 1, second.end()));
  EXPECT_EQ(v.max, *std::max_element(second.begin() + 1, second.end()));
  EXPECT_NE(summary.table().find("f.1"), std::string::npos);
}

// Value by value, for tables of few and many columns, with and without NaN, and rows that fill no block.
TEST(Summary, ColumnsEqualTheirValuesOneByOne) {
  std::mt19937 random(11);
  std::normal_distribution<double> normal(-40, 3);
  double worst = 0;
  for (const int columns : {1, 2, 3, 7, 16, 17, 103, 5000})
    for (const int64_t rows : {int64_t{0}, int64_t{1}, int64_t{2}, int64_t{300}, int64_t{70001}}) {
      if (rows * columns > 1500000) continue;
      std::vector<double> table(static_cast<size_t>(rows * columns));
      std::vector<int32_t> integers(table.size());
      for (size_t k = 0; k < table.size(); ++k) {
        table[k] = random() % 50 == 0 ? std::nan("") : normal(random);
        integers[k] = static_cast<int32_t>(random() % 14) - 1;
      }
      std::vector<Statistics> real(static_cast<size_t>(columns)), integer(real);
      for (size_t k = 0; k < table.size(); ++k) {
        real[k % real.size()].add(table[k]);
        integer[k % integer.size()].add(integers[k]);
      }
      const auto compare = [&](const std::vector<Statistics>& found,
                               const std::vector<Statistics>& expected) {
        ASSERT_EQ(found.size(), expected.size());
        for (size_t c = 0; c < found.size(); ++c) {
          const Statistics &f = found[c], &e = expected[c];
          ASSERT_EQ(f.count, e.count) << columns << " columns, " << rows << " rows, column " << c;
          ASSERT_EQ(f.n_nan, e.n_nan);
          ASSERT_EQ(f.min, e.min);
          ASSERT_EQ(f.max, e.max);
          ASSERT_NEAR(f.mean, e.mean, 1e-12 * std::fabs(e.mean) + 1e-13);
          ASSERT_NEAR(f.square, e.square, 1e-11 * e.square + 1e-20);
          if (e.square > 0) worst = std::max(worst, std::fabs(f.square - e.square) / e.square);
        }
      };
      compare(column_statistics(table, columns, 1), real);
      compare(column_statistics(integers, columns, 2), integer);
      const auto one = column_statistics(table, columns, 1), four = column_statistics(table, columns, 4);
      for (size_t c = 0; c < one.size(); ++c) {
        EXPECT_EQ(one[c].mean, four[c].mean);
        EXPECT_EQ(one[c].square, four[c].square);
      }
    }
  std::printf("largest relative difference of squared deviations: %.1e\n", worst);
}

TEST(Summary, TextsOfBytesAndSeconds) {
  EXPECT_EQ(bytes_text(999), "999 B");
  EXPECT_EQ(bytes_text(1.234e9), "1.23 GB");
  EXPECT_EQ(seconds_text(0.00001), "0 s");
  EXPECT_EQ(seconds_text(12.34), "12.3 s");
  EXPECT_EQ(seconds_text(245), "4 min 05 s");
  EXPECT_EQ(seconds_text(7380), "2 h 03 min");
}

}  // namespace
}  // namespace grainfield
