#include "io/text_source.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "host/error.hpp"

namespace grainfield {
namespace {

constexpr size_t input_bytes = 256 << 10;    // compressed bytes read at a time
constexpr size_t longest_line = 64u << 20;   // a "line" beyond this is not text: it must not fill the memory
constexpr size_t release_bytes = 64u << 20;  // give back pages of the map in pieces of this size

// The bytes of a file as they lie on disk.
class RawFile {
 public:
  RawFile(int fd, std::string path) : fd_(fd), path_(std::move(path)), buffer_(input_bytes) {}
  ~RawFile() { ::close(fd_); }
  RawFile(const RawFile&) = delete;
  RawFile& operator=(const RawFile&) = delete;

  const std::string& path() const { return path_; }
  const char* data() const { return buffer_.data() + first_; }
  size_t size() const { return last_ - first_; }
  void consume(size_t n) { first_ += n; }

  // At least `wanted` (at most input_bytes) bytes in data(), fewer only at the end of the file.
  void fill(size_t wanted) {
    if (size() >= wanted) return;
    std::memmove(buffer_.data(), data(), size());
    last_ = size();
    first_ = 0;
    while (last_ < wanted) {
      const ssize_t got = ::read(fd_, buffer_.data() + last_, buffer_.size() - last_);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throw ResourceError(fmt::format("{}: cannot read: {}", path_, std::strerror(errno)));
      if (got == 0) return;
      last_ += static_cast<size_t>(got);
    }
  }

 private:
  int fd_;
  std::string path_;
  std::vector<char> buffer_;
  size_t first_ = 0, last_ = 0;
};

bool is_gzip(std::string_view s) { return s.size() >= 2 && s[0] == '\x1f' && s[1] == '\x8b'; }

// A zstd frame, or a skippable frame as parallel compressors write them.
bool is_zstd(std::string_view s) {
  if (s.size() < 4) return false;
  return s.substr(0, 4) == std::string_view("\x28\xb5\x2f\xfd", 4) ||
         ((s[0] & '\xf0') == '\x50' && s.substr(1, 3) == std::string_view("\x2a\x4d\x18", 3));
}

}  // namespace

class TextSource::Decoder {
 public:
  explicit Decoder(std::unique_ptr<RawFile> file) : file_(std::move(file)) {}
  virtual ~Decoder() = default;
  // Up to n (> 0) bytes of text; 0 only at the end.
  virtual size_t read(char* out, size_t n) = 0;

 protected:
  std::unique_ptr<RawFile> file_;
};

class TextSource::Plain : public TextSource::Decoder {
 public:
  using Decoder::Decoder;
  size_t read(char* out, size_t n) override {
    file_->fill(1);
    n = std::min(n, file_->size());
    std::memcpy(out, file_->data(), n);
    file_->consume(n);
    return n;
  }
};

class TextSource::Gzip : public TextSource::Decoder {
 public:
  explicit Gzip(std::unique_ptr<RawFile> file) : Decoder(std::move(file)) {
    if (inflateInit2(&stream_, 15 + 16) != Z_OK)
      throw ResourceError(fmt::format("{}: no memory to decompress gzip", file_->path()));
  }
  ~Gzip() override { inflateEnd(&stream_); }

  size_t read(char* out, size_t n) override {
    stream_.next_out = reinterpret_cast<Bytef*>(out);
    stream_.avail_out = static_cast<uInt>(std::min<size_t>(n, 1u << 30));
    const uInt room = stream_.avail_out;
    while (stream_.avail_out == room) {
      file_->fill(1);
      if (between_members_) {
        if (!next_member()) return 0;
      } else if (file_->size() == 0) {
        throw InputError(fmt::format("{}: the gzip stream ends early; expected more data (truncated file?)",
                                     file_->path()));
      }
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(file_->data()));
      stream_.avail_in = static_cast<uInt>(file_->size());
      const int code = inflate(&stream_, Z_NO_FLUSH);
      file_->consume(file_->size() - stream_.avail_in);
      if (code == Z_MEM_ERROR)
        throw ResourceError(fmt::format("{}: no memory to decompress gzip", file_->path()));
      if (code == Z_STREAM_END)
        between_members_ = true;
      else if (code != Z_OK && code != Z_BUF_ERROR && stream_.avail_out == room)
        throw InputError(fmt::format("{}: broken gzip stream: {}", file_->path(),
                                     stream_.msg ? stream_.msg : "no valid data"));
    }
    return room - stream_.avail_out;
  }

