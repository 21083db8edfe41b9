// Teams: one kernel gives the same on one thread and on 2, 8 and 32 lanes.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "kernels/core/launch.hpp"
#include "tests/support/emulated_team.hpp"
#include "tests/support/team_kernels.hpp"

namespace {

using namespace grainfield;

constexpr int64_t n_items = 40;

std::vector<double> serial() {
  std::vector<double> out(n_items);
  for_each(Exec{Processor::cpu, 3}, n_items, test::Convolve<true>{out.data()}, test::convolve_bytes, 4);
  return out;
}

template <int W>
std::vector<double> emulated() {
  std::vector<double> out(n_items);
  test::run_emulated<W>(test::Convolve<true>{out.data()}, n_items, test::convolve_bytes);
  return out;
}

TEST(Team, CooperativeKernelAgreesWithTheSerialOne) {
  std::vector<double> expected;
  for (int64_t i = 0; i < n_items; ++i) expected.push_back(test::convolution(i));
  EXPECT_EQ(serial(), expected);
  EXPECT_EQ(emulated<2>(), expected);
  EXPECT_EQ(emulated<8>(), expected);
  EXPECT_EQ(emulated<32>(), expected);
}

TEST(Team, SumIsTheButterflyAndTheSameForAll) {
  constexpr int w = 8;
  std::vector<double> out(n_items * w);
  test::run_emulated<w>(test::SumReals{out.data()}, n_items);
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
        test::run_emulated<8>(test::Convolve<false>{out.data()}, n_items, test::convolve_bytes);
        std::exit(0);  // ThreadSanitizer makes it 66 if it has seen a race
      },
      testing::ExitedWithCode(66), "data race");
}
#endif

}  // namespace
