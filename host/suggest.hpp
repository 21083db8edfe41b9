// "Did you mean ...?" for names that nobody knows.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace grainfield {

// " (did you mean 'density'?)" for the nearest candidate, by the number of letters to insert, remove or
// replace;
// "" where more than a third of the letters differ.
std::string suggestion(std::string_view name, const std::vector<std::string>& candidates);

// "a, b, c"; "none" for an empty list.
std::string listed(const std::vector<std::string>& names);

}  // namespace grainfield
