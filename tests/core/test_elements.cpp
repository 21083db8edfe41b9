// The table of elements.
#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>

#include "host/elements.hpp"

namespace {

using namespace grainfield;

TEST(Elements, IronHasItsMassAndMetallicRadius) {
  const Element* fe = find_element("Fe");
  ASSERT_NE(fe, nullptr);
  EXPECT_EQ(fe->atomic_number, 26);
  EXPECT_DOUBLE_EQ(fe->mass, 55.845);
  EXPECT_DOUBLE_EQ(fe->metallic_radius, 1.26);
}

TEST(Elements, FoundBySymbolNumberAndMass) {
  std::set<std::string> symbols;
  for (int z = 1; z <= 96; ++z) {
    const Element* e = find_element_by_number(z);
    ASSERT_NE(e, nullptr) << z;
    EXPECT_EQ(e->atomic_number, z);
    EXPECT_EQ(find_element(e->symbol), e);
    EXPECT_TRUE(symbols.insert(std::string(e->symbol)).second) << e->symbol;
    EXPECT_EQ(find_element_by_mass(e->mass), e) << e->symbol;
    EXPECT_EQ(find_element_by_mass(e->mass + 0.001), e) << e->symbol;
    EXPECT_TRUE(std::isnan(e->metallic_radius) || (e->metallic_radius > 1.1 && e->metallic_radius < 2.7));
  }
  EXPECT_EQ(find_element_by_number(0), nullptr);
  EXPECT_EQ(find_element_by_number(200), nullptr);
}

TEST(Elements, RoundedMassesOfInputFiles) {
  EXPECT_EQ(find_element_by_mass(55.85), find_element("Fe"));
  EXPECT_EQ(find_element_by_mass(63.55), find_element("Cu"));
  EXPECT_EQ(find_element_by_mass(58.69), find_element("Ni"));  // 0.24 from cobalt
  EXPECT_EQ(find_element_by_mass(58.93), find_element("Co"));
  EXPECT_EQ(find_element_by_mass(1.0), find_element("H"));
}

TEST(Elements, UnknownOnesAreNull) {
  EXPECT_EQ(find_element("fe"), nullptr);
  EXPECT_EQ(find_element("Xx"), nullptr);
  EXPECT_EQ(find_element(""), nullptr);
  EXPECT_EQ(find_element_by_mass(10000), nullptr);
  EXPECT_EQ(find_element_by_mass(0), nullptr);
  EXPECT_EQ(find_element_by_mass(53.5), nullptr);
}

}  // namespace
