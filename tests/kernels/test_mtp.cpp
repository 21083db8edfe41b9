// Moment tensor potentials: every schedule against the formulas, MLIP-3 and LAMMPS, and the laws they obey.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "host/error.hpp"
#include "host/mtp_basis.hpp"
#include "io/mtp_file.hpp"
#include "io/reader.hpp"
#include "kernels/potential/mtp.hpp"
#include "tests/reference/mtp_ref.hpp"
#include "tests/support/emulated_team.hpp"
#include "tests/support/evaluate_potential.hpp"
#include "tests/support/mtp_models.hpp"
#include "tests/support/shared.hpp"
#include "tests/support/systems.hpp"

namespace grainfield {
namespace {

using test::evaluate_potential;
using test::Evaluation;

const PotentialDemand efv{true, true, true, false, false, false};

struct Schedule {
  const char* name;
  Exec exec;
};
std::vector<Schedule> mtp_schedules() {
  Exec plain, wide, avx2, portable, four;
  plain.plain = true;
  avx2.simd = Simd::avx2;
  portable.simd = Simd::portable;
  four.threads = 4;
  std::vector<Schedule> all{{"plain", plain},
                            {"lanes", wide},
                            {"lanes, AVX2", avx2},
                            {"lanes, portable", portable},
                            {"lanes, 4 threads", four}};
  for (const Exec& gpu : test::gpu_executions()) all.push_back({"GPU", gpu});
  return all;
}

double largest(const std::vector<Vec3>& v) {
  double m = 0;
  for (const Vec3& f : v) m = std::max({m, std::fabs(f.x), std::fabs(f.y), std::fabs(f.z)});
  return m;
}
double difference(const std::vector<Vec3>& a, const std::vector<Vec3>& b) {
  std::vector<Vec3> d;
  for (size_t i = 0; i < a.size(); ++i) d.push_back(a[i] - b[i]);
  return largest(d);
}

// The sites of a frame by the reference: energies, forces, total virial, gradients.
struct Slow {
  std::vector<double> energy;
  std::vector<Vec3> force;
  std::array<double, 6> virial{};
  std::vector<std::vector<double>> gradient;
};
Slow slow(const MtpModel& model, const Frame& frame, bool gradients = false) {
  const reference::MtpRef ref(model);
  const Box& box = frame.box;
  int n[3];
  for (int k = 0; k < 3; ++k)
    n[k] = box.periodic[k] ? static_cast<int>(std::ceil(model.max_distance / box.height(k))) + 1 : 0;
  const size_t N = frame.position.size();
  std::vector<Vec3> wrapped;
  for (const Vec3& r : frame.position) {
    Vec3 s = box.fractional(r);
    for (int k = 0; k < 3; ++k)
      if (box.periodic[k]) s[k] -= std::floor(s[k]);
    wrapped.push_back(box.cartesian(s));
  }
  Slow out;
  out.force.assign(N, Vec3{});
  for (size_t i = 0; i < N; ++i) {
    std::vector<Vec3> r, d;
    std::vector<int> kind;
    std::vector<size_t> who;
    for (size_t j = 0; j < N; ++j)
      for (int a = -n[0]; a <= n[0]; ++a)
        for (int b = -n[1]; b <= n[1]; ++b)
          for (int c = -n[2]; c <= n[2]; ++c) {
            if (j == i && a == 0 && b == 0 && c == 0) continue;
            const Vec3 rij = wrapped[j] + a * box.a + b * box.b + c * box.c - wrapped[i];
            if (norm(rij) < model.max_distance)
              r.push_back(rij), kind.push_back(frame.type[j]), who.push_back(j);
          }
    std::vector<double> gradient;
    out.energy.push_back(ref.site_energy(frame.type[i], r, kind, &d, gradients ? &gradient : nullptr));
    if (gradients) out.gradient.push_back(gradient);
    for (size_t k = 0; k < r.size(); ++k) {
      out.force[i] += d[k];
      out.force[who[k]] -= d[k];
      const int at[6][2] = {{0, 0}, {1, 1}, {2, 2}, {0, 1}, {0, 2}, {1, 2}};
      for (size_t c = 0; c < 6; ++c) out.virial[c] -= d[k][at[c][0]] * r[k][at[c][1]];
    }
  }
  return out;
}

// Compares with a relative bound of the largest value of each kind, and says what was compared.
void expect_equal(const Evaluation& found, const Slow& wanted, double bound, const std::string& what) {
  double scale = 0, worst = 0;
  for (size_t i = 0; i < wanted.energy.size(); ++i) {
    scale = std::max(scale, std::fabs(wanted.energy[i]));
    worst = std::max(worst, std::fabs(found.energy[i] - wanted.energy[i]));
  }
  EXPECT_LE(worst, bound * scale) << what << ": site energies of up to " << scale << " eV";
  // Forces that vanish by symmetry: terms of some 10 eV/A cancel.
  const double force_scale = largest(wanted.force) > 1e-6 ? largest(wanted.force) : 10;
  EXPECT_LE(difference(found.force, wanted.force), bound * force_scale) << what << ": forces";
  const std::array<double, 6> w = found.total_virial();
  double virial_scale = 0;
  for (const double c : wanted.virial) virial_scale = std::max(virial_scale, std::fabs(c));
  for (size_t c = 0; c < 6; ++c)
    EXPECT_NEAR(w[c], wanted.virial[c], bound * virial_scale) << what << ": virial " << c;
}

Frame two_species_gas(int64_t n, double edge, uint64_t seed, bool triclinic = false) {
  const Box box = triclinic ? Box({edge, 0, 0}, {0.4 * edge, edge, 0}, {-0.3 * edge, 0.2 * edge, edge},
                                  {1, 2, 3}, true, true, true)
                            : Box({edge, 0, 0}, {0, edge, 0}, {0, 0, edge}, {0, 0, 0}, true, true, true);
  Frame frame = test::ideal_gas(box, 4 * n, seed, 2);
  // Keep atoms at least 1.9 A apart.
  Frame kept = frame;
  kept.position.clear();
  kept.type.clear();
  for (size_t i = 0; i < frame.position.size() && kept.position.size() < static_cast<size_t>(n); ++i) {
    bool close = false;
    for (const Vec3& r : kept.position)
      for (int a = -1; a <= 1; ++a)
        for (int b = -1; b <= 1; ++b)
          for (int c = -1; c <= 1; ++c)
            close |= norm(frame.position[i] + a * box.a + b * box.b + c * box.c - r) < 1.9;
    if (close) continue;
    kept.position.push_back(frame.position[i]);
    kept.type.push_back(frame.type[i]);
  }
  return kept;
}

TEST(Mtp, EveryScheduleEqualsTheFormulas) {
  const MtpModel model = test::small_mtp();
  for (const bool triclinic : {false, true})
    for (const double edge : {4.0, 9.0}) {  // one smaller than the cutoff
      const Frame frame = two_species_gas(edge < 5 ? 3 : 40, edge, 7, triclinic);
      const Slow wanted = slow(model, frame);
      for (const Schedule& s : mtp_schedules()) {
        const auto potential = make_mtp_potential(model, s.exec);
        expect_equal(evaluate_potential(*potential, frame, s.exec), wanted, 1e-12, s.name);
      }
    }
}

TEST(Mtp, FreeBoundariesIsolatedAtomsAndEmptyFrames) {
  const MtpModel model = test::small_mtp();
  Frame cluster = two_species_gas(9, 8, 3);
  cluster.box.periodic[0] = cluster.box.periodic[1] = cluster.box.periodic[2] = false;
  Frame dimer = cluster, atom = cluster, empty = cluster;
  dimer.position.resize(2);
  dimer.position[1] = dimer.position[0] + Vec3{1.2, 1.5, -1.1};
  dimer.type.resize(2);
  atom.position.resize(1);
  atom.type.resize(1);
  empty.position.clear();
  empty.type.clear();
  for (const Schedule& s : mtp_schedules()) {
    const auto potential = make_mtp_potential(model, s.exec);
    for (const Frame* frame : {&cluster, &dimer})
      expect_equal(evaluate_potential(*potential, *frame, s.exec), slow(model, *frame), 1e-12, s.name);
    const Evaluation alone = evaluate_potential(*potential, atom, s.exec);
    EXPECT_DOUBLE_EQ(alone.energy[0], model.species_energy[static_cast<size_t>(atom.type[0])]);
    EXPECT_EQ(norm(alone.force[0]), 0);
    EXPECT_TRUE(evaluate_potential(*potential, empty, s.exec).energy.empty());
  }
}

TEST(Mtp, ForcesAndStressAreDerivativesOfTheEnergy) {
  const MtpModel model = test::small_mtp();
  const Exec exec;
  const auto potential = make_mtp_potential(model, exec);
  const Frame frame = two_species_gas(24, 8, 11, true);
  const Evaluation at = evaluate_potential(*potential, frame, exec);
  const double h = 1e-4;  // error h^2 V''' / 6, about 1e-8 of the largest force
  const double scale = largest(at.force);
  for (const size_t i : {size_t{0}, size_t{5}, size_t{23}})
    for (int c = 0; c < 3; ++c) {
      Frame plus = frame, minus = frame;
      plus.position[i][c] += h;
      minus.position[i][c] -= h;
      const double slope = (evaluate_potential(*potential, plus, exec).total() -
                            evaluate_potential(*potential, minus, exec).total()) /
                           (2 * h);
      EXPECT_NEAR(at.force[i][c], -slope, 1e-6 * scale);
    }
  const std::array<double, 6> w = at.total_virial();
  const int voigt[6][2] = {{0, 0}, {1, 1}, {2, 2}, {0, 1}, {0, 2}, {1, 2}};
  double w_scale = 0;
  for (const double c : w) w_scale = std::max(w_scale, std::fabs(c));
  for (size_t c = 0; c < 6; ++c) {
    double energy[2];
    for (int side = 0; side < 2; ++side) {
      const double e = side == 0 ? 1e-5 : -1e-5;
      const auto strained = [&](Vec3 r) {  // symmetric strain: half of e in both places off the diagonal
        Vec3 out = r;
        const int a = voigt[c][0], b = voigt[c][1];
        out[a] += 0.5 * e * r[b];
        out[b] += 0.5 * e * r[a];
        return out;
      };
      Frame f = frame;
      f.box = Box(strained(frame.box.a), strained(frame.box.b), strained(frame.box.c),
                  strained(frame.box.origin), true, true, true);
      for (Vec3& r : f.position) r = strained(r);
      energy[side] = evaluate_potential(*potential, f, exec).total();
    }
    EXPECT_NEAR(w[c], -(energy[0] - energy[1]) / 2e-5, 1e-6 * w_scale) << "component " << c;
  }
}

TEST(Mtp, TheEnergyIsConservedInDynamics) {
  const MtpModel model = test::small_mtp(1);
  const auto potential = make_mtp_potential(model, Exec{});
  Frame frame = test::rattled(test::crystal(Structure::fcc, 4.2, {2, 2, 2}), 0.05, 3);
  std::vector<Vec3> v(frame.position.size());
  const double mass = 0.005;  // eV ps^2 / A^2, about half of iron's
  Evaluation at = evaluate_potential(*potential, frame);
  const auto energy = [&] {
    double sum = at.total();
    for (const Vec3& u : v) sum += 0.5 * mass * norm_sq(u);
    return sum;
  };
  const double first = energy(), potential_first = at.total();
  double drift[2] = {0, 0}, exchanged = 0;
  for (int half = 0; half < 2; ++half) {
    const double dt = half == 0 ? 0.002 : 0.001;
    Frame start = frame;
    v.assign(frame.position.size(), Vec3{});
    at = evaluate_potential(*potential, frame);
    for (int step = 0; step < (half == 0 ? 50 : 100); ++step) {
      for (size_t i = 0; i < v.size(); ++i) {
        v[i] += 0.5 * dt / mass * at.force[i];
        frame.position[i] += dt * v[i];
      }
      at = evaluate_potential(*potential, frame);
      for (size_t i = 0; i < v.size(); ++i) v[i] += 0.5 * dt / mass * at.force[i];
      drift[half] = std::max(drift[half], std::fabs(energy() - first));
      exchanged = std::max(exchanged, std::fabs(at.total() - potential_first));
    }
    frame = start;
  }
  std::printf("NVE: %.3g eV exchanged, energy kept to %.3g and with half the step %.3g eV\n", exchanged,
              drift[0], drift[1]);
  EXPECT_GT(exchanged, 0.01);
  EXPECT_LT(drift[1], 0.02 * exchanged);
  EXPECT_NEAR(drift[0] / drift[1], 4, 1);  // velocity Verlet: of second order
}

TEST(Mtp, TurningShiftingPermutingAndRepeatingTheSystem) {
  const MtpModel model = test::small_mtp();
  const auto potential = make_mtp_potential(model, Exec{});
  const Frame frame = two_species_gas(30, 8.5, 5, true);
  const Evaluation at = evaluate_potential(*potential, frame);
  const double bound = 1e-11 * largest(at.force);

  const Evaluation turned = evaluate_potential(*potential, test::rotated(frame));
  Frame far = frame;  // atoms many cells away from the box
  for (size_t i = 0; i < far.position.size(); ++i)
    far.position[i] +=
        (static_cast<double>(i % 7) - 3) * 5 * frame.box.a - static_cast<double>(i % 3) * frame.box.c;
  const Evaluation moved = evaluate_potential(*potential, far);
  Frame reversed = frame;
  std::reverse(reversed.position.begin(), reversed.position.end());
  std::reverse(reversed.type.begin(), reversed.type.end());
  const Evaluation back = evaluate_potential(*potential, reversed);
  Frame twice = frame;
  twice.box = Box(2.0 * frame.box.a, frame.box.b, frame.box.c, frame.box.origin, true, true, true);
  for (size_t i = 0; i < frame.position.size(); ++i) {
    twice.position.push_back(frame.position[i] + frame.box.a);
    twice.type.push_back(frame.type[i]);
  }
  const Evaluation both = evaluate_potential(*potential, twice);
  const size_t n = frame.position.size();
  for (size_t i = 0; i < n; ++i) {
    EXPECT_NEAR(norm(turned.force[i]), norm(at.force[i]), bound);
    EXPECT_NEAR(turned.energy[i], at.energy[i], bound);
    EXPECT_NEAR(moved.energy[i], at.energy[i], bound);
    EXPECT_NEAR(norm(moved.force[i] - at.force[i]), 0, 10 * bound);  // wrapping far atoms rounds
    EXPECT_NEAR(norm(back.force[n - 1 - i] - at.force[i]), 0, bound);
    EXPECT_NEAR(norm(both.force[i] - at.force[i]), 0, bound);
    EXPECT_NEAR(norm(both.force[n + i] - at.force[i]), 0, bound);
  }
  EXPECT_NEAR(turned.total(), at.total(), bound);
}

TEST(Mtp, SlabsBatchesLongListsAndThreads) {
  const MtpModel model = test::small_mtp();
  const Frame frame = two_species_gas(60, 12, 21, true), other = two_species_gas(5, 5, 22);
  for (const Schedule& s : mtp_schedules()) {
    const auto potential = make_mtp_potential(model, s.exec);
    const Evaluation whole = evaluate_potential(*potential, frame, s.exec);
    const Evaluation long_list =
        evaluate_potential(*potential, {&frame}, s.exec, efv, {}, 1.3 * model.max_distance);
    const Evaluation batch = evaluate_potential(*potential, {&other, &frame, &other}, s.exec, efv);
    std::vector<Vec3> sum(frame.position.size());
    std::vector<double> energy(frame.position.size());
    std::array<double, 6> virial{};
    for (const auto& [lo, hi] : {std::pair{0.0, 0.3}, std::pair{0.3, 0.45}, std::pair{0.45, 1.0}}) {
      const Evaluation part = evaluate_potential(*potential, {&frame}, s.exec, efv, {}, 0, Slab{1, lo, hi});
      for (size_t i = 0; i < sum.size(); ++i) sum[i] += part.force[i], energy[i] += part.energy[i];
      for (size_t c = 0; c < 6; ++c) virial[c] += part.total_virial()[c];
    }
    const double scale = largest(whole.force);
    EXPECT_LE(difference(sum, whole.force), 1e-12 * scale) << s.name;
    EXPECT_LE(difference(long_list.force, whole.force), 1e-12 * scale) << s.name;
    for (size_t i = 0; i < sum.size(); ++i) {
      EXPECT_NEAR(energy[i], whole.energy[i], 1e-12 * scale) << s.name;
      EXPECT_NEAR(norm(batch.force[i + 5] - whole.force[i]), 0, 1e-12 * scale) << s.name;
    }
    for (size_t c = 0; c < 6; ++c) EXPECT_NEAR(virial[c], whole.total_virial()[c], 1e-11 * scale) << s.name;
  }
  // The same bits for any number of threads.
  Exec one, three;
  three.threads = 3;
  const Frame large = two_species_gas(400, 20, 23);
  const Evaluation a = evaluate_potential(*make_mtp_potential(model, one), large, one);
  const Evaluation b = evaluate_potential(*make_mtp_potential(model, three), large, three);
  EXPECT_EQ(a.energy, b.energy);
  EXPECT_TRUE(a.force == b.force);
  EXPECT_EQ(a.virial, b.virial);
}

TEST(Mtp, PairsBelowTheMinimalDistanceAreCounted) {
  MtpModel model = test::small_mtp(1);
  Frame frame = test::crystal(Structure::fcc, 4.2, {3, 3, 3});
  frame.position[10] = frame.position[4] + Vec3{1.0, 0.8, 0.2};  // 1.3 A, r_min is 1.75
  frame.position.erase(frame.position.begin() + 11, frame.position.begin() + 12);
  frame.type.pop_back();
  unsigned long long n_close = 0;
  for (size_t i = 0; i < frame.position.size(); ++i)
    for (size_t j = 0; j < frame.position.size(); ++j) {
      Vec3 d = frame.position[j] - frame.position[i];
      for (int c = 0; c < 3; ++c) d[c] -= 12.6 * std::round(d[c] / 12.6);
      n_close += i != j && norm(d) < model.min_distance ? 1 : 0;
    }
  ASSERT_GE(n_close, 2u);
  for (const bool repulsive : {false, true}) {
    model.repulsive = repulsive;
    const Slow wanted = slow(model, frame);
    for (const Schedule& s : mtp_schedules()) {
      const auto potential = make_mtp_potential(model, s.exec);
      const Evaluation found = evaluate_potential(*potential, frame, s.exec);
      EXPECT_EQ(found.too_close.count, n_close) << s.name;
      expect_equal(found, wanted, 1e-12, s.name);
    }
  }
}

TEST(Mtp, GradientsInTheCoefficientsAndGrades) {
  MtpModel model = test::small_mtp();
  model.active_set = test::small_active_set(model);
  const auto n = static_cast<size_t>(model.n_coefficients());
  const Frame frame = two_species_gas(20, 8, 31), other = two_species_gas(6, 6, 32);
  const Slow wanted = slow(model, frame, true);
  const std::vector<double>& X = model.active_set->inverse_transposed;
  for (const Schedule& s : mtp_schedules()) {
    const auto potential = make_mtp_potential(model, s.exec);
    const Evaluation found =
        evaluate_potential(*potential, {&frame, &other}, s.exec, {true, true, true, true, true, true});
    std::vector<double> sum(n);
    for (size_t i = 0; i < frame.position.size(); ++i) {
      double grade = 0, scale = 0;
      for (size_t l = 0; l < n; ++l) scale = std::max(scale, std::fabs(wanted.gradient[i][l]));
      for (size_t l = 0; l < n; ++l) {
        EXPECT_NEAR(found.gradient[i][l], wanted.gradient[i][l], 1e-12 * scale)
            << s.name << " atom " << i << " coefficient " << l;
        sum[l] += wanted.gradient[i][l];
      }
      for (size_t k = 0; k < n; ++k) {
        double c = 0;
        for (size_t l = 0; l < n; ++l) c += wanted.gradient[i][l] * X[k * n + l];
        grade = std::max(grade, std::fabs(c));
      }
      EXPECT_NEAR(found.grade[i], grade, 1e-8 * grade) << s.name;
    }
    for (size_t l = 0; l < n; ++l)
      EXPECT_NEAR(found.gradient_sum[0][l], sum[l], 1e-11 * std::max(1.0, std::fabs(sum[l]))) << s.name;
    EXPECT_NE(found.gradient_sum[1], found.gradient_sum[0]);
    // Alone and together with energies: the same.
    const Evaluation alone =
        evaluate_potential(*potential, {&frame, &other}, s.exec, {false, false, false, true, false, false});
    for (size_t i = 0; i < frame.position.size(); ++i) EXPECT_EQ(alone.grade[i], found.grade[i]) << s.name;
  }
}

// With gradients rounded to single precision the empty slots of the active set (rows of 1e6 in X) would make
// grades wrong by more than 1: a potential of mixed precision computes them in double.
TEST(Mtp, GradesAreNeverInSinglePrecision) {
  MtpModel model = test::small_mtp();
  model.active_set = test::small_active_set(model);
  const auto n = static_cast<size_t>(model.n_coefficients());
  ASSERT_NE(std::count(model.active_set->origin.begin(), model.active_set->origin.end(),
                       std::pair<int64_t, int64_t>(-1, -1)),
            0);
  const Frame frame = two_species_gas(20, 8, 31);
  const PotentialDemand grades{false, false, false, true, true, false};
  const auto full = make_mtp_potential(model, Exec{}),
             mixed = make_mtp_potential(model, Exec{}, MtpPrecision::mixed);
  const Evaluation a = evaluate_potential(*full, {&frame}, Exec{}, grades),
                   b = evaluate_potential(*mixed, {&frame}, Exec{}, grades);
  double worst_rounded = 0;
  for (size_t i = 0; i < frame.position.size(); ++i) {
    EXPECT_NEAR(b.grade[i], a.grade[i], 1e-8 * a.grade[i]);
    double rounded = 0;
    for (size_t k = 0; k < n; ++k) {
      double sum = 0;
      for (size_t l = 0; l < n; ++l)
        sum += static_cast<double>(static_cast<float>(a.gradient[i][l])) *
               model.active_set->inverse_transposed[k * n + l];
      rounded = std::max(rounded, std::fabs(sum));
    }
    worst_rounded = std::max(worst_rounded, std::fabs(rounded - a.grade[i]));
  }
  std::printf("gradients rounded to single precision would change grades by %.2g\n", worst_rounded);
  EXPECT_GT(worst_rounded, 1e-5);
}

TEST(Mtp, CooperativeTeamsEqualOneThread) {
  MtpModel model = test::small_mtp();
  const Frame frame = two_species_gas(6, 6, 41);
  const Slow wanted = slow(model, frame, true);
  Exec plain;
  plain.plain = true;
  const MtpTables tables = make_mtp_tables(model, true);
  const MtpTablesOnProcessor on_processor(tables, plain);
  Batch batch(plain);
  batch.build({&frame}, model.max_distance, model.max_distance);
  NeighborList list(plain);
  list.build(batch, model.max_distance);
  const auto n_local = static_cast<size_t>(batch.n_local()), n = static_cast<size_t>(model.n_coefficients());
  const std::vector<int32_t> species{0, 1};
  std::vector<double> energy(n_local), force(3 * static_cast<size_t>(batch.n_total())), virial(6 * n_local),
      gradient(n * n_local), pairs(3 * static_cast<size_t>(list.n_pairs()));
  Condition too_close;
  const MtpKernel<double> kernel{
      batch.view(), list.view(),   on_processor.view(), species.data(),  0,          energy.data(),
      force.data(), virial.data(), pairs.data(),        gradient.data(), &too_close, nullptr};
  const MtpView& t = on_processor.view();
  test::run_emulated<8>(kernel, batch.n_local(),
                        mtp_scratch_bytes<double>(t.n_stored, t.n_radial, t.n_basis, t.max_degree, 8));
  const Span<const int64_t> source = batch.source();
  for (size_t k = 0; k < n_local; ++k) {
    const auto i = static_cast<size_t>(source[static_cast<int64_t>(k)]);
    EXPECT_NEAR(energy[k], wanted.energy[i], 1e-12 * std::fabs(wanted.energy[i]));
    for (size_t l = 0; l < n; ++l)
      EXPECT_NEAR(gradient[k * n + l], wanted.gradient[i][l],
                  1e-11 * std::max(1.0, std::fabs(wanted.gradient[i][l])));
  }
  std::vector<Vec3> sum(frame.position.size());
  for (size_t k = 0; k < n_local; ++k)
    sum[static_cast<size_t>(source[static_cast<int64_t>(k)])] +=
        Vec3{force[3 * k], force[3 * k + 1], force[3 * k + 2]};
  for (int64_t p = 0; p < list.n_pairs(); ++p) {
    const auto at = static_cast<size_t>(3 * p);
    sum[static_cast<size_t>(source[list.view().index[p]])] -= Vec3{pairs[at], pairs[at + 1], pairs[at + 2]};
  }
  EXPECT_LE(difference(sum, wanted.force), 1e-12 * largest(wanted.force));
}

TEST(Mtp, RefusesWhatItCannotEvaluate) {
  MtpModel model = test::small_mtp();
  model.linear.clear();
  EXPECT_THROW(make_mtp_potential(model, Exec{}), InputError);
  model = test::small_mtp();
  const auto potential = make_mtp_potential(model, Exec{});
  const Frame frame = two_species_gas(6, 6, 41);
  EXPECT_THROW(evaluate_potential(*potential, {&frame}, Exec{}, efv, {}, 0.9 * model.max_distance),
               UsageError);
  EXPECT_THROW(evaluate_potential(*potential, {&frame}, Exec{}, {true, false, false, true, false, false}),
               UsageError);
}

// ---- Every level

MtpModel random_level(int level, int n_species) {
  MtpModel model = mtp_basis(level);
  model.name = fmt::format("level {}", level);
  model.n_species = n_species;
  for (int32_t s = 0; s < n_species; ++s) model.type_labels.push_back(s);
  model.n_radial_basis = 7;
  model.min_distance = 1.8;
  model.max_distance = 5.0;
  randomize_coefficients(model, static_cast<uint64_t>(level));
  return model;
}

// Force and virial against finite differences of the energy, in every direction.
void check_derivatives(const MtpModel& model, const Frame& frame) {
  const auto potential = make_mtp_potential(model, Exec{});
  const Evaluation at = evaluate_potential(*potential, frame);
  const double h = 1e-4, scale = largest(at.force);
  for (int c = 0; c < 3; ++c) {
    double energy[2][2];
    for (int side = 0; side < 2; ++side) {
      Frame moved = frame, strained = frame;
      moved.position[2][c] += side == 0 ? h : -h;
      energy[0][side] = evaluate_potential(*potential, moved).total();
      const double factor = side == 0 ? 1 + h : 1 - h;
      const auto stretch = [&](Vec3 r) { return r[c] *= factor, r; };
      const Box& b = frame.box;
      strained.box = Box(stretch(b.a), stretch(b.b), stretch(b.c), stretch(b.origin), b.periodic[0],
                         b.periodic[1], b.periodic[2]);
      for (Vec3& r : strained.position) r = stretch(r);
      energy[1][side] = evaluate_potential(*potential, strained).total();
    }
    EXPECT_NEAR(at.force[2][c], -(energy[0][0] - energy[0][1]) / (2 * h), 1e-5 * scale) << model.name;
    EXPECT_NEAR(at.total_virial()[static_cast<size_t>(c)], -(energy[1][0] - energy[1][1]) / (2 * h),
                1e-4 * scale)
        << model.name;
  }
}

// The basis of a level as Grainfield makes it, against the formulas.
void check_level(int level) {
  const MtpModel model = random_level(level, 2);
  const Frame frame = two_species_gas(6, 6.5, static_cast<uint64_t>(100 + level), true);
  const Slow wanted = slow(model, frame);
  for (const Schedule& s : mtp_schedules()) {
    const auto potential = make_mtp_potential(model, s.exec);
    expect_equal(evaluate_potential(*potential, frame, s.exec), wanted, 1e-11, model.name + " " + s.name);
  }
  check_derivatives(model, frame);
}

TEST(Mtp, LevelsToTwelve) {
  for (const int level : {2, 6, 8, 10, 12}) check_level(level);
}
// Higher ones: TemplatesOfEveryLevelEqualNumpy. Making their bases takes too long here.
TEST(LongMtp, LevelsToTwentyTwo) {
  for (const int level : {14, 16, 18, 20, 22}) check_level(level);
}

// MLIP-3's templates, filled by the rule of tests/data/generate/mtp_levels.py, against numpy.
TEST(LongMtpReference, TemplatesOfEveryLevelEqualNumpy) {
  GF_NEEDS_SHARED(shared);
  std::ifstream in(test::data_folder() + "/mtp_levels.json");
  const auto fixture = nlohmann::json::parse(in);
  Frame frame;
  frame.box = Box({100, 0, 0}, {0, 100, 0}, {0, 0, 100}, {0, 0, 0}, false, false, false);
  frame.species = {{"", 0, 0}, {"", 0, 1}};
  for (const auto& r : fixture["positions"]) frame.position.push_back({r[0], r[1], r[2]});
  frame.type = fixture["types"].get<std::vector<int32_t>>();
  const auto number = [](int64_t k) {
    return static_cast<double>((7919 * k + 104729) % 10007) / 10007 - 0.5;
  };
  int compared = 0;
  for (const auto& [level, wanted] : fixture["levels"].items()) {
    MtpModel model =
        read_mtp(fmt::format("{}/potentials/mtp_templates/{:02}.almtp", shared, std::stoi(level)), {true});
    model.n_species = 2;
    model.type_labels = {0, 1};
    model.scaling = fixture["scaling"];
    model.min_distance = fixture["min_distance"];
    model.max_distance = fixture["max_distance"];
    model.n_radial_basis = fixture["radial_basis_size"];
    model.radial.clear();
    model.species_energy.clear();
    model.linear.clear();
    for (int64_t k = 0; k < 4 * model.n_radial * model.n_radial_basis; ++k) model.radial.push_back(number(k));
    for (int64_t k = 0; k < 2; ++k) model.species_energy.push_back(number(5000 + k));
    for (size_t k = 0; k < model.scalars.size(); ++k)
      model.linear.push_back(number(6000 + static_cast<int64_t>(k)));
    Slow numpy;
    numpy.energy = wanted["site_energy"].get<std::vector<double>>();
    for (const auto& f : wanted["force"]) numpy.force.push_back({f[0], f[1], f[2]});
    const auto& w = wanted["virial"];
    numpy.virial = {w[0][0], w[1][1], w[2][2], w[0][1], w[0][2], w[1][2]};
    for (const Schedule& s : mtp_schedules()) {
      const auto potential = make_mtp_potential(model, s.exec);
      expect_equal(evaluate_potential(*potential, frame, s.exec), numpy, 1e-10,
                   "level " + level + " " + s.name);
      ++compared;
    }
    model.name = "template " + level;
    check_derivatives(model, frame);
  }
  std::printf("compared %d evaluations with numpy\n", compared);
  EXPECT_EQ(compared, 11 * static_cast<int>(mtp_schedules().size()));
}

// ---- Against MLIP-3 and LAMMPS

// The reference structures of a potential, with species as the potential numbers them.
struct ReferenceCase {
  std::string name;
  Frame frame;
  Slow wanted;  // by MLIP-3
};

std::vector<ReferenceCase> reference_cases(const std::string& folder) {
  std::vector<ReferenceCase> cases;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".xyz") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const auto& path : files) {
    ReferenceCase c;
    c.name = path.stem().string();
    open_reader(path.string())->next(c.frame);
    const std::vector<std::string> order{"Fe", "Ni", "Cr"};
    for (int32_t& t : c.frame.type)
      t = static_cast<int32_t>(
          std::find(order.begin(), order.end(), c.frame.species[static_cast<size_t>(t)].name) -
          order.begin());
    const Column* force = c.frame.find_column("force");
    const Column* energy = c.frame.find_column("site_energy");
    c.wanted.energy = energy->real;
    for (size_t i = 0; i < c.frame.position.size(); ++i)
      c.wanted.force.push_back({force->real[3 * i], force->real[3 * i + 1], force->real[3 * i + 2]});
    for (const auto& [key, value] : c.frame.info)
      if (key == "virial") {
        std::istringstream in(value);
        double w[9];
        for (double& x : w) in >> x;
        c.wanted.virial = {w[0], w[4], w[8], w[1], w[2], w[5]};
      }
    cases.push_back(std::move(c));
  }
  return cases;
}

