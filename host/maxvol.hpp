// MaxVol: rows of a candidate matrix replace rows of a square matrix A wherever that enlarges |det A|.
//
// Source   Goreinov, Oseledets, Savostyanov, Tyrtyshnikov, Zamarashkin, in Matrix Methods: Theory, Algorithms
//          and Applications (World Scientific 2010), p. 247; for potentials Podryabinkin and Shapeev, Comput.
//          Mater. Sci. 140, 171 (2017).
// Formula  C = B A^-1. While the largest |C_ij| exceeds the threshold: row j of A and row i of B change
// places
//          (|det A| grows by the factor |C_ij|), C <- C - (C e_j + e_i) (e_i^T C - e_j^T) / C_ij.
//          Ties: the lowest row, then the lowest column.
// Cost     m n multiplications per swap, if all rows were updated each time. A row is updated only when its
//          bound says that it may hold the largest entry: an update adds at most |C_ij| max |e_i^T C - e_j^T|
//          / |C_ij| to it. The same swaps result.
// Order    entries are updated one by one: the same bits for any number of threads.
// Test     tests/core/test_maxvol.cpp
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace grainfield {

struct MaxVolSwap {
  int64_t row = 0;    // a place in B: it holds the row that left A afterwards, which stays a candidate
  int64_t slot = 0;   // a row of A
  double factor = 0;  // |C_ij| before the swap
};

struct MaxVolOptions {
  double threshold = 1.001;  // stop when no |C_ij| exceeds it; more than 1
  double start_above = 0;    // do nothing where no |C_ij| exceeds this
  int64_t most_swaps = 0;    // 0: no limit
  int threads = 1;
  int64_t least_shared = 1 << 24;  // entries of C below which one thread works: joining others does not pay
  std::function<void(int64_t swaps, double largest)> progress;  // before every swap; may be empty
};

// candidates = B [n_rows][n], set = A [n][n], coefficients = C [n_rows][n] (B A^-1 on entry, kept up to
// date). Returns the swaps in their order.
std::vector<MaxVolSwap> maximize_volume(int64_t n, int64_t n_rows, double* candidates, double* set,
                                        double* coefficients, const MaxVolOptions& options);

}  // namespace grainfield
