// Voronoi cells against closed forms, the face-by-face reference, Voro++'s and Qhull's stored numbers, and
// Voro++ itself where it is installed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <sstream>

#include "host/batch.hpp"
#include "host/build_polycrystal.hpp"
#include "host/error.hpp"
#include "host/local_spacing.hpp"
#include "io/reader.hpp"
#include "kernels/core/launch.hpp"
#include "kernels/geometry/voronoi_kernels.hpp"
#include "tests/reference/voronoi_ref.hpp"
#include "tests/support/gzip_lines.hpp"
#include "tests/support/run_analysis.hpp"
#include "tests/support/shared.hpp"
#include "tests/support/systems.hpp"
#if defined(GF_HAVE_VOROPP)
#include <voro++/voro++.hh>
#endif

namespace grainfield {
namespace {

using test::AnalysisRun;
using test::run_analysis;

// Kahan's: the sum of a million volumes to the last bits.
double sum_of(const std::vector<double>& values) {
  double sum = 0, lost = 0;
  for (const double v : values) {
    const double y = v - lost, t = sum + y;
    lost = (t - sum) - y;
    sum = t;
  }
  return sum;
}

// A rotation from three numbers in [0, 1) (a unit quaternion from Shoemake's formula).
Frame turned(Frame frame, Vec3 u) {
  const double a = std::sqrt(1 - u.x), b = std::sqrt(u.x), s = 2 * std::acos(-1.0);
  const double qx = a * std::sin(s * u.y), qy = a * std::cos(s * u.y), qz = b * std::sin(s * u.z),
               qw = b * std::cos(s * u.z);
  const Vec3 v{qx, qy, qz};
  auto turn = [&](Vec3 r) { return r + 2 * qw * cross(v, r) + 2.0 * cross(v, cross(v, r)); };
  const Box& box = frame.box;
  frame.box = Box(turn(box.a), turn(box.b), turn(box.c), turn(box.origin), box.periodic[0], box.periodic[1],
                  box.periodic[2]);
  for (Vec3& r : frame.position) r = turn(r);
  return frame;
}

Frame shifted(Frame frame, Vec3 by) {
  for (Vec3& r : frame.position) r += by;
  return frame;
}

// ---- One cell

struct OneCell {
  std::vector<unsigned char> memory;
  VoronoiCell cell;
  explicit OneCell(int vertices, int planes)
      : memory(VoronoiCell::bytes(vertices, planes) + 64), cell(aligned(memory.data()), vertices, planes) {}
  static void* aligned(unsigned char* p) { return p + (64 - reinterpret_cast<uintptr_t>(p) % 64) % 64; }
};

TEST(VoronoiCell, TheCubeItself) {
  OneCell one(64, 64);
  one.cell.begin(1.5);
  const VoronoiResult r = one.cell.measure({});
  EXPECT_NEAR(r.volume, 27, 27e-15);
  EXPECT_NEAR(r.area, 54, 54e-15);
  EXPECT_NEAR(r.radius, 1.5 * std::sqrt(3.0), 1e-15);
  EXPECT_EQ(r.faces, 6);
  EXPECT_EQ(r.coordination, 0);  // its faces are nobody's
}

TEST(VoronoiCell, ACornerCutOff) {
  OneCell one(64, 64);
  one.cell.begin(1);
  const double third = 1 / std::sqrt(3.0);
  // x + y + z <= 2 takes a corner of edge 1 off the cube of edge 2.
  EXPECT_EQ(one.cell.cut({third, third, third}, 2 * third, 7), VoronoiCell::Cut::cut);
  EXPECT_EQ(one.cell.cut({third, third, third}, 2.1 * third, 8), VoronoiCell::Cut::none);
  const VoronoiResult r = one.cell.measure({});
  EXPECT_NEAR(r.volume, 8 - 1.0 / 6, 1e-14);
  EXPECT_NEAR(r.area, 24 - 1.5 + std::sqrt(3.0) / 2, 1e-14);
  EXPECT_EQ(r.faces, 7);
  EXPECT_EQ(r.coordination, 1);
  EXPECT_EQ(r.index[0], 1);
  EXPECT_EQ(one.cell.id[6], 7);
  EXPECT_NEAR(one.cell.ax[6], std::sqrt(3.0) / 2, 1e-15);
}

// Planes through vertices and edges of the cube touch it; those of the cube's faces change nothing.
TEST(VoronoiCell, PlanesThatTouchDoNotCut) {
  OneCell one(64, 64);
  one.cell.begin(1);
  for (const Vec3 n : {Vec3{1, 1, 1}, Vec3{1, -1, 0}, Vec3{0, 0, -1}, Vec3{1, 2, 3}}) {
    const double distance = (std::fabs(n.x) + std::fabs(n.y) + std::fabs(n.z)) / norm(n);
    EXPECT_EQ(one.cell.cut(n / norm(n), distance, 1), VoronoiCell::Cut::none);
  }
  EXPECT_EQ(one.cell.measure({}).faces, 6);
}

// Vertices in opposite corners of a face beyond the plane, the others not: no convex cell is like this, but
// rounding can make one look so. A wider tolerance finds a cut that leaves a polyhedron; there is an end to
// it.
TEST(VoronoiCell, SignsThatContradictAreResolved) {
  for (const double noise : {1e-14, 1e-11, 1e-8, 1e-3}) {
    OneCell one(64, 64);
    one.cell.begin(1);
    for (int v = 0; v < 8; ++v)
      if (one.cell.z[v] > 0) one.cell.z[v] += one.cell.x[v] * one.cell.y[v] > 0 ? noise : -noise;
    const VoronoiCell::Cut done = one.cell.cut({0, 0, 1}, 1, 1);
    EXPECT_EQ(done, noise < 1e-7 ? VoronoiCell::Cut::none : VoronoiCell::Cut::failed) << noise;
    if (noise < 1e-7) {
      EXPECT_GE(one.cell.widest, noise);
      EXPECT_LE(one.cell.widest, VoronoiTolerance::widen * noise);
    }
    // Whatever it said, the cell is whole.
    EXPECT_NEAR(one.cell.measure({}).volume, 8, 8 * noise);
    EXPECT_EQ(one.cell.cut({0, 0, 1}, 0.5, 2), VoronoiCell::Cut::cut);
    EXPECT_NEAR(one.cell.measure({}).volume, 6, 1e-14);
  }
}

TEST(VoronoiCell, NothingLeft) {
  OneCell one(64, 64);
  one.cell.begin(1);
  EXPECT_EQ(one.cell.cut({1, 0, 0}, -1.5, 1), VoronoiCell::Cut::empty);
}

// Planes around a sphere: too many for 64 vertices, and right with more.
TEST(VoronoiCell, OverflowIsSaid) {
  for (const int vertices : {64, 1024}) {
    OneCell one(vertices, 1024);
    one.cell.begin(1.2);
    test::Uniform random(4);
    bool overflow = false;
    for (int k = 0; k < 300 && !overflow; ++k) {
      Vec3 n;
      do n = 2.0 * random.vector() - Vec3{1, 1, 1};
      while (norm_sq(n) > 1 || norm_sq(n) < 0.01);
      overflow = one.cell.cut(n / norm(n), 1, k) == VoronoiCell::Cut::overflow;
    }
    EXPECT_EQ(overflow, vertices == 64);
    if (overflow) continue;
    const VoronoiResult r = one.cell.measure({});
    EXPECT_NEAR(r.volume, r.area / 3, 1e-14 * r.volume);  // every plane is 1 away
    EXPECT_GT(r.volume, 4.18879);                         // the sphere
    EXPECT_LT(r.volume, 4.5);
  }
}

// ---- Crystals

struct Crystal {
  Structure structure;
  double a;
  int faces, coordination;
  std::vector<int32_t> index;
  double radius;  // in units of a
};
const Crystal crystals[] = {
    {Structure::sc, 3.0, 6, 6, {0, 6, 0, 0, 0, 0}, std::sqrt(3.0) / 2},
    {Structure::bcc, 2.83, 14, 14, {0, 6, 0, 8, 0, 0}, std::sqrt(5.0) / 4},
    {Structure::fcc, 3.615, 12, 12, {0, 12, 0, 0, 0, 0}, 0.5},
    {Structure::hcp, 2.95, 12, 12, {0, 12, 0, 0, 0, 0}, 0},
};

// Volumes to 1e-12, counts exactly; at random orientations and places, and after noise of 1e-10 A and less.
TEST(Voronoi, CrystalsAtAnyOrientation) {
  test::Uniform random(11);
  for (const Crystal& c : crystals)
    for (const double noise : {0.0, 1e-14, 1e-12, 1e-11, 1e-10})
      for (int turn = 0; turn < 4; ++turn)
        for (const int n : {1, 4}) {
          Frame frame = test::rattled(test::crystal(c.structure, c.a, {n, n, n}), noise, 5);
          if (turn > 0) frame = shifted(turned(frame, random.vector()), 10.0 * random.vector());
          const AnalysisRun run = run_analysis("voronoi", frame);
          const double volume = frame.box.volume() / static_cast<double>(frame.n_atoms());
          const std::vector<double>& v = run.field("voronoi_volume").real;
          const std::vector<double>& r = run.field("cavity_radius").real;
          const std::string what = std::string(structure_name(c.structure)) + " " + std::to_string(noise);
          for (size_t i = 0; i < v.size(); ++i) {
            EXPECT_NEAR(v[i], volume, (1e-12 + 2 * noise) * volume) << what;
            EXPECT_EQ(run.field("voronoi_faces").integer[i], c.faces) << what;
            EXPECT_EQ(run.field("voronoi_coordination").integer[i], c.coordination) << what;
            const int32_t* index = run.field("voronoi_index").integer.data() + 6 * i;
            EXPECT_EQ(std::vector<int32_t>(index, index + 6), c.index) << what;
            if (c.radius > 0) {
              EXPECT_NEAR(r[i], c.radius * c.a, (1e-12 + 10 * noise) * c.a) << what;
            }
          }
          EXPECT_NEAR(sum_of(v) / frame.box.volume(), 1, 1e-12) << what;
        }
}

// Areas of bcc and fcc: 6 a^2/8 + 8 (3 sqrt 3/16) a^2 and 12 sqrt 2/8 a^2.
TEST(Voronoi, AreasOfCrystals) {
  const AnalysisRun bcc = run_analysis("voronoi", test::crystal(Structure::bcc, 2.83, {3, 3, 3}));
  const AnalysisRun fcc = run_analysis("voronoi", test::crystal(Structure::fcc, 3.615, {3, 3, 3}));
  for (const double a : bcc.field("voronoi_area").real)
    EXPECT_NEAR(a, (0.75 + 1.5 * std::sqrt(3.0)) * 2.83 * 2.83, 1e-13 * a);
  for (const double a : fcc.field("voronoi_area").real)
    EXPECT_NEAR(a, 1.5 * std::sqrt(2.0) * 3.615 * 3.615, 1e-13 * a);
}

// ---- Against the reference

void expect_reference(const Frame& frame, const AnalysisRun& run, int images,
                      const std::vector<double>& radii, double tolerance) {
  for (size_t i = 0; i < frame.position.size(); ++i) {
    const reference::VoronoiCell cell = reference::voronoi_cell(frame, i, images, radii);
    EXPECT_NEAR(run.field("voronoi_volume").real[i], cell.volume, tolerance * (cell.volume + 1e-3)) << i;
    EXPECT_NEAR(run.field("voronoi_area").real[i], cell.area, tolerance * (cell.area + 1e-3)) << i;
    EXPECT_NEAR(run.field("cavity_radius").real[i], cell.radius, tolerance * (cell.radius + 1e-3)) << i;
    int faces = 0, coordination = 0;
    bool near_threshold = false;
    for (const auto& face : cell.faces) {
      faces += face.area > 1e-9 * cell.area ? 1 : 0;
      coordination += face.neighbor >= 0 && face.area > 1e-3 * cell.area ? 1 : 0;
      near_threshold = near_threshold || std::fabs(face.area / cell.area - 1e-3) < 1e-9 ||
                       (face.area < 1e-8 * cell.area && face.area > 1e-10 * cell.area);
    }
    if (near_threshold) continue;
    EXPECT_EQ(run.field("voronoi_faces").integer[i], faces) << i;
    EXPECT_EQ(run.field("voronoi_coordination").integer[i], coordination) << i;
  }
}

// Gases in orthogonal, tilted, thin and free boxes; every schedule to the same bits.
TEST(Voronoi, EqualsTheReference) {
  struct Case {
    Box box;
    int n, images;
  };
  const Case cases[] = {
      {Box({9, 0, 0}, {0, 10, 0}, {0, 0, 11}), 40, 1},
      {Box({9, 0, 0}, {3, 10, 0}, {-2, 4, 11}, {1, 2, 3}), 40, 1},
      {Box({9, 0, 0}, {3, 10, 0}, {-2, 4, 11}, {1, 2, 3}, true, false, true), 40, 1},
      {Box({9, 0, 0}, {3, 10, 0}, {-2, 4, 11}, {1, 2, 3}, false, true, false), 40, 1},
      {Box({9, 0, 0}, {0, 10, 0}, {0, 0, 11}, {}, false, false, false), 40, 1},
      {Box({9, 0, 0}, {3, 10, 0}, {-2, 4, 11}, {}, false, false, false), 1, 1},
      {Box({9, 0, 0}, {3, 10, 0}, {-2, 4, 11}), 1, 3},
      {Box({2, 0, 0}, {0.5, 2.5, 0}, {0.3, -0.4, 12}), 4, 7},
  };
  uint64_t seed = 1;
  for (const Case& c : cases) {
    const Frame frame = test::ideal_gas(c.box, c.n, seed++);
    const AnalysisRun first = run_analysis("voronoi", frame);
    expect_reference(frame, first, c.images, {}, 1e-12);
    EXPECT_NEAR(sum_of(first.field("voronoi_volume").real) / c.box.volume(), 1, 1e-12);
    for (const Simd simd : {Simd::portable, Simd::avx2, Simd::avx512})
      for (Exec exec : test::executions()) {
        exec.simd = simd;
        RunContext run;
        run.exec = exec;
        const AnalysisRun other = run_analysis("voronoi", frame, {}, run);
        for (const char* name : {"voronoi_volume", "voronoi_area", "cavity_radius"})
          EXPECT_EQ(other.field(name).real, first.field(name).real) << name;
        for (const char* name : {"voronoi_faces", "voronoi_coordination", "voronoi_index"})
          EXPECT_EQ(other.field(name).integer, first.field(name).integer) << name;
      }
  }
}

TEST(Voronoi, PowerCellsEqualTheReference) {
  const std::vector<double> radii{0.6, 1.1, 1.4};
  uint64_t seed = 21;
  for (const Box& box : {Box({9, 0, 0}, {3, 10, 0}, {-2, 4, 11}),
                         Box({9, 0, 0}, {3, 10, 0}, {-2, 4, 11}, {}, false, true, false)}) {
    const Frame frame = test::ideal_gas(box, 40, seed++, 3);
    const AnalysisRun run = run_analysis("voronoi", frame, {{"radii", "0.6,1.1,1.4"}});
    expect_reference(frame, run, 1, radii, 1e-12);
    EXPECT_NEAR(sum_of(run.field("voronoi_volume").real) / box.volume(), 1, 1e-12);
    // Equal radii change nothing but rounding.
    const AnalysisRun equal = run_analysis("voronoi", frame, {{"radii", "1,1,1"}}),
                      none = run_analysis("voronoi", frame);
    for (size_t i = 0; i < 40; ++i)
      EXPECT_NEAR(equal.field("voronoi_volume").real[i], none.field("voronoi_volume").real[i],
                  1e-13 * box.volume());
  }
}

// A small atom close to a large one has no cell; the others fill the box.
TEST(Voronoi, AnAtomWithoutAPowerCell) {
  Frame frame = test::ideal_gas(Box({9, 0, 0}, {0, 9, 0}, {0, 0, 9}), 30, 3, 2);
  std::fill(frame.type.begin(), frame.type.end(), 0);
  frame.type[7] = 1;
  frame.position[7] = frame.position[8] + Vec3{0.3, 0.2, 0.1};
  const AnalysisRun run = run_analysis("voronoi", frame, {{"radii", "1.5,0.2"}});
  EXPECT_EQ(run.field("voronoi_volume").real[7], 0);
  EXPECT_EQ(run.field("voronoi_faces").integer[7], 0);
  EXPECT_NEAR(sum_of(run.field("voronoi_volume").real) / 729, 1, 1e-12);
  EXPECT_NE(run.note_with("1 atoms have no cell"), "");
}

// ---- Analysis

TEST(Voronoi, TheListOfFacesHoldsTheCells) {
  for (const bool free : {false, true}) {
    Frame frame = test::ideal_gas(Box({9, 0, 0}, {3, 10, 0}, {-2, 4, 11}, {}, !free, true, !free), 60, 8);
    for (int64_t i = 0; i < 60; ++i) frame.id.push_back(1000 - 3 * i);
    const AnalysisRun run = run_analysis("voronoi", frame, {{"faces", "true"}});
    const std::vector<int64_t>& offset = run.observable("voronoi_face_list/offset").integer;
    const std::vector<int64_t>& neighbor = run.observable("voronoi_face_list/neighbor").integer;
    const std::vector<double>& area = run.observable("voronoi_face_list/area").real;
    const std::vector<double>& distance = run.observable("voronoi_face_list/distance").real;
    ASSERT_EQ(offset.size(), 61u);
    ASSERT_EQ(static_cast<size_t>(offset.back()), neighbor.size());
    // Every face from both sides.
    std::map<std::pair<int64_t, int64_t>, double> total;
    for (size_t i = 0; i < 60; ++i) {
      EXPECT_EQ(offset[i + 1] - offset[i], run.field("voronoi_faces").integer[i]);
      double volume = 0, surface = 0;
      for (auto f = static_cast<size_t>(offset[i]); f < static_cast<size_t>(offset[i + 1]); ++f) {
        const bool wall = neighbor[f] < 0;
        EXPECT_TRUE(free || !wall);
        surface += area[f];
        volume += area[f] * distance[f] / (wall ? 3 : 6);
        total[{frame.id[i], neighbor[f]}] += area[f];
      }
      EXPECT_NEAR(surface, run.field("voronoi_area").real[i], 1e-8 * surface);
      EXPECT_NEAR(volume, run.field("voronoi_volume").real[i], 1e-8 * volume);
    }
    for (const auto& [pair, a] : total) {
      if (pair.second < 0) continue;
      const auto other = total.find({pair.second, pair.first});
      ASSERT_NE(other, total.end());
      EXPECT_NEAR(a, other->second, 1e-12 * (1 + a));
    }
  }
}

// Cells of atoms at a free surface end at the cube of `bound`, or at the box.
TEST(Voronoi, BoundOfCellsInVacuum) {
  Frame frame = test::crystal(Structure::bcc, 2.83, {4, 4, 4});
  frame.box = Box({80, 0, 0}, {0, 80, 0}, {0, 0, 80}, {-30, -30, -30}, false, false, false);
  const AnalysisRun box = run_analysis("voronoi", frame);
  EXPECT_NEAR(sum_of(box.field("voronoi_volume").real) / (80.0 * 80 * 80), 1, 1e-12);
  const AnalysisRun bound = run_analysis("voronoi", frame, {{"bound", "4"}, {"faces", "true"}});
  const double bulk = 0.5 * 2.83 * 2.83 * 2.83;
  int n_bulk = 0;
  for (size_t i = 0; i < frame.position.size(); ++i) {
    const double v = bound.field("voronoi_volume").real[i];
    EXPECT_LT(v, 512);
    EXPECT_LE(bound.field("cavity_radius").real[i], 4 * std::sqrt(3.0) * (1 + 1e-14));
    EXPECT_LE(v, box.field("voronoi_volume").real[i] * (1 + 1e-12));
    n_bulk += std::fabs(v / bulk - 1) < 1e-12 ? 1 : 0;
  }
  EXPECT_EQ(n_bulk, 2 * 8);  // atoms with all 14 neighbors
  const std::vector<int64_t>& neighbor = bound.observable("voronoi_face_list/neighbor").integer;
  EXPECT_GT(std::count(neighbor.begin(), neighbor.end(), cube_plane), 0);
  EXPECT_EQ(std::count(neighbor.begin(), neighbor.end(), wall_plane), 0);
  // One atom alone.
  frame.position.resize(1);
  frame.type.resize(1);
  EXPECT_NEAR(run_analysis("voronoi", frame).field("voronoi_volume").real[0], 512000, 1e-9 * 512000);
  EXPECT_NEAR(run_analysis("voronoi", frame, {{"bound", "4"}}).field("voronoi_volume").real[0], 512, 512e-12);
}

TEST(Voronoi, AtomsBeyondAFreeBox) {
  Frame frame = test::ideal_gas(Box({8, 0, 0}, {0, 8, 0}, {0, 0, 8}, {}, true, true, false), 50, 9);
  frame.position[3].z = -2;
  frame.position[4].z = 11;
  const AnalysisRun run = run_analysis("voronoi", frame);
  EXPECT_NEAR(sum_of(run.field("voronoi_volume").real), 64 * 13, 64 * 13e-12);
  EXPECT_NE(run.note_with("beyond the box along its free cell vector c"), "");
}

TEST(Voronoi, PermutationPermutesTheResult) {
  const Frame frame = test::ideal_gas(Box({9, 0, 0}, {3, 10, 0}, {-2, 4, 11}), 200, 5);
  Frame reversed = frame;
  std::reverse(reversed.position.begin(), reversed.position.end());
  const AnalysisRun a = run_analysis("voronoi", frame), b = run_analysis("voronoi", reversed);
  for (size_t i = 0; i < 200; ++i) {
    EXPECT_EQ(a.field("voronoi_volume").real[i], b.field("voronoi_volume").real[199 - i]);
    EXPECT_EQ(a.field("voronoi_faces").integer[i], b.field("voronoi_faces").integer[199 - i]);
  }
}

TEST(Voronoi, AnyNumberOfSlabs) {
  const Frame frame = test::ideal_gas(Box({18, 0, 0}, {3, 15, 0}, {-2, 4, 300}), 7000, 6);
  const AnalysisRun whole = run_analysis("voronoi", frame, {{"faces", "true"}});
  EXPECT_EQ(whole.n_slabs, 1);
  for (const bool with_faces : {false, true}) {
    RunContext run;
    run.memory_limit = with_faces ? 4'300'000 : 2'300'000;  // the list itself is 2.5 MB
    const AnalysisRun cut = run_analysis("voronoi", frame, {{"faces", with_faces ? "true" : "false"}}, run);
    EXPECT_GT(cut.n_slabs, with_faces ? 1 : 2);
    for (const char* name : {"voronoi_faces", "voronoi_coordination", "voronoi_index"})
      EXPECT_EQ(cut.field(name).integer, whole.field(name).integer);
    for (size_t i = 0; i < 7000; ++i) {
      const double v = whole.field("voronoi_volume").real[i];
      EXPECT_NEAR(cut.field("voronoi_volume").real[i], v, 1e-12 * v);
    }
    if (!with_faces) continue;
    for (const char* name : {"voronoi_face_list/offset", "voronoi_face_list/neighbor"})
      EXPECT_EQ(cut.observable(name).integer, whole.observable(name).integer);
  }
}

// Frames of different boxes, one of them free along c, in one batch: each cell has the bits that it has
// alone.
TEST(Voronoi, ABatchOfManySystems) {
  const Frame triclinic = test::ideal_gas(Box({13, 0, 0}, {3, 14, 0}, {-2, 4, 12}), 150, 21),
              slab = test::ideal_gas(Box({12, 0, 0}, {0, 13, 0}, {0, 0, 16}, {}, true, true, false), 120, 22),
              crystal = test::rattled(test::crystal(Structure::bcc, 2.83, {4, 4, 4}), 0.1, 23);
  struct Cells {
    std::vector<double> volume, area, radius;
    std::vector<int32_t> faces, coordination, index;
    bool operator==(const Cells&) const = default;
  };
  const auto cells_of = [&](const std::vector<const Frame*>& frames, const Exec& exec) {
    VoronoiParams params;
    params.list_radius = 5;
    params.reach = 30;
    std::vector<VoronoiWalls> walls;
    for (const Frame* frame : frames) {
      walls.emplace_back();
      if (frame->box.periodic[2]) continue;
      const double low = frame->box.origin.z;
      walls.back() = {2, {{0, 0, 1}, {0, 0, -1}}, {low + frame->box.height(2), -low}};
    }
    params.walls = walls.data();
    Batch batch(exec);
    batch.build(frames, params.reach, params.list_radius);
    NeighborList list(exec);
    list.build(batch, params.list_radius);
    const auto n = static_cast<size_t>(batch.n_local());
    std::vector<double> volume(n), area(n), radius(n);
    std::vector<int32_t> faces(n), coordination(n), index(6 * n), partner(n), left;
    std::vector<CellState> state(n);
    VoronoiOutput out;
    out.volume = volume.data(), out.area = area.data(), out.radius = radius.data();
    out.faces = faces.data(), out.coordination = coordination.data(), out.index = index.data();
    out.state = state.data(), out.partner = partner.data();
    const VoronoiFromList task{batch.view(), list.view(), params, out};
    if (exec.plain)
      for_each(exec, batch.n_local(), task);
    else
      voronoi_simd(exec, task);
    for (size_t k = 0; k < n; ++k)
      if (state[k] != CellState::complete) left.push_back(static_cast<int32_t>(k));
    EXPECT_EQ(left.empty(), frames.size() == 1 && frames[0] == &crystal);
    VoronoiFromCells rest{batch.view(), batch.cells(), params, out, left.data()};
    rest.vertices = 512, rest.planes = 1024, rest.candidates = 2048;
    for_each(exec, static_cast<int64_t>(left.size()), rest,
             VoronoiFromCells::bytes(rest.vertices, rest.planes, rest.candidates));
    Cells cells{volume, area, radius, faces, coordination, index};
    for (size_t k = 0; k < n; ++k) {
      EXPECT_EQ(state[k], CellState::complete);
      const auto i = static_cast<size_t>(batch.source()[static_cast<int64_t>(k)]);
      cells.volume[i] = volume[k], cells.area[i] = area[k], cells.radius[i] = radius[k];
      cells.faces[i] = faces[k], cells.coordination[i] = coordination[k];
      std::copy_n(&index[6 * k], 6, &cells.index[6 * i]);
    }
    return cells;
  };
  const auto append = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
  for (const Exec& exec : test::executions()) {
    if (exec.on_gpu()) continue;  // its kernels start from .cu files
    Cells apart;
    for (const Frame* frame : {&triclinic, &slab, &crystal, &triclinic}) {
      const Cells one = cells_of({frame}, exec);
      EXPECT_NEAR(sum_of(one.volume) / frame->box.volume(), 1, 1e-12);
      append(apart.volume, one.volume), append(apart.area, one.area), append(apart.radius, one.radius);
      append(apart.faces, one.faces), append(apart.coordination, one.coordination);
      append(apart.index, one.index);
    }
    EXPECT_TRUE(apart == cells_of({&triclinic, &slab, &crystal, &triclinic}, exec));
  }
}

TEST(Voronoi, CoincidentAtomsAreAnErrorWithBothIds) {
  Frame frame = test::crystal(Structure::bcc, 2.83, {4, 4, 4});
  frame.position.push_back(frame.position[17] + Vec3{1e-6, 0, 0});
  frame.type.push_back(0);
  for (size_t i = 0; i < frame.position.size(); ++i) frame.id.push_back(1000 + static_cast<int64_t>(i));
  try {
    run_analysis("voronoi", frame);
    FAIL() << "expected an error";
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("atoms 1017 and 1128 are closer than 0.0001 A"),
              std::string::npos)
        << error.what();
  }
}

// A cell with more faces than the first memory holds: an atom in the middle of a hollow sphere.
TEST(Voronoi, ManyFaces) {
  Frame frame;
  frame.box = Box({40, 0, 0}, {0, 40, 0}, {0, 0, 40}, {-20, -20, -20}, false, false, false);
  frame.species = {{"Fe", 0, 1}};
  frame.position = {{0, 0, 0}};
  const int n = 700;
  for (int k = 0; k < n; ++k) {  // a spiral of equal areas
    const double z = 1 - (2 * k + 1.0) / n, phi = 2.399963229728653 * k, r = std::sqrt(1 - z * z);
    frame.position.push_back(12.0 * Vec3{r * std::cos(phi), r * std::sin(phi), z});
  }
  frame.type.assign(frame.position.size(), 0);
  const AnalysisRun run = run_analysis("voronoi", frame);
  EXPECT_EQ(run.field("voronoi_faces").integer[0], n);
  const double v = run.field("voronoi_volume").real[0], a = run.field("voronoi_area").real[0];
  EXPECT_NEAR(v, a * 6 / 3, 1e-12 * v);
  EXPECT_NEAR(sum_of(run.field("voronoi_volume").real) / 64000, 1, 1e-12);
}

// Atoms 2000 times as close as elsewhere: cells that begin again from a small cube, whose rounding is theirs.
// The second time there are more neighbors than the first memory holds. A cube of up to 8 times a cell's
// radius is kept, so volumes round to some 8^2 units in the last place; from the first cube it would be 1000
// times as much.
TEST(Voronoi, ADenseSpot) {
  Frame frame = test::ideal_gas(Box({60, 0, 0}, {0, 60, 0}, {0, 0, 60}, {}, false, false, false), 6000, 14);
  for (Vec3& r : frame.position) r += Vec3{5, 5, 5};
  frame.box = Box({70, 0, 0}, {0, 70, 0}, {0, 0, 70}, {}, false, false, false);
  const double step = 1.0 / 512;
  const size_t n_gas = frame.position.size();
  for (const int n : {5, 6}) {
    frame.position.resize(n_gas);
    std::vector<size_t> inner;
    for (int c = 0; c < n; ++c)
      for (int b = 0; b < n; ++b)
        for (int a = 0; a < n; ++a) {
          if (std::min({a, b, c}) > 0 && std::max({a, b, c}) < n - 1) inner.push_back(frame.position.size());
          // Turned, or every number were a short binary fraction and every step exact.
          frame.position.push_back(
              step / 3 * Vec3{40.0 + 2 * a - 2 * b + c, 40.0 + a + 2 * b + 2 * c, 40.0 - 2 * a - b + 2 * c});
        }
    frame.type.assign(frame.position.size(), 0);
    const AnalysisRun run = run_analysis("voronoi", frame);
    for (const size_t i : inner)
      EXPECT_NEAR(run.field("voronoi_volume").real[i] / (step * step * step), 1, 2e-13);
    EXPECT_NEAR(sum_of(run.field("voronoi_volume").real) / (70.0 * 70 * 70), 1, 1e-12);
  }
}

TEST(Voronoi, FewAtoms) {
  Frame frame;
  frame.box = Box({20, 0, 0}, {0, 20, 0}, {0, 0, 20});
  frame.species = {{"Fe", 0, 1}};
  EXPECT_EQ(run_analysis("voronoi", frame).field("voronoi_volume").real.size(), 0u);
  frame.position = {{1, 2, 3}};
  frame.type = {0};
  const AnalysisRun run = run_analysis("voronoi", frame);
  EXPECT_NEAR(run.field("voronoi_volume").real[0], 8000, 8000e-14);
  EXPECT_EQ(run.field("voronoi_coordination").integer[0], 6);  // its own images
}

TEST(Voronoi, BadParameters) {
  const Frame frame = test::crystal(Structure::bcc, 2.83, {2, 2, 2});
  for (const test::Given& given :
       {test::Given{{"radii", "1,2"}}, test::Given{{"radii", "-1"}}, test::Given{{"bound", "0"}},
        test::Given{{"face_threshold", "2"}}, test::Given{{"faces", "1"}}})
    EXPECT_THROW(run_analysis("voronoi", frame, given), UsageError) << given[0].first;
}

// ---- The spacing that the search starts from

TEST(LocalSpacing, IsThatOfTheAtomsAndNotOfTheBox) {
  Frame crystal = test::crystal(Structure::bcc, 2.83, {12, 12, 12});
  const double spacing = std::cbrt(0.5) * 2.83;
  EXPECT_NEAR(local_spacing(crystal), spacing, 0.1 * spacing);
  crystal.box = Box({900, 0, 0}, {100, 800, 0}, {0, 50, 1000}, {-300, -300, -300}, true, false, true);
  EXPECT_NEAR(local_spacing(crystal), spacing, 0.1 * spacing);
  EXPECT_NEAR(local_spacing(test::ideal_gas(Box({50, 0, 0}, {0, 50, 0}, {0, 0, 50}), 8000, 2)), 2.5, 0.25);
  EXPECT_NEAR(local_spacing(test::ideal_gas(Box({5, 0, 0}, {0, 5, 0}, {0, 0, 5}), 1, 2)), 5, 0.5);
}

// ---- Stored numbers of Voro++ and Qhull

std::vector<std::vector<double>> read_table(const std::string& path) {
  std::vector<std::vector<double>> rows;
  for (std::string line : test::gzip_lines(path)) {
    std::replace(line.begin(), line.end(), ',', ' ');
    std::istringstream in(line);
    std::vector<double> row;
    for (double v; in >> v;) row.push_back(v);
    rows.push_back(row);
  }
  return rows;
}

Frame read_input(const std::string& folder, const std::string& name) {
  const auto rows = read_table(folder + "/inputs/" + name + ".txt.gz");
  Frame frame;
  const std::vector<double>& l = rows.at(1);  // lx xy ly xz yz lz
  frame.box = Box({l[0], 0, 0}, {l[1], l[2], 0}, {l[3], l[4], l[5]});
  frame.species = {{"Fe", 0, 1}};
  for (size_t k = 2; k < rows.size(); ++k) {
    if (rows[k].size() < 4) continue;
    frame.id.push_back(static_cast<int64_t>(rows[k][0]));
    frame.position.push_back({rows[k][1], rows[k][2], rows[k][3]});
    frame.type.push_back(0);
  }
  return frame;
}

// Tolerances: 1e-10 relative, 1e-8 where the peers themselves differ by 4e-12 to 1e-10 (reference README).
void expect_stored(const Frame& frame, const std::string& folder, const std::string& name, double tolerance,
                   bool all_faces) {
  const auto rows = read_table(folder + "/atoms/" + name + ".csv.gz");
  const AnalysisRun run = run_analysis("voronoi", frame);
  ASSERT_EQ(rows.size(), frame.position.size() + 1) << name;
  int64_t n_compared = 0;
  for (size_t i = 0; i < frame.position.size(); ++i) {
    const std::vector<double>& row = rows[i + 1];
    ASSERT_EQ(static_cast<int64_t>(row[0]), frame.id_of(static_cast<int64_t>(i)));
    ASSERT_NEAR(run.field("voronoi_volume").real[i] / row[1], 1, tolerance) << name << " " << row[0];
    ASSERT_NEAR(run.field("voronoi_area").real[i] / row[2], 1, std::max(1e-10, tolerance))
        << name << " " << row[0];
    ASSERT_NEAR(run.field("cavity_radius").real[i] / row[8], 1, std::max(1e-10, tolerance))
        << name << " " << row[0];
    if (row[6] >= 1e-9) {
      ASSERT_EQ(run.field("voronoi_coordination").integer[i], row[5]) << name << " " << row[0];
    }
    if (all_faces && row[7] > 2e-9) {
      ASSERT_EQ(run.field("voronoi_faces").integer[i], row[3]) << name << " " << row[0];
      ++n_compared;
    }
  }
  if (all_faces) {
    EXPECT_GT(n_compared, frame.n_atoms() / 2);
  }
  EXPECT_NEAR(sum_of(run.field("voronoi_volume").real) / frame.box.volume(), 1, 1e-12) << name;
}

TEST(VoronoiStored, SmallSets) {
  GF_NEEDS_SHARED(shared);
  const std::string folder = shared + "/reference/struct/voronoi";
  for (const std::string name : {"gas2000", "cluster1300", "tri_gas800", "tri_small5", "tri_rattled_fcc"})
    expect_stored(read_input(folder, name), folder, name, 1e-10, true);
  for (const std::string name : {"bcc", "bcc_shift", "bcc_prim1", "fcc", "fcc_shift", "fcc_prim1", "hcp",
                                 "hcp_shift", "fcc_noise0.001"})
    expect_stored(read_input(folder, name), folder, name, 1e-10, false);
  for (const std::string name : {"fcc_noise1e-12", "fcc_noise1e-09", "fcc_noise1e-06"})
    expect_stored(read_input(folder, name), folder, name, 1e-8, false);
}

TEST(LongVoronoiStored, Polycrystals) {
  GF_NEEDS_SHARED(shared);
  const std::string folder = shared + "/reference/struct/voronoi";
  for (const std::string name : {"fe8_relaxed", "cu5_relaxed", "fe8_unrelaxed", "cu5_unrelaxed"}) {
    Frame frame;
    open_reader(shared + "/reference/struct/poly/" + name + ".xyz.gz")->next(frame);
    frame.id.clear();  // order of the file
    const bool relaxed = name.find("unrelaxed") == std::string::npos;
    expect_stored(frame, folder, name, relaxed ? 1e-10 : 1e-8, relaxed);
  }
}

// Every stored face: neighbor, area, distance.
TEST(VoronoiStored, Faces) {
  GF_NEEDS_SHARED(shared);
  const std::string folder = shared + "/reference/struct/voronoi";
  for (const std::string name :
       {"gas2000", "tri_gas800", "tri_rattled_fcc", "tri_small5", "bcc_shift", "bcc_prim1"}) {
    const Frame frame = read_input(folder, name);
    const AnalysisRun run = run_analysis("voronoi", frame, {{"faces", "true"}});
    const std::vector<int64_t>& offset = run.observable("voronoi_face_list/offset").integer;
    const std::vector<int64_t>& neighbor = run.observable("voronoi_face_list/neighbor").integer;
    const std::vector<double>& area = run.observable("voronoi_face_list/area").real;
    const std::vector<double>& distance = run.observable("voronoi_face_list/distance").real;
    int64_t n_found = 0;
    const auto rows = read_table(folder + "/faces/" + name + ".csv.gz");
    for (size_t k = 1; k < rows.size(); ++k) {
      const std::vector<double>& row = rows[k];
      const double d = norm(Vec3{row[7], row[8], row[9]});
      const auto i = static_cast<size_t>(row[0]) - 1;
      if (row[5] < 1e-7 * run.field("voronoi_area").real[i]) continue;
      double best = 1e300;
      for (auto f = static_cast<size_t>(offset[i]); f < static_cast<size_t>(offset[i + 1]); ++f)
        if (neighbor[f] == static_cast<int64_t>(row[1]) && std::fabs(distance[f] - d) < 1e-10 * d)
          best = std::min(best, std::fabs(area[f] / row[5] - 1));
      ASSERT_LT(best, 1e-8) << name << " " << row[0] << " " << row[1];
      ++n_found;
    }
    EXPECT_GT(n_found, static_cast<int64_t>(frame.position.size()) * 3) << name;
  }
}

// ---- Many small configurations

// 100,000 of them: gases, crystals with noise from 1e-16 to 0.1 A, planes and lines of atoms, few atoms in
// tilted boxes, free and periodic. No failure, and the volumes fill the box.
TEST(LongVoronoiFuzz, VolumesFillTheBox) {
  test::Uniform random(2024);
  const Structure structures[] = {Structure::sc, Structure::bcc, Structure::fcc, Structure::hcp,
                                  Structure::diamond};
  double worst = 0;
  for (int k = 0; k < 100'000; ++k) {
    Frame frame;
    const int kind = static_cast<int>(random() * 4);
    if (kind == 0) {
      const double tilt = random() < 0.5 ? 0 : 3;
      const Box box({4 + 4 * random(), 0, 0}, {tilt * (random() - 0.5), 4 + 4 * random(), 0},
                    {tilt * (random() - 0.5), tilt * (random() - 0.5), 4 + 4 * random()}, {}, random() < 0.7,
                    random() < 0.7, random() < 0.7);
      frame = test::ideal_gas(box, 1 + static_cast<int64_t>(random() * 24), static_cast<uint64_t>(k));
    } else if (kind == 1) {  // on a coarse grid: coplanar, collinear and cospherical atoms
      const Box box({6, 0, 0}, {random() < 0.5 ? 0.0 : 2.0, 6, 0}, {0, random() < 0.5 ? 0.0 : 3.0, 6}, {},
                    random() < 0.7, random() < 0.7, random() < 0.7);
      frame.box = box;
      frame.species = {{"Fe", 0, 1}};
      const double step = 1.0 / (2 + static_cast<int>(random() * 4));
      std::map<int, bool> taken;
      for (int m = 0; m < 20; ++m) {
        const int a = static_cast<int>(random() / step), b = static_cast<int>(random() / step),
                  c = static_cast<int>(random() / step);
        if (std::exchange(taken[a + 100 * b + 10000 * c], true)) continue;
        frame.position.push_back(box.cartesian({(a + 0.3) * step, (b + 0.3) * step, (c + 0.3) * step}));
        frame.type.push_back(0);
      }
    } else {
      frame = test::crystal(structures[static_cast<size_t>(random() * 5)], 3, {1 + (kind == 3), 1, 2});
    }
    if (kind > 0) {
      const double noise = random() < 0.2 ? 0 : std::pow(10.0, -16 + 15 * random());
      frame = test::rattled(frame, noise, static_cast<uint64_t>(k));
      if (random() < 0.7) frame = turned(frame, random.vector());
    }
    const AnalysisRun run = run_analysis("voronoi", frame);
    double volume = std::fabs(frame.box.volume());
    if (run.note_with("beyond the box") != "") continue;
    const double error = std::fabs(sum_of(run.field("voronoi_volume").real) / volume - 1);
    ASSERT_LT(error, 1e-12) << "configuration " << k << " of kind " << kind;
    worst = std::max(worst, error);
  }
  RecordProperty("worst_volume_error", std::to_string(worst));
}

// ---- Voro++ itself

#if defined(GF_HAVE_VOROPP)
TEST(VoronoiLive, EqualsVoroppOnGases) {
  for (uint64_t seed = 1; seed < 5; ++seed) {
    const Frame frame = test::ideal_gas(Box({20, 0, 0}, {0, 21, 0}, {0, 0, 22}), 1000, seed);
    const AnalysisRun run = run_analysis("voronoi", frame);
    voro::container container(0, 20, 0, 21, 0, 22, 6, 6, 6, true, true, true, 8);
    for (int i = 0; i < 1000; ++i) {
      const Vec3 r = frame.position[static_cast<size_t>(i)];
      container.put(i, r.x, r.y, r.z);
    }
    voro::c_loop_all loop(container);
    voro::voronoicell_neighbor cell;
    int n = 0;
    if (loop.start()) do {
        ASSERT_TRUE(container.compute_cell(cell, loop));
        const auto i = static_cast<size_t>(loop.pid());
        EXPECT_NEAR(run.field("voronoi_volume").real[i] / cell.volume(), 1, 1e-11);
        EXPECT_NEAR(run.field("voronoi_area").real[i] / cell.surface_area(), 1, 1e-11);
        // Voro++ holds its vertices at twice their distance: the square is four times ours.
        EXPECT_NEAR(run.field("cavity_radius").real[i], std::sqrt(cell.max_radius_squared() / 4), 1e-11);
        std::vector<double> areas;
        cell.face_areas(areas);
        int counted = 0;
        bool near_threshold = false;
        for (const double a : areas) {
          counted += a > 1e-3 * cell.surface_area() ? 1 : 0;
          near_threshold = near_threshold || std::fabs(a / cell.surface_area() - 1e-3) < 1e-9;
        }
        if (!near_threshold) {
          EXPECT_EQ(run.field("voronoi_coordination").integer[i], counted);
        }
        ++n;
      } while (loop.inc());
    EXPECT_EQ(n, 1000);
  }
}
#else
TEST(VoronoiLive, EqualsVoroppOnGases) { GTEST_SKIP() << "built without Voro++ (Debian package voro++-dev)"; }
#endif

}  // namespace
}  // namespace grainfield
