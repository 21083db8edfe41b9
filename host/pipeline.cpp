#include "host/pipeline.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <future>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>

#include "host/bounded_queue.hpp"
#include "host/devices.hpp"
#include "host/error.hpp"
#include "host/limits.hpp"
#include "host/slab_plan.hpp"
#include "io/vti_writer.hpp"

namespace grainfield {
namespace {

// Before anything has been measured: bytes per atom that a frame may take to compute without being cut.
constexpr double guessed_bytes_per_atom = 1500;

// Small frames take turns of uneven length: some may wait before and behind compute(), so that no stage waits
// for a slow turn of another. More than one in each place only while they take no more than this in all,
// about what caches hold: from memory, the next stage would take longer.
constexpr int64_t most_waiting = 4;
constexpr double waiting_bytes = 32e6;

constexpr int64_t most_bad_notes = 100;

// What the reader met.
enum class Got { frame, end, bad, bad_to_the_end };

// The next frame; where bad ones are skipped, the reader is behind it in any case.
Got read_next(const PipelineOptions& options, Reader& reader, Frame& frame, std::string& why_bad) {
  try {
    return reader.next(frame) ? Got::frame : Got::end;
  } catch (const InputError& error) {
    if (!options.skip_bad_frames) throw;
    why_bad = error.what();
  }
  if (reader.recover()) return Got::bad;
  why_bad += "; the rest of this file is skipped too, as nothing shows where its next frame begins";
  return Got::bad_to_the_end;
}

struct ReadFrame {
  int64_t index = 0;
  std::unique_ptr<Frame> frame;
  // Set when it is taken to be computed.
  int64_t number = 0;    // of those that this run computes
  bool overlap = false;  // with other frames in memory,
  int64_t others = 0;    // that take so many bytes
};

using WriteTask = std::function<void(ResultsWriter&)>;

// For the threads that read and write: where cores are short, each weighs a tenth of one that computes (a
// step of niceness is a factor of 1.25). When the others wait for one of them, a core is free for it. With
// cores to spare it changes nothing.
void give_way() {
  constexpr int steps = 10;
  const auto self = static_cast<id_t>(::syscall(SYS_gettid));
  errno = 0;
  const int now = ::getpriority(PRIO_PROCESS, self);
  if (errno == 0) (void)::setpriority(PRIO_PROCESS, self, now + steps);
}

// What debuggers and profilers call this thread.
void name_thread(const char* name) { (void)::pthread_setname_np(::pthread_self(), name); }

// A step was called off because another stage failed.
struct Cancelled {};

// A number that threads wait for.
class Gate {
 public:
  explicit Gate(int64_t count) : count_(count) {}
  void add(int64_t n) {
    const std::lock_guard<std::mutex> lock(mutex_);
    count_ += n;
    changed_.notify_all();
  }
  // Waits for count > 0 and takes one; false once cancelled.
  bool take() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return count_ > 0 || cancelled_; });
    if (cancelled_) return false;
    --count_;
    return true;
  }
  // Waits for count <= most; false once cancelled.
  bool wait_at_most(int64_t most) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return count_ <= most || cancelled_; });
    return !cancelled_;
  }
  // Waits for count = exactly; false if it is another one when that is cancelled.
  bool wait_for(int64_t exactly) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return count_ == exactly || cancelled_; });
    return count_ == exactly;
  }
  void cancel() {
    const std::lock_guard<std::mutex> lock(mutex_);
    cancelled_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int64_t count_;
  bool cancelled_ = false;
};

// Frames whose memory can be used again.
class FramePool {
 public:
  std::unique_ptr<Frame> take() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (frames_.empty()) return std::make_unique<Frame>();
    auto frame = std::move(frames_.back());
    frames_.pop_back();
    return frame;
  }
  void put(std::unique_ptr<Frame> frame) {
    const std::lock_guard<std::mutex> lock(mutex_);
    frames_.push_back(std::move(frame));
  }
  void clear() {
    const std::lock_guard<std::mutex> lock(mutex_);
    frames_.clear();
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Frame>> frames_;
};

class Run {
 public:
  Run(const PipelineOptions& options, Analyzer& analyzer, RunWatch& watch)
      : options_(options), analyzer_(analyzer), watch_(watch), writer_ready_(writer_promise_.get_future()) {}

