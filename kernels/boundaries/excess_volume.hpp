// Excess volume per area of grain boundary, from the box and from the Voronoi volumes.
//
// Formula  From the box: (V - N / n_B) / (n A), V = volume of the cell, n_B = bulk number density, n =
//          boundaries, A = the cell's face. Between surfaces, where a box means nothing: that of
//          density-profile (from the number of atoms between the planes 6 beta inside), divided by n.
//          From the Voronoi volumes, per boundary: (1/A) sum_I (V_I - 1/n_B) over the atoms I within
//          `distance` of the plane, an atom near two planes counting at the nearer one. With a distance
//          beyond half of that between the planes every atom counts, and the sum over the boundaries is that
//          from the box, because the volumes of all cells sum to V.
// Source   Darvishi Kamachali & Wallis, "On the relationship and distinction between atomic density and
//          coordination number ...": "excess free volumes per unit area", taken there from the simulations.
//          The two forms here are its definition at zero stress (Gibbs' excess of the volume over the crystal
//          of as many atoms).
// In       cell; density-profile (normal, planes, between surfaces its excess volume), bulk_number_density
//          A^-3; Voronoi volumes [atom] A^3 where asked for.
// Out      excess_volume/boundaries, excess_volume/box A; excess_volume/voronoi [boundary] A and its mean.
// Edges    No boundary found and no number given -> InputError. A number given (a boundary denser than the
//          bulk has no minimum) and no plane -> the box alone. Bulk density unknown -> NaN.
// Error    An error e of n_B (relative) shifts the box's value by e L / n and the Voronoi value by 2 e
//          distance.
// Cost     one pass over positions and volumes: 32 bytes per atom.
// Team     none: on the host.
// Order    sums over pieces of 2^15 atoms, pieces in order: the same bits for any number of threads.
// Test     tests/kernels/test_excess_volume.cpp
#pragma once

namespace grainfield {

struct AnalysisEntry;
AnalysisEntry excess_volume_entry();

}  // namespace grainfield
