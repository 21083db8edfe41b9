// host/cut_out, host/grade_report, host/cut_collector; the commands select and screen.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "host/active_set.hpp"
#include "host/cut_collector.hpp"
#include "host/cut_out.hpp"
#include "host/error.hpp"
#include "host/grade_report.hpp"
#include "io/mtp_file.hpp"
#include "kernels/potential/mtp.hpp"
#include "tests/pipeline/runs.hpp"
#include "tests/support/command.hpp"
#include "tests/support/evaluate_potential.hpp"
#include "tests/support/mtp_models.hpp"

namespace grainfield {
namespace {

using nlohmann::json;
using test::grainfield;
using test::Random;
using test::TempFolder;

// A rattled simple cubic crystal of `cells` cells of 3 A per edge, in a slightly sheared box.
Frame crystal(int cells, uint64_t seed, double rattle = 0.2) {
  Frame f;
  const double edge = 3.0 * cells;
  f.box = Box({edge, 0, 0}, {0.05 * edge, edge, 0}, {0, 0, edge});
  f.species = {{"", 0, 0}};
  Random random(seed);
  for (int a = 0; a < cells; ++a)
    for (int b = 0; b < cells; ++b)
      for (int c = 0; c < cells; ++c) {
        f.position.push_back(f.box.cartesian({static_cast<double>(a) / cells, static_cast<double>(b) / cells,
                                              static_cast<double>(c) / cells}) +
                             random.vector(-rattle, rattle));
        f.type.push_back(0);
      }
  return f;
}

// The least distance of two atoms through any shift but none.
double least_image_distance(const Frame& f, bool (&cut)[3]) {
  double least = 1e300;
  for (int a = -1; a <= 1; ++a)
    for (int b = -1; b <= 1; ++b)
      for (int c = -1; c <= 1; ++c) {
        if (!((a != 0 && cut[0]) || (b != 0 && cut[1]) || (c != 0 && cut[2]))) continue;
        for (const Vec3& p : f.position)
          for (const Vec3& q : f.position)
            least = std::min(least, norm(p + a * f.box.a + b * f.box.b + c * f.box.c - q));
      }
  return least;
}

TEST(CutOut, CellsKeepTheCenterAndTheirDistanceAtTheSeam) {
  const Frame f = crystal(8, 1);
  int64_t removed = 0;
  for (const int64_t center : {0, 77, 511}) {
    const CutOut cut = cut_cell(f, center, 13, 2.0);
    ASSERT_EQ(cut.source[0], center);
    EXPECT_FALSE(cut.whole);
    for (int k = 0; k < 3; ++k) {
      EXPECT_NEAR(cut.frame.box.height(k), 13, 1e-12);
      EXPECT_TRUE(cut.frame.box.periodic[k]);
    }
    EXPECT_LT(norm(cut.frame.position[0] - cut.frame.box.cartesian({0.5, 0.5, 0.5})), 1e-12);
    bool all[3] = {true, true, true};
    EXPECT_GE(least_image_distance(cut.frame, all), 2.0);
    removed += cut.removed;
    // Five layers of atoms in each direction fit into 13 A; the outer two are about 1 A apart at the seam.
    EXPECT_EQ(cut.frame.n_atoms() + cut.removed, 125);
    EXPECT_GE(cut.frame.n_atoms(), 64);
    for (size_t k = 0; k < cut.source.size(); ++k) {
      const Vec3 here = cut.frame.position[k] - cut.frame.position[0];
      const Vec3 there =
          f.position[static_cast<size_t>(cut.source[k])] - f.position[static_cast<size_t>(center)];
      EXPECT_LT(norm(f.box.minimum_image(here - there)), 1e-9);
    }
    EXPECT_EQ(std::set<int64_t>(cut.source.begin(), cut.source.end()).size(), cut.source.size());
    for (size_t k = 1; k < cut.source.size(); ++k)
      EXPECT_GE(norm(cut.frame.position[k] - cut.frame.position[0]) + 1e-12,
                norm(cut.frame.position[k - 1] - cut.frame.position[0]));
  }
  EXPECT_GT(removed, 3 * 45);
  EXPECT_EQ(cut_cell(f, 5, 13, 0).removed, 0);
}

TEST(CutOut, ShortPeriodsStayWhole) {
  Frame f = crystal(4, 2);
  f.box.periodic[2] = false;
  CutOut cut = cut_cell(f, 1, 15, 2.0);
  EXPECT_FALSE(cut.whole);  // a seam along the free direction only
  EXPECT_EQ(cut.frame.n_atoms(), 64);
  EXPECT_EQ(cut.removed, 0);
  EXPECT_EQ(norm(cut.frame.box.a - f.box.a), 0);
  f.box.periodic[2] = true;
  cut = cut_cell(f, 1, 15, 2.0);
  EXPECT_TRUE(cut.whole);
  EXPECT_EQ(cut.frame.n_atoms(), 64);
  EXPECT_NEAR(cut.frame.box.volume(), f.box.volume(), 1e-9);
}

TEST(CutOut, SpheresHoldAllWithinTheRadius) {
  const Frame f = crystal(2, 3);  // the radius reaches beyond the cell: images count
  const double radius = 7;
  const CutOut cut = cut_cluster(f, 5, radius, 12);
  int64_t expected = 0;
  for (const Vec3& r : f.position)
    for (int a = -4; a <= 4; ++a)
      for (int b = -4; b <= 4; ++b)
        for (int c = -4; c <= 4; ++c)
          expected += norm(r + a * f.box.a + b * f.box.b + c * f.box.c - f.position[5]) <= radius;
  EXPECT_EQ(cut.frame.n_atoms(), expected);
  EXPECT_EQ(cut.source[0], 5);
  EXPECT_EQ(cut.frame.box.a.x, 26);
  bool all[3] = {true, true, true};
  EXPECT_GE(least_image_distance(cut.frame, all), 12);
  EXPECT_THROW(cut_cluster(f, 8, radius, 12), UsageError);
  EXPECT_THROW(cut_cell(f, 0, 0, 2), UsageError);
  EXPECT_THROW(cut_cell(f, 0, 3, 2), UsageError);
}

TEST(GradeReport, ClassesHistogramAndWorst) {
  Frame f = crystal(2, 4);
  GradeReport report(3);
  report.add(f, 0, {0.5, 1.0, 1.000005, 1.5, 2.0, 2.5, 10, 10.5});
  const std::array<int64_t, 4> expected = {3, 2, 2, 1};
  EXPECT_EQ(report.classes(), expected);
  EXPECT_EQ(report.largest(), 10.5);
  int64_t sum = 0;
  for (int b = 0; b < GradeReport::n_bins; ++b) {
    const int64_t n = report.histogram()[static_cast<size_t>(b)];
    sum += n;
    if (GradeReport::edge(b) <= 2.5 && 2.5 < GradeReport::edge(b + 1)) {
      EXPECT_EQ(n, 1);
    }
  }
  EXPECT_EQ(sum, 8);
  report.add(f, 1, {0, 1e300, 0, 0, 10.5, 0, 0, 0});
  const auto worst = report.worst();
  ASSERT_EQ(worst.size(), 3u);
  EXPECT_EQ(worst[0].grade, 1e300);
  EXPECT_EQ(worst[1].frame, 0);  // of equal ones the first
  EXPECT_EQ(worst[1].id, 8);
  EXPECT_EQ(worst[2].frame, 1);
  EXPECT_EQ(worst[2].atom, 4);
  EXPECT_NE(report.verdict().find("dangerous"), std::string::npos);
  report.add(f, 2, {std::nan("")}, false);
  EXPECT_TRUE(std::isnan(report.largest()));
  EXPECT_EQ(report.worst()[0].atom, -1);
  EXPECT_EQ(report.classes()[3], 4);
}

MtpModel graded_model() {
  MtpModel m = test::small_mtp(1);
  m.active_set = test::small_active_set(m);
  return m;
}

TEST(CutCollector, LikeNeighborhoodsAreCutOutOnce) {
  const MtpModel m = graded_model();
  const auto potential = make_mtp_potential(m, Exec{});
  const Frame f = crystal(6, 5, 0.4);
  PotentialDemand demand;
  demand.grade = true;
  const std::vector<double> grades = test::evaluate_potential(*potential, {&f}, Exec{}, demand).grade;
  CutOptions options;
  options.size = 12;
  options.min_distance = 1.5;
  options.candidates = 20;
  CutCollector once(m, 1, options), twice(m, 2, options);
  once.add(f, 0, grades);
  twice.add(f, 0, grades);
  twice.add(f, 1, grades);  // the same again
  const auto a = once.choose(), b = twice.choose();
  ASSERT_FALSE(a.empty());
  EXPECT_EQ(once.n_candidates(), 20);
  EXPECT_EQ(twice.n_above(), 2 * once.n_above());
  EXPECT_EQ(a[0].grade, *std::max_element(grades.begin(), grades.end()));
  for (const Cut& c : a) {
    EXPECT_GT(c.grade, 2);
    EXPECT_EQ(c.piece.source[0], c.atom);
    // Half of the size exceeds the cutoff, and the seam took nothing near: the center sees what it saw.
    EXPECT_NEAR(c.grade_in_piece, c.grade, 1e-6 * c.grade);
    EXPECT_GE(c.largest_in_piece, c.grade_in_piece);
  }
  // No center twice.
  std::set<int64_t> centers;
  for (const Cut& c : b) centers.insert(c.atom);
  EXPECT_EQ(centers.size(), b.size());
  MtpModel none = m;
  none.active_set.reset();
  EXPECT_THROW(CutCollector(none, 1, options), UsageError);
}

// --- the commands ---

class SelectCommand : public ::testing::Test {
 protected:
  TempFolder folder;
  MtpModel model = test::small_mtp(1);
  std::string potential = folder.file("small.mtp"), pool, out = folder.file("set.almtp");
  void SetUp() override {
    write_mtp(potential, model);
    std::string text;
    for (uint64_t k = 0; k < 5; ++k) text += cfg_text(crystal(2, 10 + k, 0.5), {0}, {});
    pool = folder.write("pool.cfg", text);
  }
  std::string base() const {
    return "select --threads 1 --device cpu --potential " + potential + " -o " + out;
  }
};

TEST_F(SelectCommand, WritesASetThatGradesItsCandidates) {
  const std::string table = folder.file("t.csv"), selected = folder.file("sel.xyz");
  auto r =
      grainfield(base() + " --candidates " + pool + " --table " + table + " --save-selected " + selected);
  ASSERT_EQ(r.code, 0) << r.err;
  for (const char* word : {"5 configurations, 40 neighborhoods", "swaps", "ln|det A| + ", "slots filled"})
    EXPECT_NE(r.out.find(word), std::string::npos) << word << "\n" << r.out;
  EXPECT_TRUE(read_mtp(out).active_set.has_value());
  EXPECT_EQ(test::read_file(table).substr(0, 16), "file,frame,atoms");
  EXPECT_TRUE(std::filesystem::exists(selected));
  r = grainfield("screen --threads 1 --device cpu " + pool + " --potential " + out + " -o " +
                 folder.file("s.h5") + " --fail-above 1.002");
  EXPECT_EQ(r.code, 0) << r.err;
  const json found = json::parse(test::read_file(folder.file("s.json")));
  EXPECT_NEAR(found["largest"].get<double>(), 1, 1.1e-3);
  EXPECT_EQ(found["grades"], 40);
  EXPECT_EQ(found["worst"].size(), 20u);
  // Extending by the same candidates changes nothing.
  const std::string next = folder.file("next.almtp");
  r = grainfield("select --quiet --device cpu --extend --potential " + out + " --candidates " + pool +
                 " -o " + next);
  ASSERT_EQ(r.code, 0) << r.err;
  EXPECT_EQ(r.out, "");
  EXPECT_EQ(read_mtp(next).active_set->origin, read_mtp(out).active_set->origin);
}

TEST_F(SelectCommand, TrainingAndCandidatesTakeTurns) {
  std::string text;
  for (uint64_t k = 0; k < 8; ++k) text += cfg_text(crystal(2, 30 + k, 0.6), {0}, {});
  const std::string more = folder.write("more.cfg", text), report = folder.file("s.json");
  const auto r = grainfield(base() + " --training " + pool + " --candidates " + more);
  ASSERT_EQ(r.code, 0) << r.err;
  EXPECT_NE(r.out.find("training again"), std::string::npos);
  for (const std::string& file : {pool, more}) {
    ASSERT_EQ(
        grainfield("screen --device cpu " + file + " --potential " + out + " -o " + folder.file("s.h5")).code,
        0);
    EXPECT_LE(json::parse(test::read_file(report))["largest"].get<double>(), 1.001 + 1e-6) << file;
  }
}

TEST_F(SelectCommand, ConfigurationModeGradesFrames) {
  auto r = grainfield(base() + " --mode configurations --candidates " + pool);
  ASSERT_EQ(r.code, 0) << r.err;
  r = grainfield("screen --device cpu " + pool + " --potential " + out + " -o " + folder.file("s.h5"));
  ASSERT_EQ(r.code, 0) << r.err;
  const json found = json::parse(test::read_file(folder.file("s.json")));
  EXPECT_EQ(found["grades_of"], "configurations");
  EXPECT_EQ(found["grades"], 5);
  r = grainfield("screen --device cpu " + pool + " --potential " + out + " -o " + folder.file("s2.h5") +
                 " --cut-out " + folder.file("cuts"));
  EXPECT_EQ(r.code, 2);
  EXPECT_NE(r.err.find("set of neighborhoods"), std::string::npos) << r.err;
}

TEST_F(SelectCommand, SaysWhatIsWrong) {
  struct Case {
    std::string arguments;
    int code;
    const char* message;
  };
  const std::string with_pool = base() + " --candidates " + pool;
  const Case cases[] = {
      {with_pool + " --threshold 1", 2, "--threshold 1: expected more than 1"},
      {with_pool + " --swap-tolerance 2", 2, "--swap-tolerance 2: expected more than 1, at most --threshold"},
      {with_pool + " --mode atoms", 2, "--mode atoms: expected neighborhoods or configurations"},
      {with_pool + " --extend", 2, "has no active set"},
      {with_pool + " --extend --from-scratch", 2, "exclude each other"},
      {base() + " --candidates /nowhere.cfg", 3, "/nowhere.cfg: there is no such file"},
      {with_pool + " --potential-elements Fe,Cr", 2, "2 names for 1 species"},
      {"select --potential " + potential + " --candidates " + pool + " -o /nowhere/a.almtp", 4,
       "no folder /nowhere"},
      {"screen --device cpu " + pool + " --potential " + potential, 2, "it has no active set"},
  };
  for (const Case& c : cases) {
    const auto r = grainfield(c.arguments);
    EXPECT_EQ(r.code, c.code) << c.arguments << "\n" << r.err;
    EXPECT_NE(r.err.find(c.message), std::string::npos) << c.arguments << "\n" << r.err;
    EXPECT_EQ(std::count(r.err.begin(), r.err.end(), '\n'), 1) << r.err;
  }
  EXPECT_FALSE(std::filesystem::exists(out));
}

TEST(ScreenCommand, VerdictCodeAndCutOuts) {
  const TempFolder folder;
  const std::string potential = folder.file("small.almtp");
  write_mtp(potential, graded_model());
  const std::string input =
      folder.write("c.cfg", cfg_text(crystal(6, 5, 0.4), {0}, {}) + cfg_text(crystal(5, 6, 0.1), {0}, {}));
  const std::string base = "screen --threads 1 --device cpu " + input + " --potential " + potential + " -o " +
                           folder.file("s.h5") +
                           " --cut-size 12 --cut-min-distance 1.5 --cut-most 3 --cut-out ";
  for (const std::string format : {"cfg", "extxyz", "poscar"}) {
    const std::string cuts = folder.file(format);
    const auto r = grainfield(base + cuts + " --fail-above 2 --cut-format " + format);
    EXPECT_EQ(r.code, 5) << r.err;
    EXPECT_NE(r.err.find("exceeds --fail-above 2"), std::string::npos) << r.err;
    EXPECT_NE(r.out.find("verdict: dangerous"), std::string::npos) << r.out;
    int64_t lines = 0;
    std::istringstream table(test::read_file(cuts + "/cut_outs.csv"));
    for (std::string line; std::getline(table, line);) ++lines;
    EXPECT_EQ(lines, 4);
    const std::string first = cuts + (format == "cfg"      ? "/cut_outs.cfg"
                                      : format == "extxyz" ? "/cut_outs.xyz"
                                                           : "/POSCAR_0001");
    ASSERT_TRUE(std::filesystem::exists(first));
    const auto reader = open_reader(first, {}, format);
    Frame frame;
    ASSERT_TRUE(reader->next(frame));
    EXPECT_NEAR(frame.box.height(0), 12, 1e-9);
  }
  const json found = json::parse(test::read_file(folder.file("s.json")));
  EXPECT_EQ(found["frames"], 2);
  EXPECT_EQ(found["grades"], 216 + 125);
  int64_t all = 0;
  for (const json& c : found["classes"]) all += c["count"].get<int64_t>();
  EXPECT_EQ(all, 216 + 125);
  EXPECT_EQ(found["worst"][0]["frame"].get<int>(), 0);
  EXPECT_EQ(found["worst"][0]["file"], input);
  const std::string csv = test::read_file(folder.file("s.histogram.csv"));
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), GradeReport::n_bins + 1);
  EXPECT_TRUE(std::filesystem::exists(folder.file("s.h5")));
}

