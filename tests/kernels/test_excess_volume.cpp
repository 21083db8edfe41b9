// Excess volumes: stacked crystals of known excess, the reference boundaries, and the errors.
#include "kernels/boundaries/excess_volume.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "host/build_polycrystal.hpp"
#include "host/error.hpp"
#include "host/grains_file.hpp"
#include "tests/reference/excess_volume_ref.hpp"
#include "tests/support/boundaries.hpp"
#include "tests/support/frames.hpp"
#include "tests/support/places.hpp"
#include "tests/support/run_analysis.hpp"
#include "tests/support/shared.hpp"
#include "tests/support/systems.hpp"

namespace grainfield {
namespace {

using test::bulk_of;
using test::sc_bicrystal;
using test::values;

using Given = test::Given;
FrameResults run(const Frame& frame, Given given, const RunContext& context) {
  test::Settings settings{{"excess-volume", std::move(given)}, {"density", {{"beta", "3"}}}};
  return test::run_engine("excess-volume", frame, context, settings);
}
double box_value(const FrameResults& results) { return values(results, "excess_volume/box").at(0); }
std::string error_of(const Frame& frame, const Given& given) {
  try {
    run(frame, given, bulk_of(Structure::sc, 2));
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(ExcessVolume, StackedCrystals) {
  for (const double excess : {0.3, 0.05}) {
    const Frame frame = sc_bicrystal(25, excess);
    for (const int threads : {1, 4}) {
      const FrameResults r = run(frame, {{"volume", "volume"}}, bulk_of(Structure::sc, 2, threads));
      EXPECT_EQ(r.find_observable("excess_volume/boundaries")->integer.at(0), 2);
      EXPECT_NEAR(box_value(r), excess, 1e-12);
      EXPECT_NEAR(box_value(r), reference::excess_volume_box(frame, 0.125, 2), 1e-13);
      ASSERT_EQ(values(r, "excess_volume/voronoi").size(), 2u);
      for (const double v : values(r, "excess_volume/voronoi")) EXPECT_NEAR(v, excess, 1e-12);
      EXPECT_NEAR(values(r, "excess_volume/voronoi_mean").at(0), excess, 1e-12);
    }
  }
}

// Any volumes, any distance: the reference; with every atom the volumes give what the box gives.
TEST(ExcessVolume, VoronoiPartEqualsTheReference) {
  Frame frame = sc_bicrystal(25, 0.3);
  test::Uniform random(5);
  double sum = 0;
  for (double& v : frame.columns[0].real) sum += v += random();
  const RunContext context = bulk_of(Structure::sc, 2);
  for (const std::string distance : {"0.5", "10", "30", "1000"}) {
    const FrameResults r = run(frame, {{"volume", "volume"}, {"distance", distance}}, context);
    const std::vector<double> expected = reference::excess_volume_voronoi(
        frame, frame.columns[0].real, values(r, "gb/position"), 0.125, std::stod(distance));
    for (size_t k = 0; k < 2; ++k) EXPECT_NEAR(values(r, "excess_volume/voronoi")[k], expected[k], 1e-12);
    if (distance == "0.5") {
      EXPECT_EQ(expected[0], 0);  // the planes lie between the layers
    }
  }
  for (double& v : frame.columns[0].real) v *= frame.box.volume() / sum;
  const FrameResults r = run(frame, {{"volume", "volume"}, {"distance", "1000"}}, context);
  EXPECT_NEAR(values(r, "excess_volume/voronoi_mean").at(0), box_value(r), 1e-12);
}

// The bicrystal of docs/entropy.md: 20 atoms less at each boundary than the perfect crystals would have.
TEST(ExcessVolume, BicrystalOfTheDocuments) {
  const GrainsFile file = read_grains_file(test::source_folder() + "/docs/example/sigma5.grains.json");
  PolycrystalOptions options;
  options.lattice = *file.lattice;
  options.box = *file.box;
  options.grains = file.grains;
  options.min_distance = 0.8 * file.lattice->nearest_neighbor_distance();
  const Frame frame = build_polycrystal(options).frame;
  ASSERT_EQ(frame.n_atoms(), 2360);
  const double a = test::fe_lattice;
  const FrameResults r = test::run_engine("excess-volume", frame, bulk_of(Structure::bcc, a),
                                          {{"excess-volume", {{"volume", "none"}}}});
  EXPECT_EQ(r.find_observable("excess_volume/boundaries")->integer.at(0), 2);
  EXPECT_NEAR(box_value(r), 20 * a * a * a / 2 / (2 * a * std::sqrt(10.0) * 5 * a), 1e-11);
}

TEST(ExcessVolume, SupercellPermutationRotationTranslation) {
  const Frame frame = sc_bicrystal(20, 0.2);
  const RunContext context = bulk_of(Structure::sc, 2);
  const FrameResults expected = run(frame, {{"volume", "volume"}}, context);
  Frame permuted = frame;
  std::reverse(permuted.position.begin(), permuted.position.end());
  for (Column& column : permuted.columns) std::reverse(column.real.begin(), column.real.end());
  Frame moved = frame;
  for (Vec3& r : moved.position) r += Vec3{0.3, -0.7, 17.3};
  for (const Frame& other : {sc_bicrystal(20, 0.2, 6), permuted, test::rotated(frame), moved}) {
    const FrameResults r = run(other, {{"volume", "volume"}}, context);
    EXPECT_NEAR(box_value(r), box_value(expected), 1e-12);
    for (const double v : values(r, "excess_volume/voronoi")) EXPECT_NEAR(v, 0.2, 1e-12);
  }
}

TEST(ExcessVolume, TheBoxAlone) {
  const FrameResults r = run(sc_bicrystal(20, 0.2), {{"volume", "none"}}, bulk_of(Structure::sc, 2));
  EXPECT_NEAR(box_value(r), 0.2, 1e-12);
  EXPECT_EQ(r.find_observable("excess_volume/voronoi"), nullptr);
  const AnalysisEntry& entry = find_analysis("excess-volume");
  const auto required = [&](const Given& given) {
    return entry.make(Parameters(entry.info, given), {})->requirements();
  };
  EXPECT_EQ(required({{"volume", "none"}}), (std::vector<std::string>{"density", "density-profile"}));
  EXPECT_EQ(required({{"volume", "voronoi"}}),
            (std::vector<std::string>{"density", "density-profile", "voronoi"}));
}

// A boundary denser than the bulk has no minimum: the number of boundaries must be said.
TEST(ExcessVolume, NoBoundaryIsAnErrorUnlessTheirNumberIsGiven) {
  const Frame dense = sc_bicrystal(20, -0.005);
  EXPECT_EQ(error_of(dense, {}),
            "frame 0: excess-volume needs a grain boundary, and density-profile found none along cell vector "
            "c (no minimum deeper than density-profile.depth away from surfaces); lower --set "
            "density-profile.depth, or state their number: --set excess-volume.boundaries=<n> (a boundary "
            "denser than the bulk has no minimum)");
  const FrameResults r = run(dense, {{"boundaries", "2"}, {"volume", "volume"}}, bulk_of(Structure::sc, 2));
  EXPECT_NEAR(box_value(r), -0.005, 1e-12);
  EXPECT_TRUE(values(r, "excess_volume/voronoi").empty());
  EXPECT_TRUE(std::isnan(values(r, "excess_volume/voronoi_mean").at(0)));

  // In a wire the cell's face is no area.
  Frame wire = sc_bicrystal(20, 0.2);
  wire.box = Box(wire.box.a, wire.box.b, wire.box.c, {}, false, true, true);
  const FrameResults in_wire =
      run(wire, {{"boundaries", "2"}, {"volume", "none"}}, bulk_of(Structure::sc, 2));
  EXPECT_TRUE(std::isnan(box_value(in_wire)));

  Frame none;
  none.box = Box({10, 0, 0}, {0, 10, 0}, {0, 0, 50});
  none.species = {{"Fe", 55.845, 1}};
  EXPECT_NE(error_of(none, {}), "");
  none.position = {{1, 2, 3}};
  none.type = {0};
  EXPECT_NE(error_of(none, {}), "");
  EXPECT_NE(error_of(test::crystal(Structure::sc, 2, {4, 4, 30}), {}), "");
  EXPECT_NE(error_of(sc_bicrystal(20, 0.2), {{"volume", "no_such_column"}}), "");
}

// Vacuum: the box says nothing, the number of atoms between the surfaces does.
TEST(ExcessVolume, BetweenSurfaces) {
  for (const bool periodic : {true, false}) {
    Frame frame = sc_bicrystal(30, 0.3);
    const Box& b = frame.box;
    frame.box = Box(b.a, b.b, {0, 0, b.c.z + 20}, {}, true, true, periodic);
    for (const std::string distance : {"9", "1000"}) {  // the surfaces' atoms never count
      const FrameResults r =
          run(frame, {{"volume", "volume"}, {"distance", distance}}, bulk_of(Structure::sc, 2));
      EXPECT_EQ(r.find_observable("excess_volume/boundaries")->integer.at(0), 1);
      // 2e-9 of the surface's profile reach past 6 beta, over 120 A.
      EXPECT_NEAR(box_value(r), 0.3, 1e-6);
      EXPECT_NEAR(values(r, "excess_volume/voronoi").at(0), 0.3, 1e-12);
    }
  }
}

// gb_table.csv: six digits.
TEST(ExcessVolume, ReferenceTable) {
  GF_NEEDS_SHARED(shared);
  const std::string folder = shared + "/reference/struct/gb/";
  std::ifstream table(folder + "gb_table.csv");
  std::string line;
  std::getline(table, line);
  int n = 0;
  for (; std::getline(table, line); ++n) {
    std::vector<std::string> cell;
    std::istringstream cells(line);
    for (std::string text; std::getline(cells, text, ',');) {
      if (text.front() == '"')
        for (std::string more; text.back() != '"' && std::getline(cells, more, ',');) text += "," + more;
      cell.push_back(text);
    }
    ASSERT_GT(cell.size(), 12u) << line;
    const bool iron = cell[0] == "Fe";
    const Frame frame = test::read_frame(folder + "gb_" + cell[0] + "_" + cell[1] + ".xyz.gz");
    const RunContext context =
        bulk_of(iron ? Structure::bcc : Structure::fcc, iron ? 2.855324860794 : 3.614925065888);
    const bool dense = cell[1] == "S3_111";  // the coherent twin has no minimum of the density
    const FrameResults r = test::run_engine(
        "excess-volume", frame, context, {{"excess-volume", dense ? Given{{"boundaries", "2"}} : Given{}}});
    EXPECT_NEAR(box_value(r), std::stod(cell[12]), 5.1e-7) << line;
  }
  EXPECT_EQ(n, 6);
}

class ExcessVolumeFe : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Boundaries, ExcessVolumeFe, testing::Values("Fe_S3_112", "Fe_S5_310", "Fe_S9_114"));

// The stored Voronoi volumes: all of them give the box's value; those within 10 A nearly all of it.
TEST_P(ExcessVolumeFe, StoredVoronoiVolumes) {
  GF_NEEDS_SHARED(shared);
  const test::ReferenceBoundary b = test::reference_boundary(shared, GetParam());
  const RunContext context = bulk_of(Structure::bcc, test::fe_lattice);
  const auto part = [&](const std::string& distance) {
    return test::run_engine("excess-volume", b.frame, context,
                            {{"excess-volume", {{"volume", "stored_volume"}, {"distance", distance}}}});
  };
  const FrameResults all = part("1000"), near = part("10");
  const double stored = b.scalars["excess_volume_sum_rule"];
  EXPECT_NEAR(box_value(all), stored, 1e-12);
  EXPECT_NEAR(values(all, "excess_volume/voronoi_mean").at(0), stored, 1e-10);
  for (size_t k = 0; k < 2; ++k) {
    EXPECT_NEAR(values(all, "excess_volume/voronoi")[k], stored, 1e-8);  // equivalent boundaries
    EXPECT_NEAR(values(near, "excess_volume/voronoi")[k], stored, 0.01 * stored);
  }
}

TEST(ExcessVolumeReference, SlabWithFreeSurfaces) {
  GF_NEEDS_SHARED(shared);
  const Frame frame = test::read_frame(shared + "/reference/struct/gb/gb_Fe_S5_310_slab.xyz.gz");
  const FrameResults r =
      test::run_engine("excess-volume", frame, bulk_of(Structure::bcc, test::fe_lattice), {});
  EXPECT_EQ(r.find_observable("excess_volume/boundaries")->integer.at(0), 1);
  EXPECT_NEAR(box_value(r), 0.313946, 1e-3);  // the crystals relax a little otherwise between surfaces
}

}  // namespace
}  // namespace grainfield
