// What the fuzz targets share: a file in memory, seeds, and what counts as a finding.
#pragma once

#include <stdlib.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "host/error.hpp"

namespace grainfield::test {

// Makes the bytes the content of a file; the path is the same every time. In memory, but with a name, which
// HDF5 wants.
inline const std::string& as_file(const void* data, size_t size) {
  struct File {
    std::string path = "/dev/shm/grainfield-fuzz-XXXXXX";
    int fd = mkstemp(path.data());
    ~File() { unlink(path.c_str()); }
  };
  static const File file;
  if (ftruncate(file.fd, 0) != 0 || pwrite(file.fd, data, size, 0) != static_cast<ssize_t>(size))
    std::abort();
  return file.path;
}

// An error must say in one line what is wrong.
inline void check_message(const std::exception& error) {
  const std::string message = error.what();
  if (!message.empty() && message.find('\n') == std::string::npos) return;
  std::fprintf(stderr, "not one line: %s\n", message.c_str());
  std::abort();
}

// Any exception but these two is a finding.
template <class F>
void expect_clear_errors(const F& work) {
  try {
    work();
  } catch (const InputError& error) {
    check_message(error);
  } catch (const ResourceError& error) {
    check_message(error);
  }
}

// For LLVMFuzzerInitialize: `fuzz_x --write-seeds FOLDER` writes the seeds (name and bytes) and ends.
inline void write_seeds(int argc, char** argv, std::vector<std::pair<std::string, std::string>> (*seeds)()) {
  if (argc != 3 || std::strcmp(argv[1], "--write-seeds") != 0) return;
  for (const auto& [name, bytes] : seeds())
    std::ofstream(std::string(argv[2]) + "/" + name, std::ios::binary) << bytes;
  std::exit(0);
}

}  // namespace grainfield::test
