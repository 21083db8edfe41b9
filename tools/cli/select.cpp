// grainfield select
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "host/active_set.hpp"
#include "host/devices.hpp"
#include "host/elements.hpp"
#include "host/error.hpp"
#include "host/mtp_summary.hpp"
#include "host/run_summary.hpp"
#include "io/find_potential.hpp"
#include "io/mtp_file.hpp"
#include "io/writer.hpp"
#include "tools/cli/commands.hpp"
#include "tools/cli/text_files.hpp"

namespace grainfield {
namespace {

namespace fs = std::filesystem;

// One line that is written over, on a terminal.
class Progress {
 public:
  explicit Progress(bool shown) : shown_(shown) {}
  ~Progress() { clear(); }
  void show(const std::string& stage, const SelectProgress& p) {
    const auto now = std::chrono::steady_clock::now();
    if (!shown_ || now - last_ < std::chrono::milliseconds(250)) return;
    last_ = now;
    fmt::print(stderr, "\r\033[K{}, pass {}: {} configurations, {} rows, {} swaps{}", stage, p.pass,
               p.configurations, p.rows, p.swaps,
               p.largest > 0 ? fmt::format(", largest grade {:.4g}", p.largest) : "");
    std::fflush(stderr);
    written_ = true;
  }
  void clear() {
    if (written_) fmt::print(stderr, "\r\033[K");
    written_ = false;
  }

 private:
  bool shown_, written_ = false;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

std::string plural(int64_t n, const std::string& what) {
  return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
}

struct SelectCommand {
  std::string potential, output, mode, save_selected, table, format, device = "auto";
  std::vector<std::string> candidates, training, elements, species;
  double threshold = 1.001, swap_tolerance = 0, initial = 1e-6;
  int64_t rows = 0;
  int threads = available_threads();
  bool extend = false, from_scratch = false, quiet = false;

  static constexpr int64_t shown = 20;  // lines of the table

  void check() const {
    if (threads < 1 || threads > 4096)
      throw UsageError(fmt::format("--threads {}: expected 1 to 4096", threads));
    if (!(threshold > 1)) throw UsageError(fmt::format("--threshold {}: expected more than 1", threshold));
    if (swap_tolerance != 0 && !(swap_tolerance > 1 && swap_tolerance <= threshold))
      throw UsageError(fmt::format("--swap-tolerance {}: expected more than 1, at most --threshold {}",
                                   swap_tolerance, threshold));
    if (!(initial > 0 && initial < 1))
      throw UsageError(fmt::format("--initial {}: expected 0 to 1", initial));
    if (rows < 0) throw UsageError(fmt::format("--rows {}: expected 1 or more", rows));
    if (extend && from_scratch) throw UsageError("--extend and --from-scratch exclude each other");
    if (!mode.empty() && mode != "neighborhoods" && mode != "configurations")
      throw UsageError(fmt::format("--mode {}: expected neighborhoods or configurations", mode));
    for (const auto* list : {&candidates, &training})
      for (const std::string& input : *list) {
        std::error_code ignored;
        if (!fs::exists(input, ignored)) throw InputError(fmt::format("{}: there is no such file", input));
        for (const std::string* file : {&output, &save_selected, &table})
          if (!file->empty() && fs::equivalent(input, *file, ignored))
            throw UsageError(fmt::format("{}: would overwrite an input", *file));
      }
    for (const std::string* file : {&output, &save_selected, &table}) {
      const fs::path folder = fs::path(*file).parent_path();
      if (!folder.empty() && !fs::is_directory(folder))
        throw ResourceError(fmt::format("{}: there is no folder {}", *file, folder.string()));
    }
  }

  MtpModel read_model() const {
    MtpModel model = read_mtp(find_potential(potential));
    if (!elements.empty()) {
      if (static_cast<int32_t>(elements.size()) != model.n_species)
        throw UsageError(fmt::format("--potential-elements: {} names for {} species of {}", elements.size(),
                                     model.n_species, potential));
      for (const std::string& name : elements)
        if (!find_element(name))
          throw UsageError(fmt::format("--potential-elements: there is no element '{}'", name));
      model.elements = elements;
    } else if (const auto known = mtp_elements(model);
               std::none_of(known.begin(), known.end(), [](const std::string& e) { return e.empty(); })) {
      model.elements = known;
    }
    if (model.active_set && !from_scratch) {
      const char* has = model.active_set->neighborhood_mode() ? "neighborhoods" : "configurations";
      if (!mode.empty() && mode != has)
        throw UsageError(
            fmt::format("--mode {}: the active set of {} is one of {}; --from-scratch makes a new one", mode,
                        potential, has));
    } else if (extend) {
      throw UsageError(fmt::format("--extend: {} has no active set", potential));
    }
    if (from_scratch) model.active_set.reset();
    return model;
  }

