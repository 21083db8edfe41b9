// The whole-array steps against the standard library, for sizes around the pieces and any number of threads.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "host/primitives.hpp"
#include "tests/support/random.hpp"

namespace {

using namespace grainfield;
using test::Random;

Exec cpu(int threads) { return {Processor::cpu, threads}; }

// Around one and two pieces (2^15) of the host's steps, and around the unrolled tail of the sum.
const int64_t sizes[] = {0, 1, 2, 8, 9, 1000, 32767, 32768, 32769, 65535, 65536, 65537, 150001};

TEST(ExclusiveScan, MatchesASequentialSum) {
  for (const int64_t n : sizes)
    for (int threads = 1; threads <= 4; ++threads) {
      Random random(n);
      std::vector<int32_t> counts(static_cast<size_t>(n));
      for (int32_t& c : counts) c = static_cast<int32_t>(random.below(100));
      std::vector<int64_t> offsets(static_cast<size_t>(n) + 1, -1), expected{0};
      for (const int32_t c : counts) expected.push_back(expected.back() + c);
      EXPECT_EQ(exclusive_scan(cpu(threads), counts.data(), n, offsets.data()), expected.back());
      EXPECT_EQ(offsets, expected) << n << " values, " << threads << " threads";
    }
}

TEST(ExclusiveScan, HoldsMoreThan32Bits) {
  const std::vector<int32_t> counts(5, std::numeric_limits<int32_t>::max());
  std::vector<int64_t> offsets(6);
  EXPECT_EQ(exclusive_scan(cpu(1), counts.data(), 5, offsets.data()), 5ll * 2147483647);
  EXPECT_EQ(offsets[3], 3ll * 2147483647);
}

void check_sort(int64_t n, uint64_t n_keys, int threads) {
  Random random(n + static_cast<int64_t>(n_keys));
  std::vector<uint32_t> keys(static_cast<size_t>(n));
  std::vector<int32_t> values(static_cast<size_t>(n)), order(static_cast<size_t>(n));
  for (uint32_t& k : keys) k = static_cast<uint32_t>(random.below(n_keys));
  for (int32_t& v : values) v = static_cast<int32_t>(random.below(1000));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int32_t p, int32_t q) {
    return keys[static_cast<size_t>(p)] < keys[static_cast<size_t>(q)];
  });
  auto sorted_keys = keys;
  auto sorted_values = values;
  sort_by_key(cpu(threads), n, sorted_keys.data(), sorted_values.data());
  for (size_t i = 0; i < order.size(); ++i) {
    ASSERT_EQ(sorted_keys[i], keys[static_cast<size_t>(order[i])]) << n << " " << n_keys << " " << threads;
    ASSERT_EQ(sorted_values[i], values[static_cast<size_t>(order[i])])
        << n << " " << n_keys << " " << threads;
  }
}

TEST(SortByKey, IsAStableSort) {
  for (const int64_t n : sizes)
    for (const int threads : {1, 4})
      // All keys equal, and one to four passes of 8 bits with the keys at the ends of each.
      for (const uint64_t n_keys : {1ull, 7ull, 256ull, 257ull, 1ull << 16, (1ull << 24) + 1, 1ull << 32})
        check_sort(n, n_keys, threads);
}

TEST(SortByKey, SortedAndReversedInput) {
  std::vector<uint32_t> keys(40000);
  std::vector<int32_t> values(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    keys[i] = 0xffffffffu - static_cast<uint32_t>(i) * 100000;
    values[i] = static_cast<int32_t>(i);
  }
  for (int repeat = 0; repeat < 2; ++repeat) {
    sort_by_key(cpu(2), static_cast<int64_t>(keys.size()), keys.data(), values.data());
    EXPECT_TRUE(std::is_sorted(keys.begin(), keys.end()));
    EXPECT_TRUE(std::is_sorted(values.rbegin(), values.rend()));
  }
}

TEST(ReduceSum, SameBitsForAnyNumberOfThreadsAndAccurate) {
  for (const int64_t n : sizes) {
    Random random(n + 5);
    std::vector<double> values(static_cast<size_t>(n));
    for (double& v : values) v = random.uniform(-1, 1) * std::pow(10.0, random.uniform(-8, 8));
    long double expected = 0, magnitude = 0;
    for (const double v : values) expected += v, magnitude += std::fabs(v);
    const double one = reduce_sum(cpu(1), values.data(), n);
    // Pairwise: at most about log2(n) + 8 roundings on the way of a value.
    EXPECT_LE(std::fabs(one - static_cast<double>(expected)), 26 * 1.2e-16 * static_cast<double>(magnitude));
    for (int threads = 2; threads <= 4; ++threads) {
      const double more = reduce_sum(cpu(threads), values.data(), n);
      EXPECT_EQ(std::memcmp(&one, &more, sizeof one), 0) << n << " values, " << threads << " threads";
    }
  }
}

TEST(ReduceSum, IntegersDoNotOverflow) {
  const std::vector<int32_t> values(70000, std::numeric_limits<int32_t>::max());
  for (int threads = 1; threads <= 4; ++threads)
    EXPECT_EQ(reduce_sum(cpu(threads), values.data(), 70000), 70000ll * 2147483647);
  EXPECT_EQ(reduce_sum(cpu(2), values.data(), 0), 0);
}

TEST(ReduceRange, SmallestAndLargest) {
  for (const int64_t n : sizes)
    for (int threads = 1; threads <= 4; ++threads) {
      Random random(n + 9);
      std::vector<double> values(static_cast<size_t>(n));
      for (double& v : values) v = random.uniform(-5, 3);
      const Range range = reduce_range(cpu(threads), values.data(), n);
      if (n == 0) {
        EXPECT_EQ(range.min, std::numeric_limits<double>::infinity());
        EXPECT_EQ(range.max, -std::numeric_limits<double>::infinity());
      } else {
        EXPECT_EQ(range.min, *std::min_element(values.begin(), values.end()));
        EXPECT_EQ(range.max, *std::max_element(values.begin(), values.end()));
      }
    }
}

TEST(Select, KeepsTheSetOnesInOrder) {
  for (const int64_t n : sizes)
    for (const uint64_t one_in : {1ull, 2ull, 1000ull}) {
      Random random(n + 11);
      std::vector<uint8_t> flags(static_cast<size_t>(n));
      std::vector<int32_t> expected;
      for (size_t i = 0; i < flags.size(); ++i) {
        flags[i] = random.below(one_in) == 0 ? static_cast<uint8_t>(1 + random.below(255)) : 0;
        if (flags[i]) expected.push_back(static_cast<int32_t>(i));
      }
      for (int threads = 1; threads <= 4; ++threads) {
        std::vector<int32_t> indices(static_cast<size_t>(n), -1);
        const int64_t found = select(cpu(threads), flags.data(), n, indices.data());
        ASSERT_EQ(found, static_cast<int64_t>(expected.size()));
        indices.resize(static_cast<size_t>(found));
        EXPECT_EQ(indices, expected) << n << " flags, " << threads << " threads";
      }
    }
}

}  // namespace