 private:
  // After one member: another, zero padding (as on tapes), or the end.
  bool next_member() {
    while (true) {
      file_->fill(2);
      if (file_->size() == 0) return false;
      if (*file_->data() != '\0' || started_ == false) break;
      file_->consume(1);
    }
    if (started_ && !is_gzip({file_->data(), file_->size()}))
      throw InputError(
          fmt::format("{}: expected the end or another gzip member, found other bytes after the "
                      "compressed data",
                      file_->path()));
    if (started_) inflateReset(&stream_);
    started_ = true;
    between_members_ = false;
    return true;
  }

  z_stream stream_{};
  bool started_ = false;
  bool between_members_ = true;
};

class TextSource::Zstd : public TextSource::Decoder {
 public:
  explicit Zstd(std::unique_ptr<RawFile> file) : Decoder(std::move(file)), stream_(ZSTD_createDStream()) {
    if (!stream_) throw ResourceError(fmt::format("{}: no memory to decompress zstd", file_->path()));
  }
  ~Zstd() override { ZSTD_freeDStream(stream_); }

  size_t read(char* out, size_t n) override {
    if (given_ == held_) {
      given_ = held_ = 0;
      held_ = decode();
    }
    n = std::min(n, held_ - given_);
    std::memcpy(out, buffer_.data() + given_, n);
    given_ += n;
    return n;
  }

 private:
  // Always into the same room: a broken stream breaks at the same byte, however much is asked for.
  size_t decode() {
    ZSTD_outBuffer output{buffer_.data(), buffer_.size(), 0};
    while (output.pos == 0) {
      file_->fill(1);
      ZSTD_inBuffer input{file_->data(), file_->size(), 0};
      // Without input there may still be output inside the decoder.
      if (input.size == 0 && !inside_frame_) return 0;
      const size_t code = ZSTD_decompressStream(stream_, &output, &input);
      if (ZSTD_isError(code))
        throw InputError(fmt::format("{}: broken zstd stream: {}", file_->path(), ZSTD_getErrorName(code)));
      if (input.size == 0 && output.pos == 0)
        throw InputError(fmt::format("{}: the zstd stream ends early; expected more data (truncated file?)",
                                     file_->path()));
      inside_frame_ = code != 0;
      file_->consume(input.pos);
    }
    return output.pos;
  }

  ZSTD_DStream* stream_;
  std::vector<char> buffer_ = std::vector<char>(ZSTD_DStreamOutSize());
  size_t given_ = 0, held_ = 0;
  bool inside_frame_ = false;
};

TextSource::TextSource(std::string path) : path_(std::move(path)) {
  const int fd = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) throw ResourceError(fmt::format("{}: cannot open: {}", path_, std::strerror(errno)));
  auto file = std::make_unique<RawFile>(fd, path_);
  struct stat status {};
  if (::fstat(fd, &status) != 0)
    throw ResourceError(fmt::format("{}: cannot read: {}", path_, std::strerror(errno)));
  if (S_ISDIR(status.st_mode)) throw ResourceError(fmt::format("{}: is a folder; expected a file", path_));

  file->fill(4);
  const std::string_view magic(file->data(), file->size());
  compressed_ = is_gzip(magic) || is_zstd(magic);
  if (!compressed_ && S_ISREG(status.st_mode) && status.st_size > 0) {
    map_size_ = static_cast<size_t>(status.st_size);
    void* map = ::mmap(nullptr, map_size_, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map != MAP_FAILED) {
      map_ = static_cast<char*>(map);
      ::madvise(map_, map_size_, MADV_SEQUENTIAL);
      cursor_ = map_;
      end_ = map_ + map_size_;
      return;
    }
  }
  // A pipe, a file system that cannot map, or compressed data.
  decoder_ended_ = false;
  if (is_gzip(magic))
    decoder_ = std::make_unique<Gzip>(std::move(file));
  else if (is_zstd(magic))
    decoder_ = std::make_unique<Zstd>(std::move(file));
  else
    decoder_ = std::make_unique<Plain>(std::move(file));
  cursor_ = end_ = buffer_.data();
}

TextSource::~TextSource() {
  if (map_) ::munmap(map_, map_size_);
}

