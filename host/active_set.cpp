#include "host/active_set.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <sstream>
#include <utility>

#include "host/analysis.hpp"
#include "host/batch.hpp"
#include "host/cut_out.hpp"
#include "host/dense.hpp"
#include "host/error.hpp"
#include "host/match_species.hpp"
#include "host/maxvol.hpp"
#include "host/slab_plan.hpp"
#include "kernels/core/parallel.hpp"
#include "kernels/potential/mtp.hpp"

namespace grainfield {
namespace {

// Atoms that are evaluated together; so many rows are held beside those of the batch.
constexpr int64_t most_atoms_at_once = 16384, most_row_bytes_at_once = int64_t{64} << 20;
constexpr int64_t default_batch_bytes = int64_t{1} << 30;

// Where a row comes from.
struct Owner {
  int source = -2;            // -2: a row of the start, initial * e_l; -1: the set as it was
  int64_t configuration = 0;  // number in the source
  int64_t atom = -1;          // -1: the whole configuration; source -1: the equation's number
};

struct Place {
  size_t file = 0;
  int64_t frame = 0;  // of the file
};

// Blocks BEGIN_CFG ... END_CFG.
std::vector<std::string> split_configurations(const std::string& text) {
  std::vector<std::string> blocks;
  std::istringstream in(text);
  std::string line;
  bool inside = false;
  while (std::getline(in, line)) {
    if (line.find("BEGIN_CFG") != std::string::npos) {
      blocks.emplace_back();
      inside = true;
    }
    if (inside) blocks.back() += line + "\n";
    if (line.find("END_CFG") != std::string::npos) inside = false;
  }
  return blocks;
}

// The block with this list of equations instead of its own.
std::string with_equations(const std::string& block, const std::string& equations) {
  std::istringstream in(block);
  std::string line, out;
  while (std::getline(in, line)) {
    std::istringstream words(line);
    std::string first, second;
    words >> first >> second;
    if (first == "Feature" && (second == "selected_eqn_inds" || second == "selected\\_eqn\\_inds")) continue;
    if (first == "END_CFG") out += " Feature   selected_eqn_inds\t" + equations + "\n";
    out += line + "\n";
  }
  return out + "\n";
}

double largest_of(const double* row, int64_t n) {
  double largest = 0;
  for (int64_t k = 0; k < n; ++k) largest = std::max(largest, std::fabs(row[k]));
  return largest;
}

}  // namespace

struct ActiveSetBuilder::State {
  MtpModel model;  // without the set
  Exec exec;
  SelectOptions options;
  std::unique_ptr<Potential> potential;
  MtpActiveSet start;  // weights; configurations and origins of the set as it was
  int64_t n = 0;
  std::vector<double> set, inverse;  // A and A^-T
  double log_volume = 0;
  std::vector<Owner> slots;
  std::vector<std::vector<std::string>> sources;

  // Rows that are compared with each other.
  int64_t capacity = 0;
  std::vector<double> rows, coefficients;
  std::vector<Owner> owners;

  // The call of select() in hand.
  int source = 0;
  double threshold = 0;
  bool filters = false;  // takes only rows above the threshold
  SelectReport report;
  SelectProgress progress;

  bool neighborhoods() const { return start.neighborhood_mode(); }
  int64_t n_held() const { return static_cast<int64_t>(owners.size()); }

  void tell() const {
    if (options.progress) options.progress(progress);
  }

  std::unique_ptr<Reader> open(const std::string& path) const {
    return options.open ? options.open(path) : open_reader(path, {exec.threads, {}, 1 << 20});
  }

  // body(frame, place, number) for every configuration.
  void for_each_frame(int which, const std::function<void(Frame&, const Place&, int64_t)>& body) const {
    const auto& files = sources[static_cast<size_t>(which)];
    int64_t number = 0;
    Frame frame;
    for (size_t f = 0; f < files.size(); ++f) {
      const auto reader = open(files[f]);
      for (int64_t k = 0; reader->next(frame); ++k, ++number) body(frame, {f, k}, number);
    }
  }
  std::string where(const Place& place) const {
    return fmt::format("{}, frame {}", sources[static_cast<size_t>(source)][place.file], place.frame);
  }

  // --- rows ---

  // Frames that are evaluated together.
  struct Group {
    std::vector<Frame> frames;
    std::vector<Place> places;
    std::vector<int64_t> numbers;
    int64_t atoms = 0;
  };

