// density-grid against direct summation at its points, in one block of planes and in many.
#include "kernels/density/density_grid.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <random>

#include "host/error.hpp"
#include "host/slab_plan.hpp"
#include "tests/reference/density_grid_ref.hpp"
#include "tests/support/run_analysis.hpp"
#include "tests/support/systems.hpp"

namespace grainfield {
namespace {

using test::ideal_gas;

struct Collect : GridSink {
  GridShape shape;
  std::vector<double> values;
  int blocks = 0;
  bool is_swept = false;
  bool ended = false;
  void begin(const GridShape& grid) override { shape = grid; }
  void planes(int64_t first, int64_t n, const double* v) override {
    EXPECT_EQ(first * shape.n[1] * shape.n[2], static_cast<int64_t>(values.size()));
    values.insert(values.end(), v, v + n * shape.n[1] * shape.n[2]);
    ++blocks;
  }
  void end() override { ended = true; }
};

Collect grid_of(const Frame& frame, const test::Given& given, double beta, double bulk,
                const RunContext& run = {}) {
  FrameResults results;
  results.observables.emplace_back().name = "density_beta";
  results.observables.back().real = {beta};
  results.observables.emplace_back().name = "bulk_number_density";
  results.observables.back().real = {bulk};
  FrameContext context(frame, results, run);
  Collect sink;
  context.grids = &sink;
  std::vector<SlabPlan> plans;
  context.plans = &plans;
  const auto analysis = density_grid_entry().make(Parameters(density_grid_entry().info, given), run);
  analysis->begin(context);
  analysis->finish(context);
  EXPECT_TRUE(sink.ended);
  sink.is_swept = !plans.empty();  // blocks of planes are not planned as slabs
  return sink;
}

// Largest difference over the mean: the field may be as good as 0 far from all atoms.
double difference(const std::vector<double>& a, const std::vector<double>& b) {
  EXPECT_EQ(a.size(), b.size());
  if (a.size() != b.size() || a.empty()) return INFINITY;
  const double mean = std::accumulate(b.begin(), b.end(), 0.0) / static_cast<double>(b.size());
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::fabs(a[i] - b[i]) / mean);
  return std::isnan(largest) ? INFINITY : largest;
}

TEST(DensityGrid, EqualsDirectSummation) {
  const Box boxes[] = {Box({12, 0, 0}, {0, 13, 0}, {0, 0, 14}), Box({12, 0, 0}, {5, 11, 0}, {-4, 3, 13}),
                       Box({12, 0, 0}, {0, 13, 0}, {0, 0, 30}, {3, 4, 5}, true, true, false),
                       Box({9, 0, 0}, {0, 9, 0}, {0, 0, 9}, {}, false, false, false)};
  uint64_t seed = 1;
  for (const Box& box : boxes) {
    const Frame frame = ideal_gas(box, 60, seed++);
    const Collect grid = grid_of(frame, {{"spacing", "2.5"}}, 2.0, 0.08);
    EXPECT_EQ(grid.shape.n[0], static_cast<int64_t>(std::ceil(norm(box.a) / 2.5)));
    EXPECT_EQ(grid.shape.unit, "1/A^3");
    const double d = difference(grid.values, reference::density_grid(frame, grid.shape.n, 2.0));
    EXPECT_LT(d, 1e-9) << "box " << seed;
  }
}

TEST(DensityGrid, CutsChangeNothing) {
  const struct {
    const char* name;
    Box box;
    bool is_swept;
  } cases[] = {{"orthogonal", Box({150, 0, 0}, {0, 20, 0}, {0, 0, 21}, {5, -3, 1}), true},
               {"inclined", Box({150, 20, -9}, {0, 20, 0}, {0, 3, 21}), true},
               {"free along a", Box({120, 0, 0}, {0, 20, 0}, {0, 0, 21}, {}, false, true, true), true},
               {"faces inclined", Box({150, 0, 0}, {3, 20, 0}, {0, 1, 21}), false}};
  for (const auto& c : cases) {
    Frame frame = ideal_gas(c.box, 3000, 9);
    if (!c.box.periodic[0])  // atoms beyond the cell, and a part of it without any
      for (Vec3& r : frame.position) r.x = r.x * 0.75 - 30;
    const Collect whole = grid_of(frame, {{"spacing", "1"}}, 2.0, 0.08);
    EXPECT_EQ(whole.blocks, 1);
    int swept = 0, cut = 0;
    for (const int64_t megabytes : {24, 16, 12, 9, 8, 7, 6, 5, 4, 3}) {
      RunContext small;
      small.memory_limit = megabytes * 1'000'000;
      try {
        const Collect grid = grid_of(frame, {{"spacing", "1"}}, 2.0, 0.08, small);
        EXPECT_LT(difference(grid.values, whole.values), 1e-12) << c.name << ", " << megabytes << " MB";
        swept += grid.is_swept ? 1 : 0;
        cut += grid.blocks > 1 ? 1 : 0;
      } catch (const ResourceError&) {
        break;
      }
    }
    EXPECT_GT(cut, 1) << c.name;
    EXPECT_EQ(swept > 1, c.is_swept) << c.name;
  }
}

TEST(DensityGrid, IntegralIsTheNumberOfAtoms) {
  // The trapezoidal rule is exact for a periodic band-limited field: sum of values x cell volume = N.
  const Box box({16, 0, 0}, {4, 15, 0}, {-3, 2, 17});
  const Frame frame = ideal_gas(box, 111, 4);
  const Collect grid = grid_of(frame, {{"spacing", "1"}}, 2.0, 0.08);
  const double points = static_cast<double>(grid.values.size());
  const double integral =
      std::accumulate(grid.values.begin(), grid.values.end(), 0.0) * box.volume() / points;
  EXPECT_NEAR(integral / 111, 1, 1e-9);
}

TEST(DensityGrid, RelativeEmptyAndBadSpacing) {
  const Box box({8, 0, 0}, {0, 8, 0}, {0, 0, 8});
  const Frame frame = ideal_gas(box, 40, 5);
  const Collect absolute = grid_of(frame, {{"spacing", "2"}}, 2.0, 0.08);
  const Collect relative = grid_of(frame, {{"spacing", "2"}, {"relative", "true"}}, 2.0, 0.08);
  EXPECT_DOUBLE_EQ(relative.values[7], absolute.values[7] / 0.08);
  const Collect empty = grid_of(ideal_gas(box, 0, 1), {{"spacing", "2"}}, 2.0, 0.08);
  EXPECT_EQ(empty.values, std::vector<double>(64, 0.0));
  EXPECT_THROW(grid_of(frame, {{"spacing", "-1"}}, 2.0, 0.08), UsageError);
}

}  // namespace
}  // namespace grainfield
