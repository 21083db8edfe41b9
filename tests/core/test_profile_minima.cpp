// Minima of a sampled profile: stretches, depths and distances, by hand.
#include "host/profile_minima.hpp"

#include <gtest/gtest.h>

namespace grainfield {
namespace {

std::vector<int64_t> points(const std::vector<Minimum>& minima) {
  std::vector<int64_t> p;
  for (const Minimum& m : minima) p.push_back(m.point);
  return p;
}

TEST(ProfileMinima, Stretches) {
  const std::vector<double> profile{1, 1, 1, 0, 1, 1, 1, 1, 1, 1};
  auto s = stretches_above(profile, 0.5, 1, true);
  ASSERT_EQ(s.size(), 1u);  // around the period, from beside the hole to beside the hole
  EXPECT_EQ(s[0].first, 5);
  EXPECT_EQ(s[0].last, 11);
  EXPECT_FALSE(s[0].closed);
  s = stretches_above(profile, 0.5, 1, false);
  ASSERT_EQ(s.size(), 2u);
  EXPECT_EQ(s[0].first, 1);
  EXPECT_EQ(s[0].last, 1);
  EXPECT_EQ(s[1].first, 5);
  EXPECT_EQ(s[1].last, 8);
  s = stretches_above(profile, -1, 3, true);
  ASSERT_EQ(s.size(), 1u);
  EXPECT_TRUE(s[0].closed);
  EXPECT_EQ(s[0].last, 9);
  EXPECT_TRUE(stretches_above(profile, 2, 0, true).empty());
  EXPECT_TRUE(stretches_above({}, 0, 0, false).empty());
}

TEST(ProfileMinima, DepthIsTheLowerOfTheHighestPointsBeside) {
  //                                0  1  2  3  4  5  6  7
  const std::vector<double> profile{9, 4, 6, 5, 8, 1, 7, 3};
  const Stretch ring{0, 7, true};
  auto m = find_minima(profile, ring, 0);
  ASSERT_EQ(points(m), (std::vector<int64_t>{1, 3, 5, 7}));
  EXPECT_EQ(m[0].depth, 4);  // 8 to the right, 9 to the left
  EXPECT_EQ(m[1].depth, 1);  // 6 to the left
  EXPECT_EQ(m[2].depth, 8);  // the lowest: 9 - 1
  EXPECT_EQ(m[3].depth, 4);  // 7 to the left
  EXPECT_EQ(points(find_minima(profile, ring, 4)), (std::vector<int64_t>{1, 5, 7}));
  // An open stretch ends at its ends, which are no minima.
  m = find_minima(profile, {1, 6, false}, 0);
  ASSERT_EQ(points(m), (std::vector<int64_t>{3, 5}));
  EXPECT_EQ(m[1].depth, 6);  // 7 to the right
  // Past the end of the period.
  m = find_minima(profile, {6, 10, false}, 0);
  EXPECT_EQ(points(m), (std::vector<int64_t>{7, 1}));
  // A plateau counts once, a constant never.
  EXPECT_EQ(points(find_minima({3, 1, 1, 3}, {0, 3, true}, 0)).size(), 1u);
  EXPECT_TRUE(find_minima({2, 2, 2, 2}, {0, 3, true}, 0).empty());
}

TEST(ProfileMinima, TheLowestOfNeighborsStays) {
  const std::vector<Minimum> all{{0, 5, 1}, {3, 4, 1}, {10, 3, 1}, {19, 6, 1}};
  EXPECT_EQ(points(lowest_apart(all, 1, 0)), (std::vector<int64_t>{0, 3, 10, 19}));
  EXPECT_EQ(points(lowest_apart(all, 4, 0)), (std::vector<int64_t>{3, 10, 19}));
  EXPECT_EQ(points(lowest_apart(all, 5, 20)), (std::vector<int64_t>{3, 10}));  // 19 is 4 from 3 around 20
  EXPECT_EQ(points(lowest_apart(all, 9, 0)), (std::vector<int64_t>{0, 10, 19}));
}

}  // namespace
}  // namespace grainfield
