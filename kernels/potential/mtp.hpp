// Moment tensor potentials: site energies, their derivatives, and their gradient in the coefficients.
//
// Formula  V_i = e(s_i) + sum_k xi_k M_k,  where M are basic moments and their products:
//              M_(mu,a,b,c) = sum_j f_mu(r) n_x^a n_y^b n_z^c,     r = |r_ij|, n = r_ij / r, r < r_max
//              f_mu(r) = sigma (r - r_max)^2 sum_xi c[s_i][s_j][mu][xi] T_xi(x),  T_xi of Chebyshev,
//              x = (2 r - r_min - r_max) / (r_max - r_min); not clamped below r_min.
//          With g_k = dV_i/dM_k (reverse sweep) and the polynomials P_mu(n) = sum_(abc) g_(mu,a,b,c) n^abc:
//              D_ij = dV_i/dr_ij = n sum_mu f_mu'(r) P_mu + (1 - n n^T)/r sum_mu f_mu(r) grad P_mu
//              F_i += D_ij, F_j -= D_ij;   W_i = -1/2 sum_j (D_ij r_ij^T + r_ij D_ij^T)   (eV)
//          dV_i/dc[s_i][s_j][mu][xi] = sum_j P_mu(n) sigma (r - r_max)^2 T_xi(x); dV_i/de = 1;
//          dV_i/dxi_k = M_k.
//          RBChebyshev_repuls: below r_min f is frozen (f' = 0) and every pair adds
//          1e4 eV (exp(-10 (r - 1)) - exp(-10 (r_min - 1))), r in A, to V_i.
//          How the sums are arranged: host/mtp_tables.hpp.
// Source   Shapeev, Multiscale Model. Simul. 14, 1153 (2016); Novikov et al., Mach. Learn.: Sci. Technol. 2,
//          025002 (2021). Conventions of MLIP-3. The per-atom virial gives the whole of a pair to the center,
//          as LAMMPS' pair mtp does, but symmetric; its sum is the same.
// In       positions [n] A; neighbor lists of a cutoff of at least r_max; species of the potential.
// Out      energy eV, force eV/A, virial eV (xx yy zz xy xz yz), gradient [n_local][n_coefficients].
// Edges    no neighbors: V = e(s). A neighbor at r = 0: NaN. r < r_min is counted.
// Cost     per neighbor 2.9 (level 16) to 5.6 (24) kflop, per atom besides 3 flops for each entry of the
//          product tables: MtpTables::flops_per_*. Bytes: the neighbor list, and 24 per pair between the two
//          kernels (GPU) or 32 per touched atom (CPU).
// Team     32 on a GPU: lanes over neighbors, then over moments of one depth. The CPU's schedule
//          (mtp_lanes.cpp) has SIMD lanes over neighbors, then over atoms; 1.5x is surpassed many times.
// Order    neighbors by list, pairs onto atoms by list of the sender: the same bits for any thread number.
// Error    double: 1e-13 of the largest term. Mixed (float but for positions and sums over neighbors' ends):
//          tests/kernels/test_mtp.cpp prints it.
// Test     tests/kernels/test_mtp.cpp
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "host/buffer.hpp"
#include "host/mtp_tables.hpp"
#include "host/potential.hpp"
#include "kernels/core/status.hpp"
#include "kernels/core/view.hpp"

