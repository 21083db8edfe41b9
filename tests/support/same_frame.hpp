// Frames compared bit by bit.
#pragma once

#include <gtest/gtest.h>

#include <cstring>

#include "host/frame.hpp"

namespace grainfield::test {

// Every value of the two frames is the same, to the last bit.
inline void expect_identical_frames(const Frame& a, const Frame& b) {
  const auto same = [](const auto& x, const auto& y) {
    return x.size() == y.size() &&
           (x.empty() || std::memcmp(x.data(), y.data(), x.size() * sizeof x[0]) == 0);
  };
  EXPECT_EQ(a.step, b.step);
  EXPECT_EQ(a.time, b.time);
  EXPECT_EQ(a.has_box, b.has_box);
  for (int k = 0; k < 3; ++k) {
    EXPECT_TRUE(a.box.edge(k) == b.box.edge(k));
    EXPECT_EQ(a.box.periodic[k], b.box.periodic[k]);
  }
  EXPECT_TRUE(a.box.origin == b.box.origin);
  EXPECT_TRUE(same(a.position, b.position));
  EXPECT_EQ(a.type, b.type);
  EXPECT_EQ(a.id, b.id);
  EXPECT_EQ(a.info, b.info);
  ASSERT_EQ(a.species.size(), b.species.size());
  for (size_t k = 0; k < a.species.size(); ++k) {
    EXPECT_EQ(a.species[k].name, b.species[k].name);
    EXPECT_EQ(a.species[k].mass, b.species[k].mass);
    EXPECT_EQ(a.species[k].label, b.species[k].label);
  }
  ASSERT_EQ(a.columns.size(), b.columns.size());
  for (size_t k = 0; k < a.columns.size(); ++k) {
    EXPECT_EQ(a.columns[k].name, b.columns[k].name);
    EXPECT_EQ(a.columns[k].unit, b.columns[k].unit);
    EXPECT_EQ(a.columns[k].kind, b.columns[k].kind);
    EXPECT_EQ(a.columns[k].components, b.columns[k].components);
    EXPECT_TRUE(same(a.columns[k].real, b.columns[k].real)) << a.columns[k].name;
    EXPECT_EQ(a.columns[k].integer, b.columns[k].integer);
    EXPECT_EQ(a.columns[k].text, b.columns[k].text);
  }
}

}  // namespace grainfield::test
