// Every processor gives what the CPU's fast schedules give: the plain ones, and a GPU where there is one.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "host/bench_inputs.hpp"
#include "host/engine.hpp"
#include "host/potential.hpp"
#include "host/primitives.hpp"
#include "host/workspace.hpp"
#include "kernels/potential/mtp.hpp"
#include "tests/support/boundaries.hpp"
#include "tests/support/evaluate_potential.hpp"
#include "tests/support/random.hpp"
#include "tests/support/run_analysis.hpp"
#include "tests/support/systems.hpp"

namespace grainfield {
namespace {

std::vector<Exec> processors() {
  Exec plain;
  plain.plain = true;
  plain.threads = 2;
  std::vector<Exec> all{plain};
  for (const Exec& gpu : test::gpu_executions()) all.push_back(gpu);
  return all;
}
std::string name_of(const Exec& exec) { return exec.on_gpu() ? "GPU" : "plain"; }

// A crystal with a vacancy, thermal disorder and two species; a gas in a tilted cell; a cluster.
std::vector<Frame> frames() {
  Frame crystal = test::rattled(test::crystal(Structure::bcc, 2.86, {7, 7, 8}), 0.12, 3);
  crystal.species = {{"Fe", 55.845, 1}, {"Cr", 51.9961, 2}};
  for (size_t i = 0; i < crystal.type.size(); ++i) crystal.type[i] = i % 5 == 0 ? 1 : 0;
  crystal.position.erase(crystal.position.begin() + 100);
  crystal.type.erase(crystal.type.begin() + 100);
  Frame gas = test::ideal_gas(Box({16, 0, 0}, {5, 17, 0}, {-4, 6, 19}, {1, 2, 3}), 400, 5, 2);
  Frame cluster = test::rattled(test::crystal(Structure::fcc, 3.6, {5, 5, 5}), 0.05, 7);
  for (bool& periodic : cluster.box.periodic) periodic = false;
  return {crystal, gas, cluster};
}

template <class T>
std::vector<T> host_copy(const Exec& exec, const T* data, int64_t n) {
  std::vector<T> values(static_cast<size_t>(n));
  copy_to_host(exec, values.data(), data, values.size() * sizeof(T));
  return values;
}

// Exact integers; reals relative to the largest of their array, not-a-number in the same places.
void expect_close(const std::vector<double>& found, const std::vector<double>& wanted, double bound,
                  const std::string& what) {
  ASSERT_EQ(found.size(), wanted.size()) << what;
  double scale = 0;
  for (const double v : wanted) scale = std::isfinite(v) ? std::max(scale, std::fabs(v)) : scale;
  for (size_t i = 0; i < found.size(); ++i) {
    if (std::isnan(wanted[i]))
      ASSERT_TRUE(std::isnan(found[i])) << what << " " << i;
    else
      ASSERT_NEAR(found[i], wanted[i], bound * scale) << what << " " << i;
  }
}

void expect_close(const FrameResults& found, const FrameResults& wanted, double bound,
                  const std::string& what) {
  ASSERT_EQ(found.fields.size(), wanted.fields.size()) << what;
  for (size_t k = 0; k < found.fields.size(); ++k) {
    const Field &a = found.fields[k], &b = wanted.fields[k];
    EXPECT_EQ(a.integer, b.integer) << what << " " << a.name;
    expect_close(a.real, b.real, bound, what + " " + a.name);
  }
  ASSERT_EQ(found.observables.size(), wanted.observables.size()) << what;
  for (size_t k = 0; k < found.observables.size(); ++k) {
    const Observable &a = found.observables[k], &b = wanted.observables[k];
    EXPECT_EQ(a.integer, b.integer) << what << " " << a.name;
    expect_close(a.real, b.real, bound, what + " " + a.name);
  }
}

TEST(Processors, BatchesAndListsHaveTheSameBits) {
  const std::vector<Frame> all = frames();
  const std::vector<std::vector<const Frame*>> batches{{&all[0]}, {&all[1]}, {&all[2]}, {&all[1], &all[2]}};
  for (const Exec& exec : processors())
    for (const auto& frames : batches)
      for (const Slab& slab : {Slab{}, Slab{2, 0.3, 0.6}}) {
        if (frames.size() > 1 && slab.axis >= 0) continue;
        const double cutoff = 4.7;
        Batch wanted(Exec{}), found(exec);
        NeighborList wanted_list(Exec{}), found_list(exec);
        wanted.build(frames, cutoff, cutoff / cells_per_cutoff, slab);
        found.build(frames, cutoff, cutoff / cells_per_cutoff, slab);
        wanted_list.build(wanted, cutoff);
        found_list.build(found, cutoff);
        const BatchView a = wanted.view(), b = found.view();
        ASSERT_EQ(b.n_local, a.n_local);
        ASSERT_EQ(b.n_total, a.n_total);
        const auto same = [&](const auto* x, const auto* y, int64_t n, const char* what) {
          EXPECT_EQ(host_copy(exec, y, n), std::vector(x, x + n)) << name_of(exec) << " " << what;
        };
        same(a.x, b.x, a.n_total, "x");
        same(a.y, b.y, a.n_total, "y");
        same(a.z, b.z, a.n_total, "z");
        same(a.type, b.type, a.n_total, "type");
        same(a.system, b.system, a.n_total, "system");
        same(a.parent, b.parent, a.n_total, "parent");
        same(wanted.source().data, found.source().data, a.n_total, "source");
        ASSERT_EQ(found_list.n_pairs(), wanted_list.n_pairs());
        same(wanted_list.view().first, found_list.view().first, a.n_local + 1, "rows");
        same(wanted_list.view().index, found_list.view().index, wanted_list.n_pairs(), "neighbors");
        EXPECT_EQ(found_list.coincident().count, wanted_list.coincident().count);
        EXPECT_EQ(found_list.coincident().first, wanted_list.coincident().first);
      }
}

TEST(Processors, WholeArraySteps) {
  for (const Exec& exec : processors())
    for (const int64_t n : {0, 1, 31, 4096, 70001}) {
      const auto size = static_cast<size_t>(n);
      test::Random random(n + 1);
      std::vector<int32_t> counts(size), order(size);
      std::vector<uint32_t> keys(size);
      std::vector<double> reals(size);
      std::vector<uint8_t> flags(size);
      std::iota(order.begin(), order.end(), 0);
      for (size_t i = 0; i < size; ++i) {
        counts[i] = i == 7 ? std::numeric_limits<int32_t>::max() : static_cast<int32_t>(random.below(100));
        keys[i] = static_cast<uint32_t>(random.below(n % 2 == 0 ? 50 : uint64_t{1} << 32));
        reals[i] = random.uniform(-1, 1);
        flags[i] = random.below(3) == 0 ? 1 : 0;
      }
      Buffer<int32_t> count(exec), value(exec), index(exec, n);
      Buffer<uint32_t> key(exec);
      Buffer<double> real(exec);
      Buffer<uint8_t> flag(exec);
      Buffer<int64_t> offset(exec, n + 1);
      count.upload(counts);
      value.upload(order);
      key.upload(keys);
      real.upload(reals);
      flag.upload(flags);
      index.zero();

      std::vector<int64_t> offsets{0};
      for (const int32_t c : counts) offsets.push_back(offsets.back() + c);
      EXPECT_EQ(exclusive_scan(exec, count.data(), n, offset.data()), offsets.back());
      EXPECT_EQ(offset.to_vector(), offsets);
      EXPECT_EQ(reduce_sum(exec, count.data(), n), offsets.back());
      EXPECT_NEAR(reduce_sum(exec, real.data(), n), std::accumulate(reals.begin(), reals.end(), 0.0), 1e-10);
      const Range range = reduce_range(exec, real.data(), n);
      constexpr double inf = std::numeric_limits<double>::infinity();
      EXPECT_EQ(range.min, n == 0 ? inf : *std::min_element(reals.begin(), reals.end()));
      EXPECT_EQ(range.max, n == 0 ? -inf : *std::max_element(reals.begin(), reals.end()));

      std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
        return keys[static_cast<size_t>(a)] < keys[static_cast<size_t>(b)];
      });
      sort_by_key(exec, n, key.data(), value.data());
      EXPECT_EQ(value.to_vector(), order);

