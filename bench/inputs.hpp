// Seeded systems for the benchmarks, made without the builders so that these can be measured too.
#pragma once

#include <cmath>
#include <cstdint>

#include "host/frame.hpp"

namespace grainfield::bench {

// About n atoms of bcc Fe (a = 2.855 A), periodic, each displaced by up to 0.1 A along x, y, z.
inline Frame rattled_bcc_iron(int64_t n) {
  const double a = 2.855;
  const auto cells = static_cast<int64_t>(std::lround(std::cbrt(static_cast<double>(n) / 2)));
  const double edge = a * static_cast<double>(cells);
  Frame frame;
  frame.box = Box({edge, 0, 0}, {0, edge, 0}, {0, 0, edge});
  frame.species = {{"Fe", 55.845, 1}};
  uint64_t state = 12345;
  auto random = [&] {  // splitmix64
    uint64_t z = (state += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53 - 0.5;
  };
  for (int64_t k = 0; k < cells; ++k)
    for (int64_t j = 0; j < cells; ++j)
      for (int64_t i = 0; i < cells; ++i)
        for (int basis = 0; basis < 2; ++basis) {
          const double h = 0.5 * basis;
          frame.position.push_back({a * (static_cast<double>(i) + h) + 0.2 * random(),
                                    a * (static_cast<double>(j) + h) + 0.2 * random(),
                                    a * (static_cast<double>(k) + h) + 0.2 * random()});
          frame.type.push_back(0);
        }
  return frame;
}

}  // namespace grainfield::bench