std::string potential_path(const std::string& shared, const std::string& name) {
  const std::string own = shared + "/reference/mtp/data/potentials/" + name + ".mtp";
  return std::filesystem::exists(own) ? own : shared + "/potentials/fe_ito/" + name + ".mtp";
}

TEST(LongMtpReference, EqualsMlip3OnEveryStructure) {
  GF_NEEDS_SHARED(shared);
  int compared = 0;
  for (const char* name : {"pot_16", "pot_20", "pot_22", "rand2_l12", "rand2_l10_Z", "rand3_l08"}) {
    const MtpModel model = read_mtp(potential_path(shared, name));
    for (const ReferenceCase& c : reference_cases(shared + "/reference/mtp/data/ref/" + name))
      for (const Schedule& s : mtp_schedules()) {
        const auto potential = make_mtp_potential(model, s.exec);
        // fe_short3: atoms at 1.17 A, where the polynomials cancel: the reference itself has 10 digits.
        const double bound = c.name == "fe_short3" ? 1e-9 : 1e-10;
        expect_equal(evaluate_potential(*potential, {&c.frame}, s.exec, efv, {0, 1, 2}), c.wanted, bound,
                     std::string(name) + " " + c.name + " " + s.name);
        ++compared;
      }
  }
  std::printf("compared %d evaluations with MLIP-3\n", compared);
  EXPECT_GE(compared, 5 * (3 * 10 + 3 * 6));
}

