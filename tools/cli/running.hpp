// What the commands that run a pipeline share: progress, signals, sizes of memory.
#pragma once

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>

#include "host/error.hpp"
#include "host/pipeline.hpp"
#include "host/run_summary.hpp"
#include "host/stage_clock.hpp"
#include "tools/cli/commands.hpp"

namespace grainfield {

// "4G": K, M, G, T are powers of 1024; KB, MB, GB, TB powers of 1000.
inline int64_t parse_memory(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  std::string unit(end, text.data() + text.size());
  for (char& c : unit) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  double scale = 0;
  const std::string prefixes = "KMGT";
  if (unit.empty() || unit == "B") scale = 1;
  for (size_t k = 0; k < prefixes.size(); ++k) {
    const std::string prefix(1, prefixes[k]);
    if (unit == prefix || unit == prefix + "IB") scale = std::pow(1024.0, static_cast<double>(k + 1));
    if (unit == prefix + "B") scale = std::pow(1000.0, static_cast<double>(k + 1));
  }
  if (error != std::errc() || scale == 0 || !(value > 0) || value * scale > 9e18)
    throw UsageError(fmt::format(
        "--memory {}: expected bytes with a suffix, such as 500M, 4G (powers of 1024) or 4GB (of 1000)",
        text));
  return static_cast<int64_t>(value * scale);
}

// Shows where the run is, on a terminal.
class ProgressLine {
 public:
  ProgressLine(const RunWatch& watch, const StageClock& clock, bool shown) : watch_(watch), clock_(clock) {
    if (shown) thread_ = std::thread([this] { show(); });
  }
  ~ProgressLine() {
    if (!thread_.joinable()) return;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      ends_ = true;
      wake_.notify_all();
    }
    thread_.join();
    fmt::print(stderr, "\r\033[K");
  }

 private:
  void show() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (!wake_.wait_for(lock, std::chrono::milliseconds(250), [this] { return ends_; })) {
      const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
      const StageClock::Place place = clock_.place();
      const int64_t n_frames = watch_.n_frames;
      const auto done = static_cast<double>(watch_.frames_done);
      std::string line =
          n_frames >= 0 ? fmt::format("frame {}/{}", std::min(watch_.frames_done + 1, n_frames), n_frames)
                        : fmt::format("frame {}", watch_.frames_done + 1);
      line += "  " + (place.stage.empty() ? "reading or writing" : place.stage);
      if (place.n_slabs > 1) line += fmt::format(", slab {}/{}", place.slab + 1, place.n_slabs);
      const double rate = static_cast<double>(watch_.atoms_done) / seconds;
      if (rate > 0) line += fmt::format("  {:.3g} atoms/s", rate);
      if (n_frames > 0 && done > 0)
        line += "  ETA " + seconds_text(seconds / done * (static_cast<double>(n_frames) - done));
      fmt::print(stderr, "\r\033[K{}", line);
      std::fflush(stderr);
    }
  }

  const RunWatch& watch_;
  const StageClock& clock_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::mutex mutex_;
  std::condition_variable wake_;
  bool ends_ = false;
  std::thread thread_;
};

// The first Ctrl-C (or SIGTERM) asks for an end after the frame in hand, the second ends at once.
class StopOnSignal {
 public:
  explicit StopOnSignal(RunWatch& watch) {
    stop_ = &watch.stop;
    struct sigaction action {};
    action.sa_handler = [](int signal) {
      seen_ = signal;
      stop_.load()->store(true);
    };
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    sigaction(SIGINT, &action, &interrupt_);
    sigaction(SIGTERM, &action, &terminate_);
  }
  ~StopOnSignal() {
    sigaction(SIGINT, &interrupt_, nullptr);
    sigaction(SIGTERM, &terminate_, nullptr);
  }
  static int seen() { return seen_; }

 private:
  static inline std::atomic<int> seen_{0};
  static inline std::atomic<std::atomic<bool>*> stop_{nullptr};
  struct sigaction interrupt_ {
  }, terminate_{};
};

inline std::string counted(int64_t n, const char* what) {
  return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
}

// run_pipeline() until it ends or Ctrl-C (SIGTERM) is met, then Exit with 128 + the signal. Whatever ends it,
// says which frames are complete; behind_bad_frames: how to get past a frame that cannot be read.
inline RunReport run_resumable(const PipelineOptions& pipeline, Analyzer& analyzer, const std::string& output,
                               bool quiet, const std::string& behind_bad_frames = "") {
  RunWatch watch;
  const auto left = [&](const std::string& more) {
    const std::string partial = output + ".partial";
    return std::filesystem::is_directory(partial)
               ? fmt::format(" in {}; --resume goes on from there{}", partial, more)
               : "";
  };
  const auto note = [&](const std::string& more) {
    if (!quiet && watch.frames_done > 0 && !left("").empty())
      fmt::print(stderr, "\r\033[Kgrainfield: {} complete{}\n", counted(watch.frames_done, "frame"),
                 left(more));
  };
  RunReport report;
  {
    const StopOnSignal signals(watch);
    const ProgressLine progress(watch, analyzer.clock(), !quiet && isatty(STDERR_FILENO) != 0);
    try {
      report = run_pipeline(pipeline, analyzer, watch);
    } catch (const InputError&) {
      note(behind_bad_frames);
      throw;
    } catch (...) {
      note("");
      throw;
    }
  }
  if (report.interrupted) {
    fmt::print(stderr, "grainfield: interrupted; {} complete{}\n",
               counted(report.frames_computed + report.frames_kept, "frame"), left(""));
    throw Exit{128 + StopOnSignal::seen()};
  }
  return report;
}

}  // namespace grainfield
