// The kernels of voronoi.hpp: cells from the neighbor list, for all atoms, and from the cells of the batch,
// for the atoms that need more neighbors or more memory.
//
// Stack    VoronoiFromList holds 21 KB a thread on a GPU, by design: the cell (64 vertices, 128 planes)
//          and 128 candidates, indexed by what the cuts find, so not in registers. It lies in local memory:
//          caches, then DRAM. The driver sets it aside for all threads that the device can hold, 5.6 GB on
//          132 processors (Needs::local_memory).
#pragma once

#include "kernels/core/exec.hpp"
#include "kernels/geometry/voronoi.hpp"

namespace grainfield {

// Cells that the neighbor list completes and that a small memory holds; the state says which do not.
struct VoronoiFromList {
  static constexpr int vertices = 64, planes = 128, candidates = 128;
  BatchView batch;
  NeighborView neighbors;
  VoronoiParams params;
  VoronoiOutput out;

  template <class Team>
  GF_HD void operator()(Team, int64_t i) const {
    alignas(16) unsigned char memory[VoronoiCell::bytes(vertices, planes)];
    VoronoiCandidates::Candidate data[candidates];
    VoronoiCell cell(memory, vertices, planes);
    VoronoiCandidates near{data, candidates};
    VoronoiBuilder builder{batch, params, static_cast<int32_t>(i)};
    const Vec3 ri = batch.position(i);
    bool closed = false;
    const double half = VoronoiBuilder::cube(params.list_radius, params.bound, closed);
    CellState state = builder.build(cell, near, params.list_radius, params.list_radius, half, 0,
                                    [&](VoronoiCandidates& found, double inner, double outer) {
                                      for (int64_t k = neighbors.begin(i); k < neighbors.end(i); ++k) {
                                        const int32_t j = neighbors.index[k];
                                        const Vec3 r = batch.position(j) - ri;
                                        const double d_sq = norm_sq(r);
                                        if (d_sq >= inner * inner && d_sq < outer * outer)
                                          builder.consider(found, r, d_sq, j);
                                      }
                                    });
    if (state == CellState::complete && VoronoiBuilder::cube_too_large(cell.radius_sq(), half))
      state = CellState::overflow;
    if (state == CellState::coincident) out.partner[i] = builder.partner;
    write_cell(out, batch, params, i, state, cell);
  }
};

// The CPU's faster schedule of the same.
void voronoi_simd(const Exec& exec, const VoronoiFromList& task);

// Cells of some atoms, from all atoms within params.reach. Their memory is the team's scratch, or the k-th
// piece of `memory` where a team's scratch cannot hold it (GPUs).
struct VoronoiFromCells {
  static constexpr int32_t group = 32;
  BatchView batch;
  CellView cells;
  VoronoiParams params;
  VoronoiOutput out;
  const int32_t* atoms = nullptr;
  unsigned char* memory = nullptr;
  int32_t vertices = 0, planes = 0, candidates = 0;

  static GF_HD size_t bytes(int32_t vertices, int32_t planes, int32_t candidates) {
    return (VoronoiCell::bytes(vertices, planes) +
            static_cast<size_t>(candidates) * sizeof(VoronoiCandidates::Candidate) + 63) /
           64 * 64;
  }

  template <class Team>
  GF_HD void operator()(Team team, int64_t k) const {
    const int32_t i = atoms[k];
    unsigned char* mine = static_cast<unsigned char*>(team.scratch());
    if (memory) mine = memory + bytes(vertices, planes, candidates) * static_cast<size_t>(k);
    VoronoiCell cell(mine, vertices, planes);
    VoronoiCandidates near{
        reinterpret_cast<VoronoiCandidates::Candidate*>(mine + VoronoiCell::bytes(vertices, planes)),
        candidates};
    VoronoiBuilder builder{batch, params, i};
    const Vec3 ri = batch.position(i);
    const double excess = builder.excess();
    const auto gather = [&](VoronoiCandidates& found, double inner, double outer) {
      for_each_candidate_run(batch, cells, batch.system[i], ri, outer, [&](int32_t begin, int32_t end) {
        // Atoms of a run are neighbors in space: most groups pass the cell by together.
        for (int32_t from = begin; from < end; from += group) {
          const int32_t to = from + group < end ? from + group : end;
          if (inner > 0) {
            Vec3 low = batch.position(from) - ri, high = low;
            for (int32_t j = from + 1; j < to; ++j) {
              const Vec3 r = batch.position(j) - ri;
              low = {r.x < low.x ? r.x : low.x, r.y < low.y ? r.y : low.y, r.z < low.z ? r.z : low.z};
              high = {r.x > high.x ? r.x : high.x, r.y > high.y ? r.y : high.y, r.z > high.z ? r.z : high.z};
            }
            if (!found.can_cut(low, high, excess)) continue;
          }
          for (int32_t j = from; j < to; ++j) {
            const Vec3 r = batch.position(j) - ri;
            const double d_sq = norm_sq(r);
            if (j != i && d_sq >= inner * inner && d_sq < outer * outer) builder.consider(found, r, d_sq, j);
          }
        }
      });
    };
    bool closed = false;
    double half = VoronoiBuilder::cube(params.reach, params.bound, closed);
    CellState state = CellState::failed;
    double jitter = 0;
    for (int attempt = 0; attempt < 8; ++attempt) {
      state = builder.build(cell, near, params.list_radius, params.reach, half, jitter, gather);
      if (state == CellState::failed) {
        jitter = jitter == 0 ? 1e-14 : 10 * jitter;
        continue;
      }
      if (state != CellState::complete || !VoronoiBuilder::cube_too_large(cell.radius_sq(), half)) break;
      half = 1.01 * std::sqrt(cell.radius_sq());
    }
    if (state == CellState::coincident) out.partner[i] = builder.partner;
    write_cell(out, batch, params, i, state, cell);
  }
};

}  // namespace grainfield
