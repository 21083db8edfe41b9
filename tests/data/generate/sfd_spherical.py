#!/usr/bin/env python3
"""Writes tests/data/sfd_spherical.json: the 19 strain functional descriptors by coupled spherical harmonics.

Neighbors of a rattled triclinic crystal of 6 atoms, sums of w rho^(n-l) times solid harmonics, and their
Clebsch-Gordan products, each divided by <l1 0 l2 0|L 0>, so that one neighbor gives w rho^n. Harmonics by
recurrence in Cartesian form, coupling coefficients by sympy, 30 digits by mpmath. It shares the definition with
kernels/descriptors/sfd_invariants.hpp, and nothing else. Run: python3 sfd_spherical.py (sympy, which has mpmath).
"""
import itertools
import json
import os

import mpmath
import sympy
from mpmath import mpc, mpf, sqrt
from sympy.physics.quantum.cg import CG

mpmath.mp.dps = 30
cell = [[3.9, 0.1, -0.2], [0.4, 4.2, 0.15], [-0.3, 0.25, 4.6]]
fractional = [[0.02, 0.05, 0.01], [0.48, 0.53, 0.04], [0.51, 0.02, 0.49], [0.03, 0.47, 0.53], [0.27, 0.22, 0.31],
              [-0.71, 1.8, 0.77]]
positions = [[round(sum(f[k] * cell[k][c] for k in range(3)), 6) for c in range(3)] for f in fractional]
sigma, cutoff = 0.93, 4.7


def neighbors(i):
    found = []
    for j in range(len(positions)):
        for n in itertools.product(range(-5, 6), repeat=3):
            d = [mpf(positions[j][c]) - mpf(positions[i][c]) + sum(n[k] * mpf(cell[k][c]) for k in range(3))
                 for c in range(3)]
            r2 = sum(x * x for x in d)
            assert abs(sqrt(r2) - cutoff) > 1e-4, "an atom lies on the cutoff"
            if 0 < r2 < cutoff ** 2:
                found.append([x / mpf(sigma) for x in d])
    return found


def harmonics(u, l):
    """sqrt(4 pi / (2 l + 1)) r^l Y_lm, m = -l ... l, from their closed Cartesian form."""
    x, y, z = u
    f = mpmath.factorial
    out = []
    for m in range(-l, l + 1):
        s = mpc(0)
        for k in range(l + 1):
            if k + m < 0 or l - m - 2 * k < 0:
                continue
            s += (-(x + 1j * y) / 2) ** (k + m) * ((x - 1j * y) / 2) ** k * z ** (l - m - 2 * k) / (
                f(k + m) * f(k) * f(l - m - 2 * k))
        out.append(sqrt(f(l + m) * f(l - m)) * s)
    return out


table = {}


def couple(t, u, big_l):
    l1, l2 = (len(t) - 1) // 2, (len(u) - 1) // 2
    key = (l1, l2, big_l)
    if key not in table:
        cg = lambda m1, m2: mpf(sympy.N(CG(l1, m1, l2, m2, big_l, m1 + m2).doit(), 30))
        table[key] = [(m1 + l1, m2 + l2, m1 + m2 + big_l, cg(m1, m2) / cg(0, 0))
                      for m1 in range(-l1, l1 + 1) for m2 in range(-l2, l2 + 1) if abs(m1 + m2) <= big_l]
    out = [mpc(0)] * (2 * big_l + 1)
    for a, b, c, x in table[key]:
        out[c] += x * t[a] * u[b]
    return out


def dot(t, u):
    l = (len(t) - 1) // 2
    return sum((-1) ** m * t[m + l] * u[l - m] for m in range(-l, l + 1)).real


def descriptors(found):
    weights = [mpmath.exp(-sum(x * x for x in u) / 2) for u in found]

    def part(n, l):
        out = [mpc(0)] * (2 * l + 1)
        for u, w in zip(found, weights):
            r2 = sum(x * x for x in u)
            for m, value in enumerate(harmonics(u, l)):
                out[m] += w * r2 ** ((n - l) // 2) * value
        return out

    s = [part(n, 0)[0].real for n in (0, 2, 4)]
    v1, v3, d2, d4, o, h = part(1, 1), part(3, 1), part(2, 2), part(4, 2), part(3, 3), part(4, 4)
    rank_two = lambda d: [dot(d, d), dot(d, couple(d, d, 2))]
    a = couple(o, o, 2)
    v = couple(o, a, 1)
    third = [dot(o, o), dot(a, a), dot(v, v), dot(o, couple(v, couple(v, v, 2), 3)), dot(v3, v3)]
    a = couple(h, h, 2)
    b, aa = couple(h, a, 2), couple(a, a, 2)
    fourth = [dot(h, h), dot(h, couple(h, h, 4)), dot(a, a), dot(a, b), dot(a, aa), dot(b, aa)]
    p = [s[0], dot(v1, v1), *rank_two(d2), s[1], *third, *fourth, *rank_two(d4), s[2]]
    q3, q4 = p[5], p[10]
    f = [p[0], sqrt(p[1]), sqrt(p[2]), p[3] / p[2], p[4], sqrt(q3), sqrt(p[6] / q3), sqrt(p[7]) / q3,
         p[8] / (p[7] * q3 ** 1.5), sqrt(p[9]), sqrt(q4), p[11] / q4, sqrt(p[12] / q4), p[13] / (sqrt(p[12]) * q4),
         p[14] / (p[12] * sqrt(q4)), p[15] / (p[12] * q4), sqrt(p[16]), p[17] / p[16], p[18]]
    return [float(x) for x in p], [float(x) for x in f]


def moments(found):
    words = ["".join(w) for n in range(5) for w in itertools.combinations_with_replacement("xyz", n)]
    out = []
    for word in words:
        total = mpf(0)
        for u in found:
            term = mpmath.exp(-sum(x * x for x in u) / 2)
            for c in word:
                term *= u["xyz".index(c)]
            total += term
        out.append(float(total))
    return out


lists = [neighbors(i) for i in range(len(positions))]
both = [descriptors(found) for found in lists]
structure = {"name": "rattled, triclinic, 6 atoms", "cell": cell, "pbc": [True] * 3, "positions": positions,
             "sigma": sigma, "cutoff": cutoff, "self_weight": 0.0, "features": [f for _, f in both],
             "polynomials": [p for p, _ in both], "moments": [moments(lists[0])]}
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "sfd_spherical.json")
with open(path, "w") as out:
    json.dump({"made_by": f"tests/data/generate/sfd_spherical.py, sympy {sympy.__version__}",
               "structures": [structure]}, out, separators=(",", ":"))
    out.write("\n")
