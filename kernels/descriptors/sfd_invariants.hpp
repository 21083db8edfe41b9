// From the 35 moments of a neighborhood to its 19 strain functional descriptors.
//
// Formula  With (x, y, z) = r_j / sigma and w_j the weight of neighbor j, the moments are
//          m_abc = sum_j w_j x^a y^b z^c, a + b + c <= 4. Order n splits into traceless symmetric parts:
//            S0 = m, V1 = M1, S2 = M2_kk, D2 = M2 - delta S2/3, V3 = M3_ikk,
//            O = M3 - sym(delta V3)/5, T = M4_ijkk, S4 = T_kk, D4 = T - delta S4/3,
//            H = M4 - sym(delta T)/7 + S4 sym(delta delta)/35,
//          sym: the sum over distinct arrangements of the indices. Covariants (dev: traceless part):
//            l=2 (D = D2, D4)  q = 3/2 D:D              j = 27/2 det D
//            l=3  q = 5/2 O:O    a_ij = 25/4 dev(O_ikl O_jkl)     v_i = 5/2 O_ijk a_jk
//                 A = 3/2 a:a    V = v.v                          C = 5/2 O_ijk v_i v_j v_k
//            l=4  q = 35/8 H:H   J = 8575/144 H_ijkl H_klmn H_mnij
//                 a_ij = 49/4 dev(H_ipqr H_jpqr)                  b_ij = 35/12 H_ijkl a_kl
//                 A = 3/2 a:a    B = 3/2 a:b    C = 9/2 tr(aaa)   E = 9/2 tr(aab)
//          feature (degree 1)                                    polynomial (degree)
//            P0_I0 = S0                                            S0 (1)
//            P1_I0 = |V1|                                          V1.V1 (2)
//            P2_I0, I1, I2 = sqrt q, j/q, S2                       q (2), j (3), S2 (1)     of D2
//            P3_I0 ... I3 = sqrt q, sqrt(A/q), sqrt V/q, C/(V q^(3/2))   q, A, V, C (2, 4, 6, 10)
//            P3_I4 = |V3|                                          V3.V3 (2)
//            P4_I0 ... I2 = sqrt q, J/q, sqrt(A/q)                 q, J, A (2, 3, 4)
//            P4_I3 ... I5 = B/(q sqrt A), C/(A sqrt q), E/(A q)    B, C, E (5, 6, 7)
//            P4_I6, I7, I8 = sqrt q, j/q, S4                       q (2), j (3), S4 (1)     of D4
//          A quotient whose denominator vanishes is 0, its limit. For a single neighbor every PX_IY is w
//          rho^X.
// Source   names: Mishra et al., learning from metastable grain boundaries; moments and their coupling: Kober
//          et al., arXiv:2402.04191. Which invariants carry P3_I2, I3, P4_I1, I3 ... I5, and the
//          normalisation, are this project's choice; all 19 are polynomials in the moments' harmonic parts,
//          of the degrees above. l=3 and l=4 invariants: generators of the degrees of Smith and Bao (1997)
//          and of Boehler, Kirillov and Onat (1994).
// In       m [35], words in the order of sfd_moment_names.
// Out      19 features, 19 polynomials, in the order of sfd_names.
// Edges    no neighbor: zeros. O and H are divided by their norms first, so that a polynomial of degree 10
//          neither overflows nor underflows.
// Cost     950 operations, 10 square roots, 10 divisions.
// Order    one fixed sequence of operations.
// Error    1.4e-15 (double) and 1e-6 (single) of the order's scale: P0_I0, sqrt(P0_I0 P2_I2), P2_I2,
//          sqrt(P2_I2 P4_I8), P4_I8 for the orders 0 ... 4.
// Test     tests/kernels/test_sfd.cpp
#pragma once

#include <cmath>

#include "kernels/core/hd.hpp"

