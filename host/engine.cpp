#include "host/engine.hpp"

#include <fmt/format.h>

#include <atomic>

namespace grainfield {

RunContext default_run() {
  RunContext run;
  run.exec.threads = available_threads();
  return run;
}

Frame read_frame(const std::string& path, int64_t index, const ReadOptions& options) {
  int64_t wanted = index;
  if (index < 0) {
    const auto reader = open_reader(path, options);
    int64_t n = 0;
    while (reader->skip()) ++n;
    wanted += n;
  }
  const auto reader = open_reader(path, options);
  int64_t n = 0;
  while (n < wanted && reader->skip()) ++n;
  Frame frame;
  if (wanted < 0 || n < wanted || !reader->next(frame))
    throw InputError(fmt::format("{}: there is no frame {}", path, index));
  return frame;
}

FrameResults analyze(const Frame& frame, const std::vector<AnalysisRequest>& requests, const RunContext& run,
                     GridSink* grids) {
  use_device(run.exec);
  return Analyzer(requests, run).analyze(frame, 0, grids);
}

void write_results(const std::string& path, const Frame& frame, const FrameResults& results) {
  Provenance provenance;
  provenance.version = library_version();
  const auto writer = open_results(path, provenance);
  writer->write(frame, results);
  writer->close();
}

}  // namespace grainfield
