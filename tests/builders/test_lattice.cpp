#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "host/error.hpp"
#include "host/lattice.hpp"

namespace grainfield {
namespace {

struct Known {
  const char* name;
  double density;             // atoms per a^3
  std::vector<Shell> shells;  // in units of a; textbook values
};

const double ideal = std::sqrt(8.0 / 3.0);
const std::vector<Known> known{
    {"sc", 1, {{1, 6}, {std::sqrt(2.0), 12}, {std::sqrt(3.0), 8}, {2, 6}}},
    {"bcc",
     2,
     {{std::sqrt(3.0) / 2, 8}, {1, 6}, {std::sqrt(2.0), 12}, {std::sqrt(11.0) / 2, 24}, {std::sqrt(3.0), 8}}},
    {"fcc",
     4,
     {{std::sqrt(0.5), 12}, {1, 6}, {std::sqrt(1.5), 24}, {std::sqrt(2.0), 12}, {std::sqrt(2.5), 24}}},
    {"hcp",
     std::sqrt(2.0),
     {{1, 12}, {std::sqrt(2.0), 6}, {ideal, 2}, {std::sqrt(3.0), 18}, {std::sqrt(11.0 / 3), 12}, {2, 6}}},
    {"diamond", 8, {{std::sqrt(3.0) / 4, 4}, {std::sqrt(0.5), 12}, {std::sqrt(11.0) / 4, 12}, {1, 6}}},
};

TEST(Lattice, ShellsAndDensityAreTheTextbookOnes) {
  const double a = 2.83;
  for (const Known& k : known) {
    const Lattice lattice = make_lattice(parse_structure(k.name), a);
    EXPECT_EQ(structure_name(lattice.structure), k.name);
    EXPECT_NEAR(lattice.number_density() * a * a * a, k.density, 1e-14 * k.density) << k.name;
    const auto shells = lattice.shells(static_cast<int>(k.shells.size()));
    ASSERT_EQ(shells.size(), k.shells.size());
    for (size_t s = 0; s < shells.size(); ++s) {
      EXPECT_NEAR(shells[s].radius, k.shells[s].radius * a, 1e-14 * 10 * a) << k.name << " shell " << s;
      EXPECT_EQ(shells[s].count, k.shells[s].count) << k.name << " shell " << s;
    }
  }
}

// shells() looks from the first atom of the basis: here every atom of the basis must see the same.
TEST(Lattice, EveryBasisAtomSeesTheSameShells) {
  for (const Known& k : known) {
    const Lattice lattice = make_lattice(parse_structure(k.name), 1.0);
    for (size_t i = 0; i < lattice.basis.size(); ++i) {
      std::map<long, int> count;
      for (int mx = -4; mx <= 4; ++mx)
        for (int my = -4; my <= 4; ++my)
          for (int mz = -4; mz <= 4; ++mz)
            for (size_t j = 0; j < lattice.basis.size(); ++j) {
              const double d =
                  norm(lattice.site({double(mx), double(my), double(mz)}, j) - lattice.site({}, i));
              if (d > 1e-9 && d < 2.05) ++count[std::lround(d * 1e7)];
            }
      size_t s = 0;
      for (const auto& [d, n] : count) {
        if (s == k.shells.size()) break;
        EXPECT_EQ(n, k.shells[s].count) << k.name << " atom " << i << " shell " << s;
        EXPECT_EQ(d, std::lround(k.shells[s].radius * 1e7)) << k.name << " atom " << i << " shell " << s;
        ++s;
      }
    }
  }
}

TEST(Lattice, CoordinationReferenceLiesMidwayBetweenShells) {
  const double a = 2.855324860794;
  const auto bcc = coordination_reference(make_lattice(Structure::bcc, a));
  EXPECT_NEAR(bcc.r1, (std::sqrt(3.0) / 2 + 1) / 2 * a, 1e-13);
  EXPECT_NEAR(bcc.r2, (1 + std::sqrt(2.0)) / 2 * a, 1e-13);
  EXPECT_EQ(bcc.z1, 8);
  EXPECT_EQ(bcc.z2, 6);
  const std::map<std::string, std::pair<int, int>> numbers{
      {"sc", {6, 12}}, {"fcc", {12, 6}}, {"hcp", {12, 6}}, {"diamond", {4, 12}}};
  for (const auto& [name, z] : numbers) {
    const auto r = coordination_reference(make_lattice(parse_structure(name), a));
    EXPECT_EQ(r.z1, z.first) << name;
    EXPECT_EQ(r.z2, z.second) << name;
  }
  // Magnesium and titanium: 6 + 6 first neighbors and 6 second ones stay together.
  for (const double c_over_a : {1.624, 1.587}) {
    const auto r = coordination_reference(make_lattice(Structure::hcp, a, c_over_a));
    EXPECT_EQ(r.z1, 12) << c_over_a;
    EXPECT_EQ(r.z2, 6) << c_over_a;
  }
}

TEST(Lattice, WrongArgumentsAreUsageErrors) {
  EXPECT_THROW(parse_structure("BCC"), UsageError);
  EXPECT_THROW(make_lattice(Structure::bcc, 0), UsageError);
  EXPECT_THROW(make_lattice(Structure::bcc, std::nan("")), UsageError);
  EXPECT_THROW(make_lattice(Structure::bcc, 2.83, 1.6), UsageError);
  EXPECT_THROW(make_lattice(Structure::hcp, 3.2, -1), UsageError);
}

}  // namespace
}  // namespace grainfield
