// Crystal structure around every atom by adaptive common neighbor analysis, and the intact bulk.
//
// Formula  Of atom i the 14 nearest neighbors, nearest first, at distances d_1 <= d_2 ... Two of them are
// bonded if
//          they are no further apart than the local cutoff
//            fcc, hcp, ico: c = (1 + sqrt 2)/2 * mean of d_1 ... d_12, among the 12 nearest;
//            bcc:           c = 1.207 * mean of 2/sqrt(3) d_1 ... d_8 and d_9 ... d_14, among all 14.
//          In bcc too the paper has (1 + sqrt 2)/2 = 1.2071; OVITO rounds it, which tells 2 of 250 atoms of a
//          hot crystal apart (tests/data/structure_ovito.xyz), and we take what OVITO takes. The signature of
//          a neighbor is (number of neighbors of i bonded to it, number of bonds among these, bonds in the
//          largest connected group of these bonds):
//            fcc: 12 x 421;  hcp: 6 x 421 and 6 x 422;  ico: 12 x 555;  bcc: 8 x 666 and 6 x 444;
//          else other. fcc, hcp and ico are tried first.
//          bulk_i = 1 if type_i is that of the matrix and so are all neighbors that the analysis of i used:
//          the 12 nearest in fcc and hcp, the 14 nearest (8 + 6) in bcc. The matrix is --structure if given,
//          else the most frequent of fcc, hcp and bcc (the first of these where equal).
// Source   Stukowski, Modelling Simul. Mater. Sci. Eng. 20, 045021 (2012), sections 2.3 and 2.4; Honeycutt
// and
//          Andersen, J. Phys. Chem. 91, 4950 (1987). Types are numbered as in OVITO.
// In       positions [n] A; neighbor lists with a cutoff of 1.75 v^(1/3), v the volume per atom where atoms
// are
//          (structure.cu), which hold 22 neighbors in a crystal. Any larger list gives the same.
// Out      structure_type [n]: 0 other, 1 fcc, 2 hcp, 3 bcc, 4 ico; bulk [n]: 0 or 1.
// Edges    an atom with fewer than 14 neighbors in the list looks for them as far as ghosts reach, 1.5 times
// as
//          far; with fewer than 12 (bcc: 14) there, it is other: the density around it is less than a fifth
//          of the mean. Equal distances: the lower place in the list is nearer. Coincident atoms are
//          neighbors like any other.
// Cost     per atom 22 distances, 91 more among the 14, 14 sums of bits. The CPU takes neighbors in the
//          lanes of a vector (structure_lanes.cpp): 3 times as fast as the plain form
//          (bench/bench_structure).
// Team     1.
// Order    integers that depend on comparisons of distances only; no contraction of products, so that every
//          schedule compares the same bits.
// Test     tests/kernels/test_structure.cpp
#pragma once

#include "host/registry.hpp"
#include "kernels/core/bits.hpp"
#include "kernels/core/exec.hpp"
#include "kernels/core/view.hpp"
#include "kernels/neighbors/neighbor_list.hpp"

