// What an analysis is: what it declares, what it needs, and when it is called.
//
// For every frame the driver (host/pipeline.cpp) goes through the analyses in order of their requirements:
//   begin()    once: parameters that depend on the snapshot are resolved, result columns are made;
//   compute()  for every slab of the frame: kernels on the slab's local atoms;
//   finish()   once: what needs the whole frame.
// An analysis may read the results of those it requires, from begin() on.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/batch.hpp"
#include "host/frame.hpp"
#include "host/lattice.hpp"
#include "host/results.hpp"
#include "host/stage_clock.hpp"
#include "host/workspace.hpp"

namespace grainfield {

enum class ParameterKind { real, integer, reals, text, flag };

struct ParameterSpec {
  std::string name;
  ParameterKind kind = ParameterKind::real;
  std::string default_value;  // as text; "" : resolved from the snapshot as `doc` says
  std::string unit;
  std::string doc;
  double min = -1e300;  // for numbers, inclusive
  double max = 1e300;
};

struct OutputSpec {
  std::string name;
  std::string unit;
  std::string shape;  // for people: "[atom]", "[atom][2]", "[bin]"
  std::string doc;
};

struct AnalysisInfo {
  std::string name;
  std::string doc;  // what it is, with its formula and source
  std::vector<ParameterSpec> parameters;
  std::vector<OutputSpec> fields;       // per atom
  std::vector<OutputSpec> observables;  // per frame
};

// The values of one analysis' parameters: defaults overridden by --set. Made and checked by the registry.
class Parameters {
 public:
  Parameters(const AnalysisInfo& info, const std::vector<std::pair<std::string, std::string>>& given);
  bool is_set(std::string_view name) const;  // given, or has a default
  double real(std::string_view name) const;
  int64_t integer(std::string_view name) const;
  std::vector<double> reals(std::string_view name) const;  // comma-separated
  std::string text(std::string_view name) const;
  bool flag(std::string_view name) const;
  // Every parameter with its value, as text.
  const std::vector<std::pair<std::string, std::string>>& all() const { return values_; }

 private:
  const std::string& value(std::string_view name) const;
  std::string analysis_;
  std::vector<std::pair<std::string, std::string>> values_;
};

// Receives a grid plane by plane (planes along a, in order). The pipeline connects it to the results file.
class GridSink {
 public:
  virtual ~GridSink() = default;
  virtual void begin(const GridShape& grid) = 0;
  virtual void planes(int64_t first_plane, int64_t n_planes, const double* values) = 0;
  virtual void end() = 0;
};

class Potential;
class PotentialPass;
struct SlabPlan;
struct SweepNeeds;

// What holds for a whole run.
struct RunContext {
  Exec exec;
  std::optional<Structure> structure;  // --structure
  std::optional<Lattice> lattice;      // --structure and --lattice: the bulk
  int64_t memory_limit = 0;   // bytes for everything that grows with the snapshot; 0: what is available
  int64_t device_memory = 0;  // of the GPU's memory, bytes that may be used; 0: what is free
  std::string output;         // path of the results file; grids may write beside it
  std::shared_ptr<const Potential> potential;  // --potential; null: none
};

// What an analysis needs of a slab; valid after begin().
struct Needs {
  double cutoff = 0;  // A: a neighbor list with at least this cutoff; 0: none
  double reach = 0;   // A: ghosts this far beyond the slab (a neighbor list needs its cutoff by itself)
  int64_t bytes_per_atom = 0;  // host or device memory while it computes, per local atom
  int64_t bytes_per_ghost = 0;
  int64_t bytes = 0;         // independent of the atoms
  int64_t local_memory = 0;  // what the driver of a GPU takes for the kernels' own arrays
  bool operator==(const Needs&) const = default;
};

// What a pass over the slabs takes, kept for the next frame: pages that are new cost more time than filling
// them.
struct PassMemory {
  explicit PassMemory(const Exec& exec) : batch(exec), list(exec), scratch(exec) {}
  Batch batch;
  NeighborList list;
  Workspace scratch;
  Needs needs;                 // of the passes that it serves
  double planned = 0;          // bytes that it may hold
  std::shared_ptr<void> held;  // what a sweep keeps from slab to slab
  double free_on_device = 0;   // bytes, before any of it was taken
};

struct SlabContext {
  const Batch& batch;
  const NeighborList* list;  // cutoff >= Needs::cutoff; null if none was asked for
  Slab slab;                 // the whole frame or a part
  int index = 0;             // of n_slabs; -1: images before the first or behind the last of a sweep
  int n_slabs = 1;
  Workspace& scratch;  // free again when compute() returns
  // Of a sweep: null at first, then what its body puts here, from slab to slab and, where memory is kept,
  // from frame to frame.
  std::shared_ptr<void>& held;
};

class FrameContext {
 public:
  const Frame& frame;
  FrameResults& results;
  const RunContext& run;
  GridSink* grids = nullptr;  // null where nobody takes grids
  // Set by the driver.
  int64_t held_elsewhere = 0;                     // bytes of RunContext::memory_limit that other frames hold
  StageClock* clock = nullptr;                    // told how far the work is
  std::vector<SlabPlan>* plans = nullptr;         // gets the plan of every pass
  std::shared_ptr<PotentialPass> potential_pass;  // shared by the analyses that a potential serves
  std::unique_ptr<PassMemory>* kept = nullptr;    // from pass to pass; null: nothing is

