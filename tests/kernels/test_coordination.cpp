// Coordination numbers against closed forms, the O(N^2) reference, and the reference grain boundaries.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "host/coordination_cutoffs.hpp"
#include "host/error.hpp"
#include "io/reader.hpp"
#include "tests/reference/coordination_ref.hpp"
#include "tests/support/gzip_lines.hpp"
#include "tests/support/run_analysis.hpp"
#include "tests/support/shared.hpp"
#include "tests/support/systems.hpp"

namespace grainfield {
namespace {

using test::AnalysisRun;
using test::run_analysis;

const test::Given fixed{{"cutoffs", "2.66,3.45"}};

RunContext with_lattice(Structure structure, double a) {
  RunContext run;
  run.structure = structure;
  run.lattice = make_lattice(structure, a);
  return run;
}

struct Bulk {
  Structure structure;
  double a;
  int z1, z2;
};
const Bulk bulks[] = {{Structure::sc, 3.0, 6, 12},
                      {Structure::bcc, 2.855324860794, 8, 6},
                      {Structure::fcc, 3.615, 12, 6},
                      {Structure::hcp, 2.95, 12, 6},
                      {Structure::diamond, 5.43, 4, 12}};

TEST(Coordination, PerfectCrystalsWithTheLattice) {
  for (const Bulk& bulk : bulks)
    for (const int n : {1, 3}) {  // one cell is smaller than the cutoffs
      const AnalysisRun run = run_analysis("coordination", test::crystal(bulk.structure, bulk.a, {n, n, n}),
                                           {}, with_lattice(bulk.structure, bulk.a));
      const std::vector<int32_t>& z = run.field("coordination").integer;
      ASSERT_GT(z.size(), 0u);
      for (size_t i = 0; i < z.size(); i += 2) {
        EXPECT_EQ(z[i], bulk.z1) << structure_name(bulk.structure);
        EXPECT_EQ(z[i + 1], bulk.z2) << structure_name(bulk.structure);
      }
      EXPECT_EQ(run.observable("bulk_coordination").integer, (std::vector<int64_t>{bulk.z1, bulk.z2}));
      EXPECT_EQ(run.observable("mean_coordination").real,
                (std::vector<double>{double(bulk.z1), double(bulk.z2)}));
    }
}

// The cutoffs of the snapshot's own g(r): perfect crystals to 1 % of the lattice's, rattled ones the same
// shells.
TEST(Coordination, CutoffsFromTheSnapshot) {
  for (const Bulk& bulk : bulks) {
    const CoordinationReference expected = coordination_reference(make_lattice(bulk.structure, bulk.a));
    for (const double amplitude : {0.0, 0.05}) {
      Frame frame = test::crystal(bulk.structure, bulk.a, {6, 6, 6});
      frame = test::rattled(std::move(frame), amplitude * bulk.a / 3, 7);
      const AnalysisRun run = run_analysis("coordination", frame);
      const std::vector<double>& r = run.observable("coordination_cutoffs").real;
      const double bound = amplitude == 0 ? 0.01 : 0.05;
      EXPECT_NEAR(r[0], expected.r1, bound * expected.r1) << structure_name(bulk.structure) << amplitude;
      EXPECT_NEAR(r[1], expected.r2, bound * expected.r2) << structure_name(bulk.structure) << amplitude;
      EXPECT_EQ(run.observable("bulk_coordination").integer, (std::vector<int64_t>{bulk.z1, bulk.z2}))
          << structure_name(bulk.structure) << amplitude;
      EXPECT_NE(run.note_with("first minima of g(r)"), "");
    }
  }
}

TEST(Coordination, CutoffsOfOneCellAndOfACrystalInVacuum) {
  const CoordinationReference expected = coordination_reference(make_lattice(Structure::bcc, 2.83));
  const AnalysisRun cell = run_analysis("coordination", test::crystal(Structure::bcc, 2.83, {1, 1, 1}));
  EXPECT_NEAR(cell.observable("coordination_cutoffs").real[0], expected.r1, 0.01 * expected.r1);
  Frame cluster = test::crystal(Structure::bcc, 2.83, {8, 8, 8});
  cluster.box = Box({200, 0, 0}, {0, 200, 0}, {0, 0, 200}, {}, true, false, false);
  const AnalysisRun run = run_analysis("coordination", cluster);
  EXPECT_NEAR(run.observable("coordination_cutoffs").real[0], expected.r1, 0.01 * expected.r1);
  EXPECT_NEAR(run.observable("coordination_cutoffs").real[1], expected.r2, 0.01 * expected.r2);
  EXPECT_EQ(run.observable("bulk_coordination").integer, (std::vector<int64_t>{8, 6}));
}

// A Gaussian displacement as at finite temperature: g(r) does not vanish between the first two shells of bcc.
TEST(Coordination, CutoffsOfAHotCrystal) {
  Frame frame = test::crystal(Structure::bcc, 2.8553, {12, 12, 12});
  test::Uniform random(3);
  for (Vec3& r : frame.position)  // the sum of 12 uniform numbers is nearly normal; sigma 0.08 A
    for (int k = 0; k < 12; ++k) r += 0.08 * (random.vector() - Vec3{0.5, 0.5, 0.5});
  const AnalysisRun run = run_analysis("coordination", frame);
  const std::vector<double>& r = run.observable("coordination_cutoffs").real;
  EXPECT_NEAR(r[0], 2.665, 0.06);  // where molecular dynamics at 300 K has its minimum
  EXPECT_GT(r[1], 3.2);
  EXPECT_LT(r[1], 3.7);
}

TEST(Coordination, EqualsTheReference) {
  const Box boxes[] = {Box({9, 0, 0}, {0, 10, 0}, {0, 0, 11}), Box({9, 0, 0}, {3, 10, 0}, {-2, 4, 11}),
                       Box({9, 0, 0}, {3, 10, 0}, {-2, 4, 11}, {1, 2, 3}, true, false, true),
                       Box({9, 0, 0}, {0, 10, 0}, {0, 0, 11}, {}, false, false, false),
                       Box({2, 0, 0}, {0.5, 2.5, 0}, {0.3, -0.4, 12})};
  uint64_t seed = 1;
  for (const Box& box : boxes) {
    const Frame frame = test::ideal_gas(box, 90, seed++);
    const std::vector<int32_t> expected = reference::coordination(frame, 2.66, 3.45);
    for (const Exec& exec : test::executions()) {
      RunContext run;
      run.exec = exec;
      EXPECT_EQ(run_analysis("coordination", frame, fixed, run).field("coordination").integer, expected);
      EXPECT_EQ(run_analysis("coordination", test::rotated(frame), fixed, run).field("coordination").integer,
                expected);
    }
  }
}

TEST(Coordination, PermutationPermutesTheResult) {
  const Frame frame = test::ideal_gas(Box({9, 0, 0}, {3, 10, 0}, {-2, 4, 11}), 200, 5);
  const std::vector<int32_t> z = run_analysis("coordination", frame, fixed).field("coordination").integer;
  Frame reversed = frame;
  std::reverse(reversed.position.begin(), reversed.position.end());
  const std::vector<int32_t> back =
      run_analysis("coordination", reversed, fixed).field("coordination").integer;
  for (size_t i = 0; i < 200; ++i)
    for (size_t c = 0; c < 2; ++c) EXPECT_EQ(z[2 * i + c], back[2 * (199 - i) + c]);
}

// Slabs change no integer.
TEST(Coordination, AnyNumberOfSlabs) {
  const Frame frame = test::ideal_gas(Box({18, 0, 0}, {3, 15, 0}, {-2, 4, 300}), 7000, 6);
  const AnalysisRun whole = run_analysis("coordination", frame, fixed);
  EXPECT_EQ(whole.n_slabs, 1);
  RunContext run;
  run.memory_limit = 1'300'000;
  const AnalysisRun cut = run_analysis("coordination", frame, fixed, run);
  EXPECT_GT(cut.n_slabs, 2);
  EXPECT_EQ(cut.field("coordination").integer, whole.field("coordination").integer);
}

// The bounds belong to the inner shell, and atoms at them are reported.
TEST(Coordination, BoundsAreInclusiveAndReported) {
  Frame frame;
  frame.box = Box({20, 0, 0}, {0, 20, 0}, {0, 0, 20}, {}, false, false, false);
  frame.species = {{"Fe", 0, 1}};
  frame.position = {{2, 2, 2}, {4, 2, 2}, {2, 5, 2}, {2, 2, 6}};
  frame.type = {0, 0, 0, 0};
  const AnalysisRun run = run_analysis("coordination", frame, {{"cutoffs", "2,3"}});
  const std::vector<int32_t>& z = run.field("coordination").integer;
  EXPECT_EQ(z[0], 1);
  EXPECT_EQ(z[1], 1);
  EXPECT_NE(run.note_with("3 atoms have a neighbor within 1e-06 A"), "");
  EXPECT_EQ(run_analysis("coordination", frame, {{"cutoffs", "1.9,2.9"}}).note_with("within"), "");
}

TEST(Coordination, CoincidentAtomsAreReported) {
  Frame frame = test::crystal(Structure::bcc, 2.83, {4, 4, 4});
  frame.position.push_back(frame.position[17]);
  frame.type.push_back(0);
  for (size_t i = 0; i < frame.position.size(); ++i) frame.id.push_back(1000 + static_cast<int64_t>(i));
  const AnalysisRun run = run_analysis("coordination", frame);  // and g(r) still gives the cutoffs
  EXPECT_EQ(run.field("coordination").integer[2 * 17], 8);
  EXPECT_NE(run.note_with("1 pairs of atoms are closer than 0.0001 A; the first are ids 1017 and 1128"), "")
      << (run.results.notes.empty() ? "" : run.results.notes.back());
}

TEST(Coordination, FewAtoms) {
  Frame frame;
  frame.box = Box({20, 0, 0}, {0, 20, 0}, {0, 0, 20}, {}, false, false, false);
  frame.species = {{"Fe", 0, 1}};
  EXPECT_EQ(run_analysis("coordination", frame, fixed).field("coordination").integer.size(), 0u);
  EXPECT_THROW(run_analysis("coordination", frame), UsageError);
  frame.position = {{1, 2, 3}};
  frame.type = {0};
  EXPECT_EQ(run_analysis("coordination", frame, fixed).field("coordination").integer,
            (std::vector<int32_t>{0, 0}));
  EXPECT_THROW(run_analysis("coordination", frame), UsageError);
}

TEST(Coordination, BadCutoffs) {
  const Frame frame = test::crystal(Structure::bcc, 2.83, {2, 2, 2});
  for (const char* text : {"3", "3,2", "3,3", "1,2,3", "0,3", "a,b"})
    EXPECT_THROW(run_analysis("coordination", frame, {{"cutoffs", text}}), UsageError) << text;
}

Frame read_first(const std::string& path) {
  Frame frame;
  open_reader(path)->next(frame);
  return frame;
}

// Numbers of ASE (tests/data/generate/shells_ase.py).
TEST(Coordination, EqualsAse) {
  const Frame frame = read_first(test::data_folder() + "/shells_ase.xyz");
  const std::vector<int32_t> z = run_analysis("coordination", frame, fixed).field("coordination").integer;
  const Column *z1 = frame.find_column("Z1"), *z2 = frame.find_column("Z2");
  ASSERT_TRUE(z1 && z2);
  ASSERT_EQ(z.size(), 108u);
  for (size_t i = 0; i < 54; ++i) {
    EXPECT_EQ(z[2 * i], z1->integer[i]) << i;
    EXPECT_EQ(z[2 * i + 1], z2->integer[i]) << i;
  }
}

// Z1 and Z2 of every atom of the reference boundaries.
TEST(Coordination, ReferenceGrainBoundaries) {
  GF_NEEDS_SHARED(shared);
  for (const std::string name : {"Fe_S3_112", "Fe_S5_310", "Fe_S9_114"}) {
    const Frame frame = read_first(shared + "/reference/struct/gb/gb_" + name + ".xyz.gz");
    const std::vector<std::string> lines =
        test::gzip_lines(shared + "/reference/struct/density/" + name + "_atoms.csv.gz");
    const AnalysisRun run =
        run_analysis("coordination", frame, {}, with_lattice(Structure::bcc, 2.855324860794));
    const std::vector<int32_t>& z = run.field("coordination").integer;
    ASSERT_EQ(lines.size(), z.size() / 2 + 1);  // with the header
    int n_different = 0, n_not_bulk = 0;
    for (size_t i = 0; i + 1 < lines.size(); ++i) {
      int z1 = -1, z2 = -1;
      ASSERT_EQ(std::sscanf(lines[i + 1].c_str(), "%*d,%*f,%*f,%*f,%d,%d", &z1, &z2), 2) << lines[i + 1];
      n_different += z[2 * i] != z1 || z[2 * i + 1] != z2;
      n_not_bulk += z1 != 8 || z2 != 6;
    }
    EXPECT_EQ(n_different, 0) << name;
    EXPECT_GT(n_not_bulk, 0) << name;
  }
}

// The snapshot's own g(r) cuts the same shells as the lattice in polycrystals and bicrystals.
TEST(Coordination, CutoffsOfPolycrystalsAndBoundaries) {
  GF_NEEDS_SHARED(shared);
  const std::string folder = shared + "/reference/struct/";
  const std::vector<std::pair<std::string, Structure>> files{
      {"poly/fe8_relaxed.xyz.gz", Structure::bcc},
      {"poly/cu5_relaxed.xyz.gz", Structure::fcc},
      {"gb/gb_Fe_S3_112.xyz.gz", Structure::bcc},
      {"gb/gb_Fe_S5_310.xyz.gz", Structure::bcc},
      {"gb/gb_Fe_S9_114.xyz.gz", Structure::bcc},
      {"gb/gb_Fe_S5_310_primitive.xyz.gz", Structure::bcc},
      {"gb/gb_Fe_S5_310_slab.xyz.gz", Structure::bcc},
      {"gb/gb_Cu_S3_111.xyz.gz", Structure::fcc},
      {"gb/gb_Cu_S5_310.xyz.gz", Structure::fcc},
      {"gb/gb_Cu_S11_113.xyz.gz", Structure::fcc},
      {"gb/gb_Cu_S5_310_primitive.xyz.gz", Structure::fcc}};
  for (const auto& [file, structure] : files) {
    const bool bcc = structure == Structure::bcc;
    const CoordinationReference lattice =
        coordination_reference(make_lattice(structure, bcc ? 2.855324860794 : 3.614925065888));
    const AnalysisRun run = run_analysis("coordination", read_first(folder + file));
    const std::vector<double>& r = run.observable("coordination_cutoffs").real;
    EXPECT_NEAR(r[0], lattice.r1, 0.04 * lattice.r1) << file;
    EXPECT_NEAR(r[1], lattice.r2, 0.04 * lattice.r2) << file;
    EXPECT_EQ(run.observable("bulk_coordination").integer,
              (bcc ? std::vector<int64_t>{8, 6} : std::vector<int64_t>{12, 6}))
        << file;
  }
}

}  // namespace
}  // namespace grainfield
