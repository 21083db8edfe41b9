#!/usr/bin/env python3
"""Writes tests/data/shells_ase.xyz and shells_ase_pairs.csv: coordination numbers and pair counts by ASE.

A rattled, strained Fe-Cr crystal of 54 atoms in a triclinic cell smaller than the range. Distances come from
ase.neighborlist.neighbor_list, which shares no code with us. Run: python3 shells_ase.py (ASE and numpy).
"""
import os

import ase
import ase.build
import ase.io
import ase.neighborlist
import numpy as np

folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
r1, r2, reach, n_bins = 2.66, 3.45, 9.5, 95
rng = np.random.default_rng(2026)
atoms = ase.build.bulk("Fe", "bcc", a=2.855, cubic=True) * (3, 3, 3)
atoms.set_cell(atoms.cell.array @ np.array([[1.02, 0.05, 0.0], [0.0, 0.98, 0.07], [0.11, 0.0, 1.01]]),
               scale_atoms=True)
atoms.positions += rng.uniform(-0.25, 0.25, atoms.positions.shape)
atoms.symbols[rng.choice(len(atoms), 20, replace=False)] = "Cr"

i, j, d = ase.neighborlist.neighbor_list("ijd", atoms, reach)
atoms.arrays["Z1"] = np.bincount(i[d <= r1], minlength=len(atoms))
atoms.arrays["Z2"] = np.bincount(i[(d > r1) & (d <= r2)], minlength=len(atoms))
ase.io.write(os.path.join(folder, "shells_ase.xyz"), atoms, format="extxyz", write_info=False,
             columns=["symbols", "positions", "Z1", "Z2"])
# The text has 8 decimals: the numbers must be those of the text.
text = ase.io.read(os.path.join(folder, "shells_ase.xyz"))
i, j, d = ase.neighborlist.neighbor_list("ijd", text, reach)
edges = np.arange(n_bins + 1) * (reach / n_bins)
gap = np.abs(d[:, None] - np.concatenate([edges, [r1, r2]])).min()
assert gap > 1e-9, "a distance lies on a bound: choose another seed"
assert (np.bincount(i[d <= r1], minlength=len(atoms)) == atoms.arrays["Z1"]).all()
assert (np.bincount(i[(d > r1) & (d <= r2)], minlength=len(atoms)) == atoms.arrays["Z2"]).all()
symbols = np.array(text.get_chemical_symbols())
with open(os.path.join(folder, "shells_ase_pairs.csv"), "w") as out:
    out.write(f"# ordered pairs in {n_bins} bins up to {reach} A, ase {ase.__version__}: all,Cr-Cr,Fe-Fe,Cr-Fe\n")
    columns = [np.histogram(d[mask], edges)[0] for mask in (
        np.ones(len(d), bool), (symbols[i] == "Cr") & (symbols[j] == "Cr"),
        (symbols[i] == "Fe") & (symbols[j] == "Fe"), (symbols[i] == "Cr") & (symbols[j] == "Fe"))]
    for row in np.transpose(columns):
        out.write(",".join(map(str, row)) + "\n")