  FrameContext(const Frame& f, FrameResults& r, const RunContext& c) : frame(f), results(r), run(c) {}

  // Cuts the frame as memory asks, builds batch and (if needs.cutoff > 0) neighbor list of each slab, and
  // calls body. The pipeline uses it for compute(); begin() may use it for a pass of its own. Throws
  // ResourceError where no cut fits the memory limit.
  void for_each_slab(const Needs& needs, const std::function<void(const SlabContext&)>& body);

  // How the frame can be swept (host/slab_plan.hpp) where it does not fit uncut and that is the better cut.
  // sweep() visits the slabs of such a plan in ascending order, and where the cut direction is periodic the
  // images before and behind them. No slab of the body has a list.
  std::optional<SlabPlan> plan_sweep(const Needs& needs, const SweepNeeds& sweep) const;
  void sweep(const SlabPlan& plan, const SweepNeeds& needs,
             const std::function<void(const SlabContext&)>& body);

  // New result columns of the frame. The references stay good.
  Field& add_field(const OutputSpec& spec, int components, bool is_integer,
                   std::vector<std::string> component_names = {});
  Observable& add_observable(const OutputSpec& spec, std::vector<int64_t> shape = {},
                             bool is_integer = false);
  void note(std::string line) { results.notes.push_back(std::move(line)); }

 private:
  // Bytes: what the frame and what is held beside it take, what all may take, and what is left for a pass.
  // `taken` is the memory that a pass holds already; null: none.
  struct Budget {
    double held, limit, free_on_device, available;
  };
  Budget budget(const Needs& needs, const PassMemory* taken) const;
};

class Analysis {
 public:
  virtual ~Analysis() = default;
  // Names of analyses that must be finished before this one begins (they run even if nobody asked for them).
  virtual std::vector<std::string> requirements() const { return {}; }
  virtual void begin(FrameContext& context) = 0;
  virtual Needs needs() const { return {}; }  // cutoff = reach = 0: compute() is not called
  virtual void compute(FrameContext&, const SlabContext&) {}
  virtual void finish(FrameContext&) {}
};

// Copies per-atom values of the batch's local atoms ([n_local][components]) to their places in the frame.
void scatter(const Batch& batch, const double* values, int components, std::vector<double>& frame_values);
void scatter(const Batch& batch, const int32_t* values, int components, std::vector<int32_t>& frame_values);

}  // namespace grainfield
