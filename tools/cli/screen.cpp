// grainfield screen
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "host/active_set.hpp"
#include "host/cut_collector.hpp"
#include "host/engine.hpp"
#include "host/grade_report.hpp"
#include "host/match_species.hpp"
#include "host/memory.hpp"
#include "io/find_potential.hpp"
#include "io/load_potential.hpp"
#include "io/mtp_file.hpp"
#include "io/writer.hpp"
#include "tools/cli/commands.hpp"
#include "tools/cli/running.hpp"
#include "tools/cli/text_files.hpp"

namespace grainfield {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// Which file a frame of the run came from.
class FrameFiles {
 public:
  std::unique_ptr<Reader> watch(std::unique_ptr<Reader> reader) {
    const std::lock_guard<std::mutex> lock(mutex_);
    starts_.push_back({count_, reader->file()});
    return std::make_unique<Watched>(*this, std::move(reader));
  }
  // Of a frame that has been read, from 0 in the run: its file and number there.
  std::pair<std::string, int64_t> of(int64_t frame) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    size_t k = 0;
    while (k + 1 < starts_.size() && starts_[k + 1].first <= frame) ++k;
    return starts_.empty() ? std::pair<std::string, int64_t>{"", frame}
                           : std::pair{starts_[k].second, frame - starts_[k].first};
  }

 private:
  class Watched final : public Reader {
   public:
    Watched(FrameFiles& files, std::unique_ptr<Reader> reader) : files_(files), reader_(std::move(reader)) {}
    std::string format() const override { return reader_->format(); }
    std::string file() const override { return reader_->file(); }
    bool next(Frame& frame) override { return counted(reader_->next(frame)); }
    bool skip() override { return counted(reader_->skip()); }

   private:
    bool counted(bool found) {
      const std::lock_guard<std::mutex> lock(files_.mutex_);
      files_.count_ += found ? 1 : 0;
      return found;
    }
    FrameFiles& files_;
    std::unique_ptr<Reader> reader_;
  };
  mutable std::mutex mutex_;
  int64_t count_ = 0;
  std::vector<std::pair<int64_t, std::string>> starts_;
};

// Sees every frame with its results on their way to the file, and first those that an earlier run left there.
class ScreeningWriter final : public ResultsWriter {
 public:
  ScreeningWriter(std::unique_ptr<ResultsWriter> inner, GradeReport& report, CutCollector* cuts)
      : inner_(std::move(inner)), report_(report), cuts_(cuts) {
    std::unique_ptr<Reader> reader;
    int64_t row = 0;
    Frame frame;
    for (const KeptFrame& kept : inner_->kept_frames()) {
      if (!reader || reader->file() != kept.file) {
        reader = open_reader(kept.file, {}, "h5md");
        row = 0;
      }
      for (; row < kept.row; ++row) reader->skip();
      reader->next(frame);
      ++row;
      if (const Column* grades = frame.find_column("extrapolation_grade"))
        add(frame, kept.frame, grades->real);
      else
        report_.add(frame, kept.frame,
                    {read_scalar_observable(kept.file, "configuration_grade")[static_cast<size_t>(kept.row)]},
                    false);
    }
  }
  bool has_frame(int64_t frame) const override { return inner_->has_frame(frame); }
  std::vector<KeptFrame> kept_frames() const override { return inner_->kept_frames(); }
  void write(const Frame& frame, const FrameResults& results) override {
    if (const Field* field = results.find_field("extrapolation_grade")) {
      add(frame, results.frame, field->real);
    } else if (const Observable* grade = results.find_observable("configuration_grade")) {
      report_.add(frame, results.frame, grade->real, false);
    }
    inner_->write(frame, results);
  }
  void begin_grid(int64_t frame, const GridShape& grid) override { inner_->begin_grid(frame, grid); }
  void write_planes(int64_t first, int64_t n, const double* values) override {
    inner_->write_planes(first, n, values);
  }
  void end_grid() override { inner_->end_grid(); }
  void close() override { inner_->close(); }

 private:
  void add(const Frame& frame, int64_t index, const std::vector<double>& grades) {
    report_.add(frame, index, grades);
    if (cuts_) cuts_->add(frame, index, grades);
  }

  std::unique_ptr<ResultsWriter> inner_;
  GradeReport& report_;
  CutCollector* cuts_;
};

json number(double value) { return std::isfinite(value) ? json(value) : json(); }

