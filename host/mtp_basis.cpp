#include "host/mtp_basis.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <numeric>
#include <set>
#include <tuple>
#include <unordered_map>

#include "host/error.hpp"
#include "host/random.hpp"

namespace grainfield {

int MtpGraph::level() const {
  int sum = 0;
  for (int i = 0; i < n; ++i)
    sum += 2 + 4 * vertex[static_cast<size_t>(i)].mu + vertex[static_cast<size_t>(i)].nu;
  return sum;
}

namespace {

using Vertex = MtpGraph::Vertex;

// --- graphs ---

// The least edges among the orders of the vertices that keep them ascending.
MtpGraph canonical(const MtpGraph& g) {
  std::array<size_t, 4> order{0, 1, 2, 3};
  MtpGraph best = g;
  const auto n = static_cast<size_t>(g.n);
  do {
    MtpGraph other = g;
    bool keeps = true;
    for (size_t i = 0; i < n; ++i) {
      keeps = keeps && g.vertex[order[i]] == g.vertex[i];
      for (size_t j = 0; j < n; ++j) other.edges[i][j] = g.edges[order[i]][order[j]];
    }
    if (keeps) best = std::min(best, other);
  } while (std::next_permutation(order.begin(), order.begin() + g.n));
  return best;
}

void set_edges(MtpGraph& g, size_t i, size_t j, int e) { g.edges[i][j] = g.edges[j][i] = e; }

// Every way to join the vertices that start at `first` (three at most), given what is left of their degrees.
bool join_three(MtpGraph& g, size_t first, const std::array<int, 4>& left) {
  const size_t n = static_cast<size_t>(g.n) - first;
  if (n == 1) return left[first] == 0;
  if (n == 2) {
    set_edges(g, first, first + 1, left[first]);
    return left[first] == left[first + 1];
  }
  const int a = left[first], b = left[first + 1], c = left[first + 2];
  if ((a + b + c) % 2 != 0 || a + b < c || a + c < b || b + c < a) return false;
  set_edges(g, first, first + 1, (a + b - c) / 2);
  set_edges(g, first, first + 2, (a + c - b) / 2);
  set_edges(g, first + 1, first + 2, (b + c - a) / 2);
  return true;
}

void join(const MtpGraph& vertices, std::set<MtpGraph>& found) {
  std::array<int, 4> degree{};
  for (size_t i = 0; i < 4; ++i) degree[i] = vertices.vertex[i].nu;
  if (vertices.n < 4) {
    MtpGraph g = vertices;
    if (join_three(g, 0, degree)) found.insert(canonical(g));
    return;
  }
  for (int e1 = 0; e1 <= degree[0]; ++e1)
    for (int e2 = 0; e1 + e2 <= degree[0]; ++e2) {
      const int e3 = degree[0] - e1 - e2;
      const std::array<int, 4> left{0, degree[1] - e1, degree[2] - e2, degree[3] - e3};
      if (std::min({left[1], left[2], left[3]}) < 0) continue;
      MtpGraph g = vertices;
      set_edges(g, 0, 1, e1);
      set_edges(g, 0, 2, e2);
      set_edges(g, 0, 3, e3);
      if (join_three(g, 1, left)) found.insert(canonical(g));
    }
}

void add_vertices(MtpGraph& g, int level, const Vertex& least, std::set<MtpGraph>& found) {
  if (g.n > 0) join(g, found);
  if (g.n == 4) return;
  for (int mu = least.mu; 2 + 4 * mu <= level; ++mu)
    for (int nu = mu == least.mu ? least.nu : 0; 2 + 4 * mu + nu <= level; ++nu) {
      g.vertex[static_cast<size_t>(g.n++)] = {mu, nu};
      add_vertices(g, level - 2 - 4 * mu - nu, {mu, nu}, found);
      g.vertex[static_cast<size_t>(--g.n)] = {};
    }
}

// --- components ---

// Powers of x, y, z.
struct Powers {
  int a = 0, b = 0, c = 0;
  int rank() const { return a + b + c; }
  Powers operator+(const Powers& o) const { return {a + o.a, b + o.b, c + o.c}; }
};

// All of a rank, in descending order.
std::vector<Powers> powers_of(int rank) {
  std::vector<Powers> out;
  for (int a = rank; a >= 0; --a)
    for (int b = rank - a; b >= 0; --b) out.push_back({a, b, rank - a - b});
  return out;
}
size_t place(const Powers& p) {
  const size_t rest = static_cast<size_t>(p.b) + static_cast<size_t>(p.c);
  return rest * (rest + 1) / 2 + static_cast<size_t>(p.c);
}
int64_t factorial(int n) { return n < 2 ? 1 : n * factorial(n - 1); }
// How many sequences of indices have these counts.
int64_t multiplicity(const Powers& p) {
  return factorial(p.rank()) / (factorial(p.a) * factorial(p.b) * factorial(p.c));
}
// A moment: basic, or a sum of products. Equal sums (up to a common factor) are one node.
struct Term {
  int32_t left = 0, right = 0;
  int64_t factor = 0;
  bool operator==(const Term&) const = default;
  bool operator<(const Term& o) const {
    return std::tie(left, right, factor) < std::tie(o.left, o.right, o.factor);
  }
};
struct Node {
  std::vector<Term> terms;        // empty: basic
  std::vector<int32_t> children;  // distinct factors that are not basic
};
struct Scaled {  // factor * node
  int32_t node = -1;
  int64_t factor = 1;
};

struct TermsHash {
  size_t operator()(const std::vector<Term>& terms) const {
    uint64_t h = 0x9E3779B97F4A7C15u;
    for (const Term& t : terms)
      for (const uint64_t x :
           {static_cast<uint64_t>(t.left), static_cast<uint64_t>(t.right), static_cast<uint64_t>(t.factor)}) {
        h = (h ^ x) * 0xFF51AFD7ED558CCDu;
        h ^= h >> 32;
      }
    return h;
  }
};

class Nodes {
 public:
  explicit Nodes(int level) {
    for (int mu = 0; 2 + 4 * mu <= level; ++mu) {
      const int largest = std::max(0, level / 2 - 2 - 2 * mu);
      first_.emplace_back();
      for (int nu = 0; nu <= largest; ++nu) {
        first_.back().push_back(static_cast<int32_t>(basics_.size()));
        for (const Powers& p : powers_of(nu)) basics_.push_back({mu, p.a, p.b, p.c});
      }
    }
    nodes_.resize(basics_.size());
  }

