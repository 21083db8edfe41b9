#include "kernels/potential/scatter_runs.hpp"

#include <limits>

#include "host/potential.hpp"
#include "host/primitives.hpp"
#include "kernels/core/launch.hpp"

namespace grainfield {
namespace {

struct Number {
  int32_t* values;
  template <class Team>
  GF_HD void operator()(Team, int64_t k) const {
    values[k] = static_cast<int32_t>(k);
  }
};

struct AddRun {
  int64_t n;
  const uint32_t* targets;
  const int32_t* items;
  const double* source;
  double sign;
  int components;
  double* target;

  template <class Team>
  GF_HD void operator()(Team, int64_t k) const {
    const uint32_t t = targets[k];
    if (t == no_target || (k > 0 && targets[k - 1] == t)) return;
    for (int c = 0; c < components; ++c) {
      double sum = 0;
      for (int64_t l = k; l < n && targets[l] == t; ++l)
        sum += source[static_cast<int64_t>(items[l]) * components + c];
      target[static_cast<int64_t>(t) * components + c] += sign * sum;
    }
  }
};

struct GhostTargets {
  const int32_t* parent;  // of the ghosts
  uint32_t* targets;
  template <class Team>
  GF_HD void operator()(Team, int64_t k) const {
    targets[k] = parent[k] < 0 ? no_target : static_cast<uint32_t>(parent[k]);
  }
};

struct ClearGhosts {
  const int32_t* parent;
  double* values;
  int components;
  template <class Team>
  GF_HD void operator()(Team, int64_t k) const {
    if (parent[k] >= 0)
      for (int c = 0; c < components; ++c) values[k * components + c] = 0;
  }
};

}  // namespace

void scatter_runs(const Exec& exec, int64_t n, uint32_t* targets, const double* source, double sign,
                  int components, double* target, Workspace& scratch) {
  if (n > std::numeric_limits<int32_t>::max()) throw ResourceError("more than 2^31 - 1 pairs in one block");
  const Span<int32_t> items = scratch.take<int32_t>(n, "a sort of pairs");
  for_each(exec, n, Number{items.data}, 0, 65536);
  sort_by_key(exec, n, targets, items.data);
  for_each(exec, n, AddRun{n, targets, items.data, source, sign, components, target}, 0, 4096);
}

void fold_ghosts(const Batch& batch, double* values, int components, Workspace& scratch) {
  const BatchView view = batch.view();
  const int64_t n = view.n_total - view.n_local;
  if (n == 0) return;
  const Span<uint32_t> targets = scratch.take<uint32_t>(n, "ghosts");
  double* ghosts = values + static_cast<int64_t>(view.n_local) * components;
  for_each(batch.exec(), n, GhostTargets{view.parent + view.n_local, targets.data}, 0, 65536);
  scatter_runs(batch.exec(), n, targets.data, ghosts, 1.0, components, values, scratch);
  for_each(batch.exec(), n, ClearGhosts{view.parent + view.n_local, ghosts, components}, 0, 65536);
}

}  // namespace grainfield
