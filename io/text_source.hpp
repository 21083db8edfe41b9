// Lines of a text file, plain, gzip or zstd, read once from front to back.
//
// A plain file is mapped into memory and never copied; pages that were passed over are given back. A
// compressed one (found by its magic bytes, whatever its name) is decompressed piece by piece into one
// buffer. Either way the memory held is that of one window of lines, never of the whole file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace grainfield {

class TextSource {
 public:
  // Throws ResourceError where the file cannot be opened or read, InputError for a broken compressed stream.
  explicit TextSource(std::string path);
  ~TextSource();
  TextSource(const TextSource&) = delete;
  TextSource& operator=(const TextSource&) = delete;

  const std::string& path() const { return path_; }

  // The next line, without its end (\n or \r\n); false after the last. The view lives until the next call.
  bool line(std::string_view& text);
  // The same, but the line stays.
  bool peek(std::string_view& text);
  // Passes over blank lines; false at the end of the file.
  bool skip_blank_lines();
  // Passes over lines up to the first of which is_wanted(line) is true; false at the end of the file.
  template <class F>
  bool skip_until(const F& is_wanted) {
    for (std::string_view text; peek(text); line(text))
      if (is_wanted(text)) return true;
    return false;
  }

  // Number (from 1) of the line that line() returns next, and of the one that it returned last.
  int64_t next_line() const { return next_line_; }
  int64_t last_line() const { return next_line_ - 1; }

  // Whole lines from here on: at least one, then as many as fit `target` bytes; empty only at the end of the
  // file. The last line of the file may lack its \n. Nothing is consumed; the view lives until the next call.
  std::string_view window(size_t target);
  // Passes over the first `bytes` of the window, which hold `lines` lines.
  void consume(size_t bytes, int64_t lines);
  // Passes over n lines; returns how many there were.
  int64_t skip_lines(int64_t n);

  // Up to `target` first bytes, for guessing the format. Nothing is consumed.
  std::string_view head(size_t target);

  // Bytes to come: exact for a plain file, -1 where only decompression would tell.
  int64_t bytes_left() const;
  bool compressed() const { return compressed_; }

  // Throws InputError "<path>, line <n>: <what>".
  [[noreturn]] void fail(int64_t line, const std::string& what) const;

 private:
  class Decoder;
  class Plain;
  class Gzip;
  class Zstd;
  bool refill(
      size_t target);      // more bytes behind end_, at least `target` in all; false at the end of the file
  const char* line_end();  // the \n of the next line, or end_ for a last line without

  std::string path_;
  bool compressed_ = false;
  char* map_ = nullptr;  // the mapped file, or null
  size_t map_size_ = 0;
  size_t released_ = 0;  // bytes of the map that were given back
  std::unique_ptr<Decoder> decoder_;
  bool decoder_ended_ = true;
  std::exception_ptr broken_;  // what the decoder threw; lines before it are still handed out
  std::vector<char> buffer_;
  const char* cursor_ = nullptr;
  const char* end_ = nullptr;
  int64_t next_line_ = 1;
};

}  // namespace grainfield
