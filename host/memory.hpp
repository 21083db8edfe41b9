// Memory of a processor: allocation, copies, and the count of what is in use.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/core/exec.hpp"

namespace grainfield {

// Allocates bytes (64-byte aligned) where exec runs. Throws ResourceError naming `what` and the size.
void* allocate(const Exec& exec, size_t bytes, const char* what);
void deallocate(const Exec& exec, void* pointer, size_t bytes) noexcept;

// Copies between the host and where exec runs; complete on return.
void copy_to_processor(const Exec& exec, void* target, const void* host_source, size_t bytes);
void copy_to_host(const Exec& exec, void* host_target, const void* source, size_t bytes);
void copy_within(const Exec& exec, void* target, const void* source, size_t bytes);
void fill_zero(const Exec& exec, void* target, size_t bytes);
void synchronize(const Exec& exec);

// Bytes that allocate() has handed out and not got back, now and at most since the last reset.
struct MemoryUse {
  int64_t now = 0;
  int64_t peak = 0;
};
MemoryUse memory_use(Processor processor);
void reset_peak_memory(Processor processor);

// Peak resident set of this process (bytes), from the operating system.
int64_t peak_resident_bytes();
// Physical memory of the machine that is available now (bytes).
int64_t available_host_bytes();
// Memory (bytes) that is free now where exec runs.
int64_t available_bytes(const Exec& exec);

}  // namespace grainfield
