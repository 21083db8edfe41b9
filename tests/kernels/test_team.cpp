// Teams: one kernel gives the same on one thread and on 2, 8 and 32 lanes.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "kernels/core/launch.hpp"
#include "tests/support/emulated_team.hpp"

namespace {

using namespace grainfield;

constexpr int length = 50;  // not a multiple of any team's size

// Fills the scratch together, then every member reads what the others wrote. With whole numbers the sums are
// exact, whatever their order.
template <bool with_sync>
struct Convolve {
  double* out;
  template <class Team>
  GF_HD void operator()(Team team, int64_t i) const {
    auto* memory = static_cast<double*>(team.scratch());
    for (int k = team.rank(); k < length; k += team.size())
      memory[k] = static_cast<double>((i * 31 + k * 17) % 101 - 50);
    if constexpr (with_sync) team.sync();
    double part = 0;
    for (int k = team.rank(); k < length; k += team.size()) part += memory[k] * memory[length - 1 - k];
    const double total = team.sum(part);
    // A second round in the same scratch; sum() has let all members finish reading.
    for (int k = team.rank(); k < length; k += team.size()) memory[k] = total + k;
    if constexpr (with_sync) team.sync();
    double other = 0;
    for (int k = team.rank(); k < length; k += team.size()) other += memory[(k + 1) % length];
    other = team.sum(other);
    if (team.rank() == 0) out[i] = total + 3 * other;
  }
};

constexpr int64_t n_items = 40;
constexpr size_t scratch_bytes = length * sizeof(double);

std::vector<double> serial() {
  std::vector<double> out(n_items);
  for_each(Exec{Processor::cpu, 3}, n_items, Convolve<true>{out.data()}, scratch_bytes, 4);
  return out;
}

template <int W>
std::vector<double> emulated() {
  std::vector<double> out(n_items);
  test::run_emulated<W>(Convolve<true>{out.data()}, n_items, scratch_bytes);
  return out;
}

TEST(Team, CooperativeKernelAgreesWithTheSerialOne) {
  std::vector<double> expected(n_items);
  for (int64_t i = 0; i < n_items; ++i) {
    double total = 0;
    auto value = [&](int k) { return static_cast<double>((i * 31 + k * 17) % 101 - 50); };
    for (int k = 0; k < length; ++k) total += value(k) * value(length - 1 - k);
    double other = 0;
    for (int k = 0; k < length; ++k) other += total + k;
    expected[static_cast<size_t>(i)] = total + 3 * other;
  }
  EXPECT_EQ(serial(), expected);
  EXPECT_EQ(emulated<2>(), expected);
  EXPECT_EQ(emulated<8>(), expected);
  EXPECT_EQ(emulated<32>(), expected);
}

// Every member's total, to see that all have the same bits.
struct SumReals {
  double* out;  // [item][member]
  template <class Team>
  GF_HD void operator()(Team team, int64_t i) const {
    const double mine = std::sin(1.0 + static_cast<double>(i) + 0.37 * team.rank());
    out[i * team.size() + team.rank()] = team.sum(mine);
  }
};

TEST(Team, SumIsTheButterflyAndTheSameForAll) {
  constexpr int w = 8;
  std::vector<double> out(n_items * w);
  test::run_emulated<w>(SumReals{out.data()}, n_items);
  for (int64_t i = 0; i < n_items; ++i) {
    double v[w];
    for (int k = 0; k < w; ++k) v[k] = std::sin(1.0 + static_cast<double>(i) + 0.37 * k);
    const double total = ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]));
    for (int k = 0; k < w; ++k) EXPECT_EQ(out[static_cast<size_t>(i * w + k)], total) << i << " " << k;
  }
}

#if defined(__SANITIZE_THREAD__)
TEST(TeamDeathTest, AMissingSyncIsReportedByThreadSanitizer) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  std::vector<double> out(n_items);
  EXPECT_EXIT(
      {
        test::run_emulated<8>(Convolve<false>{out.data()}, n_items, scratch_bytes);
        std::exit(0);  // ThreadSanitizer makes it 66 if it has seen a race
      },
      testing::ExitedWithCode(66), "data race");
}
#endif

}  // namespace
