// Where a potential given by name lies.
#pragma once

#include <string>

namespace grainfield {

// The path of the file that `name` means: `name` itself as a path; else, in this order, in the folders of the
// environment variable GRAINFIELD_POTENTIALS (separated by colons) and in /usr/share/lammps/potentials, where
// Debian's lammps-data keeps files. UsageError that lists these places, and names like it there, otherwise.
std::string find_potential(const std::string& name);

}  // namespace grainfield
