// Which species of a potential the species of a snapshot are: by their elements, never by their order.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "host/frame.hpp"
#include "host/potential.hpp"

namespace grainfield {

// result[t]: the potential's species for atoms of species[t].
//   A potential with element names: by name; a species of the snapshot without one is known by its mass,
//   else by its number where the potential has these too.
//   A potential with numbers only (an MTP file): by number, if the snapshot has numbers only too (a .cfg
//   file); and if both have but one species, those two belong together.
// used[t] = false: no atom is of that species, which may then be unknown (-1); empty: all are used.
// Throws InputError, which starts with `where`, for the first species that cannot be told.
std::vector<int32_t> match_species(const std::vector<Species>& species, const Potential& potential,
                                   const std::string& where, const std::vector<bool>& used = {});

// The species of a frame, those without atoms unused.
std::vector<int32_t> match_species(const Frame& frame, const Potential& potential, const std::string& where);

}  // namespace grainfield
