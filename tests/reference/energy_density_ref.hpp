// Obvious reference of the energy density.
#pragma once

#include <cstddef>
#include <vector>

namespace grainfield::reference {

inline std::vector<double> energy_densities(const std::vector<double>& energy,
                                            const std::vector<double>& volume) {
  std::vector<double> e;
  for (std::size_t i = 0; i < energy.size(); ++i) e.push_back(energy[i] / volume[i]);
  return e;
}

}  // namespace grainfield::reference
