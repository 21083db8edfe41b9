// Reading speed of the text formats: MB of text per second and atoms per second, one thread and all.
//
// The file is generated (bcc Fe with a displacement of about 0.1 A, 9 decimals as LAMMPS would be asked for),
// lies in the page cache, and every repetition reads it whole, from open_reader to the validated frame.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <unistd.h>
#include <zlib.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include "bench/floors.hpp"
#include "io/reader.hpp"

namespace grainfield {
namespace {

constexpr int cells = 80;  // 2 x 80^3 = 1,024,000 atoms
constexpr double lattice = 2.83;

enum class Format { dump, data, extxyz };

// Deterministic, so that all formats and runs hold the same numbers.
double noise(uint64_t& state) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (static_cast<double>(state >> 11) * 0x1p-53 - 0.5) * 0.35;
}

template <class Row>
void for_each_atom(const Row& row) {
  uint64_t state = 7;
  int64_t id = 0;
  for (int i = 0; i < cells; ++i)
    for (int j = 0; j < cells; ++j)
      for (int k = 0; k < cells; ++k)
        for (int basis = 0; basis < 2; ++basis) {
          const double h = 0.5 * basis;
          const double x = (i + h) * lattice + noise(state), y = (j + h) * lattice + noise(state);
          row(++id, x, y, (k + h) * lattice + noise(state));
        }
}

std::string text_of(Format format) {
  const int64_t n = 2LL * cells * cells * cells;
  const double length = cells * lattice;
  fmt::memory_buffer out;
  auto to = std::back_inserter(out);
  switch (format) {
    case Format::dump:
      fmt::format_to(to, "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n{}\nITEM: BOX BOUNDS pp pp pp\n", n);
      for (int k = 0; k < 3; ++k) fmt::format_to(to, "{:.16e} {:.16e}\n", 0.0, length);
      fmt::format_to(to, "ITEM: ATOMS id type x y z\n");
      for_each_atom([&](int64_t id, double x, double y, double z) {
        fmt::format_to(to, "{} 1 {:.9f} {:.9f} {:.9f}\n", id, x, y, z);
      });
      break;
    case Format::data:
      fmt::format_to(to, "bench\n\n{} atoms\n1 atom types\n\n", n);
      for (const char axis : {'x', 'y', 'z'}) fmt::format_to(to, "0 {} {}lo {}hi\n", length, axis, axis);
      fmt::format_to(to, "\nMasses\n\n1 55.845\n\nAtoms # atomic\n\n");
      for_each_atom([&](int64_t id, double x, double y, double z) {
        fmt::format_to(to, "{} 1 {:.9f} {:.9f} {:.9f}\n", id, x, y, z);
      });
      break;
    case Format::extxyz:
      fmt::format_to(to, "{0}\nLattice=\"{1} 0 0 0 {1} 0 0 0 {1}\" Properties=species:S:1:pos:R:3\n", n,
                     length);
      for_each_atom([&](int64_t, double x, double y, double z) {
        fmt::format_to(to, "Fe {:.9f} {:.9f} {:.9f}\n", x, y, z);
      });
      break;
  }
  return fmt::to_string(out);
}

// The files, made once and removed at exit.
class Files {
 public:
  Files() {
    std::string name = (std::filesystem::temp_directory_path() / "grainfield-bench-XXXXXX").string();
    if (!mkdtemp(name.data())) std::abort();
    folder_ = name;
  }
  ~Files() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  struct File {
    std::string path;
    size_t text_bytes;
  };

  const File& get(Format format, bool gzip) {
    File& file = files_[{format, gzip}];
    if (!file.path.empty()) return file;
    const char* names[] = {"a.dump", "a.data", "a.xyz"};
    const std::string text = text_of(format);
    file = {folder_ + "/" + names[static_cast<int>(format)] + (gzip ? ".gz" : ""), text.size()};
    if (gzip) {
      gzFile out = gzopen(file.path.c_str(), "wb6");
      gzwrite(out, text.data(), static_cast<unsigned>(text.size()));
      gzclose(out);
    } else {
      std::ofstream(file.path, std::ios::binary) << text;
    }
    return file;
  }

 private:
  std::string folder_;
  std::map<std::pair<Format, bool>, File> files_;
};

void bench_read(benchmark::State& state, Format format, bool gzip) {
  static Files files;
  const Files::File& file = files.get(format, gzip);
  ReadOptions options;
  options.threads = static_cast<int>(state.range(0));
  Frame frame;
  for (auto _ : state) {
    if (!open_reader(file.path, options)->next(frame)) state.SkipWithError("no frame");
    benchmark::DoNotOptimize(frame.position.data());
  }
  const auto runs = static_cast<double>(state.iterations());
  bench::add_floor(state, options.threads,
                   cost::read(static_cast<double>(frame.n_atoms()), static_cast<double>(file.text_bytes)));
  state.counters["MB/s"] =
      benchmark::Counter(runs * static_cast<double>(file.text_bytes) * 1e-6, benchmark::Counter::kIsRate);
  state.counters["atoms/s"] =
      benchmark::Counter(runs * static_cast<double>(frame.n_atoms()), benchmark::Counter::kIsRate);
}

void threads(benchmark::internal::Benchmark* b) {
  b->ArgName("threads")->Arg(1)->Unit(benchmark::kMillisecond)->UseRealTime()->MinTime(1);
  const int all = static_cast<int>(std::thread::hardware_concurrency());
  if (all > 1) b->Arg(all);
}

BENCHMARK_CAPTURE(bench_read, lammps_dump, Format::dump, false)->Apply(threads);
BENCHMARK_CAPTURE(bench_read, lammps_data, Format::data, false)->Apply(threads);
BENCHMARK_CAPTURE(bench_read, extxyz, Format::extxyz, false)->Apply(threads);
BENCHMARK_CAPTURE(bench_read, lammps_dump_gz, Format::dump, true)->Apply(threads);

}  // namespace
}  // namespace grainfield
