// An emulated GPU: the tests of the CUDA backend on a machine without one.
//
// With -DGRAINFIELD_EMULATED_GPU=ON (preset emulated) every .cu file is compiled by the C++ compiler against
// the headers in tests/emulated_gpu/include, and finds one device. It is not fast, but strict where a GPU is
// lenient:
//   - Memory of the device is not mapped in this process: the host that follows a device pointer faults.
//   - Kernels run in a child process that sees the device's memory and not the host's heap and stacks: a
//   kernel that
//     follows a host pointer faults, and so does one that leaves its arrays at their ends or uses them when
//     freed.
//   - New memory of the device is filled with not-a-numbers.
//   - Streams work as late as they may: only when something waits for them. What reads a result before that,
//   or
//     reuses page-locked memory under a copy, gets wrong bytes every time, not once in a thousand.
//   - Lanes of a warp run one after another from collective to collective, in an order that changes:
//   forgotten ones
//     among them, and lanes that leave before a collective, show.
// It knows nothing of a GPU's rounding (fused multiply-add), of its compiler, of its speed.
#pragma once

#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <type_traits>

namespace emulated_gpu {

constexpr size_t largest_value = 64;  // bytes that lanes exchange at once

// Work of the device: `invoke(closure)`, the closure being copied byte by byte. With `scratch` the host's
// memory can be used (malloc works), which algorithms need that are not our kernels.
struct Work {
  const void* closure;
  size_t bytes;
  void (*invoke)(const void* closure);
  const char* name;
  bool scratch = false;
};
cudaError_t enqueue(const cudaLaunchConfig_t& config, const void* kernel, const Work& work);
// Enqueues it, waits for it and copies what it left in the mailbox, 64 bytes that the device and the host
// see.
cudaError_t enqueue_for_result(const cudaLaunchConfig_t& config, const Work& work, void* result,
                               size_t bytes);
void* mailbox();
cudaError_t allow_shared_memory(const void* kernel, int bytes);

// All lanes of my tile of W have arrived.
void meet(unsigned W);
// *mine goes to the lane whose number differs by `mask`, whose *mine comes to *theirs.
void exchange(unsigned W, unsigned mask, const void* mine, void* theirs, size_t bytes);

template <class F>
Work work_of(const F& f, const char* name, bool scratch) {
  static_assert(std::is_trivially_destructible_v<F>);
  return {&f, sizeof f, [](const void* closure) { (*static_cast<const F*>(closure))(); }, name, scratch};
}

template <class F>
cudaError_t launch(const cudaLaunchConfig_t& config, const void* kernel, const F& f, const char* name,
                   bool scratch = false) {
  return enqueue(config, kernel, work_of(f, name, scratch));
}

template <class F>
void run_with_scratch(cudaStream_t stream, const char* name, const F& f) {
  cudaLaunchConfig_t config;
  config.stream = stream;
  const cudaError_t status = launch(config, nullptr, f, name, true);
  if (status != cudaSuccess) throw std::runtime_error(cudaGetErrorString(status));
}

// f(where its result goes)
template <class F>
void run_for_result(cudaStream_t stream, const char* name, void* result, size_t bytes, const F& f) {
  cudaLaunchConfig_t config;
  config.stream = stream;
  const auto into_mailbox = [f] { f(mailbox()); };
  const cudaError_t status = enqueue_for_result(config, work_of(into_mailbox, name, true), result, bytes);
  if (status != cudaSuccess) throw std::runtime_error(cudaGetErrorString(status));
}

}  // namespace emulated_gpu
