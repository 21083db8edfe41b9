// Embedded-atom potentials. The first byte chooses the kind that the name promises (or none).
#include <filesystem>

#include "io/eam_file.hpp"
#include "tests/fuzz/fuzz_target.hpp"
#include "tests/support/eam_systems.hpp"
#include "tests/support/eam_text.hpp"
#include "tests/support/temp_folder.hpp"

using namespace grainfield;

namespace {
constexpr const char* names[] = {"plain", "a.eam", "a.eam.alloy", "a.eam.fs"};
}

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  test::write_seeds(*argc, *argv, [] {
    std::vector<std::pair<std::string, std::string>> seeds;
    for (const char first : {'\0', '\1', '\2', '\3'}) {
      const std::string number = std::to_string(first);
      seeds.emplace_back("Ni" + number, first + test::funcfl_text());
      seeds.emplace_back("one" + number,
                         first + test::setfl_text(test::smooth_eam(1, EamKind::alloy, 4.5, 6, 6)));
      for (const EamKind kind : {EamKind::alloy, EamKind::fs})
        seeds.emplace_back((kind == EamKind::fs ? "fs" : "alloy") + number,
                           first + test::setfl_text(test::smooth_eam(2, kind, 4.5, 6, 6)));
    }
    return seeds;
  });
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return -1;
  static const test::TempFolder folder;
  const std::string& path = test::as_file(data + 1, size - 1);
  const std::string name = folder.file(names[data[0] % 4]);
  if (!std::filesystem::is_symlink(name)) std::filesystem::create_symlink(path, name);
  test::expect_clear_errors([&] { read_eam(name); });
  return 0;
}
