#include "kernels/density/planar_density.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "host/buffer.hpp"
#include "host/error.hpp"
#include "kernels/core/launch.hpp"

namespace grainfield {
namespace {

// Adds the powers d^0 ... d^7 of every atom's place in its bin to the bin's row of `table`.
struct GatherAtoms {
  const Vec3* position;
  Vec3 reciprocal, origin;
  bool periodic;
  double length, first, spacing, beta;
  int64_t n_bins;
  double* table;
};

GF_SIMD_CLONES void gather_atoms(const GatherAtoms& g, int64_t begin, int64_t end) {
  constexpr int64_t block = 256;
  int64_t bin[block];
  double offset[block];
  for (int64_t at = begin; at < end; at += block) {
    const int64_t n = std::min(block, end - at);
    for (int64_t i = 0; i < n; ++i) {
      const Vec3 r = g.position[at + i] - g.origin;
      double s = g.reciprocal.x * r.x + g.reciprocal.y * r.y + g.reciprocal.z * r.z;
      if (g.periodic) s -= std::floor(s);
      const double x = (s * g.length - g.first) / g.spacing;
      const double b = std::floor(x + 0.5);
      offset[i] = (x - b) * g.spacing / g.beta;
      bin[i] = static_cast<int64_t>(b);
    }
    for (int64_t i = 0; i < n; ++i) {
      const double d = offset[i], d2 = d * d, d4 = d2 * d2;
      // Half a bin below L belongs to the bin centred at 0.
      double* row = g.table + (bin[i] == g.n_bins ? 0 : bin[i]) * n_profile_moments;
      const double power[n_profile_moments] = {1, d, d2, d * d2, d4, d * d4, d2 * d4, d * d2 * d4};
      for (int m = 0; m < n_profile_moments; ++m) row[m] += power[m];
    }
  }
}

GF_SIMD_CLONES void profile_range(const ProfileKernel& kernel, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i) kernel(SerialTeam{}, i);
}

// Lowest and highest coordinate along the axis; {0, 0} for no atoms.
std::array<double, 2> extent(const Frame& frame, Vec3 reciprocal, double length, int threads) {
  constexpr int64_t piece = 1 << 16;
  const int64_t n = frame.n_atoms();
  if (n == 0) return {0, 0};
  std::vector<std::array<double, 2>> partial(static_cast<size_t>((n + piece - 1) / piece));
  parallel_chunks(threads, n, piece, [&](int64_t begin, int64_t end, int) {
    double lo = std::numeric_limits<double>::infinity(), hi = -lo;
    for (int64_t i = begin; i < end; ++i) {
      const double z = dot(reciprocal, frame.position[static_cast<size_t>(i)] - frame.box.origin) * length;
      lo = std::min(lo, z), hi = std::max(hi, z);
    }
    partial[static_cast<size_t>(begin / piece)] = {lo, hi};
  });
  std::array<double, 2> all = partial.front();
  for (const auto& p : partial) all = {std::min(all[0], p[0]), std::max(all[1], p[1])};
  return all;
}

}  // namespace

