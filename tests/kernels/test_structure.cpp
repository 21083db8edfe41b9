// Structures around atoms against perfect crystals, the slow reference and OVITO. All comparisons are exact:
// types are integers.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "host/batch.hpp"
#include "host/devices.hpp"
#include "host/error.hpp"
#include "io/reader.hpp"
#include "kernels/core/team.hpp"
#include "kernels/structure/structure.hpp"
#include "tests/reference/structure_ref.hpp"
#include "tests/support/gzip_lines.hpp"
#include "tests/support/run_analysis.hpp"
#include "tests/support/shared.hpp"
#include "tests/support/systems.hpp"

namespace grainfield {
namespace {

using test::AnalysisRun;
using test::run_analysis;
using test::schedules;

Frame free_atoms(std::vector<Vec3> position, double edge = 60) {
  Frame frame;
  frame.box = Box({edge, 0, 0}, {0, edge, 0}, {0, 0, edge}, {}, false, false, false);
  frame.species = {{"Cu", 0, 1}};
  frame.type.assign(position.size(), 0);
  frame.position = std::move(position);
  return frame;
}

// The centre and the 12 corners of an icosahedron.
std::vector<Vec3> icosahedron(double radius) {
  std::vector<Vec3> r{{0, 0, 0}};
  const double golden = (1 + std::sqrt(5.0)) / 2, scale = radius / std::sqrt(1 + golden * golden);
  for (const double a : {-scale, scale})
    for (const double b : {-scale * golden, scale * golden}) {
      r.push_back({0, a, b});
      r.push_back({a, b, 0});
      r.push_back({b, 0, a});
    }
  for (Vec3& x : r) x += Vec3{20, 20, 20};
  return r;
}

TEST(Structures, PerfectCrystals) {
  const std::pair<Structure, int32_t> crystals[] = {{Structure::fcc, structure_fcc},
                                                    {Structure::hcp, structure_hcp},
                                                    {Structure::bcc, structure_bcc},
                                                    {Structure::sc, structure_other},
                                                    {Structure::diamond, structure_other}};
  for (const auto& [structure, type] : crystals)
    for (const double a : {0.4, 3.0, 25.0})  // any density
      for (const int n : {1, 2, 4})          // one cell is smaller than the cutoff
        for (const RunContext& context : schedules()) {
          const AnalysisRun run =
              run_analysis("structure", test::crystal(structure, a, {n, n, n}), {}, context);
          const std::vector<int32_t>& t = run.field("structure_type").integer;
          const auto atoms = static_cast<int64_t>(t.size());
          EXPECT_EQ(std::count(t.begin(), t.end(), type), atoms) << structure_name(structure) << a;
          const std::vector<int32_t>& bulk = run.field("bulk").integer;
          EXPECT_EQ(std::count(bulk.begin(), bulk.end(), type == structure_other ? 0 : 1), atoms);
          EXPECT_EQ(run.observable("structure_count").integer[static_cast<size_t>(type)], atoms);
          EXPECT_EQ(run.observable("structure_fraction").real[static_cast<size_t>(type)], 1);
          EXPECT_EQ(run.observable("matrix_type").integer[0], type);
          EXPECT_EQ(run.observable("bulk_fraction").real[0], type == structure_other ? 0 : 1);
        }
}

TEST(Structures, Icosahedron) {
  for (const RunContext& context : schedules()) {
    const AnalysisRun run = run_analysis("structure", free_atoms(icosahedron(2.5)), {}, context);
    std::vector<int32_t> expected(13);
    expected[0] = structure_ico;
    EXPECT_EQ(run.field("structure_type").integer, expected);
    EXPECT_EQ(run.observable("matrix_type").integer[0], structure_other);
    EXPECT_EQ(run.field("bulk").integer, std::vector<int32_t>(13));
  }
}

// A vacancy in bcc: its 14 neighbors lose a neighbor and their type, and the atoms next to these are no bulk.
TEST(Structures, Vacancy) {
  Frame frame = test::crystal(Structure::bcc, 2.83, {8, 8, 8});
  const Vec3 hole = frame.position.back();
  frame.position.pop_back();
  frame.type.pop_back();
  const AnalysisRun run = run_analysis("structure", frame);
  for (size_t i = 0; i < frame.position.size(); ++i) {
    const double d = norm(frame.box.minimum_image(frame.position[i] - hole)) / 2.83;
    EXPECT_EQ(run.field("structure_type").integer[i], d < 1.01 ? structure_other : structure_bcc) << d;
    // Farther than two steps of 1/2 <111> or <100>, atoms are bulk; those two steps away are not.
    bool second = false;
    for (size_t j = 0; j < frame.position.size(); ++j)
      second = second || (norm(frame.box.minimum_image(frame.position[j] - hole)) / 2.83 < 1.01 && j != i &&
                          norm(frame.box.minimum_image(frame.position[j] - frame.position[i])) / 2.83 < 1.01);
    EXPECT_EQ(run.field("bulk").integer[i], d > 1.01 && !second ? 1 : 0) << d;
  }
  EXPECT_EQ(run.observable("structure_count").integer[0], 14);
}

std::vector<Frame> test_frames() {
  std::vector<Frame> frames;
  uint64_t seed = 1;
  for (const Structure s : {Structure::bcc, Structure::fcc, Structure::hcp})
    for (const double amplitude : {0.2, 0.35}) {
      Frame frame =
          test::rattled(test::crystal(s, s == Structure::bcc ? 2.83 : 3.6, {3, 3, 3}), amplitude, seed++);
      const Box& b = frame.box;
      frame.box = Box(b.a + 0.04 * b.b, b.b - 0.03 * b.c, b.c + 0.05 * b.a, {}, true, true, seed % 3 != 0);
      frames.push_back(frame);
    }
  frames.push_back(test::ideal_gas(Box({9, 0, 0}, {3, 10, 0}, {-2, 4, 11}), 90, 3));
  frames.push_back(test::rattled(test::crystal(Structure::fcc, 3.6, {1, 1, 2}), 0.1, 4));
  return frames;
}

TEST(Structures, EqualTheReference) {
  int64_t n_crystalline = 0, n_bulk = 0, n_other = 0;
  for (const Frame& frame : test_frames()) {
    const reference::Structures expected = reference::structures(frame, 9);
    for (const RunContext& context : schedules())
      for (const Frame& f : {frame, test::rotated(frame)}) {
        const AnalysisRun run = run_analysis("structure", f, {}, context);
        EXPECT_EQ(run.field("structure_type").integer, expected.type);
        EXPECT_EQ(run.field("bulk").integer, expected.bulk);
      }
    n_other += std::count(expected.type.begin(), expected.type.end(), 0);
    n_crystalline += std::count_if(expected.type.begin(), expected.type.end(), [](int t) { return t > 0; });
    n_bulk += std::count(expected.bulk.begin(), expected.bulk.end(), 1);
  }
  EXPECT_GT(n_other, 50);
  EXPECT_GT(n_crystalline, 50);
  EXPECT_GT(n_bulk, 20);
}

TEST(Structures, PermutationTranslationAndSupercell) {
  for (const Frame& frame : test_frames()) {
    const std::vector<int32_t> type = run_analysis("structure", frame).field("structure_type").integer;
    Frame reversed = frame;
    std::reverse(reversed.position.begin(), reversed.position.end());
    std::vector<int32_t> back = run_analysis("structure", reversed).field("structure_type").integer;
    std::reverse(back.begin(), back.end());
    EXPECT_EQ(back, type);
    Frame moved = frame;
    for (Vec3& r : moved.position) r += Vec3{1.3, -2.7, 0.6};
    moved.box.origin += Vec3{1.3, -2.7, 0.6};
    EXPECT_EQ(run_analysis("structure", moved).field("structure_type").integer, type);
    Frame twice = frame;
    const Box& b = frame.box;
    twice.box = Box(b.a, 2 * b.b, b.c, b.origin, b.periodic[0], b.periodic[1], b.periodic[2]);
    for (const Vec3& r : frame.position) {
      twice.position.push_back(r + b.b);
      twice.type.push_back(0);
    }
    std::vector<int32_t> expected = type;
    expected.insert(expected.end(), type.begin(), type.end());
    EXPECT_EQ(run_analysis("structure", twice).field("structure_type").integer, expected);
  }
}

// Types and bulk do not depend on where a frame is cut, though a cut passes through first shells.
TEST(Structures, AnyNumberOfSlabs) {
  Frame frame = test::rattled(test::crystal(Structure::bcc, 2.83, {7, 7, 60}), 0.28, 9);
  const AnalysisRun whole = run_analysis("structure", frame);
  EXPECT_EQ(whole.n_slabs, 1);
  RunContext run;
  run.memory_limit = 1'100'000;
  for (const bool plain : {false, true}) {
    run.exec.plain = plain;
    const AnalysisRun cut = run_analysis("structure", frame, {}, run);
    EXPECT_GT(cut.n_slabs, 3);
    EXPECT_EQ(cut.field("structure_type").integer, whole.field("structure_type").integer);
    EXPECT_EQ(cut.field("bulk").integer, whole.field("bulk").integer);
  }
  const double fraction = whole.observable("bulk_fraction").real[0];
  EXPECT_GT(fraction, 0.05);
  EXPECT_LT(fraction, 0.95);
}

TEST(Structures, GpuEqualsTheCpu) {
  if (!why_no_gpu().empty()) GTEST_SKIP() << why_no_gpu();
  RunContext gpu;
  gpu.exec = choose_device("cuda", 1);
  use_device(gpu.exec);
  std::vector<Frame> frames = test_frames();
  frames.push_back(test::rattled(test::crystal(Structure::bcc, 2.83, {7, 7, 60}), 0.28, 9));
  for (const Frame& frame : frames) {
    const AnalysisRun cpu = run_analysis("structure", frame), run = run_analysis("structure", frame, {}, gpu);
    EXPECT_EQ(run.field("structure_type").integer, cpu.field("structure_type").integer);
    EXPECT_EQ(run.field("bulk").integer, cpu.field("bulk").integer);
  }
}

// Lists that other analyses asked for are longer.
TEST(Structures, LongerListsGiveTheSame) {
  for (const Frame& frame : test_frames()) {
    const std::vector<int32_t> type = run_analysis("structure", frame).field("structure_type").integer;
    for (const RunContext& run : schedules()) {
      Batch batch(run.exec);
      batch.build({&frame}, 9, 9);
      NeighborList list(run.exec);
      list.build(batch, 8);
      const AnalysisEntry entry = structure_entry();
      const auto analysis = entry.make(Parameters(entry.info, {}), run);
      FrameResults results;
      FrameContext context(frame, results, run);
      analysis->begin(context);
      Workspace scratch(run.exec);
      std::shared_ptr<void> held;
      analysis->compute(context, {batch, &list, {}, 0, 1, scratch, held});
      EXPECT_EQ(results.fields[0].integer, type);
    }
  }
}

// A small crystal in a large empty cell, and one with a dilute gas around it: the list follows the crystal.
TEST(Structures, CrystalsInVacuumAndInGas) {
  Frame frame = test::crystal(Structure::fcc, 3.6, {5, 5, 5});
  const reference::Structures expected = [&] {
    Frame open = frame;
    open.box = Box(frame.box.a, frame.box.b, frame.box.c, {}, false, false, false);
    return reference::structures(open, 8);
  }();
  EXPECT_GT(std::count(expected.type.begin(), expected.type.end(), 1), 150);
  for (const double edge : {40.0, 400.0}) {
    frame.box = Box({edge, 0, 0}, {0, edge, 0}, {0, 0, edge});
    const AnalysisRun run = run_analysis("structure", frame);
    EXPECT_EQ(run.field("structure_type").integer, expected.type) << edge;
    EXPECT_EQ(run.field("bulk").integer, expected.bulk) << edge;
  }
  test::Uniform random(8);
  for (int k = 0; k < 40; ++k) {
    frame.position.push_back(Vec3{100, 100, 100} + 200 * random.vector());
    frame.type.push_back(0);
  }
  std::vector<int32_t> type = expected.type;
  type.resize(type.size() + 40);
  EXPECT_EQ(run_analysis("structure", frame).field("structure_type").integer, type);
}

// The list follows the dense crystal; neighbors of the other one lie beyond it.
TEST(Structures, CrystalsOfTwoDensities) {
  Frame frame = test::crystal(Structure::fcc, 3.6, {6, 6, 6});
  const Frame loose = test::crystal(Structure::bcc, 4.4, {4, 4, 4});
  for (const Vec3& r : loose.position) {
    frame.position.push_back(r + Vec3{40, 3, 2});
    frame.type.push_back(0);
  }
  frame.box = Box({70, 0, 0}, {0, 40, 0}, {0, 0, 40}, {}, false, false, false);
  const reference::Structures expected = reference::structures(frame, 8);
  EXPECT_GT(std::count(expected.type.begin(), expected.type.end(), structure_bcc), 10);
  EXPECT_GT(std::count(expected.type.begin(), expected.type.end(), structure_fcc), 300);
  for (const RunContext& run : schedules())
    EXPECT_EQ(run_analysis("structure", frame, {}, run).field("structure_type").integer, expected.type);
}

// Sets of six common neighbors with six bonds: a ring, two triangles, a square with two tails, a tetrahedron
// and a pair without bonds, four with five bonds beside a bonded pair.
TEST(Structures, ConnectedBonds) {
  const auto bonds_of = [](const std::vector<std::pair<int, int>>& pairs) {
    std::vector<uint32_t> bonds(14);
    for (const auto& [a, b] : pairs) bonds[size_t(a)] |= 1u << b, bonds[size_t(b)] |= 1u << a;
    return bonds;
  };
  const uint32_t six = 0b11011011;  // members 0, 1, 3, 4, 6, 7
  const auto ring = bonds_of({{0, 3}, {3, 1}, {1, 7}, {7, 4}, {4, 6}, {6, 0}});
  const auto triangles = bonds_of({{0, 3}, {3, 6}, {6, 0}, {1, 4}, {4, 7}, {7, 1}});
  const auto tails = bonds_of({{0, 1}, {1, 3}, {3, 4}, {4, 0}, {0, 6}, {3, 7}});
  const auto tetrahedron = bonds_of({{1, 3}, {1, 4}, {1, 6}, {3, 4}, {3, 6}, {4, 6}});
  const auto apart = bonds_of({{0, 1}, {1, 3}, {3, 4}, {4, 0}, {0, 3}, {6, 7}});
  EXPECT_TRUE(is_ring(ring.data(), six));
  EXPECT_FALSE(is_ring(triangles.data(), six));
  EXPECT_TRUE(is_connected(ring.data(), six));
  EXPECT_FALSE(is_connected(triangles.data(), six));
  EXPECT_TRUE(is_connected(tails.data(), six));
  EXPECT_TRUE(is_connected(tetrahedron.data(), six));
  EXPECT_FALSE(is_connected(apart.data(), six));
  for (const auto& bonds : {ring, triangles, tails, tetrahedron, apart}) {
    const Signature s = signature_of(bonds.data(), six);
    EXPECT_EQ(s.common, 6);
    EXPECT_EQ(s.bonds, 6);
  }
  EXPECT_EQ(signature_of(ring.data(), six).most, 2);
  EXPECT_EQ(signature_of(tails.data(), six).most, 3);
}

// The matrix is what --structure says, or else the most frequent.
TEST(Structures, Matrix) {
  Frame frame = test::crystal(Structure::bcc, 2.83, {6, 6, 6});
  RunContext run;
  run.structure = Structure::fcc;
  const AnalysisRun fcc = run_analysis("structure", frame, {}, run);
  EXPECT_EQ(fcc.observable("matrix_type").integer[0], structure_fcc);
  EXPECT_EQ(fcc.observable("bulk_fraction").real[0], 0);
  run.structure = Structure::bcc;
  EXPECT_EQ(run_analysis("structure", frame, {}, run).observable("bulk_fraction").real[0], 1);
  for (const Structure s : {Structure::sc, Structure::diamond}) {
    run.structure = s;
    EXPECT_THROW(run_analysis("structure", frame, {}, run), UsageError);
  }
}

TEST(Structures, FewAtoms) {
  for (const RunContext& run : schedules()) {
    Frame frame = free_atoms({});
    EXPECT_EQ(run_analysis("structure", frame, {}, run).field("structure_type").integer.size(), 0u);
    for (int n = 1; n <= 3; ++n) {
      frame = free_atoms(std::vector<Vec3>(static_cast<size_t>(n), Vec3{1, 2, 3}));  // coincident
      const AnalysisRun coincident = run_analysis("structure", frame, {}, run);
      EXPECT_EQ(coincident.field("structure_type").integer, std::vector<int32_t>(static_cast<size_t>(n)));
      EXPECT_EQ(coincident.observable("structure_count").integer[0], n);
    }
  }
  // A pair of coincident atoms in a crystal disturbs its surroundings only.
  Frame frame = test::crystal(Structure::fcc, 3.6, {5, 5, 5});
  const Vec3 twin = frame.position[7];
  frame.position.push_back(twin);
  frame.type.push_back(0);
  const AnalysisRun run = run_analysis("structure", frame);
  for (size_t i = 0; i < frame.position.size(); ++i) {
    const double d = norm(frame.box.minimum_image(frame.position[i] - twin));
    const int32_t type = run.field("structure_type").integer[i];
    EXPECT_TRUE(d > 0.1 || type == structure_other);
    EXPECT_TRUE(d < 2.6 || type == structure_fcc);
  }
  EXPECT_NE(run.note_with("1 pairs of atoms are closer"), "");
}

void expect_ovito(const Frame& frame, const std::vector<int64_t>& expected) {
  for (const RunContext& context : schedules()) {
    const std::vector<int32_t> type =
        run_analysis("structure", frame, {}, context).field("structure_type").integer;
    ASSERT_EQ(type.size(), expected.size());
    int64_t n_different = 0;
    for (size_t i = 0; i < type.size(); ++i) n_different += type[i] != expected[i];
    EXPECT_EQ(n_different, 0);
  }
}

// tests/data/generate/structure_ovito.py
TEST(Structures, EqualOvito) {
  const auto reader = open_reader(test::data_folder() + "/structure_ovito.xyz");
  Frame frame;
  int n_frames = 0;
  std::vector<int64_t> count(n_structure_types);
  for (; reader->next(frame); ++n_frames) {
    const Column* column = frame.find_column("ovito_type");
    ASSERT_TRUE(column);
    expect_ovito(frame, column->integer);
    for (const int64_t t : column->integer) ++count[static_cast<size_t>(t)];
  }
  EXPECT_EQ(n_frames, 4);
  for (const int64_t c : count) EXPECT_GT(c, 0);
}

// Relaxed polycrystals: the numbers of OVITO 3.17.2, default mode. (Atom by atom they were compared once; the
// fixture above repeats that in every clone.)
TEST(Structures, PolycrystalsAsInOvito) {
  GF_NEEDS_SHARED(shared);
  const std::pair<std::string, std::vector<int64_t>> files[] = {{"fe8_relaxed", {6226, 0, 9, 8392, 0}},
                                                                {"cu5_relaxed", {7983, 17116, 512, 157, 0}},
                                                                {"fe8_unrelaxed", {6466, 0, 0, 8161, 0}},
                                                                {"cu5_unrelaxed", {8179, 17583, 6, 0, 0}}};
  for (const auto& [name, expected] : files) {
    Frame frame;
    open_reader(shared + "/reference/struct/poly/" + name + ".xyz.gz")->next(frame);
    const AnalysisRun run = run_analysis("structure", frame);
    EXPECT_EQ(run.observable("structure_count").integer, expected) << name;
    EXPECT_EQ(run.observable("matrix_type").integer[0], name[0] == 'f' ? structure_bcc : structure_fcc);
    const double bulk = run.observable("bulk_fraction").real[0];
    EXPECT_GT(bulk, 0.2);
    EXPECT_LT(bulk, 0.7);
  }
}

}  // namespace
}  // namespace grainfield
