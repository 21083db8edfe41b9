// The readers of text. The first byte chooses the format (0: by content) and how frames are taken; the rest
// is the file.
#include <memory>

#include "io/reader.hpp"
#include "tests/fuzz/fuzz_target.hpp"
#include "tests/support/fuzz_corpus.hpp"

using namespace grainfield;

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  test::write_seeds(*argc, *argv, [] {
    auto seeds = test::fuzz_corpus();
    for (auto& [name, text] : seeds) text.insert(0, 1, '\0');
    return seeds;
  });
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const char* const formats[] = {"", "lammps-dump", "lammps-data", "extxyz", "poscar", "cfg"};
  if (size == 0) return -1;
  const std::string& path = test::as_file(data + 1, size - 1);
  ReadOptions options;
  options.chunk_bytes = 64;
  const int way = data[0] / 6 % 3;
  test::expect_clear_errors([&] {
    const auto reader = open_reader(path, options, formats[data[0] % 6]);
    // A frame takes a line at least: more frames than bytes would be a hang.
    Frame frame;
    for (size_t n = 0;; ++n) {
      if (n > size) std::abort();
      try {
        if (way == 1 && n % 2 == 1) {
          if (!reader->skip()) break;
          continue;
        }
        if (!reader->next(frame)) break;
        validate(frame, "fuzz");
      } catch (const InputError& error) {
        test::check_message(error);
        if (way != 2 || !reader->recover()) break;
      }
    }
  });
  return 0;
}
