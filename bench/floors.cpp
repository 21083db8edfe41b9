#include "bench/floors.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>

#include "bench/exec.hpp"
#include "host/buffer.hpp"
#include "kernels/core/launch.hpp"

namespace grainfield::bench {
namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

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

Ceilings measure(int threads) {
  Exec host;
  host.threads = threads;
  constexpr int64_t n = 16 << 20, piece = 1 << 16;
  Buffer<double> from(host, n), to(host, n);
  std::memset(from.data(), 1, n * sizeof(double));
  double copy = 1e300, arithmetic = 1e300;
  for (int repeat = 0; repeat < 4; ++repeat) {
    double start = now();
    parallel_chunks(threads, n, piece, [&](int64_t begin, int64_t end, int) {
      std::memcpy(to.data() + begin, from.data() + begin, static_cast<size_t>(end - begin) * sizeof(double));
    });
    copy = std::min(copy, now() - start);
    start = now();
    parallel_chunks(threads, threads, 1, [&](int64_t begin, int64_t, int) {
      benchmark::DoNotOptimize(multiply_add(static_cast<double>(begin)));
    });
    arithmetic = std::min(arithmetic, now() - start);
  }
  return {2.0 * n * sizeof(double) / copy, 2.0 * lanes * rounds * threads / arithmetic};
}

}  // namespace

Ceilings ceilings(int threads) {
  static std::map<int, Ceilings> known;
  const auto found = known.find(threads);
  return found != known.end() ? found->second : known.emplace(threads, measure(threads)).first->second;
}

void add_floor(benchmark::State& state, int threads, double bytes, double flops) {
  if (exec(threads).on_gpu()) return;
  const Ceilings c = ceilings(threads);
  state.counters["of_floor"] = benchmark::Counter(std::max(bytes / c.bytes_per_s, flops / c.flops_per_s),
                                                  benchmark::Counter::kIsIterationInvariantRate);
}

}  // namespace grainfield::bench
