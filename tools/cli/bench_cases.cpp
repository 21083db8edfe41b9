#include "tools/cli/bench_cases.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <numeric>
#include <utility>

#include "host/batch.hpp"
#include "host/bench_inputs.hpp"
#include "host/gaussian_field.hpp"
#include "host/lattice.hpp"
#include "host/primitives.hpp"
#include "host/registry.hpp"
#include "io/reader.hpp"
#include "io/results_writer.hpp"
#include "io/writer.hpp"
#include "kernels/density/planar_density.hpp"
#include "kernels/descriptors/sfd.hpp"
#include "kernels/potential/eam.hpp"
#include "kernels/potential/mtp.hpp"
#include "kernels/structure/rdf.hpp"
#include "kernels/structure/structure.hpp"
#include "tools/cli/placed_sum.hpp"

namespace grainfield {
namespace {

constexpr double list_cutoff = 5.5;  // A, of the cases that are about lists themselves
constexpr double beta = 3.024;       // A

// Values of the batch's local atoms, [n_local][components], in the order of the snapshot.
std::vector<double> in_order(const Batch& batch, const double* values, int components) {
  std::vector<double> ordered(static_cast<size_t>(batch.n_input() * components));
  scatter(batch, values, components, ordered);
  return ordered;
}

double sum_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

double n_of(const BenchInput& input) { return static_cast<double>(input.frame.n_atoms()); }

BenchRun prepare_read(const BenchInput& input) {
  const std::string path = input.folder + "/bench.dump";
  const auto writer = open_writer(path, {input.exec.threads, false});
  writer->write(input.frame);
  writer->close();
  auto frame = std::make_shared<Frame>();
  BenchRun run;
  run.run = [path, frame, threads = input.exec.threads] {
    ReadOptions options;
    options.threads = threads;
    if (!open_reader(path, options)->next(*frame)) throw std::logic_error("bench: no frame in " + path);
  };
  run.checksum = [frame] {
    BenchChecksum sum;
    std::vector<double> values;
    for (const Vec3 r : frame->position) values.insert(values.end(), {r.x, r.y, r.z});
    sum.add(values);
    sum.add(frame->type);
    return sum.text();
  };
  run.cost = cost::read(n_of(input), static_cast<double>(std::filesystem::file_size(path)));
  return run;
}

BenchRun prepare_write(const BenchInput& input) {
  struct State {
    FrameResults results;
    std::string path;
  };
  auto state = std::make_shared<State>();
  state->path = input.folder + "/bench.h5";
  state->results.n_atoms = input.frame.n_atoms();
  state->results.box = input.frame.box;
  Field& field = state->results.fields.emplace_back();
  field.name = "density";
  for (const Vec3 r : input.frame.position) field.real.push_back(r.x + r.y);
  BenchRun run;
  run.before = [state] { std::filesystem::remove(state->path); };
  run.run = [state, &frame = input.frame] {
    const auto writer = open_results(state->path, {"bench", "grainfield bench", {}, {}});
    writer->write(frame, state->results);
    writer->close();
  };
  run.checksum = [state] {
    Frame read;
    open_reader(state->path)->next(read);
    BenchChecksum sum;
    std::vector<double> values;
    for (const Vec3 r : read.position) values.insert(values.end(), {r.x, r.y, r.z});
    sum.add(values);
    sum.add(read.type);
    return sum.text();
  };
  // Position, species, id and the field.
  run.cost = cost::write(n_of(input) * (24 + 4 + 8 + 8));
  return run;
}

// The grid of the frame, positions and keys of the cells, where the kernels run.
struct CellState {
  explicit CellState(const BenchInput& input)
      : exec(input.exec),
        batch(exec),
        grids(exec),
        position(exec),
        n_own(exec),
        n_ghost(exec),
        own_slot(exec),
        ghost_slot(exec),
        start(exec),
        own_at(exec),
        ghost_at(exec),
        own_key(exec),
        ghost_key(exec),
        sorted_key(exec),
        sorted_slot(exec),
        own_image(exec),
        ghost_image(exec) {
    batch.build({&input.frame}, list_cutoff, list_cutoff / cells_per_cutoff);
    n = input.frame.n_atoms();
    n_cells = batch.grids().front().n_cells();
    grids.upload(batch.grids());
    position.upload(input.frame.position);
    for (Buffer<int32_t>* counts : {&n_own, &n_ghost}) counts->resize(n);
    for (Buffer<int64_t>* offsets : {&own_at, &ghost_at}) offsets->resize(n + 1);
    for (Buffer<uint32_t>* keys : {&own_key, &sorted_key}) keys->resize(n);
    for (Buffer<int32_t>* slots : {&own_slot, &sorted_slot}) slots->resize(n);
    own_image.resize(n);
    const int64_t ghosts = batch.n_ghost();
    ghost_key.resize(ghosts);
    ghost_slot.resize(ghosts);
    ghost_image.resize(ghosts);
    start.resize(n_cells + 1);
  }
  void images() {
    const InputView input{n, position.data(), nullptr, grids.data()};
    count_images(exec, input, n_own.data(), n_ghost.data());
    exclusive_scan(exec, n_own.data(), n, own_at.data());
    exclusive_scan(exec, n_ghost.data(), n, ghost_at.data());
    write_images(exec, input,
                 {own_at.data(), ghost_at.data(), own_key.data(), ghost_key.data(), own_slot.data(),
                  ghost_slot.data(), own_image.data(), ghost_image.data()});
  }
  void unsort() {
    copy_within(exec, sorted_key.data(), own_key.data(), static_cast<size_t>(n) * sizeof(uint32_t));
    copy_within(exec, sorted_slot.data(), own_slot.data(), static_cast<size_t>(n) * sizeof(int32_t));
  }
  void sort() {
    sort_by_key(exec, n, sorted_key.data(), sorted_slot.data());
    find_cell_starts(exec, sorted_key.data(), n, n_cells, start.data());
  }

