// Text output: numbers formatted in parallel, written in order, compressed by the file's name.
#pragma once

#include <charconv>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "io/output_file.hpp"

namespace grainfield {

// A growing piece of text. Reals get the fewest digits that read back as the same double.
class TextBuffer {
 public:
  void clear() { size_ = 0; }
  std::string_view view() const { return {data_.data(), size_}; }
  size_t size() const { return size_; }

  TextBuffer& add(char c) {
    *room(1) = c;
    ++size_;
    return *this;
  }
  TextBuffer& add(std::string_view s) {
    std::memcpy(room(s.size()), s.data(), s.size());
    size_ += s.size();
    return *this;
  }
  TextBuffer& add(const char* s) { return add(std::string_view(s)); }
  TextBuffer& add(double v) { return number(v); }
  TextBuffer& add(int64_t v) { return number(v); }
  TextBuffer& add(int v) { return number(v); }

 private:
  template <class T>
  TextBuffer& number(T v) {
    constexpr size_t longest = 32;  // "-1.7976931348623157e+308" has 24 characters
    char* p = room(longest);
    size_ += static_cast<size_t>(std::to_chars(p, p + longest, v).ptr - p);
    return *this;
  }
  char* room(size_t n) {
    if (size_ + n > data_.size()) data_.resize(2 * data_.size() + n + 1024);
    return data_.data() + size_;
  }

  std::vector<char> data_;
  size_t size_ = 0;
};

// Text on its way to "<path>.partial". A name that ends in .gz or .zst compresses; pieces are then
// independent gzip members or zstd frames, which every decompressor reads as one stream, so that they are
// made in parallel.
class TextSink {
 public:
  TextSink(const std::string& path, int threads);

  const std::string& path() const { return file_.path(); }
  // Text for a header; goes out with the lines that follow.
  TextBuffer& text() { return pending_; }
  // format(begin, end, out) appends the lines of items [begin, end); called from several threads.
  void lines(int64_t n, const std::function<void(int64_t, int64_t, TextBuffer&)>& format);
  void close();

 private:
  enum class Packing { none, gzip, zstd };
  void pack(std::string_view text, std::vector<char>& packed) const;
  void put(std::string_view text);

  OutputFile file_;
  int threads_;
  Packing packing_ = Packing::none;
  TextBuffer pending_;
};

}  // namespace grainfield
