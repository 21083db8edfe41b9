// Moment tensor potentials, with and without an active set. The first byte says whether templates pass.
#include "host/mtp_summary.hpp"
#include "host/mtp_tables.hpp"
#include "io/mtp_file.hpp"
#include "tests/fuzz/fuzz_target.hpp"
#include "tests/support/mtp_models.hpp"

using namespace grainfield;

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  test::write_seeds(*argc, *argv, [] {
    MtpModel one = test::small_mtp(1), two = test::small_mtp(2);
    MtpModel active = one, bare = one, tables = one;
    active.active_set = test::small_active_set(one, 8);
    tables.radial.clear(), tables.species_energy.clear(), tables.linear.clear();
    bare.linear.clear();
    std::vector<std::pair<std::string, std::string>> seeds;
    for (const auto& [name, model] :
         {std::pair{"one.mtp", &one}, std::pair{"two.mtp", &two}, std::pair{"active.almtp", &active},
          std::pair{"tables.mtp", &tables}, std::pair{"bare.mtp", &bare}})
      for (const char first : {'\0', '\1'})
        seeds.emplace_back(name + std::to_string(first), first + format_mtp(*model));
    return seeds;
  });
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return -1;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  MtpReadOptions options;
  options.allow_untrained = data[0] % 2 == 1;
  test::expect_clear_errors([&] {
    const MtpModel model = parse_mtp(text, "fuzz", options);
    summarize(model);
    mtp_elements(model);
    if (!(parse_mtp(format_mtp(model), "fuzz", options) == model)) std::abort();
    if (model.trained() && model.n_coefficients() < 1000) make_mtp_tables(model, true);
  });
  return 0;
}
