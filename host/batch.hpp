// Atoms ready for kernels: one or many frames, wrapped, in cell order, with their ghosts (DESIGN rules 2 and
// 3).
#pragma once

#include <cstdint>
#include <vector>

#include "host/buffer.hpp"
#include "host/frame.hpp"
#include "kernels/core/view.hpp"
#include "kernels/neighbors/cell_grid.hpp"
#include "kernels/neighbors/ghosts.hpp"
#include "kernels/neighbors/neighbor_list.hpp"

namespace grainfield {

// The part of a frame that a batch owns: lo <= s < hi along one cell vector; the whole frame by default.
struct Slab {
  int axis = -1;  // -1: the whole frame
  double lo = 0;  // fractional coordinates; +-infinity: where the frame ends
  double hi = 1;
  double halo = -1;  // A: depth of the ghosts along the axis; negative: the reach, as everywhere else
};

class Batch {
 public:
  explicit Batch(const Exec& exec);

  // Takes the frames (each an independent system; one frame only with a slab). Ghosts reach `reach` (A)
  // beyond the region; cells are about `cell_size` (A) wide. Results of kernels on local atoms then see every
  // atom within `reach`. Throws ResourceError where the atoms with ghosts exceed 2^31 - 1 or memory.
  void build(const std::vector<const Frame*>& frames, double reach, double cell_size, const Slab& slab = {});

  int32_t n_local() const { return n_local_; }
  int32_t n_ghost() const { return n_total_ - n_local_; }
  int32_t n_total() const { return n_total_; }
  double reach() const { return reach_; }
  int64_t n_input() const { return n_input_; }
  const Exec& exec() const { return exec_; }
  const std::vector<CellGrid>& grids() const { return grids_; }

  BatchView view() const;
  CellView cells() const;
  // [n_total] which atom of the input (all frames in order, from 0) each atom of the batch is or images.
  Span<const int64_t> source() const { return {source_.data(), n_total_}; }

  // Bytes that build() takes per atom of the input (of a slab: per atom that has an image in it or its halo,
  // and as many as bytes_per_picked_atom more), and per atom of the batch (local or ghost).
  static constexpr int64_t bytes_per_input_atom = 28;
  static constexpr int64_t bytes_per_picked_atom = 36;
  static constexpr int64_t bytes_per_atom = 88;

 private:
  void plan_grids(const std::vector<const Frame*>& frames, double reach, double cell_size, const Slab& slab);

  int64_t pick(const Frame& frame, int axis);

  Exec exec_;
  int32_t n_local_ = 0, n_total_ = 0;
  int64_t n_input_ = 0;
  int64_t n_cells_ = 0;
  double reach_ = 0;
  std::vector<CellGrid> grids_;

  Buffer<double> x_, y_, z_;
  Buffer<int32_t> type_, system_, parent_;
  Buffer<int64_t> source_;
  Buffer<CellGrid> device_grids_;
  Buffer<int32_t> own_first_, ghost_first_;

  // Scratch of build(), kept for the next frame.
  std::vector<Vec3> host_position_;
  std::vector<int32_t> host_type_, host_system_;
  Buffer<Vec3> picked_position_;  // of a slab, on the host
  Buffer<int32_t> picked_type_;
  Buffer<int64_t> picked_;
  Buffer<int64_t> input_origin_;
  Buffer<Vec3> input_position_;
  Buffer<ImageOf> own_image_, ghost_image_;
  Buffer<int32_t> input_type_, input_system_, n_own_, n_image_, own_slot_, ghost_slot_;
  Buffer<int64_t> own_at_, ghost_at_;
  Buffer<uint32_t> own_key_, ghost_key_;
};

// Cells as wide as the cutoff: 27 of them hold the candidates. Narrower cells hold fewer candidates, but in
// shorter runs, and lose more than they win (bench/bench_neighbors).
constexpr double cells_per_cutoff = 1;

class NeighborList {
 public:
  explicit NeighborList(const Exec& exec);
  // Throws UsageError if the cutoff exceeds the reach of the batch's ghosts.
  void build(const Batch& batch, double cutoff);

  NeighborView view() const { return {n_rows_, first_.data(), index_.data(), cutoff_}; }
  int64_t n_pairs() const { return n_pairs_; }  // entries of the list: every pair of local atoms counts twice
  // Local atoms closer than coincidence_distance to another: how many such neighbors, and the first atom with
  // one.
  Condition coincident() const { return coincident_; }

 private:
  Exec exec_;
  int32_t n_rows_ = 0;
  int64_t n_pairs_ = 0;
  double cutoff_ = 0;
  Condition coincident_;
  Buffer<int32_t> count_, index_;
  Buffer<int64_t> first_;
  Buffer<Condition> condition_;
};

}  // namespace grainfield
