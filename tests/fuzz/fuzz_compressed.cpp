// Compressed files, cut and damaged: format, packing, place of the damage (2 bytes each), then the text. With
// packing 0 the text is the file's bytes as they are.
#include "io/eam_file.hpp"
#include "io/mtp_file.hpp"
#include "io/reader.hpp"
#include "tests/fuzz/fuzz_target.hpp"
#include "tests/support/compress.hpp"
#include "tests/support/eam_text.hpp"
#include "tests/support/fuzz_corpus.hpp"

using namespace grainfield;

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  test::write_seeds(*argc, *argv, [] {
    std::vector<std::pair<std::string, std::string>> seeds;
    auto texts = test::fuzz_corpus();
    texts.emplace_back("Ni.eam", test::funcfl_text());
    for (const auto& [name, text] : texts)
      for (int packing = 0; packing < 8; ++packing) {
        const std::string head{name == "Ni.eam" ? '\6' : '\0', static_cast<char>(packing), '\x40', '\0'};
        seeds.emplace_back(name + std::to_string(packing), head + (packing == 0 ? test::gzip(text) : text));
        if (packing == 0) seeds.emplace_back(name + "zstd", head + test::zstd(text));
      }
    return seeds;
  });
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const char* const formats[] = {"", "lammps-dump", "lammps-data", "extxyz", "poscar", "cfg"};
  if (size < 4) return -1;
  std::string bytes(reinterpret_cast<const char*>(data + 4), size - 4);
  const int format = data[0] % 8, packing = data[1] % 8;
  if (packing > 0) bytes = packing % 2 ? test::gzip(bytes) : test::zstd(bytes);
  const size_t place = (data[2] | data[3] << 8) % (bytes.size() + 1);
  if (packing == 3 || packing == 4) bytes.resize(place);
  if ((packing == 5 || packing == 6) && place < bytes.size()) bytes[place] = static_cast<char>(~bytes[place]);
  if (packing == 7) bytes += bytes.substr(0, place);  // a second member, whole or not
  const std::string& path = test::as_file(bytes.data(), bytes.size());
  ReadOptions options;
  options.chunk_bytes = 64;
  test::expect_clear_errors([&] {
    if (format == 6) {
      read_eam(path);
    } else if (format == 7) {
      read_mtp(path);
    } else {
      const auto reader = open_reader(path, options, formats[format]);
      for (Frame frame; reader->next(frame);) validate(frame, "fuzz");
    }
  });
  return 0;
}