struct ScreenCommand {
  std::vector<std::string> inputs, species, elements;
  std::string potential, output, format, frames, memory, device = "auto", cut_folder, cut_shape = "cell",
                                                         cut_format = "cfg";
  std::optional<double> fail_above;
  CutOptions cut;
  int64_t worst = 20;
  int threads = available_threads();
  bool compress = false, no_positions = false, resume = false, quiet = false;

  std::string base() const { return output.ends_with(".h5") ? output.substr(0, output.size() - 3) : output; }

  void check() {
    if (threads < 1 || threads > 4096)
      throw UsageError(fmt::format("--threads {}: expected 1 to 4096", threads));
    if (worst < 0 || worst > 1000000)
      throw UsageError(fmt::format("--worst {}: expected 0 to 1000000", worst));
    if (fail_above && !(*fail_above >= 0))
      throw UsageError(fmt::format("--fail-above {}: expected a grade, 0 or more", *fail_above));
    if (cut_shape != "cell" && cut_shape != "sphere")
      throw UsageError(fmt::format("--cut-shape {}: expected cell or sphere", cut_shape));
    cut.spheres = cut_shape == "sphere";
    if (cut_format != "cfg" && cut_format != "poscar" && cut_format != "extxyz")
      throw UsageError(fmt::format("--cut-format {}: expected cfg, poscar or extxyz", cut_format));
    if (!(cut.above >= 0)) throw UsageError(fmt::format("--cut-above {}: expected 0 or more", cut.above));
    if (!(cut.size > 0 && cut.size < 1000))
      throw UsageError(fmt::format("--cut-size {}: expected a length in A", cut.size));
    if (!(cut.min_distance >= 0 && 2 * cut.min_distance <= cut.size))
      throw UsageError(fmt::format("--cut-min-distance {}: expected 0 to half of --cut-size {}",
                                   cut.min_distance, cut.size));
    if (cut.candidates < 1)
      throw UsageError(fmt::format("--cut-candidates {}: expected 1 or more", cut.candidates));
    if (resume && no_positions)
      throw UsageError(
          "--resume takes the worst atoms of earlier frames from the results: not with --no-positions");
    if (cut.most < 1) throw UsageError(fmt::format("--cut-most {}: expected 1 or more", cut.most));
    if (output.empty()) output = fs::path(inputs.front()).filename().string() + ".screen.h5";
    for (const std::string& input : inputs) {
      std::error_code ignored;
      if (fs::equivalent(input, output, ignored))
        throw UsageError(fmt::format("-o {}: would overwrite an input", output));
      if (!fs::exists(input, ignored)) throw InputError(fmt::format("{}: there is no such file", input));
    }
    const fs::path folder = fs::path(output).parent_path();
    if (!folder.empty() && !fs::is_directory(folder))
      throw ResourceError(fmt::format("-o {}: there is no folder {}", output, folder.string()));
  }

