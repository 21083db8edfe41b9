// Every CUDA call is checked: CUDA_CHECK(cudaMemcpy(...)). CUDA translation units only.
#pragma once

#include <cuda_runtime.h>

#include <string>

#include "host/error.hpp"

namespace grainfield {

inline void cuda_check(cudaError_t status, const char* call, const char* file, int line) {
  if (status == cudaSuccess) return;
  const std::string what = std::string(cudaGetErrorString(status)) + " in " + call + " (" + file + ":" +
                           std::to_string(line) + ")";
  if (status == cudaErrorMemoryAllocation)
    throw ResourceError("the GPU is out of memory: " + what + "; lower --memory");
  throw std::runtime_error("CUDA error: " + what);
}

}  // namespace grainfield

#define CUDA_CHECK(call) ::grainfield::cuda_check((call), #call, __FILE__, __LINE__)
