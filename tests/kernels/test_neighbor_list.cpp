// Batches and neighbor lists against the definition (tests/reference/neighbor_list_ref.hpp), and every
// schedule against the plain one.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <set>
#include <string>

#include "host/batch.hpp"
#include "tests/reference/neighbor_list_ref.hpp"
#include "tests/support/random.hpp"

namespace {

using namespace grainfield;
using test::Random;

Exec cpu(int threads = 1) { return {Processor::cpu, threads}; }
Exec plain() {
  Exec exec = cpu();
  exec.plain = true;
  return exec;
}
Exec at_most(Simd simd) {
  Exec exec = cpu(2);
  exec.simd = simd;
  return exec;
}

Frame frame_of(const Box& box, std::vector<Vec3> positions) {
  Frame frame;
  frame.box = box;
  frame.position = std::move(positions);
  frame.type.assign(frame.position.size(), 0);
  frame.species = {{"Fe", 55.845, 1}};
  return frame;
}

Frame random_gas(const Box& box, int n, uint64_t seed, double lo = 0, double hi = 1) {
  Random random(seed);
  std::vector<Vec3> positions;
  for (int i = 0; i < n; ++i) positions.push_back(box.cartesian(random.vector(lo, hi)));
  return frame_of(box, std::move(positions));
}

// cells^3 cubic cells of edge a with the given basis.
Frame cubic_crystal(double a, int cells, const std::vector<Vec3>& basis, double rattle = 0,
                    uint64_t seed = 1) {
  Random random(seed);
  const double edge = a * cells;
  std::vector<Vec3> positions;
  for (int k = 0; k < cells; ++k)
    for (int j = 0; j < cells; ++j)
      for (int i = 0; i < cells; ++i)
        for (const Vec3& b : basis)
          positions.push_back(a * (Vec3{1. * i, 1. * j, 1. * k} + b) + random.vector(-rattle, rattle));
  return frame_of(Box({edge, 0, 0}, {0, edge, 0}, {0, 0, edge}), std::move(positions));
}

const std::vector<Vec3> sc{{0, 0, 0}}, bcc{{0, 0, 0}, {.5, .5, .5}},
    fcc{{0, 0, 0}, {.5, .5, 0}, {.5, 0, .5}, {0, .5, .5}};

// A list on the host, with what tests ask of it.
struct Built {
  Batch batch;
  NeighborList list;
  Built(const std::vector<const Frame*>& frames, double cutoff, const Exec& exec = cpu(),
        const Slab& slab = {})
      : batch(exec), list(exec) {
    batch.build(frames, cutoff, cutoff / cells_per_cutoff, slab);
    list.build(batch, cutoff);
  }
  std::vector<int64_t> first() const {
    const NeighborView v = list.view();
    return {v.first, v.first + v.n_rows + 1};
  }
  std::vector<int32_t> index() const { return {list.view().index, list.view().index + list.n_pairs()}; }
};

// What must hold of every batch and list, whatever the input.
void expect_sound(const Built& built, const std::string& what) {
  const BatchView atoms = built.batch.view();
  const NeighborView list = built.list.view();
  const auto source = built.batch.source();
  ASSERT_EQ(list.n_rows, atoms.n_local) << what;
  ASSERT_EQ(list.first[0], 0) << what;
  ASSERT_EQ(list.first[list.n_rows], built.list.n_pairs()) << what;
  for (int64_t i = 0; i < list.n_rows; ++i)
    for (int64_t k = list.begin(i); k < list.end(i); ++k) {
      const int32_t j = list.index[k];
      ASSERT_TRUE(j >= 0 && j < atoms.n_total && j != i) << what << ", atom " << i;
      ASSERT_TRUE(k == list.begin(i) || list.index[k - 1] < j) << what << ": row " << i << " does not ascend";
      ASSERT_EQ(atoms.system[i], atoms.system[j]) << what;
    }
  for (int64_t i = 0; i < atoms.n_total; ++i) {
    const int32_t parent = atoms.parent[i];
    ASSERT_TRUE(i >= atoms.n_local || parent == i) << what;
    ASSERT_TRUE(parent >= -1 && parent < atoms.n_local) << what;
    if (parent >= 0) {
      ASSERT_EQ(source[parent], source[i]) << what;
      ASSERT_EQ(atoms.type[parent], atoms.type[i]) << what;
    }
  }
}

// Compares the rows of the built list's local atoms with the reference rows of `frame`; sources of the frame
// start at first_source. Pairs within 1e-9 A of the cutoff may be on either side (rounding of images).
void expect_rows(const Built& built, const Frame& frame,
                 const std::vector<std::vector<reference::Neighbor>>& rows, double cutoff,
                 const std::string& what, int64_t first_source = 0) {
  const BatchView atoms = built.batch.view();
  const NeighborView list = built.list.view();
  const auto source = built.batch.source();
  const int64_t last_source = first_source + frame.n_atoms();
  for (int64_t i = 0; i < list.n_rows; ++i) {
    if (source[i] < first_source || source[i] >= last_source) continue;
    const auto& expected = rows[static_cast<size_t>(source[i] - first_source)];
    std::vector<bool> used(expected.size(), false);
    for (int64_t k = list.begin(i); k < list.end(i); ++k) {
      const int32_t j = list.index[k];
      const Vec3 d = atoms.position(j) - atoms.position(i);
      bool matched = false;
      for (size_t e = 0; e < expected.size() && !matched; ++e) {
        if (used[e] || expected[e].atom + first_source != source[j]) continue;
        if (norm(d - Vec3{expected[e].d[0], expected[e].d[1], expected[e].d[2]}) > 1e-9) continue;
        used[e] = matched = true;
      }
      ASSERT_TRUE(matched || norm(d) > cutoff - 1e-9)
          << what << ": atom " << source[i] << " has a neighbor " << source[j] << " at " << norm(d)
          << " A that it should not have";
    }
    for (size_t e = 0; e < expected.size(); ++e)
      ASSERT_TRUE(used[e] || expected[e].r > cutoff - 1e-9)
          << what << ": atom " << source[i] << " lacks neighbor " << expected[e].atom << " at "
          << expected[e].r;
  }
}

// All schedules and thread counts give the bits of the plain one.
void expect_schedules_agree(const std::vector<const Frame*>& frames, double cutoff, const std::string& what,
                            const Slab& slab = {}) {
  const Built reference(frames, cutoff, plain(), slab);
  for (const Exec& exec : {cpu(1), cpu(4), at_most(Simd::avx2), at_most(Simd::portable)}) {
    const Built built(frames, cutoff, exec, slab);
    EXPECT_EQ(built.first(), reference.first()) << what << ", threads " << exec.threads;
    EXPECT_EQ(built.index(), reference.index()) << what << ", threads " << exec.threads;
    EXPECT_EQ(built.list.coincident().count, reference.list.coincident().count) << what;
    EXPECT_EQ(built.list.coincident().first, reference.list.coincident().first) << what;
    const BatchView a = built.batch.view(), b = reference.batch.view();
    ASSERT_EQ(a.n_total, b.n_total) << what;
    for (int64_t i = 0; i < a.n_total; ++i) ASSERT_EQ(a.position(i), b.position(i)) << what;
  }
}

// One system, everything checked.
void check(const Frame& frame, double cutoff, const std::string& what) {
  const Built built({&frame}, cutoff);
  ASSERT_NO_FATAL_FAILURE(expect_sound(built, what));
  ASSERT_EQ(built.batch.n_local(), frame.n_atoms()) << what;
  std::vector<int64_t> sources(built.batch.source().begin(), built.batch.source().begin() + frame.n_atoms());
  std::sort(sources.begin(), sources.end());
  for (int64_t i = 0; i < frame.n_atoms(); ++i) ASSERT_EQ(sources[static_cast<size_t>(i)], i) << what;
  ASSERT_NO_FATAL_FAILURE(expect_rows(built, frame, reference::neighbor_rows(frame, cutoff), cutoff, what));
  ASSERT_NO_FATAL_FAILURE(expect_schedules_agree({&frame}, cutoff, what));
}

const Box triclinic({11, 0, 0}, {4.1, 9.7, 0}, {-3.3, 5.2, 10.4}, {1, -2, 3});
// Strongly tilted: plane spacings are a fraction of the edges.
const Box sheared({12, 0, 0}, {21, 9, 0}, {-17, 23, 11}, {0.5, 0, -4});

Box with_periodic(Box box, int mask) {
  return Box(box.a, box.b, box.c, box.origin, mask & 1, mask & 2, mask & 4);
}

TEST(NeighborList, RandomGasInAllMixesOfPeriodicAndFree) {
  for (int mask = 0; mask < 8; ++mask) {
    const std::string mix = "periodic mask " + std::to_string(mask);
    const Box cube({12, 0, 0}, {0, 13, 0}, {0, 0, 14}, {-3, 2, 1});
    check(random_gas(with_periodic(cube, mask), 150, 10 + mask), 4.2, "orthogonal, " + mix);
    check(random_gas(with_periodic(triclinic, mask), 120, 20 + mask), 4.2, "triclinic, " + mix);
    check(random_gas(with_periodic(sheared, mask), 100, 30 + mask), 3.7, "sheared, " + mix);
  }
}

TEST(NeighborList, ManyCells) {
  check(random_gas(Box({31, 0, 0}, {0, 29, 0}, {0, 0, 33}), 900, 5), 3.1, "orthogonal");
  check(random_gas(Box({30, 0, 0}, {11, 28, 0}, {-9, 13, 27}), 700, 6), 3.1, "triclinic");
  // A left-over of atoms beyond the stated cell along free directions, and a lone one far away.
  Frame free = random_gas(with_periodic(triclinic, 0), 150, 7, -0.8, 1.9);
  free.position[17] = {900, -1200, 77};
  check(free, 4.0, "free, far outlier");
}

TEST(NeighborList, RattledCrystals) {
  check(cubic_crystal(2.855, 4, bcc, 0.1), 5.5, "bcc");
  check(cubic_crystal(3.61, 3, fcc, 0.1), 5.0, "fcc");
}

TEST(NeighborList, BoxesMuchSmallerThanTheCutoff) {
  for (int n = 1; n <= 4; ++n)
    for (int mask = 1; mask < 8; ++mask) {
      const std::string what = std::to_string(n) + " atoms, mask " + std::to_string(mask);
      const Box cube({2.5, 0, 0}, {0, 2.5, 0}, {0, 0, 2.5}, {7, 0, 0});
      const Box primitive({-1.3, 1.3, 1.3}, {1.3, -1.3, 1.3}, {1.3, 1.3, -1.3});
      const Box tilted({2.5, 0, 0}, {3.9, 2.2, 0}, {-4.4, 2.9, 2.7});
      check(random_gas(with_periodic(cube, mask), n, 40 + n), 6.5, "cube of " + what);
      check(random_gas(with_periodic(tilted, mask), n, 60 + n), 6.5, "tilted cell of " + what);
      Box right_handed(primitive.b, primitive.a, primitive.c);
      check(random_gas(with_periodic(right_handed, mask), n, 50 + n), 6.5, "primitive bcc cell of " + what);
    }
}

TEST(NeighborList, OneAtomInAFarSmallerCell) {
  // 90 times smaller than the cutoff along a.
  check(frame_of(Box({0.1, 0, 0}, {0, 20, 0}, {0, 0, 20}), {{0.03, 4, 5}}), 9.0, "needle");
}

TEST(NeighborList, EmptyAndSingle) {
  check(frame_of(triclinic, {}), 4.0, "empty");
  check(frame_of(triclinic, {{1, 2, 3}}), 4.0, "one atom");
  check(frame_of(with_periodic(triclinic, 0), {{1, 2, 3}}), 4.0, "one atom, free");
}

TEST(NeighborList, AtomsFarOutsideAndOnFaces) {
  Frame frame = random_gas(triclinic, 80, 71);
  Random random(72);
  for (Vec3& r : frame.position)
    for (int k = 0; k < 3; ++k) r += (static_cast<double>(random.below(41)) - 20) * triclinic.edge(k);
  check(frame, 4.0, "20 cells outside");

  std::vector<Vec3> faces;
  const Box cube({8, 0, 0}, {0, 8, 0}, {0, 0, 8});
  for (const double x : {0.0, 8.0, -8.0, -1e-17, 16.0})
    for (const double y : {0.0, 4.0, 8.0}) faces.push_back({x, y + 0.01 * x, 0.3 * x + 0.1 * y});
  check(frame_of(cube, faces), 3.0, "on faces");
  for (int mask = 0; mask < 8; ++mask)
    check(frame_of(with_periodic(cube, mask), faces), 3.0, "on faces, mask " + std::to_string(mask));
  const double below = std::nextafter(8.0, 0.0);
  check(frame_of(cube, {{below, below, below}, {0.5, 0.5, 0.5}, {7.9, 0, below}}), 3.0,
        "just below the faces");
}

TEST(NeighborList, CutoffIsStrict) {
  // Edges and cell are powers of two: distances are exact.
  struct Case {
    const char* name;
    const std::vector<Vec3>& basis;
    double cutoff;
    int64_t below, above;  // neighbors for exactly this cutoff, and for the next larger double
  };
  const Case cases[] = {
      {"sc", sc, 2.0, 0, 6}, {"bcc", bcc, 2.0, 8, 14}, {"fcc", fcc, 2.0, 12, 18}, {"sc", sc, 4.0, 26, 32}};
  for (const Case& c : cases) {
    const Frame frame = cubic_crystal(2.0, 4, c.basis);
    const double next = std::nextafter(c.cutoff, 1e9);
    for (const auto& [cutoff, expected] : {std::pair{c.cutoff, c.below}, std::pair{next, c.above}}) {
      const Built built({&frame}, cutoff);
      const auto first = built.first();
      for (size_t i = 0; i + 1 < first.size(); ++i)
        ASSERT_EQ(first[i + 1] - first[i], expected) << c.name << " with cutoff " << cutoff;
      expect_schedules_agree({&frame}, cutoff, c.name);
    }
  }
}

TEST(NeighborList, InPlaceAtomsKeepTheirBits) {
  const Frame frame = random_gas(sheared, 200, 81);
  const Built built({&frame}, 4.0);
  for (int32_t i = 0; i < built.batch.n_local(); ++i)
    EXPECT_EQ(built.batch.view().position(i), frame.position[static_cast<size_t>(built.batch.source()[i])]);
}

TEST(NeighborList, CoincidentAtomsAreCountedAndTheFirstNamed) {
  Frame frame = cubic_crystal(2.855, 4, bcc);
  EXPECT_EQ(Built({&frame}, 5.5).list.coincident().count, 0u);
  EXPECT_EQ(Built({&frame}, 5.5).list.coincident().first, ~0ull);
  frame.position[100] = frame.position[7];                                            // the same place
  frame.position[50] = frame.position[20] + Vec3{9e-5, 0, 0};                         // closer than 1e-4 A
  frame.position[90] = frame.position[21] + Vec3{0, 1.1e-4, 0};                       // not closer
  frame.position[0] = Vec3{4 * 2.855, 0, 0} + Vec3{3e-5, 0, 0} + frame.position[10];  // through the boundary
  const Built built({&frame}, 5.5);
  const Condition met = built.list.coincident();
  EXPECT_EQ(met.count, 6u);  // three pairs, both atoms of each
  ASSERT_LT(met.first, static_cast<uint64_t>(built.batch.n_local()));
  const int64_t named = built.batch.source()[static_cast<int64_t>(met.first)];
  const std::vector<int64_t> involved{0, 7, 10, 20, 50, 100};
  EXPECT_NE(std::find(involved.begin(), involved.end(), named), involved.end()) << named;
  // The lowest of them in the batch.
  for (int64_t i = 0; i < static_cast<int64_t>(met.first); ++i)
    EXPECT_EQ(std::find(involved.begin(), involved.end(), built.batch.source()[i]), involved.end());
  check(frame, 5.5, "coincident atoms");
  // All atoms in one point.
  check(frame_of(triclinic, std::vector<Vec3>(5, Vec3{1, 1, 1})), 3.0, "one point");
  EXPECT_EQ(Built({&frame}, 5.5, cpu(4)).list.coincident().first, met.first);
}

TEST(NeighborList, BatchOfManySystems) {
  std::vector<Frame> frames;
  for (int k = 0; k < 24; ++k) {
    const Box& box = k % 3 == 0 ? triclinic : k % 3 == 1 ? sheared : Box({6, 0, 0}, {0, 3, 0}, {0, 0, 9});
    frames.push_back(random_gas(with_periodic(box, k % 8), k == 5 ? 0 : 3 * k + 1, 100 + k));
    for (size_t i = 0; i < frames.back().type.size(); ++i)
      frames.back().type[i] = static_cast<int32_t>(i % 3);
  }
  frames.push_back(cubic_crystal(2.855, 4, bcc, 0.1));
  std::vector<const Frame*> pointers;
  for (const Frame& f : frames) pointers.push_back(&f);
  const double cutoff = 4.4;
  const Built built(pointers, cutoff);
  ASSERT_NO_FATAL_FAILURE(expect_sound(built, "batch"));
  const BatchView atoms = built.batch.view();
  EXPECT_EQ(atoms.n_systems, static_cast<int32_t>(frames.size()));
  int64_t first_source = 0;
  for (size_t f = 0; f < frames.size(); ++f) {
    int64_t locals = 0;
    for (int32_t i = 0; i < atoms.n_total; ++i) {
      if (atoms.system[i] != static_cast<int32_t>(f)) continue;
      const int64_t in_frame = built.batch.source()[i] - first_source;
      ASSERT_TRUE(in_frame >= 0 && in_frame < frames[f].n_atoms());
      ASSERT_EQ(atoms.type[i], frames[f].type[static_cast<size_t>(in_frame)]);
      if (i < atoms.n_local) ++locals;
    }
    EXPECT_EQ(locals, frames[f].n_atoms());
    ASSERT_NO_FATAL_FAILURE(expect_rows(built, frames[f], reference::neighbor_rows(frames[f], cutoff), cutoff,
                                        "system " + std::to_string(f), first_source));
    first_source += frames[f].n_atoms();
  }
  ASSERT_NO_FATAL_FAILURE(expect_schedules_agree(pointers, cutoff, "batch"));
}

// Slabs [cuts[k], cuts[k + 1]) along an axis own every atom exactly once, and give the rows of the whole.
void check_slabs(const Frame& frame, int axis, const std::vector<double>& cuts, double cutoff,
                 const std::string& what) {
  const auto rows = reference::neighbor_rows(frame, cutoff);
  std::vector<int> owned(static_cast<size_t>(frame.n_atoms()), 0);
  int64_t pairs = 0;
  for (size_t k = 0; k + 1 < cuts.size(); ++k) {
    const Slab slab{axis, cuts[k], cuts[k + 1]};
    const std::string part = what + ", axis " + std::to_string(axis) + ", slab " + std::to_string(k);
    const Built built({&frame}, cutoff, cpu(), slab);
    ASSERT_NO_FATAL_FAILURE(expect_sound(built, part));
    ASSERT_NO_FATAL_FAILURE(expect_rows(built, frame, rows, cutoff, part));
    ASSERT_NO_FATAL_FAILURE(expect_schedules_agree({&frame}, cutoff, part, slab));
    for (int32_t i = 0; i < built.batch.n_local(); ++i) ++owned[static_cast<size_t>(built.batch.source()[i])];
    const auto source = built.batch.source();
    const std::set<int64_t> own(source.begin(), source.begin() + built.batch.n_local());
    for (int32_t i = 0; i < built.batch.n_total(); ++i)  // only what another slab owns has no parent here
      ASSERT_EQ(built.batch.view().parent[i] == -1, own.count(source[i]) == 0)
          << part << ", atom " << source[i];
    pairs += built.list.n_pairs();
  }
  for (size_t i = 0; i < owned.size(); ++i) ASSERT_EQ(owned[i], 1) << what << ": atom " << i;
  EXPECT_EQ(pairs, Built({&frame}, cutoff).list.n_pairs()) << what;
}

TEST(Slabs, OwnEveryAtomOnceAndSeeAllNeighbors) {
  constexpr double inf = std::numeric_limits<double>::infinity();
  for (int axis = 0; axis < 3; ++axis) {
    check_slabs(random_gas(triclinic, 90, 200 + axis), axis, {0, 0.25, 0.3, 0.75, 1}, 3.0, "periodic");
    check_slabs(random_gas(sheared, 60, 210 + axis, -3, 3), axis, {0, 1. / 3, 2. / 3, 1}, 3.0, "unwrapped");
    // Free along the cut, with atoms outside the stated cell and slabs without any.
    check_slabs(random_gas(with_periodic(triclinic, 7 & ~(1 << axis)), 90, 220 + axis, -0.4, 0.7), axis,
                {-inf, -0.7, -0.1, 0.2, 0.5, 0.9, inf}, 3.0, "free");
  }
  // Thinner than the cutoff by far, in a cell smaller than the cutoff.
  check_slabs(random_gas(Box({2.5, 0, 0}, {0, 2.5, 0}, {0, 0, 2.5}), 4, 230), 1,
              {0, 0.01, 0.02, 0.5, 0.51, 1}, 6.5, "small cell");
  // Atoms exactly on the cuts.
  check_slabs(cubic_crystal(2.0, 4, bcc, 0), 2, {0, 0.125, 0.25, 0.5, 0.625, 1}, 3.0, "on the cuts");
  // All atoms in one plane across the cut.
  Frame sheet = random_gas(with_periodic(triclinic, 3), 40, 240);
  for (Vec3& r : sheet.position) r.z = 5;
  const double s = sheet.box.fractional(sheet.position[0]).z;
  check_slabs(sheet, 2, {-inf, s - 0.1, s + 0.1, inf}, 3.0, "sheet");
}

TEST(Slabs, RowsHaveTheBitsOfTheWhole) {
  // The displacements of a row, sorted, do not depend on the cut.
  const Frame frame = random_gas(sheared, 80, 250, -1, 2);
  auto displacements = [&](const Built& built, std::vector<std::vector<std::array<double, 4>>>& rows) {
    const NeighborView list = built.list.view();
    const BatchView atoms = built.batch.view();
    for (int64_t i = 0; i < list.n_rows; ++i) {
      auto& row = rows[static_cast<size_t>(built.batch.source()[i])];
      for (int64_t k = list.begin(i); k < list.end(i); ++k) {
        const Vec3 d = atoms.position(list.index[k]) - atoms.position(i);
        row.push_back({static_cast<double>(built.batch.source()[list.index[k]]), d.x, d.y, d.z});
      }
      std::sort(row.begin(), row.end());
    }
  };
  std::vector<std::vector<std::array<double, 4>>> whole(80), cut(80);
  displacements(Built({&frame}, 4.0), whole);
  for (int k = 0; k < 5; ++k)
    displacements(Built({&frame}, 4.0, cpu(), {1, 0.2 * k, k == 4 ? 1 : 0.2 * (k + 1)}), cut);
  EXPECT_EQ(whole, cut);
}

TEST(NeighborList, MemoryIsReusedBetweenFrames) {
  const Frame large = random_gas(triclinic, 120, 300), small = random_gas(sheared, 9, 301),
              empty = frame_of(triclinic, {});
  Batch batch(cpu());
  NeighborList list(cpu());
  for (const Frame* frame : {&large, &small, &empty, &large, &small}) {
    batch.build({frame}, 3.0, 3.0);
    list.build(batch, 3.0);
    const Built fresh({frame}, 3.0);
    ASSERT_EQ(list.n_pairs(), fresh.list.n_pairs());
    EXPECT_TRUE(std::equal(list.view().index, list.view().index + list.n_pairs(), fresh.list.view().index));
  }
}

TEST(NeighborList, RefusesWhatItCannotDo) {
  const Frame frame = random_gas(triclinic, 10, 310);
  Batch batch(cpu());
  NeighborList list(cpu());
  EXPECT_THROW(batch.build({}, 3.0, 3.0), UsageError);
  EXPECT_THROW(batch.build({&frame}, -1.0, 3.0), UsageError);
  EXPECT_THROW(batch.build({&frame}, 3.0, 0.0), UsageError);
  EXPECT_THROW(batch.build({&frame, &frame}, 3.0, 3.0, {0, 0, 0.5}), UsageError);
  batch.build({&frame}, 3.0, 3.0);
  EXPECT_THROW(list.build(batch, 0.0), UsageError);
  EXPECT_THROW(list.build(batch, 3.1), UsageError);
  EXPECT_NO_THROW(list.build(batch, 2.0));
  // A cell so small beside the reach that its images overflow any memory.
  const Frame tiny = frame_of(Box({1e-4, 0, 0}, {0, 1e-4, 0}, {0, 0, 1e-4}), {{0, 0, 0}});
  EXPECT_THROW(batch.build({&tiny}, 9.0, 9.0), ResourceError);
}

}  // namespace
