// A moment tensor potential prepared for evaluation: the same tables for every schedule.
//
// Three rewritings of the file's tables, all exact:
//   * Radial: sum_xi c_xi T_xi(x) and its derivative as two Chebyshev sums with coefficients that contain all
//     constant factors.
//   * Angular: on the unit sphere z^2 = 1 - x^2 - y^2, so the monomials x^a y^b z^c of degree <= L are
//     combinations of the (L + 1)^2 with c <= 1. Only these are summed over neighbors ("reduced moments", in
//     order of degree, so that a radial function of degree L uses the first (L + 1)^2 of one common list);
//     the others follow by
//         M[a,b,c] = M[a,b,c-2] - M[a+2,b,c-2] - M[a,b+2,c-2].
//   * Products: moments sorted by depth, rows of products per output for the forward sweep, rows of uses per
//     moment for the backward one (no scatter, no atomics); scalars that enter no product are not stored but
//     folded with their coefficient (unless their values are wanted).
#pragma once

#include <cstdint>
#include <vector>

#include "host/mtp_model.hpp"

namespace grainfield {

// factors[factor] * M[left] * M[right]
struct MtpTerm {
  uint16_t left = 0, right = 0, factor = 0;
};

// weights[weight] * M[moment]: a use of a moment in a folded scalar.
struct MtpWeighted {
  uint16_t moment = 0, weight = 0;
};

// M[out] = M[lower] - M[xx] - M[yy].
struct MtpReduction {
  int32_t out, lower, xx, yy;
};

// g[target] += g[plus] - g[minus_x] - g[minus_y]; -1: absent.
struct MtpReductionAdjoint {
  int32_t target, plus, minus_x, minus_y;
};

struct MtpTables {
  // Radial functions, sorted by degree (largest first): s = 0 .. K - 1 is the file's mu = radial_order[s].
  int32_t n_species = 0, n_radial = 0, n_basis = 0;
  double min_distance = 0, max_distance = 0, scaling = 1;
  bool repulsive = false;
  std::vector<int32_t> radial_order, degree;  // [K]
  // f_s(r) = (r - r_max)^2 sum_xi value[a][b][s][xi] T_xi(x), and
  // f_s'(r) = (r - r_max)^2 sum_xi slope[a][b][s][xi] T_xi(x) + 2 (r - r_max) sum_xi value.. T_xi(x).
  std::vector<double> value, slope;  // [n_species][n_species][K][R]

  // Reduced moments of function s: [reduced_first[s], + (degree[s] + 1)^2). Within: degree d from d^2 on,
  // first x^(d-t) y^t, t = 0 .. d, then z x^(d-1-t) y^t, t = 0 .. d - 1.
  int32_t max_degree = -1;
  int32_t n_reduced = 0;
  std::vector<int32_t> reduced_first;  // [K]
  // How many functions have at least degree d: they are 0 .. functions_of_degree[d] - 1.
  std::vector<int32_t> functions_of_degree;  // [max_degree + 1]
  // The coefficients of the polynomials P (c = 0) and Z (c = 1) in the order of Horner's scheme: for a and b
  // descending, the functions of that degree. horner[k] is the reduced moment that belongs there, and
  // horner_basic[k] the basic moment that it is.
  std::vector<int32_t> horner, horner_basic;  // [n_reduced]

  // Moments: n_basic basic ones (all monomials), then stored products by depth.
  int32_t n_basic = 0, n_stored = 0;
  std::vector<int32_t> basic_of_reduced;      // [n_reduced]
  std::vector<MtpReduction> reductions;       // in order; by c
  std::vector<int32_t> reduction_level;       // offsets of equal c, n + 1
  std::vector<MtpReductionAdjoint> adjoints;  // in order; by c of the target, descending
  std::vector<int32_t> adjoint_level;         // offsets, n + 1
  std::vector<int32_t> depth_first;           // first stored moment of each depth >= 1; then n_stored
  std::vector<double> factors;                // distinct multiplicities
  std::vector<int32_t> row_first;             // [n_stored - n_basic + 1] terms of each product moment
  std::vector<MtpTerm> terms;                 // M[n_basic + row] = sum of its terms
  std::vector<int32_t> folded_first;          // terms of each folded scalar, n + 1
  std::vector<double> folded_weight;          // its coefficient, eV
  std::vector<MtpTerm> folded_terms;
  // g[k] = linear[k] + sum over uses factors[factor] g[left] M[right] + sum weight M[moment]
  std::vector<double> linear;      // [n_stored] eV; 0 for what is no scalar
  std::vector<int32_t> use_first;  // [n_stored + 1]
  std::vector<MtpTerm> uses;
  std::vector<int32_t> folded_use_first;  // [n_stored + 1]
  std::vector<MtpWeighted> folded_uses;   // moment and number of its weight
  std::vector<double> weights;            // distinct weights of folded uses
  std::vector<double> species_energy;     // [n_species] eV
  std::vector<int32_t> scalar_moment;     // [S] stored moment of the file's scalars; -1: folded

  // Floating-point operations per neighbor, and per atom beside, of energy and forces (docs, benchmarks).
  double flops_per_neighbor() const;
  double flops_per_atom() const;
};

// keep_scalars: store every scalar (their values are part of dV/d(coefficients)). Throws InputError for a
// model without coefficients or with 65,536 moments or more.
MtpTables make_mtp_tables(const MtpModel& model, bool keep_scalars);

}  // namespace grainfield
