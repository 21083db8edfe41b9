#include "host/memory.hpp"

#include <sys/mman.h>
#include <sys/resource.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#include "host/error.hpp"
#if defined(__CUDACC__)
#include "kernels/core/cuda_check.hpp"
#endif

namespace grainfield {
namespace {

struct Counter {
  std::atomic<int64_t> now{0};
  std::atomic<int64_t> peak{0};
  void add(int64_t bytes) {
    const int64_t value = now.fetch_add(bytes) + bytes;
    int64_t seen = peak.load();
    while (value > seen && !peak.compare_exchange_weak(seen, value)) {
    }
  }
};

Counter& counter(Processor processor) {
  static Counter host, device;
  return processor == Processor::cpu ? host : device;
}

constexpr size_t huge_page = size_t{2} << 20;

}  // namespace

void* allocate(const Exec& exec, size_t bytes, const char* what) {
  if (bytes == 0) return nullptr;
  void* pointer = nullptr;
  if (exec.on_gpu()) {
#if defined(__CUDACC__)
    const cudaError_t status = cudaMalloc(&pointer, bytes);
    if (status != cudaSuccess) {
      (void)cudaGetLastError();
      throw ResourceError("cannot allocate " + std::to_string(bytes) + " bytes on the GPU for " + what +
                          ": " + cudaGetErrorString(status) + "; lower --memory");
    }
#else
    throw std::logic_error("this build has no CUDA backend");
#endif
  } else {
    // Large arrays in huge pages: random gathers over them miss the TLB less.
    const size_t alignment = bytes >= 4 * huge_page ? huge_page : 64;
    const size_t rounded = (bytes + alignment - 1) / alignment * alignment;
    pointer = rounded >= bytes ? std::aligned_alloc(alignment, rounded) : nullptr;
    if (!pointer)
      throw ResourceError("cannot allocate " + std::to_string(bytes) + " bytes of memory for " + what +
                          "; lower --memory");
    if (alignment == huge_page) (void)madvise(pointer, rounded, MADV_HUGEPAGE);
  }
  counter(exec.processor).add(static_cast<int64_t>(bytes));
  return pointer;
}

void deallocate(const Exec& exec, void* pointer, size_t bytes) noexcept {
  if (!pointer) return;
  counter(exec.processor).now -= static_cast<int64_t>(bytes);
  if (exec.on_gpu()) {
#if defined(__CUDACC__)
    (void)cudaFree(pointer);
#endif
  } else {
    std::free(pointer);
  }
}

namespace {
#if defined(__CUDACC__)
void copy(const Exec& exec, void* target, const void* source, size_t bytes, cudaMemcpyKind kind) {
  const auto stream = static_cast<cudaStream_t>(exec.stream);
  CUDA_CHECK(cudaMemcpyAsync(target, source, bytes, kind, stream));
  CUDA_CHECK(cudaStreamSynchronize(stream));
}
#endif
}  // namespace

void copy_to_processor(const Exec& exec, void* target, const void* source, size_t bytes) {
  if (bytes == 0) return;
#if defined(__CUDACC__)
  if (exec.on_gpu()) return copy(exec, target, source, bytes, cudaMemcpyHostToDevice);
#endif
  std::memcpy(target, source, bytes);
  (void)exec;
}

void copy_to_host(const Exec& exec, void* target, const void* source, size_t bytes) {
  if (bytes == 0) return;
#if defined(__CUDACC__)
  if (exec.on_gpu()) return copy(exec, target, source, bytes, cudaMemcpyDeviceToHost);
#endif
  std::memcpy(target, source, bytes);
  (void)exec;
}

void copy_within(const Exec& exec, void* target, const void* source, size_t bytes) {
  if (bytes == 0) return;
#if defined(__CUDACC__)
  if (exec.on_gpu()) return copy(exec, target, source, bytes, cudaMemcpyDeviceToDevice);
#endif
  std::memcpy(target, source, bytes);
  (void)exec;
}

void fill_zero(const Exec& exec, void* target, size_t bytes) {
  if (bytes == 0) return;
#if defined(__CUDACC__)
  if (exec.on_gpu()) {
    CUDA_CHECK(cudaMemsetAsync(target, 0, bytes, static_cast<cudaStream_t>(exec.stream)));
    return;
  }
#endif
  std::memset(target, 0, bytes);
  (void)exec;
}

void synchronize(const Exec& exec) {
#if defined(__CUDACC__)
  if (exec.on_gpu()) CUDA_CHECK(cudaStreamSynchronize(static_cast<cudaStream_t>(exec.stream)));
#endif
  (void)exec;
}

MemoryUse memory_use(Processor processor) {
  const Counter& c = counter(processor);
  return {c.now.load(), c.peak.load()};
}

void reset_peak_memory(Processor processor) {
  Counter& c = counter(processor);
  c.peak = c.now.load();
}

int64_t peak_resident_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<int64_t>(usage.ru_maxrss) * 1024;
}

int64_t available_host_bytes() {
  std::ifstream info("/proc/meminfo");
  for (std::string key, unit; info >> key;) {
    int64_t kib = 0;
    info >> kib;
    std::getline(info, unit);
    if (key == "MemAvailable:") return kib * 1024;
  }
  return int64_t{4} << 30;
}

int64_t available_bytes(const Exec& exec) {
#if defined(__CUDACC__)
  if (exec.on_gpu()) {
    size_t free = 0, total = 0;
    CUDA_CHECK(cudaMemGetInfo(&free, &total));
    return static_cast<int64_t>(free);
  }
#endif
  (void)exec;
  return available_host_bytes();
}

}  // namespace grainfield