  void run(const std::string& command_line) {
    check();
    RunContext run;
    std::string why_cpu;
    run.exec = choose_device(device, threads, &why_cpu);
    if (!why_cpu.empty() && !quiet) fmt::print(stderr, "grainfield: {}\n", why_cpu);
    if (!memory.empty()) run.memory_limit = parse_memory(memory);
    run.output = output;
    const std::string potential_file = find_potential(potential);
    std::shared_ptr<Potential> loaded = load_potential(potential, run.exec, {elements, false});
    if (!loaded->has_grades())
      throw UsageError(fmt::format(
          "{}: it has no active set, so it gives no grades; `grainfield select` makes one", potential));
    run.potential = loaded;
    const bool per_atom = loaded->grades_neighborhoods();
    std::unique_ptr<CutCollector> cuts;
    if (!cut_folder.empty()) {
      MtpModel model = read_mtp(potential_file);
      model.elements = loaded->elements();
      cuts = std::make_unique<CutCollector>(model, threads, cut);
      make_folder();
    }

    const FrameRange range = frames.empty() ? FrameRange() : FrameRange(frames);
    Analyzer analyzer({{"grade", {}, false}}, run);
    GradeReport report(worst);
    FrameFiles files;
    ReadOptions read;
    read.threads = threads;
    read.species = species;
    PipelineOptions pipeline;
    pipeline.inputs = inputs;
    pipeline.frames = range;
    pipeline.resume = resume;
    if (range.needs_count()) {  // counted here, so that the files are watched once only
      pipeline.open = [&](const std::string& path) { return open_reader(path, read, format); };
      pipeline.frames = range.resolve(count_frames(pipeline, std::atomic<bool>(false)));
    }
    pipeline.open = [&](const std::string& path) { return files.watch(open_reader(path, read, format)); };
    pipeline.make_writer = [&]() -> std::unique_ptr<ResultsWriter> {
      Provenance provenance;
      provenance.version = library_version();
      provenance.command = command_line;
      const Provenance::Input file = describe_input(potential_file);
      provenance.parameters = {{"run.compute", "grade"},
                               {"run.frames", range.text()},
                               {"run.device", run.exec.on_gpu() ? "cuda" : "cpu"},
                               {"run.potential", file.name},
                               {"run.potential-sha256", file.sha256}};
      for (const std::string& input : inputs) provenance.inputs.push_back(describe_input(input));
      return std::make_unique<ScreeningWriter>(
          open_results(output, provenance, {compress, resume, !no_positions}), report, cuts.get());
    };
    const RunReport ran = run_resumable(pipeline, analyzer, output, quiet);

    write_text(base() + ".histogram.csv", report.histogram_csv());
    write_text(base() + ".worst.csv", worst_csv(report, files));
    std::vector<Cut> chosen;
    if (cuts) {
      chosen = cuts->choose();
      write_cuts(chosen, *loaded, files);
    }
    write_text(base() + ".json", to_json(report, ran, files, per_atom, cuts.get(), chosen).dump(2) + "\n");
    if (!quiet) print(report, ran, files, per_atom, cuts.get(), chosen, *loaded);
    const double largest = report.largest();
    if (fail_above && !(largest <= *fail_above)) {
      fmt::print(stderr, "grainfield: the largest grade {:.6g} exceeds --fail-above {:g}\n", largest,
                 *fail_above);
      throw Exit{exit_verdict};
    }
  }

  void make_folder() const {
    std::error_code error;
    fs::create_directories(cut_folder, error);
    if (error || !fs::is_directory(cut_folder))
      throw ResourceError(
          fmt::format("--cut-out {}: cannot make this folder: {}", cut_folder, error.message()));
  }

  static std::string worst_csv(const GradeReport& report, const FrameFiles& files) {
    std::string text = "grade,file,frame,atom,id,species,x,y,z\n";
    for (const GradeReport::Entry& e : report.worst()) {
      const auto [file, frame] = files.of(e.frame);
      text += fmt::format("{:.10g},{},{}", e.grade, csv_quoted(file), frame);
      text += e.atom < 0 ? ",,,,,,\n"
                         : fmt::format(",{},{},{},{:.10g},{:.10g},{:.10g}\n", e.atom, e.id,
                                       csv_quoted(e.species), e.position.x, e.position.y, e.position.z);
    }
    return text;
  }

  json to_json(const GradeReport& report, const RunReport& ran, const FrameFiles& files, bool per_atom,
               const CutCollector* cuts, const std::vector<Cut>& chosen) const {
    json out;
    out["potential"] = potential;
    out["grades_of"] = per_atom ? "neighborhoods" : "configurations";
    out["frames"] = ran.frames_computed + ran.frames_kept;
    out["atoms"] = report.n_atoms();
    out["grades"] = report.count();
    out["not_a_number"] = report.n_nan();
    for (int k = 0; k < n_grade_classes; ++k)
      out["classes"].push_back({{"name", grade_classes[static_cast<size_t>(k)].name},
                                {"range", grade_classes[static_cast<size_t>(k)].range},
                                {"count", report.classes()[static_cast<size_t>(k)]}});
    out["largest"] = number(report.largest());
    out["verdict"] = report.verdict();
    out["worst"] = json::array();
    for (const GradeReport::Entry& e : report.worst()) {
      const auto [file, frame] = files.of(e.frame);
      json entry{{"grade", number(e.grade)}, {"file", file}, {"frame", frame}};
      if (e.atom >= 0) {
        entry["atom"] = e.atom;
        entry["id"] = e.id;
        entry["species"] = e.species;
        entry["position"] = {e.position.x, e.position.y, e.position.z};
      }
      out["worst"].push_back(entry);
    }
    for (int b = 0; b <= GradeReport::n_bins; ++b) out["histogram"]["edges"].push_back(GradeReport::edge(b));
    out["histogram"]["counts"] = report.histogram();
    if (cuts)
      out["cut_outs"] = {
          {"atoms_above", cuts->n_above()}, {"candidates", cuts->n_candidates()}, {"written", chosen.size()}};
    return out;
  }

