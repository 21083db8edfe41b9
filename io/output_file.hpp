// A file that appears under its name only when complete.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <string>

namespace grainfield {

// Bytes go to "<path>.partial"; close() flushes them to the disk and gives the file its name. Without close()
// the partial file is removed. Every failure is a ResourceError that names the path and the system's reason.
class OutputFile {
 public:
  explicit OutputFile(std::string path);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  const std::string& path() const { return path_; }
  void write(const void* data, size_t bytes);
  int64_t position() const { return position_; }
  // Room for this many bytes in all, in memory: what is stored there goes to the file. The disk's space is
  // taken at once, so that a full disk is an error here and not a signal later. Valid until close().
  char* map(int64_t bytes);
  void close();

 private:
  void unmap();
  std::string path_, partial_;
  int fd_ = -1;
  int64_t position_ = 0;
  char* map_ = nullptr;
  int64_t map_bytes_ = 0;
};

// Asks the system to put a finished file or folder on the disk; ResourceError where that fails.
void sync_to_disk(const std::string& path);
// rename(2), then the folder's entry to the disk; ResourceError where that fails.
void rename_durably(const std::string& from, const std::string& to);

// Does both in the background, a few files at a time, while the caller goes on. What fails there is thrown by
// the next call; the destructor waits, and leaves what failed under its first name.
class BackgroundRenames {
 public:
  ~BackgroundRenames();
  // `below`, unless empty, is a file that goes to the disk before.
  void rename(std::string from, std::string to, std::string below = "");
  // Asks the system to begin with what a file holds so far, so that its own turn takes less time.
  void start_writing_back(std::string path);
  void wait();

 private:
  void add(std::function<void()> task);
  void settle(size_t most_left);
  std::deque<std::future<void>> pending_;
};

}  // namespace grainfield
