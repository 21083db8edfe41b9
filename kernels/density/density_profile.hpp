// Grain boundaries as minima of the planar density, and what the descriptors of the source are there.
//
// Formula  rho(z) = n(z) / n_B, n(z) of planar_density.hpp.   z_GB = argmin rho(z) (Newton on the analytic
// slope).
//          rho_GB = average of rho over [z_GB - w/2, z_GB + w/2].
//          Z_GB = sum_I Z_I g1(z_GB - z_I) / sum_I g1(z_GB - z_I), all images; and, literally, the mean of
//          Z_I over the atoms with |z_I - z_GB| <= w/2.   Deficits 1 - rho_GB and (Z_B - Z_GB) / Z_B. Excess
//          volume per area of [z1, z2]: z2 - z1 - (1/n_B) integral n(z) dz; over a period that is L - N/(A
//          n_B) exactly. A minimum is a boundary if its depth (host/profile_minima.hpp) is at least `depth`
//          n_B and no lower minimum is within `separation`. Planes within 6 beta of a place with n < n_B/2 (a
//          surface, whether the cell is free or has vacuum) are not searched, and excess volumes end there.
// Source   Darvishi Kamachali & Wallis, "On the relationship and distinction between atomic density and
//          coordination number ...", eqs. 10, 15-17. The source's Z_GB is the literal mean, often over no
//          atom at all; the weighted mean, the depth and the rule for surfaces are ours
//          (docs/density-profile.md).
// In       frame; results density_beta, bulk_number_density, coordination [atom][2], bulk_coordination [2].
// Out      observables density_profile/* and gb/* (the registry lists them).
// Edges    no atom in the slab -> NaN and a count of 0; atoms within 1e-6 A of its edges -> a note. No
// boundary
//          -> arrays of length 0. Bulk unknown, or the cell not periodic in the plane -> no search, a note.
// Cost     planar_density.hpp per direction tried (one, or up to three for normal = auto), and one Gaussian
// per
//          atom within 8.5 beta of a boundary.
// Team     through planar_density.hpp.
// Order    sums over atoms in fixed pieces, in order: the number of threads changes no bit.
// Test     tests/kernels/test_density_profile.cpp
#pragma once

namespace grainfield {

struct AnalysisEntry;
AnalysisEntry density_profile_entry();

}  // namespace grainfield
