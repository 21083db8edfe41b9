// A queue of at most `capacity` items between two threads: the sender waits where it is full, the receiver
// where it is empty.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

namespace grainfield {

template <class T>
class BoundedQueue {
 public:
  explicit BoundedQueue(size_t capacity) : capacity_(capacity) {}

  // False if the queue was closed or cancelled: the item is dropped.
  bool push(T item) {
    std::unique_lock<std::mutex> lock(mutex_);
    has_room_.wait(lock, [&] { return items_.size() < capacity_ || closed_; });
    if (closed_) return false;
    items_.push_back(std::move(item));
    has_item_.notify_one();
    return true;
  }
  // Empty after the last item of a closed queue, and at once from a cancelled one.
  std::optional<T> pop() {
    std::unique_lock<std::mutex> lock(mutex_);
    has_item_.wait(lock, [&] { return !items_.empty() || closed_; });
    if (items_.empty()) return std::nullopt;
    std::optional<T> item(std::move(items_.front()));
    items_.pop_front();
    has_room_.notify_one();
    return item;
  }
  // No more items come; those inside are still handed out.
  void close() {
    const std::lock_guard<std::mutex> lock(mutex_);
    closed_ = true;
    has_item_.notify_all();
    has_room_.notify_all();
  }
  // Drops what is inside and wakes both sides.
  void cancel() {
    const std::lock_guard<std::mutex> lock(mutex_);
    closed_ = true;
    items_.clear();
    has_item_.notify_all();
    has_room_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable has_room_, has_item_;
  std::deque<T> items_;
  size_t capacity_;
  bool closed_ = false;
};

}  // namespace grainfield
