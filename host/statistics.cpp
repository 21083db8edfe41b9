#include "host/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/core/lanes.hpp"
#include "kernels/core/parallel.hpp"

namespace grainfield {
namespace {

constexpr int64_t piece_rows = 1 << 15;    // fixed: partial sums must not depend on the threads
constexpr int64_t block_values = 1 << 12;  // go through the fastest cache twice
constexpr int least_width = 16;            // sums side by side, so that few columns keep vectors busy too

// One row: each value to the sums of its place. Of NaN, comparisons are false.
template <class T>
void add_row(const T* values, int64_t n, double* __restrict count, double* __restrict sum,
             double* __restrict min, double* __restrict max) {
  for (int64_t k = 0; k < n; ++k) {
    const auto v = static_cast<double>(values[k]);
    count[k] += v == v ? 1.0 : 0.0;
    sum[k] += v == v ? v : 0.0;
    min[k] = v < min[k] ? v : min[k];
    max[k] = v > max[k] ? v : max[k];
  }
}
template <class T>
void deviate_row(const T* values, int64_t n, const double* __restrict mean, double* __restrict square) {
  for (int64_t k = 0; k < n; ++k) {
    const auto v = static_cast<double>(values[k]);
    const double d = v == v ? v - mean[k] : 0.0;
    square[k] += d * d;
  }
}

// The same four at a time: of comparisons, which might trap, the compiler makes no vectors. Without AVX2's
// fused multiply-adds, which would round otherwise than other processors do.
#if defined(__x86_64__) && defined(__GNUC__)
#define GF_AVX2_UNFUSED __attribute__((target("avx2")))
#else
#define GF_AVX2_UNFUSED
#endif
typedef double Four __attribute__((vector_size(32)));

template <class V, class P>
GF_INLINE V load(const P* p) {
  V v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
GF_INLINE Four load_four(const double* p) { return load<Four>(p); }
GF_INLINE Four load_four(const int32_t* p) {
  typedef int32_t Integers __attribute__((vector_size(16)));
  return __builtin_convertvector(load<Integers>(p), Four);
}
GF_INLINE void store(double* p, const Four& v) { std::memcpy(p, &v, sizeof v); }

template <class T>
GF_AVX2_UNFUSED void add_row_avx2(const T* values, int64_t n, double* count, double* sum, double* min,
                                  double* max) {
  int64_t k = 0;
  for (; k + 4 <= n; k += 4) {
    const Four v = load_four(values + k), none{}, one = none + 1.0;
    const Four least = load<Four>(min + k), most = load<Four>(max + k);
    store(count + k, load<Four>(count + k) + (v == v ? one : none));
    store(sum + k, load<Four>(sum + k) + (v == v ? v : none));
    store(min + k, v < least ? v : least);
    store(max + k, v > most ? v : most);
  }
  add_row(values + k, n - k, count + k, sum + k, min + k, max + k);
}
template <class T>
GF_AVX2_UNFUSED void deviate_row_avx2(const T* values, int64_t n, const double* mean, double* square) {
  int64_t k = 0;
  for (; k + 4 <= n; k += 4) {
    const Four v = load_four(values + k), none{}, d = v == v ? v - load<Four>(mean + k) : none;
    store(square + k, load<Four>(square + k) + d * d);
  }
  deviate_row(values + k, n - k, mean + k, square + k);
}

// Adds rows block by block: sums and extremes, then the deviations from the block's means.
class Columns {
 public:
  explicit Columns(int columns)
      : columns_(columns),
        width_(columns * std::max(1, least_width / columns)),
        count_(width_),
        sum_(width_),
        min_(width_),
        max_(width_),
        mean_(width_),
        square_(width_),
        total_(static_cast<size_t>(columns)) {}

  template <class T>
  void add(const T* values, int64_t n) {
    const int64_t block = std::max<int64_t>(1, block_values / width_) * width_;
    for (int64_t begin = 0; begin < n; begin += block) add_block(values + begin, std::min(block, n - begin));
  }

  std::vector<Statistics> take() { return std::move(total_); }

 private:
  using Sums = std::vector<double>;

  template <class T>
  void add_block(const T* values, int64_t n) {
    std::fill(count_.begin(), count_.end(), 0.0);
    std::fill(sum_.begin(), sum_.end(), 0.0);
    std::fill(square_.begin(), square_.end(), 0.0);
    std::fill(min_.begin(), min_.end(), std::numeric_limits<double>::infinity());
    std::fill(max_.begin(), max_.end(), -std::numeric_limits<double>::infinity());
    for (int64_t begin = 0; begin < n; begin += width_)
      (wide_ ? add_row_avx2<T> : add_row<T>)(values + begin, std::min(width_, n - begin), count_.data(),
                                             sum_.data(), min_.data(), max_.data());
    for (int64_t c = 0; c < columns_; ++c) {
      double count = 0, sum = 0;
      for (int64_t k = c; k < width_; k += columns_) count += count_[at(k)], sum += sum_[at(k)];
      for (int64_t k = c; k < width_; k += columns_) mean_[at(k)] = sum / count;
    }
    for (int64_t begin = 0; begin < n; begin += width_)
      (wide_ ? deviate_row_avx2<T> : deviate_row<T>)(values + begin, std::min(width_, n - begin),
                                                     mean_.data(), square_.data());
    for (int64_t c = 0; c < columns_; ++c) {
      Statistics part;
      part.min = std::numeric_limits<double>::infinity();
      part.max = -part.min;
      for (int64_t k = c; k < width_; k += columns_) {
        part.count += static_cast<int64_t>(count_[at(k)]);
        part.square += square_[at(k)];
        part.min = std::min(part.min, min_[at(k)]);
        part.max = std::max(part.max, max_[at(k)]);
      }
      part.mean = mean_[at(c)];
      part.n_nan = n / columns_ - part.count;
      total_[at(c)].merge(part);
    }
  }

  static size_t at(int64_t k) { return static_cast<size_t>(k); }

  const bool wide_ = simd_of_cpu(Simd::avx2) == Simd::avx2;
  int64_t columns_, width_;
  Sums count_, sum_, min_, max_, mean_, square_;
  std::vector<Statistics> total_;
};

template <class T>
std::vector<Statistics> statistics_of(const std::vector<T>& table, int columns, int threads) {
  const int64_t rows = static_cast<int64_t>(table.size()) / columns;
  std::vector<std::vector<Statistics>> partial(static_cast<size_t>((rows + piece_rows - 1) / piece_rows));
  parallel_chunks(threads, rows, piece_rows, [&](int64_t begin, int64_t end, int) {
    Columns part(columns);
    part.add(table.data() + begin * columns, (end - begin) * columns);
    partial[static_cast<size_t>(begin / piece_rows)] = part.take();
  });
  std::vector<Statistics> all(static_cast<size_t>(columns));
  for (const std::vector<Statistics>& part : partial)
    for (size_t c = 0; c < all.size(); ++c) all[c].merge(part[c]);
  return all;
}

}  // namespace

void Statistics::add(double value) {
  if (std::isnan(value)) {
    ++n_nan;
    return;
  }
  ++count;
  if (count == 1) {
    mean = min = max = value;
    return;
  }
  const double before = value - mean;
  mean += before / static_cast<double>(count);
  square += before * (value - mean);
  min = std::min(min, value);
  max = std::max(max, value);
}

void Statistics::merge(const Statistics& other) {
  n_nan += other.n_nan;
  if (other.count == 0) return;
  if (count == 0) {
    const int64_t nan = n_nan;
    *this = other;
    n_nan = nan;
    return;
  }
  const double total = static_cast<double>(count + other.count);
  const double shift = other.mean - mean;
  square +=
      other.square + shift * shift * static_cast<double>(count) * static_cast<double>(other.count) / total;
  mean += shift * static_cast<double>(other.count) / total;
  count += other.count;
  min = std::min(min, other.min);
  max = std::max(max, other.max);
}

double Statistics::std() const { return count > 1 ? std::sqrt(square / static_cast<double>(count)) : 0; }

std::vector<Statistics> column_statistics(const std::vector<double>& table, int columns, int threads) {
  return statistics_of(table, columns, threads);
}

std::vector<Statistics> column_statistics(const std::vector<int32_t>& table, int columns, int threads) {
  return statistics_of(table, columns, threads);
}

}  // namespace grainfield
