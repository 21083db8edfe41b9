// grainfield build crystal | polycrystal
#include <fmt/format.h>
#include <sys/resource.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "host/build_crystal.hpp"
#include "host/build_polycrystal.hpp"
#include "host/disorder.hpp"
#include "host/error.hpp"
#include "host/grains_file.hpp"
#include "host/limits.hpp"
#include "io/writer.hpp"
#include "tools/cli/commands.hpp"

namespace grainfield {
namespace {

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double peak_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return 1024.0 * static_cast<double>(usage.ru_maxrss);
}

// What both builders ask for.
struct Common {
  std::string structure;
  double a = 0, c_over_a = 0;
  std::string element;
  std::vector<std::string> species;
  std::vector<double> fractions;
  uint64_t seed = 1;
  int threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  std::string output, format;
  bool compress = false;

  void add_to(CLI::App& app) {
    app.add_option("--structure", structure, "sc, bcc, fcc, hcp or diamond");
    app.add_option("--lattice", a, "lattice constant a, A");
    app.add_option("--c-over-a", c_over_a, "c/a of hcp (default: the ideal sqrt(8/3))");
    auto* one = app.add_option("--element", element, "chemical element of all atoms, such as Fe");
    auto* many =
        app.add_option("--species", species, "elements of a random alloy, such as Fe,Cr")->delimiter(',');
    many->excludes(one);
    app.add_option("--fractions", fractions, "their fractions, such as 0.9,0.1; counts are exact")
        ->delimiter(',')
        ->needs(many);
    app.add_option("--seed", seed, "seed of all random choices")->capture_default_str();
    app.add_option("--threads", threads, "host threads; the result does not depend on them")
        ->capture_default_str();
    app.add_option("-o,--output", output,
                   "file to write; its name gives the format (.h5, .xyz, .lmp, .dump, .cfg, ...)")
        ->required();
    app.add_option("--format", format, "format of the output, whatever its name");
    app.add_flag("--compress", compress, "compress H5MD datasets");
  }

  std::optional<Lattice> lattice() const {
    if (structure.empty() && a == 0) return {};
    if (structure.empty()) throw UsageError("--lattice needs --structure: sc, bcc, fcc, hcp or diamond");
    if (a == 0) throw UsageError("--structure needs --lattice, the lattice constant in A");
    return make_lattice(parse_structure(structure), a, c_over_a);
  }

  // The element to build with; an alloy's species are drawn afterwards.
  std::string base_element(const std::optional<std::string>& from_file = {}) const {
    if (!element.empty()) return element;
    if (!species.empty()) return species.front();
    if (from_file) return *from_file;
    throw UsageError("no element; expected --element Fe, or --species Fe,Cr --fractions 0.9,0.1");
  }

  void check() const {
    if (threads < 1) throw UsageError(fmt::format("--threads {}; expected 1 or more", threads));
    expect_threads(threads);
    if (!species.empty()) element_species(species);
    if (species.size() > 1 && fractions.size() != species.size())
      throw UsageError(
          fmt::format("{} species need as many --fractions; found {}", species.size(), fractions.size()));
  }

  void draw_species(Frame& frame) const {
    if (species.size() < 2) return;
    frame.species = element_species(species);
    assign_species(frame, exact_counts(frame.n_atoms(), fractions), seed);
  }

  std::unique_ptr<Writer> open() const { return open_writer(output, {threads, compress}, format); }
};

struct Timer {
  double start = seconds(), built = 0;
  void lap() { built = seconds() - start; }
  void report(const Frame& frame, const Lattice& lattice, const std::string& output) const {
    const double n = static_cast<double>(frame.n_atoms()), total = seconds() - start;
    const double density = n / frame.box.volume();
    fmt::print("number density {:.6g} A^-3, {:.6f} of the bulk's\n", density,
               density / lattice.number_density());
    fmt::print(
        "built in {:.3g} s ({:.3g} million atoms/s), written to {} in {:.3g} s; peak memory {:.0f} MB "
        "({:.0f} bytes/atom)\n",
        built, n / std::max(built, 1e-9) * 1e-6, output, total - built, peak_bytes() / 1e6,
        peak_bytes() / std::max(n, 1.0));
  }
};

struct CrystalCommand {
  Common common;
  std::vector<std::string> orient;
  std::vector<int> repeat{1, 1, 1};
  std::vector<double> strain;
  double rattle_sigma = 0;
  int64_t vacancies = 0;
  double vacancy_fraction = 0;