  const std::vector<MtpBasic>& basics() const { return basics_; }
  const Node& operator[](int32_t k) const { return nodes_[static_cast<size_t>(k)]; }
  size_t size() const { return nodes_.size(); }
  bool is_basic(int32_t k) const { return static_cast<size_t>(k) < basics_.size(); }

  int32_t basic(const Vertex& v, const Powers& p) const {
    return first_[static_cast<size_t>(v.mu)][static_cast<size_t>(v.nu)] + static_cast<int32_t>(place(p));
  }

  // Equal pairs are added up; the terms are left in ascending order, without a common factor.
  Scaled add(std::vector<Term> terms) {
    for (Term& t : terms)
      if (t.left > t.right) std::swap(t.left, t.right);
    std::sort(terms.begin(), terms.end());
    size_t kept = 0;
    int64_t common = 0;
    for (size_t k = 0; k < terms.size();) {
      Term sum = terms[k];
      for (++k; k < terms.size() && terms[k].left == sum.left && terms[k].right == sum.right; ++k)
        sum.factor += terms[k].factor;
      common = std::gcd(common, sum.factor);
      terms[kept++] = sum;
    }
    terms.resize(kept);
    if (common > 1)
      for (Term& t : terms) t.factor /= common;
    const auto [at, is_new] = known_.try_emplace(std::move(terms), static_cast<int32_t>(nodes_.size()));
    if (is_new) {
      Node node{at->first, {}};
      for (const Term& t : node.terms)
        for (const int32_t k : {t.left, t.right})
          if (!is_basic(k)) node.children.push_back(k);
      std::sort(node.children.begin(), node.children.end());
      node.children.erase(std::unique(node.children.begin(), node.children.end()), node.children.end());
      nodes_.push_back(std::move(node));
    }
    return {at->second, common};
  }

