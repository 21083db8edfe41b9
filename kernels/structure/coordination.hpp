// Coordination numbers of the first two shells.
//
// Formula  Z1_i = #{j : 0 < |rij| <= r1},  Z2_i = #{j : r1 < |rij| <= r2}, evaluated as |rij|^2 <= r^2.
//          Note <=, and that a neighbor at r = 0 (a coincident atom) does not count.
// Source   Darvishi Kamachali and Wallis, atomic density and coordination number of grain boundaries,
// Methods.
//          r1 and r2 lie midway between the shells of the bulk (host/lattice.hpp) or at the first two minima
//          of the snapshot's g(r) (host/coordination_cutoffs.hpp).
// In       positions [n] A; neighbor lists with a cutoff of at least r2 + 2e-6 A.
// Out      coordination [n][2]: Z1, Z2; near_cutoff: atoms with a neighbor within 1e-6 A of r1 or r2, whose
//          numbers another code may round differently.
// Edges    no neighbors: 0, 0. Images of i are neighbors like any other.
// Cost     per neighbor in the list 28 bytes read and 8 flops; 8 bytes written per atom. Far less than the
//          neighbor list itself (bench/bench_coordination).
// Team     any size; 8 on a GPU.
// Order    integer sums: the same bits for any team, thread number and cut into slabs.
// Test     tests/kernels/test_coordination.cpp
#pragma once

#include "host/registry.hpp"
#include "kernels/core/status.hpp"
#include "kernels/core/view.hpp"

namespace grainfield {

struct CoordinationParams {
  static constexpr double near = 1e-6;  // A
  double r1 = 0, r2 = 0;                // A

  GF_HD double list_cutoff() const { return r2 + 2 * near; }
};

struct Coordination {
  int32_t z1 = 0, z2 = 0;
  int32_t n_near = 0;  // neighbors within CoordinationParams::near of a cutoff
};

// Team member's share of the neighbors of atom i.
template <class Team>
GF_HD Coordination count_shells(Team team, const BatchView& batch, const NeighborView& neighbors,
                                const CoordinationParams& p, int64_t i) {
  const Vec3 ri = batch.position(i);
  const double r1_sq = p.r1 * p.r1, r2_sq = p.r2 * p.r2;
  Coordination z;
  for (int64_t k = neighbors.begin(i) + team.rank(); k < neighbors.end(i); k += team.size()) {
    const double d_sq = norm_sq(batch.position(neighbors.index[k]) - ri);
    z.z1 += d_sq > 0 && d_sq <= r1_sq ? 1 : 0;
    z.z2 += d_sq > r1_sq && d_sq <= r2_sq ? 1 : 0;
    // |d^2 - r^2| = |d - r| (d + r): no square root, and exact enough for a warning.
    z.n_near += std::fabs(d_sq - r1_sq) <= 2 * p.near * p.r1 || std::fabs(d_sq - r2_sq) <= 2 * p.near * p.r2;
  }
  return z;
}

struct CoordinationKernel {
  BatchView batch;
  NeighborView neighbors;
  CoordinationParams params;
  int32_t* coordination;   // [n_local][2]
  Condition* near_cutoff;  // atoms

  template <class Team>
  GF_HD void operator()(Team team, int64_t i) const {
    const Coordination mine = count_shells(team, batch, neighbors, params, i);
    const int32_t z1 = team.sum(mine.z1), z2 = team.sum(mine.z2), n_near = team.sum(mine.n_near);
    if (team.rank() != 0) return;
    coordination[2 * i] = z1;
    coordination[2 * i + 1] = z2;
    if (n_near > 0) record(near_cutoff, i);
  }
};

AnalysisEntry coordination_entry();

}  // namespace grainfield
