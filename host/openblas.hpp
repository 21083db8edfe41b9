// OpenBLAS, loaded when the first product needs it. Linked, it would start threads and map buffers before
// main(); where address space is short (ulimit -v) it crashes there, or tries forever.
#pragma once

#include <cstddef>

namespace grainfield {

struct OpenBlas {
  // cblas_dgemm with order, transpositions and sizes; dgetrf_ and dgetrs_ of LAPACK, which OpenBLAS contains.
  void (*gemm)(int order, int transpose_a, int transpose_b, int m, int n, int k, double alpha,
               const double* a, int lda, const double* b, int ldb, double beta, double* c, int ldc);
  void (*getrf)(const int* m, const int* n, double* a, const int* lda, int* pivot, int* info);
  void (*getrs)(const char* transposed, const int* n, const int* n_right, const double* a, const int* lda,
                const int* pivot, double* b, const int* ldb, int* info, size_t);
};

// Hold one while a function of OpenBLAS runs. Throws ResourceError where the library cannot be loaded, or
// where there is no room for the buffer that it maps for each call that runs at the same time, and keeps.
class OpenBlasCall {
 public:
  OpenBlasCall();
  ~OpenBlasCall();
  OpenBlasCall(const OpenBlasCall&) = delete;
  OpenBlasCall& operator=(const OpenBlasCall&) = delete;
  const OpenBlas* operator->() const { return &blas_; }

 private:
  const OpenBlas& blas_;
};

}  // namespace grainfield