  int64_t atoms_at_once() const {
    return std::clamp<int64_t>(most_row_bytes_at_once / (8 * n), 512, most_atoms_at_once);
  }

  void pass() {
    Group group;
    for_each_frame(source, [&](Frame& frame, const Place& place, int64_t number) {
      ++progress.configurations;
      if (frame.n_atoms() == 0) return;
      const std::vector<int32_t> species = match_species(frame, *potential, where(place));
      for (int32_t& t : frame.type) t = species[static_cast<size_t>(t)];
      frame.species.resize(static_cast<size_t>(model.n_species));
      progress.rows += neighborhoods() ? frame.n_atoms() : 1;
      if (frame.n_atoms() > atoms_at_once()) {
        evaluate(group);
        evaluate_large(frame, place, number);
        return;
      }
      if (group.atoms + frame.n_atoms() > atoms_at_once()) evaluate(group);
      group.atoms += frame.n_atoms();
      group.frames.push_back(std::move(frame));
      group.places.push_back(place);
      group.numbers.push_back(number);
      frame = Frame();
    });
    evaluate(group);
    flush();
  }

  std::vector<int32_t> own_species() const {
    std::vector<int32_t> species(static_cast<size_t>(model.n_species));
    std::iota(species.begin(), species.end(), 0);
    return species;
  }

  void evaluate(Group& group) {
    if (group.frames.empty()) return;
    std::vector<const Frame*> frames;
    std::vector<int64_t> first_atom{0};
    for (const Frame& f : group.frames) {
      frames.push_back(&f);
      first_atom.push_back(first_atom.back() + f.n_atoms());
    }
    Needs needs;
    needs.cutoff = model.max_distance;
    Batch batch(exec);
    batch.build(frames, model.max_distance, cell_size_for(needs));
    NeighborList list(exec);
    list.build(batch, model.max_distance);
    Workspace scratch(exec);
    std::vector<double> found;
    std::vector<Owner> from;
    PotentialOutput output;
    Condition close;
    const auto frame_of = [&](int64_t atom) {
      return static_cast<size_t>(std::upper_bound(first_atom.begin(), first_atom.end(), atom) -
                                 first_atom.begin() - 1);
    };
    std::vector<int64_t> origin(static_cast<size_t>(batch.n_total()));
    copy_to_host(exec, origin.data(), batch.source().data, origin.size() * sizeof(int64_t));
    if (neighborhoods()) {
      Buffer<double> gradient(exec, batch.n_local() * n, "gradients of candidates");
      output.gradient = gradient.data();
      close = potential->evaluate(batch, list, own_species(), output, scratch);
      found = in_order(gradient, origin, nullptr);
      for (int64_t i = 0; i < group.atoms; ++i) {
        const size_t f = frame_of(i);
        from.push_back({source, group.numbers[f], i - first_atom[f]});
      }
    } else {
      found.resize(frames.size() * static_cast<size_t>(n));
      output.gradient_sum = found.data();
      close = potential->evaluate(batch, list, own_species(), output, scratch);
      for (size_t f = 0; f < frames.size(); ++f) {
        weight(&found[f * static_cast<size_t>(n)], frames[f]->n_atoms());
        from.push_back({source, group.numbers[f], -1});
      }
    }
    if (close.count > 0)
      too_close(close, where(group.places[frame_of(origin[static_cast<size_t>(close.first)])]));
    const auto place_of = [&](const Owner& owner) {
      const auto at = std::lower_bound(group.numbers.begin(), group.numbers.end(), owner.configuration);
      return where(group.places[static_cast<size_t>(at - group.numbers.begin())]);
    };
    take(found, from, place_of);
    group = Group();
  }