  RunReport go() {
    const auto start = std::chrono::steady_clock::now();
    analyzer_.record(options_.timeline);
    std::thread reader, writer, counter;
    try {
      writer = std::thread([this] { write(); });
      reader = std::thread([this] { read(); });
      if (options_.count_frames) counter = std::thread([this] { count(); });
    } catch (const std::system_error& error) {
      fail(std::make_exception_ptr(
          ResourceError(fmt::format("cannot start a thread: {} (ulimit -u, ulimit -v)", error.what()))));
      cancel();
    }
    compute();
    if (reader.joinable()) reader.join();
    if (writer.joinable()) writer.join();
    counting_ends_ = true;
    if (counter.joinable()) counter.join();
    analyzer_.record(nullptr);
    if (error_) std::rethrow_exception(error_);
    report_.frames_kept = frames_kept_;
    report_.interrupted = !complete_;
    report_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    add_seconds(read_clock_);
    add_seconds(analyzer_.clock());
    if (second_) add_seconds(second_->clock());
    add_seconds(write_clock_);
    return std::move(report_);
  }

 private:
  void add_seconds(const StageClock& clock) {
    for (const auto& [stage, seconds] : clock.totals()) {
      const auto same = std::find_if(report_.stages.begin(), report_.stages.end(),
                                     [&](const auto& known) { return known.first == stage; });
      if (same == report_.stages.end())
        report_.stages.emplace_back(stage, seconds);
      else
        same->second += seconds;
    }
  }

  // Keeps the first error.
  void fail(std::exception_ptr error) {
    const std::lock_guard<std::mutex> lock(error_mutex_);
    if (!error_) error_ = std::move(error);
    failed_ = true;
  }

  // Nobody waits for anything more.
  void cancel() {
    to_write_.cancel();
    frames_read_.cancel();
    may_read_.cancel();
    in_writer_.cancel();
  }

  // The reader's thread. Its errors end the run after the frames that came before them.
  void read() {
    name_thread("read frames");
    give_way();
    try {
      expect_threads(analyzer_.run().exec.threads);
      const FrameRange frames = options_.frames.needs_count()
                                    ? options_.frames.resolve(count_frames(options_, watch_.stop))
                                    : options_.frames;
      const ResultsWriter* earlier = nullptr;
      if (options_.resume) {
        earlier = writer_ready_.get();
        if (!earlier) throw Cancelled();
      }
      int64_t index = 0;
      for (const std::string& input : options_.inputs) {
        std::unique_ptr<Reader> reader;
        try {
          const StageClock::Scope timed(&read_clock_, "read");
          reader = options_.open(input);
        } catch (const InputError& error) {
          if (!options_.skip_bad_frames) throw;
          if (frames.contains(index)) note_bad(index, error.what());
          ++index;
          continue;
        }
        while (!frames.is_past(index)) {
          if (watch_.stop) throw Cancelled();
          const bool wanted = frames.contains(index);
          const bool kept = wanted && is_kept(earlier, index);
          if ((!wanted || kept) && !options_.skip_bad_frames) {
            const StageClock::Scope timed(&read_clock_, "read");
            if (!reader->skip()) break;
          } else {
            if (!may_read_.take()) throw Cancelled();
            ReadFrame next{index, pool_.take()};
            std::string why_bad;
            Got got;
            const auto begun = std::chrono::steady_clock::now();
            {
              const StageClock::Scope timed(&read_clock_, "read");
              got = read_next(options_, *reader, *next.frame, why_bad);
            }
            if ((got == Got::bad || got == Got::bad_to_the_end) && wanted) note_bad(index, why_bad);
            if (got == Got::frame && wanted && !kept) {
              any_ = true;
              note_time("read", index, begun);
              if (next.frame->n_atoms() > read_ahead_atoms_ && !read_one_at_a_time()) throw Cancelled();
              if (!frames_read_.push(std::move(next))) throw Cancelled();
            } else {
              pool_.put(std::move(next.frame));
              may_read_.add(1);
            }
            if (got == Got::end) break;
            if (got == Got::bad_to_the_end) {
              ++index;
              break;
            }
          }
          if (kept) ++frames_kept_;
          ++index;
        }
      }
      if (!any_ && frames_kept_ == 0 && report_.frames_bad > 0)
        throw InputError(fmt::format("no frame could be read; {} skipped, the first: {}", report_.frames_bad,
                                     report_.bad_notes.front()));
      if (!any_ && frames_kept_ == 0)
        throw UsageError(fmt::format("--frames {} selects none of the {} frames of the input",
                                     options_.frames.text(), index));
      all_read_ = true;
    } catch (const Cancelled&) {
    } catch (...) {
      fail(std::current_exception());
    }
    frames_read_.close();
  }

