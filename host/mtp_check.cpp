#include "host/mtp_check.hpp"

#include <array>
#include <vector>

namespace grainfield {
namespace {

constexpr uint64_t prime = 2147483647;  // 2^31 - 1

using Vector = std::array<uint64_t, 3>;

struct Neighbor {
  Vector r{};               // any vector: moments are polynomials in it
  std::vector<uint64_t> f;  // [mu]
};

uint64_t power(uint64_t a, uint64_t n) {
  uint64_t out = 1;
  for (; n > 0; n >>= 1, a = a * a % prime)
    if ((n & 1) != 0) out = out * a % prime;
  return out;
}

// By the angle with cosine 3/5 about z, then with cosine 5/13 about x.
Vector rotated(const Vector& v) {
  const uint64_t fifth = power(5, prime - 2), thirteenth = power(13, prime - 2);
  const uint64_t x = (3 * v[0] + (prime - 4) * v[1]) % prime * fifth % prime;
  const uint64_t y = (4 * v[0] + 3 * v[1]) % prime * fifth % prime;
  return {x, (5 * y + (prime - 12) * v[2]) % prime * thirteenth % prime,
          (12 * y + 5 * v[2]) % prime * thirteenth % prime};
}

std::vector<uint64_t> moments(const MtpModel& m, const std::vector<Neighbor>& neighbors) {
  std::vector<uint64_t> out(static_cast<size_t>(m.n_moments), 0);
  int32_t rank = 0;
  for (const MtpBasic& b : m.basics)
    for (const int32_t p : {b.a, b.b, b.c}) rank = p > rank ? p : rank;
  for (const Neighbor& neighbor : neighbors) {
    std::array<std::vector<uint64_t>, 3> powers;
    for (size_t x = 0; x < 3; ++x) {
      powers[x].assign(1, 1);
      for (int32_t k = 0; k < rank; ++k) powers[x].push_back(powers[x].back() * neighbor.r[x] % prime);
    }
    for (size_t k = 0; k < m.basics.size(); ++k) {
      const MtpBasic& b = m.basics[k];
      const uint64_t angular = powers[0][static_cast<size_t>(b.a)] * powers[1][static_cast<size_t>(b.b)] %
                               prime * powers[2][static_cast<size_t>(b.c)] % prime;
      out[k] = (out[k] + neighbor.f[static_cast<size_t>(b.mu)] * angular) % prime;
    }
  }
  for (const MtpProduct& p : m.products) {
    const uint64_t product = out[static_cast<size_t>(p.left)] * out[static_cast<size_t>(p.right)] % prime;
    uint64_t& sum = out[static_cast<size_t>(p.out)];
    sum = (sum + static_cast<uint64_t>(p.factor) * product) % prime;
  }
  return out;
}

}  // namespace

int64_t first_scalar_not_invariant(const MtpModel& m) {
  uint64_t state = 1;
  const auto next = [&state] {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (state >> 33) % prime;
  };
  std::vector<Neighbor> here(4), there;
  for (Neighbor& neighbor : here) {
    for (uint64_t& x : neighbor.r) x = next();
    for (int32_t mu = 0; mu < m.n_radial; ++mu) neighbor.f.push_back(next());
  }
  for (const Neighbor& neighbor : here) there.push_back({rotated(neighbor.r), neighbor.f});
  const std::vector<uint64_t> one = moments(m, here), two = moments(m, there);
  for (size_t s = 0; s < m.scalars.size(); ++s)
    if (one[static_cast<size_t>(m.scalars[s])] != two[static_cast<size_t>(m.scalars[s])])
      return static_cast<int64_t>(s);
  return -1;
}

}  // namespace grainfield
