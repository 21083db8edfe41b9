#include "host/frame.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "host/error.hpp"
#include "kernels/core/parallel.hpp"

namespace grainfield {

std::pair<double, double> fractional_extent(const Frame& frame, int k, int threads) {
  struct MinMax {
    double lo = std::numeric_limits<double>::infinity(), hi = -std::numeric_limits<double>::infinity();
  };
  const auto n = frame.n_atoms();
  if (n == 0) return {0.0, 1.0};
  constexpr int64_t piece = 1 << 16;
  std::vector<MinMax> partial(static_cast<size_t>((n + piece - 1) / piece));
  parallel_chunks(threads, n, piece, [&](int64_t begin, int64_t end, int) {
    MinMax& m = partial[static_cast<size_t>(begin / piece)];
    for (int64_t i = begin; i < end; ++i) {
      const double s = frame.box.fractional(frame.position[static_cast<size_t>(i)])[k];
      m = {std::min(m.lo, s), std::max(m.hi, s)};
    }
  });
  MinMax all;
  for (const MinMax& m : partial) all = {std::min(all.lo, m.lo), std::max(all.hi, m.hi)};
  const double margin = 1e-9 * std::max({1.0, std::fabs(all.lo), std::fabs(all.hi)});
  return {all.lo, all.hi + margin};
}

void validate(const Frame& frame, const std::string& where) {
  const Box& box = frame.box;
  for (int k = 0; k < 3; ++k)
    if (!is_finite(box.edge(k)))
      throw InputError(
          fmt::format("{}: cell vector {} is not finite; expected three finite numbers", where, "abc"[k]));
  if (!is_finite(box.origin)) throw InputError(fmt::format("{}: the cell's origin is not finite", where));
  const double volume = box.volume();
  const double scale = norm(box.a) * norm(box.b) * norm(box.c);
  if (!(scale > 0) || std::fabs(volume) < 1e-10 * scale)
    throw InputError(
        fmt::format("{}: the cell has zero volume; expected three independent cell vectors", where));
  if (volume < 0)
    throw InputError(
        fmt::format("{}: the cell is left-handed (a.(b x c) = {:.6g} A^3); expected a right-handed one: "
                    "exchange two cell vectors",
                    where, volume));
  const size_t n = frame.position.size();
  if (frame.type.size() != n)
    throw InputError(fmt::format("{}: {} atoms but {} types", where, n, frame.type.size()));
  for (size_t i = 0; i < n; ++i)
    if (!is_finite(frame.position[i]))
      throw InputError(fmt::format("{}: atom {} has the position ({}, {}, {}); expected finite numbers",
                                   where, frame.id_of(static_cast<int64_t>(i)), frame.position[i].x,
                                   frame.position[i].y, frame.position[i].z));
  const auto n_species = static_cast<int32_t>(frame.species.size());
  for (size_t i = 0; i < n; ++i)
    if (frame.type[i] < 0 || frame.type[i] >= n_species)
      throw InputError(fmt::format("{}: atom {} has species index {}; expected 0 to {}", where,
                                   frame.id_of(static_cast<int64_t>(i)), frame.type[i], n_species - 1));
}

}  // namespace grainfield
