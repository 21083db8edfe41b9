// Shell weights against the formulas in long double, closed forms, and the numbers of the reference
// boundaries.
#include "kernels/boundaries/shells.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <numbers>

#include "host/error.hpp"
#include "tests/reference/shells_ref.hpp"
#include "tests/support/boundaries.hpp"
#include "tests/support/expect_relative.hpp"
#include "tests/support/frames.hpp"
#include "tests/support/run_analysis.hpp"
#include "tests/support/shared.hpp"
#include "tests/support/systems.hpp"

namespace grainfield {
namespace {

using test::bulk_of;
using test::expect_relative;
using test::fe_beta;
using test::fe_lattice;
using test::Given;
using test::has_note;

const double fe_bulk = 2 / std::pow(fe_lattice, 3);
const double c0 = std::pow(fe_beta * std::sqrt(2 * std::numbers::pi), -3);

// Per-atom inputs of any numbers, and the analysis on them.
struct Inputs {
  std::vector<double> density, volume;
  std::vector<int32_t> coordination;
};
Inputs random_inputs(size_t n, uint64_t seed) {
  Inputs in;
  test::Uniform random(seed);
  for (size_t i = 0; i < n; ++i) {
    in.density.push_back(0.05 + 0.05 * random());
    in.volume.push_back(8 + 8 * random());
    in.coordination.push_back(static_cast<int32_t>(14 * random()));
    in.coordination.push_back(static_cast<int32_t>(10 * random()));
  }
  return in;
}
FrameResults run(const Inputs& in, const Given& given = {}, const RunContext& context = {}) {
  FrameResults results;
  test::put_field(results, "number_density", in.density);
  test::put_field(results, "coordination", in.coordination, 2);
  test::put_field(results, "voronoi_volume", in.volume);
  test::put_observable(results, "density_beta", {fe_beta});
  test::put_observable(results, "bulk_number_density", {fe_bulk});
  test::put_count(results, "bulk_coordination", {8, 6});
  Frame frame;
  frame.position.resize(in.density.size());
  test::run_analysis(find_analysis("shells"), frame, context, given, results);
  return results;
}

TEST(Shells, EqualsTheReference) {
  const Inputs in = random_inputs(500, 1);
  const FrameResults r = run(in);
  const auto& radius = r.find_field("shell_radius")->real;
  const auto& weights = r.find_field("shell_weights")->real;
  for (size_t i = 0; i < in.density.size(); ++i) {
    const int z1 = in.coordination[2 * i], z2 = in.coordination[2 * i + 1];
    const auto expected = reference::shells(in.density[i], z1, z2, in.volume[i], fe_beta);
    expect_relative(radius[i], expected.r2, 1e-15, "R2");
    expect_relative(weights[2 * i + 1], expected.phi2, 2e-15, "phi2");
    // phi1 is a difference: relative to its larger part.
    EXPECT_NEAR(weights[2 * i], expected.phi1, 1e-15 * (in.density[i] + z2 * expected.phi2)) << i;
    // Eq. 12 holds by definition.
    if (z1 > 0) {
      EXPECT_NEAR(z1 * weights[2 * i] + z2 * weights[2 * i + 1], in.density[i], 1e-16);
    }
  }
}

// DENSITY of bulk iron: R2 = 1.406 A, less than the first neighbors' distance, and phi1 = 4.00 c0 > c0.
TEST(Shells, BulkIron) {
  const FrameResults r = run(random_inputs(1, 2));
  const double r2 = r.find_observable("bulk_shell_radius")->real.at(0);
  const std::vector<double>& w = r.find_observable("bulk_shell_weights")->real;
  expect_relative(r2, fe_lattice * std::cbrt(3 / (8 * std::numbers::pi)), 1e-15, "R2");
  EXPECT_NEAR(r2, 1.406, 5e-4);
  expect_relative(w.at(1), c0 * std::exp(-r2 * r2 / (2 * fe_beta * fe_beta)), 1e-14, "phi2");
  EXPECT_NEAR(w.at(0) / c0, 4.00, 5e-3);
  expect_relative(8 * w.at(0) + 6 * w.at(1), fe_bulk, 1e-15, "rho_n");
}

// Perfect crystals: every atom has the bulk's weights, whatever the radius.
TEST(Shells, PerfectCrystals) {
  const std::pair<Structure, double> crystals[] = {{Structure::bcc, fe_lattice}, {Structure::fcc, 3.615}};
  for (const auto& [structure, a] : crystals) {
    Frame frame = test::crystal(structure, a, {3, 2, 2});
    const double volume = a * a * a / (structure == Structure::bcc ? 2 : 4);
    test::add_column(frame, "v", std::vector<double>(frame.position.size(), volume));
    for (const std::string radius : {"volume", "scaled"}) {
      const FrameResults r = test::run_engine(
          "shells", frame, bulk_of(structure, a),
          {{"shells", {{"volume", "v"}, {"radius", radius}}}, {"density", {{"beta", "3.024"}}}});
      const double r2 = r.find_observable("bulk_shell_radius")->real.at(0);
      if (radius == "scaled") {
        expect_relative(r2, a, 1e-14, "second shell");
      }
      const std::vector<double>& bulk = r.find_observable("bulk_shell_weights")->real;
      const auto& weights = r.find_field("shell_weights")->real;
      for (size_t i = 0; i < frame.position.size(); ++i) {
        expect_relative(r.find_field("shell_radius")->real[i], r2, 1e-14, "R2");
        // The density is that of the infinite sum to 1e-9.
        expect_relative(weights[2 * i], bulk[0], 4e-9, "phi1");
        expect_relative(weights[2 * i + 1], bulk[1], 1e-14, "phi2");
      }
    }
  }
}

TEST(Shells, ScaledNeedsTheLattice) {
  EXPECT_THROW(run(random_inputs(1, 1), {{"radius", "scaled"}}), UsageError);
  EXPECT_THROW(run(random_inputs(1, 1), {{"radius", "sphere"}}), UsageError);
  // The two second shells of hcp beside the ideal c/a count with their neighbors.
  RunContext hcp;
  hcp.lattice = make_lattice(Structure::hcp, 2.95, 1.6);
  const CoordinationReference bulk = coordination_reference(*hcp.lattice);
  const double r2 =
      run(random_inputs(1, 1), {{"radius", "scaled"}}, hcp).find_observable("bulk_shell_radius")->real.at(0);
  EXPECT_GT(r2, bulk.r1);
  EXPECT_LT(r2, bulk.r2);
}

TEST(Shells, ThreadsChangeNoBit) {
  const Inputs in = random_inputs(40000, 3);
  RunContext four;
  four.exec.threads = 4;
  const FrameResults one = run(in), many = run(in, {}, four);
  test::expect_same_bits(one.find_field("shell_weights")->real, many.find_field("shell_weights")->real,
                         "phi");
  test::expect_same_bits(one.find_field("shell_radius")->real, many.find_field("shell_radius")->real, "R2");
}

TEST(Shells, NoFirstNeighborAndNoVolumeAreReported) {
  Inputs in = random_inputs(6, 4);
  for (int32_t& z : in.coordination) z = 8;
  EXPECT_TRUE(run(in).notes.empty());
  in.coordination[2 * 2] = 0;
  in.volume[3] = 0;
  in.volume[4] = -1;
  in.volume[5] = std::numeric_limits<double>::infinity();
  const FrameResults r = run(in);
  EXPECT_TRUE(has_note(r, "1 atoms have no first neighbor (the first is id 3)"));
  EXPECT_TRUE(has_note(r, "3 atoms have no positive, finite volume (the first is id 4)"));
  const auto& weights = r.find_field("shell_weights")->real;
  expect_relative(weights[4] + 8 * weights[5], in.density[2], 1e-15, "rho_n without neighbors");
  for (size_t i = 0; i < 6; ++i) EXPECT_EQ(std::isnan(weights[2 * i]), i > 2) << i;
}

TEST(Shells, NoAtomsOneAtom) {
  EXPECT_TRUE(run(Inputs{}).find_field("shell_weights")->real.empty());
  Frame one;
  one.box = Box({10, 0, 0}, {0, 10, 0}, {0, 0, 10}, {}, false, false, false);
  one.species = {{"Fe", 55.845, 1}};
  one.position = {{1, 2, 3}};
  one.type = {0};
  test::add_column(one, "v", std::vector<double>{1000});
  const FrameResults r =
      test::run_engine("shells", one, bulk_of(Structure::bcc, fe_lattice), {{"shells", {{"volume", "v"}}}});
  expect_relative(r.find_field("shell_weights")->real.at(0), c0, 1e-9, "its own Gaussian");
}

TEST(Shells, VolumesFromAColumn) {
  Frame frame = test::crystal(Structure::bcc, fe_lattice, {2, 2, 2});
  test::add_column(frame, "v", std::vector<double>(16, 11.0));
  test::add_column(frame, "grain", std::vector<int64_t>(16, 1));
  const auto message = [&](const std::string& column) -> std::string {
    try {
      test::run_engine("shells", frame, bulk_of(Structure::bcc, fe_lattice),
                       {{"shells", {{"volume", column}}}});
    } catch (const InputError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(message("v"), "");
  EXPECT_EQ(message("vv"),
            "frame 0: shells.volume: the input has no column 'vv' of real numbers; it has v; --set "
            "shells.volume=voronoi computes them");
  EXPECT_NE(message("grain"), "");  // whole numbers are no volumes
  // Volume and number of faces as one column, as LAMMPS' compute voronoi/atom gives them.
  Column both;
  both.name = "c_voro";
  both.components = 2;
  for (int i = 0; i < 16; ++i) {
    both.real.push_back(11 + 0.1 * i);
    both.real.push_back(14);
  }
  frame.columns.push_back(both);
  EXPECT_NE(message("c_voronoi").find("it has v, c_voro[1], c_voro[2]"), std::string::npos);
  EXPECT_NE(message("c_voro[3]"), "");
  const FrameResults r = test::run_engine("shells", frame, bulk_of(Structure::bcc, fe_lattice),
                                          {{"shells", {{"volume", "c_voro[1]"}}}});
  for (size_t i = 0; i < 16; ++i)
    expect_relative(4 * std::numbers::pi / 3 * std::pow(r.find_field("shell_radius")->real[i], 3),
                    11 + 0.1 * static_cast<double>(i), 1e-14, "volume");
}

class ShellsFe : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Boundaries, ShellsFe, testing::Values("Fe_S3_112", "Fe_S5_310", "Fe_S9_114"));

// Every stored phi1 and phi2.
TEST_P(ShellsFe, StoredAtoms) {
  GF_NEEDS_SHARED(shared);
  const test::ReferenceBoundary b = test::reference_boundary(shared, GetParam());
  // From the stored densities: the table's 12 digits.
  const FrameResults r = run({b.number_density, b.volume, b.coordination});
  // With the engine's densities: the table's are cut off at 6 beta, which lowers rho_n by 8.6e-8 to 1e-7.
  const FrameResults own = test::run_engine("shells", b.frame, bulk_of(Structure::bcc, fe_lattice),
                                            {{"shells", {{"volume", "stored_volume"}}}});
  for (size_t i = 0; i < b.volume.size(); ++i) {
    expect_relative(r.find_field("shell_weights")->real[2 * i], b.phi1[i], 1e-11, "phi1");
    expect_relative(r.find_field("shell_weights")->real[2 * i + 1], b.phi2[i], 1e-11, "phi2");
    expect_relative(own.find_field("shell_weights")->real[2 * i], b.phi1[i], 2e-7, "phi1");
    expect_relative(own.find_field("shell_weights")->real[2 * i + 1], b.phi2[i], 1e-11, "phi2");
  }
}

}  // namespace
}  // namespace grainfield
