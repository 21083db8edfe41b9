// Kernels as the launcher starts them: on the CPU, and on a GPU where there is one (the lanes of a warp
// instead of emulated ones).
#include <gtest/gtest.h>

#include <cmath>

#include "host/buffer.hpp"
#include "kernels/core/launch.hpp"
#include "kernels/core/status.hpp"
#include "tests/support/systems.hpp"
#include "tests/support/team_kernels.hpp"

namespace grainfield {
namespace {

template <int W>
void expect_convolution(const Exec& exec, int64_t n, size_t scratch_bytes) {
  Buffer<double> out(exec, n);
  for_each<W>(exec, n, test::Convolve<true>{out.data()}, scratch_bytes);
  const std::vector<double> found = out.to_vector();
  for (int64_t i = 0; i < n; ++i)
    ASSERT_EQ(found[static_cast<size_t>(i)], test::convolution(i))
        << (exec.on_gpu() ? "GPU" : "CPU") << ", " << W << " lanes, " << scratch_bytes << " bytes, item "
        << i;
}

TEST(Launch, TeamsOfEveryWidth) {
  for (const Exec& exec : test::executions())
    for (const int64_t n : {1, 3, 129, 5000}) {
      expect_convolution<1>(exec, n, test::convolve_bytes);
      expect_convolution<2>(exec, n, test::convolve_bytes);
      expect_convolution<4>(exec, n, test::convolve_bytes);
      expect_convolution<8>(exec, n, test::convolve_bytes);
      expect_convolution<16>(exec, n, test::convolve_bytes);
      expect_convolution<32>(exec, n, test::convolve_bytes);
    }
}

// More than the 48 KB that a GPU gives unasked, and blocks made small to hold it.
TEST(Launch, LargeScratch) {
  for (const Exec& exec : test::executions())
    for (const size_t bytes : {size_t{20'001}, size_t{60'000}, size_t{90'000}}) {
      expect_convolution<8>(exec, 300, bytes);
      expect_convolution<32>(exec, 300, bytes);
    }
}

TEST(Launch, ScratchThatNoDeviceHasIsAMessage) {
  for (const Exec& exec : test::gpu_executions()) {
    Buffer<double> out(exec, 1);
    EXPECT_THROW(for_each<32>(exec, 1, test::Convolve<true>{out.data()}, largest_scratch(exec) + 1),
                 ResourceError);
  }
}

template <int W>
void expect_butterfly(const Exec& gpu) {
  constexpr int64_t n = 77;
  Buffer<double> out(gpu, n * W);
  for_each<W>(gpu, n, test::SumReals{out.data()});
  const std::vector<double> found = out.to_vector();
  for (int64_t i = 0; i < n; ++i) {
    double sum = 0;
    for (int k = 0; k < W; ++k) {
      sum += std::sin(1.0 + static_cast<double>(i) + 0.37 * k);
      EXPECT_EQ(found[static_cast<size_t>(i * W + k)], found[static_cast<size_t>(i * W)])
          << W << " lanes, " << k;
    }
    EXPECT_NEAR(found[static_cast<size_t>(i * W)], sum, 1e-14 * W) << W << " lanes";
  }
}

TEST(Launch, EveryLaneHasTheSameSum) {
  for (const Exec& gpu : test::gpu_executions()) {
    expect_butterfly<2>(gpu);
    expect_butterfly<8>(gpu);
    expect_butterfly<32>(gpu);
  }
}

// Counts the multiples of `every`, and notes the last item.
struct CountItems {
  int64_t every, last;
  Condition* multiple;
  Condition* end;
  template <class Team>
  GF_HD void operator()(Team, int64_t i) const {
    if (i % every == 0) record(multiple, i);
    if (i == last) record(end, i);
  }
};

void expect_all_items(const Exec& exec, int64_t n, int64_t every) {
  Buffer<Condition> conditions(exec);
  const Condition none[2];
  conditions.upload(none, 2);
  for_each(exec, n, CountItems{every, n - 1, conditions.data(), conditions.data() + 1});
  const std::vector<Condition> found = conditions.to_vector();
  EXPECT_EQ(found[0].count, static_cast<unsigned long long>((n + every - 1) / every));
  EXPECT_EQ(found[0].first, 0u);
  EXPECT_EQ(found[1].count, 1u);
  EXPECT_EQ(found[1].first, static_cast<unsigned long long>(n - 1));
}

TEST(Launch, ConditionsCountEveryItemOnce) {
  for (const Exec& exec : test::executions()) expect_all_items(exec, 100'003, 7);
}

// More items than a grid has threads, and than 32 bits count.
TEST(Launch, MoreItemsThan32BitsCount) {
  const std::vector<Exec> gpus = test::gpu_executions();
  if (gpus.empty()) GTEST_SKIP() << why_no_gpu();
  expect_all_items(gpus.front(), (int64_t{1} << 32) + 77, int64_t{1} << 25);
}

}  // namespace
}  // namespace grainfield
