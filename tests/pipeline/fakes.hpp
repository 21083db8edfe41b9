// Analyses, readers and writers for tests of the driver.
#pragma once

#include <atomic>
#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "host/engine.hpp"
#include "host/error.hpp"
#include "host/memory.hpp"
#include "kernels/core/parallel.hpp"

namespace grainfield::test {

// n^3 cells of bcc with lattice constant a (A), displaced by up to `rattle` (A), always the same for one
// seed.
inline Frame bcc_frame(int n, double a = 2.83, double rattle = 0.1, unsigned seed = 1,
                       bool periodic_c = true) {
  Frame frame;
  frame.box = Box({n * a, 0, 0}, {0, n * a, 0}, {0, 0, n * a}, {0, 0, 0}, true, true, periodic_c);
  frame.species = {{"Fe", 55.845, 1}};
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> shift(-rattle, rattle);
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j)
      for (int k = 0; k < n; ++k)
        for (const double half : {0.0, 0.5}) {
          const double x = (i + half) * a + shift(random), y = (j + half) * a + shift(random);
          frame.position.push_back({x, y, (k + half) * a + shift(random)});
          frame.type.push_back(0);
        }
  frame.step = seed;
  return frame;
}

// With a list: field pair_sum[2] = (sum over neighbors of 1/r^2, largest x), field pair_count.
class FakePairs final : public Analysis {
 public:
  FakePairs(const Parameters& p, const RunContext&) : cutoff_(p.real("cutoff")) {}
  static AnalysisInfo info() {
    return {"fake-pairs",
            "Sums over pairs. For tests.",
            {{"cutoff", ParameterKind::real, "3.4", "A", "of the list", 0.1, 20},
             {"label", ParameterKind::text, "", "", "free", -1e300, 1e300}},
            {{"pair_sum", "A^-2", "[atom][2]", "sum of r^-2, and its square"},
             {"pair_count", "", "[atom]", "neighbors"}},
            {}};
  }
  void begin(FrameContext& c) override {
    sum_ = &c.add_field(info().fields[0], 2, false, {"first", "second"});
    count_ = &c.add_field(info().fields[1], 1, true);
    c.note("fake-pairs ran");
  }
  Needs needs() const override { return {cutoff_, cutoff_, 24, 0, 0}; }
  void compute(FrameContext&, const SlabContext& slab) override {
    const BatchView atoms = slab.batch.view();
    const NeighborView list = slab.list->view();
    std::vector<double> sum(static_cast<size_t>(atoms.n_local) * 2);
    std::vector<int32_t> count(static_cast<size_t>(atoms.n_local));
    parallel_for(slab.batch.exec().threads, atoms.n_local, [&](int64_t i) {
      double total = 0;
      int32_t n = 0;
      for (int64_t k = list.begin(i); k < list.end(i); ++k) {
        const Vec3 rij = atoms.position(list.index[k]) - atoms.position(i);
        const double sq = dot(rij, rij);
        if (sq >= cutoff_ * cutoff_) continue;
        total += 1 / sq;
        ++n;
      }
      sum[static_cast<size_t>(2 * i)] = total;
      sum[static_cast<size_t>(2 * i + 1)] = total * total;
      count[static_cast<size_t>(i)] = n;
    });
    scatter(slab.batch, sum.data(), 2, sum_->real);
    scatter(slab.batch, count.data(), 1, count_->integer);
  }

 private:
  double cutoff_;
  Field* sum_ = nullptr;
  Field* count_ = nullptr;
};

// Without a list: field wide_sum = sum over atoms within reach of exp(-r^2 / 4).
class FakeWide final : public Analysis {
 public:
  FakeWide(const Parameters& p, const RunContext&) : reach_(p.real("reach")) {}
  static AnalysisInfo info() {
    return {"fake-wide",
            "Sums over many atoms. For tests.",
            {{"reach", ParameterKind::real, "7", "A", "of the sum", 0.1, 50}},
            {{"wide_sum", "", "[atom]", "sum of Gaussians"}},
            {}};
  }
  void begin(FrameContext& c) override { sum_ = &c.add_field(info().fields[0], 1, false); }
  Needs needs() const override { return {0, reach_, 8, 0, 0}; }
  void compute(FrameContext&, const SlabContext& slab) override {
    const BatchView atoms = slab.batch.view();
    std::vector<double> sum(static_cast<size_t>(atoms.n_local));
    parallel_for(slab.batch.exec().threads, atoms.n_local, [&](int64_t i) {
      const Vec3 ri = atoms.position(i);
      for_each_candidate_run(atoms, slab.batch.cells(), 0, ri, reach_, [&](int32_t begin, int32_t end) {
        for (int32_t j = begin; j < end; ++j) {
          const Vec3 rij = atoms.position(j) - ri;
          const double sq = dot(rij, rij);
          if (sq < reach_ * reach_) sum[static_cast<size_t>(i)] += std::exp(-sq / 4);
        }
      });
    });
    scatter(slab.batch, sum.data(), 1, sum_->real);
  }

 private:
  double reach_;
  Field* sum_ = nullptr;
};

