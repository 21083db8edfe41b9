// libFuzzer on the readers: coverage finds paths that the damage of tests/io/test_fuzz_readers.cpp does not.
//
//   cmake -B build/fuzz -G Ninja -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ -DGRAINFIELD_FUZZ=ON
//         -DGRAINFIELD_TESTS=OFF -DGRAINFIELD_WERROR=OFF
//   cmake --build build/fuzz --target fuzz_readers
//   mkdir -p corpus && build/fuzz/tests/fuzz/fuzz_readers --write-corpus corpus
//   build/fuzz/tests/fuzz/fuzz_readers -max_len=4096 -rss_limit_mb=1024 -timeout=10 corpus tests/data/fuzz
//
// The first byte chooses the format (0: by content), the rest is the file. A file that breaks a reader goes,
// without that byte, to tests/data/fuzz, under a name whose end tells the format.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#include "host/error.hpp"
#include "io/reader.hpp"
#include "tests/support/fuzz_corpus.hpp"

using namespace grainfield;

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  if (*argc == 3 && std::strcmp((*argv)[1], "--write-corpus") == 0) {
    for (const auto& [name, text] : test::fuzz_corpus())
      std::ofstream(std::string((*argv)[2]) + "/" + name, std::ios::binary) << '\0' << text;
    std::exit(0);
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const char* const formats[] = {"", "lammps-dump", "lammps-data", "extxyz", "poscar", "cfg"};
  if (size == 0) return -1;
  // A file without a disk.
  static const int fd = memfd_create("fuzz", 0);
  static const std::string path = "/proc/self/fd/" + std::to_string(fd);
  if (ftruncate(fd, 0) != 0 || pwrite(fd, data + 1, size - 1, 0) != static_cast<ssize_t>(size - 1))
    std::abort();
  ReadOptions options;
  options.chunk_bytes = 64;
  try {
    const auto reader = open_reader(path, options, formats[data[0] % 6]);
    for (Frame frame; reader->next(frame);) validate(frame, "fuzz");
  } catch (const InputError&) {
  } catch (const ResourceError&) {
  }  // anything else is a finding
  return 0;
}
