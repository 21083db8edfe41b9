// The basis of moment tensor potentials, generated.
//
// A basic moment M_{mu,nu} = sum_j f_mu(r_j) n_j (x) ... (x) n_j (nu factors) has level 2 + 4 mu + nu, and a
// product has the sum of its factors' levels. The basis of level L holds every contraction of up to four
// moments to a scalar of level <= L (Shapeev, Multiscale Model. Simul. 14, 1153 (2016); levels as in Novikov
// et al., Mach. Learn.: Sci. Technol. 2, 025002 (2021)). Such contractions are the multigraphs without loops
// on one to four vertices: a vertex (mu, nu) has degree nu, an edge is one contracted index, and isomorphic
// graphs are one scalar.
//
// Evaluation. A contraction becomes sums of products of two moments, M[out] += factor M[left] M[right], over
// stored components; a symmetric tensor's components are stored once, multiplicities go into the factors. A
// connected graph of
//   two vertices A B:      one sum;
//   three vertices A B C:  U = AB, contracted over their common edges, then U . C;
//   four vertices:         U = AB, then either W = UC, made symmetric over all indices that go to D, and W .
//   D,
//                          or T = CD and U . T.
// U may be stored symmetric over the indices that go to C, and over those that go to D, whether they come
// from A or from B (few components, for these edges alone), or as its own two symmetric tensors (more
// components and products later, but one U for whatever the others do). With the choice of A, B, C, D that
// makes up to 6 ways for three vertices and 36 for four. Components of U, W and T that are the same
// polynomial up to a factor are one moment, for whatever graphs they serve. The ways are chosen so that all
// graphs together need few products: first the way that adds fewest to what is there, graph after graph,
// until nothing improves; then one graph is forced another way and some that could share moments with it
// choose again, which stays unless it needs more products, thousands of times. A graph that falls apart is
// the product of two scalars of the basis.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "host/mtp_model.hpp"

namespace grainfield {

// A contraction: vertices in ascending order of (mu, nu); of all orders that keep this one the least edges.
struct MtpGraph {
  struct Vertex {
    int mu = 0, nu = 0;
    bool operator==(const Vertex&) const = default;
    bool operator<(const Vertex& o) const { return std::tie(mu, nu) < std::tie(o.mu, o.nu); }
  };
  int n = 0;
  std::array<Vertex, 4> vertex{};
  std::array<std::array<int, 4>, 4> edges{};  // symmetric, zero diagonal

  int level() const;
  bool operator<(const MtpGraph& o) const {
    return std::tie(n, vertex, edges) < std::tie(o.n, o.vertex, o.edges);
  }
};

// All of level <= `level`, by level, then by number of vertices.
std::vector<MtpGraph> mtp_graphs(int level);

// Largest level that mtp_basis makes: 28.
inline constexpr int mtp_largest_level = 28;

// The tables of a level (basics, products, scalars, n_moments, n_radial); all else is left as it is by
// default. UsageError for a level outside 2 ... mtp_largest_level. The same tables on every machine.
MtpModel mtp_basis(int level);

// Reproducible coefficients for tables, so that benchmarks and examples need no trained potential: radial
// ones with sum of c^2 = 1 per mu, as MLIP's training leaves them; the scaling such that basic moments are of
// order 1, and linear ones such that the site energies of disturbed fcc crystals, nearest neighbors at
// max_distance / 2.6 or 1.15 min_distance if that is more, are of order 1 eV. Physics is not to be expected
// of them. n_species, n_radial_basis and the distances are to be set before.
void randomize_coefficients(MtpModel& model, uint64_t seed);

}  // namespace grainfield
