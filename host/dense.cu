#include "host/dense.hpp"

#include <cblas.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "host/error.hpp"
#include "kernels/core/launch.hpp"
#if defined(__CUDACC__)
#include <cublas_v2.h>

#include <string>
#endif

// LAPACK, which OpenBLAS contains (Debian has no C header of it there).
extern "C" {
void dgetrf_(const int* m, const int* n, double* a, const int* lda, int* pivot, int* info);
void dgetrs_(const char* transposed, const int* n, const int* n_right, const double* a, const int* lda,
             const int* pivot, double* b, const int* ldb, int* info, size_t);
}

namespace grainfield {
namespace {

struct LargestOfRow {
  const double* product;
  int64_t n;
  double* out;

  template <class Team>
  GF_HD void operator()(Team, int64_t i) const {
    // Eight at a time; the sum is NaN where any is.
    double largest[8] = {}, sum[8] = {};
    const double* values = product + i * n;
    int64_t k = 0;
    for (; k + 8 <= n; k += 8)
      for (int l = 0; l < 8; ++l) {
        const double value = std::fabs(values[k + l]);
        largest[l] = value > largest[l] ? value : largest[l];
        sum[l] += value;
      }
    for (; k < n; ++k) {
      const double value = std::fabs(values[k]);
      largest[0] = value > largest[0] ? value : largest[0];
      sum[0] += value;
    }
    for (int l = 1; l < 8; ++l) {
      largest[0] = largest[l] > largest[0] ? largest[l] : largest[0];
      sum[0] += sum[l];
    }
    out[i] = sum[0] != sum[0] ? sum[0] : largest[0];
  }
};

// The callers are parallel already, and bits must not depend on the number of threads.
void use_one_blas_thread() {
  static const bool done = (openblas_set_num_threads(1), true);
  (void)done;
}

}  // namespace

void largest_of_rows(const double* rows, int64_t n_rows, int64_t n, const double* matrix, double* product,
                     double* out) {
  use_one_blas_thread();
  const auto m = static_cast<int>(n_rows), width = static_cast<int>(n);
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, width, width, 1.0, rows, width, matrix, width, 0.0,
              product, width);
  const LargestOfRow kernel{product, n, out};
  for (int64_t i = 0; i < n_rows; ++i) kernel(SerialTeam{}, i);
}

void largest_of_rows(const Exec& exec, const double* rows, int64_t n_rows, int64_t n, const double* matrix,
                     double* product, double* out) {
  if (!exec.on_gpu())
    return for_each_range(exec, n_rows, 64, [&](int64_t begin, int64_t end, int) {
      largest_of_rows(rows + begin * n, end - begin, n, matrix, product + begin * n, out + begin);
    });
#if defined(__CUDACC__)
  const auto check = [](cublasStatus_t status) {
    if (status != CUBLAS_STATUS_SUCCESS)
      throw ResourceError(std::string("cuBLAS failed: ") + cublasGetStatusString(status));
  };
  cublasHandle_t handle = nullptr;
  check(cublasCreate(&handle));
  check(cublasSetStream(handle, static_cast<cudaStream_t>(exec.stream)));
  const double one = 1, zero = 0;
  const auto m = static_cast<int>(n_rows), width = static_cast<int>(n);
  // In cuBLAS' columns: product^T [n][m] = matrix rows^T.
  check(cublasDgemm(handle, CUBLAS_OP_T, CUBLAS_OP_N, width, m, width, &one, matrix, width, rows, width,
                    &zero, product, width));
  for_each<1>(exec, n_rows, LargestOfRow{product, n, out});
  CUDA_CHECK(cudaStreamSynchronize(static_cast<cudaStream_t>(exec.stream)));
  check(cublasDestroy(handle));
#endif
}

void multiply_transposed(int threads, const double* rows, int64_t n_rows, int64_t n, const double* matrix,
                         double* product) {
  use_one_blas_thread();
  const auto width = static_cast<int>(n);
  parallel_chunks(threads, n_rows, 256, [&](int64_t begin, int64_t end, int) {
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, static_cast<int>(end - begin), width, width, 1.0,
                rows + begin * n, width, matrix, width, 0.0, product + begin * n, width);
  });
}

double invert_transposed(const double* matrix, int64_t n, double* inverse_transposed) {
  use_one_blas_thread();
  const auto size = static_cast<size_t>(n);
  std::vector<double> a(matrix, matrix + size * size), row_scale(size, 0.0), column_scale(size, 0.0);
  const auto singular = [] {
    return InputError("a matrix to invert is singular or not finite: expected independent rows");
  };
  const auto scale_of = [&](double largest) {
    if (!(largest > 0) || !std::isfinite(largest)) throw singular();
    return std::exp2(-std::round(std::log2(largest)));  // a power of 2 rounds nothing
  };
  for (size_t k = 0; k < size; ++k)
    for (size_t l = 0; l < size; ++l) row_scale[k] = std::max(row_scale[k], std::fabs(a[k * size + l]));
  for (double& s : row_scale) s = scale_of(s);
  for (size_t k = 0; k < size; ++k)
    for (size_t l = 0; l < size; ++l)
      column_scale[l] = std::max(column_scale[l], std::fabs(a[k * size + l] *= row_scale[k]));
  for (double& s : column_scale) s = scale_of(s);
  for (size_t k = 0; k < size; ++k)
    for (size_t l = 0; l < size; ++l) a[k * size + l] *= column_scale[l];

  // In LAPACK's columns `a` is the transpose M of the scaled R A C: M = C A^T R, A^-T = R M^-1 C.
  const auto width = static_cast<int>(n);
  int info = 0;
  std::vector<int> pivot(size);
  dgetrf_(&width, &width, a.data(), &width, pivot.data(), &info);
  if (info != 0) throw singular();
  double log_volume = 0;
  for (size_t k = 0; k < size; ++k)
    log_volume += std::log(std::fabs(a[k * size + k])) - std::log(row_scale[k]) - std::log(column_scale[k]);
  // M^T Y = 1 gives Y = M^-T, whose columns in memory are the rows of M^-1.
  std::fill_n(inverse_transposed, size * size, 0.0);
  for (size_t k = 0; k < size; ++k) inverse_transposed[k * size + k] = 1;
  dgetrs_("T", &width, &width, a.data(), &width, pivot.data(), inverse_transposed, &width, &info, 1);
  for (size_t k = 0; k < size; ++k)
    for (size_t l = 0; l < size; ++l) inverse_transposed[k * size + l] *= row_scale[k] * column_scale[l];
  if (info != 0 || !std::isfinite(log_volume)) throw singular();
  return log_volume;
}

}  // namespace grainfield
