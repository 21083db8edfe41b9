// Prints the mean coordination and the lowest relative density of a snapshot: shells SNAPSHOT [bcc 2.83]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "host/engine.hpp"

int main(int argc, char** argv) try {
  if (argc < 2) throw grainfield::UsageError("expected: shells SNAPSHOT [STRUCTURE LATTICE_CONSTANT]");
  grainfield::RunContext run = grainfield::default_run();
  if (argc > 3) {
    run.structure = grainfield::parse_structure(argv[2]);
    run.lattice = grainfield::make_lattice(*run.structure, std::atof(argv[3]));
  }
  const grainfield::Frame frame = grainfield::read_frame(argv[1]);
  const auto results = grainfield::analyze(frame, {{"coordination", {}}, {"density", {}}}, run);
  const auto& z = results.find_observable("mean_coordination")->real;
  const auto& density = results.find_field("relative_density")->real;
  std::printf("%lld atoms: Z1 %.6f, Z2 %.6f, lowest relative density %.6f\n",
              static_cast<long long>(frame.n_atoms()), z[0], z[1],
              density.empty() ? 0.0 : *std::min_element(density.begin(), density.end()));
} catch (const std::exception& error) {
  std::fprintf(stderr, "shells: error: %s\n", error.what());
  return 1;
}