  void write_cuts(const std::vector<Cut>& chosen, const Potential& loaded, const FrameFiles& files) const {
    std::string table =
        "number,file,source,frame,atom,id,grade,grade_in_piece,largest_in_piece,atoms,removed_at_seam,whole_"
        "cell\n";
    std::string all;
    std::unique_ptr<Writer> writer;
    const std::string name = cut_format == "extxyz" ? "cut_outs.xyz" : "cut_outs.cfg";
    if (cut_format == "extxyz" && !chosen.empty())
      writer = open_writer((fs::path(cut_folder) / name).string(), {threads, false}, "extxyz");
    for (size_t k = 0; k < chosen.size(); ++k) {
      const Cut& c = chosen[k];
      const auto [file, frame_number] = files.of(c.frame);
      const std::string in = cut_format == "poscar" ? fmt::format("POSCAR_{:04}", k + 1) : name;
      Frame frame = c.piece.frame;
      frame.info = {{"name", fmt::format("cut_{:04}", k + 1)},
                    {"source", fmt::format("{} frame {} atom {}", file, frame_number, c.id)},
                    {"center", "1"},
                    {"grade", fmt::format("{:.10g}", c.grade)}};
      if (cut_format == "cfg") {
        std::vector<int32_t> type;
        const std::vector<int32_t> labels = loaded.labels();
        for (const int32_t s : match_species(frame, loaded, file))
          type.push_back(s < 0 ? 0 : labels[static_cast<size_t>(s)]);
        all += cfg_text(frame, type, frame.info);
      } else if (writer) {
        writer->write(frame);
      } else {
        const auto one = open_writer((fs::path(cut_folder) / in).string(), {threads, false}, "poscar");
        one->write(frame);
        one->close();
      }
      table += fmt::format("{},{},{},{},{},{},{:.10g},{:.10g},{:.10g},{},{},{}\n", k + 1, in,
                           csv_quoted(file), frame_number, c.atom, c.id, c.grade, c.grade_in_piece,
                           c.largest_in_piece, frame.n_atoms(), c.piece.removed, c.piece.whole ? 1 : 0);
    }
    if (writer) writer->close();
    if (cut_format == "cfg" && !chosen.empty()) write_text((fs::path(cut_folder) / name).string(), all);
    write_text((fs::path(cut_folder) / "cut_outs.csv").string(), table);
  }

  void print(const GradeReport& report, const RunReport& ran, const FrameFiles& files, bool per_atom,
             const CutCollector* cuts, const std::vector<Cut>& chosen, const Potential& loaded) const {
    std::string text = fmt::format("{}: {}, {}; {} in {}\n\n{:<26}{:>10}{:>14}{:>12}\n", output,
                                   counted(ran.frames_computed + ran.frames_kept, "frame"),
                                   counted(report.n_atoms(), "atom"), potential, seconds_text(ran.seconds),
                                   "class", "grade", per_atom ? "atoms" : "frames", "share");
    for (size_t k = 0; k < grade_classes.size(); ++k)
      text += fmt::format("{:<26}{:>10}{:>14}{:>11.4f}%\n", grade_classes[k].name, grade_classes[k].range,
                          report.classes()[k],
                          100.0 * static_cast<double>(report.classes()[k]) /
                              static_cast<double>(std::max<int64_t>(1, report.count())));
    text += fmt::format("\n{:>9} to {:<9}{:>12}\n{}", "grade", "", per_atom ? "atoms" : "frames",
                        report.histogram_picture());
    const auto worst_entries = report.worst();
    if (!worst_entries.empty()) {
      text += fmt::format("\n{:>12}  {:>8}{:>10}  {}\n", "worst grade", "frame", per_atom ? "atom id" : "",
                          "file");
      constexpr size_t shown = 10;
      for (size_t k = 0; k < worst_entries.size() && k < shown; ++k) {
        const GradeReport::Entry& e = worst_entries[k];
        const auto [file, frame] = files.of(e.frame);
        text += fmt::format("{:>12.6g}  {:>8}{:>10}  {}\n", e.grade, frame,
                            e.atom < 0 ? "" : fmt::format("{}", e.id), file);
      }
      if (worst_entries.size() > shown)
        text += fmt::format("... and {} more in {}.worst.csv\n", worst_entries.size() - shown, base());
    }
    if (cuts) {
      text +=
          fmt::format("\n{} above {:g}: {} of the worst {} cut out in {}\n", counted(cuts->n_above(), "atom"),
                      cut.above, chosen.size(), cuts->n_candidates(), cut_folder);
      if (cut.size / 2 < loaded.cutoff())
        text += fmt::format(
            "  half of --cut-size {:g} A is less than the cutoff {:g} A: the grades in the "
            "cut-outs differ\n",
            cut.size, loaded.cutoff());
    }
    if (!report.worst().empty() || report.count() > 0)
      text += fmt::format("\nlargest grade {:.6g}\nverdict: {}\n", report.largest(), report.verdict());
    if (ran.frames_kept > 0)
      text += fmt::format("{} of an earlier run kept\n", counted(ran.frames_kept, "frame"));
    for (const auto& [note, n] : ran.summary.notes())
      text += fmt::format("note: {} ({})\n", note, counted(n, "frame"));
    fmt::print("{}", text);
  }
};

}  // namespace

