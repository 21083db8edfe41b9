// The density profile: against direct sums, closed forms, and the numbers of the reference structures.
#include "kernels/density/planar_density.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numbers>
#include <sstream>

#include "host/devices.hpp"
#include "host/error.hpp"
#include "host/registry.hpp"
#include "io/reader.hpp"
#include "kernels/core/team.hpp"
#include "tests/reference/density_profile_ref.hpp"
#include "tests/support/emulated_team.hpp"
#include "tests/support/expect_relative.hpp"
#include "tests/support/random.hpp"
#include "tests/support/run_analysis.hpp"
#include "tests/support/shared.hpp"

namespace grainfield {
namespace {

using test::expect_relative;
using test::has_note;
using test::ProfileReference;
using test::values;
using Settings = test::Given;

constexpr double fe_beta = 3.024;              // A
constexpr double fe_lattice = 2.855324860794;  // A
const double fe_bulk = 2 / std::pow(fe_lattice, 3);

struct Inputs {
  double beta = fe_beta;
  double bulk = fe_bulk;
  std::array<double, 2> bulk_coordination{8, 6};
  std::vector<int32_t> coordination;  // empty: that of the bulk for every atom
  int threads = 1;
  bool plain = false;
  int64_t memory_limit = 0;
};

// Runs the analysis as the driver does, after the results that it requires.
FrameResults run(const Frame& frame, const Settings& settings, const Inputs& in) {
  FrameResults results;
  RunContext run_context;
  run_context.exec.threads = in.threads;
  run_context.exec.plain = in.plain;
  run_context.memory_limit = in.memory_limit;
  FrameContext context(frame, results, run_context);
  Field& coordination = context.add_field({"coordination", "", "[atom][2]", ""}, 2, true);
  for (size_t i = 0; i < coordination.integer.size(); ++i)
    coordination.integer[i] =
        in.coordination.empty() ? static_cast<int32_t>(in.bulk_coordination[i % 2]) : in.coordination[i];
  context.add_observable({"bulk_coordination", "", "[2]", ""}, {2})
      .real.assign(in.bulk_coordination.begin(), in.bulk_coordination.end());
  context.add_observable({"density_beta", "A", "", ""}).real.assign(1, in.beta);
  context.add_observable({"bulk_number_density", "A^-3", "", ""}).real.assign(1, in.bulk);

  test::run_analysis(find_analysis("density-profile"), frame, run_context, settings, results);
  return results;
}

double value(const FrameResults& results, const std::string& name) { return values(results, name).at(0); }

Frame read(const std::string& path) {
  Frame frame;
  EXPECT_TRUE(open_reader(path)->next(frame)) << path;
  return frame;
}

Frame random_frame(const Box& box, int n, uint64_t seed) {
  Frame frame;
  frame.box = box;
  frame.species = {{"Fe", 55.845, 1}};
  test::Random random(seed);
  for (int i = 0; i < n; ++i) {
    Vec3 s = random.vector();
    for (int k = 0; k < 3; ++k)
      if (box.periodic[k]) s[k] = 4 * s[k] - 2;  // any image must do
    frame.position.push_back(box.cartesian(s));
    frame.type.push_back(0);
  }
  return frame;
}

// A stack of n_grains simple cubic crystals (lattice constant 2 A), each `layers` planes of 3 x 4 atoms, with
// a gap of 2 + excess between them: every boundary has this excess volume per area, and its plane is midway.
constexpr double sc_lattice = 2, sc_bulk = 0.125;
Frame stack(int n_grains, int layers, double excess, bool periodic, double start = 0) {
  Frame frame;
  frame.species = {{"Po", 209, 1}};
  double z = start;
  for (int g = 0; g < n_grains; ++g) {
    if (g > 0) z += excess;
    for (int k = 0; k < layers; ++k, z += sc_lattice)
      for (int i = 0; i < 12; ++i)
        frame.position.push_back({sc_lattice * (i % 3), sc_lattice * static_cast<double>(i / 3), z});
  }
  if (periodic && n_grains > 1) z += excess;
  frame.box =
      Box({3 * sc_lattice, 0, 0}, {0, 4 * sc_lattice, 0}, {0, 0, z - start}, {}, true, true, periodic);
  frame.type.assign(frame.position.size(), 0);
  return frame;
}
Inputs stack_inputs() {
  Inputs in;
  in.bulk = sc_bulk;
  in.bulk_coordination = {6, 12};
  return in;
}

// Relative density midway: layers of a n_B atoms per area at 1 + excess/2, 3 + excess/2, ... A on both sides.
double between_grains(double excess, double beta) {
  double sum = 0;
  for (int k = 0; k < 40; ++k) {
    const double x = (sc_lattice * (k + 0.5) + excess / 2) / beta;
    sum += 2 * sc_lattice * std::exp(-x * x / 2) / (beta * std::sqrt(2 * std::numbers::pi));
  }
  return sum;
}

// ---- formulas

TEST(DensityProfile, GaussianTermsAreDerivativesAndIntegrals) {
  const double beta = 1.7;
  for (const double u : {-4.1, -1.0, 0.0, 0.3, 2.9}) {
    const double x = u / beta, g = std::exp(-x * x / 2) / (beta * std::sqrt(2 * std::numbers::pi));
    double d[6];
    gaussian_terms(u, beta, 6, d);
    // He_0 ... He_5, written out.
    const double he[6] = {
        1, x, x * x - 1, x * (x * x - 3), x * x * (x * x - 6) + 3, x * (x * x * (x * x - 10) + 15)};
    for (int m = 0; m < 6; ++m) EXPECT_NEAR(d[m], he[m] * g, 1e-14) << m;
    // Integrals by the midpoint rule, error h^2/24 max|f''| (u2 - u1).
    double s[6], sum[6] = {};
    gaussian_integral_terms(u, u + 0.5, beta, 6, s);
    const int n = 2000;
    for (int k = 0; k < n; ++k) {
      gaussian_terms(u + 0.5 * (k + 0.5) / n, beta, 6, d);
      for (int m = 0; m < 6; ++m) sum[m] += d[m] * 0.5 / n;
    }
    for (int m = 0; m < 6; ++m) EXPECT_NEAR(s[m], sum[m], 1e-7) << m;
  }
}

// Every point, derivative and slab average against direct sums over atoms and images: triclinic and small
// cells (much shorter than the Gaussian), every normal, periodic and free. Bound 1e-13 of the mean density.
TEST(DensityProfile, EqualsDirectSums) {
  const Box boxes[] = {
      Box({11, 0, 0}, {3, 9, 0}, {-2, 1.5, 13}, {5, -7, 2}),
      Box({11, 0, 0}, {3, 9, 0}, {-2, 1.5, 13}, {5, -7, 2}, true, true, false),
      Box({3, 0, 0}, {0.5, 2.5, 0}, {0.2, 0.1, 60}, {}),
      Box({40, 1, 2}, {-3, 5, 0.5}, {0.4, -0.7, 4}, {1, 1, 1}, false, true, true),
  };
  int seed = 1;
  for (const Box& box : boxes)
    for (int axis = 0; axis < 3; ++axis)
      for (const double beta : {0.6, 3.024}) {
        const Frame frame = random_frame(box, 150, static_cast<uint64_t>(seed++));
        const PlanarDensity density(frame, axis, beta, 0.1, 1);
        const ProfileReference reference(frame, axis, beta);
        const double scale =
            std::max(150 / box.volume(), reference.density(density.point(density.n_points() / 2)));
        const Exec exec;
        const std::vector<double> planar = density.planar(exec);
        ASSERT_EQ(static_cast<int64_t>(planar.size()), density.n_points());
        const std::vector<double> slab = density.slab(exec, 0.3), wide = density.slab(exec, 2.2);
        for (int64_t k = 0; k < density.n_samples(); k += 7) {
          const int64_t i = k * density.stride();
          const double z = density.point(i);
          EXPECT_NEAR(planar[static_cast<size_t>(i)], reference.density(z), 1e-13 * scale);
          EXPECT_NEAR(density.at(z).density, reference.density(z), 1e-13 * scale);
          EXPECT_NEAR(slab[static_cast<size_t>(k)], reference.slab(z, 0.3), 1e-13 * scale);
          EXPECT_NEAR(wide[static_cast<size_t>(k)], reference.slab(z, 2.2), 1e-13 * scale);
          EXPECT_NEAR(density.slab_at(z + 0.037, 0.3), reference.slab(z + 0.037, 0.3), 1e-13 * scale);
        }
      }
}

TEST(DensityProfile, SlopeAndCurvatureEqualFiniteDifferences) {
  const Frame frame = random_frame(Box({11, 0, 0}, {3, 9, 0}, {-2, 1.5, 30}), 200, 77);
  const PlanarDensity density(frame, 2, 2.0, 0.1, 1);
  const double h = 1e-4;  // error h^2/6 f''' plus 1e-16 f / h
  for (double z = 0.05; z < 30; z += 1.37) {
    const auto v = density.at(z), up = density.at(z + h), down = density.at(z - h);
    EXPECT_NEAR(v.slope, (up.density - down.density) / (2 * h), 1e-9);
    EXPECT_NEAR(v.curvature, (up.slope - down.slope) / (2 * h), 1e-9);
  }
}

TEST(DensityProfile, CountBetweenPlanesIsTheNumberOfAtomsOfACell) {
  const Frame frame = random_frame(Box({11, 0, 0}, {3, 9, 0}, {-2, 1.5, 13}), 321, 5);
  for (int axis = 0; axis < 3; ++axis) {
    const PlanarDensity density(frame, axis, 3.024, 0.1, 1);
    expect_relative(density.count_between(-1.23, density.length() - 1.23), 321, 1e-13, "a period");
  }
}

TEST(DensityProfile, SamplesAreCentredAsInTheReference) {
  const PlanarDensity periodic(random_frame(Box({5, 0, 0}, {0, 5, 0}, {0, 0, 107.174}), 10, 3), 2, 3.024, 0.2,
                               1);
  EXPECT_EQ(periodic.n_samples(), 536);
  EXPECT_NEAR(periodic.point(periodic.stride()), 107.174 / 536, 1e-15);
  EXPECT_EQ(periodic.point(0), 0);
  const PlanarDensity free(random_frame(Box({5, 0, 0}, {0, 5, 0}, {0, 0, 40}, {}, true, true, false), 10, 3),
                           2, 3.024, 0.2, 1);
  for (int64_t k = 0; k < free.n_samples(); k += 50) {
    const double steps = free.point(k * free.stride()) / 0.2;
    EXPECT_NEAR(steps, std::round(steps), 1e-9);
  }
}

// ---- closed forms

TEST(DensityProfile, StackOfCrystalsHasTheExcessVolumeThatWasPutIn) {
  const Frame frame = stack(2, 20, 0.3, true);
  const FrameResults r = run(frame, {}, stack_inputs());
  EXPECT_EQ(r.find_observable("density_profile/normal")->integer.at(0), 2);
  ASSERT_EQ(r.find_observable("gb/position")->shape, std::vector<int64_t>{2});
  // Lattice sums of the Gaussian at this beta are uniform to exp(-44): the plane is midway, the excess exact.
  EXPECT_NEAR(values(r, "gb/position")[0], 20 * 2 - 1 + 0.15, 1e-11);
  EXPECT_NEAR(values(r, "gb/position")[1], 40 * 2 - 1 + 0.45, 1e-11);
  for (const double v : values(r, "gb/excess_volume")) EXPECT_NEAR(v, 0.3, 1e-12);
  EXPECT_NEAR(value(r, "density_profile/excess_volume"), 0.6, 1e-12);
  EXPECT_NEAR(value(r, "density_profile/excess_volume_integral"), 0.6, 1e-12);
  for (const double v : values(r, "gb/minimum"))
    expect_relative(v, between_grains(0.3, fe_beta), 1e-13, "minimum");
  // Both grains' edge atoms are 1.15 A from the plane: none within w/2.
  EXPECT_EQ(r.find_observable("gb/slab_atoms")->integer, (std::vector<int64_t>{0, 0}));
  for (const double v : values(r, "gb/coordination_slab")) EXPECT_TRUE(std::isnan(v));
  for (const double v : values(r, "gb/coordination_slab_deficit")) EXPECT_TRUE(std::isnan(v));
  EXPECT_NEAR(values(r, "gb/coordination")[0], 6, 1e-13);
  EXPECT_NEAR(values(r, "gb/coordination")[1], 12, 1e-13);
  EXPECT_TRUE(has_note(r, "from the number of atoms (L - N/(A n_B))"));
  EXPECT_TRUE(has_note(r, "boundary at z = 39.15"));
}

TEST(DensityProfile, FreeSurfacesAreLeftOut) {
  // One boundary between two surfaces: free, and as a slab in a periodic cell with 15 A of vacuum.
  Frame frame = stack(2, 30, 0.3, false, 4.0);
  for (const bool padded : {false, true}) {
    if (padded) frame.box = Box(frame.box.a, frame.box.b, {0, 0, frame.box.c.z + 15});
    const FrameResults r = run(frame, {{"normal", "c"}}, stack_inputs());
    ASSERT_EQ(values(r, "gb/position").size(), 1u) << padded;
    EXPECT_NEAR(value(r, "gb/position"), 4 + 59 + 0.15, 1e-7) << padded;  // the surfaces' tails tilt it
    EXPECT_NEAR(value(r, "gb/excess_volume"), 0.3, 1e-7) << padded;
    EXPECT_NEAR(value(r, "density_profile/excess_volume"), 0.3, 1e-7) << padded;
    expect_relative(value(r, "density_profile/excess_volume_integral"),
                    value(r, "density_profile/excess_volume"), 1e-10, "trapezoid");
    EXPECT_TRUE(has_note(r, "between the surface regions"));
  }
}

TEST(DensityProfile, PerfectCrystalHasNoBoundary) {
  for (const bool periodic : {true, false}) {
    const FrameResults r = run(stack(1, 40, 0, periodic), {}, stack_inputs());
    EXPECT_EQ(r.find_observable("gb/position")->shape, std::vector<int64_t>{0});
    EXPECT_NEAR(value(r, "density_profile/excess_volume"), 0, 1e-8);
    EXPECT_TRUE(has_note(r, "no boundary"));
    EXPECT_EQ(r.find_observable("density_profile/normal")->integer.at(0), 2);  // the longest
  }
  // Uniform to machine precision, at every sample.
  const FrameResults r = run(stack(1, 40, 0, true), {}, stack_inputs());
  for (const double v : values(r, "density_profile/relative_density")) EXPECT_NEAR(v, 1, 2e-15 * 10);
  for (const double v : values(r, "density_profile/slab_density")) EXPECT_NEAR(v, 1, 1e-13);
}

TEST(DensityProfile, AWrongBulkDensityMakesNoBoundary) {
  Inputs in = stack_inputs();
  in.bulk *= 1.05;
  EXPECT_TRUE(values(run(stack(1, 40, 0, true), {}, in), "gb/position").empty());
  EXPECT_EQ(values(run(stack(2, 20, 0.3, true), {}, in), "gb/position").size(), 2u);
}

TEST(DensityProfile, ManyBoundariesAreReportedUpToTheLimit) {
  const Frame frame = stack(5, 15, 0.2, true);
  FrameResults r = run(frame, {}, stack_inputs());
  ASSERT_EQ(values(r, "gb/position").size(), 5u);
  for (size_t k = 0; k < 5; ++k) {
    EXPECT_NEAR(values(r, "gb/position")[k], 30.2 * static_cast<double>(k + 1) - 1.1, 1e-6);
    EXPECT_NEAR(values(r, "gb/excess_volume")[k], 0.2, 1e-6);
  }
  EXPECT_NEAR(value(r, "density_profile/excess_volume"), 1.0, 1e-11);
  r = run(frame, {{"limit", "3"}}, stack_inputs());
  EXPECT_EQ(values(r, "gb/position").size(), 3u);
  EXPECT_TRUE(has_note(r, "5 minima found, the 3 lowest are reported"));
  EXPECT_TRUE(values(run(frame, {{"depth", "0.1"}}, stack_inputs()), "gb/position").empty());
  // Minima 30.2 A apart are one boundary where the user says so.
  EXPECT_LE(values(run(frame, {{"separation", "40"}}, stack_inputs()), "gb/position").size(), 2u);
}

TEST(DensityProfile, OneBoundaryInAPeriodicCell) {
  Frame frame = stack(1, 40, 0, true);
  frame.box = Box(frame.box.a, frame.box.b, {0, 0, frame.box.c.z + 0.3});
  const FrameResults r = run(frame, {}, stack_inputs());
  ASSERT_EQ(values(r, "gb/position").size(), 1u);
  EXPECT_NEAR(value(r, "gb/position"), 79.15, 1e-11);
  EXPECT_NEAR(value(r, "gb/excess_volume"), 0.3, 1e-12);
}

TEST(DensityProfile, SlabMeanAndAtomsAtItsEdge) {
  const Frame frame = stack(2, 20, 0.3, true);
  Inputs in = stack_inputs();
  in.coordination.assign(frame.position.size() * 2, 0);
  for (size_t i = 0; i < frame.position.size(); ++i) in.coordination[2 * i] = static_cast<int32_t>(i % 5);
  // The layers next to the plane at 39.15 A hold atoms 228 ... 251.
  FrameResults r = run(frame, {{"width", "2.31"}}, in);
  EXPECT_EQ(r.find_observable("gb/slab_atoms")->integer[0], 24);
  double mean = 0;
  for (int i = 228; i < 252; ++i) mean += i % 5 / 24.0;
  EXPECT_NEAR(values(r, "gb/coordination_slab")[0], mean, 1e-13);
  EXPECT_NEAR(values(r, "gb/coordination_slab_deficit")[0], (6 - mean) / 6, 1e-13);
  EXPECT_FALSE(has_note(r, "matter of rounding"));
  EXPECT_TRUE(has_note(run(frame, {{"width", "2.3"}}, in), "24 atoms lie within 1e-06 A of the edges"));
}

TEST(DensityProfile, WeightedMeanCountsAllImages) {
  // A cell shorter than the Gaussian's reach.
  Frame frame = stack(1, 8, 0, true);
  frame.box = Box(frame.box.a, frame.box.b, {0, 0, frame.box.c.z + 0.3});
  Inputs in = stack_inputs();
  std::vector<double> z1;
  for (size_t i = 0; i < frame.position.size(); ++i) {
    z1.push_back(static_cast<double>((i * i) % 9));
    in.coordination.insert(in.coordination.end(), {static_cast<int32_t>(z1.back()), 3});
  }
  const FrameResults r = run(frame, {{"normal", "c"}, {"depth", "1e-6"}}, in);
  ASSERT_EQ(values(r, "gb/position").size(), 1u);
  const ProfileReference reference(frame, 2, fe_beta);
  expect_relative(values(r, "gb/coordination")[0], reference.weighted_mean(value(r, "gb/position"), z1),
                  1e-13, "Z1");
  EXPECT_NEAR(values(r, "gb/coordination")[1], 3, 1e-14);
}

// ---- symmetries

TEST(DensityProfile, ShiftMovesThePlanesOnly) {
  const Frame frame = stack(2, 20, 0.3, true);
  const FrameResults before = run(frame, {}, stack_inputs());
  for (const double shift : {0.123, 17.7, -45.0}) {
    Frame moved = frame;
    for (Vec3& r : moved.position) r += Vec3{0.4, -3, shift};
    const FrameResults after = run(moved, {}, stack_inputs());
    std::vector<double> expected = values(before, "gb/position");
    const double length = frame.box.c.z;
    for (double& z : expected) z -= std::floor((z + shift) / length) * length - shift;
    std::sort(expected.begin(), expected.end());
    for (size_t k = 0; k < 2; ++k) {
      EXPECT_NEAR(values(after, "gb/position")[k], expected[k], 1e-10) << shift;
      expect_relative(values(after, "gb/density")[k], values(before, "gb/density")[k], 1e-13, "density");
    }
    // The origin of the cell moves with it.
    moved.box.origin = {0.4, -3, shift};
    EXPECT_NEAR(values(run(moved, {}, stack_inputs()), "gb/position")[0], values(before, "gb/position")[0],
                1e-10);
  }
}

// A plane next to the origin, on either side of it, in a cell with and without vacuum.
TEST(DensityProfile, PlaneAtTheOrigin) {
  for (const double shift : {-1e-4, 0.0, 1e-4}) {
    Frame frame = stack(2, 20, 0.3, true);
    for (Vec3& r : frame.position) r.z += shift - 39.15;
    FrameResults r = run(frame, {}, stack_inputs());
    ASSERT_EQ(values(r, "gb/position").size(), 2u);
    const double length = frame.box.c.z;
    const double near_origin = shift < 0 ? values(r, "gb/position")[1] - length : values(r, "gb/position")[0];
    EXPECT_NEAR(std::remainder(near_origin, length), shift, 1e-10);
    for (const double v : values(r, "gb/excess_volume")) EXPECT_NEAR(v, 0.3, 1e-12);

    frame = stack(2, 30, 0.3, false);
    for (Vec3& r2 : frame.position) r2.z += shift - 59.15;
    frame.box = Box(frame.box.a, frame.box.b, {0, 0, frame.box.c.z + 15});
    r = run(frame, {{"normal", "c"}}, stack_inputs());
    ASSERT_EQ(values(r, "gb/position").size(), 1u);
    EXPECT_NEAR(std::remainder(value(r, "gb/position"), frame.box.c.z), shift, 1e-7);
    EXPECT_NEAR(value(r, "gb/excess_volume"), 0.3, 1e-7);
  }
}

TEST(DensityProfile, NormalAlongAnyVectorOfATriclinicCell) {
  const Frame frame = stack(2, 20, 0.3, true);
  const FrameResults expected = run(frame, {{"normal", "c"}}, stack_inputs());
  // c -> c + a shift in the plane: same planes, same heights. Then the vectors are renamed cyclically.
  Box box = frame.box;
  box = Box(box.a, box.b + 0.5 * box.a, box.c + Vec3{2.2, -1.7, 0});
  for (int turn = 0; turn < 3; ++turn) {
    Frame turned = frame;
    const int axis = (2 + turn) % 3;
    Vec3 edges[3];
    for (int k = 0; k < 3; ++k) edges[(k + turn) % 3] = box.edge(k);
    turned.box = Box(edges[0], edges[1], edges[2]);
    const FrameResults r = run(turned, {}, stack_inputs());
    EXPECT_EQ(r.find_observable("density_profile/normal")->integer.at(0), axis);
    ASSERT_EQ(values(r, "gb/position").size(), 2u);
    for (const char* name : {"gb/position", "gb/density", "gb/excess_volume", "density_profile/excess_volume",
                             "density_profile/relative_density", "density_profile/slab_density"}) {
      ASSERT_EQ(values(r, name).size(), values(expected, name).size()) << name;
      for (size_t k = 0; k < values(r, name).size(); ++k)
        EXPECT_NEAR(values(r, name)[k], values(expected, name)[k], 1e-10) << name << " " << k;
    }
    EXPECT_TRUE(has_note(r, std::string("normal ") + "abc"[axis] + " chosen"));
  }
}

TEST(DensityProfile, SupercellAndOrderOfTheAtoms) {
  const Frame frame = stack(2, 20, 0.3, true);
  const FrameResults one = run(frame, {}, stack_inputs());
  Frame many = frame;
  many.position.clear();
  for (size_t i = frame.position.size(); i-- > 0;)
    for (int ia = 0; ia < 3; ++ia)
      for (int ic = 0; ic < 2; ++ic)
        many.position.push_back(frame.position[i] + static_cast<double>(ia) * frame.box.a +
                                static_cast<double>(ic) * frame.box.c);
  many.type.assign(many.position.size(), 0);
  many.box = Box(3.0 * frame.box.a, frame.box.b, 2.0 * frame.box.c);
  const FrameResults r = run(many, {{"normal", "c"}}, stack_inputs());
  ASSERT_EQ(values(r, "gb/position").size(), 4u);
  for (size_t k = 0; k < 4; ++k) {
    const double image = k < 2 ? 0 : frame.box.c.z;
    EXPECT_NEAR(values(r, "gb/position")[k], values(one, "gb/position")[k % 2] + image, 1e-10);
    expect_relative(values(r, "gb/density")[k], values(one, "gb/density")[k % 2], 1e-13, "density");
    EXPECT_NEAR(values(r, "gb/excess_volume")[k], 0.3, 1e-12);
  }
}

// ---- determinism

bool same_bits(const FrameResults& a, const FrameResults& b) {
  if (a.observables.size() != b.observables.size()) return false;
  for (size_t k = 0; k < a.observables.size(); ++k) {
    const auto &x = a.observables[k], &y = b.observables[k];
    if (x.name != y.name || x.integer != y.integer || x.real.size() != y.real.size()) return false;
    for (size_t i = 0; i < x.real.size(); ++i)
      if (std::bit_cast<uint64_t>(x.real[i]) != std::bit_cast<uint64_t>(y.real[i])) return false;
  }
  return a.notes == b.notes;
}

TEST(DensityProfile, ThreadsAndMemoryChangeNoBit) {
  const Box box({40, 0, 0}, {3, 40, 0}, {-2, 1.5, 80});
  Frame frame = random_frame(box, 200'000, 9);  // several pieces
  Inputs in;
  in.bulk = static_cast<double>(frame.n_atoms()) / box.volume();
  const FrameResults one = run(frame, {}, in);
  EXPECT_GT(values(one, "gb/position").size(), 0u);  // fluctuations of a random gas
  for (const int threads : {2, 3, 8}) {
    in.threads = threads;
    EXPECT_TRUE(same_bits(run(frame, {}, in), one)) << threads;
  }
  in.memory_limit = 40'000'000;
  EXPECT_TRUE(same_bits(run(frame, {}, in), one));
}

TEST(DensityProfile, PlainScheduleAgrees) {
  const Frame frame = random_frame(Box({11, 0, 0}, {3, 9, 0}, {-2, 1.5, 40}), 3000, 4);
  const PlanarDensity density(frame, 2, 3.024, 0.1, 1);
  Exec plain;
  plain.plain = true;
  const auto fast = density.planar({}), slow = density.planar(plain);
  for (size_t k = 0; k < fast.size(); ++k) expect_relative(fast[k], slow[k], 1e-14, "point");
}

// Lanes that share the bins of a point: sums in another order, so 1e-14 and not the same bits.
TEST(DensityProfile, TeamsAgreeWithOneThread) {
  test::Random random(12);
  constexpr int64_t n_points = 9, n_bins = 101, stride = 2;
  std::vector<double> moments((n_points * stride + n_bins) * n_profile_moments);
  std::vector<double> weights(n_bins * n_profile_moments);
  for (double& v : moments) v = random.uniform(0, 5);
  for (double& v : weights) v = random.uniform(0, 1);
  auto kernel = [&](std::vector<double>& out) {
    out.assign(n_points, 0);
    return ProfileKernel{moments.data(), weights.data(), n_bins, stride, 0.7, out.data()};
  };
  std::vector<double> out, teams;
  const ProfileKernel serial = kernel(out);
  for (int64_t i = 0; i < n_points; ++i) {
    serial(SerialTeam{}, i);
    double expected = 0;
    for (int64_t k = 0; k < n_bins * n_profile_moments; ++k)
      expected +=
          weights[static_cast<size_t>(k)] * moments[static_cast<size_t>(i * stride * n_profile_moments + k)];
    expect_relative(out[static_cast<size_t>(i)], 0.7 * expected, 1e-14, "point");
  }
  test::run_emulated<8>(kernel(teams), n_points, 0);
  for (size_t i = 0; i < n_points; ++i) expect_relative(teams[i], out[i], 1e-14, "team of 8");
  test::run_emulated<32>(kernel(teams), n_points, 0);
  for (size_t i = 0; i < n_points; ++i) expect_relative(teams[i], out[i], 1e-14, "team of 32");
}

TEST(DensityProfile, GpuAgrees) {
  if (!why_no_gpu().empty()) GTEST_SKIP() << why_no_gpu();
  const Frame frame = random_frame(Box({11, 0, 0}, {3, 9, 0}, {-2, 1.5, 40}), 3000, 4);
  const PlanarDensity density(frame, 2, 3.024, 0.1, 1);
  const Exec gpu = choose_device("cuda", 1);
  const auto planar = density.planar({}), planar_gpu = density.planar(gpu);
  for (size_t k = 0; k < planar.size(); ++k) expect_relative(planar_gpu[k], planar[k], 1e-14, "point");
  const auto slab = density.slab({}, 0.2), slab_gpu = density.slab(gpu, 0.2);
  for (size_t k = 0; k < slab.size(); ++k) expect_relative(slab_gpu[k], slab[k], 1e-14, "slab");
}

// ---- edges

TEST(DensityProfile, NoAtomsOneAtomNoBulk) {
  for (const bool periodic : {true, false}) {
    Frame frame;
    frame.box = Box({10, 0, 0}, {0, 10, 0}, {0, 0, 50}, {}, true, true, periodic);
    frame.species = {{"Fe", 55.845, 1}};
    FrameResults r = run(frame, {}, {});
    for (const double v : values(r, "density_profile/relative_density")) EXPECT_EQ(v, 0);
    EXPECT_EQ(values(r, "density_profile/z").size(), periodic ? 500u : 0u);
    EXPECT_TRUE(values(r, "gb/position").empty());
    EXPECT_TRUE(std::isnan(value(r, "density_profile/excess_volume")));

    frame.position = {{1, 2, 20}};
    frame.type = {0};
    r = run(frame, {{"normal", "c"}}, {});
    EXPECT_TRUE(values(r, "gb/position").empty());
    EXPECT_TRUE(has_note(r, "no plane lies farther than 6 beta from a surface"));
    const auto& z = values(r, "density_profile/z");
    const auto& rho = values(r, "density_profile/relative_density");
    const auto peak = static_cast<size_t>(std::max_element(rho.begin(), rho.end()) - rho.begin());
    EXPECT_NEAR(z[peak], 20, 1e-9);
    expect_relative(rho[peak] * fe_bulk * 100, 1 / (fe_beta * std::sqrt(2 * std::numbers::pi)), 1e-13,
                    "peak");
  }
  Inputs unknown;
  unknown.bulk = std::numeric_limits<double>::quiet_NaN();
  const FrameResults r = run(stack(2, 20, 0.3, true), {}, unknown);
  EXPECT_TRUE(has_note(r, "the bulk density is unknown"));
  EXPECT_TRUE(std::isnan(values(r, "density_profile/relative_density")[0]));
  EXPECT_TRUE(values(r, "gb/position").empty());
}

TEST(DensityProfile, APlaneThatIsNotPeriodicIsSaid) {
  Frame frame = stack(2, 20, 0.3, true);
  frame.box = Box(frame.box.a, frame.box.b, frame.box.c, {}, false, false, false);
  const FrameResults r = run(frame, {}, stack_inputs());
  EXPECT_TRUE(has_note(r, "normal c chosen (the longest; no plane is periodic)"));
  EXPECT_TRUE(has_note(r, "not periodic in the plane of the profile"));
  EXPECT_TRUE(values(r, "gb/position").empty());
}

TEST(DensityProfile, BetaIsThatOfTheDensityUnlessGiven) {
  const Frame frame = stack(2, 20, 0.3, true);
  const FrameResults r = run(frame, {{"beta", "2.5"}}, stack_inputs());
  EXPECT_EQ(value(r, "density_profile/beta"), 2.5);
  expect_relative(values(r, "gb/minimum")[0], between_grains(0.3, 2.5), 1e-13, "minimum");
  EXPECT_EQ(value(run(frame, {}, stack_inputs()), "density_profile/beta"), fe_beta);
}

TEST(DensityProfile, BadParameters) {
  const Frame frame = stack(2, 20, 0.3, true);
  EXPECT_THROW(run(frame, {{"normal", "d"}}, stack_inputs()), UsageError);
  EXPECT_THROW(run(frame, {{"step", "0"}}, stack_inputs()), UsageError);
  EXPECT_THROW(run(frame, {{"width", "-1"}}, stack_inputs()), UsageError);
  EXPECT_THROW(run(frame, {{"width", "100"}}, stack_inputs()), UsageError);  // more than the cell
  EXPECT_THROW(run(frame, {{"limit", "0"}}, stack_inputs()), UsageError);
  Inputs in = stack_inputs();
  in.beta = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROW(run(frame, {}, in), UsageError);
  // An atom a micrometre away.
  Frame far = stack(2, 20, 0.3, false);
  far.position.back().z = 1e7;
  EXPECT_THROW(run(far, {{"normal", "c"}}, stack_inputs()), ResourceError);
}

// ---- the reference structures

struct Bicrystal {
  Frame frame;
  nlohmann::json scalars;
  Inputs in;
};
Bicrystal load(const std::string& shared, const std::string& name) {
  Bicrystal b;
  const std::string folder = shared + "/reference/struct";
  b.frame = read(folder + "/gb/gb_" + name + ".xyz.gz");
  std::ifstream(folder + "/density/" + name + "_scalars.json") >> b.scalars;
  b.in.coordination = test::coordination_reference_counts(b.frame, b.scalars["r1"], b.scalars["r2"]);
  return b;
}

class DensityProfileFe : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Boundaries, DensityProfileFe,
                         testing::Values("Fe_S3_112", "Fe_S5_310", "Fe_S9_114"));

TEST_P(DensityProfileFe, ScalarsOfBothBoundaries) {
  GF_NEEDS_SHARED(shared);
  const Bicrystal b = load(shared, GetParam());
  const FrameResults r = run(b.frame, {}, b.in);
  EXPECT_EQ(r.find_observable("density_profile/normal")->integer.at(0), 2);
  ASSERT_EQ(values(r, "gb/position").size(), 2u);
  auto reference = b.scalars["gb"];  // in order of depth there, of place here
  std::sort(reference.begin(), reference.end(), [](const auto& x, const auto& y) {
    return x["z"].template get<double>() < y["z"].template get<double>();
  });
  for (size_t k = 0; k < 2; ++k) {
    const auto& ref = reference[k];
    // The reference's slope is rounded at 1e-16 n_B/beta; over the curvature of the shallowest dip
    // (0.0018 n_B/beta^2) that is 1e-12 A.
    EXPECT_NEAR(values(r, "gb/position")[k], ref["z"].get<double>(), 1e-11);
    expect_relative(values(r, "gb/minimum")[k], ref["rho_min"], 1e-13, "rho_min");
    expect_relative(values(r, "gb/density")[k], ref["rho_GB_slab"], 1e-13, "rho_GB");
    EXPECT_NEAR(values(r, "gb/density_deficit")[k], 1 - ref["rho_GB_slab"].get<double>(), 1e-13);
    EXPECT_EQ(r.find_observable("gb/slab_atoms")->integer[k], ref["n_atoms_in_slab"].get<int64_t>());
    if (ref["Z1_slab"].is_null())
      EXPECT_TRUE(std::isnan(values(r, "gb/coordination_slab")[2 * k]));
    else
      EXPECT_EQ(values(r, "gb/coordination_slab")[2 * k], ref["Z1_slab"].get<double>());
    expect_relative(values(r, "gb/coordination")[2 * k], ref["Z1_gauss"], 1e-12, "Z1");
    expect_relative(values(r, "gb/coordination")[2 * k + 1], ref["Z2_gauss"], 1e-12, "Z2");
    EXPECT_NEAR(values(r, "gb/coordination_deficit")[2 * k], 1 - ref["Z1_gauss"].get<double>() / 8, 1e-12);
    EXPECT_NEAR(values(r, "gb/coordination_deficit")[2 * k + 1], 1 - ref["Z2_gauss"].get<double>() / 6,
                1e-12);
    // Both boundaries are equivalent; between them the profile returns to the bulk to 1e-8.
    EXPECT_NEAR(values(r, "gb/excess_volume")[k], b.scalars["excess_volume_sum_rule"].get<double>(), 1e-7);
    // The kernel's kinematic identity: deficit times sqrt(2 pi) beta is the excess volume within 10 %.
    const double predicted = std::sqrt(2 * std::numbers::pi) * fe_beta * (1 - values(r, "gb/minimum")[k]);
    EXPECT_NEAR(predicted / values(r, "gb/excess_volume")[k], 1, 0.1);
  }
  // The sum rule, both ways, of both boundaries together: A.
  const double sum_rule = value(r, "density_profile/excess_volume");
  EXPECT_NEAR(sum_rule / 2, b.scalars["excess_volume_sum_rule"].get<double>(), 1e-12);
  EXPECT_NEAR(value(r, "density_profile/excess_volume_integral"), sum_rule, 2e-12);
  EXPECT_NEAR(values(r, "gb/excess_volume")[0] + values(r, "gb/excess_volume")[1], sum_rule, 1e-12);
}

TEST_P(DensityProfileFe, ProfileFile) {
  GF_NEEDS_SHARED(shared);
  const std::string name = GetParam();
  const Frame frame = read(shared + "/reference/struct/gb/gb_" + name + ".xyz.gz");
  std::ifstream in(shared + "/reference/struct/density/" + name + "_profile.csv");
  std::string line;
  std::getline(in, line);
  std::istringstream words(line.substr(line.find("width") + 5));
  std::string width;
  words >> width;
  std::getline(in, line);  // the columns
  const FrameResults r = run(frame, {{"normal", "c"}, {"step", "0.2"}, {"width", width}}, {});
  size_t k = 0;
  for (; std::getline(in, line); ++k) {
    double z = 0, planar = 0, slab = 0;
    ASSERT_EQ(std::sscanf(line.c_str(), "%lf,%lf,%lf", &z, &planar, &slab), 3) << line;
    ASSERT_LT(k, values(r, "density_profile/z").size());
    EXPECT_NEAR(values(r, "density_profile/z")[k], z, 1e-9);  // 12 digits there
    expect_relative(values(r, "density_profile/relative_density")[k], planar, 1e-13, line);
    expect_relative(values(r, "density_profile/slab_density")[k], slab, 1e-13, line);
  }
  EXPECT_EQ(k, values(r, "density_profile/z").size());
}

TEST_P(DensityProfileFe, PlanesEqualABisectionOfTheDirectSum) {
  GF_NEEDS_SHARED(shared);
  const Frame frame = read(shared + "/reference/struct/gb/gb_" + std::string(GetParam()) + ".xyz.gz");
  const FrameResults r = run(frame, {}, {});
  const ProfileReference reference(frame, 2, fe_beta);
  for (const double z : values(r, "gb/position")) EXPECT_NEAR(z, reference.minimum(z - 0.1, z + 0.1), 1e-11);
}

TEST(DensityProfileReference, SlabWithFreeSurfaces) {
  GF_NEEDS_SHARED(shared);
  const Bicrystal periodic = load(shared, "Fe_S5_310");
  const FrameResults expected = run(periodic.frame, {}, periodic.in);
  const Frame frame = read(shared + "/reference/struct/gb/gb_Fe_S5_310_slab.xyz.gz");
  Inputs in;
  in.coordination =
      test::coordination_reference_counts(frame, periodic.scalars["r1"], periodic.scalars["r2"]);
  const FrameResults r = run(frame, {}, in);
  EXPECT_EQ(r.find_observable("density_profile/normal")->integer.at(0), 2);
  ASSERT_EQ(values(r, "gb/position").size(), 1u);
  // The crystals relax a little otherwise between surfaces: 1e-5 of the density, 1e-3 A of excess volume.
  EXPECT_NEAR(value(r, "gb/position"), 63.915355, 1e-4);
  EXPECT_NEAR(value(r, "gb/density"), values(expected, "gb/density")[0], 1e-5);
  EXPECT_NEAR(value(r, "gb/excess_volume"), values(expected, "gb/excess_volume")[0], 1e-3);
  EXPECT_NEAR(value(r, "gb/coordination"), values(expected, "gb/coordination")[0], 1e-4);
  expect_relative(value(r, "density_profile/excess_volume_integral"),
                  value(r, "density_profile/excess_volume"), 1e-9, "trapezoid");
}

TEST(DensityProfileReference, CopperBoundariesAndTheirPrimitiveCells) {
  GF_NEEDS_SHARED(shared);
  const std::string folder = shared + "/reference/struct/gb/";
  const double beta = 2.4 * 1.28, edge = 14.459700263552 / 4;
  Inputs in;
  in.beta = beta;
  in.bulk = 4 / std::pow(edge, 3);
  in.bulk_coordination = {12, 6};
  const std::pair<const char*, double> rows[] = {
      {"gb_Cu_S5_310", 0.316378}, {"gb_Cu_S11_113", 0.146343}, {"gb_Cu_S5_310_primitive", 0.316378}};
  for (const auto& [name, excess] : rows) {
    const FrameResults r = run(read(folder + name + ".xyz.gz"), {}, in);
    EXPECT_EQ(r.find_observable("density_profile/normal")->integer.at(0), 2) << name;
    ASSERT_EQ(values(r, "gb/position").size(), 2u) << name;
    for (const double v : values(r, "gb/excess_volume")) EXPECT_NEAR(v, excess, 1e-5) << name;
  }
  // The coherent twin is denser than the bulk: no minimum of the profile, and the sum rule says so.
  const FrameResults twin = run(read(folder + "gb_Cu_S3_111.xyz.gz"), {}, in);
  EXPECT_TRUE(values(twin, "gb/position").empty());
  EXPECT_NEAR(value(twin, "density_profile/excess_volume"), 2 * -0.005631, 1e-5);
  EXPECT_NEAR(value(twin, "density_profile/excess_volume_integral"),
              value(twin, "density_profile/excess_volume"), 1e-12);
}

}  // namespace
}  // namespace grainfield