 private:
  std::vector<MtpBasic> basics_;
  std::vector<std::vector<int32_t>> first_;  // [mu][nu]
  std::vector<Node> nodes_;
  std::unordered_map<std::vector<Term>, int32_t, TermsHash> known_;
};

// --- ways to evaluate a graph ---

// Some indices of A (a of them) and of B (b of them) that go to the same vertex. Closed: summed over who
// takes which, components gamma = alpha + beta. Open: components (alpha, beta), for whoever sums later.
struct Group {
  int a = 0, b = 0;
  bool open = false;
  bool operator<(const Group& o) const { return std::tie(a, b, open) < std::tie(o.a, o.b, o.open); }
};

// What one component of a group stands for.
struct Part {
  Powers alpha, beta;
  int64_t sequences = 1;  // of indices, summed in it
};

std::vector<std::vector<Part>> parts_of(const Group& g) {
  std::vector<std::vector<Part>> out;
  if (!g.open) out.resize(powers_of(g.a + g.b).size());
  for (const Powers& alpha : powers_of(g.a))
    for (const Powers& beta : powers_of(g.b))
      if (g.open)
        out.push_back({{alpha, beta, 1}});
      else
        out[place(alpha + beta)].push_back({alpha, beta, multiplicity(alpha) * multiplicity(beta)});
  return out;
}

// How the components of a group meet a symmetric tensor with the powers `total`.
struct Use {
  Powers total;
  int64_t sequences = 1;  // left to sum
};

std::vector<Use> uses_of(const Group& g) {
  std::vector<Use> out;
  for (const auto& parts : parts_of(g)) {
    const Part& part = parts.front();
    out.push_back({part.alpha + part.beta, g.open ? multiplicity(part.alpha) * multiplicity(part.beta) : 1});
  }
  return out;
}

class Ways {
 public:
  explicit Ways(Nodes& nodes) : nodes_(nodes) {}

  // The nodes that yield (a multiple of) the scalar of a connected graph.
  std::vector<int32_t> of(const MtpGraph& g) {
    std::vector<int32_t> out;
    const auto& v = g.vertex;
    const auto& e = g.edges;
    if (g.n == 1) out.push_back(nodes_.basic(v[0], {}));
    if (g.n == 2) out.push_back(pair({v[0], v[1], e[0][1], {}, {}})[0].node);
    for (const bool open : {false, true}) {
      for (size_t c = 0; c < 3 && g.n == 3; ++c) {
        const size_t a = (c + 1) % 3, b = (c + 2) % 3;
        out.push_back(triple({v[a], v[b], e[a][b], {e[a][c], e[b][c], open}, {}}, v[c], 0)[0].node);
      }
      for (size_t c = 0; c < 4 && g.n == 4; ++c)
        for (size_t d = 0; d < 4; ++d) {
          if (c == d) continue;
          const size_t a = c != 0 && d != 0 ? 0 : c != 1 && d != 1 ? 1 : 2, b = 6 - a - c - d;
          const Pair u{v[a], v[b], e[a][b], {e[a][c], e[b][c], open}, {e[a][d], e[b][d], open}};
          out.push_back(chain(u, v[c], e[c][d], v[d]));
          if (c < d) out.push_back(pairs(u, v[c], v[d], e[c][d]));
        }
    }
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
  }

 private:
  // A and B with e common edges; of their other indices some go to C and some to D.
  struct Pair {
    Vertex a, b;
    int e = 0;
    Group to_c, to_d;
    bool operator<(const Pair& o) const {
      return std::tie(a, b, e, to_c, to_d) < std::tie(o.a, o.b, o.e, o.to_c, o.to_d);
    }
  };

  // Components [of to_c][of to_d].
  const std::vector<Scaled>& pair(const Pair& p) {
    auto [at, is_new] = pairs_.try_emplace(p);
    if (!is_new) return at->second;
    std::vector<Scaled>& out = at->second;
    const auto common = powers_of(p.e);
    for (const auto& to_c : parts_of(p.to_c))
      for (const auto& to_d : parts_of(p.to_d)) {
        std::vector<Term> terms;
        for (const Part& c : to_c)
          for (const Part& d : to_d)
            for (const Powers& epsilon : common)
              terms.push_back({nodes_.basic(p.a, c.alpha + d.alpha + epsilon),
                               nodes_.basic(p.b, c.beta + d.beta + epsilon),
                               c.sequences * d.sequences * multiplicity(epsilon)});
        out.push_back(nodes_.add(std::move(terms)));
      }
    return out;
  }

