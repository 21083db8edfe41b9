// Files of nodes and orientations. The first byte says whether lattice and box are given.
#include <fmt/format.h>

#include "host/grains_file.hpp"
#include "tests/fuzz/fuzz_target.hpp"

using namespace grainfield;

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  test::write_seeds(*argc, *argv, [] {
    const std::string grain =
        R"({"id": 1, "node": [1, 2, 3], "R": [[1, 0, 0], [0, 0.6, 0.8], [0, -0.8, 0.6]]})";
    const std::string placed = R"({"node": [7, 2, 3], "R": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
 "lattice_origin": [0.5, 0, 0]})";
    std::vector<std::pair<std::string, std::string>> seeds;
    for (const auto& [name, head] :
         {std::pair{"bcc", R"("program": "grainfield", "structure": "bcc", "a": 2.83, "element": "Fe",
 "box": [20, 21.5, 22], "site_order": "origin",)"},
          std::pair{"hcp", R"("structure": "hcp", "a": 2.5, "c_over_a": 1.6,
 "box": [[20, 0, 0], [1, 21, 0], [0, 2, 22]], "site_order": "grain-center",)"},
          std::pair{"atomsk", R"("program": "Atomsk 0.13", "lattice": "fcc", "a": 3.6, "box": [9, 9, 9],)"},
          std::pair{"bare", ""}})
      for (const char first : {'\0', '\3'})
        seeds.emplace_back(name + std::to_string(first),
                           first + fmt::format("{{{}\n\"grains\": [{},\n{}]}}\n", head, grain, placed));
    return seeds;
  });
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return -1;
  std::optional<Lattice> lattice;
  std::optional<Box> box;
  if (data[0] & 1) lattice = make_lattice(parse_structure("bcc"), 2.83, 0);
  if (data[0] & 2) box = Box({20, 0, 0}, {0, 21, 0}, {0, 0, 22});
  const std::string& path = test::as_file(data + 1, size - 1);
  test::expect_clear_errors([&] { read_grains_file(path, lattice, box); });
  return 0;
}
