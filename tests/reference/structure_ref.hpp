// Adaptive common neighbor analysis, slow and obvious: all images sorted by distance, bonds as a matrix,
// signatures counted from their definition.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "host/frame.hpp"

namespace grainfield::reference {

struct NearAtom {
  double distance;
  size_t index;
  Vec3 r;  // from the centre
};

inline std::vector<NearAtom> nearest_atoms(const Frame& frame, size_t i, double within) {
  const Box& box = frame.box;
  int n[3];
  for (int k = 0; k < 3; ++k)
    n[k] = box.periodic[k] ? static_cast<int>(std::ceil(within / box.height(k))) + 1 : 0;
  const Vec3 ri = box.wrap(frame.position[i]);
  std::vector<NearAtom> found;
  for (size_t j = 0; j < frame.position.size(); ++j) {
    const Vec3 rj = box.wrap(frame.position[j]);
    for (int a = -n[0]; a <= n[0]; ++a)
      for (int b = -n[1]; b <= n[1]; ++b)
        for (int c = -n[2]; c <= n[2]; ++c) {
          const Vec3 r = rj + a * box.a + b * box.b + c * box.c - ri;
          const bool itself = i == j && a == 0 && b == 0 && c == 0;
          if (!itself && norm(r) < within) found.push_back({norm(r), j, r});
        }
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const NearAtom& a, const NearAtom& b) { return a.distance < b.distance; });
  return found;
}

// (common neighbors, bonds among them, bonds in the largest connected group of these bonds) of each of the
// first n atoms.
inline std::vector<std::array<int, 3>> cna_signatures(const std::vector<NearAtom>& near, size_t n,
                                                      double cutoff) {
  const auto bonded = [&](size_t a, size_t b) { return a != b && norm(near[a].r - near[b].r) <= cutoff; };
  std::vector<std::array<int, 3>> signatures;
  for (size_t k = 0; k < n; ++k) {
    std::vector<size_t> common;
    for (size_t b = 0; b < n; ++b)
      if (bonded(k, b)) common.push_back(b);
    // Groups of atoms connected by bonds: the lowest member names the group.
    std::vector<size_t> group(common.size());
    for (size_t a = 0; a < common.size(); ++a) group[a] = a;
    for (size_t round = 0; round < common.size(); ++round)
      for (size_t a = 0; a < common.size(); ++a)
        for (size_t b = 0; b < common.size(); ++b)
          if (bonded(common[a], common[b])) group[a] = group[b] = std::min(group[a], group[b]);
    int n_bonds = 0;
    std::vector<int> of_group(common.size());
    for (size_t a = 0; a < common.size(); ++a)
      for (size_t b = a + 1; b < common.size(); ++b)
        if (bonded(common[a], common[b])) ++n_bonds, ++of_group[group[a]];
    const int largest = common.empty() ? 0 : *std::max_element(of_group.begin(), of_group.end());
    signatures.push_back({static_cast<int>(common.size()), n_bonds, largest});
  }
  return signatures;
}

struct Structures {
  std::vector<int32_t> type;  // 0 other, 1 fcc, 2 hcp, 3 bcc, 4 ico
  std::vector<int32_t> bulk;
};

// `within` must hold 14 neighbors of every crystalline atom. matrix: 0 for the most frequent.
inline Structures structures(const Frame& frame, double within, int32_t matrix = 0) {
  const double factor = (1 + std::sqrt(2.0)) / 2;
  Structures out;
  std::vector<std::vector<size_t>> shell;
  for (size_t i = 0; i < frame.position.size(); ++i) {
    const std::vector<NearAtom> near = nearest_atoms(frame, i, within);
    int32_t type = 0;
    size_t n = 0;
    if (near.size() >= 12) {
      double sum = 0;
      for (size_t k = 0; k < 12; ++k) sum += near[k].distance;
      const auto s = cna_signatures(near, 12, factor * sum / 12);
      const auto count = [&](std::array<int, 3> which) { return std::count(s.begin(), s.end(), which); };
      if (count({4, 2, 1}) == 12) type = 1;
      if (count({4, 2, 1}) == 6 && count({4, 2, 2}) == 6) type = 2;
      if (count({5, 5, 5}) == 12) type = 4;
      n = 12;
    }
    if (type == 0 && near.size() >= 14) {
      double sum = 0;
      for (size_t k = 0; k < 8; ++k) sum += 2 / std::sqrt(3.0) * near[k].distance;
      for (size_t k = 8; k < 14; ++k) sum += near[k].distance;
      const auto s = cna_signatures(near, 14, 1.207 * sum / 14);
      const auto count = [&](std::array<int, 3> which) { return std::count(s.begin(), s.end(), which); };
      if (count({6, 6, 6}) == 8 && count({4, 4, 4}) == 6) type = 3;
      n = 14;
    }
    out.type.push_back(type);
    shell.emplace_back();
    if (type != 0)
      for (size_t k = 0; k < n; ++k) shell.back().push_back(near[k].index);
  }
  if (matrix == 0) {
    int64_t most = 0;
    for (const int32_t t : {1, 2, 3}) {
      const int64_t count = std::count(out.type.begin(), out.type.end(), t);
      if (count > most) most = count, matrix = t;
    }
  }
  for (size_t i = 0; i < out.type.size(); ++i) {
    bool intact = matrix != 0 && out.type[i] == matrix;
    for (const size_t j : shell[i]) intact = intact && out.type[j] == matrix;
    out.bulk.push_back(intact ? 1 : 0);
  }
  return out;
}

}  // namespace grainfield::reference
