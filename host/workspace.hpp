// Scratch memory of a slab: pieces are taken while an analysis computes and given back all at once.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "host/buffer.hpp"

namespace grainfield {

// An arena in the memory of one processor. take() hands out pieces that stay good until reset(); reset()
// keeps the memory, as one block, so that from the second slab on nothing is allocated.
class Workspace {
 public:
  explicit Workspace(const Exec& exec) : exec_(exec) {}
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  // n values of T, not initialised, 64-byte aligned. Throws ResourceError naming `what`.
  template <class T>
  Span<T> take(int64_t n, const char* what) {
    static_assert(std::is_trivially_copyable_v<T>);
    if (n > (std::numeric_limits<int64_t>::max() - alignment) / static_cast<int64_t>(sizeof(T)))
      throw ResourceError(std::string("the size of ") + what + " overflows");
    const int64_t bytes = (n * static_cast<int64_t>(sizeof(T)) + alignment - 1) / alignment * alignment;
    if (blocks_.empty() || used_ + bytes > blocks_.back().size()) {
      blocks_.emplace_back(exec_, std::max(bytes, smallest_block), what);
      used_ = 0;
    }
    auto* piece = reinterpret_cast<T*>(blocks_.back().data() + used_);
    used_ += bytes;
    return {piece, n};
  }

  void reset() {
    used_ = 0;
    if (blocks_.size() <= 1) return;
    int64_t total = 0;
    for (const Buffer<std::byte>& block : blocks_) total += block.size();
    blocks_.clear();
    blocks_.emplace_back(exec_, total, "scratch");
  }

 private:
  static constexpr int64_t alignment = 64;
  static constexpr int64_t smallest_block = 1 << 16;

  Exec exec_;
  std::vector<Buffer<std::byte>> blocks_;
  int64_t used_ = 0;  // of the last block
};

}  // namespace grainfield
