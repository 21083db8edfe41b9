#include "tools/cli/bench_checksum.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <utility>

namespace grainfield {

void BenchChecksum::mix(uint64_t value) { hash_ = mixed(hash_ + 0x9e3779b97f4a7c15ull + value); }

void BenchChecksum::add(const std::vector<double>& values) {
  has_real_ = true;
  // |v| + v/2 is positive and knows the sign, so that nothing cancels; not-a-number is counted apart.
  double total = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double v = values[i];
    if (std::isnan(v)) {
      has_integer_ = true;
      mix(i);
      continue;
    }
    const double weight = 1 + static_cast<double>(mixed(i + 1) >> 11) * 0x1p-53;
    total += weight * (std::fabs(v) + 0.5 * v);
  }
  sum_ = 1.618 * sum_ + total;
}

template <class T>
void BenchChecksum::add_integers(const std::vector<T>& values) {
  has_integer_ = true;
  for (const T v : values) mix(static_cast<uint64_t>(v));
}

void BenchChecksum::add(const std::vector<int32_t>& values) { add_integers(values); }
void BenchChecksum::add(const std::vector<int64_t>& values) { add_integers(values); }

std::string BenchChecksum::text() const {
  std::string text = has_real_ ? fmt::format("{:.{}e}", sum_, digits_ - 1) : "";
  if (has_integer_) text += fmt::format("{}{:016x}", has_real_ ? " " : "", hash_);
  return text;
}

bool same_checksum(const std::string& a, const std::string& b) {
  if (a == b) return true;
  const auto split = [](const std::string& text) {
    const size_t space = text.find(' ');
    // A hash alone has no decimal point.
    if (text.find('.') == std::string::npos) return std::pair(std::string(), text);
    return std::pair(text.substr(0, space), space == std::string::npos ? "" : text.substr(space));
  };
  const auto [real_a, hash_a] = split(a);
  const auto [real_b, hash_b] = split(b);
  if (hash_a != hash_b || real_a.empty() || real_b.empty()) return false;
  const size_t dot = real_a.find('.'), e = real_a.find('e');
  if (e == std::string::npos || dot == std::string::npos || real_a.size() != real_b.size()) return false;
  const auto digits = static_cast<double>(e - dot - 1);
  const double x = std::strtod(real_a.c_str(), nullptr), y = std::strtod(real_b.c_str(), nullptr);
  const double unit = std::pow(10.0, std::floor(std::log10(std::max(std::fabs(x), std::fabs(y)))) - digits);
  return std::fabs(x - y) <= 1.01 * unit;
}

}  // namespace grainfield
