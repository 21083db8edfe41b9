// The passes of an embedded-atom potential on the CPU, 8 or 4 neighbors at a time (eam.hpp has the formulas).
#pragma once

#include "kernels/potential/eam.hpp"

namespace grainfield {

// The kernels for atoms begin ... end - 1, none of which may have a neighbor of another slab, by the widest
// code that the CPU has and `simd` allows. Sums are those of the lanes, added at the end, so their last bits
// differ from the plain kernels'.
void eam_density_rows(Simd simd, const EamDensityKernel& kernel, int64_t begin, int64_t end);
void eam_force_rows(Simd simd, const EamForceKernel& kernel, int64_t begin, int64_t end);

}  // namespace grainfield