  void run() const {
    check();
    const auto start = std::chrono::steady_clock::now();
    MtpModel model = read_model();
    std::string why_cpu;
    const Exec exec = choose_device(device, threads, &why_cpu);
    if (!why_cpu.empty() && !quiet) fmt::print(stderr, "grainfield: {}\n", why_cpu);
    Progress progress(!quiet && isatty(STDERR_FILENO) != 0);
    std::string stage;
    SelectOptions options;
    options.neighborhoods = mode != "configurations";
    options.initial = initial;
    options.swap_tolerance = swap_tolerance;
    options.rows = rows;
    options.open = [&](const std::string& path) {
      return open_reader(path, {threads, species, 1 << 20}, format);
    };
    options.progress = [&](const SelectProgress& p) { progress.show(stage, p); };
    ActiveSetBuilder builder(model, exec, options);
    const bool neighborhoods =
        model.active_set ? model.active_set->neighborhood_mode() : options.neighborhoods;
    say(fmt::format("{}: {} coefficients, {} of {}\n", potential, model.n_coefficients(),
                    model.active_set ? "extends its active set" : "a new active set",
                    neighborhoods ? "neighborhoods" : "configurations"));

    // As `mlp select_add` goes through them: what is labelled may win back its places.
    const int training_source = training.empty() ? -1 : builder.add_source(training);
    const int candidate_source = builder.add_source(candidates);
    const auto go = [&](const char* name, int source, double limit) {
      stage = name;
      const SelectReport r = builder.select(source, limit);
      progress.clear();
      say(
          fmt::format("{}: {}, {}; largest grade {:.6g} before, {:.6g} after\n"
                      "  {} in {}, ln|det A| + {:.6f}\n",
                      name, plural(r.configurations, "configuration"),
                      plural(r.rows, neighborhoods ? "neighborhood" : "row"), r.largest_before,
                      r.largest_after, plural(r.swaps, "swap"),
                      r.passes == 1 ? "one pass" : fmt::format("{} passes", r.passes), r.log_volume_gained));
      if (r.pairs_too_close > 0)
        say(fmt::format("  {} closer than the least distance {} A of the potential (first in {})\n",
                        plural(r.pairs_too_close, "pair"), model.min_distance, r.too_close_in));
      if (r.configurations == 0)
        throw InputError(fmt::format("{}: expected configurations, found none", name));
      return r.swaps;
    };
    constexpr double training_threshold = 1.001;
    const double training_limit = std::min(training_threshold, threshold);
    if (training_source >= 0) go("training", training_source, training_limit);
    go("candidates", candidate_source, threshold);
    // Whatever the one brings in, the other may answer: until neither swaps. |det A| grows all the time.
    for (int64_t swaps = 1; training_source >= 0 && swaps > 0;) {
      if (go("training again", training_source, training_limit) == 0) break;
      swaps = go("candidates again", candidate_source, threshold);
    }

    std::unique_ptr<Writer> writer;
    if (!save_selected.empty()) writer = open_writer(save_selected, {threads, false});
    std::vector<SelectedConfiguration> chosen;
    model.active_set = builder.finish([&](const Frame& frame, const SelectedConfiguration& c) {
      if (c.source != candidate_source) return;
      chosen.push_back(c);
      if (writer) writer->write(frame);
    });
    if (writer && chosen.empty()) writer.reset();
    if (writer) writer->close();
    write_mtp(output, model);
    if (!table.empty()) write_table(chosen);

    if (quiet) return;
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const int64_t slots = static_cast<int64_t>(model.active_set->origin.size());
    fmt::print("active set: {} of {} slots filled, ln|det A| = {:.6f}, largest |A A^-1 - 1| = {:.1e}\n",
               builder.filled_slots(), slots, builder.log_volume(), builder.inverse_error());
    int64_t taken = 0;
    for (const SelectedConfiguration& c : chosen)
      taken += std::max<int64_t>(1, static_cast<int64_t>(c.atoms.size()));
    fmt::print("of the candidates {} hold {}\n", plural(static_cast<int64_t>(chosen.size()), "configuration"),
               plural(taken, "slot"));
    for (size_t k = 0; k < chosen.size() && static_cast<int64_t>(k) < shown; ++k) {
      const SelectedConfiguration& c = chosen[k];
      fmt::print("  {}, frame {}{}\n", c.file, c.frame,
                 c.atoms.empty() ? "" : ": atoms " + atoms_of(c, ", ", 12));
    }
    if (static_cast<int64_t>(chosen.size()) > shown)
      fmt::print("  ... and {} more{}\n", static_cast<int64_t>(chosen.size()) - shown,
                 table.empty() ? " (--table FILE lists all)" : "");
    if (!save_selected.empty() && chosen.empty())
      fmt::print("{}: not written, no candidate was selected\n", save_selected);
    fmt::print("{}: written in {}\n", output, seconds_text(seconds));
  }

