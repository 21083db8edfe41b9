// Voronoi cells.
#include <gtest/gtest.h>

#include "tests/support/run_analysis.hpp"
#include "tests/support/systems.hpp"

namespace grainfield {
namespace {
using test::run_analysis;
TEST(Voronoi, First) {
  const auto run = run_analysis("voronoi", test::crystal(Structure::bcc, 2.83, {4, 4, 4}));
  double sum = 0;
  for (double v : run.field("voronoi_volume").real) sum += v;
  EXPECT_NEAR(sum / std::pow(4 * 2.83, 3), 1, 1e-13);
  EXPECT_EQ(run.field("voronoi_faces").integer[5], 14);
}
}  // namespace
}  // namespace grainfield
