// density: the direct sum and the grid against the definition, closed forms, invariances and stored peers.
#include "kernels/density/density.hpp"

#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <numeric>
#include <random>
#include <type_traits>

#include "host/error.hpp"
#include "host/gaussian_field.hpp"
#include "host/lattice.hpp"
#include "host/slab_plan.hpp"
#include "io/reader.hpp"
#include "kernels/core/team.hpp"
#include "kernels/density/gaussian_grid.hpp"
#include "tests/reference/density_ref.hpp"
#include "tests/support/emulated_team.hpp"
#include "tests/support/run_analysis.hpp"
#include "tests/support/shared.hpp"
#include "tests/support/systems.hpp"

namespace grainfield {
namespace {

using test::crystal;
using test::Given;
using test::ideal_gas;
using test::run_analysis;

// Both methods claim 1e-9 of the infinite sum at an atom.
constexpr double claimed = 1e-9;

std::vector<double> densities(const Frame& frame, const std::string& method, double beta,
                              RunContext run = {}) {
  const auto results = run_analysis(density_entry(), frame, run,
                                    {{"method", method}, {"beta", std::to_string(beta)}, {"bulk", "0.1"}});
  return results.find_field("number_density")->real;
}

double largest_relative_difference(const std::vector<double>& a, const std::vector<double>& b) {
  EXPECT_EQ(a.size(), b.size());
  double largest = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    const double difference = std::fabs(a[i] / b[i] - 1);
    largest = std::isnan(difference) ? INFINITY : std::max(largest, difference);
  }
  return largest;
}

std::vector<double> by_definition(const Frame& frame, double beta) {
  std::vector<double> rho;
  for (const Vec3& r : frame.position) rho.push_back(reference::number_density(frame, r, beta));
  return rho;
}

struct Case {
  const char* name;
  Box box;
  int n;
  double beta;
};

const Case cases[] = {
    {"orthogonal", Box({13, 0, 0}, {0, 15, 0}, {0, 0, 17}), 200, 3.0},
    {"triclinic", Box({13, 0, 0}, {5, 12, 0}, {-6, 4, 11}), 150, 2.5},
    {"general orientation", Box({9, 2, 1}, {-3, 10, 2}, {1, -2, 12}), 100, 3.024},
    {"free along c", Box({14, 0, 0}, {0, 13, 0}, {0, 0, 40}, {1, 2, 3}, true, true, false), 200, 2.0},
    {"free", Box({30, 0, 0}, {0, 30, 0}, {0, 0, 30}, {-5, 0, 5}, false, false, false), 60, 3.0},
    {"cell smaller than beta", Box({2.5, 0, 0}, {0.3, 2.6, 0}, {0, 0.4, 2.4}), 1, 3.0},
    {"narrow Gaussian", Box({8, 0, 0}, {0, 9, 0}, {1, 0, 10}), 60, 0.8},
};

TEST(Density, BothMethodsEqualTheDefinition) {
  uint64_t seed = 1;
  for (const Case& c : cases) {
    const Frame frame = ideal_gas(c.box, c.n, seed++);
    const auto expected = by_definition(frame, c.beta);
    for (const char* method : {"sum", "grid"}) {
      const double difference = largest_relative_difference(densities(frame, method, c.beta), expected);
      EXPECT_LT(difference, claimed) << c.name << ", " << method;
      RecordProperty(std::string(c.name) + " " + method, std::to_string(difference));
    }
  }
}

TEST(LongDensity, PairKernelOfTheGridIsExactTo2em10) {
  // Two free atoms at all distances and all places relative to the grid: rho = c0 (1 + exp(-d^2 / 2 beta^2)).
  const double beta = 3.024;
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> uniform(0, 1);
  double largest = 0;
  for (int trial = 0; trial < 400; ++trial) {
    Frame frame;
    frame.box = Box({50, 0, 0}, {0, 50, 0}, {0, 0, 50}, {}, false, false, false);
    frame.species = {{"Fe", 55.845, 1}};
    frame.type = {0, 0};
    const Vec3 a{uniform(random), uniform(random), uniform(random)};
    const double d = 8 * beta * uniform(random), cos_theta = 2 * uniform(random) - 1,
                 phi = 6.28 * uniform(random);
    const double sin_theta = std::sqrt(1 - cos_theta * cos_theta);
    frame.position = {a, a + d * Vec3{sin_theta * std::cos(phi), sin_theta * std::sin(phi), cos_theta}};
    const double exact = gaussian_peak(beta) * (1 + std::exp(-d * d / (2 * beta * beta)));
    for (const double rho : densities(frame, "grid", beta))
      largest = std::max(largest, std::fabs(rho - exact) / gaussian_peak(beta));
  }
  RecordProperty("largest error over c0", std::to_string(largest));
  EXPECT_LT(largest, 4e-10);  // two kernels of at most 2e-10 each: the atom's own and its partner's
}

TEST(Density, PerfectCrystalsHaveTheirNumberDensityEverywhere) {
  for (const auto& [structure, a] :
       {std::pair{Structure::bcc, 2.855324860794}, {Structure::fcc, 3.615}, {Structure::hcp, 2.51}}) {
    const Frame frame = crystal(structure, a, {4, 4, 4});
    RunContext run;
    run.structure = structure;
    run.lattice = make_lattice(structure, a);
    for (const char* method : {"sum", "grid"}) {
      const auto results = run_analysis(density_entry(), frame, run, {{"method", method}});
      for (const double rho : results.find_field("relative_density")->real)
        ASSERT_NEAR(rho, 1, claimed) << method;
      EXPECT_DOUBLE_EQ(results.find_observable("bulk_number_density")->real[0],
                       run.lattice->number_density());
      EXPECT_DOUBLE_EQ(results.find_observable("density_beta")->real[0], 2.4 * 1.26);
    }
  }
}

TEST(Density, FastSchedulesEqualThePlainOnes) {
  for (const Case& c : {cases[1], cases[4]}) {  // a few, because the plain schedule takes long
    const Frame frame = ideal_gas(c.box, c.n, 99);
    RunContext plain;
    plain.exec.plain = true;
    EXPECT_LT(largest_relative_difference(densities(frame, "grid", c.beta),
                                          densities(frame, "grid", c.beta, plain)),
              1e-12)
        << c.name;
  }
}

// The GPU's spreading by one thread, by lanes that run one after another and by lanes that run at once,
// whatever the planes of the grid, with and without weights, over what is there and onto it.
TEST(Density, TilesOfNodesSumWhatNodesSum) {
  const GaussianGridTables& tables = gaussian_grid_tables();
  const auto serial = [](const auto& kernel, int64_t n) {
    SpreadToTile::Scratch scratch;
    for (int64_t i = 0; i < n; ++i) kernel(SerialTeam{&scratch}, i);
  };
  const auto lanes = [](auto w) {
    return [](const auto& kernel, int64_t n) {
      test::run_emulated<decltype(w)::value>(kernel, n, SpreadToTile::scratch_bytes);
    };
  };
  for (const Case& c : {cases[1], cases[6]})
    for (const int across : {0, 2})
      for (const bool small : {false, true}) {  // lanes that run at once take long
        const Frame frame = ideal_gas(c.box, c.n, 17);
        const double reach = 2 * spread_width * c.beta / nodes_per_beta;
        Batch batch{Exec{}};
        batch.build({&frame}, reach, reach);
        const auto [lo, hi] = local_bounds(batch);
        GridPiece grid = grid_piece_for(c.beta, lo, hi, across);
        // A part of it in the middle, of no whole tiles.
        for (int k = 0; k < 3; ++k) {
          const int64_t n = small ? (k == 1 ? 17 : 6) : 18 + k;
          grid.first[k] += (grid.n[k] - n) / 2;
          grid.n[k] = n;
        }
        const auto size = static_cast<size_t>(grid.n_nodes());
        std::vector<double> weight(static_cast<size_t>(batch.view().n_total));
        test::Uniform random(3);
        for (double& w : weight) w = random() - 0.3;
        for (const bool weighted : {false, true}) {
          const double* weights = weighted ? weight.data() : nullptr;
          const auto nodes = [&](auto kernel, int64_t n, const auto& run) {
            std::vector<double> value(size, 7.5);
            kernel.value = value.data();
            run(kernel, n);
            return value;
          };
          const SpreadToNode to_node{batch.view(), batch.cells(), 0,        weights,
                                     grid,         &tables,       weighted, nullptr};
          const SpreadToTile to_tile{batch.view(), batch.cells(), 0,        weights,
                                     grid,         &tables,       weighted, nullptr};
          const std::vector<double> wanted = nodes(to_node, grid.n_nodes(), serial);
          const double largest = *std::max_element(wanted.begin(), wanted.end());
          EXPECT_GT(largest, weighted ? 7.52 : 0.1) << c.name;
          const auto expect_close = [&](const std::vector<double>& found, const char* what) {
            double worst = 0;
            for (size_t i = 0; i < size; ++i) worst = std::max(worst, std::fabs(found[i] - wanted[i]));
            EXPECT_LT(worst, 1e-13 * largest) << c.name << ", planes across " << across << ", " << what;
          };
          expect_close(nodes(to_tile, to_tile.n_tiles(), serial), "one thread");
          if (!small || c.n > 60) continue;
          const std::integral_constant<int, 8> eight;
          const std::integral_constant<int, 32> all;
          expect_close(nodes(to_tile, to_tile.n_tiles(), lanes(eight)), "8 lanes");
          if (weighted) expect_close(nodes(to_tile, to_tile.n_tiles(), lanes(all)), "32 lanes");
        }
      }
}

TEST(Density, ThreadsChangeNoBit) {
  const Frame frame = ideal_gas(Box({34, 0, 0}, {2, 33, 0}, {1, 1, 32}), 3000, 5);
  for (const char* method : {"sum", "grid"}) {
    RunContext four;
    four.exec.threads = 4;
    EXPECT_EQ(densities(frame, method, 2.0), densities(frame, method, 2.0, four)) << method;
  }
}

struct LongCase {
  const char* name;
  Box box;
  int axis;       // along which it is cut
  bool is_swept;  // by the grid: the faces of its slabs are normal to a Cartesian direction
};

const LongCase long_cases[] = {
    {"long along c", Box({20, 0, 0}, {3, 21, 0}, {0, 0, 150}), 2, true},
    {"long along c, inclined", Box({20, 0, 0}, {3, 21, 0}, {15, -9, 150}), 2, true},
    {"long along a", Box({150, 0, 0}, {0, 20, 0}, {0, 0, 21}, {-70, 11, 3}), 0, true},
    {"long along b", Box({21, 0, 0}, {0, 150, 0}, {0, 0, 20}), 1, true},
    {"free along c", Box({20, 0, 0}, {0, 21, 0}, {0, 0, 150}, {}, true, true, false), 2, true},
    {"free", Box({150, 0, 0}, {0, 30, 0}, {0, 0, 30}, {-5, 0, 5}, false, false, false), 0, true},
    {"inclined faces", Box({150, 0, 0}, {5, 20, 0}, {0, 0, 21}), 0, false},
    {"turned", Box({19, 4, 1}, {-4, 20, 2}, {1, -10, 149}), 2, false},
};

// Runs with less and less memory until no cut fits; calls check(results, plans) for each.
void with_less_memory(const Frame& frame, RunContext run, const Given& given,
                      const std::function<void(FrameResults&)>& prepare,
                      const std::function<void(const FrameResults&, const std::vector<SlabPlan>&)>& check) {
  FrameResults uncut;
  prepare(uncut);
  const auto plans = test::plans_of_analysis(density_entry(), frame, run, given, uncut);
  check(uncut, plans);
  const auto held = static_cast<double>(bytes_of(frame) + bytes_of(uncut));
  for (double part = 0.9; part > 0.01; part *= 0.55) {
    run.memory_limit = static_cast<int64_t>(held + part * plans.front().uncut_bytes);
    FrameResults results;
    prepare(results);
    try {
      const auto cut = test::plans_of_analysis(density_entry(), frame, run, given, results);
      check(results, cut);
    } catch (const ResourceError&) {
      return;
    }
  }
  FAIL() << "every cut fits";
}

TEST(Density, SlabsGiveTheSameSums) {
  for (const LongCase& c : long_cases)
    for (const std::string method : {"sum", "grid"}) {
      const Frame frame = ideal_gas(c.box, 1500, 11);
      std::vector<double> expected;
      int most_slabs = 0, swept = 0;
      with_less_memory(
          frame, {}, {{"method", method}, {"beta", "1.5"}, {"bulk", "0.1"}}, [](FrameResults&) {},
          [&](const FrameResults& results, const std::vector<SlabPlan>& plans) {
            const std::vector<double>& rho = results.find_field("number_density")->real;
            ASSERT_EQ(plans.size(), 1u);
            if (expected.empty()) {
              expected = rho;
              EXPECT_EQ(plans[0].n_slabs(), 1);
              return;
            }
            most_slabs = std::max(most_slabs, plans[0].n_slabs());
            swept += plans[0].reach == 0 ? 1 : 0;
            EXPECT_EQ(plans[0].axis, c.axis) << c.name;
            EXPECT_LT(largest_relative_difference(rho, expected), 1e-12)
                << c.name << ", " << method << " in " << plans[0].n_slabs() << " slabs";
          });
      EXPECT_GT(most_slabs, 3) << c.name << ", " << method;
      EXPECT_EQ(swept > 0, c.is_swept && method == "grid") << c.name << ", " << method;
      RecordProperty(std::string(c.name) + ", " + method + ", slabs", most_slabs);
    }
}

TEST(Density, SweepsOfEveryScheduleGiveTheSameSums) {
  const Frame frame = ideal_gas(Box({5, 0, 0}, {2, 4, 0}, {3, -1, 50}, {1, 2, 3}), 100, 12);
  const auto expected = densities(frame, "grid", 1.0);
  for (const RunContext& run : test::schedules()) {
    int swept = 0;
    with_less_memory(
        frame, run, {{"method", "grid"}, {"beta", "1"}, {"bulk", "0.1"}}, [](FrameResults&) {},
        [&](const FrameResults& results, const std::vector<SlabPlan>& plans) {
          if (plans[0].reach > 0 && plans[0].n_slabs() > 1) return;  // cut with halos
          swept += plans[0].n_slabs() > 1 ? 1 : 0;
          EXPECT_LT(largest_relative_difference(results.find_field("number_density")->real, expected), 1e-12)
              << plans[0].n_slabs() << " slabs";
        });
    EXPECT_GT(swept, 0);
  }
}

TEST(Density, SweepsOfDefectsGiveTheSameBulk) {
  const Frame frame = ideal_gas(Box({20, 0, 0}, {0, 21, 0}, {0, 0, 150}), 3000, 13);
  std::vector<double> expected;
  int most_slabs = 0;
  with_less_memory(
      frame, {}, {{"method", "grid"}, {"beta", "1.5"}},
      [&](FrameResults& results) {
        Field& coordination = results.fields.emplace_back();
        coordination.name = "coordination";
        coordination.is_integer = true;
        coordination.components = 2;
        for (const Vec3& r : frame.position)
          for (const int32_t bulk : {8, 6}) coordination.integer.push_back(r.z > 40 ? bulk : bulk - 1);
        Observable& modal = results.observables.emplace_back();
        modal.name = "bulk_coordination";
        modal.is_integer = true;
        modal.integer = {8, 6};
      },
      [&](const FrameResults& results, const std::vector<SlabPlan>& plans) {
        ASSERT_EQ(plans.size(), 2u);
        std::vector<double> found = results.find_field("relative_density")->real;
        found.push_back(results.find_observable("bulk_number_density")->real[0]);
        if (expected.empty()) expected = found;
        most_slabs = std::max(most_slabs, plans[1].n_slabs());
        EXPECT_LT(largest_relative_difference(found, expected), 1e-11) << plans[1].n_slabs() << " slabs";
      });
  EXPECT_GT(most_slabs, 3);
}

TEST(Density, InvariantUnderTranslationPermutationRotationAndSupercell) {
  const Box box({13, 0, 0}, {2, 14, 0}, {1, -2, 12});
  const Frame frame = ideal_gas(box, 120, 21);
  const auto expected = densities(frame, "grid", 2.2);

  Frame moved = frame;
  for (Vec3& r : moved.position) r += Vec3{101.3, -57.1, 33.7};
  EXPECT_LT(largest_relative_difference(densities(moved, "grid", 2.2), expected), claimed);

  Frame reversed = frame;
  std::reverse(reversed.position.begin(), reversed.position.end());
  auto back = densities(reversed, "grid", 2.2);
  std::reverse(back.begin(), back.end());
  EXPECT_LT(largest_relative_difference(back, expected), 1e-12);

  const double c = std::cos(0.7), s = std::sin(0.7);
  const auto rotate = [&](Vec3 r) {
    return Vec3{c * r.x - s * r.y, 0.6 * (s * r.x + c * r.y) - 0.8 * r.z,
                0.8 * (s * r.x + c * r.y) + 0.6 * r.z};
  };
  Frame rotated = frame;
  rotated.box = Box(rotate(box.a), rotate(box.b), rotate(box.c));
  for (Vec3& r : rotated.position) r = rotate(r);
  EXPECT_LT(largest_relative_difference(densities(rotated, "grid", 2.2), expected), claimed);

  Frame super = frame;
  super.box = Box(2 * box.a, box.b, box.c);
  for (size_t i = 0; i < frame.position.size(); ++i) super.position.push_back(frame.position[i] + box.a);
  super.type.assign(super.position.size(), 0);
  auto twice = expected;
  twice.insert(twice.end(), expected.begin(), expected.end());
  EXPECT_LT(largest_relative_difference(densities(super, "grid", 2.2), twice), claimed);
}

TEST(Density, BulkIsThatOfTheAtomsThatSeeTheFewestDefects) {
  // A crystal of which one end has lost every third atom; the atoms there are not coordinated like the bulk.
  const double a = 2.855, damaged = 12;
  Frame frame = crystal(Structure::bcc, a, {24, 5, 5});
  std::vector<Vec3> kept;
  for (size_t i = 0; i < frame.position.size(); ++i)
    if (frame.position[i].x >= damaged || i % 3 != 0) kept.push_back(frame.position[i]);
  ASSERT_LT(kept.size(), frame.position.size());
  frame.position = kept;
  frame.type.assign(kept.size(), 0);
  frame.species = {{"Fe", 55.845, 1}};
  FrameResults results;
  Field& coordination = results.fields.emplace_back();
  coordination.name = "coordination";
  coordination.is_integer = true;
  coordination.components = 2;
  for (const Vec3& r : kept)
    for (const int32_t bulk : {8, 6}) coordination.integer.push_back(r.x < damaged ? bulk - 2 : bulk);
  Observable& modal = results.observables.emplace_back();
  modal.name = "bulk_coordination";
  modal.is_integer = true;
  modal.integer = {8, 6};
  run_analysis(density_entry(), frame, {}, {}, results);
  const double bulk = results.find_observable("bulk_number_density")->real[0];
  EXPECT_NEAR(bulk / (2 / (a * a * a)), 1, 1e-4);
}

TEST(Density, EmptyOneAndCoincidentAtoms) {
  Frame empty = ideal_gas(Box({5, 0, 0}, {0, 5, 0}, {0, 0, 5}), 0, 1);
  const auto none = run_analysis(density_entry(), empty, {}, {{"bulk", "0.1"}});
  EXPECT_TRUE(none.find_field("number_density")->real.empty());

  Frame one = ideal_gas(Box({5, 0, 0}, {0, 5, 0}, {0, 0, 5}, {}, false, false, false), 1, 1);
  for (const char* method : {"sum", "grid"})
    EXPECT_NEAR(densities(one, method, 3.0)[0] / gaussian_peak(3.0), 1, claimed);

  Frame two = one;
  two.position.push_back(one.position[0]);
  two.type.push_back(0);
  for (const char* method : {"sum", "grid"})
    for (const double rho : densities(two, method, 3.0))
      EXPECT_NEAR(rho / gaussian_peak(3.0), 2, 2 * claimed);
}

TEST(Density, BetaFollowsTheMetallicRadii) {
  Frame alloy = ideal_gas(Box({5, 0, 0}, {0, 5, 0}, {0, 0, 5}), 4, 1);
  alloy.species = {{"Fe", 55.845, 1}, {"Cu", 63.546, 2}};
  alloy.type = {0, 0, 0, 1};
  EXPECT_NEAR(default_beta(alloy), 2.4 * (3 * 1.26 + 1.28) / 4, 1e-14);
  alloy.species[1].name = "";
  EXPECT_THROW(default_beta(alloy), UsageError);
  EXPECT_THROW(run_analysis(density_entry(), alloy, {}, {{"method", "best"}}), UsageError);
}

// Lines of a gzipped csv file, without the first.
std::vector<std::vector<double>> read_csv(const std::string& path) {
  std::vector<std::vector<double>> rows;
  gzFile file = gzopen(path.c_str(), "rb");
  EXPECT_NE(file, nullptr) << path;
  char line[4096];
  for (bool header = true; file && gzgets(file, line, sizeof line); header = false) {
    if (header) continue;
    std::vector<double> row;
    for (char* at = line; *at && *at != '\n';) {
      row.push_back(std::strtod(at, &at));
      if (*at == ',') ++at;
    }
    rows.push_back(row);
  }
  if (file) gzclose(file);
  return rows;
}

TEST(Density, EqualsTheStoredReferenceOfTheIronBoundaries) {
  GF_NEEDS_SHARED(shared);
  for (const std::string name : {"S3_112", "S5_310", "S9_114"}) {
    Frame frame;
    ASSERT_TRUE(open_reader(shared + "/reference/struct/gb/gb_Fe_" + name + ".xyz.gz")->next(frame));
    const auto rows = read_csv(shared + "/reference/struct/density/Fe_" + name + "_atoms.csv.gz");
    ASSERT_EQ(static_cast<int64_t>(rows.size()), frame.n_atoms());
    RunContext run;
    run.lattice = make_lattice(Structure::bcc, 2.855324860794);
    const auto results = run_analysis(density_entry(), frame, run);
    double largest = 0, largest_relative = 0;
    for (size_t i = 0; i < rows.size(); ++i) {
      // The reference is cut at 6 beta: 7.5e-8 of the Gaussian is missing from it (DENSITY.md, section 1).
      largest = std::max(largest, std::fabs(results.find_field("number_density")->real[i] / rows[i][2] - 1));
      largest_relative =
          std::max(largest_relative, std::fabs(results.find_field("relative_density")->real[i] - rows[i][3]));
    }
    RecordProperty(name, std::to_string(largest));
    EXPECT_LT(largest, 1.1e-7) << name;
    EXPECT_GT(largest, 1e-8) << name << ": the reference's own truncation is gone?";
    EXPECT_LT(largest_relative, 1.1e-7) << name;

    // The snapshot's own bulk atoms give the same reference to a few parts in 1e5.
    FrameResults own;
    Field& coordination = own.fields.emplace_back();
    coordination.name = "coordination";
    coordination.is_integer = true;
    coordination.components = 2;
    for (const auto& row : rows) {
      coordination.integer.push_back(static_cast<int32_t>(row[4]));
      coordination.integer.push_back(static_cast<int32_t>(row[5]));
    }
    Observable& modal = own.observables.emplace_back();
    modal.name = "bulk_coordination";
    modal.is_integer = true;
    modal.integer = {8, 6};
    run_analysis(density_entry(), frame, {}, {}, own);
    EXPECT_NEAR(own.find_observable("bulk_number_density")->real[0] / run.lattice->number_density(), 1, 2e-5)
        << name;
    ASSERT_EQ(own.notes.size(), 1u);
  }
}

}  // namespace
}  // namespace grainfield
