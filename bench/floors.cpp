#include "bench/floors.hpp"

#include <algorithm>

#include "bench/exec.hpp"
#include "host/ceilings.hpp"

namespace grainfield::bench {

void add_floor(benchmark::State& state, int threads, const KernelCost& cost) {
  const Exec processor = exec(threads);
  if (processor.on_gpu()) return;
  const Ceilings c = ceilings(processor);
  state.counters["of_floor"] =
      benchmark::Counter(std::max(cost.bytes / c.bytes_per_s, cost.flops / c.flops_per_s),
                         benchmark::Counter::kIsIterationInvariantRate);
}

}  // namespace grainfield::bench