TEST(LongMtpReference, EqualsLammps) {
  GF_NEEDS_SHARED(shared);
  int compared = 0;
  for (const char* name : {"pot_16", "pot_20", "pot_22", "rand2_l12", "rand3_l08"}) {
    const MtpModel model = read_mtp(potential_path(shared, name));
    const auto potential = make_mtp_potential(model, Exec{});
    for (const ReferenceCase& c : reference_cases(shared + "/reference/mtp/data/ref/" + std::string(name))) {
      std::ifstream in(shared + "/reference/mtp/data/ref/" + name + "/" + c.name + ".lmp.txt");
      if (!in) continue;
      const Evaluation found = evaluate_potential(*potential, {&c.frame}, Exec{}, efv, {0, 1, 2});
      const double scale = std::max(1.0, largest(found.force)), bound = c.name == "fe_short3" ? 1e-9 : 1e-10;
      for (std::string line; std::getline(in, line);) {
        std::istringstream row(line);
        size_t id;
        int type;
        Vec3 r, f;
        double e;
        if (line[0] == '#' || !(row >> id >> type >> r.x >> r.y >> r.z >> f.x >> f.y >> f.z >> e)) continue;
        EXPECT_NEAR(norm(found.force[id - 1] - f), 0, bound * scale)
            << name << " " << c.name << " atom " << id;
        EXPECT_NEAR(found.energy[id - 1], e, bound * std::max(1.0, std::fabs(e)))
            << name << " " << c.name << " atom " << id;
        ++compared;
      }
    }
  }
  std::printf("compared %d atoms with LAMMPS\n", compared);
  EXPECT_GT(compared, 1000);
}

