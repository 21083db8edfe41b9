#include "host/dense.hpp"

#include <cblas.h>

#include <cmath>

#include "kernels/core/launch.hpp"
#if defined(__CUDACC__)
#include <cublas_v2.h>

#include <string>

#include "host/error.hpp"
#endif

namespace grainfield {
namespace {

struct LargestOfRow {
  const double* product;
  int64_t n;
  double* out;

  template <class Team>
  GF_HD void operator()(Team, int64_t i) const {
    double largest = 0;
    bool has_nan = false;
    for (int64_t k = 0; k < n; ++k) {
      const double value = std::fabs(product[i * n + k]);
      has_nan |= value != value;
      largest = value > largest ? value : largest;
    }
    out[i] = has_nan ? std::nan("") : largest;
  }
};

}  // namespace

void largest_of_rows(const double* rows, int64_t n_rows, int64_t n, const double* matrix, double* product,
                     double* out) {
  // The callers are parallel already.
  static const bool one_thread = (openblas_set_num_threads(1), true);
  (void)one_thread;
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

}  // namespace grainfield
