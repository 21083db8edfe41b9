// Files of H5MD, as snapshots and as `grainfield info` sees them. HDF5 itself is not instrumented: coverage
// is that of the reader's own code.
#include "tests/support/fuzz_h5md.hpp"
#include "io/h5md_contents.hpp"
#include "io/reader.hpp"
#include "tests/fuzz/fuzz_target.hpp"

using namespace grainfield;

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  test::write_seeds(*argc, *argv, test::fuzz_h5md_corpus);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string& path = test::as_file(data, size);
  test::expect_clear_errors([&] {
    const auto reader = open_reader(path, {}, "h5md");
    Frame frame;
    for (size_t n = 0;; ++n) {
      if (n > 1000) break;  // a count of frames without data is no hang
      try {
        if (!reader->next(frame)) break;
        validate(frame, "fuzz");
      } catch (const InputError& error) {
        test::check_message(error);
        if (!reader->recover()) break;
      }
    }
  });
  test::expect_clear_errors([&] { h5md_contents(path); });
  return 0;
}
