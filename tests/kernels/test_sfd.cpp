// Strain functional descriptors against closed forms, the tensor reference, published vectors and a peer that
// couples spherical harmonics.
//
// Errors are those of one number over the scale of its order: the sum of w rho^X over the neighbors (between
// two even orders, the geometric mean). Zeros by symmetry are rounding residues, so relative errors say
// nothing.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "host/batch.hpp"
#include "host/devices.hpp"
#include "host/error.hpp"
#include "kernels/core/lanes.hpp"
#include "kernels/core/team.hpp"
#include "kernels/descriptors/sfd.hpp"
#include "tests/reference/sfd_ref.hpp"
#include "tests/support/emulated_team.hpp"
#include "tests/support/run_analysis.hpp"
#include "tests/support/shared.hpp"
#include "tests/support/systems.hpp"

namespace grainfield {
namespace {

using test::AnalysisRun;
using test::Given;
using test::run_analysis;
using test::schedules;

// Rounding of about 100 terms and 1000 operations; the kernels reach 3e-15.
constexpr double tolerance = 1e-14;
// Single precision: what the documentation of the parameter states.
constexpr double tolerance_single = 3e-6;

constexpr int order_of[19] = {0, 1, 2, 2, 2, 3, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4, 4};
constexpr int degree_of[19] = {1, 2, 2, 3, 1, 2, 4, 6, 10, 2, 2, 3, 4, 5, 6, 7, 2, 3, 1};

// Of an atom with these features; 1 where it has no neighbors.
double scale_of(const double* f, int order) {
  const double s0 = std::fabs(f[0]), s2 = f[4], s4 = f[18];
  const double scale[5] = {s0, std::sqrt(s0 * s2), s2, std::sqrt(s2 * s4), s4};
  return scale[order] > 0 ? scale[order] : 1.0;
}

double worst_feature(const double* value, const double* expected) {
  double worst = 0;
  for (int k = 0; k < 19; ++k)
    worst = std::max(worst, std::fabs(value[k] - expected[k]) / scale_of(expected, order_of[k]));
  return worst;
}

double worst_polynomial(const double* value, const double* expected, const double* features) {
  double worst = 0;
  for (int k = 0; k < 19; ++k)
    worst = std::max(
        worst, std::fabs(value[k] - expected[k]) / std::pow(scale_of(features, order_of[k]), degree_of[k]));
  return worst;
}

double worst_feature(const std::vector<double>& values, const std::vector<double>& expected) {
  EXPECT_EQ(values.size(), expected.size());
  double worst = 0;
  for (size_t i = 0; i + 18 < values.size(); i += 19)
    worst = std::max(worst, worst_feature(&values[i], &expected[i]));
  return worst;
}

std::string text(double value) { return nlohmann::json(value).dump(); }  // the shortest exact form

Given given(double sigma, double cutoff, double self_weight = 0) {
  return {{"sigma", text(sigma)},
          {"cutoff", text(cutoff)},
          {"self_weight", text(self_weight)},
          {"polynomials", "true"},
          {"moments", "true"}};
}

void expect_equal(const AnalysisRun& run, const std::vector<reference::SfdAtom>& expected) {
  const std::vector<double>&f = run.field("sfd").real, &p = run.field("sfd_polynomial").real,
        &m = run.field("sfd_moment").real;
  ASSERT_EQ(f.size(), 19 * expected.size());
  ASSERT_EQ(p.size(), 19 * expected.size());
  ASSERT_EQ(m.size(), 35 * expected.size());
  constexpr int order_of_moment[35] = {0, 1, 1, 1, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3,
                                       3, 3, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4};
  for (size_t i = 0; i < expected.size(); ++i) {
    const reference::SfdAtom& e = expected[i];
    EXPECT_LT(worst_feature(&f[19 * i], e.feature.data()), tolerance) << i;
    EXPECT_LT(worst_polynomial(&p[19 * i], e.polynomial.data(), e.feature.data()), 10 * tolerance) << i;
    for (size_t k = 0; k < 35; ++k)
      EXPECT_NEAR(m[35 * i + k], e.moment[k], tolerance * scale_of(e.feature.data(), order_of_moment[k]))
          << i;
  }
}

const Box boxes[] = {Box({9, 0, 0}, {0, 10, 0}, {0, 0, 11}), Box({9, 0, 0}, {3, 10, 0}, {-2, 4, 11}),
                     Box({9, 0, 0}, {3, 10, 0}, {-2, 4, 11}, {1, 2, 3}, true, false, true),
                     Box({9, 0, 0}, {0, 10, 0}, {0, 0, 11}, {}, false, false, false),
                     Box({2, 0, 0}, {0.5, 2.5, 0}, {0.3, -0.4, 12})};

TEST(Sfd, EqualsTheReference) {
  uint64_t seed = 1;
  for (const Box& box : boxes) {
    const Frame frame = test::ideal_gas(box, 37, seed++, 2);
    const std::vector<reference::SfdAtom> expected = reference::sfd(frame, 0.9, 4.2, 0.5);
    for (const RunContext& run : schedules())
      expect_equal(run_analysis("sfd", frame, given(0.9, 4.2, 0.5), run), expected);
  }
}

// One neighbor: every PX_IY is w rho^X, with its sign.
TEST(Sfd, Dimer) {
  Frame frame;
  frame.box = Box({30, 0, 0}, {0, 30, 0}, {0, 0, 30}, {}, false, false, false);
  frame.species = {{"Cu", 0, 1}};
  frame.position = {{10, 10, 10}, {10.7, 11.9, 8.6}};
  frame.type = {0, 0};
  const double rho = norm(frame.position[1] - frame.position[0]) / 0.909, w = std::exp(-rho * rho / 2);
  for (const RunContext& run : schedules()) {
    const std::vector<double> f = run_analysis("sfd", frame, given(0.909, 5.904), run).field("sfd").real;
    for (size_t i = 0; i < 2; ++i)
      for (size_t k = 0; k < 19; ++k)
        EXPECT_NEAR(f[19 * i + k], w * std::pow(rho, order_of[k]), 1e-13 * w * std::pow(rho, order_of[k]))
            << k;
  }
}

// Site symmetry: what must vanish does, densities are sums over the shells of the lattice, and cubic sites
// have P4_I1 = +-(8575 * 30 / 144 / 131.25^1.5) P4_I0.
TEST(Sfd, PerfectCrystals) {
  struct Site {
    Structure structure;
    double a;
    std::vector<int> zero;
    double cubic;  // sign of P4_I1; 0: not cubic
  };
  const std::vector<int> octahedral{1, 2, 3, 5, 6, 7, 8, 9, 12, 13, 14, 15, 16, 17};
  const Site sites[] = {{Structure::sc, 2.2774, octahedral, 1},
                        {Structure::bcc, 2.83, octahedral, -1},
                        {Structure::fcc, 3.615, octahedral, -1},
                        {Structure::diamond, 5.431, {1, 2, 3, 6, 7, 8, 9, 12, 13, 14, 15, 16, 17}, -1},
                        {Structure::hcp, 2.556, {1, 7, 8, 9}, 0}};
  for (const Site& site : sites)
    for (const int n : {1, 2}) {
      const Lattice lattice = make_lattice(site.structure, site.a);
      const double sigma = sfd_default_sigma(1 / lattice.number_density());
      const double cutoff = sfd_cutoff_over_sigma * sigma;
      double sum[5] = {};
      for (const Shell& shell : lattice.shells(40)) {
        if (shell.radius >= cutoff) break;
        const double rho = shell.radius / sigma;
        for (const int k : {0, 2, 4}) sum[k] += shell.count * std::exp(-rho * rho / 2) * std::pow(rho, k);
      }
      const Frame frame = test::crystal(site.structure, site.a, {n, n, n});
      const AnalysisRun run = run_analysis("sfd", frame);
      EXPECT_NEAR(run.observable("sfd_sigma").real[0], sigma, 1e-12);
      EXPECT_NEAR(run.observable("sfd_cutoff").real[0], cutoff, 1e-11);
      const std::vector<double>& f = run.field("sfd").real;
      for (size_t i = 0; i < f.size(); i += 19) {
        EXPECT_NEAR(f[i], sum[0], 1e-12 * sum[0]);
        EXPECT_NEAR(f[i + 4], sum[2], 1e-12 * sum[2]);
        EXPECT_NEAR(f[i + 18], sum[4], 1e-12 * sum[4]);
        for (const int k : site.zero)
          EXPECT_NEAR(f[i + static_cast<size_t>(k)], 0, 1e-13 * scale_of(&f[i], order_of[k]))
              << structure_name(site.structure) << " " << sfd_names[k];
        if (site.cubic != 0)
          EXPECT_NEAR(f[i + 11], site.cubic * 8575 * 30 / 144 / std::pow(131.25, 1.5) * f[i + 10], 1e-12);
        else  // the axis of hcp: all six of l=4 alike
          for (size_t k = 11; k < 16; ++k) EXPECT_NEAR(f[i + k], f[i + 10], 1e-12);
        if (site.structure == Structure::diamond) {
          EXPECT_NEAR(f[i + 5], 2.84467, 1e-4);
        }
      }
    }
}

TEST(Sfd, RotationTranslationAndPermutation) {
  const Frame frame = test::rattled(test::crystal(Structure::fcc, 3.615, {2, 2, 2}), 0.3, 11);
  const std::vector<double> f = run_analysis("sfd", frame, given(0.9, 5.9)).field("sfd").real;
  EXPECT_LT(worst_feature(run_analysis("sfd", test::rotated(frame), given(0.9, 5.9)).field("sfd").real, f),
            tolerance);
  Frame mirrored = frame;
  mirrored.box.origin = -frame.box.cartesian({1, 1, 1});
  for (Vec3& r : mirrored.position) r = -r;
  EXPECT_LT(worst_feature(run_analysis("sfd", mirrored, given(0.9, 5.9)).field("sfd").real, f), tolerance);
  Frame moved = frame;
  for (Vec3& r : moved.position) r += Vec3{100.3, -77.1, 3.7};
  // Positions lose digits: 1e2 A * 1e-16 over sigma.
  EXPECT_LT(worst_feature(run_analysis("sfd", moved, given(0.9, 5.9)).field("sfd").real, f), 1e-12);
  Frame reversed = frame;
  std::reverse(reversed.position.begin(), reversed.position.end());
  std::vector<double> back = run_analysis("sfd", reversed, given(0.9, 5.9)).field("sfd").real;
  const size_t n = frame.position.size();
  std::vector<double> forth;
  for (size_t i = n; i-- > 0;) forth.insert(forth.end(), &back[19 * i], &back[19 * i] + 19);
  EXPECT_LT(worst_feature(forth, f), tolerance);
}

TEST(Sfd, Supercell) {
  const Frame cell = test::rattled(test::crystal(Structure::bcc, 2.83, {1, 1, 1}), 0.2, 3);
  Frame doubled = cell;
  doubled.box = Box(2 * cell.box.a, cell.box.b, cell.box.c);
  for (size_t i = 0; i < 2; ++i) {
    doubled.position.push_back(cell.position[i] + cell.box.a);
    doubled.type.push_back(0);
  }
  const std::vector<double> f = run_analysis("sfd", cell, given(0.9, 5.8)).field("sfd").real;
  std::vector<double> twice = f;
  twice.insert(twice.end(), f.begin(), f.end());
  EXPECT_LT(worst_feature(run_analysis("sfd", doubled, given(0.9, 5.8)).field("sfd").real, twice), tolerance);
}

TEST(Sfd, AnyNumberOfThreadsSameBits) {
  const Frame frame = test::rattled(test::crystal(Structure::bcc, 2.83, {8, 8, 8}), 0.2, 4);
  for (const char* precision : {"double", "single"}) {
    RunContext one, four;
    four.exec.threads = 4;
    const Given g{{"precision", precision}};
    EXPECT_EQ(run_analysis("sfd", frame, g, one).field("sfd").real,
              run_analysis("sfd", frame, g, four).field("sfd").real);
  }
}

TEST(Sfd, AnyNumberOfSlabs) {
  const Frame frame = test::ideal_gas(Box({14, 0, 0}, {3, 15, 0}, {-2, 4, 240}), 5000, 6);
  const AnalysisRun whole = run_analysis("sfd", frame, given(0.8, 4.0));
  EXPECT_EQ(whole.n_slabs, 1);
  RunContext run;
  run.memory_limit = 5'000'000;
  const AnalysisRun cut = run_analysis("sfd", frame, given(0.8, 4.0), run);
  EXPECT_GT(cut.n_slabs, 2);
  EXPECT_LT(worst_feature(cut.field("sfd").real, whole.field("sfd").real), 1e-12);
}

// The lists of a run may reach further than the cutoff: what lies beyond must not count.
TEST(Sfd, ListBeyondTheCutoff) {
  const Frame frame = test::rattled(test::crystal(Structure::bcc, 2.83, {3, 3, 3}), 0.2, 5);
  const std::vector<reference::SfdAtom> expected = reference::sfd(frame, 0.9, 5.8);
  for (const RunContext& run : schedules()) {
    Batch batch(run.exec);
    batch.build({&frame}, 9, 9);
    NeighborList list(run.exec);
    list.build(batch, 9);
    const AnalysisEntry entry = sfd_entry();
    const auto analysis = entry.make(Parameters(entry.info, {{"sigma", "0.9"}, {"cutoff", "5.8"}}), run);
    FrameResults results;
    FrameContext context(frame, results, run);
    analysis->begin(context);
    Workspace scratch(run.exec);
    std::shared_ptr<void> held;
    analysis->compute(context, {batch, &list, {}, 0, 1, scratch, held});
    for (size_t i = 0; i < expected.size(); ++i)
      EXPECT_LT(worst_feature(&results.fields[0].real[19 * i], expected[i].feature.data()), tolerance);
  }
}

// What the documentation states, and that it is not far from the truth.
TEST(Sfd, ErrorOfSinglePrecision) {
  const Frame frames[] = {test::rattled(test::crystal(Structure::fcc, 3.615, {3, 3, 3}), 0.2, 1),
                          test::rattled(test::crystal(Structure::bcc, 2.83, {4, 4, 4}), 0.01, 2),
                          test::ideal_gas(Box({12, 0, 0}, {3, 12, 0}, {-2, 4, 12}), 150, 3)};
  for (const Frame& frame : frames) {
    double worst = 0;
    const std::vector<double> exact = run_analysis("sfd", frame, {{"sigma", "0.9"}}).field("sfd").real;
    for (RunContext run : schedules()) {
      const Given g{{"sigma", "0.9"}, {"precision", "single"}};
      worst = std::max(worst, worst_feature(run_analysis("sfd", frame, g, run).field("sfd").real, exact));
    }
    EXPECT_LT(worst, tolerance_single);
    EXPECT_GT(worst, 1e-8);
  }
}

TEST(Sfd, ErrorOfSinglePrecisionFarFromTheOrigin) {
  Frame near = test::rattled(test::crystal(Structure::fcc, 3.615, {2, 2, 2}), 0.2, 1), far = near;
  for (Vec3& r : far.position) r += Vec3{4096, 8192, -4096};  // exact in double, and only there
  far.box.origin = {4096, 8192, -4096};
  const Given g{{"sigma", "0.9"}, {"precision", "single"}};
  const std::vector<double> exact = run_analysis("sfd", near, {{"sigma", "0.9"}}).field("sfd").real;
  EXPECT_LT(worst_feature(run_analysis("sfd", far, g).field("sfd").real, exact), tolerance_single);
}

template <class Real>
void expect_teams_agree() {
  const Frame frame = test::ideal_gas(boxes[2], 37, 7);
  const Exec exec;
  Batch batch(exec);
  batch.build({&frame}, 4.2, 4.2);
  NeighborList list(exec);
  list.build(batch, 4.2);
  const int64_t n = batch.n_local();
  std::vector<Real> serial(static_cast<size_t>(35 * n)), emulated(serial.size());
  const SfdParams params{0.9, 4.2, 1};
  SfdMomentKernel<Real> kernel{batch.view(), list.view(), params, 0, n, serial.data()};
  for (int64_t i = 0; i < n; ++i) kernel(SerialTeam{}, i);
  kernel.moment = emulated.data();
  test::run_emulated<8>(kernel, n);
  double largest = 0, worst = 0;
  for (size_t k = 0; k < serial.size(); ++k) {
    largest = std::max(largest, std::fabs(double(serial[k])));
    worst = std::max(worst, std::fabs(double(serial[k]) - double(emulated[k])));
  }
  EXPECT_GT(largest, 1);
  EXPECT_LT(worst, 50 * std::numeric_limits<Real>::epsilon() * largest);
}

TEST(Sfd, LanesOfATeamAgreeWithOneThread) {
  expect_teams_agree<double>();
  expect_teams_agree<float>();
}

TEST(Sfd, GpuEqualsTheCpu) {
  if (!why_no_gpu().empty()) GTEST_SKIP() << why_no_gpu();
  RunContext gpu;
  gpu.exec = choose_device("cuda", 1);
  use_device(gpu.exec);
  for (const Box& box : boxes) {
    const Frame frame = test::ideal_gas(box, 300, 5);
    expect_equal(run_analysis("sfd", frame, given(0.9, 4.2, 1), gpu), reference::sfd(frame, 0.9, 4.2, 1));
  }
  const Frame frame = test::rattled(test::crystal(Structure::fcc, 3.615, {9, 9, 9}), 0.2, 1);
  const std::vector<double> exact = run_analysis("sfd", frame).field("sfd").real;
  EXPECT_LT(worst_feature(run_analysis("sfd", frame, {}, gpu).field("sfd").real, exact), tolerance);
  const Given single{{"precision", "single"}};
  EXPECT_LT(worst_feature(run_analysis("sfd", frame, single, gpu).field("sfd").real, exact),
            tolerance_single);
}

// The exponential of the lanes against the C library's in long double.
template <class L>
void expect_exponentials(double lowest) {
  using Real = typename L::Real;
  double worst = 0;
  Real x[L::width], y[L::width];
  constexpr int n = 20000;
  for (int k = 0; k < n; k += L::width) {
    for (int l = 0; l < L::width; ++l) x[l] = static_cast<Real>(lowest * std::pow((k + l) / double(n), 3));
    L::store(y, L::exp_of_negative(L::load(x)));
    for (int l = 0; l < L::width; ++l) {
      const long double exact = std::exp(static_cast<long double>(x[l]));
      const auto nearest = static_cast<Real>(exact);
      const Real ulp = nearest - std::nextafter(nearest, Real(0));
      worst = std::max(worst, static_cast<double>(std::fabs(y[l] - exact) / ulp));
    }
  }
  EXPECT_LT(worst, 1.01);
  x[0] = 0;
  L::store(y, L::exp_of_negative(L::load(x)));
  EXPECT_EQ(y[0], Real(1));
}

TEST(Sfd, ExponentialOfLanes) {
  expect_exponentials<Lanes<double, 16>>(-700);
  expect_exponentials<Lanes<double, 64>>(-40);
  expect_exponentials<Lanes<float, 16>>(-87);
  expect_exponentials<Lanes<float, 64>>(-20);
}

TEST(Sfd, SumsOfLanes) {
  using L = Lanes<double, 64>;
  L::Value a[8];
  for (int k = 0; k < 8; ++k)
    for (int l = 0; l < 8; ++l) a[k][l] = 100 * k + (1 << l);
  const L::Value sums = L::sums_of_lanes(a);
  for (int k = 0; k < 8; ++k) EXPECT_EQ(sums[k], 800 * k + 255);
}

// Test vectors of the definition: scalar and spherical routes in 80 bits. Its tolerances: 1e-11, single 1e-5.
void expect_vectors(const std::string& path) {
  const nlohmann::json file = nlohmann::json::parse(std::ifstream(path));
  size_t n_atoms = 0;
  for (const auto& s : file["structures"]) {
    const auto vec = [](const nlohmann::json& v) { return Vec3{v[0], v[1], v[2]}; };
    Frame frame;
    frame.species = {{"Cu", 0, 1}};
    frame.box = Box(vec(s["cell"][0]), vec(s["cell"][1]), vec(s["cell"][2]), {}, s["pbc"][0], s["pbc"][1],
                    s["pbc"][2]);
    for (const auto& r : s["positions"]) frame.position.push_back(vec(r));
    frame.type.assign(frame.position.size(), 0);
    Given g = given(s["sigma"], s["cutoff"], s["self_weight"]);
    for (const RunContext& context : schedules()) {
      const AnalysisRun run = run_analysis("sfd", frame, g, context);
      const std::vector<double>&f = run.field("sfd").real, &p = run.field("sfd_polynomial").real,
            &m = run.field("sfd_moment").real;
      ASSERT_EQ(f.size(), 19 * s["features"].size());
      for (size_t i = 0; i < s["features"].size(); ++i) {
        const auto features = s["features"][i].get<std::vector<double>>();
        const auto polynomials = s["polynomials"][i].get<std::vector<double>>();
        EXPECT_LT(worst_feature(&f[19 * i], features.data()), 1e-11) << s["name"] << i;
        EXPECT_LT(worst_polynomial(&p[19 * i], polynomials.data(), features.data()), 1e-11) << s["name"] << i;
      }
      for (size_t i = 0; i < s["moments"].size(); ++i)
        for (size_t k = 0; k < 35; ++k)
          EXPECT_NEAR(m[35 * i + k], s["moments"][i][k].get<double>(),
                      1e-11 * (1 + std::fabs(m[35 * i + k])));
    }
    g.emplace_back("precision", "single");
    for (const RunContext& context : schedules()) {
      const std::vector<double> f = run_analysis("sfd", frame, g, context).field("sfd").real;
      for (size_t i = 0; i < s["features"].size(); ++i)
        EXPECT_LT(worst_feature(&f[19 * i], s["features"][i].get<std::vector<double>>().data()), 1e-5)
            << s["name"] << i;
    }
    n_atoms += s["features"].size();
  }
  EXPECT_GT(n_atoms, 0u);
}

TEST(Sfd, EqualsThePublishedVectors) {
  GF_NEEDS_SHARED(shared);
  for (const char* name : {"crystals", "rattled_fcc107", "rattled_bcc72"})
    expect_vectors(shared + "/reference/sfd/data/" + name + ".json");
}

// A peer that shares nothing but the definition (tests/data/generate/sfd_spherical.py).
TEST(Sfd, EqualsCoupledSphericalHarmonics) { expect_vectors(test::data_folder() + "/sfd_spherical.json"); }

TEST(Sfd, NamesOfColumns) {
  const AnalysisRun run =
      run_analysis("sfd", test::crystal(Structure::bcc, 2.83, {1, 1, 1}), given(0.9, 5.8));
  EXPECT_EQ(run.field("sfd").component_names.size(), 19u);
  EXPECT_EQ(run.field("sfd").component_names[13], "P4_I3");
  EXPECT_EQ(run.field("sfd_polynomial").component_names.back(), "P4_I8");
  EXPECT_EQ(run.field("sfd_moment").component_names[23], "xxyy");
  EXPECT_EQ(run_analysis("sfd", test::crystal(Structure::bcc, 2.83, {1, 1, 1})).results.fields.size(), 1u);
}

TEST(Sfd, DefaultWidth) {
  const Frame copper = test::crystal(Structure::fcc, 3.615, {2, 2, 2});
  EXPECT_NEAR(run_analysis("sfd", copper).observable("sfd_sigma").real[0], 0.909, 1e-6);
  EXPECT_NEAR(run_analysis("sfd", copper).observable("sfd_cutoff").real[0], 5.904, 1e-3);
  EXPECT_NE(run_analysis("sfd", copper).note_with("from the volume per atom of the frame"), "");
  RunContext run;
  run.lattice = make_lattice(Structure::bcc, 2.83);
  EXPECT_NEAR(run_analysis("sfd", copper, {}, run).observable("sfd_sigma").real[0], 0.8966, 1e-4);
  EXPECT_EQ(run_analysis("sfd", copper, {}, run).note_with("sigma"), "");
  EXPECT_EQ(run_analysis("sfd", copper, {{"sigma", "1.1"}}, run).observable("sfd_sigma").real[0], 1.1);

  Frame slab = copper;
  slab.box = Box(copper.box.a, copper.box.b, {0, 0, 40});
  EXPECT_THROW(run_analysis("sfd", slab), UsageError);  // vacuum
  EXPECT_NO_THROW(run_analysis("sfd", slab, {{"sigma", "0.9"}}));
  EXPECT_NO_THROW(run_analysis("sfd", slab, {}, run));
  slab.box = Box(copper.box.a, copper.box.b, copper.box.c, {}, true, true, false);
  EXPECT_THROW(run_analysis("sfd", slab), UsageError);
  Frame left = copper;  // a left-handed cell has a volume too
  std::swap(left.box.a, left.box.b);
  left.box = Box(left.box.a, left.box.b, left.box.c);
  EXPECT_NEAR(run_analysis("sfd", left).observable("sfd_sigma").real[0], 0.909, 1e-6);
  // One atom in its primitive cell is not in vacuum.
  Frame primitive;
  primitive.box = Box({0, 1.8, 1.8}, {1.8, 0, 1.8}, {1.8, 1.8, 0});
  primitive.species = {{"Cu", 0, 1}};
  primitive.position = {{0, 0, 0}};
  primitive.type = {0};
  EXPECT_NO_THROW(run_analysis("sfd", primitive));
}

TEST(Sfd, FewAtoms) {
  Frame frame;
  frame.box = Box({20, 0, 0}, {0, 20, 0}, {0, 0, 20});
  frame.species = {{"Fe", 0, 1}};
  EXPECT_EQ(run_analysis("sfd", frame).field("sfd").real.size(), 0u);
  frame.position = {{1, 2, 3}};
  frame.type = {0};
  for (const RunContext& run : schedules()) {
    EXPECT_EQ(run_analysis("sfd", frame, given(0.9, 5.8), run).field("sfd").real, std::vector<double>(19));
    const AnalysisRun self = run_analysis("sfd", frame, given(0.9, 5.8, 1), run);
    EXPECT_EQ(self.field("sfd").real[0], 1);
    EXPECT_EQ(self.field("sfd").real[1], 0);
  }
  frame.position.push_back({1, 2, 3});  // coincident: density only
  frame.type.push_back(0);
  for (const RunContext& run : schedules()) {
    const AnalysisRun pair = run_analysis("sfd", frame, given(0.9, 5.8), run);
    std::vector<double> expected(38);
    expected[0] = expected[19] = 1;
    EXPECT_EQ(pair.field("sfd").real, expected);
    EXPECT_NE(pair.note_with("1 pairs of atoms are closer"), "");
  }
}

TEST(Sfd, BadParameters) {
  const Frame frame = test::crystal(Structure::bcc, 2.83, {1, 1, 1});
  const std::vector<Given> bad{{{"precision", "half"}},
                               {{"sigma", "0"}},
                               {{"sigma", "-1"}},
                               {{"sigma", "1"}, {"cutoff", "31"}},
                               {{"sigma", "1"}, {"cutoff", "10.1"}, {"precision", "single"}},
                               {{"self_weight", "2"}},
                               {{"moments", "yes"}}};
  for (const Given& g : bad) EXPECT_THROW(run_analysis("sfd", frame, g), UsageError) << g.back().first;
}

}  // namespace
}  // namespace grainfield
