// What a run found and what it cost, for people.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "host/results.hpp"
#include "host/statistics.hpp"

namespace grainfield {

class RunSummary {
 public:
  struct Row {
    std::string name;  // "coordination.Z1"
    std::string unit;
    Statistics values;
  };

  // Adds a frame. The same bits for any number of threads.
  void add(const FrameResults& results, int threads);

  const std::vector<Row>& fields() const { return fields_; }            // every value of every atom and frame
  const std::vector<Row>& observables() const { return observables_; }  // scalars: one value per frame
  // Each line once, with the number of frames that gave it.
  const std::vector<std::pair<std::string, int64_t>>& notes() const { return notes_; }

  // The table, ready to print; "" without results.
  std::string table() const;

 private:
  std::vector<Row> fields_, observables_;
  std::vector<std::pair<std::string, int64_t>> notes_;
};

std::string bytes_text(double bytes);      // "1.53 GB" (decimal)
std::string seconds_text(double seconds);  // "0.004 s", "12.3 s", "4 min 05 s", "2 h 03 min"

}  // namespace grainfield
