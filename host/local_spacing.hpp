// How far apart the atoms are where there are atoms.
#pragma once

#include "host/frame.hpp"

namespace grainfield {

// (volume per atom)^(1/3) in A, of the surroundings of a typical atom: for a crystal in vacuum that of the
// crystal, not of the box. From the occupancy of cells of about eight atoms, of which a part chosen by a hash
// is counted. Right to about 10 %; the box's own volume per atom bounds it from above.
double local_spacing(const Frame& frame);

}  // namespace grainfield
