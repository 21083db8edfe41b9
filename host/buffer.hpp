// A move-only array in the memory of one processor. It grows and keeps its capacity; contents are not
// initialised and do not survive growth.
#pragma once

#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include "host/error.hpp"
#include "host/memory.hpp"
#include "kernels/core/view.hpp"

namespace grainfield {

template <class T>
class Buffer {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  Buffer() = default;
  explicit Buffer(const Exec& exec, int64_t size = 0, const char* what = "an array") : exec_(exec) {
    resize(size, what);
  }
  Buffer(Buffer&& o) noexcept { swap(o); }
  Buffer& operator=(Buffer&& o) noexcept {
    Buffer(std::move(o)).swap(*this);
    return *this;
  }
  ~Buffer() { release(); }

  void resize(int64_t size, const char* what = "an array") {
    if (size > capacity_) {
      if (size > std::numeric_limits<int64_t>::max() / static_cast<int64_t>(sizeof(T)))
        throw ResourceError(std::string("the size of ") + what + " overflows");
      release();
      data_ = static_cast<T*>(allocate(exec_, static_cast<size_t>(size) * sizeof(T), what));
      capacity_ = size;
    }
    size_ = size;
  }
  void release() {
    deallocate(exec_, data_, static_cast<size_t>(capacity_) * sizeof(T));
    data_ = nullptr;
    size_ = capacity_ = 0;
  }
  void zero() { fill_zero(exec_, data_, static_cast<size_t>(size_) * sizeof(T)); }

  void upload(const T* host, int64_t n, const char* what = "an array") {
    resize(n, what);
    copy_to_processor(exec_, data_, host, static_cast<size_t>(n) * sizeof(T));
  }
  void upload(const std::vector<T>& host, const char* what = "an array") {
    upload(host.data(), static_cast<int64_t>(host.size()), what);
  }
  void download(T* host) const { copy_to_host(exec_, host, data_, static_cast<size_t>(size_) * sizeof(T)); }
  std::vector<T> to_vector() const {
    std::vector<T> host(static_cast<size_t>(size_));
    download(host.data());
    return host;
  }
  T element(int64_t i) const {
    T value;
    copy_to_host(exec_, &value, data_ + i, sizeof(T));
    return value;
  }

  T* data() const { return data_; }
  int64_t size() const { return size_; }
  Span<T> span() const { return {data_, size_}; }
  const Exec& exec() const { return exec_; }

 private:
  void swap(Buffer& o) noexcept {
    std::swap(exec_, o.exec_);
    std::swap(data_, o.data_);
    std::swap(size_, o.size_);
    std::swap(capacity_, o.capacity_);
  }

  Exec exec_{};
  T* data_ = nullptr;
  int64_t size_ = 0;
  int64_t capacity_ = 0;
};

}  // namespace grainfield
