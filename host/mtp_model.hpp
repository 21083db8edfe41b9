// A moment tensor potential as a file states it. Formulas: Shapeev, Multiscale Model. Simul. 14, 1153 (2016);
// Novikov et al., Mach. Learn.: Sci. Technol. 2, 025002 (2021); names as in MLIP files.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace grainfield {

// Basic moment M_k = sum_j f_mu(r) n_x^a n_y^b n_z^c.
struct MtpBasic {
  int32_t mu = 0, a = 0, b = 0, c = 0;
  bool operator==(const MtpBasic&) const = default;
};

// M[out] += factor * M[left] * M[right].
struct MtpProduct {
  int32_t left = 0, right = 0, factor = 0, out = 0;
  bool operator==(const MtpProduct&) const = default;
};

// The active set of an extrapolation grade (MLIP-3's "#MVS_v1.1" section).
struct MtpActiveSet {
  double energy_weight = 0, force_weight = 0, stress_weight = 0, site_energy_weight = 0;
  int32_t weight_scaling = 2;
  std::vector<double> rows;                // A [n][n]: row k is the vector b of slot k
  std::vector<double> inverse_transposed;  // X = A^-T [n][n]
  std::vector<std::pair<int64_t, int64_t>>
      origin;                  // [n] (configuration, equation) of each slot; (-1, -1): empty
  std::string configurations;  // the selected configurations, .cfg text

  bool neighborhood_mode() const { return site_energy_weight != 0; }  // else configuration mode
  bool operator==(const MtpActiveSet&) const = default;
};

struct MtpModel {
  std::string name, tag;
  double scaling = 1;      // of every radial function: the product of the file's scalings
  bool repulsive = false;  // RBChebyshev_repuls
  int32_t n_species = 0;
  int32_t n_radial_basis = 0;                 // R
  int32_t n_radial = 0;                       // K = max(mu) + 1
  double min_distance = 0, max_distance = 0;  // A
  std::vector<std::string> elements;          // [n_species]; "" where unknown (the files have numbers only)
  std::vector<int32_t> type_labels;           // [n_species] the numbers that the pair labels "a-b" use
  std::vector<double> radial;                 // c[a][b][mu][xi], a = species of the center; empty: untrained
  int32_t n_moments = 0;                      // basics and products
  std::vector<MtpBasic> basics;
  std::vector<MtpProduct> products;    // in order of evaluation
  std::vector<int32_t> scalars;        // [S] moment of each scalar basis function
  std::vector<double> species_energy;  // [n_species] eV ("species_coeffs")
  std::vector<double> linear;          // [S] eV ("moment_coeffs")
  std::optional<MtpActiveSet> active_set;

  bool operator==(const MtpModel&) const = default;
  // False for a template: tables without (some of) the coefficients.
  bool trained() const { return !radial.empty() && !species_energy.empty() && !linear.empty(); }

  // Length of theta = (c, species_energy, linear), and of the vectors b_i = dV_i / dtheta.
  int64_t n_coefficients() const {
    return static_cast<int64_t>(n_species) * n_species * n_radial * n_radial_basis + n_species +
           static_cast<int64_t>(scalars.size());
  }
};

}  // namespace grainfield
