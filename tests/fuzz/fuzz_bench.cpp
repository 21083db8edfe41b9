// Reports of `grainfield bench`, as --compare takes them.
#include "tests/fuzz/fuzz_target.hpp"
#include "tools/cli/bench_report.hpp"

using namespace grainfield;

namespace {

const char* const report = R"({"schema": "grainfield-bench-1",
 "build": {"version": "0.1.0", "commit": "abc", "compiler": "GNU 12.2", "flags": "-O3"},
 "devices": [{"device": "cpu", "name": "EPYC", "threads": 1,
  "ceilings": {"bytes_per_s": 1e10, "flops_per_s": 5e10}}],
 "results": [{"case": "density", "device": "cpu", "atoms": 16000, "checksum": "1.23456789e+05 8f0c",
  "seconds": {"median": 0.5, "spread": 0.01, "all": [0.5, 0.51]}, "atoms_per_s": 32000.0,
  "bytes": 1e6, "flops": 1e7, "bytes_per_s": 2e6, "flops_per_s": 2e7, "of_copy": 0.1,
  "of_multiply_add": 0.2, "of_floor": 0.3, "bound": "memory"}],
 "skipped": []})";

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  test::write_seeds(*argc, *argv, [] {
    return std::vector<std::pair<std::string, std::string>>{{"report.json", report}};
  });
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto other = nlohmann::ordered_json::parse(report);
  const std::string& path = test::as_file(data, size);
  test::expect_clear_errors([&] {
    const auto read = read_bench_report(path);
    compare_bench(read, read);
    compare_bench(other, read);
    compare_bench(read, other);
  });
  return 0;
}