  void evaluate_large(const Frame& frame, const Place& place, int64_t number) {
    RunContext run;
    run.exec = exec;
    run.memory_limit = options.memory_limit;
    FrameResults results;
    FrameContext context(frame, results, run);
    PotentialDemand demand;
    (neighborhoods() ? demand.gradient : demand.gradient_sum) = true;
    Needs needs;
    needs.cutoff = model.max_distance;
    needs.bytes_per_atom = potential->bytes_per_atom(demand);
    needs.bytes_per_ghost = potential->bytes_per_ghost(demand);
    needs.bytes = potential->bytes(demand, exec) + 16 * n * capacity;
    // The gradients of a slab, their ordered copy, and their product with A^-1.
    if (neighborhoods()) needs.bytes_per_atom += 24 * n;
    const auto place_of = [&](const Owner&) { return where(place); };
    std::vector<double> sum(neighborhoods() ? 0 : static_cast<size_t>(n));
    context.for_each_slab(needs, [&](const SlabContext& slab) {
      const Batch& batch = slab.batch;
      std::vector<int64_t> origin(static_cast<size_t>(batch.n_total()));
      copy_to_host(exec, origin.data(), batch.source().data, origin.size() * sizeof(int64_t));
      PotentialOutput output;
      Condition close;
      if (neighborhoods()) {
        std::vector<double> found;
        std::vector<Owner> from;
        std::vector<int64_t> local(origin.begin(), origin.begin() + batch.n_local());
        std::sort(local.begin(), local.end());
        {
          Buffer<double> gradient(exec, batch.n_local() * n, "gradients of candidates");
          output.gradient = gradient.data();
          close = potential->evaluate(batch, *slab.list, own_species(), output, slab.scratch);
          found = in_order(gradient, origin, &local);
        }
        from.reserve(local.size());
        for (const int64_t atom : local) from.push_back({source, number, atom});
        take(found, from, place_of);
      } else {
        std::vector<double> part(static_cast<size_t>(n));
        output.gradient_sum = part.data();
        close = potential->evaluate(batch, *slab.list, own_species(), output, slab.scratch);
        for (size_t l = 0; l < part.size(); ++l) sum[l] += part[l];
      }
      if (close.count > 0) too_close(close, where(place));
    });
    if (neighborhoods()) return;
    weight(sum.data(), frame.n_atoms());
    take(sum, {{source, number, -1}}, place_of);
  }

  // Rows in the order of the atoms in the input; local: their sorted numbers, or null where these are 0, 1,
  // ...
  std::vector<double> in_order(const Buffer<double>& gradient, const std::vector<int64_t>& origin,
                               const std::vector<int64_t>* local) const {
    std::vector<double> copy;
    const double* values = gradient.data();
    if (exec.on_gpu()) {
      copy = gradient.to_vector();
      values = copy.data();
    }
    std::vector<double> result(static_cast<size_t>(gradient.size()));
    parallel_for(
        exec.threads, gradient.size() / n,
        [&](int64_t k) {
          int64_t to = origin[static_cast<size_t>(k)];
          if (local) to = std::lower_bound(local->begin(), local->end(), to) - local->begin();
          std::copy_n(values + k * n, n, result.data() + to * n);
        },
        512);
    return result;
  }

  void weight(double* row, int64_t n_atoms) const {
    const double scale =
        start.energy_weight / std::pow(static_cast<double>(n_atoms), start.weight_scaling / 2.0);
    for (int64_t l = 0; l < n; ++l) row[l] *= scale;
  }

  void too_close(const Condition& close, const std::string& place) {
    if (report.passes > 1) return;  // counted already
    if (report.pairs_too_close == 0) report.too_close_in = place;
    report.pairs_too_close += static_cast<int64_t>((close.count + 1) / 2);
  }

  // Candidates: into the batch, all of them or those above the threshold.
  void take(const std::vector<double>& found, const std::vector<Owner>& from,
            const std::function<std::string(const Owner&)>& place_of) {
    const auto count = static_cast<int64_t>(from.size());
    std::vector<double> product(found.size());
    std::vector<double> grade(from.size());
    int64_t first = 0;
    const auto grade_all = [&] {
      multiply_transposed(exec.threads, found.data() + first * n, count - first, n, inverse.data(),
                          product.data() + first * n);
      parallel_for(
          exec.threads, count - first,
          [&](int64_t k) {
            const int64_t i = first + k;
            double sum = 0;  // NaN and infinities survive
            for (int64_t l = 0; l < n; ++l) sum += std::fabs(found[static_cast<size_t>(i * n + l)]);
            grade[static_cast<size_t>(i)] =
                std::isfinite(sum) ? largest_of(product.data() + i * n, n) : std::nan("");
          },
          64);
    };
    grade_all();
    for (int64_t i = 0; i < count; ++i) {
      const auto at = static_cast<size_t>(i);
      if (std::isnan(grade[at]))
        throw InputError(fmt::format(
            "{}{}: its derivatives with respect to the coefficients are not finite: are atoms at one place?",
            place_of(from[at]), from[at].atom >= 0 ? fmt::format(", atom {}", from[at].atom + 1) : ""));
      if (report.passes == 1) report.largest_before = std::max(report.largest_before, first_grade(grade[at]));
      if (filters && !(grade[at] > threshold)) {
        report.largest_after = std::max(report.largest_after, grade[at]);
        continue;
      }
      if (n_held() == capacity) {
        flush();
        filters = true;
        first = i;
        grade_all();
        if (!(grade[at] > threshold)) continue;
      }
      rows.insert(rows.end(), found.begin() + i * n, found.begin() + (i + 1) * n);
      coefficients.insert(coefficients.end(), product.begin() + i * n, product.begin() + (i + 1) * n);
      owners.push_back(from[at]);
    }
    progress.swaps = report.swaps;
    progress.largest = 0;
    tell();
  }
  // Grades count as those of the set as it was only while it is as it was.
  double first_grade(double grade) const { return report.swaps == 0 ? grade : 0.0; }

