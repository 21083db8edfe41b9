// Entropies and correlations: closed forms, the equations in long double, symmetries, masks, and every number
// of the reference boundaries.
#include "kernels/boundaries/entropy.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "host/error.hpp"
#include "tests/reference/entropy_ref.hpp"
#include "tests/support/boundaries.hpp"
#include "tests/support/expect_relative.hpp"
#include "tests/support/frames.hpp"
#include "tests/support/run_analysis.hpp"
#include "tests/support/shared.hpp"
#include "tests/support/systems.hpp"

namespace grainfield {
namespace {

using test::bulk_of;
using test::expect_relative;
using test::Given;
using test::has_note;
using Values = std::vector<double>;

// Atoms with their five descriptors, in a cell of 20 x 20 x 100 A with planes at z = 25 and 75 A.
struct Atoms {
  Frame frame;
  Values density, weights;            // weights [atom][2]
  std::vector<int32_t> coordination;  // [atom][2]
  Values planes{25, 75};

  size_t size() const { return density.size(); }
  void add(Vec3 r, double rho, int z1, double phi1, int z2, double phi2) {
    frame.position.push_back(r);
    density.push_back(rho);
    coordination.push_back(z1);
    coordination.push_back(z2);
    weights.push_back(phi1);
    weights.push_back(phi2);
  }
  // Descriptor q of every atom, in the order of the results.
  Values descriptor(size_t q) const {
    Values v;
    for (size_t i = 0; i < size(); ++i)
      v.push_back(q == 0   ? density[i]
                  : q == 1 ? coordination[2 * i]
                  : q == 2 ? weights[2 * i]
                  : q == 3 ? coordination[2 * i + 1]
                           : weights[2 * i + 1]);
    return v;
  }
  double distance(size_t i) const {
    double least = 1e300;
    for (const double plane : planes)
      for (int image = -1; image <= 1; ++image)
        least = std::min(least, std::fabs(frame.position[i].z - plane + image * frame.box.c.z));
    return least;
  }
  std::vector<bool> is_bulk(double distance_of_bulk) const {
    std::vector<bool> bulk;
    for (size_t i = 0; i < size(); ++i) bulk.push_back(distance(i) > distance_of_bulk);
    return bulk;
  }
};
Atoms empty_cell() {
  Atoms atoms;
  atoms.frame.box = Box({20, 0, 0}, {0, 20, 0}, {0, 0, 100});
  return atoms;
}
Atoms random_atoms(size_t n, uint64_t seed) {
  Atoms atoms = empty_cell();
  test::Uniform random(seed);
  for (size_t i = 0; i < n; ++i) {
    const Vec3 r = atoms.frame.box.cartesian(random.vector());
    const double rho = 0.08 + 0.01 * random(), phi1 = 0.02 * random() - 0.004;  // of both signs
    atoms.add(r, rho, static_cast<int>(9 * random()), phi1, static_cast<int>(8 * random()),
              0.002 + 1e-5 * random() + 0.05 * phi1);
  }
  return atoms;
}

FrameResults run(const Atoms& atoms, const Given& given = {}, int threads = 1) {
  FrameResults results;
  test::put_field(results, "number_density", atoms.density);
  test::put_field(results, "coordination", atoms.coordination, 2);
  test::put_field(results, "shell_weights", atoms.weights, 2);
  test::put_planes(results, atoms.frame.box, atoms.planes);
  RunContext context;
  context.exec.threads = threads;
  test::run_analysis(find_analysis("entropy"), atoms.frame, context, given, results);
  return results;
}
const Values& output(const FrameResults& results, const std::string& name) {
  const Observable* found = results.find_observable("entropy/" + name);
  if (!found) throw std::out_of_range(name);
  return found->real;
}
const std::vector<int64_t>& counts(const FrameResults& results, const std::string& name) {
  const Observable* found = results.find_observable("entropy/" + name);
  if (!found) throw std::out_of_range(name);
  return found->integer;
}
std::string error_of(const Atoms& atoms, const Given& given) {
  try {
    run(atoms, given);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

// ---- closed forms

TEST(Entropy, DivergenceTerm) {
  EXPECT_EQ(divergence_term(0), 1);
  EXPECT_EQ(divergence_term(1), 0);
  expect_relative(divergence_term(std::exp(1.0)), 1, 1e-15, "e");
  for (const double d : {1e-3, -1e-5, 1e-6}) {
    const double series = d * d * (1. / 2 - d * (1. / 6 - d * (1. / 12 - d * (1. / 20 - d / 30))));
    expect_relative(divergence_term(1 + d), series, 3e-16 / std::fabs(d), "near 1");
  }
  EXPECT_TRUE(std::isnan(divergence_term(std::numeric_limits<double>::quiet_NaN())));
}

// Two kinds of atoms: n of size q, m of size r: S = ln(nq + mr) - (n q ln q + m r ln r)/(nq + mr).
TEST(Entropy, TwoKindsOfAtoms) {
  Atoms atoms = empty_cell();
  for (int i = 0; i < 30; ++i) atoms.add({1, 1, 25.0}, 1, 3, 1, 1, 1);
  for (int i = 0; i < 70; ++i) atoms.add({1, 1, 50.0}, 2, 1, -1, 1, 0);
  const FrameResults r = run(atoms);
  EXPECT_EQ(counts(r, "atoms"), (std::vector<int64_t>{100, 70, 30}));
  EXPECT_EQ(output(r, "area").at(0), 800);
  const double rho = std::log(170.0) - 140 * std::log(2.0) / 170,
               z1 = std::log(160.0) - 90 * std::log(3.0) / 160;
  expect_relative(output(r, "all")[0], rho, 1e-15, "rho");
  expect_relative(output(r, "all")[1], z1, 1e-15, "Z1");
  EXPECT_EQ(output(r, "all")[2], std::log(100.0));  // the size of phi1 counts
  EXPECT_EQ(output(r, "all")[3], std::log(100.0));
  expect_relative(output(r, "all")[4], std::log(30.0), 1e-15, "phi2");  // 0 ln 0 = 0
  for (size_t q = 0; q < 4; ++q) EXPECT_EQ(output(r, "bulk")[q], std::log(70.0));
  EXPECT_TRUE(std::isnan(output(r, "bulk")[4]));  // all 0
  expect_relative(output(r, "excess")[0], 30 * (rho - std::log(70.0)) / 800, 1e-14, "excess");
  expect_relative(output(r, "deficit")[0], 100 * (std::log(100.0) - rho) / 800, 1e-13, "deficit");
  for (const double c : output(r, "correlation")) EXPECT_TRUE(std::isnan(c));  // constant at the boundaries
}

// All alike: S = ln N, no deficit, no correlation.
TEST(Entropy, UniformDescriptors) {
  Atoms atoms = random_atoms(500, 7);
  atoms.density.assign(500, 0.0859);
  for (size_t i = 0; i < 500; ++i) {
    atoms.coordination[2 * i] = 8;
    atoms.coordination[2 * i + 1] = 6;
    atoms.weights[2 * i] = 0.0091 * (1 + 1e-10 * static_cast<double>(i % 3));  // rounding is no correlation
    atoms.weights[2 * i + 1] = 0.0021 * (1 + 1e-10 * static_cast<double>(i % 3));
  }
  const FrameResults r = run(atoms);
  for (size_t q = 0; q < 5; ++q) {
    expect_relative(output(r, "all")[q], std::log(500.0), 1e-15, "all");
    EXPECT_NEAR(output(r, "deficit_total")[q], 0, 1e-15);
  }
  for (const double c : output(r, "region_correlation")) EXPECT_TRUE(std::isnan(c));
}

// A spread of 1e-6 around the mean: D = sum (x - 1)^2 / 2, which ln N - S would lose to rounding.
TEST(Entropy, SmallDeficitsKeepTheirDigits) {
  Atoms atoms = empty_cell();
  for (int i = 0; i < 1000; ++i)
    atoms.add({1, 1, i < 100 ? 25.0 : 50.0}, i < 100 ? (i % 2 ? 1 + 1e-6 : 1 - 1e-6) : 1, 1, 1, 1, 1);
  expect_relative(output(run(atoms), "deficit_total")[0], 100 * 0.5e-12, 1e-9, "deficit");
}

TEST(Entropy, CorrelationsOfLinesAndTheirOrder) {
  Atoms atoms = empty_cell();
  test::Uniform random(9);
  for (int i = 0; i < 50; ++i) {
    const int z1 = static_cast<int>(10 * random());
    atoms.add({1, 1, 25.0}, 1, z1, 5.0 - 0.3 * z1, 2 * z1 + 1, random());
  }
  for (int i = 0; i < 50; ++i) atoms.add({1, 1, 50.0}, 1, 8, 0, 6, 0);  // the bulk does not count
  const Values c = output(run(atoms), "correlation");
  EXPECT_NEAR(c[0], 1, 1e-14);   // Z1, Z2
  EXPECT_NEAR(c[1], -1, 1e-14);  // Z1, phi1
  EXPECT_NEAR(c[3], -1, 1e-14);  // Z2, phi1
  EXPECT_LT(std::fabs(c[2]), 0.5);
  EXPECT_NEAR(c[2], c[4], 1e-14);   // phi2 with Z1, with Z2
  EXPECT_NEAR(c[2], -c[5], 1e-14);  // and with phi1
}

// ---- the equations

TEST(Entropy, EqualsTheReference) {
  for (const size_t n : {200u, 3000u}) {
    const Atoms atoms = random_atoms(n, n);
    const std::vector<bool> bulk = atoms.is_bulk(10);
    std::vector<bool> near[2], boundary;
    for (size_t i = 0; i < n; ++i) {
      boundary.push_back(!bulk[i]);
      near[0].push_back(!bulk[i] && atoms.frame.position[i].z < 50);
      near[1].push_back(!bulk[i] && atoms.frame.position[i].z > 50);
    }
    const FrameResults r = run(atoms);
    const double area = 800;
    double half_excess = 0, half_deficit = 0;
    for (size_t q = 0; q < 5; ++q) {
      const auto expected = reference::entropies(atoms.descriptor(q), bulk);
      expect_relative(output(r, "all")[q], expected.all, 1e-15, "all");
      expect_relative(output(r, "bulk")[q], expected.bulk, 1e-15, "bulk");
      expect_relative(output(r, "excess")[q], expected.excess / area, 1e-14, "excess");
      expect_relative(output(r, "excess_total")[q], expected.excess, 1e-14, "excess");
      EXPECT_NEAR(output(r, "deficit")[q], expected.deficit / area, 1e-13);
      EXPECT_NEAR(output(r, "deficit_total")[q], expected.deficit, 1e-13 * area);
      if (q > 0) half_excess += 0.5 * expected.excess / area;
      if (q > 0) half_deficit += 0.5 * expected.deficit / area;
    }
    expect_relative(output(r, "half_sum_excess")[0], half_excess, 1e-14, "half sum");
    expect_relative(output(r, "half_sum_deficit")[0], half_deficit, 1e-12, "half sum");
    const size_t pairs[6][2] = {{1, 3}, {1, 2}, {1, 4}, {3, 2}, {3, 4}, {2, 4}};
    for (size_t p = 0; p < 6; ++p) {
      const auto pearson = [&](const std::vector<bool>& which) {
        return reference::pearson(reference::chosen(atoms.descriptor(pairs[p][0]), which),
                                  reference::chosen(atoms.descriptor(pairs[p][1]), which));
      };
      EXPECT_NEAR(output(r, "correlation")[p], pearson(boundary), 1e-13);
      for (size_t k = 0; k < 2; ++k)
        EXPECT_NEAR(output(r, "region_correlation")[6 * k + p], pearson(near[k]), 1e-13);
    }
    EXPECT_EQ(counts(r, "region"), (std::vector<int64_t>{0, 1}));
    EXPECT_EQ(counts(r, "region_atoms")[0], std::count(near[0].begin(), near[0].end(), true));
    EXPECT_EQ(counts(r, "region_atoms")[1], std::count(near[1].begin(), near[1].end(), true));
  }
}

TEST(Entropy, TheDistanceOfTheBulk) {
  const Atoms atoms = random_atoms(1000, 3);
  for (const double distance : {4.0, 17.0}) {
    const FrameResults r = run(atoms, {{"distance", std::to_string(distance)}});
    const std::vector<bool> bulk = atoms.is_bulk(distance);
    EXPECT_EQ(counts(r, "atoms")[1], std::count(bulk.begin(), bulk.end(), true));
  }
}

TEST(Entropy, ThreadsChangeNoBit) {
  const Atoms atoms = random_atoms(150000, 4);  // several pieces
  const FrameResults one = run(atoms), four = run(atoms, {}, 4);
  for (const char* name : {"all", "bulk", "excess", "deficit", "correlation", "region_correlation"})
    test::expect_same_bits(output(one, name), output(four, name), name);
  const FrameResults whole = run(random_atoms(70000, 5));  // pieces against the sum in one go
  const auto expected =
      reference::entropies(random_atoms(70000, 5).descriptor(2), random_atoms(70000, 5).is_bulk(10));
  expect_relative(output(whole, "all")[2], expected.all, 1e-14, "all");
}

// ---- symmetries

// Copies side by side, or on top of each other: the values per area stay, S grows by ln 2.
TEST(Entropy, Supercell) {
  const Atoms atoms = random_atoms(700, 11);
  Atoms twice = atoms;
  twice.frame.box = Box({40, 0, 0}, {0, 20, 0}, {0, 0, 100});
  for (size_t i = 0; i < atoms.size(); ++i)
    twice.add(atoms.frame.position[i] + Vec3{20, 0, 0}, atoms.density[i], atoms.coordination[2 * i],
              atoms.weights[2 * i], atoms.coordination[2 * i + 1], atoms.weights[2 * i + 1]);
  Atoms stacked = atoms;
  stacked.frame.box = Box({20, 0, 0}, {0, 20, 0}, {0, 0, 200});
  stacked.planes = {25, 75, 125, 175};
  for (size_t i = 0; i < atoms.size(); ++i)
    stacked.add(atoms.frame.position[i] + Vec3{0, 0, 100}, atoms.density[i], atoms.coordination[2 * i],
                atoms.weights[2 * i], atoms.coordination[2 * i + 1], atoms.weights[2 * i + 1]);
  const FrameResults r = run(atoms);
  for (const Atoms* more : {&twice, &stacked}) {
    const FrameResults s = run(*more);
    for (size_t q = 0; q < 5; ++q) {
      expect_relative(output(s, "excess")[q], output(r, "excess")[q], 1e-13, "excess");
      expect_relative(output(s, "deficit")[q], output(r, "deficit")[q], 1e-13, "deficit");
      expect_relative(output(s, "all")[q], output(r, "all")[q] + std::log(2.0), 1e-15, "all");
    }
    for (size_t p = 0; p < 6; ++p)
      EXPECT_NEAR(output(s, "correlation")[p], output(r, "correlation")[p], 1e-13);
  }
}

// Thicker grains: the deficit stays (but for the mean, which comes nearer to the bulk's), the excess of eq.
// 19 does not: it measures the padding.
TEST(Entropy, PaddingChangesTheExcessNotTheDeficit) {
  Atoms thin = empty_cell();
  test::Uniform random(12);
  for (int i = 0; i < 100; ++i) thin.add({1, 1, 25}, 0.08 + 0.01 * random(), 8, 0.009, 6, 0.002);
  for (int i = 0; i < 2000; ++i) thin.add({1, 1, 50}, 0.0859, 8, 0.009, 6, 0.002);
  Atoms thick = thin;
  for (int i = 0; i < 2000; ++i) thick.add({1, 1, 50}, 0.0859, 8, 0.009, 6, 0.002);
  const FrameResults r = run(thin), s = run(thick);
  expect_relative(output(s, "deficit")[0], output(r, "deficit")[0], 0.02, "deficit");
  EXPECT_NEAR(output(s, "excess")[0] / output(r, "excess")[0],
              std::log(4100. / 4000) / std::log(2100. / 2000), 1e-3);
}

TEST(Entropy, PermutationRotationTranslation) {
  const Atoms atoms = random_atoms(900, 13);
  const FrameResults r = run(atoms);
  Atoms permuted = empty_cell();
  for (size_t i = atoms.size(); i-- > 0;)
    permuted.add(atoms.frame.position[i], atoms.density[i], atoms.coordination[2 * i], atoms.weights[2 * i],
                 atoms.coordination[2 * i + 1], atoms.weights[2 * i + 1]);
  Atoms turned = atoms;
  turned.frame = test::rotated(atoms.frame);
  Atoms moved = atoms;  // through the cell's face, and with it the planes
  for (Vec3& p : moved.frame.position) p += Vec3{3, -50, 90};
  moved.planes = {15, 65};
  Atoms origin = atoms;  // with the cell
  origin.frame.box.origin = {5, 6, 7};
  for (Vec3& p : origin.frame.position) p += Vec3{5, 6, 7};
  for (const Atoms* other : {&permuted, &turned, &moved, &origin}) {
    const FrameResults s = run(*other);
    EXPECT_EQ(counts(s, "atoms"), counts(r, "atoms"));
    for (size_t q = 0; q < 5; ++q) {
      expect_relative(output(s, "excess")[q], output(r, "excess")[q], 1e-13, "excess");
      expect_relative(output(s, "deficit")[q], output(r, "deficit")[q], 1e-12, "deficit");
    }
    for (size_t p = 0; p < 6; ++p)
      EXPECT_NEAR(output(s, "correlation")[p], output(r, "correlation")[p], 1e-12);
  }
}

// ---- regions

TEST(Entropy, MaskEqualsThePlanes) {
  Atoms atoms = random_atoms(2000, 21);
  std::vector<int64_t> mask;
  for (size_t i = 0; i < atoms.size(); ++i)
    mask.push_back(atoms.distance(i) > 10 ? 0 : atoms.frame.position[i].z < 50 ? 40 : -3);
  test::add_column(atoms.frame, "gb", mask);
  const FrameResults r = run(atoms), unknown = run(atoms, {{"mask", "gb"}}),
                     known = run(atoms, {{"mask", "gb"}, {"area", "800"}});
  EXPECT_TRUE(std::isnan(output(unknown, "area").at(0)));
  EXPECT_TRUE(std::isnan(output(unknown, "half_sum_excess").at(0)));
  EXPECT_TRUE(has_note(unknown, "values per area are NaN: give --set entropy.area=<A^2>"));
  for (const char* name : {"all", "bulk", "excess_total", "deficit_total", "correlation"}) {
    test::expect_same_bits(output(unknown, name), output(r, name), name);
    test::expect_same_bits(output(known, name), output(r, name), name);
  }
  for (const char* name : {"excess", "deficit", "half_sum_excess", "half_sum_deficit"})
    test::expect_same_bits(output(known, name), output(r, name), name);
  // A LAMMPS dump does not say that a column holds whole numbers.
  test::add_column(atoms.frame, "c_gb", Values(mask.begin(), mask.end()));
  const FrameResults real = run(atoms, {{"mask", "c_gb"}, {"area", "800"}});
  for (const char* name : {"excess", "deficit", "correlation", "region_correlation"})
    test::expect_same_bits(output(real, name), output(known, name), name);
  // Regions in the order of their numbers.
  EXPECT_EQ(counts(known, "region"), (std::vector<int64_t>{-3, 40}));
  for (size_t p = 0; p < 6; ++p) {
    EXPECT_EQ(output(known, "region_correlation")[p], output(r, "region_correlation")[6 + p]);
    EXPECT_EQ(output(known, "region_correlation")[6 + p], output(r, "region_correlation")[p]);
  }
}

// bulk of the analysis structure: 1 in the bulk, 0 at boundaries.
TEST(Entropy, TheFieldBulkOfTheAnalysisStructure) {
  const Atoms atoms = random_atoms(2000, 22);
  std::vector<int32_t> bulk;
  for (const bool b : atoms.is_bulk(10)) bulk.push_back(b ? 1 : 0);
  FrameResults results;
  test::put_field(results, "number_density", atoms.density);
  test::put_field(results, "coordination", atoms.coordination, 2);
  test::put_field(results, "shell_weights", atoms.weights, 2);
  test::put_field(results, "bulk", bulk);
  test::run_analysis(find_analysis("entropy"), atoms.frame, {}, {{"mask", "bulk"}, {"area", "800"}}, results);
  const FrameResults r = run(atoms);
  for (const char* name : {"all", "bulk", "excess", "deficit", "half_sum_excess", "correlation"})
    test::expect_same_bits(output(results, name), output(r, name), name);
  EXPECT_EQ(counts(results, "region"), std::vector<int64_t>{1});
}

TEST(Entropy, WhatIsRequired) {
  const AnalysisEntry& entry = find_analysis("entropy");
  const auto required = [&](const Given& given) {
    return entry.make(Parameters(entry.info, given), {})->requirements();
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(required({}), (Names{"coordination", "density", "shells", "density-profile"}));
  EXPECT_EQ(required({{"mask", "gb"}}), (Names{"coordination", "density", "shells"}));
  EXPECT_EQ(required({{"mask", "bulk"}}), (Names{"coordination", "density", "shells", "structure"}));
}

TEST(Entropy, NoMaskNoBoundary) {
  Atoms atoms = random_atoms(2000, 23);
  test::add_column(atoms.frame, "grain", std::vector<int64_t>(2000, 1));
  test::add_column(atoms.frame, "real", Values(2000, 1.0));
  EXPECT_EQ(
      error_of(atoms, {{"mask", "grains"}}),
      "frame 0: entropy.mask: the input has no column 'grains' (did you mean 'grain'?); it has grain, real; "
      "--set entropy.mask=bulk takes the boundaries that the analysis structure finds");
  atoms.frame.columns.back().real[41] = 0.5;
  EXPECT_EQ(
      error_of(atoms, {{"mask", "real"}}),
      "frame 0: entropy.mask: the column 'real' holds 0.5 for the atom with id 42; expected whole numbers: 0 "
      "for bulk, another for a region of grain boundary");
  std::vector<int64_t> ids(2000);
  std::iota(ids.begin(), ids.end(), 1);
  test::add_column(atoms.frame, "id2", ids);
  EXPECT_NE(error_of(atoms, {{"mask", "id2"}}).find("holds more than 1024 different numbers"),
            std::string::npos);
  atoms.planes.clear();
  EXPECT_EQ(error_of(atoms, {}),
            "frame 0: entropy needs a grain boundary, and density-profile found none along cell vector c (no "
            "minimum deeper than density-profile.depth away from surfaces); lower --set "
            "density-profile.depth, or name a mask: --set entropy.mask=<column>");
  EXPECT_THROW(run(atoms, {{"distance", "0"}}), UsageError);
  EXPECT_THROW(run(atoms, {{"area", "0"}}), UsageError);
}

// ---- edges

TEST(Entropy, NoBulkNoBoundaryAtomsNoAtomsOneAtom) {
  Atoms atoms = random_atoms(300, 31);
  const FrameResults thick = run(atoms, {{"distance", "60"}});
  EXPECT_EQ(counts(thick, "atoms"), (std::vector<int64_t>{300, 0, 300}));
  EXPECT_TRUE(has_note(thick, "there are no bulk atoms"));
  EXPECT_TRUE(std::isnan(output(thick, "excess")[0]));
  expect_relative(output(thick, "deficit_total")[1], 300 * (std::log(300.0) - output(thick, "all")[1]), 1e-13,
                  "all at the boundary");

  test::add_column(atoms.frame, "gb", std::vector<int64_t>(300, 0));
  const FrameResults none = run(atoms, {{"mask", "gb"}, {"area", "1"}});
  EXPECT_EQ(counts(none, "atoms"), (std::vector<int64_t>{300, 300, 0}));
  for (size_t q = 0; q < 5; ++q) {
    EXPECT_EQ(output(none, "excess")[q], 0);
    EXPECT_EQ(output(none, "deficit")[q], 0);
  }
  EXPECT_TRUE(output(none, "region_correlation").empty());
  EXPECT_TRUE(std::isnan(output(none, "correlation")[0]));

  Atoms empty = empty_cell();
  test::add_column(empty.frame, "gb", std::vector<int64_t>{});
  const FrameResults nothing = run(empty, {{"mask", "gb"}});
  EXPECT_EQ(counts(nothing, "atoms"), (std::vector<int64_t>{0, 0, 0}));
  EXPECT_TRUE(std::isnan(output(nothing, "all")[0]));
  Atoms one = empty_cell();
  one.add({1, 2, 3}, 0.1, 8, 0.01, 6, 0.002);
  test::add_column(one.frame, "gb", std::vector<int64_t>{1});
  const FrameResults single = run(one, {{"mask", "gb"}});
  EXPECT_EQ(output(single, "all")[0], 0);
  EXPECT_EQ(counts(single, "region_atoms"), std::vector<int64_t>{1});
  EXPECT_TRUE(std::isnan(output(single, "region_correlation")[0]));
}

TEST(Entropy, AtomsAtTheEdgeOfTheBulkAreReported) {
  Atoms atoms = random_atoms(300, 32);
  EXPECT_FALSE(has_note(run(atoms), "a matter of rounding"));
  atoms.frame.position[7].z = 35 + 1e-9;
  EXPECT_TRUE(has_note(run(atoms), "1 atoms lie within 1e-06 A of the distance of 10 A from a boundary"));
}

// A descriptor that is not a number makes its own entropies NaN, not the others'.
TEST(Entropy, UndefinedDescriptors) {
  Atoms atoms = random_atoms(300, 33);
  atoms.frame.position[5].z = 25;
  atoms.weights[2 * 5 + 1] = std::numeric_limits<double>::quiet_NaN();
  const FrameResults r = run(atoms);
  for (size_t q = 0; q < 5; ++q) EXPECT_EQ(std::isnan(output(r, "excess")[q]), q == 4) << q;
  const bool with_phi2[6] = {false, false, true, false, true, true};
  for (size_t p = 0; p < 6; ++p) EXPECT_EQ(std::isnan(output(r, "correlation")[p]), with_phi2[p]) << p;
}

// ---- with the other analyses

test::Settings with_columns(const Given& entropy = {}) {
  return {{"entropy", entropy}, {"shells", {{"volume", "volume"}}}, {"density", {{"beta", "3"}}}};
}

TEST(Entropy, StackedCrystalsInTheEngine) {
  const FrameResults r =
      test::run_engine("entropy", test::sc_bicrystal(20, 0.6), bulk_of(Structure::sc, 2), with_columns());
  // 40 layers of 12 atoms; bulk: farther than 10 A from a plane, which is 1.3 A from the first layer.
  EXPECT_EQ(counts(r, "atoms"), (std::vector<int64_t>{480, 240, 240}));
  EXPECT_NEAR(output(r, "area").at(0), 2 * 48, 1e-12);
  for (size_t q = 0; q < 5; ++q) {
    EXPECT_GT(output(r, "deficit")[q], 0);
    EXPECT_NEAR(output(r, "excess")[q], 2.5 * std::log(2.0), 0.05);  // N_GB/A ln(N_all/N_bulk), nearly
  }
  // So the half sum is nearly twice the excess of rho: eq. 21 of the source does not hold.
  EXPECT_NEAR(output(r, "half_sum_excess")[0] / output(r, "excess")[0], 2, 0.05);
  const FrameResults wide =
      test::run_engine("entropy", test::sc_bicrystal(20, 0.6, 6), bulk_of(Structure::sc, 2), with_columns());
  for (size_t q = 0; q < 5; ++q) {
    // The density agrees to 1e-9 of itself, which shifts the deficits of weights and density by 1e-6 of
    // theirs.
    expect_relative(output(wide, "excess")[q], output(r, "excess")[q], 1e-9, "excess");
    expect_relative(output(wide, "deficit")[q], output(r, "deficit")[q], 1e-6, "deficit");
  }
}

TEST(Entropy, AtomsAtSurfacesAreLeftOut) {
  for (const bool periodic : {true, false}) {
    Frame frame = test::sc_bicrystal(30, 0.6);
    const Box& b = frame.box;
    frame.box = Box(b.a, b.b, {0, 0, b.c.z + 20}, {}, true, true, periodic);
    const FrameResults r = test::run_engine("entropy", frame, bulk_of(Structure::sc, 2), with_columns());
    EXPECT_NEAR(output(r, "area").at(0), 48, 1e-12);
    EXPECT_TRUE(has_note(r, "atoms next to a surface (6 beta) are left out"));
    // The surface is where the density is half the bulk's, 1 A outside the last layer; 18 A inside it the
    // first of 30 layers counts at 17.0 to 17.1 A: 9 of them do not.
    EXPECT_EQ(counts(r, "atoms"), (std::vector<int64_t>{42 * 12, 32 * 12, 10 * 12}));
  }
}

TEST(Entropy, NoBoundaryInTheEngine) {
  Frame crystal = test::crystal(Structure::sc, 2, {3, 3, 20});
  test::add_column(crystal, "volume", Values(crystal.position.size(), 8.0));
  EXPECT_THROW(test::run_engine("entropy", crystal, bulk_of(Structure::sc, 2), with_columns()), InputError);
  test::add_column(crystal, "gb", std::vector<int64_t>(crystal.position.size(), 0));
  EXPECT_NO_THROW(
      test::run_engine("entropy", crystal, bulk_of(Structure::sc, 2), with_columns({{"mask", "gb"}})));
}

class EntropyFe : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Boundaries, EntropyFe, testing::Values("Fe_S3_112", "Fe_S5_310", "Fe_S9_114"));

// Every stored entropy: from the stored descriptors, and from those that the engine computes itself.
TEST_P(EntropyFe, StoredScalars) {
  GF_NEEDS_SHARED(shared);
  const test::ReferenceBoundary b = test::reference_boundary(shared, GetParam());
  Atoms stored = empty_cell();
  stored.frame = b.frame;
  stored.density = b.number_density;
  stored.coordination = b.coordination;
  for (size_t i = 0; i < b.volume.size(); ++i) {
    stored.weights.push_back(b.phi1[i]);
    stored.weights.push_back(b.phi2[i]);
  }
  stored.planes = {b.scalars["gb"][0]["z"], b.scalars["gb"][1]["z"]};
  const FrameResults from_stored = run(stored);
  const FrameResults own = test::run_engine("entropy", b.frame, bulk_of(Structure::bcc, test::fe_lattice),
                                            {{"shells", {{"volume", "stored_volume"}}}});
  for (const FrameResults* r : {&from_stored, &own}) {
    // The table's deficits are differences of numbers near 7, times N/A = 5: 1e-13 A^-2 of rounding. The
    // engine's density is the infinite sum, the table's ends at 6 beta: 1e-7 of it, nearly a common factor,
    // which weighs the more the smaller the spread of a descriptor is.
    const bool exact = r == &from_stored;
    EXPECT_EQ(counts(*r, "atoms"),
              (std::vector<int64_t>{b.scalars["N_all"], b.scalars["N_bulk"], b.scalars["N_GB"]}));
    expect_relative(output(*r, "area").at(0), 2 * b.scalars["A"].get<double>(), 1e-14, "area");
    const char* names[] = {"rho_n", "Z1", "phi1", "Z2", "phi2"};
    for (size_t q = 0; q < 5; ++q) {
      const auto& expected = b.scalars["entropy"][names[q]];
      expect_relative(output(*r, "all")[q], expected["S_all"], exact ? 5e-15 : 5e-10, "S_all");
      expect_relative(output(*r, "bulk")[q], expected["S_bulk"], exact ? 5e-15 : 5e-10, "S_bulk");
      expect_relative(output(*r, "excess")[q], expected["S_GB_eq19_kB_per_A2"], exact ? 1e-13 : 1e-8,
                      "excess");
      EXPECT_NEAR(output(*r, "deficit")[q], expected["deficit_form_kB_per_A2"].get<double>(),
                  exact ? 1e-13 : 2e-7 * expected["deficit_form_kB_per_A2"].get<double>() + 5e-12);
    }
    const double half_excess = b.scalars["half_sum_eq14"], half_deficit = b.scalars["half_sum_deficit"];
    expect_relative(output(*r, "half_sum_excess")[0], half_excess, exact ? 1e-13 : 1e-8, "eq. 14");
    EXPECT_NEAR(output(*r, "half_sum_deficit")[0], half_deficit, exact ? 2e-13 : 2e-7 * half_deficit);
    // Two equivalent boundaries.
    for (size_t p = 0; p < 6; ++p) {
      const double c = output(*r, "correlation")[p];
      for (size_t k = 0; k < 2; ++k) EXPECT_NEAR(output(*r, "region_correlation")[6 * k + p], c, 1e-7);
    }
  }
  for (size_t p = 0; p < 6; ++p)
    EXPECT_NEAR(output(own, "correlation")[p], output(from_stored, "correlation")[p], 1e-6);
}

// A polycrystal: the region is a mask, its area that of the grains' faces.
TEST(EntropyReference, Polycrystal) {
  GF_NEEDS_SHARED(shared);
  const std::string folder = shared + "/reference/struct/";
  Frame frame = test::read_frame(folder + "poly/fe8_relaxed.xyz.gz");
  const std::vector<std::string> lines = test::gzip_lines(folder + "voronoi/atoms/fe8_relaxed.csv.gz");
  Values volume;
  for (size_t k = 1; k < lines.size(); ++k)
    volume.push_back(std::stod(lines[k].substr(lines[k].find(',') + 1)));
  test::add_column(frame, "volume", volume);
  const RunContext context = bulk_of(Structure::bcc, 2.83, 2);
  const FrameResults shells =
      test::run_engine("shells", frame, context, {{"shells", {{"volume", "volume"}}}});
  const auto& z = shells.find_field("coordination")->integer;
  std::vector<int64_t> mask;
  std::vector<bool> is_bulk;
  for (size_t i = 0; i < volume.size(); ++i) {
    is_bulk.push_back(z[2 * i] == 8 && z[2 * i + 1] == 6);
    mask.push_back(is_bulk.back() ? 0 : 1);
  }
  test::add_column(frame, "gb", mask);
  const FrameResults r = test::run_engine(
      "entropy", frame, context,
      {{"entropy", {{"mask", "gb"}, {"area", "18513.111"}}}, {"shells", {{"volume", "volume"}}}});
  EXPECT_EQ(counts(r, "atoms")[0], 14627);
  Values z1;
  for (size_t i = 0; i < volume.size(); ++i) z1.push_back(z[2 * i]);
  const auto expected = reference::entropies(z1, is_bulk);
  expect_relative(output(r, "excess")[1], expected.excess / 18513.111, 1e-13, "Z1");
  expect_relative(output(r, "deficit")[1], expected.deficit / 18513.111, 1e-11, "Z1");
  expect_relative(
      output(r, "deficit")[0],
      reference::entropies(shells.find_field("number_density")->real, is_bulk).deficit / 18513.111, 1e-9,
      "rho");
}

}  // namespace
}  // namespace grainfield
