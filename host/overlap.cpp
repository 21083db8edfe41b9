#include "host/overlap.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "host/error.hpp"
#include "kernels/core/parallel.hpp"

namespace grainfield {
namespace {

// A grid over the cell whose layers are at least `width` thick, with the atoms sorted by grid cell, in
// ascending order in each.
struct Grid {
  const Box& box;
  int64_t n[3];
  int reach[3];             // layers to look at on both sides
  Vec3 low, span{1, 1, 1};  // fractional region covered: the cell, or the atoms' extent along free directions
  std::vector<uint32_t> start, order;

  template <class Position>
  Grid(const Box& b, int64_t n_atoms, double width, const Position& position) : box(b) {
    for (int k = 0; k < 3; ++k) {
      if (box.periodic[k]) continue;
      double lo = std::numeric_limits<double>::max(), hi = -lo;
      for (int64_t i = 0; i < n_atoms; ++i) {
        const double s = box.fractional(position(i))[k];
        lo = std::min(lo, s), hi = std::max(hi, s);
      }
      low[k] = lo;
      span[k] = std::max(hi - lo, 1e-300);
    }
    double cells = 1;
    for (int k = 0; k < 3; ++k) {
      n[k] = static_cast<int64_t>(std::clamp(std::floor(box.height(k) * span[k] / width), 1.0, 1e6));
      cells *= static_cast<double>(n[k]);
    }
    // Sparse atoms: no more than 4 cells for each.
    const double shrink = std::cbrt(std::min(1.0, 4.0 * static_cast<double>(n_atoms) / cells));
    for (int k = 0; k < 3; ++k) {
      n[k] = std::max<int64_t>(1, static_cast<int64_t>(static_cast<double>(n[k]) * shrink));
      const double layer = box.height(k) * span[k] / static_cast<double>(n[k]);
      double layers = std::ceil(width / layer);  // more than 1 only in boxes thinner than width
      if (!box.periodic[k]) layers = std::min(layers, static_cast<double>(n[k] - 1));
      reach[k] = static_cast<int>(layers);
    }
    start.assign(static_cast<size_t>(n[0] * n[1] * n[2]) + 1, 0);
    order.resize(static_cast<size_t>(n_atoms));
    for (int64_t i = 0; i < n_atoms; ++i) ++start[cell(position(i)) + 1];
    for (size_t c = 1; c < start.size(); ++c) start[c] += start[c - 1];
    for (int64_t i = n_atoms; i-- > 0;) {  // from the back, so that --start ends at the first of each cell
      const size_t c = cell(position(i));
      order[--start[c + 1]] = static_cast<uint32_t>(i);
    }
    // start[c + 1] is now the first atom of cell c.
  }

  int64_t layer(double s, int k) const {
    return std::clamp<int64_t>(static_cast<int64_t>((s - low[k]) / span[k] * static_cast<double>(n[k])), 0,
                               n[k] - 1);
  }
  size_t cell(Vec3 r) const {
    const Vec3 s = box.fractional(r);
    return static_cast<size_t>((layer(s.z, 2) * n[1] + layer(s.y, 1)) * n[0] + layer(s.x, 0));
  }
  uint32_t first(size_t c) const { return start[c + 1]; }
  uint32_t last(size_t c) const {
    return c + 2 < start.size() ? start[c + 2] : static_cast<uint32_t>(order.size());
  }

  // f(j, shift) for the atoms of all cells within reach of r, shift being the translation of j's image.
  template <class F>
  void around(Vec3 r, const F& f) const {
    const Vec3 s = box.fractional(r);
    const int64_t home[3] = {layer(s.x, 0), layer(s.y, 1), layer(s.z, 2)};
    for (int dz = -reach[2]; dz <= reach[2]; ++dz)
      for (int dy = -reach[1]; dy <= reach[1]; ++dy)
        for (int dx = -reach[0]; dx <= reach[0]; ++dx) {
          int64_t at[3] = {home[0] + dx, home[1] + dy, home[2] + dz};
          Vec3 shift;
          bool outside = false;
          for (int k = 0; k < 3; ++k) {
            if (at[k] >= 0 && at[k] < n[k]) continue;
            if (!box.periodic[k]) {
              outside = true;
              break;
            }
            const int64_t images = at[k] >= 0 ? at[k] / n[k] : -((n[k] - 1 - at[k]) / n[k]);
            at[k] -= images * n[k];
            shift += static_cast<double>(images) * box.edge(k);
          }
          if (outside) continue;
          const auto c = static_cast<size_t>((at[2] * n[1] + at[1]) * n[0] + at[0]);
          for (uint32_t p = first(c); p < last(c); ++p)
            if (!f(order[p], shift)) break;
        }
  }
};

}  // namespace

std::vector<int64_t> greedy_overlaps(const Box& box, const std::vector<Vec3>& position,
                                     const std::vector<int64_t>* among, double min_distance, int threads) {
  const int64_t n = among ? static_cast<int64_t>(among->size()) : static_cast<int64_t>(position.size());
  if (n == 0 || !(min_distance > 0)) return {};
  if (n >= int64_t{1} << 32)
    throw ResourceError(
        "more than 2^32 atoms to check for overlap; split the box or leave out --min-distance");
  const auto atom = [&](int64_t i) { return among ? (*among)[static_cast<size_t>(i)] : i; };
  const auto place = [&](int64_t i) { return position[static_cast<size_t>(atom(i))]; };
  // A hair more than the distance, so that rounding in fractional coordinates hides no pair.
  const Grid grid(box, n, min_distance * (1 + 1e-9), place);

  // Close pairs (later, earlier) in order of the later atom: a block of atoms at a time, so that their memory
  // stays small, and in a block each piece of atoms fills its own list.
  struct Pair {
    uint32_t later, earlier;
  };
  constexpr int64_t piece = 4096, block = 256 * piece;
  std::vector<std::vector<Pair>> pairs(block / piece);
  std::vector<uint8_t> deleted(static_cast<size_t>(n), 0);
  std::vector<int64_t> result;
  for (int64_t block_begin = 0; block_begin < n; block_begin += block) {
    const int64_t block_size = std::min(block, n - block_begin);
    parallel_chunks(threads, block_size, piece, [&](int64_t begin, int64_t end, int) {
      auto& found = pairs[static_cast<size_t>(begin / piece)];
      found.clear();
      for (int64_t i = block_begin + begin; i < block_begin + end; ++i) {
        const Vec3 ri = place(i);
        grid.around(ri, [&](uint32_t j, Vec3 shift) {
          if (j >= i) return false;  // ascending in a cell: only later ones follow
          if (norm_sq(place(j) + shift - ri) < min_distance * min_distance)
            found.push_back({static_cast<uint32_t>(i), j});
          return true;
        });
      }
    });
    for (int64_t p = 0; p * piece < block_size; ++p)
      for (const Pair& pair : pairs[static_cast<size_t>(p)]) {
        if (deleted[pair.later] || deleted[pair.earlier]) continue;
        deleted[pair.later] = 1;
        result.push_back(atom(pair.later));
      }
  }
  return result;
}

}  // namespace grainfield
