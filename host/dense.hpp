// Products of dense matrices: OpenBLAS on the host, cuBLAS on the device.
#pragma once

#include <cstdint>

#include "kernels/core/exec.hpp"

namespace grainfield {

// out[i] = max_k |sum_l rows[i][l] matrix[k][l]|, i < n_rows; rows [n_rows][n], matrix [n][n], row by row.
// product: scratch [n_rows][n]. NaN where the row has one. On the calling thread of the host.
void largest_of_rows(const double* rows, int64_t n_rows, int64_t n, const double* matrix, double* product,
                     double* out);
// The same with everything in the memory of exec's processor.
void largest_of_rows(const Exec& exec, const double* rows, int64_t n_rows, int64_t n, const double* matrix,
                     double* product, double* out);

}  // namespace grainfield
