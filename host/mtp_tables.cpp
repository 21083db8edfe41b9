#include "host/mtp_tables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <tuple>

#include "host/error.hpp"

namespace grainfield {
namespace {

using Triple = std::tuple<int32_t, int32_t, int32_t>;

// Index of x^a y^b z^c, c <= 1, in the list by degree.
int32_t reduced_index(int32_t a, int32_t b, int32_t c) {
  const int32_t d = a + b + c;
  return d * d + (c == 0 ? b : d + 1 + b);
}

// Numbers for values: the table of distinct ones.
class Distinct {
 public:
  explicit Distinct(std::vector<double>& values) : values_(values) {}
  uint16_t operator()(double value) {
    const auto [at, is_new] = number_.try_emplace(value, values_.size());
    if (is_new) values_.push_back(value);
    if (at->second > std::numeric_limits<uint16_t>::max())
      throw InputError("a moment tensor potential with more than 65,536 distinct multiplicities");
    return static_cast<uint16_t>(at->second);
  }

 private:
  std::vector<double>& values_;
  std::map<double, size_t> number_;
};

void expect_few_moments(const MtpModel& m, int64_t n) {
  if (n > std::numeric_limits<uint16_t>::max())
    throw InputError(fmt::format("potential {}: {} moments; at most 65,535 can be evaluated", m.name, n));
}

void make_radial(const MtpModel& m, MtpTables& t) {
  const auto K = static_cast<size_t>(m.n_radial), R = static_cast<size_t>(m.n_radial_basis);
  const auto pairs = static_cast<size_t>(m.n_species) * static_cast<size_t>(m.n_species);
  if (m.radial.size() != pairs * K * R || m.linear.size() != m.scalars.size() ||
      m.species_energy.size() != static_cast<size_t>(m.n_species))
    throw InputError(fmt::format("potential {}: it has no coefficients (it is not trained)", m.name));
  const double k = 2 / (m.max_distance - m.min_distance);
  t.value.assign(pairs * K * R, 0);
  t.slope.assign(pairs * K * R, 0);
  for (size_t pair = 0; pair < pairs; ++pair)
    for (size_t s = 0; s < K; ++s) {
      const double* c = &m.radial[(pair * K + static_cast<size_t>(t.radial_order[s])) * R];
      double* value = &t.value[(pair * K + s) * R];
      double* slope = &t.slope[(pair * K + s) * R];
      for (size_t xi = 0; xi < R; ++xi) value[xi] = m.scaling * c[xi];
      // d/dx sum c_n T_n = sum d_n T_n with d_(n-1) = d_(n+1) + 2 n c_n, and half of that for d_0.
      for (size_t n = R; n-- > 1;)
        slope[n - 1] = (n + 1 < R ? slope[n + 1] : 0) + 2 * static_cast<double>(n) * value[n];
      slope[0] /= 2;
      for (size_t xi = 0; xi < R; ++xi) slope[xi] *= k;
    }
}

// Degrees of the radial functions and everything about their monomials. Returns, for every basic moment of
// the file, where it is stored.
std::vector<int32_t> make_angular(const MtpModel& m, MtpTables& t) {
  const auto K = static_cast<size_t>(m.n_radial);
  std::vector<int32_t> degree_of_mu(K, 0);
  for (const MtpBasic& b : m.basics) {
    int32_t& degree = degree_of_mu[static_cast<size_t>(b.mu)];
    degree = std::max(degree, b.a + b.b + b.c);
  }
  t.radial_order.resize(K);
  std::iota(t.radial_order.begin(), t.radial_order.end(), 0);
  std::stable_sort(t.radial_order.begin(), t.radial_order.end(), [&](int32_t p, int32_t q) {
    return degree_of_mu[static_cast<size_t>(p)] > degree_of_mu[static_cast<size_t>(q)];
  });
  std::vector<int32_t> rank_of_mu(K);
  for (size_t s = 0; s < K; ++s) {
    rank_of_mu[static_cast<size_t>(t.radial_order[s])] = static_cast<int32_t>(s);
    t.degree.push_back(degree_of_mu[static_cast<size_t>(t.radial_order[s])]);
  }
  int64_t n_monomials = 0;  // before memory is taken for them
  for (const int64_t d : t.degree) n_monomials += (d + 1) * (d + 2) * (d + 3) / 6;
  expect_few_moments(m, n_monomials);
  t.max_degree = K > 0 ? t.degree[0] : -1;
  for (size_t s = 0; s < K; ++s) {
    t.reduced_first.push_back(t.n_reduced);
    t.n_reduced += (t.degree[s] + 1) * (t.degree[s] + 1);
  }
  for (int32_t d = 0; d <= t.max_degree; ++d)
    t.functions_of_degree.push_back(static_cast<int32_t>(
        std::count_if(t.degree.begin(), t.degree.end(), [&](int32_t l) { return l >= d; })));
  for (int32_t c = 0; c <= 1; ++c)
    for (int32_t a = t.max_degree - c; a >= 0; --a)
      for (int32_t b = t.max_degree - c - a; b >= 0; --b)
        for (int32_t s = 0; s < t.functions_of_degree[static_cast<size_t>(a + b + c)]; ++s)
          t.horner.push_back(t.reduced_first[static_cast<size_t>(s)] + reduced_index(a, b, c));

  std::vector<std::map<Triple, int32_t>> place(K);
  for (size_t s = 0; s < K; ++s)
    for (int32_t d = 0; d <= t.degree[s]; ++d)
      for (int32_t c = 0; c <= d; ++c)
        for (int32_t b = 0; b <= d - c; ++b) place[s][{d - c - b, b, c}] = t.n_basic++;
  t.basic_of_reduced.resize(static_cast<size_t>(t.n_reduced));
  for (size_t s = 0; s < K; ++s)
    for (const auto& [abc, at] : place[s]) {
      const auto [a, b, c] = abc;
      if (c <= 1) t.basic_of_reduced[static_cast<size_t>(t.reduced_first[s] + reduced_index(a, b, c))] = at;
    }
  for (const int32_t q : t.horner) t.horner_basic.push_back(t.basic_of_reduced[static_cast<size_t>(q)]);
  t.reduction_level.push_back(0);
  for (int32_t c = 2; c <= t.max_degree; ++c) {
    for (size_t s = 0; s < K; ++s)
      for (const auto& [abc, at] : place[s]) {
        const auto [a, b, c_here] = abc;
        if (c_here == c)
          t.reductions.push_back({at, place[s].at({a, b, c - 2}), place[s].at({a + 2, b, c - 2}),
                                  place[s].at({a, b + 2, c - 2})});
      }
    t.reduction_level.push_back(static_cast<int32_t>(t.reductions.size()));
  }
  t.adjoint_level.push_back(0);
  for (int32_t c = t.max_degree - 2; c >= 0; --c) {
    for (size_t s = 0; s < K; ++s) {
      const auto find = [&](int32_t a, int32_t b) {
        const auto at = place[s].find({a, b, c + 2});
        return at == place[s].end() ? -1 : at->second;
      };
      for (const auto& [abc, at] : place[s]) {
        const auto [a, b, c_here] = abc;
        if (c_here != c) continue;
        const MtpReductionAdjoint adjoint{at, find(a, b), find(a - 2, b), find(a, b - 2)};
        if (adjoint.plus >= 0 || adjoint.minus_x >= 0 || adjoint.minus_y >= 0) t.adjoints.push_back(adjoint);
      }
    }
    t.adjoint_level.push_back(static_cast<int32_t>(t.adjoints.size()));
  }

  std::vector<int32_t> stored;
  for (const MtpBasic& b : m.basics)
    stored.push_back(place[static_cast<size_t>(rank_of_mu[static_cast<size_t>(b.mu)])].at({b.a, b.b, b.c}));
  return stored;
}

void make_graph(const MtpModel& m, bool keep_scalars, std::vector<int32_t> stored, MtpTables& t) {
  const auto n_moments = static_cast<size_t>(m.n_moments), n_basics = m.basics.size();
  stored.resize(n_moments, -1);
  std::vector<int32_t> depth(n_moments, 0);
  std::vector<bool> is_operand(n_moments, false);
  std::vector<std::vector<MtpProduct>> of_output(n_moments);
  for (const MtpProduct& p : m.products) {
    is_operand[static_cast<size_t>(p.left)] = is_operand[static_cast<size_t>(p.right)] = true;
    of_output[static_cast<size_t>(p.out)].push_back(p);
    int32_t& d = depth[static_cast<size_t>(p.out)];
    d = std::max({d, depth[static_cast<size_t>(p.left)] + 1, depth[static_cast<size_t>(p.right)] + 1});
  }
  std::vector<double> coefficient(n_moments, 0);
  for (size_t s = 0; s < m.scalars.size(); ++s) coefficient[static_cast<size_t>(m.scalars[s])] += m.linear[s];

  std::vector<size_t> outputs, folded;
  for (size_t k = n_basics; k < n_moments; ++k)
    (is_operand[k] || keep_scalars ? outputs : folded).push_back(k);
  // Rows of equal length follow each other: their loops are foreseeable.
  std::stable_sort(outputs.begin(), outputs.end(), [&](size_t p, size_t q) {
    return depth[p] != depth[q] ? depth[p] < depth[q] : of_output[p].size() < of_output[q].size();
  });
  std::stable_sort(folded.begin(), folded.end(),
                   [&](size_t p, size_t q) { return of_output[p].size() < of_output[q].size(); });
  t.n_stored = t.n_basic + static_cast<int32_t>(outputs.size());
  expect_few_moments(m, t.n_stored);
  int32_t last_depth = 0;
  for (size_t row = 0; row < outputs.size(); ++row) {
    stored[outputs[row]] = t.n_basic + static_cast<int32_t>(row);
    for (; last_depth < depth[outputs[row]]; ++last_depth) t.depth_first.push_back(stored[outputs[row]]);
  }
  t.depth_first.push_back(t.n_stored);

  const auto at = [&](int32_t k) { return static_cast<uint16_t>(stored[static_cast<size_t>(k)]); };
  Distinct factor(t.factors), weight(t.weights);
  const auto n_stored = static_cast<size_t>(t.n_stored);
  std::vector<std::vector<MtpTerm>> uses(n_stored);
  std::vector<std::vector<MtpWeighted>> folded_uses(n_stored);
  t.row_first.push_back(0);
  for (const size_t out : outputs) {
    std::vector<MtpProduct>& products = of_output[out];
    std::sort(products.begin(), products.end(), [&](const MtpProduct& p, const MtpProduct& q) {
      return std::make_tuple(p.factor, at(p.left), at(p.right)) <
             std::make_tuple(q.factor, at(q.left), at(q.right));
    });
    for (const MtpProduct& p : products) {
      t.terms.push_back({at(p.left), at(p.right), factor(p.factor)});
      const uint16_t o = at(p.out);
      if (p.left == p.right) {
        uses[at(p.left)].push_back({o, at(p.right), factor(2.0 * p.factor)});
      } else {
        uses[at(p.left)].push_back({o, at(p.right), factor(p.factor)});
        uses[at(p.right)].push_back({o, at(p.left), factor(p.factor)});
      }
    }
    t.row_first.push_back(static_cast<int32_t>(t.terms.size()));
  }
  t.folded_first.push_back(0);
  for (const size_t out : folded) {
    const double c = coefficient[out];
    for (const MtpProduct& p : of_output[out]) {
      t.folded_terms.push_back({at(p.left), at(p.right), factor(p.factor)});
      if (p.left == p.right) {
        folded_uses[at(p.left)].push_back({at(p.right), weight(2.0 * p.factor * c)});
      } else {
        folded_uses[at(p.left)].push_back({at(p.right), weight(p.factor * c)});
        folded_uses[at(p.right)].push_back({at(p.left), weight(p.factor * c)});
      }
    }
    t.folded_weight.push_back(c);
    t.folded_first.push_back(static_cast<int32_t>(t.folded_terms.size()));
  }
  t.use_first.push_back(0);
  t.folded_use_first.push_back(0);
  for (size_t k = 0; k < n_stored; ++k) {
    std::stable_sort(uses[k].begin(), uses[k].end(),
                     [](const MtpTerm& p, const MtpTerm& q) { return p.factor < q.factor; });
    t.uses.insert(t.uses.end(), uses[k].begin(), uses[k].end());
    t.use_first.push_back(static_cast<int32_t>(t.uses.size()));
    t.folded_uses.insert(t.folded_uses.end(), folded_uses[k].begin(), folded_uses[k].end());
    t.folded_use_first.push_back(static_cast<int32_t>(t.folded_uses.size()));
  }
  t.linear.assign(n_stored, 0);
  for (size_t k = 0; k < n_moments; ++k)
    if (stored[k] >= 0) t.linear[static_cast<size_t>(stored[k])] += coefficient[k];
  for (const int32_t k : m.scalars) t.scalar_moment.push_back(stored[static_cast<size_t>(k)]);
}

}  // namespace

MtpTables make_mtp_tables(const MtpModel& model, bool keep_scalars) {
  MtpTables t;
  t.n_species = model.n_species;
  t.n_radial = model.n_radial;
  t.n_basis = model.n_radial_basis;
  t.min_distance = model.min_distance;
  t.max_distance = model.max_distance;
  t.scaling = model.scaling;
  t.repulsive = model.repulsive;
  std::vector<int32_t> stored = make_angular(model, t);
  make_radial(model, t);
  t.species_energy = model.species_energy;
  make_graph(model, keep_scalars, std::move(stored), t);
  return t;
}

double MtpTables::flops_per_neighbor() const {
  const double K = n_radial, R = n_basis, B = n_reduced, U = (max_degree + 1) * (max_degree + 1);
  // Geometry 15; Chebyshev 2 R; f and f' 4 K R + 4 K; monomials U; moments 2 B; Horner 4 B + 6 U; D and
  // sums 40.
  return 15 + 2 * R + 4 * K * R + 4 * K + U + 2 * B + 4 * B + 6 * U + 40;
}

double MtpTables::flops_per_atom() const {
  return 2.0 * static_cast<double>(reductions.size()) + 3.0 * static_cast<double>(adjoints.size()) +
         3.0 * static_cast<double>(terms.size() + folded_terms.size() + uses.size()) +
         2.0 * static_cast<double>(folded_uses.size() + linear.size());
}

}  // namespace grainfield
