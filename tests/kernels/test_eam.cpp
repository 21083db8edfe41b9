// Embedded-atom potentials against the O(N^2) reference, LAMMPS, derivatives of the energy, and symmetries.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "host/error.hpp"
#include "host/match_species.hpp"
#include "io/eam_file.hpp"
#include "io/reader.hpp"
#include "kernels/potential/eam.hpp"
#include "tests/reference/eam_ref.hpp"
#include "tests/support/eam_systems.hpp"
#include "tests/support/emulated_team.hpp"
#include "tests/support/gzip_lines.hpp"
#include "tests/support/shared.hpp"
#include "tests/support/systems.hpp"

namespace grainfield {
namespace {

using test::evaluate;
using test::Evaluation;
using test::PotentialRun;
using test::smooth_eam;

// Sums of some 100 terms of the size of the largest result, in another order.
constexpr double rounding = 2e-13;

std::vector<Exec> executions() {
  std::vector<Exec> all = test::executions();
  for (const Simd simd : {Simd::avx2, Simd::portable}) {
    Exec narrow;
    narrow.simd = simd;
    all.push_back(narrow);
  }
  return all;
}

std::unique_ptr<Potential> make(const EamModel& model, const Exec& exec = {}) {
  return make_eam_potential(model, exec);
}

const Box boxes[] = {Box({9, 0, 0}, {0, 10, 0}, {0, 0, 11}), Box({9, 0, 0}, {3, 10, 0}, {-2, 4, 11}),
                     Box({9, 0, 0}, {3, 10, 0}, {-2, 4, 11}, {1, 2, 3}, true, false, true),
                     Box({9, 0, 0}, {0, 10, 0}, {0, 0, 11}, {}, false, false, false),
                     Box({2, 0, 0}, {0.5, 2.5, 0}, {0.3, -0.4, 12})};

// Atoms in the box, none closer than 1.2 A to another (1 A in the thin box).
Frame loose_gas(const Box& box, int64_t n, uint64_t seed, int n_species) {
  Frame gas = test::ideal_gas(box, 20 * n, seed, n_species), frame = gas;
  frame.position.clear();
  frame.type.clear();
  for (size_t i = 0; i < gas.position.size() && frame.n_atoms() < n; ++i) {
    bool room = true;
    for (const Vec3& r : frame.position) {
      for (int a = -1; a <= 1; ++a)
        for (int b = -1; b <= 1; ++b)
          for (int c = -1; c <= 1; ++c)
            room = room && norm(gas.position[i] - r + double(a) * box.a + double(b) * box.b +
                                double(c) * box.c) > 1.2;
    }
    if (!room) continue;
    frame.position.push_back(gas.position[i]);
    frame.type.push_back(gas.type[i]);
  }
  return frame;
}

TEST(Eam, EqualsTheReference) {
  uint64_t seed = 1;
  for (const Box& box : boxes)
    for (const auto& [kind, n_species] :
         {std::pair{EamKind::alloy, 1}, std::pair{EamKind::alloy, 3}, std::pair{EamKind::fs, 2}}) {
      const EamModel model = smooth_eam(n_species, kind);
      const Frame frame = test::ideal_gas(box, 60, seed++, n_species);
      const reference::EamResult expected = reference::eam(model, frame, frame.type);
      for (const Exec& exec : executions())
        for (const double skin : {0.0, 0.7}) {
          PotentialRun run;
          run.exec = exec;
          run.skin = skin;
          const Evaluation found = evaluate(*make(model, exec), frame, run);
          EXPECT_LT(test::largest_difference(expected, found), rounding)
              << n_species << " species, skin " << skin;
        }
    }
}

// The same bits for any number of threads.
TEST(Eam, ThreadsChangeNoBit) {
  const EamModel model = smooth_eam(2, EamKind::fs);
  const Frame frame = test::ideal_gas(Box({20, 0, 0}, {3, 21, 0}, {-2, 4, 22}), 2000, 5, 2);
  PotentialRun four;
  four.exec.threads = 4;
  const Evaluation a = evaluate(*make(model), frame), b = evaluate(*make(model), frame, four);
  EXPECT_EQ(a.energy, b.energy);
  EXPECT_EQ(a.virial, b.virial);
  for (size_t i = 0; i < a.force.size(); ++i) EXPECT_TRUE(a.force[i] == b.force[i]);
}

// Central differences with step h: the error is h^2 times the third derivative plus rounding of E over h,
// 1e-8 in all for h = 1e-4 A.
TEST(Eam, ForcesAreMinusTheGradient) {
  for (const int n_species : {1, 3}) {
    const auto potential = make(smooth_eam(n_species, EamKind::fs));
    const Frame frame = loose_gas(boxes[1], 40, 3, n_species);
    const Evaluation at = evaluate(*potential, frame);
    const double h = 1e-4;
    for (size_t i = 0; i < frame.position.size(); i += 7)
      for (int k = 0; k < 3; ++k) {
        Frame plus = frame, minus = frame;
        plus.position[i][k] += h;
        minus.position[i][k] -= h;
        const double gradient =
            (evaluate(*potential, plus).total() - evaluate(*potential, minus).total()) / (2 * h);
        EXPECT_NEAR(at.force[i][k], -gradient, 1e-7 * std::max(1.0, std::fabs(gradient)));
      }
    Vec3 sum{};
    for (const Vec3& f : at.force) sum += f;
    EXPECT_LT(norm(sum), 1e-12 * static_cast<double>(frame.position.size()));
  }
}

TEST(Eam, VirialIsMinusTheStrainDerivative) {
  const auto potential = make(smooth_eam(2, EamKind::fs));
  const Frame frame = loose_gas(boxes[1], 40, 4, 2);
  const std::array<double, 6> virial = evaluate(*potential, frame).total_virial();
  const int rows[6] = {0, 1, 2, 0, 0, 1}, columns[6] = {0, 1, 2, 1, 2, 2};
  const double h = 1e-5;
  for (size_t k = 0; k < 6; ++k) {
    double energy[2];
    for (const int side : {0, 1}) {
      Frame strained = frame;
      const auto stretch = [&](Vec3 r) {
        Vec3 out = r;
        out[rows[k]] += (side ? h : -h) * r[columns[k]];
        return out;
      };
      strained.box = Box(stretch(frame.box.a), stretch(frame.box.b), stretch(frame.box.c));
      for (Vec3& r : strained.position) r = stretch(r);
      energy[side] = evaluate(*potential, strained).total();
    }
    EXPECT_NEAR(virial[k], -(energy[1] - energy[0]) / (2 * h), 1e-6 * std::max(1.0, std::fabs(virial[k])))
        << k;
  }
}

TEST(Eam, RotationTranslationPermutationSupercell) {
  const auto potential = make(smooth_eam(2, EamKind::fs));
  const Frame frame = loose_gas(boxes[1], 50, 6, 2);
  const Evaluation at = evaluate(*potential, frame);

  const Evaluation turned = evaluate(*potential, test::rotated(frame));
  Frame probe;  // the rotation, applied to the forces
  probe.box = Box({1, 0, 0}, {0, 1, 0}, {0, 0, 1});
  probe.position = at.force;
  const std::vector<Vec3> turned_force = test::rotated(probe).position;
  Frame moved = frame;
  for (Vec3& r : moved.position) r += Vec3{31.7, -12.3, 5.9};
  const Evaluation translated = evaluate(*potential, moved);
  Frame reversed = frame;
  std::reverse(reversed.position.begin(), reversed.position.end());
  std::reverse(reversed.type.begin(), reversed.type.end());
  const Evaluation back = evaluate(*potential, reversed);
  Frame twice = frame;
  twice.box = Box(frame.box.a, 2.0 * frame.box.b, frame.box.c);
  for (size_t i = 0; i < frame.position.size(); ++i) {
    twice.position.push_back(frame.position[i] + frame.box.b);
    twice.type.push_back(frame.type[i]);
  }
  const Evaluation both = evaluate(*potential, twice);
  const size_t n = frame.position.size();
  // Positions move by their rounding, 1e-14 A; force constants are below 100 eV/A^2.
  for (size_t i = 0; i < n; ++i) {
    EXPECT_NEAR(turned.energy[i], at.energy[i], 1e-11);
    EXPECT_LT(norm(turned.force[i] - turned_force[i]), 1e-11);
    EXPECT_NEAR(turned.virial[i][0] + turned.virial[i][1] + turned.virial[i][2],
                at.virial[i][0] + at.virial[i][1] + at.virial[i][2], 1e-11);
    EXPECT_NEAR(translated.energy[i], at.energy[i], 1e-11);
    EXPECT_LT(norm(translated.force[i] - at.force[i]), 1e-11);
    EXPECT_NEAR(back.energy[n - 1 - i], at.energy[i], 1e-12);
    EXPECT_LT(norm(back.force[n - 1 - i] - at.force[i]), 1e-12);
    for (const size_t k : {i, i + n}) {
      EXPECT_NEAR(both.energy[k], at.energy[i], 1e-11);
      EXPECT_LT(norm(both.force[k] - at.force[i]), 1e-11);
      for (size_t c = 0; c < 6; ++c) EXPECT_NEAR(both.virial[k][c], at.virial[i][c], 1e-11);
    }
  }
}

// Any cut into slabs, along any cell vector, periodic or free, thinner than the cutoff too.
TEST(Eam, SlabsAddUpToTheWhole) {
  for (const int n_species : {1, 2}) {
    const auto potential = make(smooth_eam(n_species, EamKind::fs));
    for (const Box& box : {Box({8, 0, 0}, {3, 9, 0}, {-2, 4, 40}),
                           Box({8, 0, 0}, {3, 9, 0}, {-2, 4, 40}, {}, true, false, false)}) {
      const Frame frame = test::ideal_gas(box, 400, 8, n_species);
      const Evaluation whole = evaluate(*potential, frame);
      for (const int axis : {0, 2})
        for (const std::vector<double>& cuts :
             {std::vector<double>{0.5}, std::vector<double>{0.3, 0.31, 0.7}})
          for (const Exec& exec : executions()) {
            PotentialRun run;
            run.exec = exec;
            run.slabs.clear();
            double lo = -std::numeric_limits<double>::infinity();
            for (const double cut : cuts) {
              run.slabs.push_back({axis, lo, cut});
              lo = cut;
            }
            run.slabs.push_back({axis, lo, std::numeric_limits<double>::infinity()});
            const Evaluation sum = evaluate(*make(smooth_eam(n_species, EamKind::fs), exec), frame, run);
            EXPECT_LT(test::largest_difference(whole, sum), 1e-12) << "axis " << axis;
          }
    }
  }
}

// Many systems in one batch are the systems one by one, to the last bit.
TEST(Eam, ManySystemsInOneBatch) {
  const auto potential = make(smooth_eam(2, EamKind::fs));
  std::vector<Frame> frames;
  std::vector<const Frame*> pointers;
  for (uint64_t k = 0; k < 5; ++k)
    frames.push_back(test::ideal_gas(boxes[k], 30 + 11 * static_cast<int64_t>(k), k, 2));
  for (const Frame& f : frames) pointers.push_back(&f);
  const Evaluation all = evaluate(*potential, pointers);
  size_t at = 0;
  for (const Frame& f : frames) {
    const Evaluation one = evaluate(*potential, f);
    for (size_t i = 0; i < f.position.size(); ++i, ++at) {
      EXPECT_NEAR(all.energy[at], one.energy[i], 1e-12);
      EXPECT_LT(norm(all.force[at] - one.force[i]), 1e-12 * std::max(1.0, norm(one.force[i])));
    }
  }
}

// Lanes of a team, as on a GPU, against one thread.
TEST(Eam, EmulatedTeams) {
  for (const int n_species : {1, 2}) {
    const EamModel model = smooth_eam(n_species, EamKind::fs);
    const EamPotential potential(model, {});
    const Frame frame = test::ideal_gas(boxes[1], 24, 9, n_species);
    const Evaluation expected = evaluate(potential, frame);
    Batch batch({});
    batch.build({&frame}, model.cutoff, model.cutoff);
    NeighborList list({});
    list.build(batch, model.cutoff);
    const BatchView view = batch.view();
    const auto n = static_cast<size_t>(view.n_local);
    std::vector<EamAtom> atoms(static_cast<size_t>(view.n_total));
    std::vector<int32_t> species(atoms.size());
    for (size_t i = 0; i < atoms.size(); ++i) {
      atoms[i] = {view.x[i], view.y[i], view.z[i], 0};
      species[i] = view.type[i];
    }
    std::vector<double> energy(n), slope(n), force(3 * atoms.size()), virial(6 * atoms.size());
    const EamView v{potential.tables(), atoms.data(), species.data(), view.parent, view.n_local, list.view()};
    test::run_emulated<8>(EamDensityKernel{v, energy.data(), slope.data()}, view.n_local);
    for (size_t i = 0; i < atoms.size(); ++i) atoms[i].slope = slope[static_cast<size_t>(view.parent[i])];
    test::run_emulated<8>(EamForceKernel{v, energy.data(), force.data(), virial.data()}, view.n_local);
    for (size_t i = 0; i < n; ++i) {
      const auto at = static_cast<size_t>(batch.source()[static_cast<int64_t>(i)]);
      EXPECT_NEAR(energy[i], expected.energy[at], 1e-12 * 100);
      for (int k = 0; k < 3; ++k)
        EXPECT_NEAR(force[3 * i + static_cast<size_t>(k)], expected.force[at][k],
                    1e-12 * std::max(100.0, norm(expected.force[at])));
    }
  }
}

TEST(Eam, OnlyWhatIsAskedFor) {
  const EamModel model = smooth_eam(1, EamKind::alloy);
  const auto potential = make(model);
  const Frame frame = test::ideal_gas(boxes[0], 60, 10);
  const Evaluation all = evaluate(*potential, frame);
  Batch batch({});
  batch.build({&frame}, model.cutoff, model.cutoff);
  NeighborList list({});
  list.build(batch, model.cutoff);
  for (int mask = 1; mask < 8; ++mask) {
    Workspace scratch({});
    const auto n = static_cast<size_t>(batch.n_local()), n_total = static_cast<size_t>(batch.n_total());
    std::vector<double> energy(n, 7), force(3 * n_total, 7), virial(6 * n_total, 7);
    PotentialOutput output;
    if (mask & 1) output.energy = energy.data();
    if (mask & 2) output.force = force.data();
    if (mask & 4) output.virial = virial.data();
    potential->evaluate(batch, list, {0}, output, scratch);
    for (size_t i = 0; i < n_total; ++i) {
      const auto at = static_cast<size_t>(batch.source()[static_cast<int64_t>(i)]);
      const bool ghost = i >= n;
      if (!ghost) {
        EXPECT_NEAR(energy[i], mask & 1 ? all.energy[at] : 7, 1e-12 * 100) << mask;
      }
      EXPECT_NEAR(force[3 * i], mask & 2 ? (ghost ? 0 : all.force[at].x) : 7, 1e-10) << mask;
      EXPECT_NEAR(virial[6 * i + 5], mask & 4 ? (ghost ? 0 : all.virial[at][5]) : 7, 1e-10) << mask;
    }
  }
}

// A crystal of one cell, smaller than the cutoff, has the energy of a large one; a lone atom has F(0).
TEST(Eam, SmallCellsAndLoneAtoms) {
  const EamModel model = smooth_eam(1, EamKind::alloy);
  const auto potential = make(model);
  const double small = evaluate(*potential, test::crystal(Structure::fcc, 3.6, {1, 1, 1})).total() / 4;
  const double large = evaluate(*potential, test::crystal(Structure::fcc, 3.6, {4, 4, 4})).total() / 256;
  EXPECT_NEAR(small, large, 1e-13 * std::fabs(large));
  Frame lone;
  lone.box = Box({20, 0, 0}, {0, 20, 0}, {0, 0, 20}, {}, false, false, false);
  lone.species = {{"Fe", 0, 1}};
  lone.position = {{1, 2, 3}};
  lone.type = {0};
  const Evaluation one = evaluate(*potential, lone);
  EXPECT_EQ(one.energy[0], model.embedding[0]);
  EXPECT_TRUE(one.force[0] == Vec3{});
  lone.position.clear();
  lone.type.clear();
  EXPECT_EQ(evaluate(*potential, lone).energy.size(), 0u);
}

// Beyond the tables: F in a straight line, functions of r as they end.
TEST(Eam, BeyondTheTables) {
  EamModel model = smooth_eam(1, EamKind::alloy, 4.5, 50, 30);
  model.d_rho = 0.05;  // a table that ends below the density of most of this gas
  model.rho_max = 29 * 0.05;
  model.cutoff = 4.6;  // and functions of r that end before the cutoff
  const Frame frame = test::ideal_gas(boxes[1], 60, 11);
  const reference::EamResult expected = reference::eam(model, frame, frame.type);
  EXPECT_GT(*std::max_element(expected.rho.begin(), expected.rho.end()), 2 * model.rho_max);
  for (const Exec& exec : executions())
    EXPECT_LT(test::largest_difference(expected, evaluate(*make(model, exec), frame, {exec})), rounding);
  for (double& f : model.density) f = -f;  // below the first node
  const reference::EamResult below = reference::eam(model, frame, frame.type);
  for (const Exec& exec : executions())
    EXPECT_LT(test::largest_difference(below, evaluate(*make(model, exec), frame, {exec})), rounding);
}

// Velocity Verlet: the total energy keeps to the bound of the method, second order in the step.
TEST(Eam, EnergyIsConservedInMolecularDynamics) {
  const auto potential = make(smooth_eam(2, EamKind::fs));
  const double drift_of_step[2] = {0.002, 0.001};  // ps
  double drift[2];
  for (const int run : {0, 1}) {
    Frame frame = loose_gas(Box({9, 0, 0}, {1, 9, 0}, {0, 2, 9}), 60, 12, 2);
    const double dt = drift_of_step[run], per_mass = 9648.5332 / 55.845;  // (eV/A)/amu in A/ps^2
    std::vector<Vec3> v(frame.position.size());
    Evaluation at = evaluate(*potential, frame);
    const auto energy = [&] {
      double e = at.total();
      for (const Vec3& u : v) e += 0.5 * norm_sq(u) / per_mass;
      return e;
    };
    const double start = energy();
    drift[run] = 0;
    for (int step = 0; step < (run ? 160 : 80); ++step) {
      for (size_t i = 0; i < v.size(); ++i) {
        v[i] += 0.5 * dt * per_mass * at.force[i];
        frame.position[i] += dt * v[i];
      }
      at = evaluate(*potential, frame);
      for (size_t i = 0; i < v.size(); ++i) v[i] += 0.5 * dt * per_mass * at.force[i];
      drift[run] = std::max(drift[run], std::fabs(energy() - start));
    }
    double kinetic = 0;
    for (const Vec3& u : v) kinetic += 0.5 * norm_sq(u) / per_mass;
    EXPECT_GT(kinetic, 1.0);  // eV: the atoms did move
  }
  EXPECT_LT(drift[0], 0.05);
  EXPECT_LT(drift[1], 0.3 * drift[0]);
}

TEST(Eam, BadUse) {
  const EamModel model = smooth_eam(2, EamKind::fs);
  const auto potential = make(model);
  EXPECT_EQ(potential->cutoff(), model.cutoff);
  EXPECT_EQ(potential->min_distance(), 0);
  EXPECT_FALSE(potential->has_grades());
  EXPECT_EQ(potential->elements(), (std::vector<std::string>{"Fe", "Cr"}));
  const Frame frame = test::ideal_gas(boxes[0], 20, 13, 2);
  Batch batch({});
  batch.build({&frame}, model.cutoff, model.cutoff);
  NeighborList list({}), short_list({});
  list.build(batch, model.cutoff);
  short_list.build(batch, 0.9 * model.cutoff);
  Workspace scratch({});
  std::vector<double> energy(20);
  PotentialOutput output;
  output.energy = energy.data();
  EXPECT_THROW(potential->evaluate(batch, short_list, {0, 1}, output, scratch), UsageError);
  EXPECT_THROW(potential->evaluate(batch, list, {0, 2}, output, scratch), UsageError);
  EXPECT_THROW(potential->evaluate(batch, list, {-2, 1}, output, scratch), UsageError);
  EXPECT_THROW(potential->evaluate(batch, list, {-1, 1}, output, scratch), UsageError);
  EXPECT_NO_THROW(potential->evaluate(batch, list, {0, 1, -1}, output, scratch));  // no atom has type 2
  EamModel broken = model;
  broken.pair.pop_back();
  EXPECT_THROW(make(broken), UsageError);
}

TEST(MatchSpecies, ByElement) {
  const auto potential = make(smooth_eam(3, EamKind::alloy));  // Fe Cr Ni
  EXPECT_EQ(match_species({{"Ni", 0, 1}, {"Fe", 0, 2}, {"", 51.9961, 3}}, *potential, "f"),
            (std::vector<int32_t>{2, 0, 1}));
  for (const Species& bad : {Species{"Cu", 0, 2}, Species{"", 63.546, 2}, Species{"", 0, 2}}) {
    try {
      match_species({{"Fe", 0, 1}, bad}, *potential, "f.xyz, frame 0");
      FAIL();
    } catch (const InputError& error) {
      EXPECT_EQ(std::string(error.what()).rfind("f.xyz, frame 0: expected ", 0), 0u) << error.what();
    }
  }
}

Frame read_first(const std::string& path, const std::string& element) {
  ReadOptions options;
  options.species = {element};
  Frame frame;
  open_reader(path, options)->next(frame);
  return frame;
}

// Every kind of file, one and two species, against numbers of LAMMPS (tests/data/generate/eam_lammps.py). The
// file names the species in another order than the snapshot has them.
TEST(Eam, EqualsLammps) {
  for (const std::string name : {"toy.eam.alloy", "toy.eam.fs", "toy.eam"}) {
    std::string text = name;
    std::replace(text.begin(), text.end(), '.', '_');
    Frame frame;
    open_reader(test::data_folder() + "/eam/" + text + ".xyz")->next(frame);
    std::reverse(frame.species.begin(), frame.species.end());
    for (int32_t& t : frame.type) t = static_cast<int32_t>(frame.species.size()) - 1 - t;
    const Column *energy = frame.find_column("energy"), *force = frame.find_column("force"),
                 *stress = frame.find_column("stress");
    ASSERT_TRUE(energy && force && stress) << name;
    Evaluation expected;
    for (size_t i = 0; i < 24; ++i) {
      expected.energy.push_back(energy->real[i]);
      expected.force.push_back({force->real[3 * i], force->real[3 * i + 1], force->real[3 * i + 2]});
      expected.virial.push_back({});
      for (size_t k = 0; k < 6; ++k) expected.virial.back()[k] = -stress->real[6 * i + k] / 1.6021765e6;
    }
    const EamModel model = read_eam(test::data_folder() + "/eam/" + name);
    if (model.kind == EamKind::funcfl) {  // some atoms are beyond the table of F
      const std::vector<double> rho = reference::eam(model, frame, frame.type).rho;
      EXPECT_LT(*std::min_element(rho.begin(), rho.end()), model.rho_max - 2 * model.d_rho);
      EXPECT_GT(*std::max_element(rho.begin(), rho.end()), model.rho_max);
    }
    for (const Exec& exec : executions()) {
      const auto potential = make(model, exec);
      const Evaluation found =
          evaluate(*potential, frame, {exec}, match_species(frame.species, *potential, name));
      EXPECT_LT(test::largest_difference(expected, found), rounding) << name;
    }
  }
}

std::string file_of(const std::string& element) {
  return element == "Cu" ? "/Cu_mishin1.eam.alloy.gz" : "/Fe_mm.eam.fs.gz";
}

std::vector<std::string> words_of(const std::string& line, char separator) {
  std::vector<std::string> words{""};
  for (const char c : line)
    if (c == separator)
      words.emplace_back();
    else
      words.back() += c;
  return words;
}

constexpr double bar_per_ev_a3 = 1.6021765e6;  // of LAMMPS' units metal

// Every atom of every stored case: energies to 1e-11 of the largest, forces and virials to 1e-10 of it; the
// files hold 15 digits.
TEST(EamLammps, EveryAtomOfEveryCase) {
  GF_NEEDS_SHARED(shared);
  const std::string folder = shared + "/reference/struct/eam";
  const std::vector<std::string> lines = test::gzip_lines(folder + "/summary.csv");
  std::map<std::string, EamModel> models;
  for (const char* element : {"Cu", "Fe"}) models[element] = read_eam(folder + file_of(element));
  for (size_t line = 1; line < lines.size(); ++line) {
    const std::vector<std::string> row = words_of(lines[line], ',');
    const std::string &name = row[0], &element = row[1];
    const Frame frame = read_first(folder + "/" + name + ".lmp.gz", element);
    const Frame dump = read_first(folder + "/" + name + ".dump.gz", element);
    const auto n = static_cast<size_t>(frame.n_atoms());
    ASSERT_EQ(dump.position.size(), n);
    std::map<int64_t, size_t> row_of_id;
    for (size_t i = 0; i < n; ++i) row_of_id[dump.id_of(static_cast<int64_t>(i))] = i;
    const Column *pe = dump.find_column("c_pe"), *force = dump.find_column("force");
    const Column* stress[6];
    for (int k = 0; k < 6; ++k) stress[k] = dump.find_column("c_s[" + std::to_string(k + 1) + "]");
    ASSERT_TRUE(pe && force) << name;
    Evaluation expected;
    for (size_t i = 0; i < n; ++i) {
      const size_t at = row_of_id.at(frame.id_of(static_cast<int64_t>(i)));
      expected.energy.push_back(pe->real[at]);
      expected.force.push_back({force->real[3 * at], force->real[3 * at + 1], force->real[3 * at + 2]});
      expected.virial.push_back({});
      for (size_t k = 0; k < 6; ++k) {
        const Column& c = stress[0] ? *stress[k] : *dump.find_column("c_s");
        expected.virial.back()[k] = -c.real[stress[0] ? at : 6 * at + k] / bar_per_ev_a3;
      }
    }
    for (const Exec& exec : executions()) {
      const Evaluation found = evaluate(*make(models[element], exec), frame, {exec});
      double e = 0, e_max = 0, f = 0, f_max = 0, w = 0, w_max = 0;
      for (size_t i = 0; i < n; ++i) {
        e = std::max(e, std::fabs(found.energy[i] - expected.energy[i]));
        e_max = std::max(e_max, std::fabs(expected.energy[i]));
        for (int k = 0; k < 3; ++k) {
          f = std::max(f, std::fabs(found.force[i][k] - expected.force[i][k]));
          f_max = std::max(f_max, std::fabs(expected.force[i][k]));
        }
        for (size_t k = 0; k < 6; ++k) {
          w = std::max(w, std::fabs(found.virial[i][k] - expected.virial[i][k]));
          w_max = std::max(w_max, std::fabs(expected.virial[i][k]));
        }
      }
      EXPECT_LT(e, 1e-11 * std::max(1.0, e_max)) << name;
      // In relaxed structures forces cancel to 1e-10 eV/A: there against the pair forces, 1 eV/A.
      EXPECT_LT(f, 1e-10 * std::max(1.0, f_max)) << name;
      EXPECT_LT(w, 1e-10 * w_max) << name;
      EXPECT_NEAR(found.total(), std::stod(row[3]), 1e-12 * std::fabs(found.total())) << name;
      const double volume = std::stod(row[12]);
      const std::array<double, 6> sum = found.total_virial();
      for (size_t k = 0; k < 6; ++k)
        EXPECT_NEAR(sum[k] / volume * bar_per_ev_a3, std::stod(row[6 + k]), 1e-10 * bar_per_ev_a3) << name;
    }
  }
}

TEST(EamLammps, Dimers) {
  GF_NEEDS_SHARED(shared);
  const std::string folder = shared + "/reference/struct/eam";
  const std::vector<std::string> lines = test::gzip_lines(folder + "/dimer.csv");
  std::map<std::string, std::unique_ptr<Potential>> potentials;
  for (const char* element : {"Cu", "Fe"}) potentials[element] = make(read_eam(folder + file_of(element)));
  EXPECT_GT(lines.size(), 100u);
  for (size_t line = 1; line < lines.size(); ++line) {
    const std::vector<std::string> row = words_of(lines[line], ',');
    Frame frame;
    frame.box = Box({20, 0, 0}, {0, 20, 0}, {0, 0, 20}, {}, false, false, false);
    frame.species = {{row[0], 0, 1}};
    frame.position = {{0, 0, 0}, {std::stod(row[1]), 0, 0}};
    frame.type = {0, 0};
    const Evaluation found = evaluate(*potentials[row[0]], frame);
    const double e = std::stod(row[2]), f = std::stod(row[3]);
    EXPECT_NEAR(found.total(), e, 1e-12 * std::max(1.0, std::fabs(e))) << lines[line];
    EXPECT_NEAR(found.force[1].x, f, 1e-11 * std::max(1.0, std::fabs(f))) << lines[line];
    if (!row[4].empty()) {
      EXPECT_NEAR(found.total(), std::stod(row[4]), 1e-12 * std::max(1.0, std::fabs(e)));
    }
  }
}

TEST(LongEamLammps, SumsOfPolycrystals) {
  GF_NEEDS_SHARED(shared);
  const std::string folder = shared + "/reference/struct";
  const std::vector<std::string> lines = test::gzip_lines(folder + "/eam/large_sums.csv");
  for (size_t line = 1; line < lines.size(); ++line) {
    const std::vector<std::string> row = words_of(lines[line], ',');
    const std::string element = row[0].substr(0, 2) == "cu" ? "Cu" : "Fe";
    const Frame frame = read_first(folder + "/poly/" + row[0] + ".lmp.gz", element);
    const Evaluation found = evaluate(*make(read_eam(folder + "/eam" + file_of(element))), frame);
    EXPECT_NEAR(found.total(), std::stod(row[2]), 1e-12 * std::fabs(found.total())) << row[0];
    const double volume = std::stod(row[10]);
    const std::array<double, 6> sum = found.total_virial();
    double f2 = 0;
    for (const Vec3& f : found.force) f2 += norm_sq(f);
    for (size_t k = 0; k < 6; ++k)
      EXPECT_NEAR(sum[k] / volume * bar_per_ev_a3, std::stod(row[4 + k]), 1e-10 * bar_per_ev_a3) << row[0];
    EXPECT_NEAR(f2, std::stod(row[11]), 1e-9 * std::max(1.0, f2)) << row[0];
  }
}

}  // namespace
}  // namespace grainfield
