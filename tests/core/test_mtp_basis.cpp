// The generated bases of moment tensor potentials. Everything about tables is a statement on polynomials with
// whole coefficients, so it is tested in the whole numbers modulo a prime, where nothing is rounded: an
// environment is a few unit vectors with n.n = 1 modulo p and free radial values f_mu.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

#include "host/error.hpp"
#include "host/mtp_basis.hpp"
#include "host/mtp_summary.hpp"
#include "io/mtp_file.hpp"
#include "tests/reference/mtp_ref.hpp"
#include "tests/support/random.hpp"
#include "tests/support/shared.hpp"

namespace grainfield {
namespace {

constexpr uint64_t prime = 2147483647;  // 2^31 - 1

uint64_t times(uint64_t a, uint64_t b) { return a * b % prime; }
uint64_t plus(uint64_t a, uint64_t b) { return (a + b) % prime; }
uint64_t power(uint64_t a, uint64_t n) {
  uint64_t out = 1;
  for (; n > 0; n >>= 1, a = times(a, a))
    if (n & 1) out = times(out, a);
  return out;
}
uint64_t inverse(uint64_t a) { return power(a, prime - 2); }

struct Environment {
  std::vector<std::array<uint64_t, 3>> n;
  std::vector<std::vector<uint64_t>> f;  // [neighbor][mu]
};

Environment environment(test::Random& random, size_t neighbors, int n_radial) {
  Environment out;
  for (size_t j = 0; j < neighbors; ++j) {
    uint64_t u = 0, v = 0, s = 0;
    while (s == 0) {
      u = random.below(prime), v = random.below(prime);
      s = plus(1, plus(times(u, u), times(v, v)));
    }
    const uint64_t over = inverse(s);  // the stereographic projection
    out.n.push_back(
        {times(2 * u % prime, over), times(2 * v % prime, over), times(plus(2, prime - s), over)});
    out.f.emplace_back();
    for (int mu = 0; mu < n_radial; ++mu) out.f.back().push_back(random.below(prime));
  }
  return out;
}

std::vector<uint64_t> scalars_of(const MtpModel& m, const Environment& e) {
  std::vector<uint64_t> M(static_cast<size_t>(m.n_moments), 0);
  for (size_t k = 0; k < m.basics.size(); ++k) {
    const MtpBasic& b = m.basics[k];
    for (size_t j = 0; j < e.n.size(); ++j)
      M[k] = plus(M[k], times(e.f[j][static_cast<size_t>(b.mu)],
                              times(power(e.n[j][0], static_cast<uint64_t>(b.a)),
                                    times(power(e.n[j][1], static_cast<uint64_t>(b.b)),
                                          power(e.n[j][2], static_cast<uint64_t>(b.c))))));
  }
  for (const MtpProduct& p : m.products) {
    uint64_t& out = M[static_cast<size_t>(p.out)];
    out = plus(out, times(static_cast<uint64_t>(p.factor) % prime,
                          times(M[static_cast<size_t>(p.left)], M[static_cast<size_t>(p.right)])));
  }
  std::vector<uint64_t> out;
  for (const int32_t s : m.scalars) out.push_back(M[static_cast<size_t>(s)]);
  return out;
}

// The contraction by its definition: the sum over a neighbor for every vertex of the f_mu and of
// (n_j . n_k)^e for every pair of vertices.
uint64_t contraction(const MtpGraph& g, const Environment& e) {
  const size_t n = static_cast<size_t>(g.n), neighbors = e.n.size();
  uint64_t sum = 0;
  std::array<size_t, 4> j{};
  for (;;) {
    uint64_t product = 1;
    for (size_t i = 0; i < n; ++i) {
      product = times(product, e.f[j[i]][static_cast<size_t>(g.vertex[i].mu)]);
      for (size_t k = 0; k < i; ++k) {
        uint64_t dot = 0;
        for (size_t x = 0; x < 3; ++x) dot = plus(dot, times(e.n[j[i]][x], e.n[j[k]][x]));
        product = times(product, power(dot, static_cast<uint64_t>(g.edges[i][k])));
      }
    }
    sum = plus(sum, product);
    size_t i = 0;
    while (i < n && ++j[i] == neighbors) j[i++] = 0;
    if (i == n) return sum;
  }
}

size_t rank(std::vector<std::vector<uint64_t>> rows) {
  size_t rank = 0;
  for (size_t column = 0; rank < rows.size() && column < rows[0].size(); ++column) {
    size_t pivot = rank;
    while (pivot < rows.size() && rows[pivot][column] == 0) ++pivot;
    if (pivot == rows.size()) continue;
    std::swap(rows[pivot], rows[rank]);
    const uint64_t over = inverse(rows[rank][column]);
    for (size_t r = rank + 1; r < rows.size(); ++r) {
      const uint64_t factor = prime - times(rows[r][column], over);
      if (rows[r][column] == 0) continue;
      for (size_t c = column; c < rows[0].size(); ++c)
        rows[r][c] = (rows[r][c] + factor * rows[rank][c]) % prime;
    }
    ++rank;
  }
  return rank;
}

// Environments enough for the rank of all columns.
std::vector<std::vector<uint64_t>> sample(const std::vector<const MtpModel*>& models, uint64_t seed) {
  size_t columns = 0;
  int n_radial = 0;
  for (const MtpModel* m : models) columns += m->scalars.size(), n_radial = std::max(n_radial, m->n_radial);
  test::Random random(seed);
  std::vector<std::vector<uint64_t>> rows;
  for (size_t s = 0; s < columns + 8; ++s) {
    const Environment e = environment(random, 5, n_radial);
    rows.emplace_back();
    for (const MtpModel* m : models) {
      const auto values = scalars_of(*m, e);
      rows.back().insert(rows.back().end(), values.begin(), values.end());
    }
  }
  return rows;
}

// Number of scalars per level, from the templates of MLIP; how many of them depend on the others since n.n =
// 1 (measured on these templates with floating-point ranks); products there, and of our tables.
struct Level {
  int level;
  size_t scalars, dependent, template_products, products;
};
constexpr Level levels[] = {{6, 5, 0, 5, 5},
                            {8, 9, 0, 14, 14},
                            {10, 16, 0, 42, 42},
                            {12, 29, 0, 117, 117},
                            {14, 52, 0, 348, 303},
                            {16, 92, 1, 969, 723},
                            {18, 163, 2, 2634, 1865},
                            {20, 288, 6, 6349, 4368},
                            {22, 500, 14, 15431, 9600},
                            {24, 864, 33, 36170, 21700}};

// The larger ones take seconds.
const MtpModel& basis(int level) {
  static std::map<int, MtpModel> made;
  const auto at = made.find(level);
  return at != made.end() ? at->second : made.emplace(level, mtp_basis(level)).first->second;
}

TEST(MtpBasis, CountsOfScalars) {
  for (const Level& l : levels) {
    EXPECT_EQ(mtp_graphs(l.level).size(), l.scalars) << l.level;
    EXPECT_EQ(mtp_graphs(l.level + 1).size(), l.scalars) << "a scalar's level is even";
  }
}

TEST(MtpBasis, GraphsAreDistinctAndComplete) {
  const auto graphs = mtp_graphs(18);
  EXPECT_EQ(std::set<MtpGraph>(graphs.begin(), graphs.end()).size(), graphs.size());
  int last = 0;
  for (const MtpGraph& g : graphs) {
    EXPECT_GE(g.level(), last);
    last = g.level();
    for (size_t i = 0; i < 4; ++i) {
      int degree = 0;
      for (size_t j = 0; j < 4; ++j) degree += g.edges[i][j];
      EXPECT_EQ(degree, g.vertex[i].nu);
      EXPECT_EQ(g.edges[i][i], 0);
    }
  }
  EXPECT_EQ(last, 18);
}

// Every scalar is a fixed multiple of its graph's contraction.
void check_contractions(int level) {
  SCOPED_TRACE(level);
  const MtpModel& m = basis(level);
  const auto graphs = mtp_graphs(level);
  ASSERT_EQ(m.scalars.size(), graphs.size());
  test::Random random(static_cast<uint64_t>(level));
  std::vector<uint64_t> ratio;
  for (int s = 0; s < 3; ++s) {
    const Environment e = environment(random, 4, m.n_radial);
    const auto values = scalars_of(m, e);
    for (size_t k = 0; k < graphs.size(); ++k) {
      const uint64_t direct = contraction(graphs[k], e);
      ASSERT_NE(direct, 0u);
      const uint64_t r = times(direct, inverse(values[k]));
      if (s == 0) ratio.push_back(r);
      EXPECT_EQ(r, ratio[k]) << "scalar " << k;
      EXPECT_NE(values[k], 0u);
    }
  }
}

TEST(MtpBasis, ScalarsAreTheContractions) {
  for (const int level : {2, 6, 8, 10, 12, 14, 16}) check_contractions(level);
}

TEST(LongMtpBasis, ScalarsAreTheContractions) {
  for (const int level : {18, 20, 22, 24}) check_contractions(level);
}

void check_tables(const MtpModel& m) {
  std::vector<char> complete(static_cast<size_t>(m.n_moments), 0);
  const auto n_basics = static_cast<int32_t>(m.basics.size());
  for (int32_t k = 0; k < n_basics; ++k) complete[static_cast<size_t>(k)] = 1;
  int32_t last = n_basics - 1;
  std::set<int32_t> used;
  for (const MtpProduct& p : m.products) {
    ASSERT_TRUE(p.out == last || p.out == last + 1) << "outputs contiguous and ascending";
    if (p.out != last && last >= n_basics) complete[static_cast<size_t>(last)] = 1;
    last = p.out;
    ASSERT_TRUE(complete[static_cast<size_t>(p.left)] && complete[static_cast<size_t>(p.right)]);
    EXPECT_GT(p.factor, 0);
    used.insert({p.left, p.right});
  }
  EXPECT_EQ(last, m.n_moments - 1);
  for (const int32_t s : m.scalars) used.insert(s);
  for (int32_t k = n_basics; k < m.n_moments; ++k)
    EXPECT_TRUE(used.count(k)) << "moment " << k << " serves nothing";
  EXPECT_EQ(std::set<int32_t>(m.scalars.begin(), m.scalars.end()).size(), m.scalars.size());
  int32_t next = 0;  // all triples of all ranks of every mu
  const MtpSummary summary = summarize(m);
  for (int32_t mu = 0; mu < m.n_radial; ++mu)
    for (int32_t nu = 0; nu <= summary.largest_rank[static_cast<size_t>(mu)]; ++nu)
      for (int32_t a = nu; a >= 0; --a)
        for (int32_t b = nu - a; b >= 0; --b)
          EXPECT_TRUE((m.basics[static_cast<size_t>(next++)] == MtpBasic{mu, a, b, nu - a - b}));
  EXPECT_EQ(next, n_basics);
}

TEST(MtpBasis, TablesAreInOrder) {
  for (const int level : {2, 4, 6, 8, 12, 16, 18}) {
    SCOPED_TRACE(level);
    const MtpModel& m = basis(level);
    check_tables(m);
    EXPECT_EQ(summarize(m).level, level);
    EXPECT_EQ(summarize(m).scalars_by_degree.size(), static_cast<size_t>(std::min(4, level / 2)));
  }
  EXPECT_EQ(summarize(basis(16)).largest_rank, (std::vector<int32_t>{6, 4, 2, 0}));
  EXPECT_EQ(summarize(basis(18)).largest_rank, (std::vector<int32_t>{7, 5, 3, 1, 0}));
}

// No more products than the tables that ship with MLIP have, and none lost by later changes.
TEST(MtpBasis, FewProducts) {
  for (const Level& l : levels)
    if (l.level <= 18) {
      EXPECT_LE(basis(l.level).products.size(), l.products) << l.level;
    }
}

TEST(LongMtpBasis, FewProducts) {
  for (const Level& l : levels) EXPECT_LE(basis(l.level).products.size(), l.products) << l.level;
}

TEST(MtpBasis, Ranks) {
  for (const Level& l : levels)
    if (l.level <= 18) {
      const MtpModel& m = basis(l.level);
      EXPECT_EQ(rank(sample({&m}, 1)), l.scalars - l.dependent) << l.level;
    }
}

TEST(MtpBasis, SameTablesAgain) { EXPECT_TRUE(mtp_basis(14) == basis(14)); }

TEST(MtpBasis, WrongLevels) {
  EXPECT_THROW(mtp_basis(1), UsageError);
  EXPECT_THROW(mtp_basis(30), UsageError);
}

// Random coefficients: normalized, the same for one seed, and energies of a disturbed crystal that differ
// from the isolated atom's by eV, not by thousands nor by nothing; invariant under rotation.
TEST(MtpBasis, RandomCoefficients) {
  for (const int level : {8, 16}) {
    SCOPED_TRACE(level);
    MtpModel m = mtp_basis(level);
    m.n_species = 2;
    m.type_labels = {0, 1};
    m.n_radial_basis = 6;
    m.min_distance = 2;
    m.max_distance = 5.5;
    MtpModel other = m, again = m;
    randomize_coefficients(m, 1);
    randomize_coefficients(again, 1);
    randomize_coefficients(other, 2);
    EXPECT_TRUE(m.trained());
    EXPECT_TRUE(again == m);
    EXPECT_FALSE(other == m);
    EXPECT_TRUE(parse_mtp(format_mtp(m), "m") == m);
    for (const double norm : summarize(m).radial_norm) EXPECT_NEAR(norm, 1, 1e-14);
    double square = 0;
    constexpr int sites = 20;
    test::Random random(3);
    for (int site = 0; site < sites; ++site) {
      std::vector<Vec3> r, turned;
      std::vector<int> species;
      for (int x = -2; x <= 2; ++x)
        for (int y = -2; y <= 2; ++y)
          for (int z = -2; z <= 2; ++z)
            for (const double half : {0.0, 0.5}) {
              const Vec3 at = 2.9 * Vec3{x + half, y + half, z + half} + random.vector(-0.25, 0.25);
              if (norm(at) < 1 || norm(at) >= m.max_distance) continue;
              r.push_back(at);
              turned.push_back({0.6 * at.x - 0.8 * at.y, -at.z, -0.8 * at.x - 0.6 * at.y});
              species.push_back(static_cast<int>(random.below(2)));
            }
      const int a = site % 2;
      const double energy = reference::MtpRef(m).site_energy(a, r, species, nullptr, nullptr);
      EXPECT_NEAR(reference::MtpRef(m).site_energy(a, turned, species, nullptr, nullptr), energy,
                  1e-11 * std::max(1.0, std::abs(energy)));
      const double cohesion = energy - m.species_energy[static_cast<size_t>(a)];
      square += cohesion * cohesion / sites;
    }
    EXPECT_GT(std::sqrt(square), 0.05);
    EXPECT_LT(std::sqrt(square), 20);
    RecordProperty(fmt::format("rms_{}", level), fmt::format("{}", std::sqrt(square)));
  }
}

// The scalars of MLIP's tables span the same functions: neither adds to the other's rank.
void compare_with_template(const std::string& shared, const Level& l) {
  SCOPED_TRACE(l.level);
  const MtpModel& ours = basis(l.level);
  const MtpModel theirs =
      read_mtp(fmt::format("{}/potentials/mtp_templates/{:02}.almtp", shared, l.level), {true});
  EXPECT_TRUE(std::is_permutation(ours.basics.begin(), ours.basics.end(), theirs.basics.begin(),
                                  theirs.basics.end()));
  EXPECT_EQ(theirs.scalars.size(), l.scalars);
  EXPECT_EQ(theirs.products.size(), l.template_products);
  const auto both = sample({&ours, &theirs}, 2);
  auto left = both, right = both;
  for (auto& row : left) row.resize(l.scalars);
  for (auto& row : right) row.erase(row.begin(), row.begin() + static_cast<int64_t>(l.scalars));
  const size_t expected = l.scalars - l.dependent;
  EXPECT_EQ(rank(left), expected);
  EXPECT_EQ(rank(right), expected);
  EXPECT_EQ(rank(both), expected);
}

TEST(MtpBasisReference, SpansOfTheTemplates) {
  GF_NEEDS_SHARED(shared);
  for (const Level& l : levels)
    if (l.level <= 16) compare_with_template(shared, l);
}

TEST(LongMtpBasisReference, SpansOfTheTemplates) {
  GF_NEEDS_SHARED(shared);
  for (const Level& l : levels)
    if (l.level > 16 && l.level <= 22) compare_with_template(shared, l);
}

}  // namespace
}  // namespace grainfield