TEST(LongMtpReference, MixedPrecisionOnRattledIron) {
  GF_NEEDS_SHARED(shared);
  for (const char* name : {"pot_16", "pot_20", "pot_22"}) {
    const MtpModel model = read_mtp(potential_path(shared, name));
    const auto mixed = make_mtp_potential(model, Exec{}, MtpPrecision::mixed);
    for (const ReferenceCase& c : reference_cases(shared + "/reference/mtp/data/ref/" + std::string(name))) {
      if (c.name != "fe_bcc54" && c.name != "fe_vac127" && c.name != "fe_tric96" && c.name != "fe_s5gb80")
        continue;
      const Evaluation found = evaluate_potential(*mixed, c.frame);
      double sum = 0, worst_energy = 0;
      for (size_t i = 0; i < found.force.size(); ++i) {
        sum += norm_sq(found.force[i] - c.wanted.force[i]);
        worst_energy = std::max(worst_energy, std::fabs(found.energy[i] - c.wanted.energy[i]));
      }
      const double rms = std::sqrt(sum / (3.0 * static_cast<double>(found.force.size())));
      std::printf("mixed %s %s: forces rms %.2g eV/A, site energies max %.2g eV\n", name, c.name.c_str(), rms,
                  worst_energy);
      EXPECT_LT(rms, 1e-4);
      EXPECT_LT(worst_energy, 1e-4);
      EXPECT_GT(rms, 0);
    }
  }
}

