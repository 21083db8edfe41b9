#include <gtest/gtest.h>
#include "host/elements.hpp"
TEST(Elements, IronHasItsMassAndMetallicRadius) {
  const auto* fe = grainfield::find_element("Fe");
  ASSERT_NE(fe, nullptr);
  EXPECT_DOUBLE_EQ(fe->metallic_radius, 1.26);
  EXPECT_EQ(grainfield::find_element_by_mass(55.85), fe);
  EXPECT_EQ(grainfield::find_element_by_mass(10000), nullptr);
}
