// host/active_set and `grainfield select`.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "host/active_set.hpp"
#include "host/dense.hpp"
#include "host/error.hpp"
#include "io/mtp_file.hpp"
#include "kernels/potential/mtp.hpp"
#include "tests/support/command.hpp"
#include "tests/support/evaluate_potential.hpp"
#include "tests/support/mtp_models.hpp"
#include "tests/support/shared.hpp"
#include "tests/support/temp_folder.hpp"

namespace grainfield {
namespace {

using test::grainfield;
using test::Random;
using test::TempFolder;

std::vector<Frame> read_all(const std::string& path) {
  std::vector<Frame> frames;
  const auto reader = open_reader(path);
  for (Frame f; reader->next(f);) frames.push_back(f);
  return frames;
}

// Random clusters of the small potential's species, as .cfg text.
std::string clusters(const MtpModel& m, int count, uint64_t seed, int first = 0, int atoms = 4) {
  Random random(seed);
  std::string text;
  for (int c = 0; c < count; ++c) {
    Frame frame;
    frame.has_box = false;
    std::vector<int32_t> type;
    for (int32_t s = 0; s < m.n_species; ++s) frame.species.push_back({"", 0, s});
    while (static_cast<int>(frame.position.size()) < atoms) {
      const Vec3 r = random.vector(0, 4);
      bool near = false;
      for (const Vec3& other : frame.position) near = near || norm(other - r) < m.min_distance;
      if (near) continue;
      frame.position.push_back(r);
      frame.type.push_back(static_cast<int32_t>(random.below(static_cast<uint64_t>(m.n_species))));
    }
    text += cfg_text(frame, m.type_labels, {{"name", fmt::format("c{}", first + c)}});
  }
  return text;
}

struct Selection {
  SelectReport report;
  MtpModel model;
  double log_volume = 0, inverse_error = 0;
  int64_t filled = 0;
  std::vector<SelectedConfiguration> selected;
};

Selection select_from(const MtpModel& model, const std::vector<std::string>& files,
                      SelectOptions options = {}, double threshold = 1.001, int threads = 1) {
  Exec exec;
  exec.threads = threads;
  ActiveSetBuilder builder(model, exec, options);
  Selection s;
  s.report = builder.select(builder.add_source(files), threshold);
  s.model = model;
  s.model.active_set = builder.finish();
  s.log_volume = builder.log_volume();
  s.inverse_error = builder.inverse_error();
  s.filled = builder.filled_slots();
  s.selected = builder.selected();
  return s;
}

// Grades of every configuration, by the potential with its set.
std::vector<double> grades_of(const MtpModel& model, const std::string& path) {
  const auto potential = make_mtp_potential(model, Exec{});
  std::vector<double> grades;
  for (const Frame& f : read_all(path)) {
    PotentialDemand demand;
    (potential->grades_neighborhoods() ? demand.grade : demand.gradient_sum) = true;
    const auto e = test::evaluate_potential(*potential, {&f}, Exec{}, demand);
    if (potential->grades_neighborhoods())
      grades.insert(grades.end(), e.grade.begin(), e.grade.end());
    else
      grades.push_back(potential->configuration_grade(e.gradient_sum[0], f.n_atoms()));
  }
  return grades;
}
double largest(const std::vector<double>& values) { return *std::max_element(values.begin(), values.end()); }

// The rows that the origins name are the rows of A, and the file can be read again.
void expect_origins_name_the_rows(const Selection& s) {
  const TempFolder folder;
  const MtpActiveSet& set = *s.model.active_set;
  EXPECT_EQ(parse_mtp(format_mtp(s.model), "set"), s.model);
  const auto frames = read_all(folder.write("set.cfg", set.configurations));
  const auto n = static_cast<size_t>(s.model.n_coefficients());
  const auto potential = make_mtp_potential(s.model, Exec{});
  PotentialDemand demand;
  demand.gradient = demand.gradient_sum = true;
  std::vector<test::Evaluation> values;
  for (const Frame& f : frames) values.push_back(test::evaluate_potential(*potential, {&f}, Exec{}, demand));
  std::vector<std::set<int64_t>> equations(frames.size());
  for (size_t k = 0; k < n; ++k) {
    const auto [configuration, equation] = set.origin[k];
    if (configuration < 0) continue;
    const auto c = static_cast<size_t>(configuration);
    ASSERT_LT(c, frames.size());
    equations[c].insert(equation);
    const int64_t atoms = frames[c].n_atoms();
    std::vector<double> row;
    if (set.neighborhood_mode()) {
      ASSERT_GE(equation, 1 + 3 * atoms + 9);
      row = values[c].gradient[static_cast<size_t>(equation - 1 - 3 * atoms - 9)];
    } else {
      ASSERT_EQ(equation, 0);
      row = values[c].gradient_sum[0];
      for (double& x : row)
        x *= set.energy_weight / std::pow(static_cast<double>(atoms), set.weight_scaling / 2.0);
    }
    for (size_t l = 0; l < n; ++l)
      ASSERT_NEAR(set.rows[k * n + l], row[l], 1e-9 * std::max(1.0, std::abs(row[l]))) << k << " " << l;
  }
  for (size_t c = 0; c < frames.size(); ++c) {
    std::string list;
    for (const auto& [key, value] : frames[c].info)
      if (key == "selected_eqn_inds") list = value;
    EXPECT_EQ(list, fmt::format("{}", fmt::join(equations[c], ",")));
    EXPECT_FALSE(equations[c].empty());
  }
}

TEST(Select, EveryGradeIsBelowTheThresholdAfterwards) {
  const TempFolder folder;
  const MtpModel m = test::small_mtp();
  const std::string path = folder.write("c.cfg", clusters(m, 60, 3));
  const Selection s = select_from(m, {path});
  EXPECT_EQ(s.report.configurations, 60);
  EXPECT_EQ(s.report.rows, 240);
  EXPECT_EQ(s.report.passes, 1);
  EXPECT_GT(s.filled, 20);
  EXPECT_LT(s.inverse_error, 1e-5);
  const double most = largest(grades_of(s.model, path));
  EXPECT_LE(most, 1.001 + 1e-6);
  EXPECT_NEAR(most, s.report.largest_after, 1e-6);
  EXPECT_NEAR(s.log_volume,
              s.report.log_volume_gained + static_cast<double>(m.n_coefficients()) * std::log(1e-6), 1e-6);
  // What is in the set has grade 1.
  const auto grades = grades_of(s.model, path);
  for (const SelectedConfiguration& c : s.selected)
    for (const int64_t atom : c.atoms)
      EXPECT_NEAR(grades[static_cast<size_t>(4 * c.configuration + atom)], 1, 1e-5);
  expect_origins_name_the_rows(s);
}

TEST(Select, ConfigurationMode) {
  const TempFolder folder;
  const MtpModel m = test::small_mtp();
  const std::string path = folder.write("c.cfg", clusters(m, 80, 4));
  SelectOptions options;
  options.neighborhoods = false;
  options.energy_weight = 1.5;
  const Selection s = select_from(m, {path}, options);
  EXPECT_EQ(s.report.rows, 80);
  EXPECT_FALSE(s.model.active_set->neighborhood_mode());
  const auto grades = grades_of(s.model, path);
  EXPECT_LE(largest(grades), 1.001 + 1e-6);
  ASSERT_EQ(static_cast<int64_t>(s.selected.size()), s.filled);  // one row each
  for (const SelectedConfiguration& c : s.selected) {
    EXPECT_NEAR(grades[static_cast<size_t>(c.configuration)], 1, 1e-5);
    EXPECT_TRUE(c.atoms.empty());
  }
  expect_origins_name_the_rows(s);
}

TEST(Select, ExtendsASetAndKeepsWhatStillCounts) {
  const TempFolder folder;
  const MtpModel m = test::small_mtp();
  const std::string first = folder.write("a.cfg", clusters(m, 20, 5)),
                    second = folder.write("b.cfg", clusters(m, 40, 6, 100));
  const Selection a = select_from(m, {first}), b = select_from(a.model, {second});
  EXPECT_GT(b.report.largest_before, 1.001);
  EXPECT_NEAR(b.report.largest_before, largest(grades_of(a.model, second)), 1e-6 * b.report.largest_before);
  EXPECT_GT(b.report.log_volume_gained, std::log(1.001));
  EXPECT_NEAR(b.log_volume - a.log_volume, b.report.log_volume_gained, 1e-6);
  EXPECT_GE(b.filled, a.filled);
  EXPECT_LE(largest(grades_of(b.model, second)), 1.001 + 1e-6);
  EXPECT_EQ(b.selected.front().source, -1);  // some of the old ones stay
  EXPECT_EQ(b.selected.back().source, 0);
  expect_origins_name_the_rows(b);
  // Nothing new: nothing happens.
  const Selection again = select_from(b.model, {second});
  EXPECT_EQ(again.report.swaps, 0);
  EXPECT_EQ(again.report.log_volume_gained, 0);
  EXPECT_EQ(again.model.active_set->rows, b.model.active_set->rows);
  EXPECT_EQ(again.model.active_set->configurations, b.model.active_set->configurations);
}

TEST(Select, OrderOfTheCandidatesDoesNotMatter) {
  const TempFolder folder;
  MtpModel m = test::small_mtp();
  m.scaling *= 32;  // the largest entries are moments then; the constants 1 of all atoms would tie
  const std::string a = folder.write("a.cfg", clusters(m, 30, 7)),
                    b = folder.write("b.cfg", clusters(m, 30, 8));
  EXPECT_NEAR(select_from(m, {a, b}).log_volume, select_from(m, {b, a}).log_volume, 1e-6);
}

TEST(Select, SmallBatchesReachTheThresholdToo) {
  const TempFolder folder;
  const MtpModel m = test::small_mtp();
  const std::string path = folder.write("c.cfg", clusters(m, 60, 9));
  SelectOptions options;
  options.rows = 40;
  const Selection s = select_from(m, {path}, options), whole = select_from(m, {path});
  EXPECT_GT(s.report.passes, 1);
  EXPECT_LE(largest(grades_of(s.model, path)), 1.001 + 1e-6);
  EXPECT_NEAR(s.report.largest_after, largest(grades_of(s.model, path)), 1e-6);
  EXPECT_EQ(s.filled, whole.filled);
  EXPECT_GT(s.log_volume, whole.log_volume - 3);  // another local maximum
  expect_origins_name_the_rows(s);
}

TEST(Select, TheNumberOfThreadsChangesNoBit) {
  const TempFolder folder;
  const MtpModel m = test::small_mtp();
  const std::string path = folder.write("c.cfg", clusters(m, 60, 10));
  EXPECT_EQ(select_from(m, {path}).model, select_from(m, {path}, {}, 1.001, 3).model);
}

TEST(Select, ThresholdDecidesWhetherAndToleranceHowFar) {
  const TempFolder folder;
  const MtpModel m = test::small_mtp();
  const std::string first = folder.write("a.cfg", clusters(m, 40, 11)),
                    second = folder.write("b.cfg", clusters(m, 40, 12));
  const Selection a = select_from(m, {first});
  const double most = largest(grades_of(a.model, second));
  ASSERT_GT(most, 1.5);
  SelectOptions options;
  options.swap_tolerance = 1.001;
  EXPECT_EQ(select_from(a.model, {second}, options, most * 1.01).report.swaps, 0);
  const Selection b = select_from(a.model, {second}, options, most * 0.99);
  EXPECT_GT(b.report.swaps, 0);
  EXPECT_LE(largest(grades_of(b.model, second)), 1.001 + 1e-6);
  options.swap_tolerance = 0;
  const Selection c = select_from(a.model, {second}, options, most * 0.99);
  EXPECT_LT(c.report.swaps, b.report.swaps);
  EXPECT_LE(largest(grades_of(c.model, second)), most * 0.99 + 1e-6);
}

TEST(Select, OfLargeConfigurationsSpheresAreKept) {
  const TempFolder folder;
  const MtpModel m = test::small_mtp(1);
  // A rattled simple cubic crystal that the cutoff does not span.
  Frame frame;
  frame.box = Box({13, 0, 0}, {2, 13, 0}, {0, 1, 13});
  frame.species = {{"", 0, 0}};
  Random random(13);
  for (int i = 0; i < 125; ++i) {
    const Vec3 s{i / 25 / 5.0, i / 5 % 5 / 5.0, i % 5 / 5.0};
    frame.position.push_back(frame.box.cartesian(s) + random.vector(-0.3, 0.3));
    frame.type.push_back(0);
  }
  const std::string path = folder.write("c.cfg", cfg_text(frame, {0}, {}));
  SelectOptions options;
  options.whole_up_to = 100;
  const Selection s = select_from(m, {path}, options), whole = select_from(m, {path});
  EXPECT_EQ(s.model.active_set->rows, whole.model.active_set->rows);
  EXPECT_EQ(s.model.active_set->configurations.find("Supercell"), std::string::npos);
  EXPECT_EQ(s.selected.size(), 1u);
  expect_origins_name_the_rows(s);
  expect_origins_name_the_rows(whole);
}

TEST(Select, RefusesWhatItCannotUse) {
  const TempFolder folder;
  MtpModel m = test::small_mtp(1);
  const std::string twice = folder.write(
      "c.cfg",
      "BEGIN_CFG\n Size\n 2\n AtomData: id type cartes_x cartes_y cartes_z\n 1 0 0 0 0\n 2 0 0 0 0\n"
      "END_CFG\n");
  EXPECT_THROW(
      try { select_from(m, {twice}); } catch (const InputError& e) {
        EXPECT_NE(std::string(e.what()).find("c.cfg, frame 0, atom 1"), std::string::npos) << e.what();
        throw;
      },
      InputError);
  const std::string good = folder.write("d.cfg", clusters(m, 3, 1));
  EXPECT_THROW(select_from(m, {good}, {}, 1.0), UsageError);
  m.linear.clear();
  EXPECT_THROW(select_from(m, {good}), InputError);
}

// --- against MLIP-3 ---

struct Replay {
  double log_volume = 0;
  int64_t swaps = 0, filled = 0;
};
Replay read_replay(const std::string& stem) {
  Replay r;
  std::ifstream swaps(stem + ".swaps"), grades(stem + ".grades");
  std::string line;
  std::getline(swaps, line);
  r.swaps = std::stoll(line.substr(line.find("swaps ") + 6));
  std::getline(grades, line);
  const size_t at = line.find("slogdet(A): ") + 12;
  std::istringstream(line.substr(line.find(' ', at))) >> r.log_volume;
  r.filled = std::stoll(line.substr(line.find("filled slots ") + 13));
  return r;
}

TEST(SelectReference, ReplaysOfMlip3) {
  GF_NEEDS_SHARED(shared);
  const std::string data = shared + "/reference/mtp/data/";
  const MtpModel m = read_mtp(shared + "/potentials/fe_ito/pot_16.mtp");
  for (const bool neighborhoods : {true, false}) {
    const Replay expected = read_replay(data + "maxvol/sel40_pot_16_" + (neighborhoods ? "nbh" : "cfg"));
    SelectOptions options;
    options.neighborhoods = neighborhoods;
    const Selection s = select_from(m, {data + "maxvol/sel40.cfg"}, options);
    // Equivalent atoms tie, so a few swaps come in another order; the volume does not change with that.
    EXPECT_NEAR(s.log_volume, expected.log_volume, 1e-6) << neighborhoods;
    EXPECT_EQ(s.filled, expected.filled);
    EXPECT_NEAR(static_cast<double>(s.report.swaps), static_cast<double>(expected.swaps), 3);
    const auto grades = grades_of(s.model, data + "maxvol/sel40.cfg");
    EXPECT_LE(largest(grades), 1.001 + 1e-6);
    int64_t ones = 0;
    for (const double g : grades) ones += std::abs(g - 1) < 1e-5;
    EXPECT_GE(ones, s.filled);
    EXPECT_LT(s.inverse_error, 1e-5);
    expect_origins_name_the_rows(s);
  }
}

TEST(SelectReference, CandidatesThatMlip3Adds) {
  GF_NEEDS_SHARED(shared);
  const std::string data = shared + "/reference/mtp/data/";
  const MtpModel m = read_mtp(data + "potentials/pot_16_fe.almtp");
  ActiveSetBuilder builder(m, Exec{}, {});
  const int train = builder.add_source({data + "select_add/train.cfg"});
  const int candidates = builder.add_source({data + "select_add/candidates.cfg"});
  builder.select(train);
  const SelectReport report = builder.select(candidates);
  builder.select(train);
  std::vector<std::string> names;
  builder.finish([&](const Frame& frame, const SelectedConfiguration& c) {
    if (c.source != candidates) return;
    for (const auto& [key, value] : frame.info)
      if (key == "name") names.push_back(value);
  });
  std::ifstream in(data + "select_add/expected.txt");
  std::string line, word;
  std::vector<std::string> expected;
  while (std::getline(in, line))
    if (line.starts_with("selected ")) {
      std::istringstream words(line.substr(9));
      while (words >> word) expected.push_back(word);
    }
  ASSERT_EQ(expected.size(), 8u);
  EXPECT_EQ(names, expected);
  EXPECT_GT(report.swaps, 7);
  // With the set as the file has it.
  ActiveSetBuilder fresh(m, Exec{}, {});
  EXPECT_NEAR(fresh.select(fresh.add_source({data + "select_add/candidates.cfg"}), 100).largest_before,
              3.03880659651483853, 1e-6);
}

}  // namespace
}  // namespace grainfield
