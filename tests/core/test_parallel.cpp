// Host threads: every index once, workers numbered, exceptions passed on.
#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <vector>

#include "kernels/core/launch.hpp"
#include "kernels/core/parallel.hpp"
#include "kernels/core/status.hpp"

namespace {

using namespace grainfield;

TEST(ParallelChunks, CoversEveryIndexOnceInChunks) {
  for (const int threads : {0, 1, 2, 4, 9})
    for (const int64_t n : {0, 1, 7, 64, 65, 10001})
      for (const int64_t chunk : {-1, 1, 8, 64, 100000}) {
        std::vector<int> seen(static_cast<size_t>(n), 0);
        std::atomic<int> wrong{0};
        parallel_chunks(threads, n, chunk, [&](int64_t begin, int64_t end, int worker) {
          const int64_t size = chunk < 1 ? 1 : chunk;
          if (begin % size != 0 || end <= begin || end - begin > size || end > n) ++wrong;
          if (worker < 0 || worker >= std::max(1, threads)) ++wrong;
          for (int64_t i = begin; i < end; ++i) ++seen[static_cast<size_t>(i)];
        });
        EXPECT_EQ(wrong, 0);
        EXPECT_EQ(seen, std::vector<int>(static_cast<size_t>(n), 1)) << threads << " " << n << " " << chunk;
      }
}

TEST(ParallelChunks, WorkersDoNotShareTheirNumber) {
  constexpr int threads = 4;
  std::vector<std::atomic<int>> busy(threads);
  std::atomic<int> clashes{0};
  parallel_chunks(threads, 5000, 1, [&](int64_t, int64_t, int worker) {
    if (busy[static_cast<size_t>(worker)].fetch_add(1) != 0) ++clashes;
    busy[static_cast<size_t>(worker)].fetch_sub(1);
  });
  EXPECT_EQ(clashes, 0);
}

TEST(ParallelChunks, ExceptionsReachTheCaller) {
  for (const int threads : {1, 2, 4}) {
    std::atomic<int64_t> done{0};
    try {
      parallel_chunks(threads, 100000, 1, [&](int64_t begin, int64_t, int) {
        if (begin == 17) throw std::runtime_error("piece 17");
        ++done;
      });
      FAIL() << "no exception with " << threads << " threads";
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "piece 17");
    }
    // One thread stops at the piece; others may have taken all the rest before the exception is known.
    if (threads == 1) {
      EXPECT_EQ(done, 17);
    }
    EXPECT_LE(done, 99999);
    // The threads are usable again.
    std::atomic<int64_t> sum{0};
    parallel_for(
        threads, 1000, [&](int64_t i) { sum += i; }, 10);
    EXPECT_EQ(sum, 499500);
  }
}

// Counts in the team's scratch, to show that every thread has its own.
struct CountInScratch {
  int64_t* out;
  template <class Team>
  void operator()(Team team, int64_t i) const {
    auto* memory = static_cast<int64_t*>(team.scratch());
    for (int k = 0; k < 8; ++k) memory[k] = i + k;
    int64_t sum = 0;
    for (int k = 0; k < 8; ++k) sum += memory[k];
    out[i] = sum;
  }
};

TEST(ForEach, GivesEveryThreadItsScratch) {
  std::vector<int64_t> out(5000);
  for_each(Exec{Processor::cpu, 4}, 5000, CountInScratch{out.data()}, 8 * sizeof(int64_t), 16);
  for (int64_t i = 0; i < 5000; ++i) EXPECT_EQ(out[static_cast<size_t>(i)], 8 * i + 28);
}

TEST(ForEach, ScratchIsAlignedAndApart) {
  const HostScratch scratch(3, 100);
  for (int w = 0; w < 3; ++w) EXPECT_EQ(reinterpret_cast<uintptr_t>(scratch.of(w)) % 64, 0u);
  EXPECT_EQ(static_cast<char*>(scratch.of(2)) - static_cast<char*>(scratch.of(1)), 128);
  EXPECT_EQ(HostScratch(3, 0).of(1), nullptr);
}

TEST(Condition, CountsAndKeepsTheLowest) {
  Condition met;
  unsigned long long total = 0;
  parallel_for(
      4, 10000,
      [&](int64_t i) {
        if (i % 7 == 3) record(&met, i);
        add_shared(&total, static_cast<unsigned long long>(i));
      },
      16);
  EXPECT_EQ(met.count, 1429u);
  EXPECT_EQ(met.first, 3u);
  EXPECT_EQ(total, 49995000u);
}

}  // namespace