namespace grainfield {

constexpr int max_mtp_radial = 12;  // radial functions
constexpr int max_mtp_degree = 24;

// MtpTables in the memory of the processor.
struct MtpView {
  int32_t n_species, n_radial, n_basis, max_degree, n_reduced, n_basic, n_stored, n_scalars;
  int32_t n_reduction_levels, n_adjoint_levels, n_depths, n_folded;
  double min_distance, max_distance, scaling;
  bool repulsive;
  const double *value, *slope;
  const int32_t *radial_order, *degree, *reduced_first, *functions_of_degree, *horner_basic,
      *basic_of_reduced;
  const MtpReduction* reductions;
  const int32_t* reduction_level;
  const MtpReductionAdjoint* adjoints;
  const int32_t *adjoint_level, *depth_first;
  const double* factors;
  const int32_t* row_first;
  const MtpTerm* terms;
  const int32_t* folded_first;
  const double* folded_weight;
  const MtpTerm* folded_terms;
  const double* linear;
  const int32_t* use_first;
  const MtpTerm* uses;
  const int32_t* folded_use_first;
  const MtpWeighted* folded_uses;
  const double *weights, *species_energy;
  const int32_t* scalar_moment;

  // Of c[a][b][mu = 0][xi = 0] in theta.
  GF_HD int64_t pair_coefficients(int32_t a, int32_t b) const {
    return static_cast<int64_t>(a * n_species + b) * n_radial * n_basis;
  }
  GF_HD int64_t n_coefficients() const {
    return static_cast<int64_t>(n_species) * n_species * n_radial * n_basis + n_species + n_scalars;
  }
};

constexpr double mtp_repulsion_height = 1e4, mtp_repulsion_rate = 10;  // eV, 1/A

GF_HD inline double mtp_repulsion(double r, double min_distance) {
  return mtp_repulsion_height *
         (std::exp(-mtp_repulsion_rate * (r - 1)) - std::exp(-mtp_repulsion_rate * (min_distance - 1)));
}
GF_HD inline double mtp_repulsion_slope(double r) {
  return -mtp_repulsion_rate * mtp_repulsion_height * std::exp(-mtp_repulsion_rate * (r - 1));
}

// f_s(r) and f_s'(r) of the pair of species (a, b), for all s.
template <class Real>
GF_HD void mtp_radial(const MtpView& t, int32_t a, int32_t b, Real r, Real* f, Real* slope) {
  const auto r_max = static_cast<Real>(t.max_distance), r_min = static_cast<Real>(t.min_distance);
  const bool frozen = t.repulsive && r <= r_min;
  if (frozen) r = r_min;
  const Real x = (2 * r - r_min - r_max) / (r_max - r_min), d = r - r_max;
  const int64_t first = t.pair_coefficients(a, b);
  for (int32_t s = 0; s < t.n_radial; ++s) {
    const double* c = t.value + first + s * t.n_basis;
    const double* c_slope = t.slope + first + s * t.n_basis;
    Real before = 1, now = x;  // T_0, T_1
    Real sum = static_cast<Real>(c[0]), sum_slope = static_cast<Real>(c_slope[0]);
    for (int32_t xi = 1; xi < t.n_basis; ++xi) {
      sum += static_cast<Real>(c[xi]) * now;
      sum_slope += static_cast<Real>(c_slope[xi]) * now;
      const Real next = 2 * x * now - before;
      before = now, now = next;
    }
    f[s] = r < r_max ? d * d * sum : 0;
    slope[s] = r < r_max && !frozen ? d * d * sum_slope + 2 * d * sum : 0;
  }
}

// H = sum_s f_s P_s(x, y, z) as a polynomial of x, y and (linearly) z: its gradient; and sum_s f_s' P_s.
// g: dV/dM of the stored moments.
template <class Real>
GF_HD void mtp_polynomial(const MtpView& t, const Real* g, const Real* f, const Real* slope, const Real* n,
                          Real* gradient, Real* radial) {
  const Real x = n[0], y = n[1], z = n[2];
  const int32_t* at = t.horner_basic;
  Real value[2], along_x[2], along_y[2], along_r[2];
  for (int32_t c = 0; c <= 1; ++c) {
    Real p = 0, px = 0, py = 0, pr = 0;
    for (int32_t a = t.max_degree - c; a >= 0; --a) {
      Real q = 0, qy = 0, qr = 0;
      for (int32_t b = t.max_degree - c - a; b >= 0; --b) {
        const int32_t n_functions = t.functions_of_degree[a + b + c];
        Real h = 0, hr = 0;
        for (int32_t s = 0; s < n_functions; ++s) {
          const Real coefficient = g[*at++];
          h += coefficient * f[s];
          hr += coefficient * slope[s];
        }
        qy = qy * y + q;
        q = q * y + h;
        qr = qr * y + hr;
      }
      px = px * x + p;
      p = p * x + q;
      py = py * x + qy;
      pr = pr * x + qr;
    }
    value[c] = p, along_x[c] = px, along_y[c] = py, along_r[c] = pr;
  }
  gradient[0] = along_x[0] + z * along_x[1];
  gradient[1] = along_y[0] + z * along_y[1];
  gradient[2] = value[1];
  *radial = along_r[0] + z * along_r[1];
}

// Bytes of a team's scratch for teams of `lanes`.
template <class Real>
constexpr size_t mtp_scratch_bytes(int32_t n_stored, int32_t n_radial, int32_t n_basis, int32_t max_degree,
                                   int lanes) {
  const auto per_lane = static_cast<size_t>(3 + 2 * n_radial + n_basis + 2 * (max_degree + 1) + 1);
  return sizeof(Real) * (2 * static_cast<size_t>(n_stored) + per_lane * static_cast<size_t>(lanes));
}

template <class Real>
struct MtpKernel {
  BatchView batch;
  NeighborView neighbors;
  MtpView t;
  const int32_t* species;  // [types]
  int64_t first_atom;      // item 0
  double* energy;          // [n_local]; null: not wanted
  double* force;           // [n_total][3]: sum_j D_ij is added to the center; null
  double* virial;          // [n_total][6]; null
  double* pair_force;      // D_ij [pairs of the items][3]; null without force
  double* gradient;        // [items][n_coefficients]; null
  Condition* too_close;
  Real* moments;  // [items][2 n_stored] where the team's scratch is too small for them; null

