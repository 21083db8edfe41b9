#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "host/build_polycrystal.hpp"
#include "host/random.hpp"

namespace grainfield {
namespace {

// Known answers of the authors of Philox (Random123, kat_vectors, philox4x32 with 10 rounds).
TEST(Random, PhiloxGivesThePublishedNumbers) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}), (PhiloxBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  const uint32_t f = 0xffffffff;
  EXPECT_EQ(philox4x32({f, f, f, f}, {f, f}), (PhiloxBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

// Bounds of 5 standard errors; the seed is fixed, so the outcome is too.
TEST(Random, MomentsOfTheDistributions) {
  constexpr int n = 200000;
  double u1 = 0, u2 = 0, g1 = 0, g2 = 0, g4 = 0;
  int beyond2 = 0;
  Random random(7, Stream::rattle);
  for (int i = 0; i < n; ++i) {
    const double u = random.uniform(), g = random.normal();
    ASSERT_TRUE(u >= 0 && u < 1);
    u1 += u / n, u2 += u * u / n;
    g1 += g / n, g2 += g * g / n, g4 += g * g * g * g / n;
    beyond2 += std::fabs(g) > 2;
  }
  const double root = std::sqrt(static_cast<double>(n));
  EXPECT_NEAR(u1, 0.5, 5 * std::sqrt(1.0 / 12) / root);
  EXPECT_NEAR(u2, 1.0 / 3, 5 * std::sqrt(4.0 / 45) / root);
  EXPECT_NEAR(g1, 0, 5 / root);
  EXPECT_NEAR(g2, 1, 5 * std::sqrt(2.0) / root);
  EXPECT_NEAR(g4, 3, 5 * std::sqrt(96.0) / root);
  const double p = std::erfc(std::sqrt(2.0));
  EXPECT_NEAR(static_cast<double>(beyond2) / n, p, 5 * std::sqrt(p * (1 - p)) / root);
}

TEST(Random, BelowIsUniformAndStreamsDiffer) {
  std::vector<int> count(7, 0);
  Random random(3, Stream::vacancy);
  for (int i = 0; i < 70000; ++i) ++count[random.below(7)];
  for (const int c : count) EXPECT_NEAR(c, 10000, 5 * std::sqrt(10000 * 6.0 / 7));
  EXPECT_NE(Random(3, Stream::node).bits(), Random(3, Stream::rattle).bits());
  EXPECT_NE(Random(3, Stream::node, 1).bits(), Random(3, Stream::node, 2).bits());
  EXPECT_NE(Random(3, Stream::node).bits(), Random(4, Stream::node).bits());
}

// For uniform rotations the columns are uniform on the sphere: <R_ij> = 0, <R_ij R_kl> = delta_ik delta_jl /
// 3, <R_ij^4> = 1/5, <tr R> = 0, <(tr R)^2> = 1, and the angle has the density (1 - cos w)/pi, so that <cos
// w> = -1/2. Bounds of 5 standard errors.
TEST(Random, OrientationsAreUniformOnSO3) {
  constexpr int n = 20000;
  const auto grains =
      random_grains(n, Box({10, 0, 0}, {0, 10, 0}, {0, 0, 10}), make_lattice(Structure::bcc, 2.83), 11);
  double first[3][3] = {}, second[9][9] = {}, fourth[3][3] = {}, trace = 0, trace_sq = 0;
  for (const Grain& g : grains) {
    double r[9];
    for (int i = 0; i < 3; ++i)
      for (int j = 0; j < 3; ++j) r[3 * i + j] = g.rotation[i][j];
    for (int i = 0; i < 9; ++i) {
      first[i / 3][i % 3] += r[i] / n;
      fourth[i / 3][i % 3] += std::pow(r[i], 4) / n;
      for (int j = 0; j < 9; ++j) second[i][j] += r[i] * r[j] / n;
    }
    const double t = r[0] + r[4] + r[8];
    trace += t / n, trace_sq += t * t / n;
    EXPECT_NEAR(dot(g.rotation[0], cross(g.rotation[1], g.rotation[2])), 1, 1e-14);
  }
  const double root = std::sqrt(static_cast<double>(n));
  for (int i = 0; i < 9; ++i) {
    EXPECT_NEAR(first[i / 3][i % 3], 0, 5 * std::sqrt(1.0 / 3) / root);
    EXPECT_NEAR(fourth[i / 3][i % 3], 0.2, 5 * std::sqrt(1.0 / 9 - 1.0 / 25) / root);
    for (int j = 0; j < 9; ++j)
      EXPECT_NEAR(second[i][j], i == j ? 1.0 / 3 : 0, 5 * 0.37 / root) << i << " " << j;
  }
  EXPECT_NEAR(trace, 0, 5 / root);
  EXPECT_NEAR(trace_sq, 1, 5 * std::sqrt(2.0) / root);  // <tr^4> = 3
}

}  // namespace
}  // namespace grainfield
