// host/maxvol, and the inverse of host/dense.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "host/dense.hpp"
#include "host/error.hpp"
#include "host/maxvol.hpp"
#include "tests/support/random.hpp"

namespace grainfield {
namespace {

using test::Random;

std::vector<double> random_matrix(int64_t rows, int64_t n, uint64_t seed) {
  Random random(seed);
  std::vector<double> matrix(static_cast<size_t>(rows * n));
  for (double& x : matrix) x = random.uniform(-1, 1);
  return matrix;
}

std::vector<double> scaled_identity(int64_t n, double scale) {
  std::vector<double> matrix(static_cast<size_t>(n * n), 0.0);
  for (int64_t k = 0; k < n; ++k) matrix[static_cast<size_t>(k * n + k)] = scale;
  return matrix;
}

// The loop as its formula states it: every entry updated, every entry compared.
std::vector<MaxVolSwap> plain_maxvol(int64_t n, int64_t m, std::vector<double> c, double threshold) {
  std::vector<MaxVolSwap> swaps;
  const auto at = [&](int64_t i, int64_t k) -> double& { return c[static_cast<size_t>(i * n + k)]; };
  while (true) {
    int64_t row = 0, slot = 0;
    for (int64_t i = 0; i < m; ++i)
      for (int64_t k = 0; k < n; ++k)
        if (std::abs(at(i, k)) > std::abs(at(row, slot))) row = i, slot = k;
    const double pivot = at(row, slot);
    if (!(std::abs(pivot) > threshold)) return swaps;
    swaps.push_back({row, slot, std::abs(pivot)});
    std::vector<double> left, right;
    for (int64_t i = 0; i < m; ++i) left.push_back(at(i, slot) + (i == row ? 1 : 0));
    for (int64_t k = 0; k < n; ++k) right.push_back((at(row, k) - (k == slot ? 1 : 0)) / pivot);
    for (int64_t i = 0; i < m; ++i)
      for (int64_t k = 0; k < n; ++k)
        at(i, k) -= left[static_cast<size_t>(i)] * right[static_cast<size_t>(k)];
  }
}

struct Problem {
  int64_t n, m;
  std::vector<double> candidates, set, c;