  Exec exec;
  Batch batch;
  int64_t n = 0, n_cells = 0;
  Buffer<CellGrid> grids;
  Buffer<Vec3> position;
  Buffer<int32_t> n_own, n_ghost, own_slot, ghost_slot, start;
  Buffer<int64_t> own_at, ghost_at;
  Buffer<uint32_t> own_key, ghost_key, sorted_key;
  Buffer<int32_t> sorted_slot;
  Buffer<ImageOf> own_image, ghost_image;
};

BenchRun prepare_ghosts(const BenchInput& input) {
  auto state = std::make_shared<CellState>(input);
  BenchRun run;
  run.run = [state] { state->images(); };
  run.checksum = [state] {
    BenchChecksum sum;
    std::vector<int32_t> values;
    for (const Buffer<ImageOf>* images : {&state->own_image, &state->ghost_image})
      for (const ImageOf& image : images->to_vector())
        values.insert(values.end(), {image.atom, image.number});
    sum.add(values);
    return sum.text();
  };
  run.cost = cost::ghosts(n_of(input), static_cast<double>(state->batch.n_total()));
  return run;
}

BenchRun prepare_cells(const BenchInput& input) {
  auto state = std::make_shared<CellState>(input);
  state->images();
  BenchRun run;
  run.before = [state] { state->unsort(); };
  run.run = [state] { state->sort(); };
  run.checksum = [state] {
    BenchChecksum sum;
    sum.add(state->sorted_slot.to_vector());
    sum.add(state->start.to_vector());
    return sum.text();
  };
  run.cost = cost::cells(n_of(input), static_cast<double>(state->n_cells));
  return run;
}

BenchRun prepare_batch(const BenchInput& input) {
  auto batch = std::make_shared<Batch>(input.exec);
  BenchRun run;
  run.run = [batch, &frame = input.frame] {
    batch->build({&frame}, list_cutoff, list_cutoff / cells_per_cutoff);
    synchronize(batch->exec());
  };
  run.checksum = [batch] {
    std::vector<int64_t> source(static_cast<size_t>(batch->n_total()));
    copy_to_host(batch->exec(), source.data(), batch->source().data, source.size() * sizeof(int64_t));
    BenchChecksum sum;
    sum.add(source);
    return sum.text();
  };
  run.cost = cost::batch(n_of(input));
  return run;
}

BenchRun prepare_neighbor_list(const BenchInput& input) {
  struct State {
    explicit State(const Exec& exec) : batch(exec), list(exec) {}
    Batch batch;
    NeighborList list;
  };
  auto state = std::make_shared<State>(input.exec);
  state->batch.build({&input.frame}, list_cutoff, list_cutoff / cells_per_cutoff);
  state->list.build(state->batch, list_cutoff);
  BenchRun run;
  run.run = [state] { state->list.build(state->batch, list_cutoff); };
  run.checksum = [state] {
    const NeighborView view = state->list.view();
    std::vector<int64_t> first(static_cast<size_t>(view.n_rows) + 1);
    std::vector<int32_t> index(static_cast<size_t>(state->list.n_pairs()));
    const Exec& exec = state->batch.exec();
    copy_to_host(exec, first.data(), view.first, first.size() * sizeof(int64_t));
    copy_to_host(exec, index.data(), view.index, index.size() * sizeof(int32_t));
    BenchChecksum sum;
    sum.add(first);
    sum.add(index);
    return sum.text();
  };
  run.numbers = [state] {
    const NeighborView view = state->list.view();
    std::vector<int64_t> first(static_cast<size_t>(view.n_rows) + 1);
    const Exec& exec = state->batch.exec();
    copy_to_host(exec, first.data(), view.first, first.size() * sizeof(int64_t));
    std::vector<double> length;
    for (size_t k = 0; k + 1 < first.size(); ++k)
      length.push_back(static_cast<double>(first[k + 1] - first[k]));
    Buffer<double> there(exec);
    there.upload(length);
    const std::vector<double> ordered = in_order(state->batch, there.data(), 1);
    return BenchNumbers{{"pairs", sum_of(ordered)}, {"neighbors_by_place", placed_sum(ordered)}};
  };
  const auto whole = [state, &frame = input.frame] {
    state->batch.build({&frame}, list_cutoff, list_cutoff / cells_per_cutoff);
    state->list.build(state->batch, list_cutoff);
  };
  run.peer = {&input.frame, whole, {{"cutoff", list_cutoff}}};
  const auto pairs = static_cast<double>(state->list.n_pairs());
  run.neighbors = pairs / n_of(input);
  run.cost = cost::neighbor_list(n_of(input), pairs);
  return run;
}

BenchRun prepare_density(const BenchInput& input, GaussianMethod method) {
  struct State {
    State(const Exec& exec, GaussianMethod m) : batch(exec), field(exec, beta, m), rho(exec) {}
    Batch batch;
    GaussianField field;
    Buffer<double> rho;
  };
  auto state = std::make_shared<State>(input.exec, method);
  const double reach = GaussianField::reach(beta, method);
  state->batch.build({&input.frame}, reach, reach / 4);
  state->rho.resize(state->batch.n_local());
  BenchRun run;
  run.run = [state] {
    const auto [lo, hi] = local_bounds(state->batch);
    state->field.set_atoms(state->batch, nullptr, lo, hi);
    state->field.evaluate(state->batch, nullptr, state->batch.n_local(), state->rho.data());
    synchronize(state->batch.exec());
  };
  run.checksum = [state] {
    BenchChecksum sum;
    sum.add(in_order(state->batch, state->rho.data(), 1));
    return sum.text();
  };
  run.cost =
      method == GaussianMethod::grid ? cost::density_grid(n_of(input)) : cost::density_sum(n_of(input));
  return run;
}

BenchRun prepare_density_profile(const BenchInput& input) {
  auto values = std::make_shared<std::vector<double>>();
  BenchRun run;
  run.run = [values, &frame = input.frame, exec = input.exec] {
    *values = PlanarDensity(frame, 2, beta, 0.1, exec.threads).planar(exec);
  };
  run.checksum = [values] {
    BenchChecksum sum;
    sum.add(*values);
    return sum.text();
  };
  run.cost = cost::density_profile(n_of(input));
  return run;
}

BenchRun prepare_rdf(const BenchInput& input) {
  constexpr double range = 8;  // A
  struct State {
    explicit State(const Exec& exec) : batch(exec) {}
    Batch batch;
    RdfParams params = rdf_params(range, 0.02);
    std::vector<int64_t> counts;
  };
  auto state = std::make_shared<State>(input.exec);
  state->batch.build({&input.frame}, range, 2);
  BenchRun run;
  run.run = [state] {
    std::fill(state->counts.begin(), state->counts.end(), 0);
    count_pairs(state->batch, state->params, state->counts);
  };
  run.checksum = [state] {
    BenchChecksum sum;
    sum.add(state->counts);
    return sum.text();
  };
  run.numbers = [state] {
    const std::vector<double> counts(state->counts.begin(), state->counts.end());
    return BenchNumbers{{"pairs", sum_of(counts)}, {"bins_by_place", placed_sum(counts)}};
  };
  const auto whole = [state, &frame = input.frame, once = run.run] {
    state->batch.build({&frame}, range, 2);
    once();
  };
  run.peer = {&input.frame, whole, {{"cutoff", range}, {"bins", state->params.n_bins}}};
  run.run();
  const auto pairs =
      static_cast<double>(std::accumulate(state->counts.begin(), state->counts.end(), int64_t{0}));
  run.neighbors = pairs / n_of(input);
  run.cost = cost::rdf(n_of(input), pairs);
  return run;
}

// About one atom of 64 leaves its place by 0.9 A, so that there is something to be found.
Frame with_defects(const Frame& frame) {
  Frame disturbed = frame;
  for (Vec3& r : disturbed.position)
    if (mixed(std::bit_cast<uint64_t>(r.x)) % 64 == 0) r = r + Vec3{0.7, 0.5, 0.3};
  return disturbed;
}

// Those of an analysis that has peers.
BenchNumbers numbers_of(const FrameResults& results) {
  BenchNumbers numbers;
  if (const Field* z = results.find_field("coordination")) {  // Z1 and Z2 of an atom
    std::vector<int64_t> both;
    for (size_t k = 0; k + 1 < z->integer.size(); k += 2) both.push_back(z->integer[k] + z->integer[k + 1]);
    numbers = {{"pairs", std::accumulate(both.begin(), both.end(), 0.0)},
               {"neighbors_by_place", placed_sum(both)}};
  } else if (const Field* type = results.find_field("structure_type")) {
    const char* names[] = {"other", "fcc", "hcp", "bcc", "ico"};  // in the order of StructureType
    for (int k = structure_other; k <= structure_ico; ++k)
      numbers.emplace_back(names[k],
                           static_cast<double>(std::count(type->integer.begin(), type->integer.end(), k)));
    numbers.emplace_back("types_by_place", placed_sum(type->integer));
  } else if (const Field* volume = results.find_field("voronoi_volume")) {
    const std::vector<int32_t>& faces = results.find_field("voronoi_faces")->integer;
    numbers = {{"volume", sum_of(volume->real)},
               {"area", sum_of(results.find_field("voronoi_area")->real)},
               {"faces", std::accumulate(faces.begin(), faces.end(), 0.0)},
               {"volumes_by_place", placed_sum(volume->real)}};
  }
  return numbers;
}

// compute() of a registered analysis, its batch and list made.
BenchRun prepare_analysis(const BenchInput& input, const std::string& name,
                          const std::vector<std::pair<std::string, std::string>>& given, int digits,
                          const std::function<KernelCost(double n, double pairs)>& cost_of) {
  struct State {
    State(const BenchInput& input, const std::string& name,
          const std::vector<std::pair<std::string, std::string>>& given)
        : frame(with_defects(input.frame)),
          context(frame, results, run),
          batch(input.exec),
          list(input.exec),
          scratch(input.exec) {
      run.exec = input.exec;
      run.structure = Structure::bcc;
      run.lattice = make_lattice(Structure::bcc, 2.855);
      const AnalysisEntry& entry = find_analysis(name);
      parameters = std::make_unique<Parameters>(entry.info, given);
      results.n_atoms = frame.n_atoms();
      results.box = frame.box;
      analysis = entry.make(*parameters, run);
      analysis->begin(context);
      const Needs needs = analysis->needs();
      const double reach = std::max(needs.reach, needs.cutoff);
      batch.build({&frame}, reach, (needs.cutoff > 0 ? needs.cutoff : reach / 4) / cells_per_cutoff);
      has_list = needs.cutoff > 0;
      if (has_list) list.build(batch, needs.cutoff);
    }
    Frame frame;
    RunContext run;
    FrameResults results;
    std::unique_ptr<Parameters> parameters;
    std::unique_ptr<Analysis> analysis;
    FrameContext context;
    Batch batch;
    NeighborList list;
    Workspace scratch;
    std::shared_ptr<void> held;
    bool has_list = false;
  };
  auto state = std::make_shared<State>(input, name, given);
  BenchRun run;
  run.run = [state] {
    state->scratch.reset();
    state->analysis->compute(
        state->context,
        {state->batch, state->has_list ? &state->list : nullptr, {}, 0, 1, state->scratch, state->held});
    synchronize(state->batch.exec());
  };
  run.checksum = [state, digits] {
    state->analysis->finish(state->context);
    BenchChecksum sum(digits);
    for (const Field& field : state->results.fields)
      if (field.is_integer)
        sum.add(field.integer);
      else
        sum.add(field.real);
    return sum.text();
  };
  run.numbers = [state] { return numbers_of(state->results); };
  const auto whole = [state, name] {
    FrameResults results;
    results.n_atoms = state->frame.n_atoms();
    results.box = state->frame.box;
    FrameContext context(state->frame, results, state->run);
    const auto analysis = find_analysis(name).make(*state->parameters, state->run);
    analysis->begin(context);
    context.for_each_slab(analysis->needs(),
                          [&](const SlabContext& slab) { analysis->compute(context, slab); });
    analysis->finish(context);
  };
  run.peer = {&state->frame, whole, {}};
  if (const Observable* r = state->results.find_observable("coordination_cutoffs"))
    run.peer.parameters["cutoff"] = r->real[1];
  const double pairs = state->has_list ? static_cast<double>(state->list.n_pairs()) : 0;
  run.neighbors = pairs / n_of(input);
  run.cost = cost_of(n_of(input), pairs);
  return run;
}

// Energies, forces and virials, or grades too.
BenchRun prepare_potential(const BenchInput& input, std::unique_ptr<Potential> potential, bool grade,
                           int digits, const std::function<KernelCost(double n, double pairs)>& cost_of) {
  struct State {
    explicit State(const Exec& exec)
        : batch(exec), list(exec), scratch(exec), energy(exec), force(exec), virial(exec), grade(exec) {}
    std::unique_ptr<Potential> potential;
    Batch batch;
    NeighborList list;
    Workspace scratch;
    Buffer<double> energy, force, virial, grade;
    PotentialOutput output;
  };
  auto state = std::make_shared<State>(input.exec);
  state->potential = std::move(potential);
  const double cutoff = state->potential->cutoff();
  state->batch.build({&input.frame}, cutoff, cutoff / cells_per_cutoff);
  state->list.build(state->batch, cutoff);
  const int64_t n_local = state->batch.n_local(), n_total = state->batch.n_total();
  state->energy.resize(n_local);
  state->force.resize(3 * n_total);
  state->virial.resize(6 * n_total);
  state->output.energy = state->energy.data();
  state->output.force = state->force.data();
  state->output.virial = state->virial.data();
  if (grade) {
    state->grade.resize(n_local);
    state->output.grade = state->grade.data();
  }
  BenchRun run;
  run.run = [state] {
    state->scratch.reset();
    state->potential->evaluate(state->batch, state->list, {0}, state->output, state->scratch);
    synchronize(state->batch.exec());
  };
  run.checksum = [state, grade, digits] {
    BenchChecksum sum(digits);
    sum.add(in_order(state->batch, state->energy.data(), 1));
    sum.add(in_order(state->batch, state->force.data(), 3));
    sum.add(in_order(state->batch, state->virial.data(), 6));
    if (grade) sum.add(in_order(state->batch, state->grade.data(), 1));
    return sum.text();
  };
  run.numbers = [state] {
    return BenchNumbers{{"energy", sum_of(in_order(state->batch, state->energy.data(), 1))},
                        {"forces_by_place", placed_sum(in_order(state->batch, state->force.data(), 3))}};
  };
  const auto pairs = static_cast<double>(state->list.n_pairs());
  run.neighbors = pairs / n_of(input);
  run.cost = cost_of(n_of(input), pairs);
  return run;
}

// A model of one element as a setfl file.
std::string setfl_of(const EamModel& m) {
  std::string text = fmt::format("UNITS: metal\n\n\n1 {}\n{} {:.17g} {} {:.17g} {:.17g}\n0 {:.17g} 0 none\n",
                                 m.elements[0], m.n_rho, m.d_rho, m.n_r, m.d_r, m.cutoff, m.masses[0]);
  for (const std::vector<double>* table : {&m.embedding, &m.density, &m.pair})
    for (const double value : *table) text += fmt::format("{:.17g}\n", value);
  return text;
}

BenchRun prepare_eam(const BenchInput& input) {
  const EamModel model = bench_eam_model(false);
  BenchRun run = prepare_potential(input, make_eam_potential(model, input.exec), false, 9,
                                   [](double n, double pairs) { return cost::eam(n, pairs, true); });
  run.peer = {&input.frame, run.run, {{"cutoff", model.cutoff}}, [model] { return setfl_of(model); }};
  return run;
}

BenchRun prepare_mtp(const BenchInput& input, int level, bool grade, MtpPrecision precision) {
  static std::map<int, MtpModel> models;
  const auto [at, is_new] = models.try_emplace(level);
  if (is_new) at->second = bench_mtp_model(level);
  const MtpModel& model = at->second;
  return prepare_potential(input, make_mtp_potential(model, input.exec, precision), grade,
                           precision == MtpPrecision::mixed ? 5 : 9, [&model, grade](double n, double pairs) {
                             return cost::mtp(model, n, pairs, grade);
                           });
}

std::vector<BenchCase> make_cases() {
  std::vector<BenchCase> cases;
  const auto add = [&](const char* name, const char* doc, double bytes_per_atom, auto prepare,
                       bool on_gpu = true) {
    cases.push_back({name, doc, on_gpu, bytes_per_atom, prepare});
  };
  // Batches with ghosts take 30 % more atoms at 128,000; a list 4 bytes per neighbor.
  add("read", "a LAMMPS dump, from the page cache to a frame", 150, prepare_read, false);
  add("ghosts", "wrapping and periodic images within 5.5 A", 500, prepare_ghosts);
  add("cells", "sorting the atoms into cells", 500, prepare_cells);
  add("batch", "all from a frame to atoms and ghosts in the order of the cells", 300, prepare_batch);
  add("neighbor_list", "neighbors within 5.5 A (about 59)", 700, prepare_neighbor_list);
  add("density", "coarse-grained density at the atoms through the grid", 800,
      [](const BenchInput& i) { return prepare_density(i, GaussianMethod::grid); });
  add("density_sum", "the same by direct sums", 800,
      [](const BenchInput& i) { return prepare_density(i, GaussianMethod::sum); });
  add("density_profile", "planar density along z", 100, prepare_density_profile);
  add("coordination", "coordination numbers of two shells", 500,
      [](const BenchInput& i) { return prepare_analysis(i, "coordination", {}, 9, cost::coordination); });
  add("rdf", "pair counts of g(r) to 8 A", 400, prepare_rdf);
  add("voronoi", "Voronoi volumes, areas, faces", 700, [](const BenchInput& i) {
    return prepare_analysis(i, "voronoi", {}, 9, [](double n, double) { return cost::voronoi(n); });
  });
  // About 80 neighbors, as in fcc Cu with the default cutoff.
  const auto sfd = [](const BenchInput& i, const char* precision) {
    constexpr double cutoff = 6.24;
    return prepare_analysis(i, "sfd",
                            {{"sigma", fmt::format("{}", cutoff / sfd_cutoff_over_sigma)},
                             {"cutoff", fmt::format("{}", cutoff)},
                             {"precision", precision}},
                            std::string(precision) == "single" ? 5 : 9, cost::sfd);
  };
  add("sfd", "strain functional descriptors within 6.24 A", 1200,
      [sfd](const BenchInput& i) { return sfd(i, "double"); });
  add("sfd_single", "the same in single precision, against the ceilings in double", 1200,
      [sfd](const BenchInput& i) { return sfd(i, "single"); });
  add("structure", "adaptive common neighbor analysis", 600,
      [](const BenchInput& i) { return prepare_analysis(i, "structure", {}, 9, cost::structure); });
  add("eam", "embedded atom: energies, forces, virials within 5.3 A", 900, prepare_eam);
  for (int level = 6; level <= mtp_largest_level; level += 2)
    cases.push_back(
        {fmt::format("mtp_{:02}", level),
         fmt::format("moment tensor potential of level {}: energies, forces, virials", level), true, 1500,
         [level](const BenchInput& i) { return prepare_mtp(i, level, false, MtpPrecision::full); },
         level <= 22});
  add("mtp_16_mixed", "the same of level 16 in mixed precision, which is for GPUs", 1500,
      [](const BenchInput& i) { return prepare_mtp(i, 16, false, MtpPrecision::mixed); });
  add("grade_16", "extrapolation grades too, level 16", 2500,
      [](const BenchInput& i) { return prepare_mtp(i, 16, true, MtpPrecision::full); });
  add("grade_24", "extrapolation grades too, level 24", 4000,
      [](const BenchInput& i) { return prepare_mtp(i, 24, true, MtpPrecision::full); });
  cases.back().quick = false;
  add("write", "results with one field, H5MD", 200, prepare_write, false);
  return cases;
}

}  // namespace

const std::vector<BenchCase>& bench_cases() {
  static const std::vector<BenchCase> cases = make_cases();
  return cases;
}

}  // namespace grainfield