  void say(const std::string& text) const {
    if (!quiet) fmt::print("{}", text);
  }

  // Places in the configuration, from 1.
  static std::string atoms_of(const SelectedConfiguration& c, const char* between, size_t most = SIZE_MAX) {
    std::string text;
    for (size_t k = 0; k < c.atoms.size() && k < most; ++k)
      text += fmt::format("{}{}", k > 0 ? between : "", c.atoms[k] + 1);
    if (c.atoms.size() > most) text += fmt::format("{}... ({} in all)", between, c.atoms.size());
    return text;
  }

  void write_table(const std::vector<SelectedConfiguration>& chosen) const {
    std::string text = "file,frame,atoms\n";
    for (const SelectedConfiguration& c : chosen)
      text += fmt::format("{},{},{}\n", csv_quoted(c.file), c.frame, atoms_of(c, " "));
    write_text(table, text);
  }
};

}  // namespace

void add_select(CLI::App& app) {
  auto c = std::make_shared<SelectCommand>();
  CLI::App* sub = app.add_subcommand(
      "select", "choose the active set of a moment tensor potential, by which it grades extrapolation");
  sub->add_option("--potential", c->potential,
                  "potential (.mtp, .almtp); if it has an active set, that one is extended")
      ->required();
  sub->add_option("--candidates", c->candidates,
                  "files of configurations that may enter, with or without energies")
      ->required();
  sub->add_option("-o,--output", c->output, "potential with the active set (.almtp)")->required();
  sub->add_option("--training", c->training,
                  "files of configurations that are in the training set already: go through them before and "
                  "after the candidates, as mlp select_add does");
  sub->add_option(
      "--mode", c->mode,
      "neighborhoods (grades per atom; the default) or configurations (one grade per configuration)");
  sub->add_flag("--extend", c->extend, "insist on extending: an error if the potential has no active set");
  sub->add_flag("--from-scratch", c->from_scratch, "forget the active set that the potential has");
  sub->add_option("--threshold", c->threshold, "no candidate keeps a grade above this; more than 1")
      ->capture_default_str();
  sub->add_option(
      "--swap-tolerance", c->swap_tolerance,
      "once a grade exceeds the threshold, swap until none exceeds this (default: the threshold)");
  sub->add_option("--initial", c->initial, "a new set starts from this times the unit matrix")
      ->capture_default_str();
  sub->add_option(
      "--rows", c->rows,
      "candidate rows that are compared at once (default: what 1 GiB holds); more candidates take "
      "several passes over the files");
  sub->add_option(
      "--save-selected", c->save_selected,
      "write the candidates that were selected, ready to be labelled (any format that convert knows)");
  sub->add_option("--table", c->table, "write the selected configurations and atoms as CSV");
  sub->add_option("--potential-elements", c->elements,
                  "elements of the potential's species in order, such as Fe,Cr")
      ->delimiter(',');
  sub->add_option("--species", c->species, "names of the types of the candidates in order, such as Fe,Cr")
      ->delimiter(',');
  sub->add_option("--format", c->format, "format of the candidates (default: found by content)");
  sub->add_option("--threads", c->threads, "host threads; the result does not depend on them")
      ->capture_default_str();
  sub->add_option("--device", c->device, "auto, cpu, cuda or cuda:N")->capture_default_str();
  sub->add_flag("--quiet", c->quiet, "neither progress nor summary");
  sub->footer(
      "Examples:\n"
      "  grainfield select --potential pot_16.mtp --candidates pool.cfg -o pot_16.almtp\n"
      "  grainfield select --potential pot_16.almtp --training train.cfg --candidates new/*.xyz \\\n"
      "      --threshold 2.1 --save-selected to_label.cfg -o pot_16_next.almtp\n"
      "Atoms are counted from 1, frames from 0. The result has the format of MLIP-3 (and of LAMMPS' pair\n"
      "mtp/extrapolation). Of configurations with more than 20000 atoms only the spheres around the "
      "selected\n"
      "atoms are kept in it.");
  sub->callback([c] { c->run(); });
}

}  // namespace grainfield