// Killed, and resumed: tables, cut-outs and grades are those of a run that nobody disturbed.
TEST(ScreenCommand, ResumesAfterBeingKilled) {
  const TempFolder folder;
  const std::string neighborhoods = folder.file("n.almtp"), configurations = folder.file("c.almtp");
  MtpModel model = graded_model();
  write_mtp(neighborhoods, model);
  model.active_set->site_energy_weight = 0;
  model.active_set->energy_weight = 1;
  write_mtp(configurations, model);
  std::string text;
  for (uint64_t k = 0; k < 40; ++k) text += cfg_text(crystal(4, 100 + k, 0.4), {0}, {});
  const std::string input = folder.write("many.cfg", text);
  for (const bool by_atom : {true, false}) {
    const auto arguments = [&](const std::string& out) {
      std::vector<std::string> words{
          "screen",    input, "--potential", by_atom ? neighborhoods : configurations,
          "--threads", "1",   "--device",    "cpu",
          "-o",        out};
      if (by_atom)
        for (const std::string& w :
             {std::string("--cut-size"), std::string("12"), std::string("--cut-min-distance"),
              std::string("1.5"), std::string("--cut-out"), out + ".cuts"})
          words.push_back(w);
      return words;
    };
    const auto run = [&](std::vector<std::string> words) {
      std::string line;
      for (const std::string& w : words) line += " '" + w + "'";
      return grainfield(line);
    };
    const std::string whole = folder.file("whole.h5"), out = folder.file("out.h5");
    ASSERT_EQ(run(arguments(whole)).code, 0);
    const pid_t child = test::start(arguments(out));
    while (test::complete_frames(out + ".partial") < 2) {
      ASSERT_EQ(waitpid(child, nullptr, WNOHANG), 0);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "it was done already";
    std::vector<std::string> again = arguments(out);
    again.push_back("--resume");
    // Once from the frames left over, once from the complete file.
    for (const char* kept : {" frames of an earlier run kept", "40 frames of an earlier run kept"}) {
      const auto r = run(again);
      ASSERT_EQ(r.code, 0) << r.err;
      EXPECT_NE(r.out.find(kept), std::string::npos) << r.out;
      EXPECT_EQ(test::datasets_of(out), test::datasets_of(whole));
      for (const char* end : {".json", ".histogram.csv", ".worst.csv"})
        EXPECT_EQ(test::read_file(folder.file("out") + end), test::read_file(folder.file("whole") + end))
            << end;
      if (!by_atom) continue;
      for (const char* name : {"/cut_outs.csv", "/cut_outs.cfg"})
        EXPECT_EQ(test::read_file(out + ".cuts" + name), test::read_file(whole + ".cuts" + name)) << name;
    }
    again.push_back("--no-positions");
    EXPECT_EQ(run(again).code, 2);
    std::filesystem::remove(out);
    std::filesystem::remove(whole);
  }
}

}  // namespace
}  // namespace grainfield
