// Small files of embedded-atom potentials, as text.
#pragma once

#include <fmt/format.h>

#include <string>

#include "host/eam_model.hpp"

namespace grainfield::test {

inline std::string table_text(const double* f, int32_t n, int per_line = 5) {
  std::string text;
  for (int32_t k = 0; k < n; ++k)
    text += fmt::format("{:.17g}{}", f[k], k % per_line == per_line - 1 || k == n - 1 ? "\n" : " ");
  return text;
}

// The model as a setfl file of its kind.
inline std::string setfl_text(const EamModel& m) {
  std::string text = "DATE: 2026-01-01 UNITS: metal\n# made of formulas\n\n" + std::to_string(m.n_species());
  for (const std::string& e : m.elements) text += " " + e;
  text += fmt::format("\n{} {:.17g} {} {:.17g} {:.17g}\n", m.n_rho, m.d_rho, m.n_r, m.d_r, m.cutoff);
  const int32_t n = m.n_species();
  for (int32_t a = 0; a < n; ++a) {
    text += fmt::format("26 {:.17g} 2.855 bcc\n", m.masses[static_cast<size_t>(a)]);
    text += table_text(m.embedding.data() + a * m.n_rho, m.n_rho);
    for (int32_t b = 0; b < (m.kind == EamKind::fs ? n : 1); ++b)
      text += table_text(m.density.data() + (a * n + b) * m.n_r, m.n_r);
  }
  for (int32_t a = 0; a < n; ++a)
    for (int32_t b = 0; b <= a; ++b)
      text += table_text(m.pair.data() + EamModel::pair_index(a, b) * m.n_r, m.n_r);
  return text;
}

// A funcfl file of nickel with 7 nodes.
inline std::string funcfl_text() {
  return "Ni functions\n28 58.71 3.52 FCC\n7 0.5 7 0.8 4.8\n0 -1 -1.5 -1.9 -2.2\n-2.4 -2.5\n"
         "8 6 4 2 1\n0.5 0\n1 0.8 0.6 0.4 0.2\n0.1 0\n";
}

}  // namespace grainfield::test
