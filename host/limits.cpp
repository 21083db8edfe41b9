#include "host/limits.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "host/error.hpp"

namespace grainfield {

void expect_address_space(size_t bytes, const std::string& what) {
  // Without a limit there is room; to try would take the lock of the whole address space.
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return;
  void* const there = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (there != MAP_FAILED) {
    munmap(there, bytes);
    return;
  }
  throw ResourceError(
      fmt::format("not enough memory: {} MiB for {} cannot be mapped; the limit of address space (ulimit -v) "
                  "is {} MiB",
                  bytes >> 20, what, limit.rlim_cur >> 20));
}

void expect_threads(int workers) {
  std::mutex mutex;
  std::condition_variable changed;
  bool ends = false;
  std::string why;
  std::vector<std::thread> threads;
  try {
    for (int k = 1; k < workers; ++k)
      threads.emplace_back([&] {
        std::unique_lock<std::mutex> lock(mutex);
        changed.wait(lock, [&] { return ends; });
      });
  } catch (const std::exception& error) {  // std::system_error or std::bad_alloc
    why = error.what();
  }
  {
    const std::lock_guard<std::mutex> lock(mutex);
    ends = true;
  }
  changed.notify_all();
  for (std::thread& thread : threads) thread.join();
  if (!why.empty())
    throw ResourceError(
        fmt::format("cannot start {} threads: {}; lower --threads, or raise the limits (ulimit "
                    "-u, ulimit -v)",
                    workers, why));
}

}  // namespace grainfield