TEST(LongMtpReference, GradientsAndGradesEqualMlip3) {
  GF_NEEDS_SHARED(shared);
  const std::string data = shared + "/reference/mtp/data/";
  const auto frames_of = [&](const std::string& file) {
    std::vector<Frame> frames;
    const auto reader = open_reader(file);
    for (Frame f; reader->next(f);) {
      for (int32_t& t : f.type) t = f.species[static_cast<size_t>(t)].label;
      f.species.resize(3);
      frames.push_back(f);
    }
    return frames;
  };
  int compared = 0;
  for (const auto& [name, structure] : {std::pair{"pot_16", "fe_clus5"}, std::pair{"pot_16", "fe_small3"},
                                        std::pair{"rand2_l12", "m2_s3"}, std::pair{"rand3_l08", "m3_s3"}}) {
    const MtpModel model = read_mtp(potential_path(shared, name));
    const auto potential = make_mtp_potential(model, Exec{});
    const Frame frame = frames_of(data + "structures/" + structure + ".cfg").at(0);
    const Evaluation found = evaluate_potential(*potential, {&frame}, Exec{},
                                                {false, false, false, false, true, false}, {0, 1, 2});
    const std::string tag = std::string(name) == "pot_16" ? "pot_16" : name;
    std::ifstream in(data + "grades/bvec_" + tag + "_" + structure + ".txt");
    ASSERT_TRUE(in) << tag;
    for (std::string line; std::getline(in, line);) {
      if (line[0] == '#') continue;
      std::istringstream row(line);
      size_t s, i;
      row >> s >> i;
      double scale = 0;
      std::vector<double> wanted;
      for (double b; row >> b;) wanted.push_back(b), scale = std::max(scale, std::fabs(b));
      ASSERT_EQ(wanted.size(), found.gradient[i].size());
      for (size_t l = 0; l < wanted.size(); ++l, ++compared)
        EXPECT_NEAR(found.gradient[i][l], wanted[l], 1e-11 * scale)
            << structure << " atom " << i << " coefficient " << l;
    }
  }
  for (const auto& [name, file] :
       {std::pair{"pot_16_fe", "all_fe"}, std::pair{"rand2_l12_nbh", "all_rand2_l12"},
        std::pair{"ex04_pot", "ex04_train"}}) {
    const MtpModel model = read_mtp(data + "potentials/" + std::string(name) + ".almtp");
    const auto potential = make_mtp_potential(model, Exec{});
    std::ifstream in(data + "grades/" + std::string(name) + ".txt");
    std::string line;
    std::getline(in, line);
    std::getline(in, line);
    for (const Frame& frame : frames_of(data + "structures/" + std::string(file) + ".cfg")) {
      const Evaluation found = evaluate_potential(*potential, {&frame}, Exec{},
                                                  {false, false, false, true, false, false}, {0, 1, 2});
      for (size_t i = 0; i < found.grade.size(); ++i, ++compared) {
        std::string structure;
        size_t id;
        double grade;
        std::getline(in, line);
        std::istringstream(line) >> structure >> id >> grade;
        ASSERT_EQ(id, i + 1);
        EXPECT_NEAR(found.grade[i], grade, 1e-8 * grade) << name << " " << structure << " atom " << id;
      }
    }
  }
  std::printf("compared %d numbers with MLIP-3\n", compared);
  EXPECT_GT(compared, 2000);
}

}  // namespace
}  // namespace grainfield
