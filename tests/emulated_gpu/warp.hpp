// The threads of one block, one warp after another, as coroutines that change places at collectives.
#pragma once

#include <cstddef>

#include "cuda_runtime.h"

namespace emulated_gpu {

// Memory for the stacks of the coroutines.
constexpr size_t stack_bytes = size_t{256} << 10, stacks_bytes = 32 * stack_bytes;
void use_stacks(void* memory);

// body(argument) once for every thread of the block. False, and *why, if lanes wait for one that has left.
bool run_block(const dim3& block, void (*body)(const void*), const void* argument, const char** why);

}  // namespace emulated_gpu