PlanarDensity::PlanarDensity(const Frame& frame, int axis, double beta, double step, int threads)
    : axis_(axis),
      periodic_(frame.box.periodic[axis]),
      length_(frame.box.height(axis)),
      area_(frame.box.volume() / frame.box.height(axis)),
      beta_(beta),
      reciprocal_(frame.box.reciprocal(axis)),
      origin_(frame.box.origin),
      n_atoms_(frame.n_atoms()) {
  const double low_limit = 6 * beta;
  double n_samples = 0;
  std::array<double, 2> atoms{};
  if (periodic_) {
    n_samples = std::max(1.0, std::round(length_ / step));
    step = length_ / n_samples;
  } else if (n_atoms_ > 0) {
    atoms = extent(frame, reciprocal_, length_, threads);
    // Samples at whole multiples of the step, so that a shift by a step shifts them all.
    first_ = std::floor((atoms[0] - low_limit) / step) * step;
    n_samples = std::ceil((atoms[1] + low_limit - first_) / step) + 1;
  }
  stride_ = static_cast<int64_t>(std::ceil(step / (beta / profile_bins_per_beta) - 1e-12));
  spacing_ = step / static_cast<double>(stride_);
  if (n_samples * static_cast<double>(stride_) > (1 << 24))
    throw ResourceError(
        fmt::format("density-profile: {:.3g} A along the normal need more than 2^24 bins of {:.3g} A: raise "
                    "density-profile.step or density-profile.beta, or remove atoms far from all others",
                    n_samples * step, spacing_));
  const auto samples = static_cast<int64_t>(n_samples);
  n_points_ = periodic_ || samples == 0 ? samples * stride_ : (samples - 1) * stride_ + 1;
  reach_ = static_cast<int64_t>(std::ceil(profile_reach * beta / spacing_));

  // Pieces of the snapshot with a table each; their number must not depend on the threads.
  const int64_t row_values = n_points_ * n_profile_moments;
  const int64_t fit = std::max<int64_t>(1, (int64_t{1} << 25) / std::max<int64_t>(1, row_values));
  const int64_t n_pieces = std::clamp<int64_t>(n_atoms_ / 65536, 1, std::min<int64_t>(64, fit));
  const int64_t piece = (n_atoms_ + n_pieces - 1) / n_pieces;
  std::vector<double> tables(static_cast<size_t>(n_pieces * row_values), 0.0);
  GatherAtoms gather{
      frame.position.data(), reciprocal_, origin_, periodic_, length_, first_, spacing_, beta, n_points_,
      tables.data()};
  if (!periodic_) gather.n_bins = -1;  // no bin is another one's image
  parallel_chunks(threads, n_atoms_, piece, [&](int64_t begin, int64_t end, int) {
    GatherAtoms mine = gather;
    mine.table += begin / piece * row_values;
    gather_atoms(mine, begin, end);
  });

  std::vector<double> bins(static_cast<size_t>(row_values), 0.0);
  for (int64_t k = 0; k < n_pieces; ++k)
    for (int64_t i = 0; i < row_values; ++i)
      bins[static_cast<size_t>(i)] += tables[static_cast<size_t>(k * row_values + i)];
  // Bins beyond both ends, so that a point's bins are consecutive: images where periodic, else empty.
  moments_.assign(static_cast<size_t>((n_points_ + 2 * reach_) * n_profile_moments), 0.0);
  double inverse_factorial[n_profile_moments] = {1};
  for (int m = 1; m < n_profile_moments; ++m) inverse_factorial[m] = inverse_factorial[m - 1] / m;
  for (int64_t i = -reach_; n_points_ > 0 && i < n_points_ + reach_; ++i) {
    if (!periodic_ && (i < 0 || i >= n_points_)) continue;
    const int64_t from = ((i % n_points_) + n_points_) % n_points_;
    for (int m = 0; m < n_profile_moments; ++m)
      moments_[static_cast<size_t>((i + reach_) * n_profile_moments + m)] =
          inverse_factorial[m] * bins[static_cast<size_t>(from * n_profile_moments + m)];
  }
}

const double* PlanarDensity::moments_of(int64_t bin) const {
  if (n_points_ == 0 || (!periodic_ && (bin < 0 || bin >= n_points_))) return nullptr;
  const int64_t at = ((bin % n_points_) + n_points_) % n_points_;
  return moments_.data() + (at + reach_) * n_profile_moments;
}

std::vector<double> PlanarDensity::convolve(const Exec& exec, const std::vector<double>& weights,
                                            int64_t stride, double scale) const {
  const int64_t n = (n_points_ + stride - 1) / stride;
  std::vector<double> values(static_cast<size_t>(n));
  if (n == 0) return values;
  const ProfileKernel kernel{moments_.data(), weights.data(), 2 * reach_ + 1, stride, scale, values.data()};
  if (exec.on_gpu()) {
    Buffer<double> moments(exec), table(exec), out(exec, n, "profile");
    moments.upload(moments_, "profile moments");
    table.upload(weights, "profile weights");
    for_each<32>(exec, n,
                 ProfileKernel{moments.data(), table.data(), kernel.n_bins, stride, scale, out.data()});
    out.download(values.data());
  } else if (exec.plain) {
    for_each(exec, n, kernel, 0, 16);
  } else {
    for_each_range(exec, n, 16, [&](int64_t begin, int64_t end, int) { profile_range(kernel, begin, end); });
  }
  return values;
}

