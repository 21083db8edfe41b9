// Cooperative teams without a GPU: a host thread per lane.
//
// run_emulated<W>(kernel, n, scratch_bytes) calls kernel(team, i) for i in [0, n) on W threads that share the
// team's scratch, as W lanes of a warp do. sum() adds in the butterfly order of TileTeam, so results have its
// bits. Threads advance freely between collectives: a missing sync() is a data race, which ThreadSanitizer
// reports (preset tsan).
#pragma once

#include <barrier>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <thread>
#include <type_traits>
#include <vector>

namespace grainfield::test {

template <int W>
class EmulatedTeam {
 public:
  static_assert(W > 1 && (W & (W - 1)) == 0, "lanes are a power of two");
  static constexpr size_t max_value = 64;  // bytes of what sum() adds

  struct Shared {
    explicit Shared(size_t scratch_bytes) : scratch((scratch_bytes + 15) / 16) {}
    std::barrier<> barrier{W};
    struct alignas(16) Block {
      std::byte bytes[16];
    };
    std::vector<Block> scratch;
    alignas(64) std::byte value[W][max_value];
  };

  EmulatedTeam(Shared& shared, int rank) : shared_(&shared), rank_(rank) {}

  static constexpr int size() { return W; }
  int rank() const { return rank_; }
  void sync() const { shared_->barrier.arrive_and_wait(); }
  void* scratch() const { return shared_->scratch.empty() ? nullptr : shared_->scratch.data(); }
  template <class T>
  T sum(T value) const {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= max_value);
    for (int step = W / 2; step > 0; step /= 2) {
      T other;
      std::memcpy(shared_->value[rank_], &value, sizeof value);
      sync();
      std::memcpy(&other, shared_->value[rank_ ^ step], sizeof other);
      sync();
      value += other;
    }
    return value;
  }

 private:
  Shared* shared_;
  int rank_;
};

template <int W, class Kernel>
void run_emulated(const Kernel& kernel, int64_t n, size_t scratch_bytes = 0) {
  typename EmulatedTeam<W>::Shared shared(scratch_bytes);
  std::vector<std::thread> lanes;
  for (int rank = 0; rank < W; ++rank)
    lanes.emplace_back([&, rank] {
      const EmulatedTeam<W> team(shared, rank);
      for (int64_t i = 0; i < n; ++i) {
        kernel(team, i);
        team.sync();  // as the GPU's launcher: the next item may reuse the scratch
      }
    });
  for (std::thread& lane : lanes) lane.join();
}

}  // namespace grainfield::test
