// Pair counts and g(r) against closed forms, the O(N^2) reference, and each schedule against the plain one.
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>

#include "host/error.hpp"
#include "io/reader.hpp"
#include "kernels/structure/rdf.hpp"
#include "tests/reference/rdf_ref.hpp"
#include "tests/support/run_analysis.hpp"
#include "tests/support/shared.hpp"
#include "tests/support/systems.hpp"

namespace grainfield {
namespace {

using test::AnalysisRun;
using test::run_analysis;

const test::Given coarse{{"range", "7.5"}, {"bin", "0.1"}};

// The shells of perfect crystals, each in its own bin, with their exact numbers.
TEST(Rdf, ShellsOfPerfectCrystals) {
  const std::pair<Structure, double> cases[] = {{Structure::sc, 3.01},
                                                {Structure::bcc, 2.853},
                                                {Structure::fcc, 3.617},
                                                {Structure::hcp, 2.953},
                                                {Structure::diamond, 5.433}};
  for (const auto& [structure, a] : cases) {
    const Lattice lattice = make_lattice(structure, a);
    std::vector<int64_t> expected(750);
    for (const Shell& shell : lattice.shells(40))
      if (shell.radius < 7.5) expected[static_cast<size_t>(shell.radius / 0.01)] += shell.count;
    ASSERT_GT(lattice.shells(40).back().radius, 7.5);
    for (const int n : {1, 3}) {
      const Frame frame = test::crystal(structure, a, {n, n, n});
      const AnalysisRun run = run_analysis("rdf", frame, {{"range", "7.5"}, {"bin", "0.01"}});
      std::vector<int64_t> found = run.observable("rdf/pairs").integer;
      for (int64_t& count : found) {
        EXPECT_EQ(count % frame.n_atoms(), 0);
        count /= frame.n_atoms();
      }
      EXPECT_EQ(found, expected) << structure_name(structure) << n;
    }
  }
}

// g, the running coordination and r from their definitions.
TEST(Rdf, ValuesFromTheCounts) {
  const Frame frame = test::rattled(test::crystal(Structure::bcc, 2.855, {4, 4, 4}), 0.1, 2);
  const AnalysisRun run = run_analysis("rdf", frame, coarse);
  const std::vector<int64_t>& pairs = run.observable("rdf/pairs").integer;
  const double n = static_cast<double>(frame.n_atoms()), density = 2 / std::pow(2.855, 3);
  int64_t within = 0;
  for (size_t k = 0; k < pairs.size(); ++k) {
    const double inner = 0.1 * static_cast<double>(k), outer = inner + 0.1;
    const double expected = static_cast<double>(pairs[k]) / (n * density * 4 / 3 * 3.14159265358979324 *
                                                             (std::pow(outer, 3) - std::pow(inner, 3)));
    within += pairs[k];
    EXPECT_NEAR(run.observable("rdf/r").real[k], inner + 0.05, 1e-12);
    EXPECT_NEAR(run.observable("rdf/g").real[k], expected, 1e-11 * (1 + expected));
    EXPECT_DOUBLE_EQ(run.observable("rdf/coordination").real[k], static_cast<double>(within) / n);
  }
  EXPECT_GT(within, 0);
}

// Random atoms: g = 1 - 1/N within 5 sigma of the counting noise in every bin.
TEST(Rdf, IdealGas) {
  const Frame frame = test::ideal_gas(Box({30, 0, 0}, {7, 28, 0}, {-5, 9, 31}), 20000, 11);
  const AnalysisRun run = run_analysis("rdf", frame, {{"range", "10"}, {"bin", "0.25"}});
  const std::vector<double>& g = run.observable("rdf/g").real;
  const std::vector<int64_t>& pairs = run.observable("rdf/pairs").integer;
  for (size_t k = 2; k < g.size(); ++k)
    EXPECT_NEAR(g[k], 1 - 1.0 / 20000, 5 * std::sqrt(2.0 / static_cast<double>(pairs[k]))) << k;
}

TEST(Rdf, EqualsTheReference) {
  const Box boxes[] = {Box({9, 0, 0}, {0, 10, 0}, {0, 0, 11}),
                       Box({9, 0, 0}, {3, 10, 0}, {-2, 4, 11}),
                       Box({9, 0, 0}, {3, 10, 0}, {-2, 4, 11}, {1, 2, 3}, true, false, true),
                       Box({9, 0, 0}, {0, 10, 0}, {0, 0, 11}, {}, false, false, false),
                       Box({2.03, 0, 0}, {0.57, 2.51, 0}, {0.31, -0.43, 12.01}),
                       Box({30, 0, 0}, {0, 25, 0}, {0, 0, 28})};
  uint64_t seed = 1;
  for (const Box& box : boxes) {
    const Frame frame = test::ideal_gas(box, 90, seed++, 3);
    const std::vector<int64_t> expected = reference::pair_counts(frame, 7.5, 75);
    for (const Exec& exec : test::executions()) {
      RunContext run;
      run.exec = exec;
      const AnalysisRun rdf = run_analysis("rdf", frame, coarse, run);
      EXPECT_EQ(rdf.observable("rdf/pairs").integer, expected);
      EXPECT_EQ(run_analysis("rdf", test::rotated(frame), coarse, run).observable("rdf/pairs").integer,
                expected);
      for (const auto& [a, b, name] :
           {std::tuple{0, 0, "rdf/g_Fe_Fe"}, {0, 1, "rdf/g_Fe_Cr"}, {1, 2, "rdf/g_Cr_Ni"}}) {
        const std::vector<int64_t> counts = reference::pair_counts(frame, 7.5, 75, a, b);
        const auto n_a = static_cast<double>(std::count(frame.type.begin(), frame.type.end(), a));
        const auto n_b = static_cast<double>(std::count(frame.type.begin(), frame.type.end(), b));
        for (size_t k = 0; k < counts.size(); ++k) {
          const double inner = 0.1 * static_cast<double>(k), outer = inner + 0.1;
          const double shell = 4.0 / 3 * 3.14159265358979324 * (std::pow(outer, 3) - std::pow(inner, 3));
          const double g = box.volume() * static_cast<double>(counts[k]) / (n_a * n_b * shell);
          EXPECT_NEAR(rdf.observable(name).real[k], g, 1e-11 * (1 + g)) << name << k;
        }
      }
    }
  }
}

// Counts of ASE (tests/data/generate/shells_ase.py).
TEST(Rdf, EqualsAse) {
  Frame frame;
  open_reader(test::data_folder() + "/shells_ase.xyz")->next(frame);
  const AnalysisRun run = run_analysis("rdf", frame, {{"range", "9.5"}, {"bin", "0.1"}});
  std::ifstream in(test::data_folder() + "/shells_ase_pairs.csv");
  std::string line;
  std::getline(in, line);
  const double w = 0.1, volume = frame.box.volume(), n_cr = 20, n_fe = 34;
  for (size_t k = 0; k < 95; ++k) {
    std::getline(in, line);
    int all = -1, cr = -1, fe = -1, mixed = -1;
    ASSERT_EQ(std::sscanf(line.c_str(), "%d,%d,%d,%d", &all, &cr, &fe, &mixed), 4) << line;
    EXPECT_EQ(run.observable("rdf/pairs").integer[k], all);
    const auto at = static_cast<double>(k);
    const double shell = 4.0 / 3 * 3.14159265358979324 * w * w * w * (std::pow(at + 1, 3) - std::pow(at, 3));
    EXPECT_NEAR(run.observable("rdf/g_Fe_Fe").real[k], volume * fe / (n_fe * n_fe * shell), 1e-9);
    EXPECT_NEAR(run.observable("rdf/g_Cr_Fe").real[k], volume * mixed / (n_fe * n_cr * shell), 1e-9);
    EXPECT_NEAR(run.observable("rdf/g_Cr_Cr").real[k], volume * cr / (n_cr * n_cr * shell), 1e-9);
  }
}

// sum_ab x_a x_b g_ab = g.
TEST(Rdf, PartialsAddUpToTheTotal) {
  const Frame frame = test::ideal_gas(Box({12, 0, 0}, {2, 13, 0}, {1, 2, 14}), 500, 9, 2);
  const AnalysisRun run = run_analysis("rdf", frame);
  const double x = static_cast<double>(std::count(frame.type.begin(), frame.type.end(), 0)) / 500;
  for (size_t k = 0; k < 400; ++k) {
    const double sum = x * x * run.observable("rdf/g_Fe_Fe").real[k] +
                       2 * x * (1 - x) * run.observable("rdf/g_Fe_Cr").real[k] +
                       (1 - x) * (1 - x) * run.observable("rdf/g_Cr_Cr").real[k];
    EXPECT_NEAR(run.observable("rdf/g").real[k], sum, 1e-11 * (1 + sum));
  }
  const AnalysisRun total = run_analysis("rdf", frame, {{"partials", "false"}});
  EXPECT_EQ(total.results.find_observable("rdf/g_Fe_Fe"), nullptr);
  EXPECT_EQ(total.observable("rdf/pairs").integer, run.observable("rdf/pairs").integer);
}

// A supercell has the g(r) of its cell: that is what N^2 / V is for.
TEST(Rdf, SupercellInvariance) {
  const Frame cell = test::ideal_gas(Box({5.03, 0, 0}, {1.11, 6.02, 0}, {-1.07, 2.2, 5.04}), 12, 4);
  Frame super = cell;
  super.box = Box(2 * cell.box.a, cell.box.b, 3 * cell.box.c);
  super.position.clear();
  super.type.assign(72, 0);
  for (const Vec3& r : cell.position)
    for (int a = 0; a < 2; ++a)
      for (int c = 0; c < 3; ++c) super.position.push_back(r + a * cell.box.a + c * cell.box.c);
  const std::vector<int64_t> small = run_analysis("rdf", cell, coarse).observable("rdf/pairs").integer;
  const std::vector<double> g = run_analysis("rdf", cell, coarse).observable("rdf/g").real;
  const AnalysisRun large = run_analysis("rdf", super, coarse);
  for (size_t k = 0; k < small.size(); ++k) {
    EXPECT_EQ(large.observable("rdf/pairs").integer[k], 6 * small[k]);
    EXPECT_NEAR(large.observable("rdf/g").real[k], g[k], 1e-12 * (1 + g[k]));
  }
}

// Slabs, threads and schedules change no integer; slabs cut along a periodic and along a free direction.
TEST(Rdf, AnyNumberOfSlabsThreadsAndSchedules) {
  for (const bool periodic : {true, false}) {
    const Frame frame =
        test::ideal_gas(Box({18, 0, 0}, {3, 15, 0}, {-2, 4, 300}, {}, true, true, periodic), 7000, 6, 2);
    const AnalysisRun whole = run_analysis("rdf", frame, coarse);
    EXPECT_EQ(whole.n_slabs, 1);
    for (const Exec& exec : test::executions())
      for (const int64_t limit : {int64_t{0}, int64_t{1'500'000}}) {
        RunContext run;
        run.exec = exec;
        run.memory_limit = limit;
        const AnalysisRun cut = run_analysis("rdf", frame, coarse, run);
        EXPECT_EQ(cut.n_slabs > 2, limit > 0);
        EXPECT_EQ(cut.observable("rdf/pairs").integer, whole.observable("rdf/pairs").integer);
        EXPECT_EQ(cut.observable("rdf/g_Fe_Cr").real, whole.observable("rdf/g_Fe_Cr").real);
      }
  }
}

// Distances at the edges of bins, where the last bit decides, and atoms that lie outside the cell. Thin and
// thick crystals, cut along every direction.
void expect_slabs_to_count_the_same(const std::array<int, 3>& repeat, bool periodic) {
  const test::Given fine{{"range", "8.58"}, {"bin", "0.02"}};
  Frame frame = test::crystal(Structure::bcc, 2.86, repeat);
  const std::string name = fmt::format("{}, periodic: {}", fmt::join(repeat, " x "), periodic);
  frame.box.periodic[1] = frame.box.periodic[2] = periodic;
  for (size_t i = 0; periodic && i < frame.position.size(); i += 3)
    frame.position[i] += static_cast<double>(static_cast<int>(i % 5) - 2) * frame.box.c - frame.box.a;
  for (size_t i = 0; i < frame.position.size(); i += 7)  // a last bit below the face: s rounds to 1
    for (int k = 0; k < 3; ++k)
      if (frame.position[i][k] == 0) frame.position[i][k] = -1e-17;
  RunContext plain;
  plain.exec.plain = true;
  const std::vector<int64_t> expected =
      run_analysis("rdf", frame, fine, plain).observable("rdf/pairs").integer;
  EXPECT_EQ(run_analysis("rdf", frame, fine).observable("rdf/pairs").integer, expected) << name;
  // Ever less memory, until no slab fits any more.
  for (const int threads : {1, 3}) {
    RunContext run;
    run.exec.threads = threads;
    run.memory_limit = 300 * static_cast<int64_t>(frame.position.size());
    int cuts = 0;
    try {
      for (;; run.memory_limit = run.memory_limit * 4 / 5) {
        const AnalysisRun cut = run_analysis("rdf", frame, fine, run);
        cuts += cut.n_slabs > 1 ? 1 : 0;
        EXPECT_EQ(cut.observable("rdf/pairs").integer, expected) << name << " in " << cut.n_slabs;
      }
    } catch (const ResourceError&) {
    }
    EXPECT_GE(cuts, 2) << name;
  }
}

TEST(Rdf, SlabsOfAPerfectCrystalCountTheSame) {
  for (const std::array<int, 3>& repeat :
       {std::array<int, 3>{5, 4, 60}, {60, 5, 4}, {4, 60, 5}, {12, 13, 24}})
    for (const bool periodic : {true, false}) expect_slabs_to_count_the_same(repeat, periodic);
}

TEST(Rdf, SnapshotRdfCountsTheSame) {
  const Frame frame = test::rattled(test::crystal(Structure::fcc, 3.615, {4, 4, 4}), 0.1, 2);
  const AnalysisRun run = run_analysis("rdf", frame, coarse);
  FrameResults results;
  const RunContext context;
  FrameContext frame_context(frame, results, context);
  const SnapshotRdf rdf = snapshot_rdf(frame_context, 7.5, 0.1);
  EXPECT_EQ(rdf.params.n_bins, 75);
  EXPECT_EQ(rdf.counts, run.observable("rdf/pairs").integer);
}

TEST(Rdf, FewAndCoincidentAtoms) {
  Frame frame;
  frame.box = Box({20, 0, 0}, {0, 20, 0}, {0, 0, 20}, {}, false, false, false);
  frame.species = {{"", 0, 3}};
  const AnalysisRun none = run_analysis("rdf", frame);
  EXPECT_TRUE(std::isnan(none.observable("rdf/g").real[5]));
  frame.position = {{1, 2, 3}};
  frame.type = {0};
  const AnalysisRun one = run_analysis("rdf", frame);
  EXPECT_EQ(one.observable("rdf/g").real, std::vector<double>(400));
  EXPECT_NE(one.note_with("volume of the box"), "");
  frame.position.push_back(frame.position[0]);
  frame.type.push_back(0);
  const AnalysisRun two = run_analysis("rdf", frame);
  EXPECT_EQ(two.observable("rdf/pairs").integer[0], 2);
  EXPECT_EQ(two.observable("rdf/coordination").real.back(), 1);
  EXPECT_GT(two.observable("rdf/g_type3_type3").real[0], 0);
}

TEST(Rdf, BadParameters) {
  const Frame frame = test::crystal(Structure::bcc, 2.83, {2, 2, 2});
  EXPECT_THROW(run_analysis("rdf", frame, {{"range", "1"}, {"bin", "2"}}), UsageError);
  EXPECT_THROW(run_analysis("rdf", frame, {{"range", "1000"}, {"bin", "0.00001"}}), UsageError);
  EXPECT_THROW(run_analysis("rdf", frame, {{"range", "-1"}}), UsageError);
  EXPECT_THROW(run_analysis("rdf", frame, {{"bins", "100"}}), UsageError);
}

}  // namespace
}  // namespace grainfield