std::vector<double> PlanarDensity::planar(const Exec& exec) const {
  std::vector<double> weights(static_cast<size_t>((2 * reach_ + 1) * n_profile_moments));
  for (int64_t j = 0; j <= 2 * reach_; ++j)
    gaussian_terms(static_cast<double>(reach_ - j) * spacing_, beta_, n_profile_moments,
                   &weights[static_cast<size_t>(j * n_profile_moments)]);
  return convolve(exec, weights, 1, 1 / area_);
}

std::vector<double> PlanarDensity::slab(const Exec& exec, double width) const {
  // The bins within profile_reach of a point hold all that matters to a thin slab; a wide one is summed by
  // itself.
  if (width > 0.5 * beta_) {
    std::vector<double> values(static_cast<size_t>(n_samples()));
    parallel_for(
        exec.threads, n_samples(),
        [&](int64_t k) { values[static_cast<size_t>(k)] = slab_at(point(k * stride_), width); }, 16);
    return values;
  }
  std::vector<double> weights(static_cast<size_t>((2 * reach_ + 1) * n_profile_moments));
  for (int64_t j = 0; j <= 2 * reach_; ++j) {
    const double u = static_cast<double>(reach_ - j) * spacing_;
    gaussian_integral_terms(u - 0.5 * width, u + 0.5 * width, beta_, n_profile_moments,
                            &weights[static_cast<size_t>(j * n_profile_moments)]);
  }
  return convolve(exec, weights, stride_, 1 / (area_ * width));
}

PlanarDensity::Value PlanarDensity::at(double z) const {
  Value v;
  const int64_t centre = nearest_point(z);
  for (int64_t b = centre - reach_ - 1; b <= centre + reach_ + 1; ++b) {
    const double* moments = moments_of(b);
    if (!moments) continue;
    double d[n_profile_moments + 2];
    gaussian_terms(z - point(b), beta_, n_profile_moments + 2, d);
    for (int m = 0; m < n_profile_moments; ++m) {
      v.density += moments[m] * d[m];
      v.slope -= moments[m] * d[m + 1];
      v.curvature += moments[m] * d[m + 2];
    }
  }
  return {v.density / area_, v.slope / (area_ * beta_), v.curvature / (area_ * beta_ * beta_)};
}

double PlanarDensity::count_between(double z1, double z2) const {
  double count = 0;
  for (int64_t b = nearest_point(z1) - reach_ - 1; b <= nearest_point(z2) + reach_ + 1; ++b) {
    const double* moments = moments_of(b);
    if (!moments) continue;
    double s[n_profile_moments];
    gaussian_integral_terms(z1 - point(b), z2 - point(b), beta_, n_profile_moments, s);
    for (int m = 0; m < n_profile_moments; ++m) count += moments[m] * s[m];
  }
  return count;
}

double PlanarDensity::slab_at(double z, double width) const {
  return count_between(z - 0.5 * width, z + 0.5 * width) / (area_ * width);
}

double refine_minimum(const PlanarDensity& density, int64_t point) {
  double z = density.point(point);
  double lo = z - density.spacing(), hi = z + density.spacing();
  for (int pass = 0; pass < 60; ++pass) {
    const PlanarDensity::Value v = density.at(z);
    (v.slope > 0 ? hi : lo) = z;
    double next = z - v.slope / v.curvature;
    if (!(v.curvature > 0 && next > lo && next < hi)) next = 0.5 * (lo + hi);
    const double move = next - z;
    z = next;
    if (std::fabs(move) < 1e-13) break;
  }
  return z;
}

}  // namespace grainfield
