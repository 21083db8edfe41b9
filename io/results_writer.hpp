// Results in H5MD 1.1 (io/FORMAT.md), written so that nothing is lost.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "host/frame.hpp"
#include "host/results.hpp"

namespace grainfield {

// What goes to /parameters/grainfield.
struct Provenance {
  std::string version;
  std::string command;                                          // the full command line
  std::vector<std::pair<std::string, std::string>> parameters;  // "density.beta" -> "3.024", as resolved
  struct Input {
    std::string name;
    uint64_t bytes = 0;
    std::string sha256;
  };
  std::vector<Input> inputs;
};

struct ResultsOptions {
  bool compress = false;
  bool resume = false;            // continue a run that was cut off
  bool write_positions = true;    // particles/all/position, species, id, so that the file stands alone
  double seconds_together = 0.2;  // frames that come within it may share a file until the end
};

// Where a frame of an earlier run lies: row `row` of an H5MD file.
struct KeptFrame {
  int64_t frame = 0;
  std::string file;
  int64_t row = 0;
};

// One H5MD file of results. Until close() it grows in the folder "<path>.partial/", where each frame, or a
// few that come in quick succession, has a small file that appears under its name only when it is complete,
// and tells where the numbers are, so that a run may be cut off at any moment; close() gives the file its
// name and removes the folder. With `resume`, frames of an earlier run with the same provenance (command
// apart) are kept; another provenance is refused.
class ResultsWriter {
 public:
  virtual ~ResultsWriter() = default;  // without close() the partial folder stays, for --resume
  // Frames that are already complete from an earlier run: do not compute them again.
  virtual bool has_frame(int64_t frame) const = 0;
  // These frames, in order.
  virtual std::vector<KeptFrame> kept_frames() const = 0;
  virtual void write(const Frame& frame, const FrameResults& results) = 0;
  // A grid of the frame in hand, plane by plane along a: begin_grid, then planes 0..n[0]-1 in order
  // (n[1]*n[2] values each), then end_grid; before write() of that frame. Goes to /grids/<name>/value
  // [frame][na][nb][nc].
  virtual void begin_grid(int64_t frame, const GridShape& grid) = 0;
  virtual void write_planes(int64_t first_plane, int64_t n_planes, const double* values) = 0;
  virtual void end_grid() = 0;
  virtual void close() = 0;
};

std::unique_ptr<ResultsWriter> open_results(const std::string& path, const Provenance& provenance,
                                            const ResultsOptions& options = {});

// Values of the scalar observable in a file of results, one per frame.
std::vector<double> read_scalar_observable(const std::string& path, const std::string& name);

// Name, size and SHA-256 (hex) of a file.
Provenance::Input describe_input(const std::string& path);

}  // namespace grainfield
