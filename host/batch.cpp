#include "host/batch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "host/primitives.hpp"
#include "kernels/core/launch.hpp"
#include "kernels/core/parallel.hpp"

namespace grainfield {
namespace {

constexpr int64_t max_atoms = std::numeric_limits<int32_t>::max();

// A range of fractional coordinates along one cell vector, and whether images count.
struct FractionalRange {
  Vec3 reciprocal;
  double origin;  // of the fractional coordinate
  double lo, hi;
  bool periodic;

  bool holds(const Vec3& r) const {
    double s = dot(reciprocal, r) - origin;
    if (periodic) s += std::ceil(lo - s);  // its first image above lo
    return s >= lo && s < hi;
  }
};

GF_SIMD_CLONES int64_t count_in_range(const FractionalRange& range, const Vec3* position, int64_t n) {
  int64_t count = 0;
  for (int64_t i = 0; i < n; ++i) count += range.holds(position[i]) ? 1 : 0;
  return count;
}

GF_SIMD_CLONES void list_in_range(const FractionalRange& range, const Vec3* position, int64_t begin,
                                  int64_t end, int64_t* list) {
  for (int64_t i = begin; i < end; ++i)
    if (range.holds(position[i])) *list++ = i;
}

}  // namespace

Batch::Batch(const Exec& exec)
    : exec_(exec),
      x_(exec),
      y_(exec),
      z_(exec),
      type_(exec),
      system_(exec),
      parent_(exec),
      source_(exec),
      device_grids_(exec),
      own_first_(exec),
      ghost_first_(exec),
      input_origin_(exec),
      input_position_(exec),
      own_image_(exec),
      ghost_image_(exec),
      input_type_(exec),
      input_system_(exec),
      n_own_(exec),
      n_image_(exec),
      own_slot_(exec),
      ghost_slot_(exec),
      own_at_(exec),
      ghost_at_(exec),
      own_key_(exec),
      ghost_key_(exec) {}

void Batch::plan_grids(const std::vector<const Frame*>& frames, double reach, double cell_size,
                       const Slab& slab) {
  grids_.clear();
  n_cells_ = 0;
  int64_t first_atom = 0;
  for (const Frame* frame : frames) {
    CellGrid grid;
    grid.box = frame->box;
    grid.orthogonal = frame->box.is_orthogonal();
    grid.first_atom = first_atom;
    for (int k = 0; k < 3; ++k) {
      if (!frame->box.periodic[k])
        std::tie(grid.lo[k], grid.hi[k]) = fractional_extent(*frame, k, exec_.threads);
      if (slab.axis == k) {
        // An infinite bound is where the atoms (free) or the cell (periodic) end; a slab may lie outside.
        if (std::isfinite(slab.lo)) grid.lo[k] = slab.lo;
        if (std::isfinite(slab.hi)) grid.hi[k] = slab.hi;
        grid.hi[k] = std::max(grid.lo[k], grid.hi[k]);
      }
      const bool has_halo = frame->box.periodic[k] || slab.axis == k;
      const double depth = slab.axis == k && slab.halo >= 0 ? slab.halo : reach;
      grid.reach[k] = has_halo ? depth / frame->box.height(k) * (1 + 1e-9) : 0;
      if (grid.reach[k] > 1e6)
        throw ResourceError(
            fmt::format("ghosts {} A away need more than a million images of a cell that is only {:.3g} A "
                        "thick along cell vector {}: check the box, or lower the cutoff",
                        reach, frame->box.height(k), "abc"[k]));
    }
    // Sparse atoms (a cluster with outliers) must not need more cells than atoms: widen until they do not.
    const double cell_limit = 8.0 * static_cast<double>(frame->n_atoms()) + 65536;
    for (double width = cell_size;; width *= 1.26) {
      double n_cells = 1;
      double n[3], halo[3];
      for (int k = 0; k < 3; ++k) {
        const double own = std::max(grid.hi[k] - grid.lo[k], 1e-12);  // a slab may be empty
        n[k] = std::clamp(std::floor(own * frame->box.height(k) / width), 1.0, 1e6);
        grid.inverse_width[k] = n[k] / own;
        // Where the region is much thinner than the reach, the outermost cells hold what lies further out.
        halo[k] = grid.reach[k] > 0 ? std::min(std::ceil(grid.reach[k] * grid.inverse_width[k]), 64.0) : 0;
        n_cells *= n[k] + 2 * halo[k];
      }
      const bool single = n[0] * n[1] * n[2] == 1;
      if (n_cells > cell_limit && !single) continue;
      for (int k = 0; k < 3; ++k) {
        grid.n[k] = static_cast<int32_t>(n[k]);
        grid.halo[k] = static_cast<int32_t>(halo[k]);
      }
      break;
    }
    grid.first_cell = n_cells_;
    n_cells_ += grid.n_cells();
    first_atom += frame->n_atoms();
    grids_.push_back(grid);
  }
  if (n_cells_ >= max_atoms)
    throw ResourceError(
        fmt::format("the cell grid would have {} cells, more than 2^31: use a larger cutoff or fewer "
                    "systems in one batch",
                    n_cells_));
}

// Finds the atoms of which an image may lie in the region along the axis that is cut, or within its reach, in
// the order of the frame: what follows then costs as much as the slab, not as the frame. Returns how many.
int64_t Batch::pick(const Frame& frame, int axis) {
  const CellGrid& grid = grids_.front();
  constexpr double margin = 1e-7;  // far above rounding: an atom too many has no image and does no harm
  const double lo = grid.lo[axis] - grid.reach[axis] - margin, hi = grid.hi[axis] + grid.reach[axis] + margin;
  const FractionalRange range{frame.box.reciprocal(axis), dot(frame.box.reciprocal(axis), frame.box.origin),
                              lo, hi, frame.box.periodic[axis]};
  constexpr int64_t piece = 1 << 15;
  const int64_t n = frame.n_atoms();
  const Vec3* position = frame.position.data();
  std::vector<int64_t> first(static_cast<size_t>((n + piece - 1) / piece) + 1);
  const auto for_pieces = [&](const auto& f) { parallel_chunks(exec_.threads, n, piece, f); };
  for_pieces([&](int64_t begin, int64_t end, int) {
    first[static_cast<size_t>(begin / piece) + 1] = count_in_range(range, position + begin, end - begin);
  });
  for (size_t k = 1; k < first.size(); ++k) first[k] += first[k - 1];
  const int64_t n_picked = first.back();
  picked_.resize(n_picked, "atoms of a slab");
  picked_position_.resize(n_picked, "positions of a slab");
  picked_type_.resize(n_picked, "species of a slab");
  for_pieces([&](int64_t begin, int64_t end, int) {
    const int64_t at = first[static_cast<size_t>(begin / piece)];
    if (first[static_cast<size_t>(begin / piece) + 1] == at) return;
    int64_t* picked = picked_.data() + at;
    list_in_range(range, position, begin, end, picked);
    for (int64_t k = at; k < first[static_cast<size_t>(begin / piece) + 1]; ++k) {
      const auto i = static_cast<size_t>(picked_.data()[k]);
      picked_position_.data()[k] = frame.position[i];
      picked_type_.data()[k] = frame.type[i];
    }
  });
  return n_picked;
}

void Batch::build(const std::vector<const Frame*>& frames, double reach, double cell_size, const Slab& slab) {
  if (frames.empty()) throw UsageError("a batch needs at least one frame");
  if (slab.axis >= 0 && frames.size() != 1)
    throw UsageError("only a batch of one frame can be cut into slabs");
  if (!(reach >= 0) || !(cell_size > 0))
    throw UsageError(fmt::format("ghost reach {} A and cell size {} A: expected reach >= 0 and cell size > 0",
                                 reach, cell_size));
  reach_ = reach;
  plan_grids(frames, reach, cell_size, slab);
  device_grids_.upload(grids_, "cell grids");

  n_input_ = 0;
  for (const Frame* f : frames) n_input_ += f->n_atoms();
  const auto check_count = [](int64_t n) {
    if (n > max_atoms)
      throw ResourceError(fmt::format("{} atoms in one batch; at most 2^31 - 1: lower --memory", n));
  };
  if (slab.axis < 0) check_count(n_input_);

  // One frame on the host is used where it lies; everything else is gathered and copied.
  InputView input{n_input_, nullptr, nullptr, device_grids_.data()};
  const int32_t* type_of_source = nullptr;
  if (frames.size() == 1) {
    const Frame& frame = *frames.front();
    input.position = frame.position.data();
    type_of_source = frame.type.data();
    if (slab.axis >= 0) {
      input.n = pick(frame, slab.axis);
      check_count(input.n);
      input.position = picked_position_.data();
      type_of_source = picked_type_.data();
    }
    if (exec_.on_gpu()) {
      input_position_.upload(input.position, input.n, "positions");
      input_type_.upload(type_of_source, input.n, "species");
      input.position = input_position_.data();
      type_of_source = input_type_.data();
    }
  } else {
    host_position_.clear();
    host_type_.clear();
    host_system_.clear();
    for (size_t f = 0; f < frames.size(); ++f) {
      host_position_.insert(host_position_.end(), frames[f]->position.begin(), frames[f]->position.end());
      host_type_.insert(host_type_.end(), frames[f]->type.begin(), frames[f]->type.end());
      host_system_.insert(host_system_.end(), frames[f]->position.size(), static_cast<int32_t>(f));
    }
    input_position_.upload(host_position_, "positions");
    input_type_.upload(host_type_, "species");
    input_system_.upload(host_system_, "systems");
    input.position = input_position_.data();
    input.system = input_system_.data();
    type_of_source = input_type_.data();
  }

  n_own_.resize(input.n, "image counts");
  n_image_.resize(input.n, "image counts");
  own_at_.resize(input.n + 1, "image offsets");
  ghost_at_.resize(input.n + 1, "image offsets");
  count_images(exec_, input, n_own_.data(), n_image_.data());
  const int64_t n_own = exclusive_scan(exec_, n_own_.data(), input.n, own_at_.data());
  const int64_t n_ghost = exclusive_scan(exec_, n_image_.data(), input.n, ghost_at_.data());
  if (n_own + n_ghost > max_atoms)
    throw ResourceError(
        fmt::format("{} atoms and {} ghosts in one batch; at most 2^31 - 1 together: lower --memory or "
                    "the cutoff",
                    n_own, n_ghost));
  n_local_ = static_cast<int32_t>(n_own);
  n_total_ = static_cast<int32_t>(n_own + n_ghost);

  own_key_.resize(n_own, "cell keys");
  own_slot_.resize(n_own, "sort slots");
  own_image_.resize(n_own, "images");
  ghost_key_.resize(n_ghost, "cell keys of ghosts");
  ghost_slot_.resize(n_ghost, "sort slots of ghosts");
  ghost_image_.resize(n_ghost, "images of ghosts");
  write_images(exec_, input,
               {own_at_.data(), ghost_at_.data(), own_key_.data(), ghost_key_.data(), own_slot_.data(),
                ghost_slot_.data(), own_image_.data(), ghost_image_.data()});
  sort_by_key(exec_, n_own, own_key_.data(), own_slot_.data());
  sort_by_key(exec_, n_ghost, ghost_key_.data(), ghost_slot_.data());

  x_.resize(n_total_, "positions");
  y_.resize(n_total_, "positions");
  z_.resize(n_total_, "positions");
  type_.resize(n_total_, "species");
  system_.resize(n_total_, "systems");
  source_.resize(n_total_, "source atoms");
  parent_.resize(n_total_, "parents");
  PlaceArrays place{
      input,     type_of_source, own_slot_.data(), own_image_.data(), n_own,          0,
      x_.data(), y_.data(),      z_.data(),        type_.data(),      system_.data(), source_.data()};
  place_images(exec_, place);
  place.slot = ghost_slot_.data();
  place.image = ghost_image_.data();
  place.n = n_ghost;
  place.at = n_own;
  place_images(exec_, place);

  own_first_.resize(n_cells_ + 1, "cells");
  ghost_first_.resize(n_cells_ + 1, "cells");
  find_cell_starts(exec_, own_key_.data(), n_own, n_cells_, own_first_.data());
  find_cell_starts(exec_, ghost_key_.data(), n_ghost, n_cells_, ghost_first_.data());
  find_parents(exec_, source_.data(), n_local_, n_total_, n_own_.data(), input.n, parent_.data());
  if (slab.axis >= 0) {
    const int64_t* origin = picked_.data();
    if (exec_.on_gpu()) {
      input_origin_.upload(origin, input.n, "atoms of a slab");
      origin = input_origin_.data();
    }
    rename_sources(exec_, origin, n_total_, source_.data());
  }
}

BatchView Batch::view() const {
  return {n_local_,       n_total_,       x_.data(),
          y_.data(),      z_.data(),      type_.data(),
          system_.data(), parent_.data(), static_cast<int32_t>(grids_.size())};
}

CellView Batch::cells() const { return {device_grids_.data(), own_first_.data(), ghost_first_.data()}; }

NeighborList::NeighborList(const Exec& exec)
    : exec_(exec), count_(exec), index_(exec), first_(exec), condition_(exec) {}

void NeighborList::build(const Batch& batch, double cutoff) {
  if (!(cutoff > 0)) throw UsageError(fmt::format("a neighbor list needs a cutoff > 0 A, not {}", cutoff));
  if (cutoff > batch.reach())
    throw UsageError(fmt::format("a neighbor list of cutoff {} A needs ghosts that far; the batch has {} A",
                                 cutoff, batch.reach()));
  cutoff_ = cutoff;
  n_rows_ = batch.n_local();
  count_.resize(n_rows_, "neighbor counts");
  first_.resize(static_cast<int64_t>(n_rows_) + 1, "neighbor offsets");
  const Condition none;
  condition_.upload(&none, 1);
  count_neighbors(exec_, batch.view(), batch.cells(), cutoff, count_.data(), condition_.data());
  n_pairs_ = exclusive_scan(exec_, count_.data(), n_rows_, first_.data());
  index_.resize(n_pairs_, "neighbor lists");
  fill_neighbors(exec_, batch.view(), batch.cells(), cutoff, first_.data(), index_.data());
  coincident_ = condition_.element(0);
}

}  // namespace grainfield
