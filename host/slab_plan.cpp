#include "host/slab_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
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

}  // namespace

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

SlabPlan plan_slabs(const Frame& frame, const Needs& needs, bool on_gpu, double available, double held,
                    double limit) {
  SlabPlan plan;
  const auto n = static_cast<double>(frame.n_atoms());
  if (frame.n_atoms() == 0) return plan;
  const double reach = reach_of(needs);
  const double density = needs.cutoff > 0 ? density_seen(frame, std::max(needs.cutoff, 2.0)) : 0;
  const Prices price = prices_of(frame, needs, density, on_gpu);
  const auto cost = [&](double input_bytes, double local, double total) {
    return input_bytes + price.atom * total + price.local * local +
           price.ghost * std::max(total - local, 0.0) + price.fixed;
  };
  // Images of an atom along each direction, itself included.
  double images[3];
  for (int k = 0; k < 3; ++k) images[k] = frame.box.periodic[k] ? 1 + 2 * reach / frame.box.height(k) : 1;
  plan.per_input = price.input;
  plan.per_picked = price.picked;
  plan.per_local = price.atom + price.local;
  plan.per_ghost = price.atom + price.ghost;
  plan.fixed = price.fixed;
  plan.reach = reach;
  plan.bytes = plan.uncut_bytes = cost(price.input * n, n, n * images[0] * images[1] * images[2]);
  if (plan.bytes <= available) return plan;

  int axis = 0;  // the longest direction: cuts have the least area
  for (int k = 1; k < 3; ++k)
    if (frame.box.height(k) > frame.box.height(axis)) axis = k;
  const Histogram atoms(frame, axis);
  const double depth = reach / frame.box.height(axis);
  const double beside = images[(axis + 1) % 3] * images[(axis + 2) % 3];
  plan.axis = axis;
  double least = plan.uncut_bytes;
  for (int k = 2; k <= max_slabs; ++k) {
    plan.cuts = atoms.cuts(k);
    const double width = (plan.cuts.back() - plan.cuts.front()) / k;
    plan.bytes = 0;
    for (size_t s = 0; s + 1 < plan.cuts.size(); ++s) {
      const double lo = plan.cuts[s], hi = plan.cuts[s + 1];
      const double around = atoms.below(hi + depth) - atoms.below(lo - depth), picked = std::min(n, around);
      plan.bytes = std::max(plan.bytes, cost((price.input + price.picked) * picked,
                                             atoms.below(hi) - atoms.below(lo), around * beside));
    }
    least = std::min(least, plan.bytes);
    if (plan.bytes <= available) return plan;
    if (width < depth / 4) break;
  }
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

}  // namespace grainfield