  struct Pair {
    Vec3 d;
    double r, inverse;
    Real n[3];
  };
  GF_HD Pair pair(int64_t i, int64_t k) const {
    Pair p;
    p.d = batch.position(neighbors.index[k]) - batch.position(i);
    p.r = std::sqrt(norm_sq(p.d));
    p.inverse = 1 / p.r;
    for (int c = 0; c < 3; ++c) p.n[c] = static_cast<Real>(p.d[c] * p.inverse);
    return p;
  }
  GF_HD int32_t species_of(int64_t atom) const { return species[batch.type[atom]]; }

  template <class Team>
  GF_HD void operator()(Team team, int64_t item) const {
    const int64_t i = first_atom + item;
    const int32_t rank = team.rank(), size = team.size(), K = t.n_radial, R = t.n_basis, L = t.max_degree;
    auto* scratch = static_cast<Real*>(team.scratch());
    Real* M = scratch;
    if (moments)
      M = moments + item * 2 * t.n_stored;
    else
      scratch += 2 * t.n_stored;
    Real* g = M + t.n_stored;
    Real* normal = scratch;             // [size][3], of one neighbor per lane
    Real* radial = normal + 3 * size;   // [size][K]
    Real* power_x = radial + K * size;  // [size][L + 1]
    Real* power_y = power_x + (L + 1) * size;
    Real* angular = power_y + (L + 1) * size;  // [size][K] P_s
    Real* basis = angular + K * size;          // [size][R] phi_xi
    Real* kind = basis + R * size;             // [size] species
    const int32_t a = species_of(i);
    const int64_t begin = neighbors.begin(i), end = neighbors.end(i);

    for (int32_t k = rank; k < 2 * t.n_stored; k += size) M[k] = 0;
    double site_energy = 0;
    int32_t n_close = 0;
    team.sync();
    for (int64_t chunk = begin; chunk < end; chunk += size) {
      const int64_t k = chunk + rank;
      const auto n_chunk = static_cast<int32_t>(end - chunk < size ? end - chunk : size);
      if (k < end) {
        const Pair p = pair(i, k);
        Real f[max_mtp_radial], slope[max_mtp_radial];
        mtp_radial(t, a, species_of(neighbors.index[k]), static_cast<Real>(p.r), f, slope);
        for (int c = 0; c < 3; ++c) normal[3 * rank + c] = p.n[c];
        for (int32_t s = 0; s < K; ++s) radial[K * rank + s] = f[s];
        write_powers(p.n, power_x + (L + 1) * rank, power_y + (L + 1) * rank);
        if (p.r < t.min_distance) {
          ++n_close;
          if (t.repulsive) site_energy += mtp_repulsion(p.r, t.min_distance);
        }
      }
      team.sync();
      for (int32_t s = 0; s < K; ++s)
        for (int32_t q = rank; q < (t.degree[s] + 1) * (t.degree[s] + 1); q += size) {
          Real sum = 0;
          for (int32_t l = 0; l < n_chunk; ++l)
            sum +=
                radial[K * l + s] * monomial(q, normal + 3 * l, power_x + (L + 1) * l, power_y + (L + 1) * l);
          M[t.basic_of_reduced[t.reduced_first[s] + q]] += sum;
        }
      team.sync();
    }
    complete_moments(team, M);
    site_energy += sum_energy(team, M);
    site_energy = team.sum(site_energy);
    n_close = team.sum(n_close);
    if (rank == 0) {
      if (energy) energy[i] = t.species_energy[a] + site_energy;
      for (int32_t c = 0; c < n_close; ++c) record(too_close, i);
    }
    if (!force && !virial && !gradient) return;
    adjoint_moments(team, M, g);
    if (force || virial) differentiate(team, g, i, begin, end);
    if (gradient) {
      double* b = gradient + item * t.n_coefficients();
      for (int64_t k = rank; k < t.n_coefficients(); k += size) b[k] = 0;
      team.sync();
      for (int64_t chunk = begin; chunk < end; chunk += size) {
        const int64_t k = chunk + rank;
        const auto n_chunk = static_cast<int32_t>(end - chunk < size ? end - chunk : size);
        if (k < end) {
          const Pair p = pair(i, k);
          write_powers(p.n, power_x + (L + 1) * rank, power_y + (L + 1) * rank);
          write_basis(static_cast<Real>(p.r), basis + R * rank);
          kind[rank] = static_cast<Real>(species_of(neighbors.index[k]));
          for (int32_t s = 0; s < K; ++s) {
            Real sum = 0;
            for (int32_t q = 0; q < (t.degree[s] + 1) * (t.degree[s] + 1); ++q)
              sum += g[t.basic_of_reduced[t.reduced_first[s] + q]] *
                     monomial(q, p.n, power_x + (L + 1) * rank, power_y + (L + 1) * rank);
            angular[K * rank + s] = sum;
          }
        }
        team.sync();
        for (int32_t c = rank; c < t.n_species * K * R; c += size) {
          const int32_t other = c / (K * R), s = c / R % K, xi = c % R;
          double sum = 0;
          for (int32_t l = 0; l < n_chunk; ++l)
            if (kind[l] == static_cast<Real>(other))
              sum += static_cast<double>(angular[K * l + s]) * static_cast<double>(basis[R * l + xi]);
          b[t.pair_coefficients(a, other) + t.radial_order[s] * R + xi] += sum;
        }
        team.sync();
      }
      const int64_t constants = t.pair_coefficients(t.n_species, 0);
      if (rank == 0) b[constants + a] = 1;
      for (int32_t s = rank; s < t.n_scalars; s += size)
        b[constants + t.n_species + s] = static_cast<double>(M[t.scalar_moment[s]]);
    }
  }

