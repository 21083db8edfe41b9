// Checksums of what `grainfield bench` computes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace grainfield {

inline uint64_t mixed(uint64_t z) {  // splitmix64
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

// What a kernel yielded, as a text that rounding hardly changes: sums of all real numbers, each with a weight
// of its place, to a few significant digits, and a hash of all integers. "1.23456789e+05 8f0c...".
class BenchChecksum {
 public:
  explicit BenchChecksum(int digits = 9) : digits_(digits) {}
  // Values of one array in the order of the snapshot.
  void add(const std::vector<double>& values);
  void add(const std::vector<int32_t>& values);
  void add(const std::vector<int64_t>& values);
  std::string text() const;

 private:
  template <class T>
  void add_integers(const std::vector<T>& values);
  void mix(uint64_t value);
  int digits_;
  double sum_ = 0;
  bool has_real_ = false, has_integer_ = false;
  uint64_t hash_ = 0x9e3779b97f4a7c15ull;
};

// Whether two such texts stand for the same results: the sums differ by at most one unit of their last digit.
bool same_checksum(const std::string& a, const std::string& b);

}  // namespace grainfield