  // --- swaps ---

  // Swaps within the batch until none follows from a fresh inverse; then forgets the batch.
  void flush() {
    if (owners.empty()) return;
    MaxVolOptions o;
    o.threshold = options.swap_tolerance > 0 ? options.swap_tolerance : threshold;
    o.start_above = threshold;
    o.threads = exec.threads;
    int64_t before = report.swaps;
    o.progress = [&](int64_t swaps, double largest) {
      progress.swaps = before + swaps;
      progress.largest = largest;
      tell();
    };
    while (true) {
      before = report.swaps;
      const auto swaps = maximize_volume(n, n_held(), rows.data(), set.data(), coefficients.data(), o);
      for (const MaxVolSwap& s : swaps)
        std::swap(slots[static_cast<size_t>(s.slot)], owners[static_cast<size_t>(s.row)]);
      report.swaps += static_cast<int64_t>(swaps.size());
      if (swaps.empty()) break;
      log_volume = invert_transposed(set.data(), n, inverse.data());
      multiply_transposed(exec.threads, rows.data(), n_held(), n, inverse.data(), coefficients.data());
    }
    for (int64_t i = 0; i < n_held(); ++i)
      report.largest_after = std::max(report.largest_after, largest_of(coefficients.data() + i * n, n));
    rows.clear();
    coefficients.clear();
    owners.clear();
  }

  // --- the result ---

  // Slots of every configuration that owns any, in the order of the file: those of the set as it was first.
  std::map<std::pair<int, int64_t>, std::vector<size_t>> slots_by_configuration() const {
    std::map<std::pair<int, int64_t>, std::vector<size_t>> found;
    for (size_t k = 0; k < slots.size(); ++k)
      if (slots[k].source >= -1) found[{slots[k].source, slots[k].configuration}].push_back(k);
    return found;
  }