namespace grainfield {

enum StructureType : int32_t { structure_other, structure_fcc, structure_hcp, structure_bcc, structure_ico };
constexpr int n_structure_types = 5;

constexpr int cna_neighbors = 14;
constexpr double cna_list_factor = 1.75;  // cutoff of the list over v^(1/3)
constexpr double cna_reach_factor = 1.5;  // ghosts over the list

// How many of the 12 or 14 nearest neighbors `type` was told from.
GF_HD inline int cna_shell(int32_t type) {
  return type == structure_other ? 0 : type == structure_bcc ? 14 : 12;
}

// Half way between two shells, in units of the inner one.
constexpr double cna_half_way_twelve = 1.2071067811865476;  // (1 + sqrt 2)/2
constexpr double cna_half_way_fourteen = 1.207;             // as OVITO

// Squares of the local cutoffs, from the distances, ascending.
GF_HD inline double cna_cutoff_sq_of_twelve(const double* d) {
  double sum = 0;
  for (int k = 0; k < 12; ++k) sum += d[k];
  const double cutoff = sum / 12 * cna_half_way_twelve;
  return cutoff * cutoff;
}
GF_HD inline double cna_cutoff_sq_of_fourteen(const double* d) {
  double first = 0, second = 0;
  for (int k = 0; k < 8; ++k) first += d[k];
  for (int k = 8; k < 14; ++k) second += d[k];
  const double cutoff = (1.1547005383792515 * first + second) / 14 * cna_half_way_fourteen;  // 2/sqrt(3)
  return cutoff * cutoff;
}

// Signatures from the sets of bonds: bit b of bonds[k] says that neighbors k and b are bonded (never k and
// k).
struct Signature {
  int common, bonds;
  int most;  // bonds of one common neighbor to others
};
GF_HD inline Signature signature_of(const uint32_t* bonds, uint32_t common) {
  int ends = 0, most = 0;
  for (uint32_t rest = common; rest != 0; rest &= rest - 1) {
    const int degree = count_bits(bonds[lowest_bit(rest)] & common);
    ends += degree;
    most = degree > most ? degree : most;
  }
  return {count_bits(common), ends / 2, most};
}

// Of six common neighbors with two bonds each: a ring, or two triangles?
GF_HD inline bool is_ring(const uint32_t* bonds, uint32_t common) {
  const uint32_t beside = bonds[lowest_bit(common)] & common;
  return (bonds[lowest_bit(beside)] & beside) == 0;
}

// Whether all bonds among the common neighbors hang together.
GF_HD inline bool is_connected(const uint32_t* bonds, uint32_t common) {
  int n_groups = 0;
  while (common != 0) {
    uint32_t edge = common & (0 - common), group = 0;  // grow a group from its lowest member
    while (edge != 0) {
      const uint32_t here = edge & (0 - edge);
      group |= here;
      edge = (edge | (bonds[lowest_bit(here)] & common)) & ~group;
    }
    n_groups += count_bits(group) > 1 ? 1 : 0;
    common &= ~group;
  }
  return n_groups <= 1;
}

GF_HD inline int32_t cna_type_of_twelve(const uint32_t* bonds) {
  int n421 = 0, n422 = 0, n555 = 0;
  for (int k = 0; k < 12; ++k) {
    const int n_common = count_bits(bonds[k]);
    if (n_common != 4 && n_common != 5) return structure_other;
    const Signature s = signature_of(bonds, bonds[k]);
    if (s.common == 4 && s.bonds == 2)
      ++(s.most == 1 ? n421 : n422);  // two bonds hang together where they share an atom
    else if (s.common == 5 && s.bonds == 5)
      ++n555;  // five atoms have no two groups with five bonds
    else
      return structure_other;
  }
  return n421 == 12               ? structure_fcc
         : n421 == 6 && n422 == 6 ? structure_hcp
         : n555 == 12             ? structure_ico
                                  : structure_other;
}

GF_HD inline int32_t cna_type_of_fourteen(const uint32_t* bonds) {
  int n444 = 0, n666 = 0;
  for (int k = 0; k < 14; ++k) {
    const int n_common = count_bits(bonds[k]);
    if (n_common != 4 && n_common != 6) return structure_other;
    const Signature s = signature_of(bonds, bonds[k]);
    if (s.common == 4 && s.bonds == 4)
      ++n444;  // four atoms have no two groups with four bonds
    else if (s.common == 6 && s.bonds == 6 &&
             (s.most == 2 ? is_ring(bonds, bonds[k]) : is_connected(bonds, bonds[k])))
      ++n666;
    else
      return structure_other;
  }
  return n666 == 8 && n444 == 6 ? structure_bcc : structure_other;
}

// The nearest neighbors of an atom, ascending; of equally near ones the first that came.
struct NearestNeighbors {
  int n = 0;
  double d_sq[cna_neighbors];
  int32_t index[cna_neighbors];

