// What can be said about a moment tensor potential from its tables and numbers alone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "host/mtp_model.hpp"

namespace grainfield {

// The level of a moment, 2 + 4 mu + nu for a basic one (Novikov et al., Mach. Learn.: Sci. Technol. 2, 025002
// (2021)) and the sum over its factors for a product; -1 where the products of one moment differ.
std::vector<int32_t> mtp_levels(const MtpModel& model);

struct MtpSummary {
  int32_t level = -1;                      // largest of the scalars; -1: no definite one
  std::vector<int32_t> largest_rank;       // [n_radial] largest nu among the basics of each mu
  std::vector<int64_t> products_by_depth;  // [d - 1]: products whose output is d products deep
  std::vector<int64_t> moments_by_depth;   // [d]; basics are at 0
  std::vector<int64_t> scalars_by_degree;  // [d - 1]: scalars that are products of d basics
  std::vector<double> radial_norm;         // [n_radial] sum of c^2 over pairs and xi; empty: untrained
  int64_t filled_slots = 0;                // of the active set
};

MtpSummary summarize(const MtpModel& model);

// Chemical elements of the species; all "" where the file does not tell. MLIP's format has no place for them:
// they are read from the tag ("elements: Fe Cr", which grainfield writes and MLIP ignores) or, where the type
// labels count neither from 0 nor from 1, from these as atomic numbers.
std::vector<std::string> mtp_elements(const MtpModel& model);
std::string mtp_element_tag(const std::vector<std::string>& elements);

}  // namespace grainfield