  GF_HD void write_powers(const Real* n, Real* x, Real* y) const {
    x[0] = y[0] = 1;
    for (int32_t d = 1; d <= t.max_degree; ++d) x[d] = x[d - 1] * n[0], y[d] = y[d - 1] * n[1];
  }

  // The monomial number q of the list by degree.
  GF_HD static Real monomial(int32_t q, const Real* n, const Real* x, const Real* y) {
    int32_t d = 0;
    while ((d + 1) * (d + 1) <= q) ++d;
    const int32_t k = q - d * d;
    return k <= d ? x[d - k] * y[k] : n[2] * x[d - 1 - (k - d - 1)] * y[k - d - 1];
  }

  // phi_xi(r) = sigma (r - r_max)^2 T_xi(x)
  GF_HD void write_basis(Real r, Real* phi) const {
    const auto r_max = static_cast<Real>(t.max_distance), r_min = static_cast<Real>(t.min_distance);
    if (t.repulsive && r < r_min) r = r_min;
    const Real x = (2 * r - r_min - r_max) / (r_max - r_min), d = r - r_max;
    const Real scale = r < r_max ? static_cast<Real>(t.scaling) * d * d : 0;
    Real before = 1, now = x;
    phi[0] = scale;
    for (int32_t xi = 1; xi < t.n_basis; ++xi) {
      phi[xi] = scale * now;
      const Real next = 2 * x * now - before;
      before = now, now = next;
    }
  }

