// What a potential yields, as analyses: energy, force, virial, stress, grade.
//
// All of them share one evaluation per slab (host/potential_pass.hpp); formulas and kernels are in
// kernels/potential/.
#pragma once

#include "host/registry.hpp"

namespace grainfield {

AnalysisEntry energy_entry();
AnalysisEntry force_entry();
AnalysisEntry virial_entry();
AnalysisEntry stress_entry();
AnalysisEntry grade_entry();

// 1 eV/A^3 in GPa (CODATA 2018: e = 1.602176634e-19 C).
constexpr double gpa_per_ev_per_cubic_angstrom = 160.2176634;

}  // namespace grainfield
