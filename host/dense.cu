#include "host/dense.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "host/error.hpp"
#include "host/openblas.hpp"
#include "kernels/core/launch.hpp"
#if defined(__CUDACC__)
#include <cublas_v2.h>
#include <dlfcn.h>

#include <map>
#include <mutex>
#include <string>
#include <utility>
#endif

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

// product = rows matrix^T: rows, product [n_rows][n], matrix [n][n], row by row.
void multiply(const double* rows, int64_t n_rows, int64_t n, const double* matrix, double* product) {
  constexpr int row_major = 101, as_it_is = 111, transposed = 112;  // of CBLAS
  const auto m = static_cast<int>(n_rows), width = static_cast<int>(n);
  const OpenBlasCall blas;
  blas->gemm(row_major, as_it_is, transposed, m, width, width, 1.0, rows, width, matrix, width, 0.0, product,
             width);
}

#if defined(__CUDACC__)
// cuBLAS, found when it is first needed: a machine without it can do all that needs none.
class Cublas {
 public:
  // product^T [n][m] = matrix rows^T, in cuBLAS' columns; on exec's stream.
  static void multiply(const Exec& exec, const double* rows, int m, int n, const double* matrix,
                       double* product) {
    static Cublas library;
    const std::lock_guard<std::mutex> lock(library.mutex_);
    cublasHandle_t& handle = library.handles_[{exec.device, exec.stream}];
    if (!handle) library.check(library.create_(&handle));
    library.check(library.set_stream_(handle, static_cast<cudaStream_t>(exec.stream)));
    const double one = 1, zero = 0;
    library.check(library.dgemm_(handle, CUBLAS_OP_T, CUBLAS_OP_N, n, m, n, &one, matrix, n, rows, n, &zero,
                                 product, n));
  }

 private:
  Cublas() {
    // As the loader finds it; else where the toolkit usually lies.
    const std::string name = "libcublas.so." + std::to_string(CUBLAS_VER_MAJOR);
    void* library = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library) library = dlopen(("/usr/local/cuda/lib64/" + name).c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library)
      throw ResourceError("extrapolation grades on a GPU need cuBLAS, but " + name +
                          " cannot be loaded: name its folder in LD_LIBRARY_PATH, or use --device cpu");
    find(library, "cublasCreate_v2", create_);
    find(library, "cublasSetStream_v2", set_stream_);
    find(library, "cublasDgemm_v2", dgemm_);
    find(library, "cublasGetStatusString", status_string_);
  }
  template <class Function>
  static void find(void* library, const char* name, Function& function) {
    function = reinterpret_cast<Function>(dlsym(library, name));
    if (!function) throw ResourceError(std::string("the cuBLAS of this machine has no ") + name);
  }
  void check(cublasStatus_t status) const {
    if (status != CUBLAS_STATUS_SUCCESS)
      throw ResourceError(std::string("cuBLAS failed: ") + status_string_(status));
  }

  decltype(&cublasCreate_v2) create_ = nullptr;
  decltype(&cublasSetStream_v2) set_stream_ = nullptr;
  decltype(&cublasDgemm_v2) dgemm_ = nullptr;
  decltype(&cublasGetStatusString) status_string_ = nullptr;
  std::mutex mutex_;
  // Of a device and a stream, whose products share the handle's scratch. Kept: making one takes longer than
  // most products.
  std::map<std::pair<int, void*>, cublasHandle_t> handles_;
};
#endif

}  // namespace

void largest_of_rows(const double* rows, int64_t n_rows, int64_t n, const double* matrix, double* product,
                     double* out) {
  multiply(rows, n_rows, n, matrix, product);
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
  Cublas::multiply(exec, rows, static_cast<int>(n_rows), static_cast<int>(n), matrix, product);
  for_each<1>(exec, n_rows, LargestOfRow{product, n, out});
#endif
}

void multiply_transposed(int threads, const double* rows, int64_t n_rows, int64_t n, const double* matrix,
                         double* product) {
  parallel_chunks(threads, n_rows, 256, [&](int64_t begin, int64_t end, int) {
    multiply(rows + begin * n, end - begin, n, matrix, product + begin * n);
  });
}

double invert_transposed(const double* matrix, int64_t n, double* inverse_transposed) {
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
  const OpenBlasCall blas;
  blas->getrf(&width, &width, a.data(), &width, pivot.data(), &info);
  if (info != 0) throw singular();
  double log_volume = 0;
  for (size_t k = 0; k < size; ++k)
    log_volume += std::log(std::fabs(a[k * size + k])) - std::log(row_scale[k]) - std::log(column_scale[k]);
  // M^T Y = 1 gives Y = M^-T, whose columns in memory are the rows of M^-1.
  std::fill_n(inverse_transposed, size * size, 0.0);
  for (size_t k = 0; k < size; ++k) inverse_transposed[k * size + k] = 1;
  blas->getrs("T", &width, &width, a.data(), &width, pivot.data(), inverse_transposed, &width, &info, 1);
  for (size_t k = 0; k < size; ++k)
    for (size_t l = 0; l < size; ++l) inverse_transposed[k * size + l] *= row_scale[k] * column_scale[l];
  if (info != 0 || !std::isfinite(log_volume)) throw singular();
  return log_volume;
}

}  // namespace grainfield
