// Embedded-atom potentials: site energies, forces, virial.
//
// Formula  V_i = F_a(rho_i) + 1/2 sum_j phi_ab(r_ij),  rho_i = sum_j f_ba(r_ij),  a, b the species of i, j;
//          pairs with r_ij < cutoff.  With psi_ij = F_a'(rho_i) f_ba'(r) + F_b'(rho_j) f_ab'(r) + phi_ab'(r):
//          F_i = sum_j psi_ij r_ij / r,   W_i = -1/2 sum_j (psi_ij / r) r_ij (x) r_ij,
//          the per-atom virial of LAMMPS' compute stress/atom without its sign and units; sum_i W_i =
//          -dE/d(strain).
//          A neighbor of another slab (ghost without parent) has an unknown F_b'(rho_j): there the share
//          of V_i alone, psi = F_a' f_ba' + 1/2 phi', acts on i and, reversed, on the ghost, with half of its
//          virial on each. What the other slab adds makes it whole.
// Tables   Piecewise cubics through the nodes of the file, slopes at node m from differences of the fourth
//          order, (f[m-2] - f[m+2] + 8 (f[m+1] - f[m-1])) / 12; at the second node from an end (f[m+1] -
//          f[m-1]) / 2, at the end one-sided. Beyond the last node of f and of r phi: the value there. F
//          below its first node: the first cubic; from its last node to rho_max: the value there; from there
//          on
//          + F'(rho_max) (rho - rho_max).
// Source   Daw and Baskes, Phys. Rev. B 29, 6443 (1984); Finnis and Sinclair, Philos. Mag. A 50, 45 (1984).
//          Tables: the convention of LAMMPS, pair_style eam.
// In       positions [n_total] A; neighbor lists with at least the cutoff.
// Out      host/potential.hpp
// Edges    no neighbors: F(0). r = 0: phi diverges; NaN, as in LAMMPS. A list with a larger cutoff changes no
//          bit but the order of sums.
// Cost     two passes over the neighbors. Per neighbor and pass 4 bytes of index, 32 of the packed atom, and
//          of the tables 32 (density) or 64 (forces); the tables of one species stay in the second cache.
// Team     any size; 8 on a GPU. The CPU takes 8 neighbors at a time (eam_rows.cpp), loading whole nodes
//          and turning them in registers, which beats gathers.
// Order    every atom sums over its own row: the same bits for any number of threads; ghosts of other slabs
//          gather from the cells. No atomics.
// Test     tests/kernels/test_eam.cpp
#pragma once

#include <memory>

#include "host/eam_model.hpp"
#include "host/potential.hpp"
#include "kernels/core/view.hpp"
#include "kernels/neighbors/neighbor_list.hpp"

namespace grainfield {

// One piece of a table: value(p) = ((c[3] p + c[2]) p + c[1]) p + c[0], 0 <= p <= 1 from a node to the next.
struct EamPiece {
  double c[4];

  GF_HD double value(double p) const { return ((c[3] * p + c[2]) * p + c[1]) * p + c[0]; }
  GF_HD double slope(double p) const { return (3 * c[3] * p + 2 * c[2]) * p + c[1]; }  // per node
};

// The three functions of an ordered pair of species a, b at one node: an atom of a in the middle, of b
// outside. One cache line holds what one species needs (out = in there).
struct EamNode {
  EamPiece in;    // f_ba: what b adds at a
  EamPiece pair;  // r phi_ab
  EamPiece out;   // f_ab: what a adds at b; absent for one species
  EamPiece none;
};

struct EamTables {
  int32_t n_species = 1;
  int32_t n_rho = 0, n_r = 0;
  double per_rho = 0, per_r = 0;  // nodes per unit
  double rho_max = 0, cutoff_sq = 0;
  int32_t stride = 8;                   // doubles per node of `pairs`: 8 for one species, 16 for more
  const EamPiece* embedding = nullptr;  // [n_species][n_rho]
  const double* pairs = nullptr;        // [n_species][n_species][n_r][stride]: beginnings of EamNode

