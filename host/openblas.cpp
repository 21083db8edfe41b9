#include "host/openblas.hpp"

#include <dlfcn.h>

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>

#include "host/error.hpp"
#include "host/limits.hpp"

namespace grainfield {
namespace {

constexpr const char* file_names[] = {"libopenblas.so.0", "libopenblas.so"};
constexpr size_t library_bytes = size_t{64} << 20;  // code and tables take 40 MiB
constexpr size_t buffer_bytes = size_t{132} << 20;  // of a call, or of a thread

template <class F>
void find(void* library, const char* name, F& function) {
  function = reinterpret_cast<F>(dlsym(library, name));
  if (!function)
    throw ResourceError(std::string("OpenBLAS has no function ") + name + ": expected version 0.3 or later");
}

OpenBlas load() {
  // It starts a thread for each processor, unless told not to as the command does.
  const char* told = std::getenv("OPENBLAS_NUM_THREADS");
  const size_t threads = told && told == std::string("1") ? 0 : std::thread::hardware_concurrency();
  expect_address_space(library_bytes + threads * buffer_bytes, "OpenBLAS");
  void* library = nullptr;
  std::string why;
  for (const char* name : file_names) {
    if ((library = dlopen(name, RTLD_NOW | RTLD_LOCAL))) break;
    if (why.empty()) why = dlerror();
  }
  if (!library) throw ResourceError("cannot load OpenBLAS, which extrapolation grades need: " + why);
  OpenBlas blas{};
  void (*set_threads)(int) = nullptr;
  find(library, "cblas_dgemm", blas.gemm);
  find(library, "dgetrf_", blas.getrf);
  find(library, "dgetrs_", blas.getrs);
  find(library, "openblas_set_num_threads", set_threads);
  set_threads(1);  // the callers are parallel already, and bits must not depend on the number of threads
  return blas;
}

const OpenBlas& loaded() {
  static const OpenBlas blas = load();
  return blas;
}

std::mutex mutex;
std::atomic<int> running{0};
std::atomic<int> most_running{0};  // for which there was room

}  // namespace

OpenBlasCall::OpenBlasCall() : blas_(loaded()) {
  const int mine = ++running;
  if (mine <= most_running) return;
  const std::lock_guard<std::mutex> lock(mutex);
  if (mine <= most_running) return;
  // Which of them have their buffers already is not to be known: ask for all.
  try {
    expect_address_space(static_cast<size_t>(mine) * buffer_bytes, "the buffers of OpenBLAS");
  } catch (...) {
    --running;
    throw;
  }
  most_running = mine;
}

OpenBlasCall::~OpenBlasCall() { --running; }

}  // namespace grainfield
