#include "host/mtp_summary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "host/elements.hpp"

namespace grainfield {
namespace {

constexpr int32_t largest_level = 1 << 20;  // a chain of squares would double without end
constexpr size_t largest_degree = 100;

void grow(std::vector<int64_t>& counts, size_t at) {
  if (counts.size() <= at) counts.resize(at + 1, 0);
  ++counts[at];
}

}  // namespace

std::vector<int32_t> mtp_levels(const MtpModel& m) {
  std::vector<int32_t> level(static_cast<size_t>(m.n_moments), 0);
  for (size_t k = 0; k < m.basics.size(); ++k)
    level[k] = 2 + 4 * m.basics[k].mu + m.basics[k].a + m.basics[k].b + m.basics[k].c;
  for (const MtpProduct& p : m.products) {
    const int32_t left = level[static_cast<size_t>(p.left)], right = level[static_cast<size_t>(p.right)];
    int32_t& out = level[static_cast<size_t>(p.out)];
    const bool definite = left >= 0 && right >= 0 && left < largest_level && right < largest_level;
    const int32_t sum = definite ? left + right : -1;
    out = out == 0 || out == sum ? sum : -1;
  }
  return level;
}

MtpSummary summarize(const MtpModel& m) {
  MtpSummary out;
  const std::vector<int32_t> level = mtp_levels(m);
  for (const int32_t s : m.scalars) {
    const int32_t l = level[static_cast<size_t>(s)];
    if (l < 0) {
      out.level = -1;
      break;
    }
    out.level = std::max(out.level, l);
  }
  out.largest_rank.assign(static_cast<size_t>(m.n_radial), 0);
  for (const MtpBasic& b : m.basics)
    out.largest_rank[static_cast<size_t>(b.mu)] =
        std::max(out.largest_rank[static_cast<size_t>(b.mu)], b.a + b.b + b.c);
  const auto n = static_cast<size_t>(m.n_moments);
  std::vector<size_t> depth(n, 0), degree(n, 1);
  for (const MtpProduct& p : m.products) {
    const auto l = static_cast<size_t>(p.left), r = static_cast<size_t>(p.right),
               o = static_cast<size_t>(p.out);
    depth[o] = std::max({depth[o], depth[l] + 1, depth[r] + 1});
    degree[o] = std::min(largest_degree, std::max(degree[o], degree[l] + degree[r]));
  }
  for (const MtpProduct& p : m.products) grow(out.products_by_depth, depth[static_cast<size_t>(p.out)] - 1);
  for (const size_t d : depth) grow(out.moments_by_depth, d);
  for (const int32_t s : m.scalars) grow(out.scalars_by_degree, degree[static_cast<size_t>(s)] - 1);
  if (!m.radial.empty()) {
    const auto R = static_cast<size_t>(m.n_radial_basis);
    out.radial_norm.assign(static_cast<size_t>(m.n_radial), 0.0);
    for (size_t k = 0; k < m.radial.size(); ++k)
      out.radial_norm[k / R % out.radial_norm.size()] += m.radial[k] * m.radial[k];
  }
  if (m.active_set)
    for (const auto& [configuration, equation] : m.active_set->origin) out.filled_slots += configuration >= 0;
  return out;
}

std::vector<std::string> mtp_elements(const MtpModel& m) {
  std::vector<std::string> out;
  std::istringstream words(m.tag);
  std::string word;
  words >> word;
  if (word == "elements:")
    while (words >> word) out.push_back(find_element(word) ? word : "");
  const size_t n = m.type_labels.size();
  if (out.size() != n) {
    // 0, 1, ... and 1, 2, ... are counts.
    out.clear();
    bool counts[2] = {true, true};
    for (size_t s = 0; s < n; ++s)
      for (size_t first = 0; first < 2; ++first)
        counts[first] = counts[first] && m.type_labels[s] == static_cast<int32_t>(s + first);
    for (size_t s = 0; s < n; ++s) {
      const Element* element = counts[0] || counts[1] ? nullptr : find_element_by_number(m.type_labels[s]);
      out.emplace_back(element ? element->symbol : "");
    }
  }
  if (std::find(out.begin(), out.end(), "") != out.end()) out.assign(n, "");
  return out;
}

std::string mtp_element_tag(const std::vector<std::string>& elements) {
  return fmt::format("elements: {}", fmt::join(elements, " "));
}

}  // namespace grainfield