  void run() const {
    Timer timer;
    common.check();
    CrystalOptions options;
    const auto lattice = common.lattice();
    if (!lattice) throw UsageError("no lattice; expected --structure bcc --lattice 2.83");
    options.lattice = *lattice;
    options.element = common.base_element();
    options.threads = common.threads;
    for (size_t k = 0; k < orient.size(); ++k) options.directions[k] = parse_direction(orient[k]);
    for (size_t k = 0; k < 3; ++k) options.repeat[k] = repeat[repeat.size() == 1 ? 0 : k];
    if (!strain.empty() && strain.size() != 3 && strain.size() != 6)
      throw UsageError(fmt::format(
          "--strain has {} components; expected 3 (xx yy zz) or 6 (xx yy zz yz xz xy)", strain.size()));
    std::copy(strain.begin(), strain.end(), options.strain.begin());
    if (!(vacancy_fraction >= 0 && vacancy_fraction <= 1))
      throw UsageError(fmt::format("--vacancy-fraction {}; expected 0 to 1", vacancy_fraction));
    const auto writer = common.open();
    Frame frame = build_crystal(options);
    const int64_t perfect = frame.n_atoms();
    common.draw_species(frame);
    const auto missing =
        vacancies != 0 ? vacancies : std::llround(vacancy_fraction * static_cast<double>(perfect));
    make_vacancies(frame, missing, common.seed);
    rattle(frame, rattle_sigma, common.seed, common.threads);
    timer.lap();
    writer->write(frame);
    writer->close();
    fmt::print("{} atoms of {} {}, {} vacancies\n", frame.n_atoms(), structure_name(lattice->structure),
               common.species.empty() ? options.element : fmt::format("{}", fmt::join(common.species, "-")),
               missing);
    const Box& box = frame.box;
    fmt::print(
        "cell a = ({:.10g} {:.10g} {:.10g}), b = ({:.10g} {:.10g} {:.10g}), c = ({:.10g} {:.10g} {:.10g}) "
        "A\n",
        box.a.x, box.a.y, box.a.z, box.b.x, box.b.y, box.b.z, box.c.x, box.c.y, box.c.z);
    timer.report(frame, options.lattice, common.output);
  }
};

struct PolycrystalCommand {
  Common common;
  std::vector<double> box;
  double atoms = 0;
  int grains = 0;
  std::string grains_file;
  double min_node_distance = 0;
  std::optional<double> min_distance;

  void run() const {
    Timer timer;
    common.check();
    PolycrystalOptions options;
    options.threads = common.threads;
    std::optional<Lattice> lattice = common.lattice();
    std::optional<Box> cell = explicit_box(lattice);
    std::optional<std::string> element;
    if (!grains_file.empty()) {
      GrainsFile file = read_grains_file(grains_file, lattice, cell);
      lattice = file.lattice, cell = file.box, element = file.element;
      options.grains = std::move(file.grains);
    }
    if (!lattice) throw UsageError("no lattice; expected --structure bcc --lattice 2.83");
    if (!cell) throw UsageError("no box; expected --box 56.6 56.6 56.6 or --atoms 16000");
    options.lattice = *lattice;
    options.box = *cell;
    options.element = common.base_element(element);
    if (grains_file.empty())
      options.grains = random_grains(grains, options.box, options.lattice, common.seed, min_node_distance);
    options.min_distance = min_distance.value_or(0.8 * options.lattice.nearest_neighbor_distance());
    const auto writer = common.open();
    Polycrystal built = build_polycrystal(options);
    common.draw_species(built.frame);
    timer.lap();
    writer->write(built.frame);
    GrainsHeader header{options.element, {}, options.min_distance, min_node_distance};
    if (grains_file.empty()) header.seed = common.seed;
    const std::string truth = common.output + ".grains.json";
    write_grains_file(truth, built, options.lattice, header);
    writer->close();
    fmt::print(
        "{} atoms of {} {} in {} grains; {} of {} removed (closer than {:.4g} A); nodes and orientations in "
        "{}\n",
        built.frame.n_atoms(), structure_name(options.lattice.structure),
        common.species.empty() ? options.element : fmt::format("{}", fmt::join(common.species, "-")),
        built.grains.size(), built.n_raw - built.frame.n_atoms(), built.n_raw, options.min_distance, truth);
    timer.report(built.frame, options.lattice, common.output);
  }

