#include "kernels/potential/eam.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "host/error.hpp"
#include "kernels/core/launch.hpp"
#include "kernels/potential/eam_rows.hpp"

namespace grainfield {
namespace {

// The pieces of a table of n values; the last node starts none and holds its value.
std::vector<EamPiece> pieces_of(const double* f, int32_t n) {
  std::vector<double> slope(static_cast<size_t>(n));
  const auto at = [&](int32_t m) -> double& { return slope[static_cast<size_t>(m)]; };
  at(0) = f[1] - f[0];
  at(1) = 0.5 * (f[2] - f[0]);
  for (int32_t m = 2; m < n - 2; ++m) at(m) = ((f[m - 2] - f[m + 2]) + 8 * (f[m + 1] - f[m - 1])) / 12;
  at(n - 2) = 0.5 * (f[n - 1] - f[n - 3]);
  at(n - 1) = f[n - 1] - f[n - 2];
  std::vector<EamPiece> pieces(static_cast<size_t>(n));
  for (int32_t m = 0; m < n - 1; ++m) {
    const double rise = f[m + 1] - f[m];
    pieces[static_cast<size_t>(m)] = {
        {f[m], at(m), 3 * rise - 2 * at(m) - at(m + 1), at(m) + at(m + 1) - 2 * rise}};
  }
  pieces[static_cast<size_t>(n - 1)] = {{f[n - 1], at(n - 1), 0, 0}};
  return pieces;
}

void check(const EamModel& m) {
  const auto fits = [](const std::vector<double>& table, int64_t n) {
    return static_cast<int64_t>(table.size()) == n;
  };
  const int64_t s = m.n_species();
  if (s < 1 || m.n_rho < 5 || m.n_r < 5 || !(m.d_rho > 0) || !(m.d_r > 0) || !(m.cutoff > 0) ||
      !fits(m.embedding, s * m.n_rho) || !fits(m.density, s * s * m.n_r) ||
      !fits(m.pair, s * (s + 1) / 2 * m.n_r))
    throw UsageError(fmt::format(
        "embedded-atom potential '{}': expected tables of {} species with {} and {} nodes (5 at least) and a "
        "positive cutoff, found tables of {}, {} and {} values",
        m.name, s, m.n_rho, m.n_r, m.embedding.size(), m.density.size(), m.pair.size()));
}

struct PackKernel {
  BatchView batch;
  const int32_t* species_of_type;
  EamAtom* atoms;
  int32_t* species;
  Condition* unknown;  // atoms of a type that is no species of the potential

  template <class Team>
  GF_HD void operator()(Team, int64_t i) const {
    atoms[i] = {batch.x[i], batch.y[i], batch.z[i], 0};
    const int32_t s = species_of_type[batch.type[i]];
    species[i] = s < 0 ? 0 : s;
    if (s < 0) record(unknown, i);
  }
};

struct SpreadKernel {
  const int32_t* parent;
  const double* slope;  // [n_local]
  EamAtom* atoms;       // [n_total]
  int32_t n_local;

