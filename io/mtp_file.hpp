// Files of moment tensor potentials: .mtp of MLIP-2 and .almtp of MLIP-3, with or without an active set.
//
// Format: version 1.1.0 as in the manuals of MLIP-2 (I. Novikov et al., Mach. Learn.: Sci. Technol. 2, 025002
// (2021)) and MLIP-3 (E. Podryabinkin et al., J. Chem. Phys. 159, 084112 (2023)), text "key = value" in a
// fixed order, then optionally the active set from the first '#' of the file on, whose matrices are
// little-endian doubles:
//
//   MTP / version = 1.1.0 / [potential_name] [scaling] species_count [potential_tag] in any order /
//   radial_basis_type / [scaling] min_dist max_dist radial_basis_size in any order / radial_funcs_count /
//   radial_coeffs: "a-b" and K lines {R numbers} per ordered pair / alpha_moments_count /
//   alpha_index_basic_count / alpha_index_basic / alpha_index_times_count / alpha_index_times /
//   alpha_scalar_moments / alpha_moment_mapping / species_coeffs / moment_coeffs
//   \n#MVS_v1.1\n five weights, one per line / '#' A [n][n] X [n][n] / \n#\n n lines / #\n configurations
#pragma once

#include <string>
#include <string_view>

#include "host/mtp_model.hpp"

namespace grainfield {

struct MtpReadOptions {
  // Templates (tables without coefficients, "<<<" hints) are read too; trained() is false for them.
  bool allow_untrained = false;
};

// Largest |A X^T v - v| that an active set may have for vectors v of random signs. Sets that MLIP-3 built
// have up to 7e-6 (125 coefficients, 155 rank-one updates of X).
inline constexpr double mtp_inverse_tolerance = 1e-3;

// Throws InputError "<path>, line <n>: expected ..., found ..." for whatever is wrong in the file, also for
// tables that no evaluation could use or whose scalars change when the neighborhood is rotated. Products that
// are not in order of evaluation, or whose outputs are scattered, are sorted.
MtpModel read_mtp(const std::string& path, const MtpReadOptions& options = {});
// The same from memory; `name` stands for the path in messages.
MtpModel parse_mtp(std::string_view bytes, const std::string& name, const MtpReadOptions& options = {});

// What MLIP-3 would write: numbers with 16 digits (17 where 16 do not give the same number back).
std::string format_mtp(const MtpModel& model);
void write_mtp(const std::string& path, const MtpModel& model);

}  // namespace grainfield
