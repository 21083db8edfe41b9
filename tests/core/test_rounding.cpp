#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "kernels/core/rounding.hpp"

namespace grainfield {
namespace {

TEST(Rounding, IsThatOfTheLibrary) {
  std::vector<double> numbers{0.0,       -0.0,         0.5,        -0.5,         1,           -1,
                              0x1p31,    -0x1p31,      0x1p31 - 1, 0x1p31 - 0.5, 1 - 0x1p-53, -0x1p-1074,
                              0x1p-1074, 0x1p52 + 0.5, 1e300,      -1e300};
  for (const double whole : {0.0, 1.0, -1.0, 7.0, 2147483647.0, -2147483648.0, 4503599627370495.0})
    for (const double toward : {-1e300, 1e300}) numbers.push_back(std::nextafter(whole, toward));
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> uniform(-3, 3), exponent(-40, 60);
  for (int k = 0; k < 100'000; ++k) numbers.push_back(uniform(random) * std::exp2(exponent(random)));
  for (const double x : numbers) {
    ASSERT_EQ(round_down(x), std::floor(x)) << x;
    ASSERT_EQ(round_up(x), std::ceil(x)) << x;
  }
  EXPECT_TRUE(std::isnan(round_down(std::numeric_limits<double>::quiet_NaN())));
  EXPECT_EQ(round_up(std::numeric_limits<double>::infinity()), std::numeric_limits<double>::infinity());
}

}  // namespace
}  // namespace grainfield