// Requires fake-pairs: observable mean_count, and a grid of 4 x 2 x 3 values.
class FakeAfter final : public Analysis {
 public:
  FakeAfter(const Parameters&, const RunContext&) {}
  static AnalysisInfo info() {
    return {"fake-after",
            "A mean of what another analysis found. For tests.",
            {},
            {},
            {{"mean_count", "", "scalar", "mean of pair_count"}, {"nothing", "A", "scalar", "NaN"}}};
  }
  std::vector<std::string> requirements() const override { return {"fake-pairs"}; }
  void begin(FrameContext& c) override {
    const Field* count = c.results.find_field("pair_count");
    if (!count) throw std::logic_error("fake-pairs did not run before");
    double sum = 0;
    for (const int32_t n : count->integer) sum += n;
    c.add_observable(info().observables[0]).real[0] = sum / static_cast<double>(c.frame.n_atoms());
    c.add_observable(info().observables[1]).real[0] = std::nan("");
  }
  void finish(FrameContext& c) override {
    if (!c.grids) return;
    GridShape grid{"fake_grid", "A", "for tests", {4, 2, 3}, c.frame.box};
    c.grids->begin(grid);
    for (int64_t plane = 0; plane < 4; plane += 2) {
      std::vector<double> values(12);
      for (size_t k = 0; k < 12; ++k) values[k] = static_cast<double>(100 * plane) + static_cast<double>(k);
      c.grids->planes(plane, 2, values.data());
    }
    c.grids->end();
  }
};

// Throws in the frame whose step is `step`; sets `stop` there if that is given.
class FakeTrouble final : public Analysis {
 public:
  FakeTrouble(const Parameters& p, const RunContext&) : step_(p.integer("step")) {}
  static inline std::atomic<bool>* stop = nullptr;
  static AnalysisInfo info() {
    return {"fake-trouble",
            "Fails. For tests.",
            {{"step", ParameterKind::integer, "-1", "", "where", -1e9, 1e9}},
            {},
            {}};
  }
  void begin(FrameContext& c) override {
    if (c.frame.step != step_) return;
    if (stop)
      *stop = true;
    else
      throw ResourceError("fake trouble");
  }

 private:
  int64_t step_;
};

// Require each other.
class FakeLoop final : public Analysis {
 public:
  FakeLoop(const Parameters&, const RunContext&) {}
  static AnalysisInfo info() { return {"fake-loop", "Requires itself. For tests.", {}, {}, {}}; }
  std::vector<std::string> requirements() const override { return {"fake-loop"}; }
  void begin(FrameContext&) override {}
};

template <class A>
std::unique_ptr<Analysis> make_fake(const Parameters& p, const RunContext& run) {
  return std::make_unique<A>(p, run);
}

// fake-after lies before what it requires, so that the order comes from the requirements.
inline const std::vector<AnalysisEntry>& fakes() {
  static const std::vector<AnalysisEntry> entries{{FakeAfter::info(), make_fake<FakeAfter>},
                                                  {FakePairs::info(), make_fake<FakePairs>},
                                                  {FakeWide::info(), make_fake<FakeWide>},
                                                  {FakeTrouble::info(), make_fake<FakeTrouble>},
                                                  {FakeLoop::info(), make_fake<FakeLoop>}};
  return entries;
}

// Frames of 3^3 ... cells; frame k has step first_step + k. Fails after `n_good` frames if that is >= 0;
// frames of `bad` steps are bad, and behind `lost` nothing is found any more.
class FakeReader final : public Reader {
 public:
  FakeReader(int64_t n_frames, int64_t first_step, int64_t n_good = -1, int cells = 4)
      : n_(n_frames), step_(first_step), n_good_(n_good), cells_(cells) {}
  std::string format() const override { return "fake"; }
  std::string file() const override { return "fake.dump"; }
  bool next(Frame& frame) override {
    if (!advance()) return false;
    if (const int64_t step = step_ + at_ - 1; bad.count(step) > 0)
      throw InputError("fake.dump: step " + std::to_string(step) + " is bad");
    frame = bcc_frame(cells_, 2.83, 0.1, static_cast<unsigned>(step_ + at_ - 1));
    return true;
  }
  bool skip() override { return advance(); }
  bool recover() override { return step_ + at_ - 1 != lost; }

  std::set<int64_t> bad;
  int64_t lost = -1;

 private:
  bool advance() {
    if (at_ == n_good_) throw InputError("fake.dump, frame " + std::to_string(at_) + ": broken");
    if (at_ == n_) return false;
    ++at_;
    return true;
  }
  int64_t n_, step_, n_good_, at_ = 0;
  int cells_;
};

// What a MemoryWriter was given; outlives it.
struct Written {
  std::map<int64_t, FrameResults> frames;
  std::map<int64_t, std::vector<Vec3>> positions;
  std::map<int64_t, std::vector<double>> grids;
  bool closed = false;
  int64_t fail_at = -1;  // throws when this frame is written
};

class MemoryWriter final : public ResultsWriter {
 public:
  explicit MemoryWriter(Written& written) : w_(written) {}
  bool has_frame(int64_t frame) const override { return w_.frames.count(frame) > 0; }
  std::vector<KeptFrame> kept_frames() const override { return {}; }  // it has no files
  void write(const Frame& frame, const FrameResults& results) override {
    if (results.frame == w_.fail_at) throw ResourceError("fake disk is full");
    w_.frames[results.frame] = results;
    w_.positions[results.frame] = frame.position;
  }
  void begin_grid(int64_t frame, const GridShape&) override { grid_ = frame; }
  void write_planes(int64_t, int64_t n, const double* values) override {
    w_.grids[grid_].insert(w_.grids[grid_].end(), values, values + n * 6);
  }
  void end_grid() override {}
  void close() override { w_.closed = true; }

 private:
  Written& w_;
  int64_t grid_ = -1;
};

}  // namespace grainfield::test