 private:
  std::optional<Box> explicit_box(const std::optional<Lattice>& lattice) const {
    if (!box.empty()) {
      if (box.size() != 1 && box.size() != 3)
        throw UsageError(fmt::format("--box has {} lengths; expected 1 (a cube) or 3", box.size()));
      double edge[3];
      for (size_t k = 0; k < 3; ++k) {
        edge[k] = box[box.size() == 1 ? 0 : k];
        if (!(edge[k] > 0) || !std::isfinite(edge[k]))
          throw UsageError(fmt::format("--box: length {}; expected positive lengths in A", edge[k]));
      }
      return Box({edge[0], 0, 0}, {0, edge[1], 0}, {0, 0, edge[2]});
    }
    if (atoms == 0) return {};
    if (!(atoms >= 1) || !std::isfinite(atoms))
      throw UsageError(fmt::format("--atoms {}; expected 1 or more", atoms));
    if (!lattice) throw UsageError("--atoms needs --structure and --lattice");
    const double edge = std::cbrt(atoms / lattice->number_density());
    return Box({edge, 0, 0}, {0, edge, 0}, {0, 0, edge});
  }
};

}  // namespace

void add_build(CLI::App& app) {
  auto* build = app.add_subcommand("build", "Build a crystal or a polycrystal");
  build->require_subcommand(1);

  {
    auto command = std::make_shared<CrystalCommand>();
    auto* sub = build->add_subcommand("crystal", "Build a perfect, strained, rattled or alloyed crystal");
    command->common.add_to(*sub);
    sub->add_option("--repeat", command->repeat, "repetitions of the cell along x, y, z (one number: all)")
        ->expected(1, 3);
    sub->add_option(
           "--orient", command->orient,
           "lattice directions along x, y, z, such as 1,1,1 -1,1,0 -1,-1,2; the cell is spanned by the "
           "shortest lattice vectors along them (hcp: three indices in the cell a x sqrt(3) a x c)")
        ->expected(3);
    sub->add_option("--strain", command->strain,
                    "strain tensor: xx yy zz, or xx yy zz yz xz xy (tensor components, dimensionless)")
        ->expected(3, 6);
    sub->add_option("--rattle", command->rattle_sigma, "standard deviation of random displacements, A");
    auto* count =
        sub->add_option("--vacancies", command->vacancies, "number of atoms to leave out at random");
    sub->add_option("--vacancy-fraction", command->vacancy_fraction, "fraction of atoms to leave out")
        ->excludes(count);
    sub->footer(
        "Examples:\n"
        "  grainfield build crystal --structure bcc --lattice 2.83 --element Fe --repeat 10 10 10 -o fe.h5\n"
        "  grainfield build crystal --structure fcc --lattice 3.615 --species Cu,Ni --fractions 0.7,0.3 \\\n"
        "      --orient 1,1,-2 -1,1,0 1,1,1 --repeat 6 10 4 --rattle 0.05 --seed 3 -o cuni.xyz");
    sub->callback([command] { command->run(); });
  }
  {
    auto command = std::make_shared<PolycrystalCommand>();
    auto* sub = build->add_subcommand("polycrystal", "Build a periodic Voronoi nano-polycrystal");
    command->common.add_to(*sub);
    auto* box = sub->add_option("--box", command->box, "edges of the periodic box, A (one number: a cube)")
                    ->expected(1, 3);
    sub->add_option("--atoms", command->atoms, "instead: a cube for this many atoms before the removal")
        ->excludes(box);
    auto* grains =
        sub->add_option("--grains", command->grains, "number of grains at random nodes and orientations");
    sub->add_option("--min-node-distance", command->min_node_distance,
                    "least distance of the random nodes, A");
    sub->add_option(
           "--grains-file", command->grains_file,
           "JSON with nodes, orientations and lattice origins, such as OUTPUT.grains.json of an earlier run")
        ->excludes(grains);
    sub->add_option(
        "--min-distance", command->min_distance,
        "remove atoms closer than this, A, keeping the first of each pair in file order (default: 0.8 of "
        "the nearest-neighbor distance; 0: keep all)");
    sub->footer(
        "Examples:\n"
        "  grainfield build polycrystal --structure bcc --lattice 2.83 --element Fe --box 56.6 56.6 56.6 \\\n"
        "      --grains 8 --seed 1 --min-distance 2.0 -o fe.h5\n"
        "  grainfield build polycrystal --grains-file fe.h5.grains.json --min-distance 2.0 -o again.xyz");
    sub->callback([command] { command->run(); });
  }
}

}  // namespace grainfield
