// Random frames that hold everything a format could, and their comparison.
#pragma once

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "host/frame.hpp"

namespace grainfield::test {

inline Column new_column(const std::string& name, const std::string& unit, Column::Kind kind,
                         int components) {
  Column c;
  c.name = name;
  c.unit = unit;
  c.kind = kind;
  c.components = components;
  return c;
}

struct RandomFrame {
  int n = 100;
  Box box{{11, 0, 0}, {0, 12.5, 0}, {0, 0, 13.25}};
  uint64_t seed = 1;
  bool columns = true;
};

// Doubles with all their bits in use; ids are a permutation of 5, 8, 11, ...
inline Frame random_frame(const RandomFrame& plan) {
  std::mt19937_64 random(plan.seed);
  const auto real = [&] { return (static_cast<double>(random() >> 11) + 0.5) * 0x1p-53; };
  Frame f;
  f.box = plan.box;
  f.step = static_cast<int64_t>(100 * plan.seed);
  f.time = 0.1 * static_cast<double>(plan.seed);
  f.species = {{"Cr", 51.9961, 1}, {"Fe", 55.845, 2}};
  const auto n = static_cast<size_t>(plan.n);
  using Kind = Column::Kind;
  Column velocity = new_column("velocity", "A/ps", Kind::real, 3),
         force = new_column("force", "eV/A", Kind::real, 3),
         image = new_column("image", "", Kind::integer, 3), charge = new_column("charge", "e", Kind::real, 1),
         grain = new_column("grain", "", Kind::integer, 1),
         energy = new_column("energy", "eV", Kind::real, 1),
         tensor = new_column("c_stress", "eV/A^3", Kind::real, 6);
  for (size_t i = 0; i < n; ++i) {
    f.position.push_back(f.box.cartesian({1.2 * real() - 0.1, real(), real()}));
    f.type.push_back(random() % 3 == 0 ? 0 : 1);
    f.id.push_back(5 + 3 * static_cast<int64_t>((i * 37 + 11) % n));
    for (int k = 0; k < 3; ++k) {
      velocity.real.push_back(10 * real() - 5);
      force.real.push_back(std::exp(20 * real() - 10) - 1);
      image.integer.push_back(static_cast<int64_t>(random() % 5) - 2);
    }
    charge.real.push_back(real() - 0.5);
    grain.integer.push_back(static_cast<int64_t>(random() % 1000));
    energy.real.push_back(-4 - real());
    for (int k = 0; k < 6; ++k) tensor.real.push_back(real());
  }
  if (plan.columns) f.columns = {velocity, force, image, charge, grain, energy, tensor};
  return f;
}

inline void expect_same_bits(const std::vector<double>& a, const std::vector<double>& b,
                             const std::string& what) {
  ASSERT_EQ(a.size(), b.size()) << what;
  for (size_t i = 0; i < a.size(); ++i)
    ASSERT_EQ(std::bit_cast<uint64_t>(a[i]), std::bit_cast<uint64_t>(b[i]))
        << what << " " << i << ": " << a[i] << " " << b[i];
}

inline void expect_same_column(const Column& a, const Column& b) {
  EXPECT_EQ(a.kind, b.kind) << a.name;
  EXPECT_EQ(a.components, b.components) << a.name;
  expect_same_bits(a.real, b.real, a.name);
  EXPECT_EQ(a.integer, b.integer) << a.name;
  EXPECT_EQ(a.text, b.text) << a.name;
}

}  // namespace grainfield::test
