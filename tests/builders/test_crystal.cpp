#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "brute.hpp"
#include "host/build_crystal.hpp"
#include "host/disorder.hpp"
#include "host/error.hpp"

namespace grainfield {
namespace {

struct Case {
  const char* structure;
  std::array<Direction, 3> directions;
  int atoms;  // of the oriented cell
};

// Counts by hand: |A||B||C| / a^3 times the atoms of the conventional cell.
const std::vector<Case> cases{
    {"sc", {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}}, 1},
    {"bcc", {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}}, 2},
    {"fcc", {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}}, 4},
    {"hcp", {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}}, 4},
    {"diamond", {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}}, 8},
    {"sc", {{{1, 1, 0}, {-1, 1, 0}, {0, 0, 1}}}, 2},
    {"fcc", {{{1, 1, 0}, {-1, 1, 0}, {0, 0, 1}}}, 2},       // a/sqrt2, a/sqrt2, a
    {"fcc", {{{1, 1, -2}, {-1, 1, 0}, {1, 1, 1}}}, 6},      // sqrt(3/2), sqrt(1/2), sqrt3
    {"bcc", {{{1, 1, 1}, {-1, 1, 0}, {-1, -1, 2}}}, 6},     // sqrt3/2, sqrt2, sqrt6
    {"bcc", {{{3, 1, 0}, {-1, 3, 0}, {0, 0, 2}}}, 20},      // Sigma 5: sqrt10, sqrt10, 1
    {"bcc", {{{2, -2, 1}, {1, 1, 0}, {-1, 1, 4}}}, 36},     // Sigma 9: 3, sqrt2, sqrt18
    {"diamond", {{{1, 1, 0}, {-1, 1, 0}, {0, 0, -1}}}, 0},  // left-handed: must be refused
    {"diamond", {{{1, 1, -2}, {-1, 1, 0}, {1, 1, 1}}}, 12},
    {"fcc", {{{1, 0, 0}, {0, 1, 1}, {0, -1, 1}}}, 2},
    {"hcp", {{{0, 1, 0}, {-1, 0, 0}, {0, 0, 1}}}, 4},
    {"hcp", {{{1, 1, 0}, {-3, 1, 0}, {0, 0, 1}}}, 4},  // a, sqrt3 a, c turned by 60 degrees
};

CrystalOptions options_of(const Case& c) {
  CrystalOptions options;
  options.lattice = make_lattice(parse_structure(c.structure), 3.1);
  options.directions = c.directions;
  return options;
}

TEST(Crystal, OrientedCellsHaveAllAtomsWithPerfectShells) {
  for (const Case& c : cases) {
    CrystalOptions options = options_of(c);
    const std::string name = std::string(c.structure) + " " + std::to_string(c.directions[0][0]) +
                             std::to_string(c.directions[0][1]) + std::to_string(c.directions[0][2]);
    if (c.atoms == 0) {
      EXPECT_THROW(build_crystal(options), UsageError) << name;
      continue;
    }
    const Frame cell = build_crystal(options);
    EXPECT_EQ(cell.n_atoms(), c.atoms) << name;
    const double n = static_cast<double>(cell.n_atoms());
    EXPECT_NEAR(n / cell.box.volume(), options.lattice.number_density(),
                1e-13 * options.lattice.number_density())
        << name;
    validate(cell, name);
    options.repeat = {2, 1, 3};
    options.threads = 2;
    const Frame crystal = build_crystal(options);
    ASSERT_EQ(crystal.n_atoms(), 6 * c.atoms) << name;
    const auto shells = options.lattice.shells(4);
    for (size_t i = 0; i < crystal.position.size(); i += 3) {  // every third: all basis sites occur
      const Vec3 s = crystal.box.fractional(crystal.position[i]);
      for (int k = 0; k < 3; ++k) EXPECT_TRUE(s[k] > -1e-12 && s[k] < 1) << name;
      const auto d = brute::distances(crystal, crystal.position[i], shells[3].radius + 1e-6);
      size_t at = 0;
      for (const Shell& shell : shells)
        for (int q = 0; q < shell.count; ++q, ++at) {
          ASSERT_LT(at, d.size()) << name;
          ASSERT_NEAR(d[at], shell.radius, 1e-10) << name << " atom " << i;
        }
      EXPECT_EQ(at, d.size()) << name;
    }
  }
}