  // After a frame larger than those that are read ahead: waits until it is the only one. False once
  // cancelled.
  bool read_one_at_a_time() {
    for (; read_ahead_ > 1; --read_ahead_)
      if (!may_read_.take()) return false;
    return true;
  }

  // Of a stage that ends now.
  void note_time(const char* stage, int64_t frame, Timeline::Time begun) {
    if (options_.timeline) options_.timeline->add(stage, "", frame, begun, std::chrono::steady_clock::now());
  }

  void note_bad(int64_t index, const std::string& why) {
    if (report_.frames_bad++ < most_bad_notes)
      report_.bad_notes.push_back(fmt::format("frame {} skipped: {}", index, why));
  }

  // True for a frame of an earlier run.
  bool is_kept(const ResultsWriter* earlier, int64_t index) {
    if (!earlier) return false;
    const std::lock_guard<std::mutex> lock(writer_mutex_);
    return earlier->has_frame(index);
  }

  // The writer's thread. Its errors stop everything.
  void write() {
    name_thread("write frames");
    give_way();
    std::unique_ptr<ResultsWriter> writer;
    try {
      auto begun = std::chrono::steady_clock::now();
      {
        const StageClock::Scope timed(&write_clock_, "hash inputs, open results");
        writer = options_.make_writer();
      }
      note_time("hash inputs, open results", -1, begun);
      writer_promise_.set_value(writer.get());
      while (std::optional<WriteTask> task = to_write_.pop()) {
        const std::lock_guard<std::mutex> lock(writer_mutex_);
        const StageClock::Scope timed(&write_clock_, "write");
        (*task)(*writer);
      }
      if (complete_) {
        begun = std::chrono::steady_clock::now();
        {
          const StageClock::Scope timed(&write_clock_, "write");
          writer->close();
        }
        note_time("close results", -1, begun);
      }
    } catch (...) {
      fail(std::current_exception());
      if (!writer) writer_promise_.set_value(nullptr);
      cancel();
    }
  }

  void count() {
    name_thread("count frames");
    try {
      watch_.n_frames = options_.frames.count(count_frames(options_, counting_ends_));
    } catch (const std::exception&) {
      // The reader meets the same trouble, and reports it.
    }
  }

  // Hands a task to the writer and waits until it is done.
  void write_now(WriteTask task) {
    auto done = std::make_shared<std::promise<void>>();
    std::future<void> is_done = done->get_future();
    auto step = [task = std::move(task), done](ResultsWriter& writer) {
      task(writer);
      done->set_value();
    };
    done.reset();
    if (!to_write_.push(std::move(step))) throw Cancelled();
    try {
      is_done.get();
    } catch (const std::future_error&) {
      throw Cancelled();  // the task was dropped, or failed
    }
  }

  // Grids go to the files plane by plane; the analysis waits, so that no second copy is held.
  class Grids final : public GridSink {
   public:
    Grids(Run& run, const ReadFrame& frame) : run_(run), frame_(frame.index), number_(frame.number) {}
    void begin(const GridShape& grid) override {
      if (!run_.turn_.wait_for(number_)) throw Cancelled();
      run_.write_now([&](ResultsWriter& writer) { writer.begin_grid(frame_, grid); });
      const std::string& prefix = run_.options_.vtk_prefix;
      if (!prefix.empty())
        vtk_ = open_vtk(fmt::format("{}.{}.{}{}", prefix, grid.name, frame_, vtk_ending(grid.box)), grid);
    }
    void planes(int64_t first_plane, int64_t n_planes, const double* values) override {
      run_.write_now([&](ResultsWriter& writer) { writer.write_planes(first_plane, n_planes, values); });
      if (vtk_) vtk_->write_planes(first_plane, n_planes, values);
    }
    void end() override {
      run_.write_now([](ResultsWriter& writer) { writer.end_grid(); });
      if (vtk_) vtk_->close();
      vtk_.reset();
    }

   private:
    Run& run_;
    int64_t frame_, number_;
    std::unique_ptr<VtkWriter> vtk_;
  };

