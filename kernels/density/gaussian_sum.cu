#include "kernels/density/gaussian_sum.hpp"

#include "kernels/core/launch.hpp"

namespace grainfield {

void gaussian_sum(const Exec& exec, const GaussianSum& kernel, int64_t n_points) {
  for_each<32>(exec, n_points, kernel, 0, 16);
}

}  // namespace grainfield
