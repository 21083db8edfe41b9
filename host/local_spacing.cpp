#include "host/local_spacing.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace grainfield {
namespace {

constexpr int64_t sample = 50'000;    // atoms, about
constexpr double atoms_per_cell = 8;  // wanted
constexpr double most_per_cell = 16;  // more: the atoms are denser than thought

uint64_t mixed(uint64_t h) {  // the finalizer of MurmurHash3 (Appleby)
  h ^= h >> 33;
  h *= 0xff51afd7ed558ccdull;
  h ^= h >> 33;
  h *= 0xc4ceb9fe1a85ec53ull;
  return h ^ h >> 33;
}

}  // namespace

double local_spacing(const Frame& frame) {
  const int64_t n_atoms = frame.n_atoms();
  const double volume = std::fabs(frame.box.volume());
  if (n_atoms == 0) return std::cbrt(volume);
  double spacing = std::cbrt(volume / static_cast<double>(n_atoms));
  const uint64_t one_of = static_cast<uint64_t>(std::max<int64_t>(1, n_atoms / sample));
  std::vector<uint64_t> keys;
  for (int round = 0; round < 60; ++round) {
    const double width = std::cbrt(atoms_per_cell) * spacing;
    double n[3], cell_volume = volume;
    for (int k = 0; k < 3; ++k) {
      n[k] = std::clamp(std::floor(frame.box.height(k) / width), 1.0, 2e6);
      cell_volume /= n[k];
    }
    keys.clear();
    for (const Vec3& r : frame.position) {
      const Vec3 s = frame.box.fractional(r);
      uint64_t key = 0;
      for (int k = 0; k < 3; ++k) {
        const double wrapped = frame.box.periodic[k] ? s[k] - std::floor(s[k]) : s[k];
        const double cell = std::clamp(std::floor(wrapped * n[k]), -1e6, 1e6 + 2e6);
        key = key << 21 ^ static_cast<uint64_t>(static_cast<int64_t>(cell) + (1 << 20));
      }
      key = mixed(key);
      if (key % one_of == 0) keys.push_back(key);
    }
    if (keys.empty()) return spacing;
    std::sort(keys.begin(), keys.end());
    double squares = 0;
    for (size_t first = 0; first < keys.size();) {
      size_t last = first;
      while (last < keys.size() && keys[last] == keys[first]) ++last;
      squares += static_cast<double>((last - first) * (last - first));
      first = last;
    }
    // Atoms in the cell of an atom: itself, and by chance as many as the mean.
    const double occupancy = squares / static_cast<double>(keys.size());
    const double found = std::cbrt(cell_volume / std::max(occupancy - 0.5, 0.5));
    if (!(occupancy > most_per_cell) || !(found < 0.95 * spacing))
      return std::min(spacing, std::max(found, 1e-3));
    spacing = found;
  }
  return spacing;
}

}  // namespace grainfield