      std::vector<int32_t> set;
      for (size_t i = 0; i < size; ++i)
        if (flags[i]) set.push_back(static_cast<int32_t>(i));
      ASSERT_EQ(select(exec, flag.data(), n, index.data()), static_cast<int64_t>(set.size()));
      std::vector<int32_t> selected = index.to_vector();
      selected.resize(set.size());
      EXPECT_EQ(selected, set);
    }
}

TEST(Processors, MemoryHoldsWhatIsPutThere) {
  for (const Exec& exec : processors()) {
    const std::vector<int64_t> numbers{5, -7, int64_t{1} << 40};
    Buffer<int64_t> a(exec), b(exec, 3);
    a.upload(numbers);
    b.zero();
    EXPECT_EQ(b.to_vector(), std::vector<int64_t>(3, 0));
    copy_within(exec, b.data(), a.data(), 3 * sizeof(int64_t));
    EXPECT_EQ(b.to_vector(), numbers);
    EXPECT_EQ(b.element(2), numbers[2]);
    Workspace scratch(exec);
    const Span<int64_t> first = scratch.take<int64_t>(3, "a test"),
                        second = scratch.take<int64_t>(100'000, "a test");
    copy_to_processor(exec, first.data, numbers.data(), 3 * sizeof(int64_t));
    fill_zero(exec, second.data, 100'000 * sizeof(int64_t));
    EXPECT_EQ(host_copy(exec, first.data, 3), numbers);
    EXPECT_EQ(host_copy(exec, second.data, 100'000), std::vector<int64_t>(100'000, 0));
    EXPECT_GT(available_bytes(exec), 0);
  }
}

// Whole and in slabs. Sums of some 100 terms in another order; products may be fused on a GPU.
TEST(LongProcessors, AnalysesAgree) {
  struct Case {
    const char* name;
    test::Given given;
    double bound;
  };
  const Case cases[] = {{"coordination", {{"cutoffs", "2.66,3.45"}}, 1e-13},
                        {"rdf", {{"range", "6.03"}}, 1e-13},
                        {"density", {{"method", "grid"}, {"beta", "1"}, {"bulk", "0.08"}}, 1e-12},
                        {"density", {{"method", "sum"}, {"beta", "1"}, {"bulk", "0.08"}}, 1e-12},
                        {"density-profile", {{"beta", "2"}, {"normal", "c"}}, 1e-10},
                        {"structure", {}, 1e-13},
                        {"sfd", {{"sigma", "0.9"}, {"polynomials", "true"}, {"moments", "true"}}, 1e-12},
                        {"voronoi", {}, 1e-12},
                        {"voronoi", {{"radii", "1.2,1.3"}, {"faces", "true"}}, 1e-12}};
  for (const Exec& exec : processors())
    for (const Frame& frame : frames())
      for (const Case& c : cases) {
        if (c.name == std::string("voronoi") && !c.given.empty() && frame.species.size() < 2) continue;
        RunContext host, other;
        other.exec = exec;
        const FrameResults wanted = test::run_engine(c.name, frame, host, {{c.name, c.given}});
        expect_close(test::run_engine(c.name, frame, other, {{c.name, c.given}}), wanted, c.bound,
                     name_of(exec) + " " + c.name);
      }
}

TEST(LongProcessors, SlabsAgreeWithTheWhole) {
  const Frame frame =
      test::rattled(test::ideal_gas(Box({14, 0, 0}, {3, 15, 0}, {-2, 4, 200}), 3000, 6, 2), 0.1, 2);
  for (const Exec& exec : processors())
    for (const auto& [name, given, limit] :
         {std::tuple<std::string, test::Given, int64_t>{"rdf", {{"range", "6.03"}}, 1'500'000},
          {"density", {{"method", "grid"}, {"beta", "1"}, {"bulk", "0.08"}}, 12'000'000},
          {"structure", {}, 1'200'000}}) {
      RunContext host, cut;
      cut.exec = exec;
      cut.memory_limit = limit;
      const test::AnalysisRun whole = test::run_analysis(name, frame, given, host);
      const test::AnalysisRun parts = test::run_analysis(name, frame, given, cut);
      EXPECT_GT(parts.n_slabs, 1) << name;
      expect_close(parts.results, whole.results, 1e-12, name_of(exec) + " " + name);
    }
}

// Potentials whose tables do not fit the scratch of a team, and those that do; gradients and grades.
TEST(LongProcessors, GeneratedPotentials) {
  const Frame frame = test::rattled(test::crystal(Structure::bcc, 2.855, {6, 6, 6}), 0.1, 11);
  for (const int level : {8, 16, 22}) {
    const MtpModel model = bench_mtp_model(level);
    const PotentialDemand demand{true, true, true, model.active_set.has_value(), false, true};
    const test::Evaluation wanted =
        test::evaluate_potential(*make_mtp_potential(model, Exec{}), {&frame}, Exec{}, demand);
    for (const Exec& exec : processors()) {
      const std::string what = name_of(exec) + " level " + std::to_string(level) + " ";
      const test::Evaluation found =
          test::evaluate_potential(*make_mtp_potential(model, exec), {&frame}, exec, demand);
      expect_close(found.energy, wanted.energy, 1e-12, what + "energy");
      expect_close(found.gradient_sum.at(0), wanted.gradient_sum.at(0), 1e-11, what + "gradient");
      expect_close(found.grade, wanted.grade, 1e-8, what + "grade");
      double scale = 0;
      for (const Vec3& f : wanted.force) scale = std::max(scale, norm(f));
      for (size_t i = 0; i < wanted.force.size(); ++i)
        ASSERT_LE(norm(found.force[i] - wanted.force[i]), 1e-11 * scale) << what << "force " << i;
    }
  }
}

}  // namespace
}  // namespace grainfield
