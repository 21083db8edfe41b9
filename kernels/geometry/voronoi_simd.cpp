// The CPU's schedule of the cells that the neighbor list completes, for each instruction set.
//
// Vectors of eight doubles are cut to what the processor has when a function is compiled, before it is
// inlined; so the whole schedule is compiled for each instruction set, and not only the function that calls
// it.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "kernels/core/launch.hpp"
#include "kernels/geometry/voronoi_kernels.hpp"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define GF_VORONOI_X86
#include <immintrin.h>
#endif

// Vectors are passed between inlined functions only: the warning about how is off.
#pragma GCC diagnostic ignored "-Wpsabi"
// GCC 12 sees uninitialised values inside its own intrinsics.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

namespace grainfield {
namespace {

#define GF_VORONOI_LANES 0
namespace portable {
#include "kernels/geometry/voronoi_simd.inl"
}
#if defined(GF_VORONOI_X86)
#pragma GCC push_options
#pragma GCC target("arch=x86-64-v3")
#undef GF_VORONOI_LANES
#define GF_VORONOI_LANES 256
namespace avx2 {
#include "kernels/geometry/voronoi_simd.inl"
}
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("arch=x86-64-v4,avx512bitalg,avx512vbmi,avx512vbmi2")
#undef GF_VORONOI_LANES
#define GF_VORONOI_LANES 512
namespace avx512 {
#include "kernels/geometry/voronoi_simd.inl"
}
#pragma GCC pop_options
#endif

using Range = void (*)(const VoronoiFromList&, int64_t, int64_t);

Range best_range(Simd most) {
#if defined(GF_VORONOI_X86)
  if (most >= Simd::avx512 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512bitalg") && __builtin_cpu_supports("avx512vbmi2"))
    return avx512::build_range;
  if (most >= Simd::avx2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") &&
      __builtin_cpu_supports("fma"))
    return avx2::build_range;
#endif
  return portable::build_range;
}

}  // namespace

void voronoi_simd(const Exec& exec, const VoronoiFromList& task) {
  const Range range = best_range(exec.simd);
  for_each_range(exec, task.batch.n_local, 1024,
                 [&](int64_t begin, int64_t end, int) { range(task, begin, end); });
}

}  // namespace grainfield