  static std::string list_of(std::vector<int64_t> equations) {
    std::sort(equations.begin(), equations.end());
    return fmt::format("{}", fmt::join(equations, ","));
  }
};

ActiveSetBuilder::ActiveSetBuilder(const MtpModel& model, const Exec& exec, const SelectOptions& options)
    : state_(std::make_unique<State>()) {
  State& s = *state_;
  if (!model.trained())
    throw InputError(fmt::format(
        "potential {}: expected coefficients, found an untrained template; an active set belongs to a "
        "trained potential",
        model.name));
  s.model = model;
  s.model.active_set.reset();
  s.exec = exec;
  s.options = options;
  s.potential = make_mtp_potential(s.model, exec);
  s.n = model.n_coefficients();
  const auto n = static_cast<size_t>(s.n);
  s.capacity = options.rows > 0 ? options.rows : std::max<int64_t>(1024, default_batch_bytes / (16 * s.n));
  s.inverse.resize(n * n);
  s.slots.resize(n);
  if (model.active_set) {
    s.start = *model.active_set;
    s.set = s.start.rows;
    for (size_t k = 0; k < n; ++k)
      if (s.start.origin[k].first >= 0) s.slots[k] = {-1, s.start.origin[k].first, s.start.origin[k].second};
  } else {
    s.start.energy_weight = options.neighborhoods ? 0 : options.energy_weight;
    s.start.site_energy_weight = options.neighborhoods ? 1 : 0;
    s.start.weight_scaling = options.weight_scaling;
    s.set.assign(n * n, 0.0);
    for (size_t k = 0; k < n; ++k) s.set[k * n + k] = options.initial;
  }
  s.log_volume = invert_transposed(s.set.data(), s.n, s.inverse.data());
}

ActiveSetBuilder::~ActiveSetBuilder() = default;

int ActiveSetBuilder::add_source(const std::vector<std::string>& files) {
  state_->sources.push_back(files);
  return static_cast<int>(state_->sources.size()) - 1;
}

SelectReport ActiveSetBuilder::select(int source, double threshold) {
  State& s = *state_;
  if (!(threshold > 1)) throw UsageError(fmt::format("a threshold of {}; expected more than 1", threshold));
  s.source = source;
  s.threshold = threshold;
  s.filters = false;
  s.report = {};
  const double before = s.log_volume;
  while (true) {
    const int64_t swaps = s.report.swaps;
    s.progress = {++s.report.passes, 0, 0, swaps, 0};
    s.report.largest_after = 0;
    s.pass();
    if (s.report.passes == 1) {
      s.report.configurations = s.progress.configurations;
      s.report.rows = s.progress.rows;
    }
    // Held all at once, the rows have been looked at with the last inverse; otherwise another look is due.
    if (!s.filters || s.report.swaps == swaps) break;
  }
  for (const Owner& o : s.slots)
    if (o.source == source) s.report.largest_after = std::max(s.report.largest_after, 1.0);
  s.report.log_volume_gained = s.log_volume - before;
  return s.report;
}

int64_t ActiveSetBuilder::filled_slots() const {
  return std::count_if(state_->slots.begin(), state_->slots.end(),
                       [](const Owner& o) { return o.source >= -1; });
}

double ActiveSetBuilder::log_volume() const { return state_->log_volume; }

double ActiveSetBuilder::inverse_error() const {
  const State& s = *state_;
  std::vector<double> product(s.set.size());
  multiply_transposed(s.exec.threads, s.set.data(), s.n, s.n, s.inverse.data(), product.data());
  double error = 0;
  for (int64_t k = 0; k < s.n; ++k)
    for (int64_t l = 0; l < s.n; ++l)
      error = std::max(error, std::fabs(product[static_cast<size_t>(k * s.n + l)] - (k == l ? 1 : 0)));
  return error;
}

std::vector<SelectedConfiguration> ActiveSetBuilder::selected() const {
  const State& s = *state_;
  std::vector<SelectedConfiguration> result;
  for (const auto& [key, slots] : s.slots_by_configuration()) {
    SelectedConfiguration c;
    c.source = key.first;
    c.configuration = key.second;
    for (const size_t k : slots)
      if (s.neighborhoods()) c.atoms.push_back(s.slots[k].atom);
    std::sort(c.atoms.begin(), c.atoms.end());
    result.push_back(std::move(c));
  }
  return result;
}

MtpActiveSet ActiveSetBuilder::finish(
    const std::function<void(const Frame&, const SelectedConfiguration&)>& chosen) const {
  const State& s = *state_;
  MtpActiveSet set = s.start;
  set.rows = s.set;
  set.inverse_transposed = s.inverse;
  set.origin.assign(s.slots.size(), {-1, -1});
  set.configurations.clear();
  int64_t written = 0;
  const auto by_configuration = s.slots_by_configuration();
  const std::vector<SelectedConfiguration> all = selected();

  const std::vector<std::string> old = split_configurations(s.start.configurations);
  for (const auto& [key, slots] : by_configuration) {
    if (key.first != -1) continue;
    if (key.second >= static_cast<int64_t>(old.size()))
      throw InputError(fmt::format("the active set of potential {} names configuration {}; it has {}",
                                   s.model.name, key.second, old.size()));
    std::vector<int64_t> equations;
    for (const size_t k : slots) {
      equations.push_back(s.slots[k].atom);
      set.origin[k] = {written, s.slots[k].atom};
    }
    set.configurations += with_equations(old[static_cast<size_t>(key.second)], State::list_of(equations));
    ++written;
  }

  for (int source = 0; source < static_cast<int>(s.sources.size()); ++source) {
    auto next = by_configuration.lower_bound({source, 0});
    if (next == by_configuration.end() || next->first.first != source) continue;
    s.for_each_frame(source, [&](Frame& frame, const Place& place, int64_t number) {
      if (next == by_configuration.end() || next->first != std::pair{source, number}) return;
      const std::vector<size_t>& slots = next->second;
      const std::string file = s.sources[static_cast<size_t>(source)][place.file];
      const std::vector<int32_t> species = match_species(frame, *s.potential, file);
      std::vector<int32_t> type;
      type.reserve(species.size());
      for (const int32_t t : species) type.push_back(t < 0 ? 0 : s.model.type_labels[static_cast<size_t>(t)]);
      const int64_t n_atoms = frame.n_atoms();
      const auto equation = [](int64_t atoms, int64_t atom) { return 1 + 3 * atoms + 9 + atom; };
      std::vector<std::pair<std::string, std::string>> features;
      for (const auto& [name, value] : frame.info)
        if (name != "energy" && name != "plus_stress" && name != "selected_eqn_inds")
          features.emplace_back(name, value);
      if (!s.neighborhoods() || n_atoms <= s.options.whole_up_to) {
        std::vector<int64_t> equations;
        for (const size_t k : slots) {
          equations.push_back(s.neighborhoods() ? equation(n_atoms, s.slots[k].atom) : 0);
          set.origin[k] = {written, equations.back()};
        }
        features.emplace_back("selected_eqn_inds", State::list_of(equations));
        set.configurations += cfg_text(frame, type, features);
        ++written;
      } else {
        // The atoms within the cutoff yield the same row.
        for (const size_t k : slots) {
          const CutOut sphere = cut_sphere(frame, s.slots[k].atom, s.model.max_distance);
          const int64_t index = equation(sphere.frame.n_atoms(), 0);
          set.origin[k] = {written++, index};
          set.configurations += cfg_text(
              sphere.frame, type,
              {{"name", fmt::format("{} frame {} atom {}", file, place.frame, frame.id_of(s.slots[k].atom))},
               {"selected_eqn_inds", fmt::format("{}", index)}});
        }
      }
      if (chosen)
        for (SelectedConfiguration c : all)
          if (c.source == source && c.configuration == number) {
            c.file = file;
            c.frame = place.frame;
            chosen(frame, c);
          }
      ++next;
    });
  }
  return set;
}

std::string cfg_text(const Frame& frame, const std::vector<int32_t>& type,
                     const std::vector<std::pair<std::string, std::string>>& features) {
  std::string out = fmt::format("BEGIN_CFG\n Size\n    {}\n", frame.n_atoms());
  const auto add = std::back_inserter(out);
  bool has_cell = false;
  for (int k = 0; k < 3 && frame.has_box; ++k) {
    if (!frame.box.periodic[k]) continue;
    if (!has_cell) out += " Supercell\n";
    has_cell = true;
    const Vec3 v = frame.box.edge(k);
    fmt::format_to(add, "    {:.16e} {:.16e} {:.16e}\n", v.x, v.y, v.z);
  }
  const Column* force = frame.find_column("force");
  if (force && (force->kind != Column::Kind::real || force->components != 3)) force = nullptr;
  fmt::format_to(add, " AtomData:  id type       cartes_x      cartes_y      cartes_z{}\n",
                 force ? "           fx          fy          fz" : "");
  const Vec3 origin = has_cell ? frame.box.origin : Vec3{};
  for (int64_t i = 0; i < frame.n_atoms(); ++i) {
    const auto at = static_cast<size_t>(i);
    const Vec3 r = frame.position[at] - origin;
    fmt::format_to(add, "    {} {}  {:.16e} {:.16e} {:.16e}", i + 1,
                   type[static_cast<size_t>(frame.type[at])], r.x, r.y, r.z);
    for (size_t c = 0; force && c < 3; ++c) fmt::format_to(add, " {:.16e}", force->real[3 * at + c]);
    out += '\n';
  }
  for (const auto& [key, value] : frame.info) {
    if (key == "energy") fmt::format_to(add, " Energy\n    {}\n", value);
    if (key == "plus_stress")
      fmt::format_to(add,
                     " PlusStress:  xx          yy          zz          yz          xz          xy\n    {}\n",
                     value);
  }
  for (const auto& [key, value] : features) {
    std::string name;
    for (const char c : key)
      name += c == ' '    ? "\\_"
              : c == '\t' ? "\\t"
              : c == '\n' ? "\\n"
              : c == '\r' ? "\\r"
                          : std::string(1, c);
    std::istringstream lines(value);
    std::string line;
    while (std::getline(lines, line)) fmt::format_to(add, " Feature   {}\t{}\n", name, line);
  }
  return out + "END_CFG\n\n";
}

}  // namespace grainfield
