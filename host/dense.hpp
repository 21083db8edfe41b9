// Products of dense matrices: OpenBLAS on the host (host/openblas.hpp), cuBLAS on the device.
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

// product = rows matrix^T on the host: rows, product [n_rows][n], matrix [n][n]. The same bits for any number
// of threads.
void multiply_transposed(int threads, const double* rows, int64_t n_rows, int64_t n, const double* matrix,
                         double* product);

// inverse_transposed = A^-T of matrix = A [n][n], by an LU decomposition of A with its rows and columns
// scaled to alike sizes; returns log |det A|. Throws InputError where A is singular.
double invert_transposed(const double* matrix, int64_t n, double* inverse_transposed);

}  // namespace grainfield
