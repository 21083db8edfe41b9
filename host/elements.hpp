// What the engine knows of the chemical elements.
#pragma once

#include <string>
#include <string_view>

namespace grainfield {

struct Element {
  std::string_view symbol;
  int atomic_number;
  double mass;             // amu; standard atomic weight (abridged, IUPAC 2021)
  double metallic_radius;  // A, for coordination 12; NaN where the element has none
};

// The element with this symbol ("Fe", exact case), or nullptr.
const Element* find_element(std::string_view symbol);
// The element whose mass is within 0.05 amu + 0.1 % of mass (amu) and nearest to it, or nullptr.
const Element* find_element_by_mass(double mass);
const Element* find_element_by_number(int atomic_number);

}  // namespace grainfield
