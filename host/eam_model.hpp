// An embedded-atom potential as a file states it: tables on even grids that start at 0.
//
//   V_i = F_a(rho_i) + 1/2 sum_j phi_ab(r_ij),   rho_i = sum_j f_ba(r_ij)        (a, b: species of i, j)
//
// Daw and Baskes, Phys. Rev. B 29, 6443 (1984); Finnis and Sinclair, Philos. Mag. A 50, 45 (1984).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace grainfield {

enum class EamKind { funcfl, alloy, fs };  // one species; f of the source alone; f of both species

struct EamModel {
  std::string name;  // of the file, without its folders
  EamKind kind = EamKind::alloy;
  std::vector<std::string> elements;
  std::vector<double> masses;  // amu
  double cutoff = 0;           // A
  int32_t n_rho = 0, n_r = 0;  // nodes: rho = k d_rho, r = k d_r
  double d_rho = 0, d_r = 0;   // d_r in A; rho in the file's own unit
  double rho_max = 0;          // beyond it F goes on in a straight line

  std::vector<double> embedding;  // F, eV [a][n_rho]
  std::vector<double> density;    // f_ab [a][b][n_r]: what an atom of species a adds at one of species b
  std::vector<double> pair;       // r phi(r), eV A [pair_index(a, b)][n_r]

  int32_t n_species() const { return static_cast<int32_t>(elements.size()); }
  static int32_t pair_index(int32_t a, int32_t b) { return a >= b ? a * (a + 1) / 2 + b : pair_index(b, a); }
};

}  // namespace grainfield