  void compute() {
    std::thread other;
    try {
      use_device(analyzer_.run().exec);
      // The first frame tells what a frame takes.
      if (compute_next(analyzer_)) {
        second_ = second_lane();
        if (second_) {
          second_->record(options_.timeline);
          other = std::thread([this] {
            name_thread("compute frames");
            compute_lane(*second_);
          });
        }
        compute_lane(analyzer_);
      }
    } catch (...) {
      fail(std::current_exception());
    }
    if (other.joinable()) other.join();
    complete_ = ends_well_ && all_read_ && !failed_;
    // Whatever the end: the reader stops, the writer completes what it was given.
    frames_read_.cancel();
    may_read_.cancel();
    to_write_.close();
  }

  // On a GPU two threads compute, each with a stream and half of the memory: the copies and the host's part
  // of one frame go beside the kernels of the next. Null where frames are too large for that, and on the CPU,
  // which has no idle part. It depends on the first frame and the memory, not on timing.
  std::unique_ptr<Analyzer> second_lane() {
    const RunContext& run = analyzer_.run();
    if (!run.exec.on_gpu() || !first_overlaps_) return nullptr;
    // Host memory: one frame is read, two are computed, one is written.
    if (4 * first_bytes_ > static_cast<double>(run.memory_limit) || !analyzer_.halve_device_memory())
      return nullptr;
    n_lanes_ = 2;
    return analyzer_.another();
  }

  void compute_lane(Analyzer& analyzer) {
    try {
      use_device(analyzer.run().exec);
      while (compute_next(analyzer)) {
      }
    } catch (...) {
      fail(std::current_exception());
    }
  }

  // False at the end: of the frames, or called off.
  bool compute_next(Analyzer& analyzer) {
    int64_t number = -1;
    try {
      std::optional<ReadFrame> next = take_frame();
      if (!next) return false;
      number = next->number;
      compute_frame(*next, analyzer);
      return true;
    } catch (const Cancelled&) {
      ends_well_ = false;
    } catch (...) {
      // The frames before it are finished first, as if one thread had computed them all.
      if (number >= 0) (void)turn_.wait_for(number);
      fail(std::current_exception());
    }
    turn_.cancel();
    frames_read_.cancel();
    return false;
  }

  // The next frame, when there is room for it.
  std::optional<ReadFrame> take_frame() {
    const std::lock_guard<std::mutex> lock(take_mutex_);
    std::optional<ReadFrame> next = frames_read_.pop();
    if (!next) return next;
    if (watch_.stop) throw Cancelled();
    next->number = n_taken_++;
    const auto n = static_cast<double>(next->frame->n_atoms());
    const auto limit = static_cast<double>(analyzer_.run().memory_limit);
    const auto frame_bytes = static_cast<double>(bytes_of(*next->frame));
    const double per_atom = results_per_atom_;
    const double result_bytes = n * (per_atom > 0 ? per_atom : 16.0 * analyzer_.n_fields()) + n * 12;
    double alone = frame_bytes + result_bytes;  // on a GPU, all else is in its memory
    if (!analyzer_.run().exec.on_gpu())
      alone += n * std::max(guessed_bytes_per_atom, analyzer_.bytes_per_atom());
    // Others in memory: `waiting` before and as many behind, and one in the other lane.
    const auto others = [&](int64_t waiting) {
      return static_cast<double>(2 * waiting + n_lanes_ - 1) * (frame_bytes + result_bytes);
    };
    int64_t waiting = 1;
    while (next->number > 0 && waiting < most_waiting && others(waiting + 1) <= waiting_bytes &&
           alone + others(waiting + 1) <= limit)
      ++waiting;
    next->overlap = alone + others(waiting) <= limit;
    next->others = static_cast<int64_t>(next->overlap ? others(waiting)
                                                      : static_cast<double>(read_ahead_ - 1) * frame_bytes);
    if (!in_writer_.wait_at_most(next->overlap ? waiting : 0)) throw Cancelled();
    if (next->number == 0) first_overlaps_ = next->overlap;
    if (next->number == 1 && waiting > 1) {  // the first frame told how large results are
      read_ahead_atoms_ = next->frame->n_atoms();
      read_ahead_ = waiting;
      may_read_.add(waiting - 1);
    }
    if (next->overlap) {
      may_read_.add(1);
    } else {
      if (!turn_.wait_for(next->number) || !in_writer_.wait_at_most(0)) throw Cancelled();
      pool_.clear();
    }
    return next;
  }

