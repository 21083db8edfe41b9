// Files of embedded-atom potentials: DYNAMO funcfl (one element) and setfl (eam/alloy, eam/fs), as LAMMPS
// reads them; units metal. Plain or compressed.
// Formats: documentation of LAMMPS, pair_style eam.
#pragma once

#include <string>

#include "host/eam_model.hpp"

namespace grainfield {

// funcfl or setfl is found by the content; alloy or fs too, for two and more elements (for one they are the
// same). Throws InputError with file, line, expected and found, also where the name promises another kind.
//
// A funcfl table is put on the grid that LAMMPS makes of it, so that numbers agree: LAMMPS drops the last
// node of each table, yet continues F in a straight line only from there on where the file's table ends.
EamModel read_eam(const std::string& path);

}  // namespace grainfield
