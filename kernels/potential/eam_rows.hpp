// The passes of an embedded-atom potential on the CPU, 8 or 4 neighbors at a time (eam.hpp has the formulas).
#pragma once

#include "kernels/potential/eam.hpp"

namespace grainfield {

// The kernels for atoms begin ... end - 1, by the widest code that the CPU has and `simd` allows. Sums are
// those of the lanes, added at the end, so their last bits differ from the plain kernels'. at_face: atoms may
// have neighbors of another slab.
void eam_density_rows(Simd simd, const EamDensityKernel& kernel, int64_t begin, int64_t end);
void eam_force_rows(Simd simd, const EamForceKernel& kernel, int64_t begin, int64_t end, bool at_face);

// EamGhostKernel for ghosts begin ... end - 1, by rows that are listed for them.
void eam_ghost_rows(Simd simd, const EamGhostKernel& kernel, int64_t begin, int64_t end);

}  // namespace grainfield