  GF_HD const double* of_pair(int32_t a, int32_t b) const {
    return pairs + (static_cast<int64_t>(a) * n_species + b) * n_r * stride;
  }
  // The piece and the place in it of x nodes from the first; NaN stays NaN.
  GF_HD static int32_t piece_of(double x, int32_t n) {
    return x > 0 ? (x < n - 2 ? static_cast<int32_t>(x) : n - 2) : 0;
  }
  GF_HD static double place_in(double x, int32_t piece) { return x - piece > 1 ? 1.0 : x - piece; }
};

struct EamEmbedding {
  double value, slope;  // F, eV; dF/drho
};

GF_HD inline EamEmbedding eam_embedding(const EamTables& t, int32_t species, double rho) {
  const double x = rho * t.per_rho;
  const int32_t m = EamTables::piece_of(x, t.n_rho);
  const double p = EamTables::place_in(x, m);
  const EamPiece& piece = t.embedding[static_cast<int64_t>(species) * t.n_rho + m];
  const double slope = piece.slope(p) * t.per_rho;
  return {piece.value(p) + (rho > t.rho_max ? slope * (rho - t.rho_max) : 0.0), slope};
}

// What the passes read of an atom, in one place.
struct alignas(32) EamAtom {
  double x, y, z;
  double slope;  // dF/drho; 0 for an atom of another slab
};

struct EamView {
  EamTables tables;
  const EamAtom* atoms = nullptr;    // [n_total]
  const int32_t* species = nullptr;  // [n_total]
  const int32_t* parent = nullptr;   // [n_total]
  int32_t n_local = 0;
  NeighborView neighbors;

  GF_HD bool of_another_slab(int64_t j) const { return j >= n_local && parent[j] < 0; }
  // Of phi' of a pair: half where only one of the two site energies is this slab's.
  GF_HD double share(int64_t i, int64_t j) const {
    return of_another_slab(i) || of_another_slab(j) ? 0.5 : 1.0;
  }
};

// Team member's share of rho_i.
template <class Team>
GF_HD double eam_density(Team team, const EamView& v, int64_t i) {
  const EamAtom me = v.atoms[i];
  const EamTables& t = v.tables;
  double rho = 0;
  for (int64_t k = v.neighbors.begin(i) + team.rank(); k < v.neighbors.end(i); k += team.size()) {
    const int32_t j = v.neighbors.index[k];
    const EamAtom other = v.atoms[j];
    const double dx = other.x - me.x, dy = other.y - me.y, dz = other.z - me.z;
    const double r_sq = dx * dx + dy * dy + dz * dz;
    if (!(r_sq < t.cutoff_sq)) continue;
    const double x = std::sqrt(r_sq) * t.per_r;
    const int32_t m = EamTables::piece_of(x, t.n_r);
    const double* node = t.of_pair(v.species[i], v.species[j]) + static_cast<int64_t>(m) * t.stride;
    rho += reinterpret_cast<const EamPiece*>(node)->value(EamTables::place_in(x, m));
  }
  return rho;
}

// One pair seen from its center.
struct EamPair {
  double phi;         // eV
  double psi_over_r;  // eV/A^2
};

// center, outer: dF/drho of the two; share: of phi' (1, or 1/2 where only the center's energy counts).
GF_HD inline EamPair eam_pair(const EamTables& t, const double* table, double r_sq, double center,
                              double outer, double share) {
  const double r = std::sqrt(r_sq), over_r = 1 / r;
  const double x = r * t.per_r;
  const int32_t m = EamTables::piece_of(x, t.n_r);
  const double p = EamTables::place_in(x, m);
  const auto* piece = reinterpret_cast<const EamPiece*>(table + static_cast<int64_t>(m) * t.stride);
  const double in = piece[0].slope(p) * t.per_r;
  const double out = t.stride == 8 ? in : piece[2].slope(p) * t.per_r;
  const double phi = piece[1].value(p) * over_r;
  const double phi_slope = (piece[1].slope(p) * t.per_r - phi) * over_r;
  return {phi, (center * in + outer * out + share * phi_slope) * over_r};
}

struct EamSum {
  double phi = 0;    // sum of phi, eV
  double f[3] = {};  // eV/A
  double w[6] = {};  // -2 W: xx yy zz xy xz yz, eV

  GF_HD void add(double psi_over_r, double dx, double dy, double dz) {
    const double fx = psi_over_r * dx, fy = psi_over_r * dy, fz = psi_over_r * dz;
    f[0] += fx, f[1] += fy, f[2] += fz;
    w[0] += fx * dx, w[1] += fy * dy, w[2] += fz * dz;
    w[3] += fx * dy, w[4] += fx * dz, w[5] += fy * dz;
  }
};

// Team member's share of the pairs of atom i.
template <class Team>
GF_HD EamSum eam_pairs(Team team, const EamView& v, int64_t i) {
  const EamAtom me = v.atoms[i];
  EamSum sum;
  for (int64_t k = v.neighbors.begin(i) + team.rank(); k < v.neighbors.end(i); k += team.size()) {
    const int32_t j = v.neighbors.index[k];
    const EamAtom other = v.atoms[j];
    const double dx = other.x - me.x, dy = other.y - me.y, dz = other.z - me.z;
    const double r_sq = dx * dx + dy * dy + dz * dz;
    if (!(r_sq < v.tables.cutoff_sq)) continue;
    const EamPair pair = eam_pair(v.tables, v.tables.of_pair(v.species[i], v.species[j]), r_sq, me.slope,
                                  other.slope, v.share(i, j));
    sum.phi += pair.phi;
    sum.add(pair.psi_over_r, dx, dy, dz);
  }
  return sum;
}

// First pass: rho_i, F and F'.
struct EamDensityKernel {
  EamView v;
  double* energy;  // [n_local] F(rho_i), or null
  double* slope;   // [n_local]