  void compute_frame(ReadFrame& next, Analyzer& analyzer) {
    const Frame& frame = *next.frame;
    const auto n = static_cast<double>(frame.n_atoms());
    const auto begun = std::chrono::steady_clock::now();
    watch_.frame_atoms = frame.n_atoms();
    watch_.frame = next.index;
    Grids grids(*this, next);
    auto results = std::make_shared<FrameResults>(analyzer.analyze(frame, next.index, &grids, next.others));
    note_time("compute", next.index, begun);

    if (!turn_.wait_for(next.number)) throw Cancelled();
    report_.summary.add(*results, analyzer.run().exec.threads);
    const auto result_bytes = static_cast<double>(bytes_of(*results));
    if (n > 0) results_per_atom_ = std::max<double>(results_per_atom_, result_bytes / n);
    if (next.number == 0) first_bytes_ = static_cast<double>(bytes_of(frame)) + result_bytes;
    report_.frames_computed += 1;
    report_.atoms += frame.n_atoms();
    for (const SlabPlan& plan : analyzer.plans())
      report_.most_slabs = std::max(report_.most_slabs, plan.n_slabs());
    report_.largest_frame = std::max(report_.largest_frame, frame.n_atoms());
    watch_.atoms_done += frame.n_atoms();

    in_writer_.add(1);
    auto owned = std::make_shared<std::unique_ptr<Frame>>(std::move(next.frame));
    auto task = [this, owned, index = next.index,
                 results = std::move(results)](ResultsWriter& writer) mutable {
      const auto begins = std::chrono::steady_clock::now();
      writer.write(**owned, *results);
      note_time("write", index, begins);
      results.reset();
      pool_.put(std::move(*owned));
      watch_.frames_done += 1;
      in_writer_.add(-1);
    };
    if (!to_write_.push(std::move(task))) throw Cancelled();
    if (!next.overlap) {
      if (!in_writer_.wait_at_most(0)) throw Cancelled();
      may_read_.add(1);
    }
    turn_.add(1);
  }

  const PipelineOptions& options_;
  Analyzer& analyzer_;
  RunWatch& watch_;
  RunReport report_;

  BoundedQueue<ReadFrame> frames_read_{most_waiting};
  BoundedQueue<WriteTask> to_write_{most_waiting + 1};
  FramePool pool_;
  Gate may_read_{1};  // frames that the reader may still begin
  // So many frames, of at most so many atoms, may be read before they are computed.
  std::atomic<int64_t> read_ahead_{1}, read_ahead_atoms_{0};
  Gate in_writer_{0};        // frames that are written or wait for it
  std::mutex writer_mutex_;  // the reader asks it about frames while the writer works
  std::promise<const ResultsWriter*> writer_promise_;
  std::future<const ResultsWriter*> writer_ready_;
  StageClock read_clock_, write_clock_;

  // The lanes of compute().
  int n_lanes_ = 1;
  std::unique_ptr<Analyzer> second_;
  std::mutex take_mutex_;
  int64_t n_taken_ = 0;
  Gate turn_{0};  // number of the frame whose analyses may be followed by what is done in the order of frames
  std::atomic<double> results_per_atom_{0};
  bool first_overlaps_ = false;  // of the first frame
  double first_bytes_ = 0;
  std::atomic<bool> ends_well_{true};

  bool any_ = false;  // the reader's
  std::atomic<int64_t> frames_kept_{0};
  std::atomic<bool> all_read_{false}, complete_{false}, failed_{false}, counting_ends_{false};
  std::mutex error_mutex_;
  std::exception_ptr error_;
};

}  // namespace

int64_t count_frames(const PipelineOptions& options, const std::atomic<bool>& stop) {
  int64_t n = 0;
  Frame frame;
  for (const std::string& input : options.inputs) {
    std::unique_ptr<Reader> reader;
    try {
      reader = options.open(input);
    } catch (const InputError&) {
      if (!options.skip_bad_frames) throw;
      ++n;
      continue;
    }
    if (!options.skip_bad_frames) {
      while (!stop && reader->skip()) ++n;
      continue;
    }
    std::string why_bad;
    Got got = Got::frame;
    while (!stop && (got == Got::frame || got == Got::bad)) {
      got = read_next(options, *reader, frame, why_bad);
      if (got != Got::end) ++n;
    }
  }
  return n;
}

RunReport run_pipeline(const PipelineOptions& options, Analyzer& analyzer, RunWatch& watch) {
  return Run(options, analyzer, watch).go();
}

}  // namespace grainfield
