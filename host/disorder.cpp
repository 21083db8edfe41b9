#include "host/disorder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "host/elements.hpp"
#include "host/error.hpp"
#include "host/random.hpp"
#include "kernels/core/parallel.hpp"

namespace grainfield {
namespace {

// Draws without replacement: f(i, s) for i = 0, 1, ...; s occurs remaining[s] times.
template <class F>
void draw_all(std::vector<int64_t> remaining, uint64_t seed, Stream stream, const F& f) {
  Random random(seed, stream);
  const int64_t n = std::accumulate(remaining.begin(), remaining.end(), int64_t{0});
  for (int64_t i = 0; i < n; ++i) {
    auto left = static_cast<int64_t>(random.below(static_cast<uint64_t>(n - i)));
    size_t s = 0;
    while (left >= remaining[s]) left -= remaining[s++];
    --remaining[s];
    f(i, s);
  }
}

// Moves the kept rows of `width` values each together.
template <class T>
void compact(std::vector<T>& values, const std::vector<int64_t>& removed, int64_t n, int width) {
  if (values.empty()) return;
  const auto begin = values.begin();
  auto out = begin + (removed.empty() ? n : removed.front()) * width;
  for (size_t k = 0; k < removed.size(); ++k) {
    const int64_t from = removed[k] + 1, to = k + 1 < removed.size() ? removed[k + 1] : n;
    out = std::move(begin + from * width, begin + to * width, out);
  }
  values.resize(static_cast<size_t>(out - begin));
}

}  // namespace

std::vector<Species> element_species(const std::vector<std::string>& symbols) {
  if (symbols.empty()) throw UsageError("no element given; expected at least one symbol, such as Fe");
  std::vector<Species> species;
  for (const std::string& symbol : symbols) {
    const Element* element = find_element(symbol);
    if (!element)
      throw UsageError(fmt::format("unknown element '{}'; expected a symbol such as Fe or Cu", symbol));
    for (const Species& other : species)
      if (other.name == symbol) throw UsageError(fmt::format("element {} is given twice", symbol));
    species.push_back({symbol, element->mass, static_cast<int32_t>(species.size()) + 1});
  }
  return species;
}

std::vector<int64_t> exact_counts(int64_t n, const std::vector<double>& fractions) {
  double sum = 0;
  for (const double f : fractions) {
    if (!(f >= 0 && f <= 1)) throw UsageError(fmt::format("fraction {} of a species; expected 0 to 1", f));
    sum += f;
  }
  if (!(std::fabs(sum - 1) <= 1e-9))
    throw UsageError(fmt::format("the fractions of the species add up to {:.10g}; expected 1", sum));
  std::vector<int64_t> counts;
  std::vector<double> remainder;
  for (const double f : fractions) {
    const double exact = f * static_cast<double>(n);
    counts.push_back(static_cast<int64_t>(std::floor(exact)));
    remainder.push_back(exact - std::floor(exact));
  }
  int64_t missing = n - std::accumulate(counts.begin(), counts.end(), int64_t{0});
  for (; missing > 0; --missing) {
    const auto best = std::max_element(remainder.begin(), remainder.end()) - remainder.begin();
    ++counts[static_cast<size_t>(best)];
    remainder[static_cast<size_t>(best)] = -1;
  }
  return counts;
}

void assign_species(Frame& frame, const std::vector<int64_t>& counts, uint64_t seed) {
  const int64_t n = std::accumulate(counts.begin(), counts.end(), int64_t{0});
  if (n != frame.n_atoms() || counts.size() != frame.species.size())
    throw UsageError(fmt::format("{} counts for {} atoms of {} species, in sum {}", counts.size(),
                                 frame.n_atoms(), frame.species.size(), n));
  draw_all(counts, seed, Stream::species,
           [&](int64_t i, size_t s) { frame.type[static_cast<size_t>(i)] = static_cast<int32_t>(s); });
}

void make_vacancies(Frame& frame, int64_t count, uint64_t seed) {
  const int64_t n = frame.n_atoms();
  if (count < 0 || count > n)
    throw UsageError(fmt::format("{} vacancies asked for in a crystal of {} atoms", count, n));
  std::vector<int64_t> removed;
  removed.reserve(static_cast<size_t>(count));
  draw_all({count, n - count}, seed, Stream::vacancy, [&](int64_t i, size_t kept) {
    if (!kept) removed.push_back(i);
  });
  remove_atoms(frame, removed);
}

void rattle(Frame& frame, double sigma, uint64_t seed, int threads) {
  if (!std::isfinite(sigma) || sigma < 0)
    throw UsageError(fmt::format("rattling by sigma = {} A; expected a length of 0 or more", sigma));
  if (sigma == 0) return;
  parallel_for(threads, frame.n_atoms(), [&](int64_t i) {
    Random random(seed, Stream::rattle, static_cast<uint64_t>(i));
    Vec3 d;
    for (int k = 0; k < 3; ++k) d[k] = sigma * random.normal();
    Vec3& r = frame.position[static_cast<size_t>(i)];
    r = frame.box.wrap(r + d);
  });
}

void remove_atoms(Frame& frame, const std::vector<int64_t>& indices) {
  const int64_t n = frame.n_atoms();
  compact(frame.position, indices, n, 1);
  compact(frame.type, indices, n, 1);
  compact(frame.id, indices, n, 1);
  for (Column& column : frame.columns) {
    compact(column.real, indices, n, column.components);
    compact(column.integer, indices, n, column.components);
    compact(column.text, indices, n, column.components);
  }
}

}  // namespace grainfield
