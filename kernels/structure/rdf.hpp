// Radial distribution function: exact counts of pairs by distance, total and per pair of species.
//
// Formula  count_ab(k) = number of ordered pairs (i, j), i of species a, j of species b, j != i any image,
// with
//                        floor(|rij| / w) = k, k = 0 ... n_bins - 1; w = range / n_bins.
//          g_ab(r_k) = V count_ab(k) / (N_a N_b v_k),  v_k = 4 pi/3 w^3 ((k+1)^3 - k^3),  r_k = (k + 1/2) w
//          g = sum_ab x_a x_b g_ab,  x_a = N_a / N;   coordination(k) = sum_{k' <= k} count(k') / N:
//          neighbors within the upper edge of bin k. N_a N_b, not N_a (N_b - delta_ab): a supercell then has
//          the g(r) of its cell, and an ideal gas 1 - 1/N. V is the volume of the box, also where a direction
//          is free (then g -> 1 holds nowhere).
// Source   Allen and Tildesley, Computer Simulation of Liquids (2017), section 2.6.
// In       positions [n] A; ghosts as far as `range`.
// Out      counts [n_pairs][n_bins] of ordered pairs {a, b} = {b, a}, for the atoms of all systems together.
// Edges    range may exceed the box; an atom and its own images are pairs. Coincident atoms fall into bin 0.
//          A distance that equals the edge of a bin falls into one of the two bins by the rounding of sqrt.
// Cost     the CPU gathers, per block of cells with edge ~range/2, the atoms within range of the block: 32
//          bytes for each. An atom then visits the half of them that follows it; in a slab, pairs across its
//          faces are visited by the lower slab alone. Floor at range 8 A in Fe
//          (about 180 neighbors): 90 square roots, 8 at a time, and 90 increments of a bin; blocks of this
//          size visit 2.5 times as many. About 1 million atoms/s per core (bench/bench_rdf).
// Team     1 on a GPU, with copies of the histogram to spread the atomic adds (copies, below).
// Order    integer sums: the same for any number of threads, schedule or cut into slabs.
// Test     tests/kernels/test_rdf.cpp
#pragma once

#include <cstdint>
#include <vector>

#include "host/registry.hpp"
#include "kernels/core/status.hpp"
#include "kernels/neighbors/neighbor_list.hpp"

namespace grainfield {

struct RdfParams {
  double range = 8;  // A
  int32_t n_bins = 400;
  int32_t n_types = 1;  // 1: species are not told apart

  GF_HD double width() const { return range / n_bins; }  // A
  GF_HD int32_t n_pairs() const { return n_types * (n_types + 1) / 2; }
  // The place of the unordered pair {a, b}: (0,0), (0,1), (1,1), (0,2), ...
  GF_HD int32_t pair(int32_t a, int32_t b) const { return a < b ? b * (b + 1) / 2 + a : a * (a + 1) / 2 + b; }
};

// The bin of a squared distance; n_bins and more: out of range.
GF_HD inline int32_t rdf_bin(double d_sq, double inverse_width, int32_t n_bins) {
  const double k = std::sqrt(d_sq) * inverse_width;
  return k < n_bins ? static_cast<int32_t>(k) : n_bins;
}

struct RdfKernel {
  static constexpr int32_t copies = 64;  // of the histogram; atom i adds to copy i % copies
  BatchView batch;
  CellView cells;
  RdfParams params;
  unsigned long long* counts;  // [copies][n_pairs][n_bins], zero at the start

  template <class Team>
  GF_HD void operator()(Team, int64_t i) const {
    const Vec3 ri = batch.position(i);
    const double inverse_width = 1 / params.width();
    unsigned long long* mine = counts + (i % copies) * params.n_pairs() * params.n_bins;
    for_each_candidate_run(batch, cells, batch.system[i], ri, params.range, [&](int32_t begin, int32_t end) {
      for (int32_t j = begin; j < end; ++j) {
        const int32_t k = rdf_bin(norm_sq(batch.position(j) - ri), inverse_width, params.n_bins);
        if (j == i || k == params.n_bins) continue;
        const int32_t pair = params.n_types == 1 ? 0 : params.pair(batch.type[i], batch.type[j]);
        add_shared(mine + static_cast<int64_t>(pair) * params.n_bins + k, 1);
      }
    });
  }
};

// Adds the pairs of the batch's local atoms (i local, j any) to counts [n_pairs][n_bins] on the host.
void count_pairs(const Batch& batch, const RdfParams& params, std::vector<int64_t>& counts);

// The counts of a whole frame, species not told apart: for analyses that look for shells.
struct SnapshotRdf {
  RdfParams params;
  std::vector<int64_t> counts;  // [n_bins] ordered pairs
};
SnapshotRdf snapshot_rdf(FrameContext& context, double range, double bin);

// Bins of about `bin` that divide the range. Throws UsageError for more than 10 million counts.
RdfParams rdf_params(double range, double bin, int32_t n_types = 1);

AnalysisEntry rdf_entry();

}  // namespace grainfield
