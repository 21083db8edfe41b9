// Atomic energy density: the energy of an atom over its Voronoi volume.
//
// Formula  e_i = E_i / V_i.   Mean: sum_i E_i / sum_i V_i.
// Source   Mishra, Suresh, Fensin, Mathew & Kober, "Learning from metastable grain boundaries", Methods:
//          E_den = E_i / V_vor.
// In       E [atom] eV: the field energy of the analysis energy (with a potential), or a column of the input
//          (as LAMMPS and extended XYZ carry them); V [atom] A^3: the analysis voronoi, or a column.
// Out      energy_density [atom] eV/A^3; mean_energy_density eV/A^3.
// Edges    A volume that is not positive -> NaN, counted in a note. No atoms -> the mean is NaN.
// Cost     16 bytes read, 8 written per atom.
// Team     none: on the host.
// Order    atoms are independent; the mean's sums are a fixed tree (host/primitives.hpp).
// Test     tests/kernels/test_energy_density.cpp
#pragma once

#include <cmath>

#include "kernels/core/hd.hpp"

namespace grainfield {

struct AnalysisEntry;

GF_HD inline double energy_density(double energy, double volume) {
  return volume > 0 ? energy / volume : NAN;
}

AnalysisEntry energy_density_entry();

}  // namespace grainfield
