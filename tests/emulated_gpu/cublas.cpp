// cublasDgemm of the emulated GPU.
#include "cublas_v2.h"

struct cublasContext {
  cudaStream_t stream = nullptr;
};

extern "C" {

cublasStatus_t cublasCreate_v2(cublasHandle_t* handle) {
  *handle = new cublasContext;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetStream_v2(cublasHandle_t handle, cudaStream_t stream) {
  handle->stream = stream;
  return CUBLAS_STATUS_SUCCESS;
}

// c [m][n] = alpha op(a) op(b) + beta c, all by columns.
cublasStatus_t cublasDgemm_v2(cublasHandle_t handle, cublasOperation_t op_a, cublasOperation_t op_b, int m,
                              int n, int k, const double* alpha, const double* a, int lda, const double* b,
                              int ldb, const double* beta, double* c, int ldc) {
  cudaLaunchConfig_t config;
  config.stream = handle->stream;
  const auto multiply = [=, alpha = *alpha, beta = *beta] {
    const auto at = [](const double* matrix, int ld, cublasOperation_t op, int row, int column) {
      return op == CUBLAS_OP_N ? matrix[row + static_cast<long>(column) * ld]
                               : matrix[column + static_cast<long>(row) * ld];
    };
    for (int j = 0; j < n; ++j)
      for (int i = 0; i < m; ++i) {
        double sum = 0;
        for (int l = 0; l < k; ++l) sum += at(a, lda, op_a, i, l) * at(b, ldb, op_b, l, j);
        double& target = c[i + static_cast<long>(j) * ldc];
        target = alpha * sum + (beta == 0 ? 0 : beta * target);
      }
  };
  return emulated_gpu::launch(config, nullptr, multiply, "cublasDgemm") == cudaSuccess
             ? CUBLAS_STATUS_SUCCESS
             : CUBLAS_STATUS_EXECUTION_FAILED;
}

const char* cublasGetStatusString(cublasStatus_t status) {
  return status == CUBLAS_STATUS_SUCCESS ? "success" : "failed";
}

}  // extern "C"