  // W = UC, symmetric over all that goes to D; e: edges between C and D.
  const std::vector<Scaled>& triple(const Pair& u, const Vertex& c, int e) {
    auto [at, is_new] = triples_.try_emplace({u, c});
    if (!is_new) return at->second;
    const auto& components = pair(u);
    const auto to_c = uses_of(u.to_c), to_d = uses_of(u.to_d);
    const auto from_c = powers_of(e);
    std::vector<std::vector<Term>> sums(powers_of(u.to_d.a + u.to_d.b + e).size());
    for (size_t k = 0; k < components.size(); ++k) {
      const Use &gamma = to_c[k / to_d.size()], &delta = to_d[k % to_d.size()];
      for (const Powers& more : from_c)
        sums[place(delta.total + more)].push_back(
            {components[k].node, nodes_.basic(c, gamma.total + more),
             components[k].factor * gamma.sequences * delta.sequences * multiplicity(more)});
    }
    for (auto& terms : sums) at->second.push_back(nodes_.add(std::move(terms)));
    return at->second;
  }

  // W . D
  int32_t chain(const Pair& u, const Vertex& c, int e, const Vertex& d) {
    const auto& components = triple(u, c, e);
    std::vector<Term> terms;
    for (const Powers& delta : powers_of(d.nu)) {
      const Scaled& s = components[place(delta)];
      terms.push_back({s.node, nodes_.basic(d, delta), s.factor});
    }
    return nodes_.add(std::move(terms)).node;
  }

  // U . T, T = CD with e common edges
  int32_t pairs(const Pair& u, const Vertex& c, const Vertex& d, int e) {
    const auto &left = pair(u), &right = pair({c, d, e, {c.nu - e, 0, true}, {0, d.nu - e, true}});
    const auto to_c = uses_of(u.to_c), to_d = uses_of(u.to_d);
    const size_t width = powers_of(d.nu - e).size();
    std::vector<Term> terms;
    for (size_t k = 0; k < left.size(); ++k) {
      const Use &gamma = to_c[k / to_d.size()], &delta = to_d[k % to_d.size()];
      const Scaled& other = right[place(gamma.total) * width + place(delta.total)];
      terms.push_back(
          {left[k].node, other.node, left[k].factor * other.factor * gamma.sequences * delta.sequences});
    }
    return nodes_.add(std::move(terms)).node;
  }

  Nodes& nodes_;
  std::map<Pair, std::vector<Scaled>> pairs_;
  std::map<std::pair<Pair, Vertex>, std::vector<Scaled>> triples_;
};

// --- the choice of ways ---

class Choice {
 public:
  Choice(const Nodes& nodes, std::vector<std::vector<int32_t>> ways)
      : nodes_(nodes), ways_(std::move(ways)), chosen_(ways_.size(), -1), users_(nodes.size(), 0) {}

  const std::vector<int32_t>& chosen() const { return chosen_; }
  bool needed(int32_t k) const { return users_[static_cast<size_t>(k)] > 0; }

  // The cheapest way, graph after graph, until nothing improves.
  void descend() {
    for (bool better = true; better;) {
      better = false;
      for (size_t g = 0; g < ways_.size(); ++g) {
        const int32_t before = chosen_[g];
        if (before >= 0) drop(before);
        chosen_[g] = cheapest(g, before);
        take(chosen_[g]);
        better = better || chosen_[g] != before;
      }
    }
  }

