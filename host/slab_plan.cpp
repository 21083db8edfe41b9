#include "host/slab_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "host/error.hpp"

namespace grainfield {
namespace {

constexpr int n_bins = 16384;
constexpr int max_slabs = 4096;

double reach_of(const Needs& needs) { return std::max(needs.reach, needs.cutoff); }

// Atoms along one cell vector: how many lie below a fractional coordinate.
class Histogram {
 public:
  Histogram(const Frame& frame, int axis) : periodic_(frame.box.periodic[axis]) {
    const auto coordinate = [&](const Vec3& r) {
      const double s = frame.box.fractional(r)[axis];
      return periodic_ ? s - std::floor(s) : s;
    };
    if (!periodic_) {
      for (const Vec3& r : frame.position) {
        const double s = coordinate(r);
        lo_ = std::min(lo_, s), hi_ = std::max(hi_, s);
      }
      hi_ += 1e-6 * std::max(1.0, std::fabs(hi_));  // slabs end before their upper cut
    }
    below_.assign(n_bins + 1, 0);
    const double scale = n_bins / (hi_ - lo_);
    for (const Vec3& r : frame.position) {
      const double bin = (coordinate(r) - lo_) * scale;
      below_[1 + static_cast<size_t>(std::clamp(bin, 0.0, n_bins - 1.0))] += 1;
    }
    for (size_t b = 1; b < below_.size(); ++b) below_[b] += below_[b - 1];
  }

  double edge(size_t bin) const { return lo_ + (hi_ - lo_) * static_cast<double>(bin) / n_bins; }

  // Atoms (and periodic images) below s, up to a constant.
  double below(double s) const {
    double images = 0;
    if (periodic_) images = std::floor(s), s -= images;
    const double u = std::clamp((s - lo_) / (hi_ - lo_), 0.0, 1.0) * n_bins;
    const auto bin = std::min(static_cast<size_t>(u), static_cast<size_t>(n_bins - 1));
    const double part = u - static_cast<double>(bin);
    return images * below_.back() + below_[bin] * (1 - part) + below_[bin + 1] * part;
  }

  // Bin edges that split the atoms in n about equal parts.
  std::vector<double> cuts(int n) const {
    std::vector<double> result{edge(0)};
    for (int k = 1; k < n; ++k) {
      const double wanted = below_.back() * k / n;
      const auto at = std::lower_bound(below_.begin(), below_.end(), wanted);
      const double cut = edge(static_cast<size_t>(at - below_.begin()));
      if (cut > result.back() && cut < edge(n_bins)) result.push_back(cut);
    }
    result.push_back(edge(n_bins));
    return result;
  }

