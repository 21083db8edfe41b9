// Grainfield as a library: the one header that programs include.
//
//   #include "host/engine.hpp"
//   grainfield::Frame frame = grainfield::read_frame("fe.dump");
//   grainfield::FrameResults r = grainfield::analyze(frame, {{"coordination", {{"cutoffs", "3.4,4.5"}}}});
//   const grainfield::Field* z = r.find_field("coordination");
#pragma once

#include <string>
#include <vector>

#include "host/analyzer.hpp"
#include "host/devices.hpp"
#include "host/error.hpp"
#include "host/frame.hpp"
#include "host/pipeline.hpp"
#include "host/registry.hpp"
#include "host/results.hpp"
#include "host/version.hpp"
#include "io/reader.hpp"
#include "io/results_writer.hpp"
#include "io/writer.hpp"

namespace grainfield {

// All host threads, on the CPU, without a bulk lattice.
RunContext default_run();

// One frame of a file, counted from 0; negative numbers from the end. Throws InputError where there is none.
Frame read_frame(const std::string& path, int64_t index = 0, const ReadOptions& options = {});

// The results of one frame, in the order of its atoms. Grids, which are handed out plane by plane, go to
// `grids`.
FrameResults analyze(const Frame& frame, const std::vector<AnalysisRequest>& requests,
                     const RunContext& run = default_run(), GridSink* grids = nullptr);

// Writes results of one frame (with its atoms) in H5MD.
void write_results(const std::string& path, const Frame& frame, const FrameResults& results);

}  // namespace grainfield
