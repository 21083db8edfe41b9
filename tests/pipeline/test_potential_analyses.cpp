// energy, force, virial, stress, grade: one evaluation for all, in slabs, and from the command line.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "host/engine.hpp"
#include "host/match_species.hpp"
#include "host/potential_analyses.hpp"
#include "io/load_potential.hpp"
#include "io/mtp_file.hpp"
#include "kernels/potential/mtp.hpp"
#include "tests/support/command.hpp"
#include "tests/support/evaluate_potential.hpp"
#include "tests/support/mtp_models.hpp"
#include "tests/support/run_analysis.hpp"
#include "tests/support/shared.hpp"
#include "tests/support/systems.hpp"
#include "tests/support/temp_folder.hpp"

namespace grainfield {
namespace {

using test::evaluate_potential;
using test::Evaluation;
using test::grainfield;

const std::string level_6 = test::data_folder() + "/level_6_two_species.almtp";

// Iron and nickel on a disturbed fcc lattice, a = 3.7 A.
Frame alloy(std::array<int, 3> repeat, uint64_t seed = 4) {
  Frame frame = test::rattled(test::crystal(Structure::fcc, 3.7, repeat), 0.1, seed);
  frame.species = {{"Ni", 58.6934, 1}, {"Fe", 55.845, 2}};
  test::Uniform random(seed);
  for (int32_t& t : frame.type) t = random() < 0.5 ? 1 : 0;
  return frame;
}

RunContext with_potential(const Exec& exec = {}) {
  RunContext run;
  run.exec = exec;
  run.potential = load_potential(level_6, exec, {{"Fe", "Ni"}, false});
  return run;
}

const std::vector<AnalysisRequest> everything{{"energy", {}, false},
                                              {"force", {}, false},
                                              {"virial", {}, false},
                                              {"stress", {}, false},
                                              {"grade", {}, false}};

TEST(PotentialAnalyses, FieldsAreThePotentialsValues) {
  const RunContext run = with_potential();
  const Frame frame = alloy({3, 3, 3});
  const FrameResults results = analyze(frame, everything, run);
  const Evaluation wanted =
      evaluate_potential(*run.potential, {&frame}, run.exec, {true, true, true, true, false, false}, {1, 0});
  const Field &energy = *results.find_field("energy"), &force = *results.find_field("force"),
              &virial = *results.find_field("virial"), &grade = *results.find_field("extrapolation_grade");
  EXPECT_EQ(energy.unit, "eV");
  EXPECT_EQ(force.unit, "eV/A");
  double sum = 0, largest_grade = 0, largest_force = 0;
  for (size_t i = 0; i < frame.position.size(); ++i) {
    EXPECT_NEAR(energy.real[i], wanted.energy[i], 1e-12 * std::fabs(wanted.energy[i]));
    EXPECT_NEAR(grade.real[i], wanted.grade[i], 1e-9 * wanted.grade[i]);
    for (size_t c = 0; c < 3; ++c)
      EXPECT_NEAR(force.real[3 * i + c], wanted.force[i][static_cast<int>(c)], 1e-12);
    for (size_t c = 0; c < 6; ++c) EXPECT_NEAR(virial.real[6 * i + c], wanted.virial[i][c], 1e-12);
    sum += wanted.energy[i];
    largest_grade = std::max(largest_grade, wanted.grade[i]);
    largest_force = std::max(largest_force, norm(wanted.force[i]));
  }
  EXPECT_NEAR(results.find_observable("potential_energy")->real[0], sum, 1e-11 * std::fabs(sum));
  EXPECT_NEAR(results.find_observable("mean_energy")->real[0], sum / static_cast<double>(frame.n_atoms()),
              1e-11);
  EXPECT_NEAR(results.find_observable("configuration_grade")->real[0], largest_grade, 1e-9 * largest_grade);
  EXPECT_NEAR(results.find_observable("max_force")->real[0], largest_force, 1e-12);
  for (const double f : results.find_observable("net_force")->real) EXPECT_NEAR(f, 0, 1e-11);
}

TEST(PotentialAnalyses, StressIsTheDerivativeOfTheEnergyPerVolume) {
  const RunContext run = with_potential();
  const Frame frame = alloy({2, 2, 2});
  const std::vector<double> stress =
      analyze(frame, {{"stress", {}, false}}, run).find_observable("stress")->real;
  const double h = 1e-5;
  for (int c = 0; c < 3; ++c) {
    double energy[2];
    for (int side = 0; side < 2; ++side) {
      const double factor = side == 0 ? 1 + h : 1 - h;
      const auto stretch = [&](Vec3 r) { return r[c] *= factor, r; };
      Frame f = frame;
      f.box =
          Box(stretch(f.box.a), stretch(f.box.b), stretch(f.box.c), stretch(f.box.origin), true, true, true);
      for (Vec3& r : f.position) r = stretch(r);
      energy[side] = analyze(f, {{"energy", {}, false}}, run).find_observable("potential_energy")->real[0];
    }
    const double wanted = (energy[0] - energy[1]) / (2 * h) / frame.box.volume() * 160.2176634;
    EXPECT_NEAR(stress[static_cast<size_t>(c)], wanted, 1e-5 * std::fabs(wanted)) << "GPa, component " << c;
  }
  const double pressure = analyze(frame, {{"stress", {}, false}}, run).find_observable("pressure")->real[0];
  EXPECT_DOUBLE_EQ(pressure, -(stress[0] + stress[1] + stress[2]) / 3);
  Frame open = frame;
  open.box.periodic[2] = false;
  EXPECT_TRUE(std::isnan(analyze(open, {{"stress", {}, false}}, run).find_observable("stress")->real[0]));
}

TEST(PotentialAnalyses, SlabsGiveWhatTheWholeGives) {
  const Frame frame = alloy({4, 4, 24});
  for (const char* kind : {"mtp", "eam"}) {
    RunContext run = with_potential();
    std::vector<AnalysisRequest> requests = everything;
    if (kind == std::string("eam")) {
      run.potential = load_potential(test::data_folder() + "/eam/toy.eam.alloy", run.exec);
      requests.pop_back();
    }
    Frame f = frame;
    if (kind == std::string("eam")) {
      const std::vector<std::string>& elements = run.potential->elements();
      ASSERT_EQ(elements.size(), 2u);
      f.species = {{elements[0], 0, 1}, {elements[1], 0, 2}};
    }
    Analyzer uncut(requests, run);
    const FrameResults whole = uncut.analyze(f);
    // The frame itself and its results are held beside: what the whole takes is not enough.
    run.memory_limit = static_cast<int64_t>(uncut.bytes_per_atom() * static_cast<double>(f.n_atoms()));
    Analyzer in_slabs(requests, run);
    const FrameResults cut = in_slabs.analyze(f);
    EXPECT_NE(whole.find_field("energy")->real, cut.find_field("energy")->real)
        << "the same bits: was it cut?";
    for (const char* name : {"energy", "force", "virial", "extrapolation_grade"}) {
      const Field *a = whole.find_field(name), *b = cut.find_field(name);
      if (!a && kind == std::string("eam")) continue;
      double scale = 0, worst = 0;
      for (size_t i = 0; i < a->real.size(); ++i) {
        scale = std::max(scale, std::fabs(a->real[i]));
        worst = std::max(worst, std::fabs(a->real[i] - b->real[i]));
      }
      EXPECT_GT(scale, 0) << kind << " " << name;
      // Grades go through an inverse with entries of 1e6 in the directions that no atom has.
      EXPECT_LE(worst, (std::string(name) == "extrapolation_grade" ? 1e-8 : 1e-12) * scale)
          << kind << " " << name;
    }
    const std::vector<double>&s = whole.find_observable("stress")->real,
          &t = cut.find_observable("stress")->real;
    for (size_t c = 0; c < 6; ++c) EXPECT_NEAR(s[c], t[c], 1e-12 * (std::fabs(s[0]) + 1)) << kind;
  }
}

TEST(PotentialAnalyses, ClosePairsAreReported) {
  const RunContext run = with_potential();
  Frame frame = alloy({2, 2, 2});
  frame.position[5] = frame.position[3] + Vec3{0.5, 0.4, 0.3};
  const test::AnalysisRun done = test::run_analysis("energy", frame, {}, run);
  EXPECT_GE(done.observable("pairs_below_min_distance").integer[0], 1);
  EXPECT_NE(done.note_with("closer than"), "") << "no note";
}

TEST(PotentialAnalyses, SpeciesAreMatchedByElementOrNumber) {
  const RunContext named = with_potential();
  Frame frame = alloy({2, 2, 2});
  EXPECT_EQ(match_species(frame, *named.potential, "f"), (std::vector<int32_t>{1, 0}));
  frame.species[1].name = "Cr";
  EXPECT_THROW(match_species(frame, *named.potential, "f"), InputError);
  for (int32_t& t : frame.type) t = 0;  // no atom is of the species that the potential lacks
  EXPECT_EQ(match_species(frame, *named.potential, "f"), (std::vector<int32_t>{1, -1}));

  MtpModel model = test::small_mtp();
  model.type_labels = {26, 28};
  model.elements = {"", ""};
  const auto numbered = make_mtp_potential(model, Exec{});
  Frame cfg = alloy({2, 2, 2});
  EXPECT_THROW(match_species(cfg, *numbered, "f"), InputError);  // names here, numbers there
  cfg.species = {{"", 0, 28}, {"", 0, 26}};
  EXPECT_EQ(match_species(cfg, *numbered, "f"), (std::vector<int32_t>{1, 0}));
  cfg.species[0].label = 27;
  EXPECT_THROW(match_species(cfg, *numbered, "f"), InputError);

  MtpModel one = test::small_mtp(1);
  one.elements = {""};
  EXPECT_EQ(
      match_species(test::crystal(Structure::fcc, 3.7, {2, 2, 2}), *make_mtp_potential(one, Exec{}), "f"),
      std::vector<int32_t>{0});
}

TEST(PotentialAnalyses, WithoutPotentialOrActiveSet) {
  EXPECT_THROW(Analyzer(everything, RunContext{}), UsageError);
  RunContext run;
  run.potential = make_mtp_potential(test::small_mtp(), Exec{});
  EXPECT_THROW(Analyzer({{"grade", {}, false}}, run), UsageError);
}

// Configuration mode: one grade for the frame, as MLIP-3 gives it; and neighborhoods' grades.
TEST(PotentialAnalyses, ConfigurationGradesEqualMlip3) {
  GF_NEEDS_SHARED(shared);
  const std::string data = shared + "/reference/mtp/data/";
  int compared = 0;
  for (const auto& [name, structures] :
       {std::pair{"pot_16_fe_cfgmode", "all_fe"}, std::pair{"rand2_l12_cfg", "all_rand2_l12"}}) {
    RunContext run;
    run.potential = load_potential(data + "potentials/" + name + ".almtp", run.exec);
    std::ifstream in(data + "grades/" + std::string(name) + ".txt");
    std::string line;
    std::getline(in, line);
    std::getline(in, line);
    const auto reader = open_reader(data + "structures/" + std::string(structures) + ".cfg");
    for (Frame frame; reader->next(frame); ++compared) {
      const FrameResults results = analyze(frame, {{"grade", {}, false}}, run);
      EXPECT_EQ(results.find_field("extrapolation_grade"), nullptr);
      std::getline(in, line);
      std::istringstream row(line);
      std::string structure;
      double grade = 0;
      row >> structure >> grade;
      EXPECT_NEAR(results.find_observable("configuration_grade")->real[0], grade, 1e-8 * grade)
          << name << " " << structure;
    }
  }
  std::printf("compared %d configurations with MLIP-3\n", compared);
  EXPECT_GE(compared, 15);
}

TEST(PotentialAnalyses, CommandLine) {
  const test::TempFolder folder;
  ASSERT_EQ(grainfield("build crystal --structure fcc --lattice 3.7 --element Ni --repeat 3 3 3 -o " +
                       folder.file("ni.xyz"))
                .code,
            0);
  const auto done =
      grainfield("analyze " + folder.file("ni.xyz") + " --compute energy,force,stress,grade --potential " +
                 level_6 + " --potential-elements Fe,Ni -o " + folder.file("ni.h5"));
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_NE(done.out.find("mean_energy"), std::string::npos);
  EXPECT_NE(done.out.find("extrapolation_grade"), std::string::npos);
  const std::string analyze =
      "analyze " + folder.file("ni.xyz") + " -o " + folder.file("x.h5") + " --compute energy ";
  const struct {
    const char* arguments;
    int code;
    const char* text;
  } wrong[] = {
      {"", 2, "--potential"},
      {"--potential absent.mtp", 2, "absent.mtp"},
      {"--potential-elements Fe", 2, "--potential-elements"},
      {"--potential LEVEL6 --potential-elements Fe", 2, "expected 2 names"},
      {"--potential LEVEL6 --potential-elements Fe,Fe", 2, "twice"},
      {"--potential LEVEL6 --potential-elements Fe,Cr", 3, "Ni"},
      {"--potential LEVEL6 --potential-elements Fe,Ni --potential-precision half", 2, "double or mixed"},
  };
  for (const auto& w : wrong) {
    std::string arguments = w.arguments;
    if (const size_t at = arguments.find("LEVEL6"); at != std::string::npos)
      arguments.replace(at, 6, level_6);
    const auto failed = grainfield(analyze + arguments);
    EXPECT_EQ(failed.code, w.code) << arguments << ": " << failed.err;
    EXPECT_NE(failed.err.find(w.text), std::string::npos) << arguments << ": " << failed.err;
    EXPECT_FALSE(std::filesystem::exists(folder.file("x.h5")));
  }
}

}  // namespace
}  // namespace grainfield