  // Forces one graph another way, and lets some graphs that could share moments with it, or shared them
  // before, choose again; whatever needs no more products stays.
  void shake(int64_t rounds, uint64_t most) {
    std::vector<std::vector<int32_t>> graphs_of(nodes_.size());
    for (size_t g = 0; g < ways_.size(); ++g)
      for (const int32_t way : ways_[g]) mark(way, static_cast<int32_t>(g), graphs_of);
    Random random(1, Stream::search);
    std::vector<size_t> some;
    std::vector<int32_t> before;
    for (int64_t round = 0; round < rounds; ++round) {
      const auto first = static_cast<size_t>(random.below(ways_.size()));
      const int32_t forced = ways_[first][random.below(ways_[first].size())];
      some.clear();
      const uint64_t count = 1 + random.below(most);
      for (int32_t k : {forced, chosen_[first]}) {
        while (!nodes_[k].children.empty()) k = nodes_[k].children[random.below(nodes_[k].children.size())];
        const auto& sharing = graphs_of[static_cast<size_t>(k)];
        for (uint64_t i = 0; i < count && !sharing.empty(); ++i)
          some.push_back(static_cast<size_t>(sharing[random.below(sharing.size())]));
      }
      std::sort(some.begin(), some.end());
      some.erase(std::unique(some.begin(), some.end()), some.end());
      some.erase(std::remove(some.begin(), some.end(), first), some.end());
      for (size_t i = some.size(); i > 1; --i) std::swap(some[i - 1], some[random.below(i)]);
      some.insert(some.begin(), first);
      before.clear();
      int64_t saved = 0;
      for (const size_t g : some) {
        before.push_back(chosen_[g]);
        saved += drop(chosen_[g]);
      }
      for (const size_t g : some) {
        chosen_[g] = g == first ? forced : cheapest(g, -1);
        saved -= take(chosen_[g]);
      }
      if (saved >= 0) continue;
      for (const size_t g : some) drop(chosen_[g]);
      for (size_t i = 0; i < some.size(); ++i) take(chosen_[some[i]] = before[i]);
    }
  }

 private:
  // A moment to store counts as a quarter of a product.
  int64_t cost_of(int32_t k) const { return 4 * static_cast<int64_t>(nodes_[k].terms.size()) + 1; }

  // Cost that comes, or goes, with a node.
  int64_t take(int32_t k) {
    if (nodes_.is_basic(k) || users_[static_cast<size_t>(k)]++ > 0) return 0;
    int64_t cost = cost_of(k);
    for (const int32_t child : nodes_[k].children) cost += take(child);
    return cost;
  }
  int64_t drop(int32_t k) {
    if (nodes_.is_basic(k) || --users_[static_cast<size_t>(k)] > 0) return 0;
    int64_t cost = cost_of(k);
    for (const int32_t child : nodes_[k].children) cost += drop(child);
    return cost;
  }

  // The way that adds least; of equals `before`, else the first.
  int32_t cheapest(size_t g, int32_t before) {
    int32_t best = before;
    int64_t least = INT64_MAX;
    if (before >= 0) least = take(before), drop(before);
    for (const int32_t way : ways_[g]) {
      const int64_t cost = take(way);
      drop(way);
      if (cost < least) least = cost, best = way;
    }
    return best;
  }

  void mark(int32_t k, int32_t g, std::vector<std::vector<int32_t>>& graphs_of) const {
    auto& graphs = graphs_of[static_cast<size_t>(k)];
    if (nodes_.is_basic(k) || (!graphs.empty() && graphs.back() == g)) return;
    graphs.push_back(g);
    for (const int32_t child : nodes_[k].children) mark(child, g, graphs_of);
  }