// The lattice directions point along x, y, z: from an atom, the translation by the direction's lattice vector
// must lead to an atom, in the laboratory frame. Not so for the mirror image of a cell without that symmetry.
TEST(Crystal, DirectionsPointAlongTheAxes) {
  CrystalOptions options = options_of(cases[10]);  // bcc [2 -2 1] [1 1 0] [-1 1 4]
  options.repeat = {3, 3, 3};
  const Frame crystal = build_crystal(options);
  const double a = options.lattice.a;
  // Rows: unit directions; columns: images of the crystal axes.
  const Vec3 x = Vec3{2, -2, 1} / 3.0, y = Vec3{1, 1, 0} / std::sqrt(2.0),
             z = Vec3{-1, 1, 4} / std::sqrt(18.0);
  for (const Vec3 u :
       {Vec3{1, 0, 0}, Vec3{0, 1, 0}, Vec3{0, 0, 1}, Vec3{0.5, 0.5, 0.5}, Vec3{-0.5, 0.5, 0.5}}) {
    const Vec3 target = crystal.box.wrap(crystal.position[5] + a * Vec3{dot(x, u), dot(y, u), dot(z, u)});
    double nearest = 1e9;
    for (const Vec3& r : crystal.position)
      nearest = std::min(nearest, norm(crystal.box.minimum_image(r - target)));
    EXPECT_LT(nearest, 1e-10);
  }
}

TEST(Crystal, StrainIsThatOfTheTensor) {
  CrystalOptions options = options_of(cases[1]);
  options.repeat = {2, 2, 2};
  options.strain = {0.02, -0.01, 0.03, 0.004, -0.006, 0.01};
  const Frame strained = build_crystal(options);
  const auto& e = options.strain;
  const double f[3][3] = {{1 + e[0], e[5], e[4]}, {e[5], 1 + e[1], e[3]}, {e[4], e[3], 1 + e[2]}};
  // Independent of the frame: scalar products of the cell vectors, metric = L^2 F^T F.
  const double length = 2 * options.lattice.a;
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 3; ++j) {
      double metric = 0;
      for (int k = 0; k < 3; ++k) metric += f[k][i] * f[k][j];
      EXPECT_NEAR(dot(strained.box.edge(i), strained.box.edge(j)), length * length * metric,
                  1e-12 * length * length);
    }
  EXPECT_EQ(strained.box.a.y, 0);
  EXPECT_EQ(strained.box.a.z, 0);
  EXPECT_EQ(strained.box.b.z, 0);
  EXPECT_GT(strained.box.volume(), 0);
  options.strain = {0.1, 0, 0, 0, 0, 0};
  const Frame stretched = build_crystal(options);
  EXPECT_TRUE(stretched.box.is_orthogonal());
  EXPECT_NEAR(stretched.box.a.x, 1.1 * length, 1e-13 * length);
}

TEST(Crystal, DirectionsAreParsed) {
  EXPECT_EQ(parse_direction("1,-1,0"), (Direction{1, -1, 0}));
  EXPECT_EQ(parse_direction("[1 -1 12]"), (Direction{1, -1, 12}));
  EXPECT_EQ(parse_direction("1-10"), (Direction{1, -1, 0}));
  EXPECT_EQ(parse_direction("-1-12"), (Direction{-1, -1, 2}));
  for (const char* bad : {"", "1", "1,2", "1 2 3 4", "1a0", "1.5,0,0", "--1 0 0", "11111,0,0"})
    EXPECT_THROW(parse_direction(bad), UsageError) << bad;
}

