// Mean, extremes and deviation of many numbers, some of which may be NaN.
#pragma once

#include <cstdint>
#include <vector>

namespace grainfield {

// Of the values that are numbers.
struct Statistics {
  int64_t count = 0;
  int64_t n_nan = 0;
  double mean = 0, min = 0, max = 0;
  double square = 0;  // sum of squared deviations from the mean

  void add(double value);
  // As if the values of `other` had been added (Chan, Golub, LeVeque, Am. Stat. 37, 242 (1983)).
  void merge(const Statistics& other);
  double std() const;  // of the population; 0 for one value
};

// Of every column of a table [row][column]. The same bits for any number of threads.
std::vector<Statistics> column_statistics(const std::vector<double>& table, int columns, int threads);
std::vector<Statistics> column_statistics(const std::vector<int32_t>& table, int columns, int threads);

}  // namespace grainfield
