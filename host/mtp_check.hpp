// Whether the tables of a moment tensor potential make scalars.
#pragma once

#include <cstdint>

#include "host/mtp_model.hpp"

namespace grainfield {

// Index of the first scalar that changes when the neighborhood is rotated, or -1. A wrong number in a table
// (index, power, multiplicity) is in range as a rule, but hardly ever leaves all scalars invariant. Computed
// in the whole numbers modulo the prime 2^31 - 1, where rotations with whole entries exist and nothing is
// rounded: sound tables are never refused, and a polynomial that is not invariant slips through once in 10^8
// or so. Products in order of evaluation; indices in range.
int64_t first_scalar_not_invariant(const MtpModel& model);

}  // namespace grainfield