  template <class Team>
  GF_HD void complete_moments(Team team, Real* M) const {
    for (int32_t level = 0; level < t.n_reduction_levels; ++level) {
      for (int32_t k = t.reduction_level[level] + team.rank(); k < t.reduction_level[level + 1];
           k += team.size()) {
        const MtpReduction& e = t.reductions[k];
        M[e.out] = M[e.lower] - M[e.xx] - M[e.yy];
      }
      team.sync();
    }
    for (int32_t depth = 0; depth < t.n_depths; ++depth) {
      for (int32_t k = t.depth_first[depth] + team.rank(); k < t.depth_first[depth + 1]; k += team.size())
        M[k] = sum_terms(M, t.terms, t.row_first[k - t.n_basic], t.row_first[k - t.n_basic + 1]);
      team.sync();
    }
  }

  GF_HD Real sum_terms(const Real* M, const MtpTerm* terms, int32_t first, int32_t last) const {
    Real sum = 0;
    for (int32_t e = first; e < last; ++e)
      sum += static_cast<Real>(t.factors[terms[e].factor]) * M[terms[e].left] * M[terms[e].right];
    return sum;
  }

  // The member's share.
  template <class Team>
  GF_HD double sum_energy(Team team, const Real* M) const {
    double sum = 0;
    for (int32_t k = team.rank(); k < t.n_stored; k += team.size())
      sum += t.linear[k] * static_cast<double>(M[k]);
    for (int32_t k = team.rank(); k < t.n_folded; k += team.size())
      sum += t.folded_weight[k] *
             static_cast<double>(sum_terms(M, t.folded_terms, t.folded_first[k], t.folded_first[k + 1]));
    return sum;
  }

  // g = dV/dM, from the deepest moments to the basic ones, then of the reduced ones.
  template <class Team>
  GF_HD void adjoint_moments(Team team, const Real* M, Real* g) const {
    for (int32_t depth = t.n_depths; depth >= 0; --depth) {
      const int32_t first = depth > 0 ? t.depth_first[depth - 1] : 0, last = t.depth_first[depth];
      for (int32_t k = first + team.rank(); k < last; k += team.size()) {
        auto sum = static_cast<Real>(t.linear[k]);
        for (int32_t e = t.use_first[k]; e < t.use_first[k + 1]; ++e)
          sum += static_cast<Real>(t.factors[t.uses[e].factor]) * g[t.uses[e].left] * M[t.uses[e].right];
        for (int32_t e = t.folded_use_first[k]; e < t.folded_use_first[k + 1]; ++e)
          sum += static_cast<Real>(t.weights[t.folded_uses[e].weight]) * M[t.folded_uses[e].moment];
        g[k] = sum;
      }
      team.sync();
    }
    for (int32_t level = 0; level < t.n_adjoint_levels; ++level) {
      for (int32_t k = t.adjoint_level[level] + team.rank(); k < t.adjoint_level[level + 1];
           k += team.size()) {
        const MtpReductionAdjoint& e = t.adjoints[k];
        g[e.target] += (e.plus >= 0 ? g[e.plus] : Real(0)) - (e.minus_x >= 0 ? g[e.minus_x] : Real(0)) -
                       (e.minus_y >= 0 ? g[e.minus_y] : Real(0));
      }
      team.sync();
    }
  }

