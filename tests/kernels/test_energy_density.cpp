// Energy densities: quotients of columns and of other analyses' fields.
#include "kernels/boundaries/energy_density.hpp"

#include <gtest/gtest.h>

#include "host/error.hpp"
#include "host/potential.hpp"
#include "io/load_potential.hpp"
#include "tests/reference/energy_density_ref.hpp"
#include "tests/support/boundaries.hpp"
#include "tests/support/frames.hpp"
#include "tests/support/run_analysis.hpp"
#include "tests/support/shared.hpp"
#include "tests/support/systems.hpp"

namespace grainfield {
namespace {

using test::Given;

Frame random_frame(size_t n) {
  Frame frame;
  test::Uniform random(n);
  std::vector<double> energy, volume;
  for (size_t i = 0; i < n; ++i) {
    energy.push_back(-3 - random());
    volume.push_back(10 + random());
  }
  frame.position.resize(n);
  test::add_column(frame, "energy", energy);
  test::add_column(frame, "v", volume);
  return frame;
}

TEST(EnergyDensity, EqualsTheReferenceFromColumnsAndFromFields) {
  const Frame frame = random_frame(70000);
  const std::vector<double>&energy = frame.columns[0].real, &volume = frame.columns[1].real;
  const std::vector<double> expected = reference::energy_densities(energy, volume);
  double sum_e = 0, sum_v = 0;
  for (size_t i = 0; i < energy.size(); ++i) sum_e += energy[i], sum_v += volume[i];
  for (const int threads : {1, 4}) {
    RunContext run;
    run.exec.threads = threads;
    const FrameResults columns =
        test::run_analysis(find_analysis("energy-density"), frame, run, {{"volume", "v"}});
    FrameResults fields;
    test::put_field(fields, "energy", energy);
    test::put_field(fields, "voronoi_volume", volume);
    Frame bare;
    bare.position = frame.position;
    test::run_analysis(find_analysis("energy-density"), bare, run, {{"energy", "computed"}}, fields);
    for (const FrameResults* r : {&columns, static_cast<const FrameResults*>(&fields)}) {
      test::expect_same_bits(r->find_field("energy_density")->real, expected, "energy density");
      EXPECT_NEAR(r->find_observable("mean_energy_density")->real.at(0), sum_e / sum_v, 1e-13);
    }
  }
}

class NoPotential final : public Potential {
  std::string name() const override { return "none"; }
  double cutoff() const override { return 1; }
  const std::vector<std::string>& elements() const override { return elements_; }
  int64_t bytes_per_atom(const PotentialDemand&) const override { return 0; }
  int64_t bytes_per_ghost(const PotentialDemand&) const override { return 0; }
  int64_t bytes(const PotentialDemand&, const Exec&) const override { return 0; }
  Condition evaluate(const Batch&, const NeighborList&, const std::vector<int32_t>&, const PotentialOutput&,
                     Workspace&) const override {
    return {};
  }
  std::vector<std::string> elements_;
};

TEST(EnergyDensity, WhatIsRequired) {
  const AnalysisEntry& entry = find_analysis("energy-density");
  const auto required = [&](const Given& given) {
    return entry.make(Parameters(entry.info, given), {})->requirements();
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(required({}), Names{"voronoi"});
  EXPECT_EQ(required({{"volume", "v"}}), Names{});
  EXPECT_EQ(required({{"energy", "computed"}}), (Names{"energy", "voronoi"}));
  // With a potential the energies are its own, unless a column is named.
  RunContext run;
  run.potential = std::make_shared<NoPotential>();
  const auto with_potential = [&](const Given& given) {
    return entry.make(Parameters(entry.info, given), run)->requirements();
  };
  EXPECT_EQ(with_potential({{"volume", "v"}}), Names{"energy"});
  EXPECT_EQ(with_potential({{"volume", "v"}, {"energy", "energy"}}), Names{});
}

TEST(EnergyDensity, NoEnergyNoVolumeNoAtoms) {
  Frame frame = random_frame(3);
  frame.columns[1].real[1] = 0;
  const FrameResults r = test::run_analysis(find_analysis("energy-density"), frame, {}, {{"volume", "v"}});
  EXPECT_TRUE(std::isnan(r.find_field("energy_density")->real[1]));
  EXPECT_FALSE(std::isnan(r.find_field("energy_density")->real[2]));
  ASSERT_EQ(r.notes.size(), 1u);
  EXPECT_NE(r.notes[0].find("1 atoms have no positive volume (the first is id 2)"), std::string::npos);

  frame.columns.erase(frame.columns.begin());
  try {
    test::run_analysis(find_analysis("energy-density"), frame, {}, {{"volume", "v"}});
    FAIL();
  } catch (const InputError& error) {
    EXPECT_STREQ(
        error.what(),
        "frame 0: energy-density.energy: the input has no column 'energy' of real numbers; it has v; "
        "--set energy-density.energy=computed computes them");
  }
  const FrameResults none =
      test::run_analysis(find_analysis("energy-density"), random_frame(0), {}, {{"volume", "v"}});
  EXPECT_TRUE(none.find_field("energy_density")->real.empty());
  EXPECT_TRUE(std::isnan(none.find_observable("mean_energy_density")->real.at(0)));
}

// Bulk copper has e0 / Omega0; the mean of a polycrystal is its energy over its box.
TEST(EnergyDensity, ReferencePolycrystals) {
  GF_NEEDS_SHARED(shared);
  const std::string folder = shared + "/reference/struct/";
  for (const std::string name : {"fe8", "cu5"}) {
    Frame frame = test::read_frame(folder + "poly/" + name + "_relaxed.xyz.gz");
    const std::vector<std::string> lines =
        test::gzip_lines(folder + "voronoi/atoms/" + name + "_relaxed.csv.gz");
    ASSERT_EQ(lines.size(), frame.position.size() + 1);
    std::vector<double> volume;
    for (size_t k = 1; k < lines.size(); ++k)
      volume.push_back(std::stod(lines[k].substr(lines[k].find(',') + 1)));
    test::add_column(frame, "v", volume);
    const FrameResults r = test::run_analysis(find_analysis("energy-density"), frame, {}, {{"volume", "v"}});
    double total = 0;
    for (const auto& [key, text] : frame.info)
      if (key == "total_energy") total = std::stod(text);
    // The file's energies have 12 digits.
    EXPECT_NEAR(r.find_observable("mean_energy_density")->real.at(0) * frame.box.volume() / total, 1, 1e-12);
    // The source's range for copper's atoms at boundaries and in the bulk; iron's is 0.354 in the bulk.
    for (const double e : r.find_field("energy_density")->real) {
      EXPECT_LT(e, -0.2);
      EXPECT_GT(e, name == "cu5" ? -0.32 : -0.4);
    }
  }
}

// The boundary's energies, computed: those stored with it.
TEST(EnergyDensity, EnergiesOfThePotential) {
  GF_NEEDS_SHARED(shared);
  const test::ReferenceBoundary b = test::reference_boundary(shared, "Fe_S5_310");
  RunContext run = test::bulk_of(Structure::bcc, test::fe_lattice);
  const auto density = [&](const Given& given) {
    return test::run_engine("energy-density", b.frame, run, {{"energy-density", given}});
  };
  const FrameResults column = density({{"volume", "stored_volume"}});
  run.potential = load_potential(shared + "/potentials/eam/Fe_mm.eam.fs", run.exec, {});
  const FrameResults computed = density({{"volume", "stored_volume"}});
  for (size_t i = 0; i < b.volume.size(); ++i)
    EXPECT_NEAR(computed.find_field("energy_density")->real[i], column.find_field("energy_density")->real[i],
                1e-11);  // of -0.35; 13 digits are stored
  EXPECT_NEAR(computed.find_observable("mean_energy_density")->real.at(0) * b.frame.box.volume(),
              -9697.192394878733, 1e-7);
}

}  // namespace
}  // namespace grainfield
