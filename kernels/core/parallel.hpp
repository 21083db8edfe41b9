// Host threads: the one place that starts them.
//
// parallel_chunks hands out [begin, end) pieces of [0, n) dynamically. What a piece computes must not depend
// on which thread runs it or on the order of the pieces: that is how the number of threads changes no bit.
// OpenMP does the work; under ThreadSanitizer, which cannot see OpenMP's own synchronisation, std::thread
// does.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#if defined(_OPENMP) && !defined(GF_USE_STD_THREADS)
#include <omp.h>
#else
#include <thread>
#include <vector>
#endif

namespace grainfield {

// f(begin, end, worker) with worker in [0, threads). Exceptions of f are rethrown here (the first one).
template <class F>
void parallel_chunks(int threads, int64_t n, int64_t chunk, const F& f) {
  if (n <= 0) return;
  chunk = std::max<int64_t>(1, chunk);
  const int64_t n_chunks = (n + chunk - 1) / chunk;
  const int workers = static_cast<int>(std::min<int64_t>(std::max(1, threads), n_chunks));
  if (workers == 1) {
    for (int64_t k = 0; k < n_chunks; ++k) f(k * chunk, std::min(n, (k + 1) * chunk), 0);
    return;
  }
  std::atomic<int64_t> next{0};
  std::exception_ptr error;
  std::mutex error_lock;
  auto work = [&](int worker) {
    try {
      for (int64_t k; (k = next.fetch_add(1, std::memory_order_relaxed)) < n_chunks;)
        f(k * chunk, std::min(n, (k + 1) * chunk), worker);
    } catch (...) {
      const std::lock_guard<std::mutex> lock(error_lock);
      if (!error) error = std::current_exception();
      next = n_chunks;
    }
  };
#if defined(_OPENMP) && !defined(GF_USE_STD_THREADS)
#pragma omp parallel num_threads(workers)
  work(omp_get_thread_num());
#else
  std::vector<std::thread> pool;
  for (int w = 1; w < workers; ++w) pool.emplace_back(work, w);
  work(0);
  for (auto& t : pool) t.join();
#endif
  if (error) std::rethrow_exception(error);
}

// f(i) for every i in [0, n).
template <class F>
void parallel_for(int threads, int64_t n, const F& f, int64_t chunk = 1024) {
  parallel_chunks(threads, n, chunk, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) f(i);
  });
}

}  // namespace grainfield
