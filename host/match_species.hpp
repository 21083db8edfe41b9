// Which species of a potential the species of a snapshot are: by their elements, never by their order.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "host/frame.hpp"
#include "host/potential.hpp"

namespace grainfield {

// For every species of the snapshot the index of the potential's species of that name; a species without a
// name is known by its mass. Throws InputError, which starts with `where`, naming the first species that the
// potential does not have or that cannot be told.
std::vector<int32_t> match_species(const std::vector<Species>& species, const Potential& potential,
                                   const std::string& where);

}  // namespace grainfield