  Problem(int64_t n_, int64_t m_, uint64_t seed, double initial = 1e-6)
      : n(n_), m(m_), candidates(random_matrix(m_, n_, seed)), set(scaled_identity(n_, initial)) {
    c = candidates;
    for (double& x : c) x /= initial;
  }
  std::vector<MaxVolSwap> run(const MaxVolOptions& options = {}) {
    return maximize_volume(n, m, candidates.data(), set.data(), c.data(), options);
  }
};

TEST(MaxVol, GivesTheSwapsOfThePlainLoop) {
  for (const int64_t n : {1, 7, 16, 65, 90}) {
    Problem p(n, 5 * n + 3, static_cast<uint64_t>(n));
    const auto expected = plain_maxvol(p.n, p.m, p.c, 1.001);
    const auto swaps = p.run();
    ASSERT_EQ(swaps.size(), expected.size()) << n;
    EXPECT_GE(swaps.size(), static_cast<size_t>(n));
    for (size_t k = 0; k < swaps.size(); ++k) {
      EXPECT_EQ(swaps[k].row, expected[k].row) << n << " swap " << k;
      EXPECT_EQ(swaps[k].slot, expected[k].slot) << n << " swap " << k;
      // Rounding of at most 200 updates of entries up to 1e6.
      EXPECT_NEAR(swaps[k].factor / expected[k].factor, 1, 1e-8);
    }
  }
}

TEST(MaxVol, LeavesNoCandidateAboveTheThresholdAndCountsTheVolume) {
  Problem p(40, 500, 3);
  const auto swaps = p.run();
  std::vector<double> inverse(1600), c(static_cast<size_t>(500 * 40));
  const double volume = invert_transposed(p.set.data(), 40, inverse.data());
  double gained = 40 * std::log(1e-6);
  for (const MaxVolSwap& s : swaps) {
    EXPECT_GT(s.factor, 1.001);
    gained += std::log(s.factor);
  }
  EXPECT_NEAR(volume, gained, 1e-9 * std::abs(gained));
  multiply_transposed(1, p.candidates.data(), p.m, p.n, inverse.data(), c.data());
  for (size_t k = 0; k < c.size(); ++k) {
    EXPECT_LE(std::abs(c[k]), 1.001 + 1e-9);
    EXPECT_NEAR(c[k], p.c[k], 1e-8);  // C is up to date
  }
}

TEST(MaxVol, TiesGoToTheFirstRowAndColumn) {
  std::vector<double> candidates = {0, 2, 0, /**/ 3, 0, 3, /**/ -3, 0, 0}, set = scaled_identity(3, 1),
                      c = candidates;
  MaxVolOptions options;
  options.most_swaps = 1;
  const auto swaps = maximize_volume(3, 3, candidates.data(), set.data(), c.data(), options);
  ASSERT_EQ(swaps.size(), 1u);
  EXPECT_EQ(swaps[0].row, 1);
  EXPECT_EQ(swaps[0].slot, 0);
  // Row 1 and slot 0 changed places; C = B A^-1 with the new A.
  EXPECT_EQ(set[0], 3);
  EXPECT_EQ(candidates[3], 1);
  EXPECT_NEAR(c[3], 1.0 / 3, 1e-15);
  EXPECT_NEAR(c[5], -1, 1e-15);
}

TEST(MaxVol, TheNumberOfThreadsChangesNoBit) {
  Problem one(70, 2000, 5), three(70, 2000, 5);
  MaxVolOptions options;
  options.least_shared = 0;
  const auto a = one.run(options);
  options.threads = 3;
  const auto b = three.run(options);
  ASSERT_EQ(a.size(), b.size());
  for (size_t k = 0; k < a.size(); ++k) EXPECT_EQ(a[k].factor, b[k].factor);
  EXPECT_EQ(one.c, three.c);
  EXPECT_EQ(one.set, three.set);
}

TEST(MaxVol, RowsOfSeparateBlocksDoNotTouchEachOther) {
  // Species: rows are zero outside their own block.
  Problem p(30, 200, 7);
  for (int64_t i = 0; i < p.m; ++i)
    for (int64_t k = 0; k < p.n; ++k)
      if ((k < 15) != (i % 2 == 0)) p.candidates[static_cast<size_t>(i * p.n + k)] = 0;
  p.c = p.candidates;
  for (double& x : p.c) x *= 1e6;
  const auto expected = plain_maxvol(p.n, p.m, p.c, 1.001);
  const auto swaps = p.run();
  ASSERT_EQ(swaps.size(), expected.size());
  for (size_t k = 0; k < swaps.size(); ++k) EXPECT_EQ(swaps[k].row, expected[k].row);
}

TEST(MaxVol, StartsAboveOneLimitAndStopsAtAnother) {
  MaxVolOptions options;
  options.start_above = 1e9;
  Problem idle(10, 50, 9);
  EXPECT_TRUE(idle.run(options).empty());
  options.start_above = 10;
  Problem busy(10, 50, 9), reference(10, 50, 9);
  EXPECT_EQ(busy.run(options).size(), reference.run().size());
  EXPECT_TRUE(maximize_volume(10, 0, nullptr, reference.set.data(), nullptr, {}).empty());
}

TEST(DenseInverse, TimesTheMatrixIsOne) {
  // Rows and columns of very different sizes, as active sets with unfilled slots have.
  const int64_t n = 60;
  std::vector<double> a = random_matrix(n, n, 11), inverse(a.size()), product(a.size());
  double shift = 0;
  for (int64_t k = 0; k < n; ++k) {
    const double row = std::pow(10, static_cast<double>(k % 7)),
                 column = std::pow(10, -static_cast<double>(k % 5));
    shift += std::log(row) + std::log(column);
    for (int64_t l = 0; l < n; ++l) {
      a[static_cast<size_t>(k * n + l)] *= row;
      a[static_cast<size_t>(l * n + k)] *= column;
    }
  }
  const std::vector<double> plain = random_matrix(n, n, 11);
  std::vector<double> unused(a.size());
  const double volume = invert_transposed(a.data(), n, inverse.data());
  EXPECT_NEAR(volume, invert_transposed(plain.data(), n, unused.data()) + shift, 1e-9);
  multiply_transposed(2, a.data(), n, n, inverse.data(), product.data());
  for (int64_t k = 0; k < n; ++k)
    for (int64_t l = 0; l < n; ++l) {
      // (A A^-1)_kl scales with row k and the inverse of row l.
      const double scale = std::pow(10, static_cast<double>(k % 7 - l % 7));
      EXPECT_NEAR(product[static_cast<size_t>(k * n + l)] / scale, k == l ? 1 : 0, 1e-11);
    }
}

TEST(DenseInverse, RefusesSingularMatrices) {
  std::vector<double> a = {1, 2, 0, 0}, inverse(4);
  EXPECT_THROW(invert_transposed(a.data(), 2, inverse.data()), InputError);
  a = {1, 2, NAN, 1};
  EXPECT_THROW(invert_transposed(a.data(), 2, inverse.data()), InputError);
}

}  // namespace
}  // namespace grainfield
