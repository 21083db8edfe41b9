#!/usr/bin/env python3
"""tests/data/mtp_levels.json: MLIP-3's templates of every level, filled with numbers, evaluated by numpy.

Usage: mtp_levels.py SHARED   (the folder with potentials/mtp_templates and reference/mtp/mtp_reference.py)

mtp_reference.py is a plain numpy evaluation, written from the formulas and checked against MLIP-3 and LAMMPS.
The coefficients are filled by a rule that tests/kernels/test_mtp.cpp repeats: the k-th number of a list is
((7919 k + 104729) mod 10007) / 10007 - 1/2. Needs numpy; made with numpy 1.24.
"""
import json
import os
import re
import sys
import tempfile

import numpy as np

shared = sys.argv[1]
sys.path.insert(0, os.path.join(shared, "reference", "mtp"))
import mtp_reference  # noqa: E402


def numbers(n, first):
    return [((7919 * k + 104729) % 10007) / 10007 - 0.5 for k in range(first, first + n)]


def braces(values):
    return "{" + ", ".join("%.17g" % v for v in values) + "}"


rng = np.random.default_rng(28)
positions = []
while len(positions) < 7:
    r = rng.uniform(0, 5.2, 3)
    if all(np.linalg.norm(r - p) > 1.9 for p in positions):
        positions.append(r)
positions = np.array(positions)
types = np.array([0, 1, 0, 0, 1, 1, 0])
species, r_min, r_max, size, scaling = 2, 1.7, 5.0, 6, 0.02

levels = {}
for level in (6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 28):
    text = open(os.path.join(shared, "potentials", "mtp_templates", "%02d.almtp" % level)).read()
    alpha = text[text.index("alpha_moments_count"):]
    alpha = re.sub(r"<<<[^\n]*", "", alpha)
    alpha = alpha[:alpha.index("}", alpha.index("alpha_moment_mapping")) + 1]
    n_radial = 1 + max(int(m) for m in re.findall(r"\{(\d+), \d+, \d+, \d+\}", alpha[:alpha.index("alpha_index_times_count")]))
    n_scalars = int(re.search(r"alpha_scalar_moments = (\d+)", alpha).group(1))
    blocks = []
    at = 0
    for a in range(species):
        for b in range(species):
            blocks.append("\t\t%d-%d" % (a, b))
            for mu in range(n_radial):
                blocks.append("\t\t\t" + braces(numbers(size, at)))
                at += size
    potential = "\n".join(
        ["MTP", "version = 1.1.0", "potential_name = level%d" % level, "scaling = %.17g" % scaling,
         "species_count = %d" % species, "potential_tag = ", "radial_basis_type = RBChebyshev",
         "\tmin_dist = %.17g" % r_min, "\tmax_dist = %.17g" % r_max, "\tradial_basis_size = %d" % size,
         "\tradial_funcs_count = %d" % n_radial, "\tradial_coeffs"] + blocks + [alpha]) + \
        "\nspecies_coeffs = " + braces(numbers(species, 5000)) + "\nmoment_coeffs = " + braces(numbers(n_scalars, 6000))
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "level.almtp")
        open(path, "w").write(potential)
        mtp = mtp_reference.MTP(path)
        result = mtp_reference.evaluate(mtp, np.eye(3) * 100, (False, False, False), positions, types, want_b=False)
    levels[str(level)] = {
        "site_energy": [float(v) for v in result["V"]],
        "force": [[float(x) for x in f] for f in result["F"]],
        "virial": [[float(x) for x in row] for row in np.asarray(result["W"]).reshape(3, 3)],
    }
    print("level %d: E = %.10g eV" % (level, sum(levels[str(level)]["site_energy"])))

json.dump({"made_by": "tests/data/generate/mtp_levels.py", "min_distance": r_min, "max_distance": r_max, "scaling": scaling,
           "radial_basis_size": size, "types": types.tolist(), "positions": positions.tolist(), "levels": levels},
          open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "mtp_levels.json"), "w"), indent=0)
