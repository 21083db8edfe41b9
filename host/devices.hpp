// The processors of this machine, and the choice of one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernels/core/exec.hpp"

namespace grainfield {

struct DeviceInfo {
  int index = 0;  // CUDA ordinal
  std::string name;
  int64_t memory = 0;       // bytes
  int64_t free_memory = 0;  // bytes, now
  int compute_major = 0, compute_minor = 0;
  int clock_mhz = 0, memory_clock_mhz = 0;  // the highest
  std::string unusable;                     // why it cannot be used; "" if it can
};

// Why there is no GPU to be had (a build without CUDA, no driver, no device), or "" if there is at least one
// that works.
std::string why_no_gpu();
// The GPUs that the driver shows, usable or not.
std::vector<DeviceInfo> list_devices();

// The NVIDIA driver and the CUDA version that it supports, "580.65.06, CUDA 13.0"; "" without one.
std::string driver_version();

// Threads that this process may run at once.
int available_threads();

// spec: "cpu", "cuda" (the first usable GPU), "cuda:i", or "auto": the first usable GPU, else the CPU, and
// then *why says in one line why ("" in a build without CUDA). threads: of the host; 0: all available. Throws
// UsageError for any other spec or threads < 0, ResourceError if the GPU asked for cannot be used.
Exec choose_device(const std::string& spec, int threads, std::string* why = nullptr);

// A stream of exec's GPU that waits for no other; its cudaStream_t is get(). Null on the CPU.
std::shared_ptr<void> make_stream(const Exec& exec);

// Makes exec's GPU the current one of the calling thread; every thread that works with a GPU calls it once.
void use_device(const Exec& exec);

}  // namespace grainfield