bool TextSource::refill(size_t target) {
  size_t held = static_cast<size_t>(end_ - cursor_);
  if (decoder_ended_) return false;
  if (broken_) return false;
  if (cursor_ != buffer_.data() && held > 0) std::memmove(buffer_.data(), cursor_, held);
  const size_t before = held;
  // Grown by doubling, so that a line of any length is moved a bounded number of times.
  target = std::max(target, held + 1);
  if (buffer_.size() < target) buffer_.resize(std::max({target, 2 * held, size_t{64} << 10}));
  while (held < target && !broken_) {
    size_t got = 0;
    try {
      got = decoder_->read(buffer_.data() + held, buffer_.size() - held);
    } catch (...) {
      broken_ = std::current_exception();
      break;
    }
    if (got == 0) {
      decoder_ended_ = true;
      break;
    }
    held += got;
  }
  cursor_ = buffer_.data();
  end_ = cursor_ + held;
  return held > before;
}

const char* TextSource::line_end() {
  size_t searched = 0;
  while (true) {
    const auto size = static_cast<size_t>(end_ - cursor_);
    if (size > searched)
      if (const void* newline = std::memchr(cursor_ + searched, '\n', size - searched))
        return static_cast<const char*>(newline);
    searched = size;
    if (searched > longest_line)
      fail(next_line_, fmt::format("is longer than {} MiB; expected text in lines", longest_line >> 20));
    if (refill(2 * searched)) continue;
    if (broken_) std::rethrow_exception(broken_);
    return end_;
  }
}

bool TextSource::peek(std::string_view& text) {
  const char* stop = line_end();  // may move the cursor
  if (cursor_ == end_) return false;
  text = {cursor_, static_cast<size_t>(stop - cursor_)};
  if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
  return true;
}

bool TextSource::line(std::string_view& text) {
  if (!peek(text)) return false;
  const char* stop = text.data() + text.size();
  while (stop != end_ && *stop != '\n') ++stop;  // the \r
  consume(static_cast<size_t>(stop - cursor_) + (stop != end_ ? 1 : 0), 1);
  return true;
}

bool TextSource::skip_blank_lines() {
  for (std::string_view text; peek(text); line(text))
    if (text.find_first_not_of(" \t\r\v\f") != std::string_view::npos) return true;
  return false;
}

std::string_view TextSource::window(size_t target) {
  if (static_cast<size_t>(end_ - cursor_) < target) refill(target);
  const auto held = static_cast<size_t>(end_ - cursor_);
  if (held == 0 && broken_) std::rethrow_exception(broken_);
  if (held == 0) return {};
  if (held <= target && decoder_ended_) return {cursor_, held};  // to the end of the file
  if (held > 0)
    if (const void* last = ::memrchr(cursor_, '\n', std::min(held, target)))
      return {cursor_, static_cast<size_t>(static_cast<const char*>(last) - cursor_) + 1};
  const char* stop = line_end();  // one line longer than the target
  return {cursor_, static_cast<size_t>(stop - cursor_) + (stop != end_ ? 1 : 0)};
}

void TextSource::consume(size_t bytes, int64_t lines) {
  cursor_ += bytes;
  next_line_ += lines;
  if (!map_) return;
  // Pages behind the cursor leave this process (not the system's cache); the line just returned stays.
  const auto passed = static_cast<size_t>(cursor_ - map_);
  if (passed > released_ + 2 * release_bytes) {
    const size_t stop = (passed - release_bytes) / release_bytes * release_bytes;
    ::madvise(map_ + released_, stop - released_, MADV_DONTNEED);
    released_ = stop;
  }
}

int64_t TextSource::skip_lines(int64_t n) {
  int64_t skipped = 0;
  while (skipped < n) {
    const std::string_view text = window(size_t{1} << 20);
    if (text.empty()) break;
    const char* p = text.data();
    const char* const stop = p + text.size();
    int64_t lines = 0;
    while (p != stop && skipped + lines < n) {
      const void* newline = std::memchr(p, '\n', static_cast<size_t>(stop - p));
      p = newline ? static_cast<const char*>(newline) + 1 : stop;
      ++lines;
    }
    consume(static_cast<size_t>(p - text.data()), lines);
    skipped += lines;
  }
  return skipped;
}

std::string_view TextSource::head(size_t target) {
  if (static_cast<size_t>(end_ - cursor_) < target) refill(target);
  if (cursor_ == end_ && broken_) std::rethrow_exception(broken_);
  return {cursor_, std::min(target, static_cast<size_t>(end_ - cursor_))};
}

int64_t TextSource::bytes_left() const { return decoder_ended_ ? end_ - cursor_ : -1; }

void TextSource::fail(int64_t line, const std::string& what) const {
  throw InputError(fmt::format("{}, line {}: {}", path_, line, what));
}

}  // namespace grainfield
