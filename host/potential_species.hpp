// Which species of a potential each species of a frame is.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "host/frame.hpp"

namespace grainfield {

// result[t]: species of the potential for atoms of frame.species[t]. Matched by element where the potential
// has element names; by number where it has `labels` only (an MTP file) and the frame has numbers only too (a
// .cfg file); a potential of one species without a name takes a frame of one species. Species of the frame
// without atoms may be unknown (-1). `where` starts the message of the InputError.
std::vector<int32_t> match_species(const std::vector<std::string>& elements,
                                   const std::vector<int32_t>& labels, const Frame& frame,
                                   const std::string& where);

}  // namespace grainfield
