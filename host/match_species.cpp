#include "host/match_species.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "host/elements.hpp"
#include "host/error.hpp"
#include "host/suggest.hpp"

namespace grainfield {
namespace {

int32_t by_number(const Species& s, const Potential& potential, const std::string& where) {
  const std::vector<int32_t> labels = potential.labels();
  if (!s.name.empty())
    throw InputError(
        fmt::format("{}: {} numbers its {} species without naming them; name them in their order with "
                    "--potential-elements, such as Fe,Ni",
                    where, potential.name(), labels.size()));
  const auto found = std::find(labels.begin(), labels.end(), s.label);
  if (found == labels.end())
    throw InputError(fmt::format("{}: expected species numbers of {} ({}), found {}", where, potential.name(),
                                 fmt::join(labels, ", "), s.label));
  return static_cast<int32_t>(found - labels.begin());
}

int32_t by_element(const Species& s, const Potential& potential, const std::string& where) {
  const std::vector<std::string>& known = potential.elements();
  std::string name = s.name;
  if (name.empty())
    if (const Element* element = find_element_by_mass(s.mass)) name = element->symbol;
  if (name.empty() && !potential.labels().empty()) return by_number(s, potential, where);
  if (name.empty())
    throw InputError(
        fmt::format("{}: expected an element for type {}, found neither name nor mass; {} has {}: "
                    "name them with --species",
                    where, s.label, potential.name(), listed(known)));
  const auto found = std::find(known.begin(), known.end(), name);
  if (found == known.end())
    throw InputError(fmt::format("{}: expected species of {} ({}), found {}", where, potential.name(),
                                 listed(known), name));
  return static_cast<int32_t>(found - known.begin());
}

}  // namespace

std::vector<int32_t> match_species(const std::vector<Species>& species, const Potential& potential,
                                   const std::string& where, const std::vector<bool>& used) {
  const std::vector<std::string>& known = potential.elements();
  const bool named = std::any_of(known.begin(), known.end(), [](const std::string& e) { return !e.empty(); });
  const auto is_used = [&](size_t t) { return used.empty() || used[t]; };
  size_t n_used = 0;
  for (size_t t = 0; t < species.size(); ++t) n_used += is_used(t) ? 1 : 0;
  std::vector<int32_t> match;
  const bool one_each = !named && n_used == 1 && potential.labels().size() == 1;
  for (size_t t = 0; t < species.size(); ++t) {
    if (!is_used(t))
      match.push_back(-1);
    else if (one_each)
      match.push_back(0);
    else
      match.push_back(named ? by_element(species[t], potential, where)
                            : by_number(species[t], potential, where));
  }
  return match;
}

std::vector<int32_t> match_species(const Frame& frame, const Potential& potential, const std::string& where) {
  std::vector<bool> used(frame.species.size(), false);
  for (const int32_t t : frame.type) used[static_cast<size_t>(t)] = true;
  return match_species(frame.species, potential, where, used);
}

}  // namespace grainfield
