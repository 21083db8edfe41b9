#include "host/match_species.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "host/elements.hpp"
#include "host/error.hpp"
#include "host/suggest.hpp"

namespace grainfield {

std::vector<int32_t> match_species(const std::vector<Species>& species, const Potential& potential,
                                   const std::string& where) {
  const std::vector<std::string>& known = potential.elements();
  std::vector<int32_t> match;
  for (const Species& s : species) {
    std::string name = s.name;
    if (name.empty())
      if (const Element* element = find_element_by_mass(s.mass)) name = element->symbol;
    if (name.empty())
      throw InputError(
          fmt::format("{}: expected an element for type {}, found neither name nor mass; {} has {}: "
                      "name them with --species",
                      where, s.label, potential.name(), listed(known)));
    const auto found = std::find(known.begin(), known.end(), name);
    if (found == known.end())
      throw InputError(fmt::format("{}: expected species of {} ({}), found {}", where, potential.name(),
                                   listed(known), name));
    match.push_back(static_cast<int32_t>(found - known.begin()));
  }
  return match;
}

}  // namespace grainfield
