#include "host/ceilings.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>
#include <tuple>

#include "host/buffer.hpp"
#include "kernels/core/launch.hpp"
#if defined(__CUDACC__)
#include <nvtx3/nvToolsExt.h>
#endif

namespace grainfield {
namespace {

double host_seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

constexpr int repeats = 4;

// The host: 64 sums, enough for any latency and width.
constexpr int64_t lanes = 64, rounds = 4'000'000;

GF_SIMD_CLONES double multiply_add(double seed) {
  double sum[lanes];
  for (int64_t k = 0; k < lanes; ++k) sum[k] = seed + static_cast<double>(k);
  for (int64_t r = 0; r < rounds; ++r)
    for (int64_t k = 0; k < lanes; ++k) sum[k] = sum[k] * 0.999999 + 1e-6;
  double total = 0;
  for (const double s : sum) total += s;
  return total;
}

Ceilings measure_host(const Exec& exec) {
  constexpr int64_t n = 16 << 20, piece = 1 << 16;
  Buffer<double> from(exec, n, "the copy benchmark"), to(exec, n, "the copy benchmark");
  Buffer<double> sums(exec, exec.threads);
  std::memset(from.data(), 1, n * sizeof(double));
  double copy = 1e300, arithmetic = 1e300;
  for (int repeat = 0; repeat < repeats; ++repeat) {
    copy = std::min(copy, host_seconds([&] {
                      parallel_chunks(exec.threads, n, piece, [&](int64_t begin, int64_t end, int) {
                        std::memcpy(to.data() + begin, from.data() + begin,
                                    static_cast<size_t>(end - begin) * sizeof(double));
                      });
                    }));
    arithmetic = std::min(arithmetic, host_seconds([&] {
                            parallel_chunks(exec.threads, exec.threads, 1, [&](int64_t k, int64_t, int) {
                              // Stores that are seen keep the sums from being left out.
                              static_cast<volatile double*>(sums.data())[k] =
                                  multiply_add(static_cast<double>(k));
                            });
                          }));
  }
  return {2.0 * n * sizeof(double) / copy, 2.0 * lanes * rounds * exec.threads / arithmetic};
}

// A GPU: 8 sums per thread.
struct MultiplyAddKernel {
  static constexpr int64_t sums = 8, rounds = 4096;
  double* out;

  template <class Team>
  GF_HD void operator()(Team, int64_t i) const {
    double sum[sums];
    for (int64_t k = 0; k < sums; ++k) sum[k] = static_cast<double>(i + k);
    for (int64_t r = 0; r < rounds; ++r)
      for (int64_t k = 0; k < sums; ++k) sum[k] = sum[k] * 0.999999 + 1e-6;
    double total = 0;
    for (int64_t k = 0; k < sums; ++k) total += sum[k];
    out[i] = total;
  }
};

Ceilings measure_gpu(const Exec& exec) {
  constexpr int64_t n = 32 << 20, threads = 1 << 20;
  double copy = 1e300, arithmetic = 1e300;
  Buffer<double> from(exec, n, "the copy benchmark"), to(exec, n, "the copy benchmark");
  from.zero();
  const MultiplyAddKernel kernel{to.data()};
  for (int repeat = 0; repeat < repeats; ++repeat) {
    copy = std::min(copy, seconds_of(exec, "ceiling: copy",
                                     [&] { copy_within(exec, to.data(), from.data(), n * sizeof(double)); }));
    arithmetic = std::min(
        arithmetic, seconds_of(exec, "ceiling: multiply-add", [&] { for_each(exec, threads, kernel); }));
  }
  const double flops = 2.0 * threads * MultiplyAddKernel::sums * MultiplyAddKernel::rounds;
  return {2.0 * n * sizeof(double) / copy, flops / arithmetic};
}

}  // namespace

Ceilings ceilings(const Exec& exec) {
  static std::map<std::tuple<bool, int>, Ceilings> known;
  const std::tuple key(exec.on_gpu(), exec.on_gpu() ? exec.device : exec.threads);
  const auto found = known.find(key);
  if (found != known.end()) return found->second;
  return known.emplace(key, exec.on_gpu() ? measure_gpu(exec) : measure_host(exec)).first->second;
}

#if defined(__CUDACC__)
double seconds_of(const Exec& exec, const char* name, const std::function<void()>& work) {
  struct Range {
    explicit Range(const char* n) { nvtxRangePushA(n); }
    ~Range() { nvtxRangePop(); }
  } const range(name);
  if (!exec.on_gpu()) return host_seconds(work);
  struct Event {
    cudaEvent_t event = nullptr;
    Event() { CUDA_CHECK(cudaEventCreate(&event)); }
    ~Event() { (void)cudaEventDestroy(event); }
  } start, stop;
  const auto stream = static_cast<cudaStream_t>(exec.stream);
  float milliseconds = 0;
  CUDA_CHECK(cudaEventRecord(start.event, stream));
  work();
  CUDA_CHECK(cudaEventRecord(stop.event, stream));
  CUDA_CHECK(cudaEventSynchronize(stop.event));
  CUDA_CHECK(cudaEventElapsedTime(&milliseconds, start.event, stop.event));
  return 1e-3 * static_cast<double>(milliseconds);
}
#else
double seconds_of(const Exec&, const char*, const std::function<void()>& work) { return host_seconds(work); }
#endif

}  // namespace grainfield