  const Nodes& nodes_;
  std::vector<std::vector<int32_t>> ways_;
  std::vector<int32_t> chosen_;
  std::vector<int32_t> users_;
};

// Vertices that hang together with the first one, as bits.
unsigned first_part(const MtpGraph& g) {
  unsigned part = 1;
  for (int round = 0; round < 3; ++round)
    for (size_t i = 0; i < static_cast<size_t>(g.n); ++i)
      for (size_t j = 0; j < static_cast<size_t>(g.n); ++j)
        if ((part >> i & 1u) != 0 && g.edges[i][j] > 0) part |= 1u << j;
  return part;
}

MtpGraph part_of(const MtpGraph& g, unsigned part) {
  MtpGraph out;
  std::array<size_t, 4> from{};
  for (size_t i = 0; i < static_cast<size_t>(g.n); ++i)
    if ((part >> i & 1u) != 0) {
      from[static_cast<size_t>(out.n)] = i;
      out.vertex[static_cast<size_t>(out.n++)] = g.vertex[i];
    }
  for (size_t i = 0; i < static_cast<size_t>(out.n); ++i)
    for (size_t j = 0; j < static_cast<size_t>(out.n); ++j) out.edges[i][j] = g.edges[from[i]][from[j]];
  return canonical(out);
}

}  // namespace

std::vector<MtpGraph> mtp_graphs(int level) {
  std::set<MtpGraph> found;
  MtpGraph g;
  add_vertices(g, level, {}, found);
  std::vector<MtpGraph> out(found.begin(), found.end());
  std::stable_sort(out.begin(), out.end(), [](const MtpGraph& a, const MtpGraph& b) {
    return a.level() != b.level() ? a.level() < b.level() : a.n < b.n;
  });
  return out;
}

MtpModel mtp_basis(int level) {
  if (level < 2 || level > mtp_largest_level)
    throw UsageError(
        fmt::format("level {} of a moment tensor potential; expected 2 ... {}", level, mtp_largest_level));
  const std::vector<MtpGraph> graphs = mtp_graphs(level);
  Nodes nodes(level);
  std::vector<size_t> connected;
  std::vector<std::vector<int32_t>> ways;
  {
    Ways make(nodes);
    for (size_t g = 0; g < graphs.size(); ++g)
      if (first_part(graphs[g]) == (1u << graphs[g].n) - 1) {
        connected.push_back(g);
        ways.push_back(make.of(graphs[g]));
      }
  }
  Choice choice(nodes, std::move(ways));
  choice.descend();
  choice.shake(std::min<int64_t>(40 * static_cast<int64_t>(connected.size()), 20000), 8);
  choice.descend();

  // The moments: basics, then what is needed, in the order of depth; a node is younger than its factors.
  MtpModel m;
  m.basics = nodes.basics();
  m.n_radial = m.basics.back().mu + 1;
  std::vector<int> depth(nodes.size(), 0);
  std::vector<std::vector<int32_t>> by_depth;
  for (size_t k = m.basics.size(); k < nodes.size(); ++k) {
    const auto id = static_cast<int32_t>(k);
    if (!choice.needed(id)) continue;
    depth[k] = 1;
    for (const int32_t child : nodes[id].children)
      depth[k] = std::max(depth[k], depth[static_cast<size_t>(child)] + 1);
    by_depth.resize(std::max(by_depth.size(), static_cast<size_t>(depth[k])));
    by_depth[static_cast<size_t>(depth[k]) - 1].push_back(id);
  }
  std::vector<int32_t> moment(nodes.size(), -1);
  std::iota(moment.begin(), moment.begin() + static_cast<int64_t>(m.basics.size()), 0);
  m.n_moments = static_cast<int32_t>(m.basics.size());
  for (const auto& ids : by_depth)
    for (const int32_t id : ids) {
      for (const Term& t : nodes[id].terms)
        m.products.push_back({moment[static_cast<size_t>(t.left)], moment[static_cast<size_t>(t.right)],
                              static_cast<int32_t>(t.factor), m.n_moments});
      moment[static_cast<size_t>(id)] = m.n_moments++;
    }
  std::map<MtpGraph, int32_t> scalar_of;
  for (size_t k = 0; k < connected.size(); ++k)
    scalar_of[graphs[connected[k]]] = moment[static_cast<size_t>(choice.chosen()[k])];
  for (const MtpGraph& g :
       graphs) {  // a part of a graph has fewer vertices and a lower level: it comes first
    const unsigned part = first_part(g), all = (1u << g.n) - 1;
    if (part == all) continue;
    m.products.push_back(
        {scalar_of.at(part_of(g, part)), scalar_of.at(part_of(g, all & ~part)), 1, m.n_moments});
    scalar_of[g] = m.n_moments++;
  }
  for (const MtpGraph& g : graphs) m.scalars.push_back(scalar_of.at(g));
  return m;
}

namespace {

double integer_power(double x, int n) {
  double out = 1;
  for (; n > 0; --n) out *= x;
  return out;
}

// The moments of a site with neighbors r of the given species, center of species a.
std::vector<double> moments_at(const MtpModel& m, size_t a, const std::vector<Vec3>& r,
                               const std::vector<size_t>& species) {
  const auto S = static_cast<size_t>(m.n_species), K = static_cast<size_t>(m.n_radial),
             R = static_cast<size_t>(m.n_radial_basis);
  std::vector<double> out(static_cast<size_t>(m.n_moments), 0.0), f(K);
  for (size_t j = 0; j < r.size(); ++j) {
    const double length = norm(r[j]), u = length - m.max_distance;
    const double x = (2 * length - m.min_distance - m.max_distance) / (m.max_distance - m.min_distance);
    for (size_t mu = 0; mu < K; ++mu) {
      const double* c = m.radial.data() + ((a * S + species[j]) * K + mu) * R;
      double t = 1, next = x;
      f[mu] = 0;
      for (size_t xi = 0; xi < R; ++xi) {
        f[mu] += m.scaling * c[xi] * t * u * u;
        const double after = 2 * x * next - t;
        t = next, next = after;
      }
    }
    const Vec3 n = r[j] / length;
    for (size_t k = 0; k < m.basics.size(); ++k) {
      const MtpBasic& b = m.basics[k];
      out[k] += f[static_cast<size_t>(b.mu)] * integer_power(n.x, b.a) * integer_power(n.y, b.b) *
                integer_power(n.z, b.c);
    }
  }
  for (const MtpProduct& p : m.products)
    out[static_cast<size_t>(p.out)] +=
        p.factor * out[static_cast<size_t>(p.left)] * out[static_cast<size_t>(p.right)];
  return out;
}

// As a file with 16 digits holds it.
double rounded(double x) { return std::strtod(fmt::format("{:.15e}", x).c_str(), nullptr); }

}  // namespace

void randomize_coefficients(MtpModel& m, uint64_t seed) {
  const auto S = static_cast<size_t>(m.n_species), K = static_cast<size_t>(m.n_radial),
             R = static_cast<size_t>(m.n_radial_basis);
  Random random(seed, Stream::coefficient);
  m.radial.resize(S * S * K * R);
  for (double& c : m.radial) c = random.normal();
  std::vector<double> sum(K, 0.0);
  for (size_t k = 0; k < m.radial.size(); ++k) sum[k / R % K] += m.radial[k] * m.radial[k];
  for (size_t k = 0; k < m.radial.size(); ++k) m.radial[k] = rounded(m.radial[k] / std::sqrt(sum[k / R % K]));
  m.species_energy.clear();
  for (size_t s = 0; s < S; ++s) m.species_energy.push_back(rounded(-4 + random.uniform()));

  // Disturbed fcc crystals with nearest neighbors at d.
  constexpr size_t sites = 12;
  const double d = std::max(m.max_distance / 2.6, std::min(1.15 * m.min_distance, 0.9 * m.max_distance));
  const auto measure = [&](uint64_t index) {
    Random place(seed, Stream::coefficient, index + 1);
    std::vector<Vec3> r;
    std::vector<size_t> species;
    for (int x = -4; x <= 4; ++x)
      for (int y = -4; y <= 4; ++y)
        for (int z = -4; z <= 4; ++z) {
          const Vec3 shift{place.uniform() - 0.5, place.uniform() - 0.5, place.uniform() - 0.5};
          const auto s = static_cast<size_t>(place.below(S));
          const Vec3 at = d * (std::sqrt(0.5) * Vec3{double(x), double(y), double(z)} + 0.3 * shift);
          if ((x + y + z) % 2 != 0 || (x == 0 && y == 0 && z == 0) || norm(at) >= m.max_distance) continue;
          r.push_back(at);
          species.push_back(s);
        }
    return moments_at(m, static_cast<size_t>(place.below(S)), r, species);
  };
  m.scaling = 1;
  double basic = 0;
  for (uint64_t i = 0; i < sites; ++i) {
    const std::vector<double> at = measure(i);
    for (size_t k = 0; k < m.basics.size(); ++k) basic += at[k] * at[k];
  }
  m.scaling = rounded(1 / std::sqrt(basic / static_cast<double>(sites * m.basics.size())));
  std::vector<double> size(m.scalars.size(), 0.0);
  for (uint64_t i = 0; i < sites; ++i) {
    const std::vector<double> at = measure(i);
    for (size_t s = 0; s < size.size(); ++s) {
      const double value = at[static_cast<size_t>(m.scalars[s])];
      size[s] += value * value / sites;
    }
  }
  m.linear.clear();
  for (const double s : size)
    m.linear.push_back(
        rounded(random.normal() / std::sqrt(std::max(s, 1e-12) * static_cast<double>(size.size()))));
}

}  // namespace grainfield