  template <class Team>
  GF_HD void differentiate(Team team, const Real* g, int64_t i, int64_t begin, int64_t end) const {
    const int32_t a = species_of(i);
    const int64_t pair_at = neighbors.begin(first_atom);
    double total[3] = {0, 0, 0}, w[6] = {0, 0, 0, 0, 0, 0};
    for (int64_t k = begin + team.rank(); k < end; k += team.size()) {
      const Pair p = pair(i, k);
      Real f[max_mtp_radial], slope[max_mtp_radial], gradient_n[3], along;
      mtp_radial(t, a, species_of(neighbors.index[k]), static_cast<Real>(p.r), f, slope);
      mtp_polynomial(t, g, f, slope, p.n, gradient_n, &along);
      double radial_part = static_cast<double>(along);
      if (t.repulsive && p.r < t.min_distance) radial_part += mtp_repulsion_slope(p.r);
      const Vec3 n = p.d * p.inverse;
      const Vec3 G{static_cast<double>(gradient_n[0]), static_cast<double>(gradient_n[1]),
                   static_cast<double>(gradient_n[2])};
      const Vec3 D = n * radial_part + (G - n * dot(n, G)) * p.inverse;
      if (pair_force)
        for (int c = 0; c < 3; ++c) pair_force[3 * (k - pair_at) + c] = D[c];
      for (int c = 0; c < 3; ++c) total[c] += D[c], w[c] -= D[c] * p.d[c];
      w[3] -= 0.5 * (D.x * p.d.y + D.y * p.d.x);
      w[4] -= 0.5 * (D.x * p.d.z + D.z * p.d.x);
      w[5] -= 0.5 * (D.y * p.d.z + D.z * p.d.y);
    }
    for (double& c : total) c = team.sum(c);
    for (double& c : w) c = team.sum(c);
    if (team.rank() != 0) return;
    if (force)
      for (int c = 0; c < 3; ++c) force[3 * i + c] += total[c];
    if (virial)
      for (int c = 0; c < 6; ++c) virial[6 * i + c] = w[c];
  }
};

// The tables of a potential in the memory of a processor.
class MtpTablesOnProcessor {
 public:
  MtpTablesOnProcessor(const MtpTables& tables, const Exec& exec);
  const MtpView& view() const { return view_; }

 private:
  template <class T>
  const T* put(const std::vector<T>& values) {
    const auto bytes = static_cast<int64_t>(values.size() * sizeof(T));
    Buffer<std::byte>& buffer = buffers_.emplace_back(exec_);
    buffer.upload(reinterpret_cast<const std::byte*>(values.data()), bytes, "tables of a potential");
    return reinterpret_cast<const T*>(buffer.data());
  }
  Exec exec_;
  std::vector<Buffer<std::byte>> buffers_;
  MtpView view_{};
};

enum class MtpPrecision { full, mixed };

// Throws InputError for a model that cannot be evaluated (no coefficients; too large). Mixed precision holds
// for energies, forces and virials; where gradients or grades are wanted, all is done in double.
std::unique_ptr<Potential> make_mtp_potential(const MtpModel& model, const Exec& exec,
                                              MtpPrecision precision = MtpPrecision::full);

}  // namespace grainfield
