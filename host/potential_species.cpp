#include "host/potential_species.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "host/error.hpp"

namespace grainfield {

std::vector<int32_t> match_species(const std::vector<std::string>& elements,
                                   const std::vector<int32_t>& labels, const Frame& frame,
                                   const std::string& where) {
  const bool named =
      std::any_of(elements.begin(), elements.end(), [](const std::string& e) { return !e.empty(); });
  std::vector<bool> used(frame.species.size(), false);
  for (const int32_t t : frame.type) used[static_cast<size_t>(t)] = true;
  const auto n_used = std::count(used.begin(), used.end(), true);
  std::vector<int32_t> result(frame.species.size(), -1);
  for (size_t t = 0; t < frame.species.size(); ++t) {
    if (!used[t]) continue;
    const Species& s = frame.species[t];
    if (named) {
      if (s.name.empty())
        throw InputError(fmt::format(
            "{}: the snapshot names no elements, the potential does ({}); name the snapshot's with --species",
            where, fmt::join(elements, ", ")));
      const auto at = std::find(elements.begin(), elements.end(), s.name);
      if (at == elements.end())
        throw InputError(fmt::format("{}: the potential has no species {}; it has {}", where, s.name,
                                     fmt::join(elements, ", ")));
      result[t] = static_cast<int32_t>(at - elements.begin());
    } else if (elements.size() == 1 && n_used == 1) {
      result[t] = 0;
    } else if (s.name.empty()) {
      const auto at = std::find(labels.begin(), labels.end(), s.label);
      if (at == labels.end())
        throw InputError(fmt::format("{}: the potential has no species number {}; it has {}", where, s.label,
                                     fmt::join(labels, ", ")));
      result[t] = static_cast<int32_t>(at - labels.begin());
    } else {
      throw InputError(
          fmt::format("{}: the potential numbers its {} species without naming them; name them in order with "
                      "--potential-elements, "
                      "such as Fe,Ni",
                      where, elements.size()));
    }
  }
  return result;
}

}  // namespace grainfield