void add_screen(CLI::App& app, const std::string& command_line) {
  auto c = std::make_shared<ScreenCommand>();
  CLI::App* sub = app.add_subcommand(
      "screen", "grade how far snapshots are from what a moment tensor potential was trained on");
  sub->add_option("input", c->inputs, "snapshots; frames of several files follow each other")->required();
  sub->add_option("--potential", c->potential, "moment tensor potential with an active set (.almtp)")
      ->required();
  sub->add_option("-o,--output", c->output,
                  "grades in H5MD (default: name of the first input + .screen.h5, in this folder); beside it "
                  "go .json, .histogram.csv and .worst.csv");
  sub->add_option("--fail-above", c->fail_above, "exit with code 5 if a grade exceeds this");
  sub->add_option("--worst", c->worst, "atoms in the table of the worst")->capture_default_str();
  sub->add_option("--cut-out", c->cut_folder, "folder for neighborhoods that should be labelled");
  sub->add_option("--cut-above", c->cut.above, "of atoms whose grade exceeds this")->capture_default_str();
  sub->add_option("--cut-shape", c->cut_shape, "cell (periodic) or sphere (a cluster, 12 A of vacuum around)")
      ->capture_default_str();
  sub->add_option("--cut-size", c->cut.size, "edge of cells, or diameter of spheres, A")
      ->capture_default_str();
  sub->add_option("--cut-min-distance", c->cut.min_distance,
                  "atoms closer than this (A) through the seam of a cell: the outer one is left out")
      ->capture_default_str();
  sub->add_option("--cut-format", c->cut_format, "cfg, poscar or extxyz")->capture_default_str();
  sub->add_option("--cut-candidates", c->cut.candidates, "worst atoms from which to choose")
      ->capture_default_str();
  sub->add_option("--cut-most", c->cut.most, "cut-outs at most, the worst first")->capture_default_str();
  sub->add_option("--frames", c->frames, "a, a:b or a:b:c as a Python slice (default: all)");
  sub->add_option("--potential-elements", c->elements,
                  "elements of the potential's species in order, such as Fe,Cr")
      ->delimiter(',');
  sub->add_option("--species", c->species, "names of the types of the input in order, such as Fe,Cr")
      ->delimiter(',');
  sub->add_option("--format", c->format, "format of the inputs (default: found by content)");
  sub->add_option("--memory", c->memory,
                  "most memory to use, such as 500M or 4G: larger frames are cut into slabs");
  sub->add_option("--threads", c->threads, "host threads; the results do not depend on them")
      ->capture_default_str();
  sub->add_option("--device", c->device, "auto, cpu, cuda or cuda:N")->capture_default_str();
  sub->add_flag("--compress", c->compress, "compress the results (gzip)");
  sub->add_flag("--resume", c->resume, "go on with a run that was cut off: keep its complete frames");
  sub->add_flag("--no-positions", c->no_positions, "leave positions, species and ids out of the results");
  sub->add_flag("--quiet", c->quiet, "neither progress nor summary");
  sub->footer(
      "Examples:\n"
      "  grainfield screen run.dump --potential fe.almtp --fail-above 2 || echo train again\n"
      "  grainfield screen gb.h5 --potential fe.almtp --cut-out to_label --cut-format poscar\n"
      "  tools/plot.py run.dump.screen.json        draws the histogram\n"
      "Exit codes: 0 no grade above --fail-above, 5 some grade above it, others as for every command.\n"
      "Cut-outs: of the worst atoms above --cut-above those that MaxVol would take into the active set, so\n"
      "that like neighborhoods are cut out once. Atom 1 of a cut-out is its center.");
  sub->callback([c, command_line] { c->run(command_line); });
}

}  // namespace grainfield
