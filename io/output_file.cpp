#include "io/output_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "host/error.hpp"

namespace grainfield {

namespace {

[[noreturn]] void fail(const char* action, const std::string& path) {
  throw ResourceError(fmt::format("{}: cannot {}: {}", path, action, std::strerror(errno)));
}

}  // namespace

OutputFile::OutputFile(std::string path) : path_(std::move(path)), partial_(path_ + ".partial") {
  std::error_code ignored;
  if (std::filesystem::is_directory(path_, ignored))
    throw ResourceError(fmt::format("{}: cannot write: it is a folder; expected the name of a file", path_));
  fd_ = ::open(partial_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd_ < 0) fail("write", path_);
}

OutputFile::~OutputFile() {
  unmap();
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(partial_.c_str());
}

void OutputFile::write(const void* data, size_t bytes) {
  const char* p = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t done = ::write(fd_, p, bytes);
    if (done < 0) {
      if (errno == EINTR) continue;
      fail("write", path_);
    }
    p += done;
    position_ += done;
    bytes -= static_cast<size_t>(done);
  }
}

char* OutputFile::map(int64_t bytes) {
  if (const int reason = ::posix_fallocate(fd_, 0, bytes); reason != 0) {
    errno = reason;
    fail("write", path_);
  }
  void* map = ::mmap(nullptr, static_cast<size_t>(bytes), PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
  if (map == MAP_FAILED) fail("map", path_);
  map_ = static_cast<char*>(map);
  map_bytes_ = bytes;
  return map_;
}

void OutputFile::unmap() {
  if (map_) ::munmap(map_, static_cast<size_t>(map_bytes_));
  map_ = nullptr;
}

void OutputFile::close() {
  if (fd_ < 0) return;
  if (map_ && ::msync(map_, static_cast<size_t>(map_bytes_), MS_SYNC) != 0) fail("write", path_);
  unmap();
  // EINVAL: the file system (a pipe, a device) knows no flushing, and has nothing to flush.
  if (::fsync(fd_) != 0 && errno != EINVAL) fail("write", path_);
  const int fd = fd_;
  fd_ = -1;
  if (::close(fd) != 0) {
    const int reason = errno;
    ::unlink(partial_.c_str());
    errno = reason;
    fail("write", path_);
  }
  try {
    rename_durably(partial_, path_);
  } catch (...) {
    ::unlink(partial_.c_str());
    throw;
  }
}

void sync_to_disk(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail("open", path);
  const int status = ::fsync(fd);
  const int reason = errno;
  ::close(fd);
  errno = reason;
  if (status != 0 && reason != EINVAL) fail("flush", path);
}

void rename_durably(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) fail("write", to);
  const std::filesystem::path folder = std::filesystem::path(to).parent_path();
  sync_to_disk(folder.empty() ? "." : folder.string());
}

BackgroundRenames::~BackgroundRenames() {
  for (const std::future<void>& pending : pending_) pending.wait();
}

void BackgroundRenames::settle(size_t most_left) {
  while (pending_.size() > most_left) {
    std::future<void> oldest = std::move(pending_.front());
    pending_.pop_front();
    oldest.get();
  }
}

void BackgroundRenames::wait() { settle(0); }

void BackgroundRenames::add(std::function<void()> task) {
  constexpr size_t most_pending = 6;
  settle(most_pending - 1);
  // Where no thread can be had, the work is done when its result is asked for.
  pending_.push_back(std::async(std::launch::async | std::launch::deferred, std::move(task)));
}

void BackgroundRenames::rename(std::string from, std::string to, std::string below) {
  add([from = std::move(from), to = std::move(to), below = std::move(below)] {
    if (!below.empty()) sync_to_disk(below);
    sync_to_disk(from);
    rename_durably(from, to);
  });
}

void BackgroundRenames::start_writing_back(std::string path) {
  add([path = std::move(path)] {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    ::sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);  // only advice: that it failed is seen at the end
    ::close(fd);
  });
}

}  // namespace grainfield