TEST(Crystal, WrongOptionsAreUsageErrors) {
  const auto message = [](auto change) {
    CrystalOptions options;
    options.lattice = make_lattice(Structure::bcc, 2.83);
    change(options);
    try {
      build_crystal(options);
    } catch (const UsageError& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  EXPECT_NE(message([](auto& o) {
              o.directions = {{{1, 1, 0}, {1, 0, 0}, {0, 0, 1}}};
            }).find("45 degrees"),
            std::string::npos);
  EXPECT_NE(message([](auto& o) { o.directions[2] = {0, 0, -1}; }).find("left-handed"), std::string::npos);
  EXPECT_NE(message([](auto& o) { o.directions[1] = {0, 0, 0}; }).find("[0 0 0]"), std::string::npos);
  EXPECT_NE(message([](auto& o) { o.repeat = {1, 0, 1}; }).find("repetitions along y"), std::string::npos);
  EXPECT_NE(message([](auto& o) { o.element = "Xx"; }).find("unknown element 'Xx'"), std::string::npos);
  EXPECT_NE(message([](auto& o) { o.strain = {-1, 0, 0, 0, 0, 0}; }).find("volume"), std::string::npos);
}

TEST(Disorder, CountsAreExact) {
  EXPECT_EQ(exact_counts(10, {0.25, 0.75}),
            (std::vector<int64_t>{3, 7}));  // 2.5 and 7.5: the first gets the tie
  EXPECT_EQ(exact_counts(3, {1.0 / 3, 1.0 / 3, 1.0 / 3}), (std::vector<int64_t>{1, 1, 1}));
  EXPECT_THROW(exact_counts(10, {0.5, 0.4}), UsageError);
  EXPECT_THROW(exact_counts(10, {1.5, -0.5}), UsageError);

  CrystalOptions options = options_of(cases[1]);
  options.repeat = {10, 10, 10};
  Frame alloy = build_crystal(options);
  alloy.species = element_species({"Fe", "Cr"});
  assign_species(alloy, exact_counts(2000, {0.9, 0.1}), 5);
  EXPECT_EQ(std::count(alloy.type.begin(), alloy.type.end(), 1), 200);
  // Random, not in a block: the number among the first half is hypergeometric, 100 with deviation 6.7.
  EXPECT_NEAR(static_cast<double>(std::count(alloy.type.begin(), alloy.type.begin() + 1000, 1)), 100,
              5 * 6.7);
  const std::vector<int32_t> types = alloy.type;
  assign_species(alloy, {1800, 200}, 5);
  EXPECT_EQ(alloy.type, types);
  assign_species(alloy, {1800, 200}, 6);
  EXPECT_NE(alloy.type, types);

  const Frame full = alloy;
  make_vacancies(alloy, 37, 9);
  EXPECT_EQ(alloy.n_atoms(), 1963);
  EXPECT_EQ(alloy.type.size(), 1963u);
  size_t at = 0;  // the others stay in order, with their types
  for (size_t i = 0; i < alloy.position.size(); ++i, ++at) {
    while (at < full.position.size() && !(full.position[at] == alloy.position[i])) ++at;
    ASSERT_LT(at, full.position.size());
    EXPECT_EQ(full.type[at], alloy.type[i]);
  }
  EXPECT_THROW(make_vacancies(alloy, 5000, 1), UsageError);
  EXPECT_THROW(element_species({"Fe", "Fe"}), UsageError);
}

TEST(Disorder, RattleIsGaussianAndIndependentOfThreads) {
  CrystalOptions options = options_of(cases[1]);
  options.repeat = {20, 20, 20};
  const Frame perfect = build_crystal(options);
  Frame one = perfect, four = perfect;
  rattle(one, 0.05, 3, 1);
  rattle(four, 0.05, 3, 4);
  double sum_sq = 0;
  for (size_t i = 0; i < one.position.size(); ++i) {
    ASSERT_TRUE(one.position[i] == four.position[i]);
    sum_sq += norm_sq(perfect.box.minimum_image(one.position[i] - perfect.position[i]));
  }
  const double n = 3.0 * static_cast<double>(perfect.n_atoms());
  EXPECT_NEAR(sum_sq / n, 0.05 * 0.05, 5 * 0.05 * 0.05 * std::sqrt(2 / n));
  EXPECT_THROW(rattle(one, -1, 3, 1), UsageError);
}

}  // namespace
}  // namespace grainfield
