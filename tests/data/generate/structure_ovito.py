#!/usr/bin/env python3
"""Writes tests/data/structure_ovito.xyz: types of the adaptive common neighbor analysis of OVITO.

Four frames: hot bcc, hot fcc with a stacking fault between free surfaces, hot strained hcp in a triclinic cell, and
free clusters (icosahedron, cuboctahedron). Structures by ASE, types by OVITO's CommonNeighborAnalysisModifier in
its default mode, from the positions as printed. Run: python3 structure_ovito.py (ase, ovito and numpy from PyPI).
"""
import os

import ase
import ase.build
import ase.cluster
import ase.io
import numpy as np
import ovito
from ovito.io import import_file
from ovito.modifiers import CommonNeighborAnalysisModifier

path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "structure_ovito.xyz")
rng = np.random.default_rng(5)


def hot(atoms, amplitude):
    atoms.positions += amplitude * rng.normal(size=atoms.positions.shape)
    return atoms


bcc = hot(ase.build.bulk("Fe", "bcc", a=2.855, cubic=True) * (5, 5, 5), 0.17)
slab = ase.build.fcc111("Cu", (5, 5, 6), a=3.615, vacuum=6)
upper = slab.positions[:, 2] > slab.positions[:, 2].mean()  # slip by a partial: two planes of hcp
slab.positions[upper] += np.array([1, 1 / np.sqrt(3), 0]) * 3.615 / np.sqrt(2) / 2
slab = hot(slab, 0.12)
slab.pbc = [True, True, False]
hcp = ase.build.bulk("Mg", "hcp", a=3.21, c=5.21) * (5, 5, 4)
hcp.set_cell(hcp.cell.array @ np.array([[1.01, 0.03, 0], [0, 0.99, 0.02], [-0.03, 0, 1]]), scale_atoms=True)
hcp = hot(hcp, 0.15)
ball = ase.cluster.Icosahedron("Cu", 4)
cube = ase.cluster.Octahedron("Cu", 7, cutoff=3)
cube.positions += [25, 3, -4]
clusters = hot(ball + cube, 0.05)
clusters.set_cell(np.diag([60, 60, 60]))
clusters.pbc = False

frames = []
for atoms in (bcc, slab, hcp, clusters):
    atoms.positions = np.round(atoms.positions, 3)
    for key in list(atoms.arrays):
        if key not in ("numbers", "positions"):
            del atoms.arrays[key]
    atoms.info = {}
    ase.io.write("/tmp/structure_ovito.xyz", atoms, format="extxyz")
    data = import_file("/tmp/structure_ovito.xyz").compute()
    data.apply(CommonNeighborAnalysisModifier())
    types = np.array(data.particles.structure_types)
    assert len(types) == len(atoms)
    print(len(atoms), np.bincount(types, minlength=5))
    atoms.arrays["ovito_type"] = types.astype(int)
    frames.append(atoms)
with open(path, "w") as out:
    for atoms in frames:
        cell = " ".join(f"{x:.12g}" for x in atoms.cell.array.ravel())
        pbc = " ".join("T" if p else "F" for p in atoms.pbc)
        out.write(f'{len(atoms)}\nLattice="{cell}" Properties=species:S:1:pos:R:3:ovito_type:I:1 pbc="{pbc}" '
                  f'comment="tests/data/generate/structure_ovito.py, ovito {".".join(map(str, ovito.version))}, '
                  f'ase {ase.__version__}"\n')
        for s, r, t in zip(atoms.get_chemical_symbols(), atoms.positions, atoms.arrays["ovito_type"]):
            out.write(f"{s} {r[0]:.3f} {r[1]:.3f} {r[2]:.3f} {t}\n")
