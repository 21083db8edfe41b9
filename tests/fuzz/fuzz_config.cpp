// Files of options (--config), for a command with options of every kind.
#include <CLI/CLI.hpp>

#include "tests/fuzz/fuzz_target.hpp"
#include "tools/cli/config_file.hpp"

using namespace grainfield;

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  test::write_seeds(*argc, *argv, [] {
    return std::vector<std::pair<std::string, std::string>>{
        {"a.toml",
         "# a comment\ninput = [\"a.dump\", \"b.dump\"]\ncompute = [\"density\", \"coordination\"]\n"
         "structure = \"bcc\"\nlattice = 2.83\nmemory = \"4G\"\nthreads = 2\nquiet = true\nframes = \"::2\"\n"
         "[set]\ndensity.beta = 3.024\ncoordination.cutoffs = [3.4, 4.5]\n"},
        {"b.toml", "compute = 'sfd'\nresume = false\ncompress = true\n[set.sfd]\ncutoff = 5\n"}};
  });
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string& path = test::as_file(data, size);
  std::vector<std::string> input, compute, settings;
  std::string memory, structure, config;
  double lattice = 0;
  int threads = 1;
  bool quiet = false, resume = false;
  CLI::App app("fuzz", "grainfield");
  app.add_option("input", input);
  app.add_option("--compute", compute)->delimiter(',');
  app.add_option("--set", settings)->take_all();
  app.add_option("--structure", structure);
  app.add_option("--lattice", lattice);
  app.add_option("--memory", memory);
  app.add_option("--threads", threads);
  app.add_option("--config", config)->configurable(false);
  app.add_flag("--quiet", quiet);
  app.add_flag("--resume", resume);
  test::expect_clear_errors([&] {
    try {
      read_config(app, path);
    } catch (const UsageError& error) {
      test::check_message(error);
    }
  });
  return 0;
}
