// The simulation cell: coordinates, wrapping, spacing of the faces.
#include <gtest/gtest.h>

#include <cmath>

#include "kernels/core/box.hpp"
#include "tests/support/random.hpp"

namespace {

using namespace grainfield;
using test::Random;

const Box cube({4, 0, 0}, {0, 5, 0}, {0, 0, 8});
const Box triclinic({11, 0, 0}, {4.1, 9.7, 0}, {-3.3, 5.2, 10.4}, {1, -2, 3});
const Box general({3, 1, 4}, {-2, 7, 1}, {5, -3, 8}, {-10, 20, 0.5});

TEST(Box, ReciprocalVectorsAreDual) {
  for (const Box& box : {cube, triclinic, general})
    for (int p = 0; p < 3; ++p)
      for (int q = 0; q < 3; ++q)
        EXPECT_NEAR(dot(box.reciprocal(p), box.edge(q)), p == q ? 1.0 : 0.0, 1e-15) << p << " " << q;
}

TEST(Box, FractionalAndCartesianAreInverse) {
  Random random(1);
  for (const Box& box : {cube, triclinic, general})
    for (int i = 0; i < 1000; ++i) {
      const Vec3 s = random.vector(-3, 3);
      EXPECT_LT(norm(box.fractional(box.cartesian(s)) - s), 2e-14);
      const Vec3 r = random.vector(-50, 50);
      EXPECT_LT(norm(box.cartesian(box.fractional(r)) - r), 2e-13);
    }
  EXPECT_EQ(cube.cartesian({0.5, 0.2, 0.25}), (Vec3{2, 1, 2}));
  EXPECT_LT(norm(general.cartesian({1, 1, 1}) - Vec3{-4, 25, 13.5}), 1e-14);
}

TEST(Box, VolumeHeightsAndShape) {
  EXPECT_DOUBLE_EQ(cube.volume(), 160);
  EXPECT_NEAR(triclinic.volume(), 11 * 9.7 * 10.4, 1e-10);  // product of the diagonal
  EXPECT_NEAR(general.volume(), 3 * (7 * 8 + 3) + -1 * (-2 * 8 - 5) + 4 * (6 - 35), 1e-12);
  EXPECT_LT(Box({0, 1, 0}, {1, 0, 0}, {0, 0, 1}).volume(), 0);
  EXPECT_DOUBLE_EQ(cube.height(0), 4);
  EXPECT_DOUBLE_EQ(cube.height(2), 8);
  EXPECT_NEAR(triclinic.height(2), 10.4, 1e-13);  // c over the ab plane, which is z = const
  for (int k = 0; k < 3; ++k) {
    // Height times the area of the face is the volume.
    const double area = norm(cross(general.edge((k + 1) % 3), general.edge((k + 2) % 3)));
    EXPECT_NEAR(general.height(k) * area, std::fabs(general.volume()), 1e-11);
  }
  EXPECT_TRUE(cube.is_orthogonal());
  EXPECT_FALSE(triclinic.is_orthogonal());
  EXPECT_TRUE(cube.fully_periodic());
  EXPECT_FALSE(Box({1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {}, true, false, true).fully_periodic());
}

TEST(Box, WrapTakesPeriodicDirectionsIntoTheCellAndLeavesFreeOnes) {
  Random random(2);
  for (int mask = 0; mask < 8; ++mask) {
    const Box box(triclinic.a, triclinic.b, triclinic.c, triclinic.origin, mask & 1, mask & 2, mask & 4);
    for (int i = 0; i < 300; ++i) {
      const Vec3 r = box.cartesian(random.vector(-40, 40));
      const Vec3 before = box.fractional(r), after = box.fractional(box.wrap(r));
      for (int k = 0; k < 3; ++k) {
        const double moved = before[k] - after[k];
        EXPECT_NEAR(moved, std::round(moved), 1e-12);  // by whole cell vectors
        if (box.periodic[k]) {
          EXPECT_GE(after[k], 0);
          EXPECT_LT(after[k], 1);
        } else {
          EXPECT_NEAR(moved, 0, 1e-13);
        }
      }
    }
  }
}

TEST(Box, WrapMendsRoundingAtTheFaces) {
  for (const double x : {0.0, 4.0, -4.0, -1e-17, 4.0 - 1e-16, -1e-300, 400.0, std::nextafter(4.0, 0.0)}) {
    const Vec3 s = cube.fractional(cube.wrap({x, 2, 2}));
    EXPECT_GE(s.x, 0) << x;
    EXPECT_LT(s.x, 1) << x;
  }
  const Vec3 inside{1.25, 4.5, 7.75};
  EXPECT_EQ(cube.wrap(inside), inside);
}

TEST(Box, MinimumImageIsTheShortestWithinHalfTheSmallestHeight) {
  Random random(3);
  const double limit = 0.5 * std::min({triclinic.height(0), triclinic.height(1), triclinic.height(2)});
  int tried = 0;
  for (int i = 0; i < 2000; ++i) {
    const Vec3 d = random.vector(-limit, limit);
    if (norm(d) >= limit) continue;
    ++tried;
    const Vec3 image = d + 3.0 * triclinic.a + -2.0 * triclinic.b + 5.0 * triclinic.c;
    EXPECT_LT(norm(triclinic.minimum_image(image) - d), 1e-12);
  }
  EXPECT_GT(tried, 500);
}

TEST(Vec3, ProductsAndIndexing) {
  Vec3 a{1, -2, 3};
  const Vec3 b{4, 0.5, -6};
  EXPECT_DOUBLE_EQ(dot(a, b), 4 - 1 - 18);
  EXPECT_EQ(cross(a, b), (Vec3{12 - 1.5, 12 + 6, 0.5 + 8}));
  EXPECT_DOUBLE_EQ(dot(cross(a, b), a), 0);
  EXPECT_EQ(2 * a - a / 2, (Vec3{1.5, -3, 4.5}));
  a[1] = 7;
  EXPECT_EQ(a, (Vec3{1, 7, 3}));
  EXPECT_DOUBLE_EQ(a[2], 3);
  EXPECT_DOUBLE_EQ(norm(Vec3{2, 3, 6}), 7);
  EXPECT_TRUE(is_finite(a));
  EXPECT_FALSE(is_finite({0, std::nan(""), 0}));
  EXPECT_FALSE(is_finite({0, 0, INFINITY}));
}

}  // namespace
