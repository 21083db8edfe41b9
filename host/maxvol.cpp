#include "host/maxvol.hpp"

#include <algorithm>
#include <cmath>

#include "kernels/core/launch.hpp"

namespace grainfield {
namespace {

// Updates that may wait before they are applied to all rows.
constexpr int64_t most_pending = 32;
constexpr int64_t rows_per_piece = 128;

// row -= sum over the updates in [first, last) of factor[s] * update[s], one after the other.
GF_SIMD_CLONES void apply_updates(double* row, int64_t n, const double* factor, const double* update,
                                  int64_t first, int64_t last) {
  constexpr int64_t width = 64;
  int64_t k = 0;
  for (; k + width <= n; k += width) {
    double part[width];
    for (int64_t l = 0; l < width; ++l) part[l] = row[k + l];
    for (int64_t s = first; s < last; ++s) {
      const double f = factor[s];
      const double* u = update + s * n + k;
      for (int64_t l = 0; l < width; ++l) part[l] -= f * u[l];
    }
    for (int64_t l = 0; l < width; ++l) row[k + l] = part[l];
  }
  for (int64_t s = first; s < last; ++s) {
    const double f = factor[s];
    const double* u = update + s * n;
    for (int64_t l = k; l < n; ++l) row[l] -= f * u[l];
  }
}

GF_SIMD_CLONES double largest_magnitude(const double* row, int64_t n) {
  constexpr int64_t width = 16;
  double part[width] = {};
  int64_t k = 0;
  for (; k + width <= n; k += width)
    for (int64_t l = 0; l < width; ++l) part[l] = std::max(part[l], std::fabs(row[k + l]));
  double largest = 0;
  for (const double p : part) largest = std::max(largest, p);
  for (; k < n; ++k) largest = std::max(largest, std::fabs(row[k]));
  return largest;
}

class MaxVol {
 public:
  MaxVol(int64_t n, int64_t n_rows, double* candidates, double* set, double* c, const MaxVolOptions& options)
      : n_(n), m_(n_rows), candidates_(candidates), set_(set), c_(c), options_(options) {
    bound_.resize(size(m_));
    applied_.resize(size(m_));
    factor_.resize(size(m_ * most_pending));
    update_.resize(size(n_ * most_pending));
  }

  std::vector<MaxVolSwap> run() {
    std::vector<MaxVolSwap> swaps;
    refresh(0.0);
    while (options_.most_swaps == 0 || static_cast<int64_t>(swaps.size()) < options_.most_swaps) {
      const int64_t row = row_of_largest();
      if (row < 0) break;
      const double largest = bound_[size(row)];
      const double limit =
          swaps.empty() ? std::max(options_.threshold, options_.start_above) : options_.threshold;
      if (!(largest > limit)) break;
      const double* c = c_ + row * n_;
      int64_t slot = 0;
      while (std::fabs(c[slot]) != largest) ++slot;
      if (options_.progress) options_.progress(static_cast<int64_t>(swaps.size()), largest);
      swaps.push_back({row, slot, largest});
      std::swap_ranges(candidates_ + row * n_, candidates_ + (row + 1) * n_, set_ + slot * n_);
      add_update(row, slot);
    }
    refresh(0.0);
    return swaps;
  }

 private:
  static size_t size(int64_t k) { return static_cast<size_t>(k); }

  void for_rows(const std::function<void(int64_t)>& f) const {
    const int threads = m_ * n_ < options_.least_shared ? 1 : options_.threads;
    parallel_chunks(threads, m_, rows_per_piece, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) f(i);
    });
  }

  // Brings the rows up to date whose bound is not below `least`.
  void refresh(double least) {
    for_rows([&](int64_t i) {
      int64_t& applied = applied_[size(i)];
      if (applied == n_pending_ && n_pending_ > 0) return;
      if (n_pending_ > 0 && !(bound_[size(i)] >= least)) return;
      apply_updates(c_ + i * n_, n_, &factor_[size(i * most_pending)], update_.data(), applied, n_pending_);
      applied = n_pending_;
      bound_[size(i)] = largest_magnitude(c_ + i * n_, n_);
    });
  }

  // The first row with the largest entry, and that entry as its bound; all rows that may have it are up to
  // date then. -1 without rows.
  int64_t row_of_largest() {
    while (true) {
      int64_t best = -1, candidate = -1;  // with the largest entry; with the largest bound
      for (int64_t i = 0; i < m_; ++i) {
        const double b = bound_[size(i)];
        if (candidate < 0 || b > bound_[size(candidate)]) candidate = i;
        if (applied_[size(i)] == n_pending_ && (best < 0 || b > bound_[size(best)])) best = i;
      }
      if (candidate < 0) return -1;
      const double known = best < 0 ? 0.0 : bound_[size(best)];
      bool certain = best >= 0;
      for (int64_t i = 0; certain && i < m_; ++i)
        certain = applied_[size(i)] == n_pending_ || bound_[size(i)] < known;
      if (certain) return best;
      refresh(std::max(known, promising * bound_[size(candidate)]));
    }
  }

  void add_update(int64_t row, int64_t slot) {
    const double* c = c_ + row * n_;
    const double pivot = c[slot];
    double* update = &update_[size(n_pending_ * n_)];
    double largest = 0;
    for (int64_t l = 0; l < n_; ++l) {
      update[l] = (l == slot ? c[l] - 1 : c[l]) / pivot;
      largest = std::max(largest, std::fabs(update[l]));
    }
    double column[most_pending];
    for (int64_t s = 0; s < n_pending_; ++s) column[s] = update_[size(s * n_ + slot)];
    largest *= 1 + 1e-12;  // for rounding
    const int64_t now = n_pending_++;
    for_rows([&](int64_t i) {
      double* factor = &factor_[size(i * most_pending)];
      double entry = c_[i * n_ + slot];
      for (int64_t s = applied_[size(i)]; s < now; ++s) entry -= factor[s] * column[s];
      if (i == row) entry += 1;
      factor[now] = entry;
      if (entry == 0 && applied_[size(i)] == now)
        applied_[size(i)] = n_pending_;
      else
        bound_[size(i)] = (bound_[size(i)] + std::fabs(entry) * largest) * (1 + 1e-12);
    });
    if (n_pending_ < most_pending) return;
    refresh(0.0);
    n_pending_ = 0;
    std::fill(applied_.begin(), applied_.end(), 0);
  }

  // Rows whose bound is at least this share of the largest are brought up to date together.
  static constexpr double promising = 0.7;

  int64_t n_, m_;
  double *candidates_, *set_, *c_;
  const MaxVolOptions& options_;
  int64_t n_pending_ = 0;
  std::vector<double> bound_;     // [m] at least the largest magnitude; equal to it where up to date
  std::vector<int64_t> applied_;  // [m] pending updates that the row has
  std::vector<double> factor_;    // [m][most_pending]
  std::vector<double> update_;    // [most_pending][n]
};

}  // namespace

std::vector<MaxVolSwap> maximize_volume(int64_t n, int64_t n_rows, double* candidates, double* set,
                                        double* coefficients, const MaxVolOptions& options) {
  return MaxVol(n, n_rows, candidates, set, coefficients, options).run();
}

}  // namespace grainfield