  template <class Team>
  GF_HD void operator()(Team, int64_t i) const {
    const int64_t from = i < n_local ? i : parent[i];
    atoms[i].slope = from < 0 ? 0 : slope[from];
  }
};

constexpr int64_t chunk = 256;

// Atoms with a neighbor of another slab, at the faces of slabs, are told apart.
void force_range(Simd simd, bool at_faces, const EamForceKernel& kernel, int64_t begin, int64_t end) {
  const NeighborView& list = kernel.v.neighbors;
  const auto at_face = [&](int64_t i) {
    for (int64_t k = list.end(i); k > list.begin(i) && list.index[k - 1] >= kernel.v.n_local; --k)
      if (kernel.v.parent[list.index[k - 1]] < 0) return true;
    return false;
  };
  if (!at_faces) return eam_force_rows(simd, kernel, begin, end, false);
  for (int64_t i = begin; i < end;) {
    const bool there = at_face(i);
    int64_t stop = i + 1;
    while (stop < end && at_face(stop) == there) ++stop;
    eam_force_rows(simd, kernel, i, stop, there);
    i = stop;
  }
}

}  // namespace

EamPotential::EamPotential(const EamModel& model, const Exec& exec)
    : exec_(exec),
      name_(model.name),
      elements_(model.elements),
      cutoff_(model.cutoff),
      embedding_(exec),
      pairs_(exec) {
  check(model);
  const int32_t n = model.n_species();
  name_ += model.kind == EamKind::fs ? " (eam/fs)" : model.kind == EamKind::alloy ? " (eam/alloy)" : " (eam)";
  tables_.n_species = n;
  tables_.n_rho = model.n_rho;
  tables_.n_r = model.n_r;
  tables_.per_rho = 1 / model.d_rho;
  tables_.per_r = 1 / model.d_r;
  tables_.rho_max = model.rho_max;
  tables_.cutoff_sq = model.cutoff * model.cutoff;
  tables_.stride = n == 1 ? 8 : 16;

  std::vector<EamPiece> embedding;
  for (int32_t a = 0; a < n; ++a) {
    const auto pieces =
        pieces_of(model.embedding.data() + static_cast<int64_t>(a) * model.n_rho, model.n_rho);
    embedding.insert(embedding.end(), pieces.begin(), pieces.end());
  }
  const auto density = [&](int32_t from, int32_t at) {
    return pieces_of(model.density.data() + (static_cast<int64_t>(from) * n + at) * model.n_r, model.n_r);
  };
  std::vector<double> pairs;
  pairs.reserve(static_cast<size_t>(n) * static_cast<size_t>(n) * static_cast<size_t>(model.n_r) *
                static_cast<size_t>(tables_.stride));
  for (int32_t a = 0; a < n; ++a)
    for (int32_t b = 0; b < n; ++b) {
      const auto in = density(b, a), out = density(a, b);
      const auto pair = pieces_of(
          model.pair.data() + static_cast<int64_t>(EamModel::pair_index(a, b)) * model.n_r, model.n_r);
      for (size_t m = 0; m < in.size(); ++m) {
        const EamNode node{in[m], pair[m], out[m], {}};
        const auto* values = reinterpret_cast<const double*>(&node);
        pairs.insert(pairs.end(), values, values + tables_.stride);
      }
    }
  embedding_.upload(embedding, "embedding functions");
  pairs_.upload(pairs, "tables of pairs");
  tables_.embedding = embedding_.data();
  tables_.pairs = pairs_.data();
}

int64_t EamPotential::bytes_per_atom(const PotentialDemand&) const {
  return sizeof(EamAtom) + sizeof(int32_t) + sizeof(double);
}
int64_t EamPotential::bytes_per_ghost(const PotentialDemand&) const {
  return sizeof(EamAtom) + sizeof(int32_t);
}
int64_t EamPotential::bytes(const PotentialDemand&, const Exec&) const { return 1 << 16; }

Condition EamPotential::evaluate(const Batch& batch, const NeighborList& list,
                                 const std::vector<int32_t>& species_of_type, const PotentialOutput& output,
                                 Workspace& scratch) const {
  const BatchView view = batch.view();
  const Exec& exec = batch.exec();
  if (list.view().cutoff < cutoff_)
    throw UsageError(fmt::format("{}: expected a neighbor list of {:g} A at least, found {:g} A", name_,
                                 cutoff_, list.view().cutoff));
  for (size_t t = 0; t < species_of_type.size(); ++t)  // -1: a type without atoms
    if (species_of_type[t] < -1 || species_of_type[t] >= tables_.n_species)
      throw UsageError(fmt::format("{}: expected a species from 0 to {} for type {}, found {}", name_,
                                   tables_.n_species - 1, t, species_of_type[t]));
  if (output.grade || output.gradient || output.gradient_sum)
    throw UsageError(
        fmt::format("{}: an embedded-atom potential has neither grades nor coefficients", name_));

  const auto n_types = static_cast<int64_t>(species_of_type.size());
  const Span<EamAtom> atoms = scratch.take<EamAtom>(view.n_total, "packed atoms");
  const Span<int32_t> species = scratch.take<int32_t>(view.n_total, "species");
  const Span<double> slope = scratch.take<double>(view.n_local, "slopes of the embedding energy");
  const Span<int32_t> of_type = scratch.take<int32_t>(n_types, "species of types");
  copy_to_processor(exec, of_type.data, species_of_type.data(),
                    static_cast<size_t>(n_types) * sizeof(int32_t));
  const Span<Condition> unknown = scratch.take<Condition>(1, "unknown species");
  Condition found;
  copy_to_processor(exec, unknown.data, &found, sizeof found);
  for_each(exec, view.n_total, PackKernel{view, of_type.data, atoms.data, species.data, unknown.data});
  copy_to_host(exec, &found, unknown.data, sizeof found);
  if (found.count > 0)
    throw UsageError(
        fmt::format("{}: expected atoms of its species, found {} of others", name_, found.count));

  const EamView v{tables_, atoms.data, species.data, view.parent, view.n_local, list.view()};
  const bool forces = output.force || output.virial;
  const bool plain = exec.on_gpu() || exec.plain;
  const EamDensityKernel density{v, output.energy, slope.data};
  if (plain)
    for_each<8>(exec, view.n_local, density);
  else
    for_each_range(exec, view.n_local, chunk, [&](int64_t begin, int64_t end, int) {
      eam_density_rows(exec.simd, density, begin, end);
    });
  if (!output.energy && !forces) return {};
  for_each(exec, view.n_total, SpreadKernel{view.parent, slope.data, atoms.data, view.n_local});
  const bool at_faces = !plain && std::any_of(view.parent + view.n_local, view.parent + view.n_total,
                                              [](int32_t p) { return p < 0; });
  const EamForceKernel pairs{v, output.energy, output.force, output.virial};
  if (plain)
    for_each<8>(exec, view.n_local, pairs);
  else
    for_each_range(exec, view.n_local, chunk, [&](int64_t begin, int64_t end, int) {
      force_range(exec.simd, at_faces, pairs, begin, end);
    });
  if (forces) {
    const EamGhostKernel ghosts{v, view, batch.cells(), cutoff_, output.force, output.virial};
    const int64_t n_ghosts = view.n_total - view.n_local;
    if (plain)
      for_each(exec, n_ghosts, ghosts);
    else
      for_each_range(exec, n_ghosts, chunk,
                     [&](int64_t begin, int64_t end, int) { eam_ghost_rows(exec.simd, ghosts, begin, end); });
  }
  return {};
}

std::unique_ptr<Potential> make_eam_potential(const EamModel& model, const Exec& exec) {
  return std::make_unique<EamPotential>(model, exec);
}

}  // namespace grainfield
