// The run over many frames: reading, computing and writing overlap.
//
//   reader thread -> one frame ahead -> the caller's thread computes -> writer thread
//
// At most three frames are in memory: one being read, one computed, one written; where that would exceed the
// memory limit, one alone, and the stages take turns. With a GPU two frames are computed at a time where two
// fit: kernels of one run while the other is copied and its host's part is done. Which of the two depends on
// the frames and the limit, not on timing, so the cuts and the bits of the results do not either. Frames are
// recycled.
//
// Memory: frames, results, batches, lists and scratch stay below RunContext::memory_limit; code, stacks, text
// windows and file caches take at most `memory_beside` more. Frames of one input are taken to be about as
// large as the largest before them.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "host/analyzer.hpp"
#include "host/frame_range.hpp"
#include "host/run_summary.hpp"
#include "host/timeline.hpp"
#include "io/reader.hpp"
#include "io/results_writer.hpp"

namespace grainfield {

// Resident bytes that a run takes beside RunContext::memory_limit.
constexpr int64_t memory_beside = int64_t{160} << 20;

struct PipelineOptions {
  std::vector<std::string> inputs;  // frames are numbered through all of them, in this order
  FrameRange frames;
  std::function<std::unique_ptr<Reader>(const std::string& path)> open;
  // Called once, on the writer's thread (it may take its time: hashing inputs).
  std::function<std::unique_ptr<ResultsWriter>()> make_writer;
  std::string vtk_prefix;  // grids also go to <prefix>.<grid>.<frame>.vti (or .vts); "": they do not
  bool resume = false;     // the writer may hold frames already: these are passed over
  // A frame that cannot be read is noted in the report and passed over; it keeps its number, as do those
  // behind it. Frames of the input that are passed over are read as well then, so that all runs find the same
  // ones.
  bool skip_bad_frames = false;
  bool count_frames = false;  // for progress: count the frames of all inputs beside the work
  // If given: "read", "compute" and "write" of each frame that is analysed, the analyses as parts of
  // "compute", and what the writer does for all of them together.
  Timeline* timeline = nullptr;
};

// Where the run is; any thread may read and set it.
struct RunWatch {
  std::atomic<int64_t> frame{-1};     // being computed
  std::atomic<int64_t> n_frames{-1};  // wanted in all; -1: not known
  std::atomic<int64_t> frames_done{0};
  std::atomic<int64_t> atoms_done{0};
  std::atomic<int64_t> frame_atoms{0};
  std::atomic<bool> stop{false};  // set it to end the run after the frame in hand
};

struct RunReport {
  int64_t frames_computed = 0;
  int64_t frames_kept = 0;             // complete from an earlier run
  int64_t atoms = 0;                   // of the frames computed
  int64_t largest_frame = 0;           // atoms
  int most_slabs = 1;                  // that a frame was cut into
  int64_t frames_bad = 0;              // wanted, could not be read and were skipped
  std::vector<std::string> bad_notes;  // one line for each: number, file, reason; the first hundred
  bool interrupted = false;            // by RunWatch::stop: the results file is not closed
  double seconds = 0;
  std::vector<std::pair<std::string, double>> stages;  // seconds: read, each analysis, write, ...
  RunSummary summary;
};

// Runs the analyses on every wanted frame. An error in any stage stops the others and is rethrown; frames
// that were complete stay with the writer (for --resume). Throws UsageError if no frame is selected.
RunReport run_pipeline(const PipelineOptions& options, Analyzer& analyzer, RunWatch& watch);

// Frames of all inputs; stops early (with a smaller number) once `stop` is set.
int64_t count_frames(const PipelineOptions& options, const std::atomic<bool>& stop);

}  // namespace grainfield
