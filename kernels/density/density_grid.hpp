// The coarse-grained density on a regular grid over the cell.
//
// Formula  value[ia][ib][ic] = rho_n(origin + ia/na a + ib/nb b + ic/nc c), rho_n as in gaussian_sum.hpp
//          (A^-3), or rho_n / rho_n^B with density-grid.relative=true. n_k = the fewest points whose
//          distance along cell vector k is at most density-grid.spacing; the points at s_k = 1 are those at
//          s_k = 0 and are not repeated.
// Source   Darvishi Kamachali and Wallis, eq. (2).
// In       positions A; beta and bulk of the `density` analysis.
// Out      grid `density` [na][nb][nc], in the results file under /grids and as a VTK file beside it.
// Edges    free directions: the grid spans the stated cell; atoms outside it still count. No atoms -> 0.
// Error    < 1e-9 of the bulk value.
// Cost     per point 10^3 multiply-adds (gather); spreading and smoothing as in gaussian_grid.hpp, once per
//          block of planes along a. Blocks are as thick as memory allows, so the grid may be larger than
//          memory.
// Team     through gaussian_grid.hpp and gaussian_sum.hpp.
// Order    through the same; the blocks change sums by 1e-12 at most.
// Test     tests/kernels/test_density_grid.cpp
#pragma once

#include "host/registry.hpp"

namespace grainfield {

AnalysisEntry density_grid_entry();

}  // namespace grainfield