  GF_HD void embed(int64_t i, double rho) const {
    const EamEmbedding f = eam_embedding(v.tables, v.species[i], rho);
    slope[i] = f.slope;
    if (energy) energy[i] = f.value;
  }
  template <class Team>
  GF_HD void operator()(Team team, int64_t i) const {
    const double rho = team.sum(eam_density(team, v, i));
    if (team.rank() == 0) embed(i, rho);
  }
};

// Second pass: the pairs.
struct EamForceKernel {
  EamView v;
  double* energy;  // [n_local] to which 1/2 sum phi is added, or null
  double* force;   // [n_total][3] or null
  double* virial;  // [n_total][6] or null

  GF_HD void write(int64_t i, const EamSum& sum) const {
    if (energy) energy[i] += 0.5 * sum.phi;
    if (force)
      for (int k = 0; k < 3; ++k) force[3 * i + k] = sum.f[k];
    if (virial)
      for (int k = 0; k < 6; ++k) virial[6 * i + k] = -0.5 * sum.w[k];
  }
  template <class Team>
  GF_HD void operator()(Team team, int64_t i) const {
    EamSum sum = eam_pairs(team, v, i);
    sum.phi = team.sum(sum.phi);
    for (double& f : sum.f) f = team.sum(f);
    for (double& w : sum.w) w = team.sum(w);
    if (team.rank() == 0) write(i, sum);
  }
};

// What the site energies of local atoms exert on ghost n_local + k of another slab; 0 on other ghosts.
struct EamGhostKernel {
  EamView v;
  BatchView batch;
  CellView cells;
  double cutoff;   // A
  double* force;   // [n_total][3] or null
  double* virial;  // [n_total][6] or null

  template <class Team>
  GF_HD void operator()(Team, int64_t k) const {
    const int64_t g = v.n_local + k;
    EamSum sum;
    if (v.parent[g] < 0) {
      const EamAtom me = v.atoms[g];
      for_each_candidate_run(batch, cells, batch.system[g], {me.x, me.y, me.z}, cutoff,
                             [&](int32_t begin, int32_t end) {
                               for (int32_t i = begin; i < end && i < v.n_local; ++i) add(g, me, i, sum);
                             });
    }
    write(g, sum);
  }

  // The share of local atom i, if it is within the cutoff.
  GF_HD void add(int64_t g, const EamAtom& me, int32_t i, EamSum& sum) const {
    const EamAtom center = v.atoms[i];
    const double dx = me.x - center.x, dy = me.y - center.y, dz = me.z - center.z;  // i to g
    const double r_sq = dx * dx + dy * dy + dz * dz;
    if (!(r_sq < v.tables.cutoff_sq)) return;
    const EamPair pair = eam_pair(v.tables, v.tables.of_pair(v.species[i], v.species[g]), r_sq, center.slope,
                                  0, v.share(i, g));
    sum.add(pair.psi_over_r, dx, dy, dz);
  }
  GF_HD void write(int64_t g, const EamSum& sum) const {
    if (force)
      for (int c = 0; c < 3; ++c) force[3 * g + c] = -sum.f[c];
    if (virial)
      for (int c = 0; c < 6; ++c) virial[6 * g + c] = -0.5 * sum.w[c];
  }
};

class EamPotential final : public Potential {
 public:
  EamPotential(const EamModel& model, const Exec& exec);

  std::string name() const override { return name_; }
  double cutoff() const override { return cutoff_; }
  const std::vector<std::string>& elements() const override { return elements_; }
  int64_t bytes_per_atom(const PotentialDemand& demand) const override;
  int64_t bytes_per_ghost(const PotentialDemand& demand) const override;
  int64_t bytes(const PotentialDemand& demand, const Exec& exec) const override;
  // Throws UsageError where the list is too short or a species is not the potential's.
  Condition evaluate(const Batch& batch, const NeighborList& list,
                     const std::vector<int32_t>& species_of_type, const PotentialOutput& output,
                     Workspace& scratch) const override;

  const EamTables& tables() const { return tables_; }

 private:
  Exec exec_;
  std::string name_;
  std::vector<std::string> elements_;
  double cutoff_ = 0;  // A
  EamTables tables_;
  Buffer<EamPiece> embedding_;
  Buffer<double> pairs_;
};

// Throws UsageError for a model whose tables do not fit its counts.
std::unique_ptr<Potential> make_eam_potential(const EamModel& model, const Exec& exec);

}  // namespace grainfield