namespace grainfield {

constexpr int sfd_moments = 35;
constexpr int sfd_features = 19;

constexpr const char* sfd_moment_names[sfd_moments] = {
    "1",    "x",    "y",    "z",    "xx",   "xy",   "xz",   "yy",   "yz",   "zz",   "xxx",  "xxy",
    "xxz",  "xyy",  "xyz",  "xzz",  "yyy",  "yyz",  "yzz",  "zzz",  "xxxx", "xxxy", "xxxz", "xxyy",
    "xxyz", "xxzz", "xyyy", "xyyz", "xyzz", "xzzz", "yyyy", "yyyz", "yyzz", "yzzz", "zzzz"};
constexpr const char* sfd_names[sfd_features] = {
    "P0_I0", "P1_I0", "P2_I0", "P2_I1", "P2_I2", "P3_I0", "P3_I1", "P3_I2", "P3_I3", "P3_I4",
    "P4_I0", "P4_I1", "P4_I2", "P4_I3", "P4_I4", "P4_I5", "P4_I6", "P4_I7", "P4_I8"};

// What the formulas need of a number beyond + - * /. Another such struct runs them on many atoms at once
// (sfd_lanes.cpp).
template <class RealType>
struct OneAtom {
  using Real = RealType;   // constants
  using Value = RealType;  // numbers
  GF_HD static Value root(Value v) { return std::sqrt(v); }
  // value where test > limit, else 0.
  GF_HD static Value where_above(Value test, Real limit, Value value) {
    return test > limit ? value : Value{};
  }
};

// Below these the unit tensors of l=3 and l=4 have no l=2 or l=1 part but rounding.
template <class Real>
constexpr Real sfd_tiny = sizeof(Real) == 8 ? Real(1e-60) : Real(1e-24);
template <class Real>
constexpr Real sfd_tiny_norm_sq = sizeof(Real) == 8 ? Real(1e-120) : Real(1e-37);

// Symmetric 3 x 3 tensors as xx, yy, zz, xy, xz, yz.
template <class Value>
struct SymmetricTensor {
  Value xx, yy, zz, xy, xz, yz;
};
template <class Value>
GF_HD inline Value contract(const SymmetricTensor<Value>& s, const SymmetricTensor<Value>& t) {
  const Value off = s.xy * t.xy + s.xz * t.xz + s.yz * t.yz;
  return s.xx * t.xx + s.yy * t.yy + s.zz * t.zz + (off + off);
}

// sqrt q and j / q of a traceless tensor; q and j.
template <class Number, class Value = typename Number::Value>
GF_HD inline void sfd_rank_two(const SymmetricTensor<Value>& d, Value* feature, Value* polynomial) {
  using Real = typename Number::Real;
  const Value q = Real(1.5) * contract(d, d);
  const Value det = d.xx * (d.yy * d.zz - d.yz * d.yz) - d.xy * (d.xy * d.zz - d.yz * d.xz) +
                    d.xz * (d.xy * d.yz - d.yy * d.xz);
  const Value j = Real(13.5) * det;
  feature[0] = Number::root(q);
  feature[1] = Number::where_above(q, sfd_tiny_norm_sq<Real>, j / q);
  polynomial[0] = q;
  polynomial[1] = j;
}

template <class Number, class Value = typename Number::Value>
GF_HD inline void sfd_rank_three(const Value* m, Value* feature, Value* polynomial) {
  using Real = typename Number::Real;
  using Tensor = SymmetricTensor<Value>;
  constexpr Real third = Real(1) / 3, fifth = Real(1) / 5;
  Value xxx = m[10], xxy = m[11], xxz = m[12], xyy = m[13], xyz = m[14], xzz = m[15], yyy = m[16],
        yyz = m[17], yzz = m[18], zzz = m[19];
  const Value vx = xxx + xyy + xzz, vy = xxy + yyy + yzz, vz = xxz + yyz + zzz;
  const Value ux = fifth * vx, uy = fifth * vy, uz = fifth * vz;
  xxx = xxx - Real(3) * ux, yyy = yyy - Real(3) * uy, zzz = zzz - Real(3) * uz;
  xxy = xxy - uy, xxz = xxz - uz, xyy = xyy - ux, xzz = xzz - ux, yyz = yyz - uz, yzz = yzz - uy;
  const Value q =
      Real(2.5) * (xxx * xxx + yyy * yyy + zzz * zzz + Real(6) * (xyz * xyz) +
                   Real(3) * (xxy * xxy + xxz * xxz + xyy * xyy + xzz * xzz + yyz * yyz + yzz * yzz));
  const Value norm = Number::root(q);
  const Value scale = Number::where_above(q, sfd_tiny_norm_sq<Real>, Real(1) / norm);
  xxx = xxx * scale, yyy = yyy * scale, zzz = zzz * scale, xyz = xyz * scale;
  xxy = xxy * scale, xxz = xxz * scale, xyy = xyy * scale, xzz = xzz * scale, yyz = yyz * scale,
  yzz = yzz * scale;
  const Tensor ox{xxx, xyy, xzz, xxy, xxz, xyz}, oy{xxy, yyy, yzz, xyy, xyz, yyz},
      oz{xxz, yyz, zzz, xyz, xzz, yzz};
  const Value axx = contract(ox, ox), ayy = contract(oy, oy), azz = contract(oz, oz);
  const Value trace = third * (axx + ayy + azz);
  constexpr Real f = Real(6.25);
  const Tensor a{f * (axx - trace),    f * (ayy - trace),    f * (azz - trace),
                 f * contract(ox, oy), f * contract(ox, oz), f * contract(oy, oz)};
  const Value big_a = Real(1.5) * contract(a, a);
  const Value wx = Real(2.5) * contract(ox, a), wy = Real(2.5) * contract(oy, a),
              wz = Real(2.5) * contract(oz, a);
  const Value big_v = wx * wx + wy * wy + wz * wz;
  const Tensor ww{wx * wx, wy * wy, wz * wz, wx * wy, wx * wz, wy * wz};
  const Value big_c = Real(2.5) * (wx * contract(ox, ww) + wy * contract(oy, ww) + wz * contract(oz, ww));
  const Value gradient_sq = vx * vx + vy * vy + vz * vz;
  feature[0] = norm;
  feature[1] = norm * Number::root(big_a);
  feature[2] = norm * Number::root(big_v);
  feature[3] = norm * Number::where_above(big_v, sfd_tiny<Real>, big_c / big_v);
  feature[4] = Number::root(gradient_sq);
  const Value q_sq = q * q, q_cubed = q_sq * q;
  polynomial[0] = q;
  polynomial[1] = big_a * q_sq;
  polynomial[2] = big_v * q_cubed;
  polynomial[3] = big_c * (q_sq * q_cubed);
  polynomial[4] = gradient_sq;
}

// H as the matrix over pairs of indices xx, yy, zz, xy, xz, yz; G = R diag(1,1,1,2,2,2) R.
template <class Number, class Value = typename Number::Value>
GF_HD inline void sfd_rank_four(const Value* m, Value* feature, Value* polynomial) {
  using Real = typename Number::Real;
  using Tensor = SymmetricTensor<Value>;
  constexpr Real third = Real(1) / 3;
  Value xxxx = m[20], xxxy = m[21], xxxz = m[22], xxyy = m[23], xxyz = m[24], xxzz = m[25], xyyy = m[26],
        xyyz = m[27], xyzz = m[28], xzzz = m[29], yyyy = m[30], yyyz = m[31], yyzz = m[32], yzzz = m[33],
        zzzz = m[34];
  const Tensor t{xxxx + xxyy + xxzz, xxyy + yyyy + yyzz, xxzz + yyzz + zzzz,
                 xxxy + xyyy + xyzz, xxxz + xyyz + xzzz, xxyz + yyyz + yzzz};
  const Value s4 = t.xx + t.yy + t.zz;
  const Value mean = third * s4;
  sfd_rank_two<Number>(Tensor{t.xx - mean, t.yy - mean, t.zz - mean, t.xy, t.xz, t.yz}, feature + 6,
                       polynomial + 6);
  feature[8] = s4;
  polynomial[8] = s4;

  constexpr Real seventh = Real(1) / 7;
  const Tensor u{seventh * t.xx, seventh * t.yy, seventh * t.zz,
                 seventh * t.xy, seventh * t.xz, seventh * t.yz};
  const Value s = Real(1) / 35 * s4;
  xxxx = xxxx - Real(6) * u.xx + Real(3) * s;
  yyyy = yyyy - Real(6) * u.yy + Real(3) * s;
  zzzz = zzzz - Real(6) * u.zz + Real(3) * s;
  xxyy = xxyy - u.xx - u.yy + s, xxzz = xxzz - u.xx - u.zz + s, yyzz = yyzz - u.yy - u.zz + s;
  xxxy = xxxy - Real(3) * u.xy, xyyy = xyyy - Real(3) * u.xy, xyzz = xyzz - u.xy;
  xxxz = xxxz - Real(3) * u.xz, xzzz = xzzz - Real(3) * u.xz, xyyz = xyyz - u.xz;
  yyyz = yyyz - Real(3) * u.yz, yzzz = yzzz - Real(3) * u.yz, xxyz = xxyz - u.yz;
  const Value q =
      Real(4.375) *
      (xxxx * xxxx + yyyy * yyyy + zzzz * zzzz + Real(6) * (xxyy * xxyy + xxzz * xxzz + yyzz * yyzz) +
       Real(4) * (xxxy * xxxy + xyyy * xyyy + xxxz * xxxz + xzzz * xzzz + yyyz * yyyz + yzzz * yzzz) +
       Real(12) * (xyzz * xyzz + xyyz * xyyz + xxyz * xxyz));
  const Value norm = Number::root(q);
  const Value scale = Number::where_above(q, sfd_tiny_norm_sq<Real>, Real(1) / norm);
  xxxx = xxxx * scale, yyyy = yyyy * scale, zzzz = zzzz * scale;
  xxyy = xxyy * scale, xxzz = xxzz * scale, yyzz = yyzz * scale;
  xxxy = xxxy * scale, xyyy = xyyy * scale, xyzz = xyzz * scale;
  xxxz = xxxz * scale, xzzz = xzzz * scale, xyyz = xyyz * scale;
  yyyz = yyyz * scale, yzzz = yzzz * scale, xxyz = xxyz * scale;

  const Tensor r[6] = {{xxxx, xxyy, xxzz, xxxy, xxxz, xxyz}, {xxyy, yyyy, yyzz, xyyy, xyyz, yyyz},
                       {xxzz, yyzz, zzzz, xyzz, xzzz, yzzz}, {xxxy, xyyy, xyzz, xxyy, xxyz, xyyz},
                       {xxxz, xyyz, xzzz, xxyz, xxzz, xyzz}, {xxyz, yyyz, yzzz, xyyz, xyzz, yyzz}};
  // Each G is used for J and for a; none is kept.
  const Value g00 = contract(r[0], r[0]), g11 = contract(r[1], r[1]), g22 = contract(r[2], r[2]);
  const Value g33 = contract(r[3], r[3]), g44 = contract(r[4], r[4]), g55 = contract(r[5], r[5]);
  const Value g03 = contract(r[0], r[3]), g04 = contract(r[0], r[4]), g13 = contract(r[1], r[3]),
              g15 = contract(r[1], r[5]), g24 = contract(r[2], r[4]), g25 = contract(r[2], r[5]);
  const Value g34 = contract(r[3], r[4]), g35 = contract(r[3], r[5]), g45 = contract(r[4], r[5]);
  const Value once = g00 * r[0].xx + g11 * r[1].yy + g22 * r[2].zz;
  const Value twice =
      contract(r[0], r[1]) * r[0].yy + contract(r[0], r[2]) * r[0].zz + contract(r[1], r[2]) * r[1].zz;
  const Value four = g03 * r[0].xy + g04 * r[0].xz + contract(r[0], r[5]) * r[0].yz + g13 * r[1].xy +
                     contract(r[1], r[4]) * r[1].xz + g15 * r[1].yz + contract(r[2], r[3]) * r[2].xy +
                     g24 * r[2].xz + g25 * r[2].yz + g33 * r[3].xy + g44 * r[4].xz + g55 * r[5].yz;
  const Value eight = g34 * r[3].xz + g35 * r[3].yz + g45 * r[4].yz;
  const Value big_j = Real(8575.0 / 144) * (once + Real(2) * twice + Real(4) * four + Real(8) * eight);

  const Value axx = g00 + g33 + g44, ayy = g33 + g11 + g55, azz = g44 + g55 + g22;
  const Value trace = third * (axx + ayy + azz);
  constexpr Real f = Real(12.25), c = Real(35) / 12;
  const Tensor a{f * (axx - trace),     f * (ayy - trace),     f * (azz - trace),
                 f * (g03 + g13 + g45), f * (g04 + g35 + g24), f * (g34 + g15 + g25)};
  const Tensor b{c * contract(r[0], a), c * contract(r[1], a), c * contract(r[2], a),
                 c * contract(r[3], a), c * contract(r[4], a), c * contract(r[5], a)};
  const Tensor aa{a.xx * a.xx + a.xy * a.xy + a.xz * a.xz, a.xy * a.xy + a.yy * a.yy + a.yz * a.yz,
                  a.xz * a.xz + a.yz * a.yz + a.zz * a.zz, a.xx * a.xy + a.xy * a.yy + a.xz * a.yz,
                  a.xx * a.xz + a.xy * a.yz + a.xz * a.zz, a.xy * a.xz + a.yy * a.yz + a.yz * a.zz};
  const Value big_a = Real(1.5) * contract(a, a), big_b = Real(1.5) * contract(a, b);
  const Value big_c = Real(4.5) * contract(aa, a), big_e = Real(4.5) * contract(aa, b);
  const Value root_a = Number::root(big_a);
  constexpr Real tiny = sfd_tiny<Real>;
  feature[0] = norm;
  feature[1] = norm * big_j;
  feature[2] = norm * root_a;
  feature[3] = norm * Number::where_above(big_a, tiny, big_b / root_a);
  feature[4] = norm * Number::where_above(big_a, tiny, big_c / big_a);
  feature[5] = norm * Number::where_above(big_a, tiny, big_e / big_a);
  const Value q_sq = q * q, q_cubed = q_sq * q;
  polynomial[0] = q;
  polynomial[1] = big_j * (q * norm);
  polynomial[2] = big_a * q_sq;
  polynomial[3] = big_b * (q_sq * norm);
  polynomial[4] = big_c * q_cubed;
  polynomial[5] = big_e * (q_cubed * norm);
}

// All 19 features and polynomials of the moments m[35].
template <class Number, class Value = typename Number::Value>
GF_HD inline void sfd_invariants(const Value* m, Value* feature, Value* polynomial) {
  using Real = typename Number::Real;
  feature[0] = m[0];
  polynomial[0] = m[0];
  const Value gradient_sq = m[1] * m[1] + m[2] * m[2] + m[3] * m[3];
  feature[1] = Number::root(gradient_sq);
  polynomial[1] = gradient_sq;
  const Value s2 = m[4] + m[7] + m[9], mean = Real(1) / 3 * s2;
  sfd_rank_two<Number>(SymmetricTensor<Value>{m[4] - mean, m[7] - mean, m[9] - mean, m[5], m[6], m[8]},
                       feature + 2, polynomial + 2);
  feature[4] = s2;
  polynomial[4] = s2;
  sfd_rank_three<Number>(m, feature + 5, polynomial + 5);
  sfd_rank_four<Number>(m, feature + 10, polynomial + 10);
}

}  // namespace grainfield
