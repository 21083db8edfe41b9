#include "host/memory.hpp"

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#include "host/error.hpp"
#include "kernels/core/parallel.hpp"
#if defined(__CUDACC__)
#include "host/copy_clock.hpp"
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
    if (status != cudaErrorMemoryAllocation) CUDA_CHECK(status);  // such as a fault of an earlier kernel
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

// A few threads saturate the memory; small pieces are done sooner than threads are woken.
template <class Piece>
void in_pieces_on_host(const Exec& exec, size_t bytes, const Piece& piece) {
  if (exec.threads <= 1) return piece(0, bytes);
  parallel_chunks(std::min(exec.threads, 8), static_cast<int64_t>(bytes), 1 << 20,
                  [&](int64_t begin, int64_t end, int) {
                    piece(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
                  });
}

void copy_on_host(const Exec& exec, void* to, const void* from, size_t bytes) {
  in_pieces_on_host(exec, bytes, [&](size_t at, size_t n) {
    std::memcpy(static_cast<char*>(to) + at, static_cast<const char*>(from) + at, n);
  });
}

#if defined(__CUDACC__)
constexpr size_t large_copy = size_t{4} << 20;

// Two page-locked pieces of host memory through which large copies go: the GPU moves one while the host fills
// or empties the other. From and to ordinary memory the driver does so too, but with one thread. One for each
// thread; it may serve several GPUs in turn.
class Staging {
 public:
  Staging() = default;
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;
  ~Staging() { release(); }

  // False where no memory can be locked: the caller copies without.
  bool ready() {
    int device = 0;
    CUDA_CHECK(cudaGetDevice(&device));
    if (device_ == device) return true;
    release();
    for (int k = 0; k < 2; ++k)
      if (cudaHostAlloc(&piece_[k], bytes, cudaHostAllocDefault) != cudaSuccess ||
          cudaEventCreateWithFlags(&moved_[k], cudaEventDisableTiming) != cudaSuccess) {
        (void)cudaGetLastError();
        release();
        return false;
      }
    device_ = device;
    return true;
  }

  void to_device(const Exec& exec, char* target, const char* source, size_t n, cudaStream_t stream) {
    int k = 0;
    for (size_t at = 0; at < n; at += bytes, k ^= 1) {
      const size_t part = std::min(bytes, n - at);
      // The piece before last has left; at first there is nothing to wait for.
      if (at >= 2 * bytes) CUDA_CHECK(cudaEventSynchronize(moved_[k]));
      copy_on_host(exec, piece_[k], source + at, part);
      CUDA_CHECK(cudaMemcpyAsync(target + at, piece_[k], part, cudaMemcpyHostToDevice, stream));
      CUDA_CHECK(cudaEventRecord(moved_[k], stream));
    }
    CUDA_CHECK(cudaStreamSynchronize(stream));
  }

  void to_host(const Exec& exec, char* target, const char* source, size_t n, cudaStream_t stream) {
    const auto fetch = [&](size_t at, int k) {
      CUDA_CHECK(
          cudaMemcpyAsync(piece_[k], source + at, std::min(bytes, n - at), cudaMemcpyDeviceToHost, stream));
      CUDA_CHECK(cudaEventRecord(moved_[k], stream));
    };
    fetch(0, 0);
    int k = 0;
    for (size_t at = 0; at < n; at += bytes, k ^= 1) {
      if (at + bytes < n) fetch(at + bytes, k ^ 1);  // that piece was emptied one round ago
      CUDA_CHECK(cudaEventSynchronize(moved_[k]));
      copy_on_host(exec, target + at, piece_[k], std::min(bytes, n - at));
    }
  }

 private:
  static constexpr size_t bytes = size_t{16} << 20;

  void release() {
    for (int k = 0; k < 2; ++k) {
      if (moved_[k]) (void)cudaEventDestroy(moved_[k]);
      if (piece_[k]) (void)cudaFreeHost(piece_[k]);
      moved_[k] = nullptr;
      piece_[k] = nullptr;
    }
    device_ = -1;
  }

  int device_ = -1;  // of the events
  void* piece_[2] = {nullptr, nullptr};
  cudaEvent_t moved_[2] = {nullptr, nullptr};
};

void copy(const Exec& exec, void* target, const void* source, size_t bytes, cudaMemcpyKind kind) {
  const auto stream = static_cast<cudaStream_t>(exec.stream);
  thread_local Staging staging;
  if (bytes < large_copy || kind == cudaMemcpyDeviceToDevice) {
    CUDA_CHECK(cudaMemcpyAsync(target, source, bytes, kind, stream));
    CUDA_CHECK(cudaStreamSynchronize(stream));
    return;
  }
  CUDA_CHECK(cudaStreamSynchronize(stream));  // kernels before it are not the copy's time
  const bool in = kind == cudaMemcpyHostToDevice;
  const StageClock::Scope timed(CopyClock::of_thread(), in ? "copy in" : "copy out");
  if (!staging.ready()) {
    CUDA_CHECK(cudaMemcpyAsync(target, source, bytes, kind, stream));
    CUDA_CHECK(cudaStreamSynchronize(stream));
  } else if (in) {
    staging.to_device(exec, static_cast<char*>(target), static_cast<const char*>(source), bytes, stream);
  } else {
    staging.to_host(exec, static_cast<char*>(target), static_cast<const char*>(source), bytes, stream);
  }
}
#endif
}  // namespace

void copy_to_processor(const Exec& exec, void* target, const void* source, size_t bytes) {
  if (bytes == 0) return;
#if defined(__CUDACC__)
  if (exec.on_gpu()) return copy(exec, target, source, bytes, cudaMemcpyHostToDevice);
#endif
  copy_on_host(exec, target, source, bytes);
}

void copy_to_host(const Exec& exec, void* target, const void* source, size_t bytes) {
  if (bytes == 0) return;
#if defined(__CUDACC__)
  if (exec.on_gpu()) return copy(exec, target, source, bytes, cudaMemcpyDeviceToHost);
#endif
  copy_on_host(exec, target, source, bytes);
}

void copy_within(const Exec& exec, void* target, const void* source, size_t bytes) {
  if (bytes == 0) return;
#if defined(__CUDACC__)
  if (exec.on_gpu()) {  // no wait: what follows on the stream finds it done
    CUDA_CHECK(cudaMemcpyAsync(target, source, bytes, cudaMemcpyDeviceToDevice,
                               static_cast<cudaStream_t>(exec.stream)));
    return;
  }
#endif
  copy_on_host(exec, target, source, bytes);
}

void fill_zero(const Exec& exec, void* target, size_t bytes) {
  if (bytes == 0) return;
#if defined(__CUDACC__)
  if (exec.on_gpu()) {
    CUDA_CHECK(cudaMemsetAsync(target, 0, bytes, static_cast<cudaStream_t>(exec.stream)));
    return;
  }
#endif
  in_pieces_on_host(exec, bytes,
                    [&](size_t at, size_t n) { std::memset(static_cast<char*>(target) + at, 0, n); });
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
  int64_t available = int64_t{4} << 30;
  std::ifstream info("/proc/meminfo");
  for (std::string key, unit; info >> key;) {
    int64_t kib = 0;
    info >> kib;
    std::getline(info, unit);
    if (key == "MemAvailable:") {
      available = kib * 1024;
      break;
    }
  }
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
    int64_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const auto left = static_cast<int64_t>(std::min(limit.rlim_cur, rlim_t{1} << 62)) -
                      pages * static_cast<int64_t>(sysconf(_SC_PAGESIZE));
    available = std::clamp<int64_t>(left, 0, available);
  }
  return available;
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