 private:
  bool periodic_;
  double lo_ = 0, hi_ = 1;  // at least the cell
  std::vector<double> below_;
};

// Number density (A^-3) around the average atom, on the scale of `width` (A): with surfaces and pores it
// exceeds atoms per volume of the cell.
double density_seen(const Frame& frame, double width) {
  const double n = static_cast<double>(frame.n_atoms());
  int32_t count[3];
  for (;; width *= 1.26) {
    double cells = 1;
    for (int k = 0; k < 3; ++k) {
      const double c = std::clamp(std::floor(frame.box.height(k) / width), 1.0, 1024.0);
      count[k] = static_cast<int32_t>(c);
      cells *= c;
    }
    if (cells <= std::max(64.0, n / 8)) break;
  }
  std::vector<int32_t> in_cell(static_cast<size_t>(count[0]) * static_cast<size_t>(count[1]) *
                               static_cast<size_t>(count[2]));
  for (const Vec3& r : frame.position) {
    const Vec3 s = frame.box.fractional(r);
    size_t cell = 0;
    for (int k = 0; k < 3; ++k) {
      const double u = std::clamp((s[k] - std::floor(s[k])) * count[k], 0.0, count[k] - 1.0);
      cell = cell * static_cast<size_t>(count[k]) + static_cast<size_t>(u);
    }
    ++in_cell[cell];
  }
  double square = 0;
  for (const int32_t c : in_cell) square += static_cast<double>(c) * c;
  return square / n * static_cast<double>(in_cell.size()) / frame.box.volume();
}

// What an atom costs, in bytes.
struct Prices {
  double input, picked, atom, local, ghost, fixed;
};

Prices prices_of(const Frame& frame, const Needs& needs, double density, bool on_gpu) {
  const double cell = cell_size_for(needs);
  const double neighbors =
      needs.cutoff > 0 ? 4 * std::numbers::pi / 3 * std::pow(needs.cutoff, 3) * density : 0;
  const double mean_density = static_cast<double>(frame.n_atoms()) / frame.box.volume();
  // On a GPU the positions and species of the frame are copied; on the host they are used where they lie.
  return {static_cast<double>(Batch::bytes_per_input_atom) + (on_gpu ? sizeof(Vec3) + 4.0 : 0.0),
          // Of a slab, those that are picked are copied there.
          on_gpu ? sizeof(int64_t) : static_cast<double>(Batch::bytes_per_picked_atom),
          static_cast<double>(Batch::bytes_per_atom) + 8 / std::max(mean_density * cell * cell * cell, 0.125),
          static_cast<double>(needs.bytes_per_atom) + (needs.cutoff > 0 ? 12 + 4 * neighbors : 0),
          static_cast<double>(needs.bytes_per_ghost), static_cast<double>(needs.bytes)};
}

// Images of an atom along each direction, itself included.
struct Images {
  double along[3];
  Images(const Frame& frame, double reach) {
    for (int k = 0; k < 3; ++k) along[k] = frame.box.periodic[k] ? 1 + 2 * reach / frame.box.height(k) : 1;
  }
  double beside(int axis) const { return along[(axis + 1) % 3] * along[(axis + 2) % 3]; }
};

double bytes_in_use(const Prices& price, double input_bytes, double local, double total) {
  return input_bytes + price.atom * total + price.local * local + price.ghost * std::max(total - local, 0.0) +
         price.fixed;
}

// The whole frame at once, for atoms at these prices.
SlabPlan uncut_plan(const Frame& frame, const Needs& needs, const Prices& price) {
  SlabPlan plan;
  const auto n = static_cast<double>(frame.n_atoms());
  plan.per_input = price.input;
  plan.per_picked = price.picked;
  plan.per_local = price.atom + price.local;
  plan.per_ghost = price.atom + price.ghost;
  plan.fixed = price.fixed;
  plan.reach = reach_of(needs);
  const Images images(frame, plan.reach);
  plan.bytes = plan.uncut_bytes =
      bytes_in_use(price, price.input * n, n, n * images.along[0] * images.beside(0));
  return plan;
}

// Longest of the directions that may be cut: cuts have the least area; -1 where none may be. Of equal ones
// the last: rows of cells run along the first, and stay whole.
int longest(const Box& box, const std::array<bool, 3>& allowed) {
  int axis = -1;
  for (int k = 0; k < 3; ++k)
    if (allowed[static_cast<size_t>(k)] && (axis < 0 || box.height(k) > (1 - 1e-6) * box.height(axis)))
      axis = k;
  return axis;
}

// The fewest slabs that fit; the whole frame where it does. False where none do: `least` is what the least
// demanding cut takes.
bool find_slabs(const Frame& frame, const Needs& needs, bool on_gpu, double available, SlabPlan& plan,
                double& least) {
  const auto n = static_cast<double>(frame.n_atoms());
  const double density = needs.cutoff > 0 ? density_seen(frame, std::max(needs.cutoff, 2.0)) : 0;
  const Prices price = prices_of(frame, needs, density, on_gpu);
  plan = uncut_plan(frame, needs, price);
  if (plan.bytes <= available) return true;

  const int axis = longest(frame.box, {true, true, true});
  const Histogram atoms(frame, axis);
  const double depth = plan.reach / frame.box.height(axis);
  const double beside = Images(frame, plan.reach).beside(axis);
  plan.axis = axis;
  least = plan.uncut_bytes;
  for (int k = 2; k <= max_slabs; ++k) {
    plan.cuts = atoms.cuts(k);
    const double width = (plan.cuts.back() - plan.cuts.front()) / k;
    plan.bytes = 0;
    for (size_t s = 0; s + 1 < plan.cuts.size(); ++s) {
      const double lo = plan.cuts[s], hi = plan.cuts[s + 1];
      const double around = atoms.below(hi + depth) - atoms.below(lo - depth), picked = std::min(n, around);
      plan.bytes = std::max(plan.bytes, bytes_in_use(price, (price.input + price.picked) * picked,
                                                     atoms.below(hi) - atoms.below(lo), around * beside));
    }
    least = std::min(least, plan.bytes);
    if (plan.bytes <= available) return true;
    if (width < depth / 4) break;
  }
  return false;
}

}  // namespace

SlabPlan plan_slabs(const Frame& frame, const Needs& needs, bool on_gpu, double available, double held,
                    double limit) {
  if (frame.n_atoms() == 0) return {};
  double least = 0;
  SlabPlan plan;
  if (find_slabs(frame, needs, on_gpu, available, plan, least)) return plan;
  if (on_gpu)
    throw ResourceError(fmt::format(
        "the GPU's memory is not enough: {:.0f} MB of it may be used (--memory, or what is free), and "
        "the thinnest slab needs {:.0f} MB",
        available / 1e6, std::ceil(least / 1e6)));
  throw ResourceError(fmt::format(
      "--memory {:.0f} MB is not enough: the frames in memory and their results hold {:.0f} MB and the "
      "thinnest slab needs {:.0f} MB more; give at least {:.0f} MB",
      limit / 1e6, held / 1e6, least / 1e6, std::ceil((held + least) * 1.01 / 1e6)));
}

std::optional<SlabPlan> plan_sweep(const Frame& frame, const Needs& needs, const SweepNeeds& sweep,
                                   bool on_gpu, double available) {
  if (frame.n_atoms() == 0) return {};
  SlabPlan plan = uncut_plan(frame, needs, prices_of(frame, needs, 0, on_gpu));
  const int axis = longest(frame.box, sweep.along);
  if (axis < 0 || (!sweep.must && plan.bytes <= available)) return {};

  Needs visited;
  visited.reach = sweep.reach;
  visited.bytes_per_atom = visited.bytes_per_ghost = sweep.bytes_per_visited;
  const Prices price = prices_of(frame, visited, 0, on_gpu);
  const Histogram atoms(frame, axis);
  const double height = frame.box.height(axis), beside = Images(frame, sweep.reach).beside(axis);
  const double from = atoms.edge(0), extent = atoms.edge(n_bins) - from;
  plan.axis = axis;
  plan.reach = 0;
  for (int k = 2; k <= max_slabs; ++k) {
    const double width = extent / k;
    if (width * height < 1) return {};
    plan.cuts.assign(1, from);
    for (int s = 1; s < k; ++s) plan.cuts.push_back(from + width * s);
    plan.cuts.push_back(atoms.edge(n_bins));
    double at_hand = 0, waiting = 0;
    for (size_t s = 0; s + 1 < plan.cuts.size(); ++s) {
      const double below = atoms.below(plan.cuts[s + 1]);
      at_hand = std::max(at_hand, below - atoms.below(plan.cuts[s]));
      waiting = std::max(waiting, below - atoms.below(plan.cuts[s] - sweep.wait / height - width));
    }
    plan.bytes = bytes_in_use(price, (price.input + price.picked) * at_hand, at_hand, at_hand * beside) +
                 static_cast<double>(sweep.bytes_per_waiting) * waiting + sweep.bytes(axis, width * height);
    if (plan.bytes <= available) break;
    if (k == max_slabs) return {};
  }
  // How often an atom is visited, by either: a sweep along a short direction may be the worse one.
  double least = 0;
  SlabPlan slabs;
  if (!sweep.must && find_slabs(frame, needs, on_gpu, available, slabs, least)) {
    const double thickness = (slabs.cuts.back() - slabs.cuts.front()) * frame.box.height(slabs.axis);
    const double in_slabs = 1 + 2 * slabs.reach * slabs.n_slabs() / thickness;
    const double in_sweep = 1 + (frame.box.periodic[axis] ? 2 * sweep.reach : 0) / (extent * height);
    if (in_slabs < in_sweep) return {};
  }
  return plan;
}

double cell_size_for(const Needs& needs) {
  return std::max(1.0, (needs.cutoff > 0 ? needs.cutoff : needs.reach / 4) / cells_per_cutoff);
}

int64_t bytes_of(const Frame& frame) {
  size_t bytes = frame.position.capacity() * sizeof(Vec3) + frame.type.capacity() * sizeof(int32_t) +
                 frame.id.capacity() * sizeof(int64_t);
  for (const Column& c : frame.columns)
    bytes += c.real.capacity() * sizeof(double) + c.integer.capacity() * sizeof(int64_t) +
             c.text.capacity() * sizeof(std::string);
  return static_cast<int64_t>(bytes);
}

int64_t bytes_of(const FrameResults& results) {
  size_t bytes = 0;
  for (const Field& f : results.fields)
    bytes += f.real.capacity() * sizeof(double) + f.integer.capacity() * sizeof(int32_t);
  for (const Observable& o : results.observables)
    bytes += o.real.capacity() * sizeof(double) + o.integer.capacity() * sizeof(int64_t);
  return static_cast<int64_t>(bytes);
}

}  // namespace grainfield
