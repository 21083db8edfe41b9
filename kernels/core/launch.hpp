// Runs a kernel over items 0 .. n - 1 on the processor that Exec names. Included by launchers (.cu) only.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/core/exec.hpp"
#include "kernels/core/parallel.hpp"
#include "kernels/core/team.hpp"
#if defined(__CUDACC__)
#include "kernels/core/cuda_check.hpp"
#endif

// GF_SIMD_CLONES on a (non-template) function that does the work of a range: compiled for AVX-512, AVX2 and
// plain x86-64, chosen once at program start, with everything inlined into each. Sanitizers cannot run the
// chooser.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define GF_SIMD_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"), flatten))
#else
#define GF_SIMD_CLONES
#endif

namespace grainfield {

// Scratch of the host threads, one aligned piece each, on separate cache lines.
class HostScratch {
 public:
  HostScratch(int threads, size_t bytes) : stride_((bytes + 127) / 128 * 128) {
    if (bytes > 0)
      memory_.reset(static_cast<std::byte*>(
          ::operator new(stride_* static_cast<size_t>(threads), std::align_val_t(64))));
  }
  void* of(int worker) const {
    return memory_ ? memory_.get() + stride_ * static_cast<size_t>(worker) : nullptr;
  }

 private:
  struct Free {
    void operator()(std::byte* p) const { ::operator delete(p, std::align_val_t(64)); }
  };
  size_t stride_;
  std::unique_ptr<std::byte, Free> memory_;
};

// range(begin, end, worker) over pieces of [0, n) on the host's threads: for kernels with a SIMD schedule.
template <class Range>
void for_each_range(const Exec& exec, int64_t n, int64_t chunk, const Range& range) {
  parallel_chunks(exec.threads, n, chunk, range);
}

#if defined(__CUDACC__)
template <int W, class Kernel>
__global__ void tile_kernel(Kernel kernel, int64_t n, size_t scratch_bytes) {
  extern __shared__ __align__(16) unsigned char shared_memory[];
  const auto block = cooperative_groups::this_thread_block();
  const int tile_of_block = static_cast<int>(threadIdx.x) / W;
  const int tiles_per_block = static_cast<int>(blockDim.x) / W;
  const int64_t first = static_cast<int64_t>(blockIdx.x) * tiles_per_block + tile_of_block;
  const int64_t stride = static_cast<int64_t>(gridDim.x) * tiles_per_block;
  void* scratch =
      scratch_bytes ? shared_memory + scratch_bytes * static_cast<size_t>(tile_of_block) : nullptr;
  if constexpr (W == 1) {
    for (int64_t i = first; i < n; i += stride) kernel(SerialTeam{scratch}, i);
  } else {
    const TileTeam<W> team{cooperative_groups::tiled_partition<W>(block), scratch};
    for (int64_t i = first; i < n; i += stride) {
      kernel(team, i);
      team.sync();  // the next item may reuse the scratch
    }
  }
}
#endif

// The largest scratch of one team, in bytes.
inline size_t largest_scratch(const Exec& exec) {
#if defined(__CUDACC__)
  if (exec.on_gpu()) {
    int limit = 0;
    CUDA_CHECK(cudaDeviceGetAttribute(&limit, cudaDevAttrMaxSharedMemoryPerBlockOptin, exec.device));
    return static_cast<size_t>(limit) / 16 * 16;
  }
#endif
  (void)exec;
  return std::numeric_limits<size_t>::max();
}

// What the driver sets aside when the kernel first runs on a GPU: the local memory (arrays and spills) of as
// many threads as the device can hold. 0 on the CPU.
template <class Kernel, int W = 1>
int64_t local_memory_bytes(const Exec& exec) {
#if defined(__CUDACC__)
  if (exec.on_gpu()) {
    cudaFuncAttributes attributes{};
    int processors = 0, threads = 0;
    CUDA_CHECK(cudaFuncGetAttributes(&attributes, tile_kernel<W, Kernel>));
    CUDA_CHECK(cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, exec.device));
    CUDA_CHECK(cudaDeviceGetAttribute(&threads, cudaDevAttrMaxThreadsPerMultiProcessor, exec.device));
    return static_cast<int64_t>(attributes.localSizeBytes) * processors * threads;
  }
#endif
  (void)exec;
  return 0;
}

// kernel(team, i) for i in [0, n). W: lanes per item on a GPU (the CPU always runs teams of one).
// scratch_bytes: per team; must fit the device's shared memory per block at the chosen block size.
template <int W = 1, class Kernel>
void for_each(const Exec& exec, int64_t n, const Kernel& kernel, size_t scratch_bytes = 0,
              int64_t chunk = 256) {
  if (n <= 0) return;
  if (exec.on_gpu()) {
#if defined(__CUDACC__)
    scratch_bytes = (scratch_bytes + 15) / 16 * 16;
    int threads = 128;
    if (scratch_bytes > 0) {
      const size_t limit = largest_scratch(exec);
      while (threads > W && scratch_bytes * static_cast<size_t>(threads / W) > limit) threads /= 2;
      if (scratch_bytes * static_cast<size_t>(threads / W) > limit)
        throw ResourceError("a kernel needs " + std::to_string(scratch_bytes) +
                            " bytes of shared memory; the device has " + std::to_string(limit) +
                            " per block");
      CUDA_CHECK(cudaFuncSetAttribute(tile_kernel<W, Kernel>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                      static_cast<int>(scratch_bytes * static_cast<size_t>(threads / W))));
    }
    const int64_t per_block = threads / W;
    const int64_t blocks = std::min<int64_t>((n + per_block - 1) / per_block, 1 << 22);
    cudaLaunchConfig_t config{};
    config.gridDim = dim3(static_cast<unsigned>(blocks));
    config.blockDim = dim3(static_cast<unsigned>(threads));
    config.dynamicSmemBytes = scratch_bytes * static_cast<size_t>(per_block);
    config.stream = static_cast<cudaStream_t>(exec.stream);
    CUDA_CHECK(cudaLaunchKernelEx(&config, tile_kernel<W, Kernel>, kernel, n, scratch_bytes));
    return;
#else
    throw std::logic_error("this build has no CUDA backend");
#endif
  }
  const HostScratch scratch(exec.threads, scratch_bytes);
  parallel_chunks(exec.threads, n, chunk, [&](int64_t begin, int64_t end, int worker) {
    const SerialTeam team{scratch.of(worker)};
    for (int64_t i = begin; i < end; ++i) kernel(team, i);
  });
}

}  // namespace grainfield
