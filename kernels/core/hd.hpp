// GF_HD marks a function that runs on the host and on the device; it is empty for a plain C++ compiler.
#pragma once

#if defined(__CUDACC__)
#define GF_HD __host__ __device__
#else
#define GF_HD
#endif

namespace grainfield {

// Whether the code at hand is compiled for the host: for shortcuts that cost the threads of a GPU more than
// they save.
GF_HD constexpr bool is_on_host() {
#if defined(__CUDA_ARCH__)
  return false;
#else
  return true;
#endif
}

}  // namespace grainfield