  GF_HD void offer(double d, int32_t j) {
    if (n == cna_neighbors && !(d < d_sq[n - 1])) return;
    int k = n < cna_neighbors ? n++ : n - 1;
    for (; k > 0 && d < d_sq[k - 1]; --k) d_sq[k] = d_sq[k - 1], index[k] = index[k - 1];
    d_sq[k] = d;
    index[k] = j;
  }
};

// Bonds among the n nearest: distances of vectors from atom i.
GF_HD inline void cna_bonds(const Vec3* r, int n, double cutoff_sq, uint32_t* bonds) {
  for (int k = 0; k < n; ++k) bonds[k] = 0;
  for (int k = 0; k < n; ++k)
    for (int b = 0; b < k; ++b)
      if (norm_sq(r[b] - r[k]) <= cutoff_sq) bonds[k] |= 1u << b, bonds[b] |= 1u << k;
}

GF_HD inline int32_t cna_type(const BatchView& batch, int64_t i, const NearestNeighbors& near) {
  if (near.n < 12) return structure_other;
  Vec3 r[cna_neighbors];
  double d[cna_neighbors];
  for (int k = 0; k < near.n; ++k) {
    r[k] = batch.position(near.index[k]) - batch.position(i);
    d[k] = std::sqrt(near.d_sq[k]);
  }
  uint32_t bonds[cna_neighbors];
  cna_bonds(r, 12, cna_cutoff_sq_of_twelve(d), bonds);
  const int32_t type = cna_type_of_twelve(bonds);
  if (type != structure_other || near.n < 14) return type;
  cna_bonds(r, 14, cna_cutoff_sq_of_fourteen(d), bonds);
  return cna_type_of_fourteen(bonds);
}

struct StructureTask {
  BatchView batch;
  NeighborView neighbors;
  CellView cells;
  double enough;     // A: what the list must hold; it may hold more
  double reach;      // A, of the ghosts
  int32_t* type;     // [n_local]
  int32_t* nearest;  // [n_local][14] neighbors that the type was told from: the first cna_shell(type)
};

// The type of one atom and its nearest neighbors; the plain form.
GF_HD inline int32_t find_structure(const StructureTask& task, int64_t i, NearestNeighbors& near) {
  const BatchView& batch = task.batch;
  const Vec3 ri = batch.position(i);
  near.n = 0;
  for (int64_t k = task.neighbors.begin(i); k < task.neighbors.end(i); ++k) {
    const int32_t j = task.neighbors.index[k];
    near.offer(norm_sq(batch.position(j) - ri), j);
  }
  if (near.n < cna_neighbors && task.reach > task.neighbors.cutoff) {  // rows of the list end too early
    near.n = 0;
    const double reach_sq = task.reach * task.reach;
    for_each_candidate_run(batch, task.cells, batch.system[i], ri, task.reach,
                           [&](int32_t begin, int32_t end) {
                             for (int32_t j = begin; j < end; ++j) {
                               const double d_sq = norm_sq(batch.position(j) - ri);
                               if (j != i && d_sq < reach_sq) near.offer(d_sq, j);
                             }
                           });
  }
  return cna_type(batch, i, near);
}

struct StructureKernel {
  StructureTask task;

  template <class Team>
  GF_HD void operator()(Team, int64_t i) const {
    NearestNeighbors near;
    const int32_t type = find_structure(task, i, near);
    task.type[i] = type;
    for (int k = 0; k < cna_shell(type); ++k) task.nearest[cna_neighbors * i + k] = near.index[k];
  }
};

// The CPU's schedule: the same types and neighbors.
void structure_in_lanes(const Exec& exec, const StructureTask& task);

// intact[i]: 1 if all neighbors that the type was told from have it too, 0 if not, 2 if neighbors of another
// slab decide.
struct IntactKernel {
  const int32_t* parent;
  const int32_t* type;
  const int32_t* nearest;
  int32_t* intact;

  template <class Team>
  GF_HD void operator()(Team, int64_t i) const {
    const int n = cna_shell(type[i]);
    int32_t result = n > 0 ? 1 : 0;
    for (int k = 0; k < n; ++k) {
      const int32_t j = parent[nearest[cna_neighbors * i + k]];
      if (j < 0)
        result = result == 1 ? 2 : result;
      else if (type[j] != type[i])
        result = 0;
    }
    intact[i] = result;
  }
};

AnalysisEntry structure_entry();

}  // namespace grainfield
