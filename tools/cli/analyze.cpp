// grainfield analyze
#include <fmt/format.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <csignal>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "host/engine.hpp"
#include "host/memory.hpp"
#include "host/suggest.hpp"
#include "io/find_potential.hpp"
#include "io/load_potential.hpp"
#include "tools/cli/commands.hpp"
#include "tools/cli/config_file.hpp"
#include "tools/cli/running.hpp"
#include "tools/cli/text_files.hpp"
#include "tools/cli/timeline_views.hpp"

namespace grainfield {
namespace {

namespace fs = std::filesystem;

struct AnalyzeOptions {
  std::vector<std::string> inputs, compute, settings, species;
  std::string config, output, format, frames, memory, device = "auto", structure;
  std::string timeline;
  std::string potential, potential_precision = "double";
  std::vector<std::string> potential_elements;
  double lattice = 0, c_over_a = 0;
  int threads = available_threads();
  bool resume = false, skip_bad_frames = false, compress = false, quiet = false, no_positions = false;
};

// --compute and --set (the last value of a parameter counts).
std::vector<AnalysisRequest> make_requests(const std::vector<std::string>& compute,
                                           const std::vector<std::string>& settings) {
  std::vector<AnalysisRequest> requests;
  for (const std::string& name : compute)
    if (!name.empty()) requests.push_back({name, {}, false});
  for (const std::string& setting : settings) {
    const size_t equals = setting.find('=');
    const size_t dot = setting.substr(0, equals).find('.');
    if (equals == std::string::npos || dot == std::string::npos || dot == 0 || dot + 1 == equals)
      throw UsageError(
          fmt::format("--set {}: expected name.parameter=value, such as density.beta=3.024", setting));
    const std::string name = setting.substr(0, dot);
    const std::string parameter = setting.substr(dot + 1, equals - dot - 1);
    const std::string value = setting.substr(equals + 1);
    auto request = std::find_if(requests.begin(), requests.end(),
                                [&](const AnalysisRequest& r) { return r.name == name; });
    if (request == requests.end()) request = requests.insert(requests.end(), {name, {}, true});
    auto& given = request->parameters;
    const auto at =
        std::find_if(given.begin(), given.end(), [&](const auto& p) { return p.first == parameter; });
    if (at == given.end())
      given.emplace_back(parameter, value);
    else
      at->second = value;
  }
  return requests;
}

// why_cpu: why there is no GPU, to be said once nothing is wrong with the arguments.
RunContext make_run(const AnalyzeOptions& o, std::string& why_cpu) {
  RunContext run;
  if (o.threads < 1 || o.threads > 4096)
    throw UsageError(fmt::format("--threads {}: expected 1 to 4096", o.threads));
  run.exec = choose_device(o.device, o.threads, &why_cpu);
  if (!o.structure.empty()) run.structure = parse_structure(o.structure);
  if (o.lattice != 0 || o.c_over_a != 0) {
    if (!run.structure) throw UsageError("--lattice and --c-over-a need --structure");
    if (o.lattice == 0) throw UsageError("--c-over-a needs --lattice");
    if (o.c_over_a != 0 && *run.structure != Structure::hcp)
      throw UsageError("--c-over-a is for --structure hcp only");
    run.lattice = make_lattice(*run.structure, o.lattice, o.c_over_a);
  }
  if (!o.memory.empty()) run.memory_limit = parse_memory(o.memory);
  if (o.potential_precision != "double" && o.potential_precision != "mixed")
    throw UsageError(
        fmt::format("--potential-precision {}: expected double or mixed", o.potential_precision));
  if (!o.potential.empty())
    run.potential =
        load_potential(o.potential, run.exec, {o.potential_elements, o.potential_precision == "mixed"});
  else if (!o.potential_elements.empty())
    throw UsageError("--potential-elements needs --potential");
  return run;
}

std::vector<std::pair<std::string, std::string>> parameters_of(const AnalyzeOptions& o,
                                                               const Analyzer& analyzer,
                                                               const FrameRange& frames) {
  std::vector<std::pair<std::string, std::string>> all = {
      {"run.compute", fmt::format("{}", fmt::join(analyzer.names(), ","))},
      {"run.frames", frames.text()},
      {"run.device", analyzer.run().exec.on_gpu() ? "cuda" : "cpu"}};
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) all.emplace_back(name, value);
  };
  add("run.structure", o.structure);
  add("run.lattice", o.lattice != 0 ? fmt::format("{}", o.lattice) : "");
  add("run.c-over-a", o.c_over_a != 0 ? fmt::format("{}", o.c_over_a) : "");
  add("run.species", fmt::format("{}", fmt::join(o.species, ",")));
  add("run.format", o.format);
  if (!o.potential.empty()) {
    const Provenance::Input file = describe_input(find_potential(o.potential));
    add("run.potential", file.name);
    add("run.potential-sha256", file.sha256);
    add("run.potential-elements", fmt::format("{}", fmt::join(o.potential_elements, ",")));
    add("run.potential-precision", o.potential_precision);
  }
  for (const auto& [name, value] : analyzer.parameters())
    all.emplace_back(name, value.empty() ? "auto" : value);
  return all;
}

void print_summary(const RunReport& report, const Analyzer& analyzer, const std::string& output) {
  std::string text = fmt::format("{}: {} of {} in all\n", output, counted(report.frames_computed, "frame"),
                                 counted(report.atoms, "atom"));
  if (report.frames_kept > 0)
    text +=
        fmt::format("{} of an earlier run kept, not in the table\n", counted(report.frames_kept, "frame"));
  if (report.frames_bad > 0)
    text += fmt::format("{} skipped as bad, named in the notes\n", counted(report.frames_bad, "frame"));
  if (const std::string table = report.summary.table(); !table.empty()) text += "\n" + table;
  if (!analyzer.notes().empty() || !report.summary.notes().empty() || !report.bad_notes.empty())
    text += "\nnotes\n";
  for (const std::string& note : analyzer.notes()) text += "  " + note + "\n";
  for (const auto& [note, n] : report.summary.notes())
    text += report.frames_computed > 1 ? fmt::format("  {} ({})\n", note, counted(n, "frame"))
                                       : fmt::format("  {}\n", note);
  for (const std::string& note : report.bad_notes) text += "  " + note + "\n";
  if (const auto named = static_cast<int64_t>(report.bad_notes.size()); named < report.frames_bad)
    text += fmt::format("  ... and {} more\n", counted(report.frames_bad - named, "bad frame"));
  text += fmt::format("\n{:<26}{:>12}\n", "stage", "time");
  for (const auto& [stage, seconds] : report.stages)
    if (seconds >= 5e-4)  // one evaluation of a potential serves several analyses
      text += fmt::format("{:<26}{:>12}\n", stage, seconds_text(seconds));
  text += fmt::format("{:<26}{:>12}", "wall (stages overlap)", seconds_text(report.seconds));
  if (report.atoms > 0)
    text +=
        fmt::format("   {:.3g} atoms/s", static_cast<double>(report.atoms) / std::max(report.seconds, 1e-9));
  const auto peak = static_cast<double>(peak_resident_bytes());
  text += fmt::format("\n{:<26}{:>12}", "peak memory", bytes_text(peak));
  if (report.largest_frame > 0)
    text += fmt::format("   {:.0f} bytes/atom", peak / static_cast<double>(report.largest_frame));
  if (analyzer.bytes_per_atom() > 0)
    text +=
        fmt::format("\n{:<26}{:>12}   {:.0f} bytes/atom where a frame is not cut; {}", "planned for a pass",
                    bytes_text(analyzer.bytes_per_atom() * static_cast<double>(report.largest_frame)),
                    analyzer.bytes_per_atom(),
                    report.most_slabs > 1 ? fmt::format("in up to {} slabs", report.most_slabs) : "not cut");
  fmt::print("{}\n", text);
}

void run_analyze(AnalyzeOptions& o, CLI::App& command, const std::string& command_line) {
  std::vector<std::string> settings;
  if (!o.config.empty()) settings = read_config(command, o.config);
  settings.insert(settings.end(), o.settings.begin(), o.settings.end());
  if (o.inputs.empty()) throw UsageError("analyze needs at least one input file");
  if (o.compute.empty()) {
    std::vector<std::string> known;
    for (const AnalysisEntry& entry : registry()) known.push_back(entry.info.name);
    throw UsageError(fmt::format("analyze needs --compute with one or more of {}", listed(known)));
  }
  if (o.output.empty()) o.output = fs::path(o.inputs.front()).filename().string() + ".grainfield.h5";

  std::string why_cpu;
  RunContext run = make_run(o, why_cpu);
  run.output = o.output;
  const FrameRange frames = o.frames.empty() ? FrameRange() : FrameRange(o.frames);
  Analyzer analyzer(make_requests(o.compute, settings), run);
  for (const std::string& input : o.inputs) {
    std::error_code ignored;
    if (fs::equivalent(input, o.output, ignored))
      throw UsageError(fmt::format("-o {}: would overwrite an input", o.output));
    if (!fs::exists(input, ignored)) throw InputError(fmt::format("{}: there is no such file", input));
  }
  const fs::path folder = fs::path(o.output).parent_path();
  if (!folder.empty() && !fs::is_directory(folder))
    throw ResourceError(fmt::format("-o {}: there is no folder {}", o.output, folder.string()));

  if (!why_cpu.empty() && !o.quiet) fmt::print(stderr, "grainfield: {}\n", why_cpu);

  ReadOptions read;
  read.threads = o.threads;
  read.species = o.species;
  PipelineOptions pipeline;
  pipeline.inputs = o.inputs;
  pipeline.frames = frames;
  pipeline.open = [&](const std::string& path) { return open_reader(path, read, o.format); };
  pipeline.vtk_prefix = fs::path(o.output).replace_extension().string();
  pipeline.resume = o.resume;
  pipeline.skip_bad_frames = o.skip_bad_frames;
  pipeline.make_writer = [&] {
    Provenance provenance;
    provenance.version = library_version();
    provenance.command = command_line;
    provenance.parameters = parameters_of(o, analyzer, frames);
    for (const std::string& input : o.inputs) provenance.inputs.push_back(describe_input(input));
    return open_results(o.output, provenance, {o.compress, o.resume, !o.no_positions});
  };
  const bool terminal = !o.quiet && isatty(STDERR_FILENO) != 0;
  pipeline.count_frames = terminal && !o.skip_bad_frames;  // there, counting is reading

  Timeline timeline;
  if (!o.timeline.empty()) {
    check_writable("--timeline", o.timeline);
    pipeline.timeline = &timeline;
  }

  const auto keep_timeline = [&] {
    if (!o.timeline.empty()) write_text(o.timeline, timeline_trace(timeline.events()));
  };
  RunReport report;
  try {
    report =
        run_resumable(pipeline, analyzer, o.output, o.quiet,
                      o.skip_bad_frames ? "" : ", with --skip-bad-frames past frames that cannot be read");
  } catch (const Exit&) {
    keep_timeline();
    throw;
  }
  keep_timeline();
  if (!o.quiet)
    print_summary(report, analyzer, o.output);
  else if (report.frames_bad > 0)  // lost data is never passed over in silence
    fmt::print(stderr, "grainfield: {} skipped; the first: {}\n", counted(report.frames_bad, "bad frame"),
               report.bad_notes.front());
}

}  // namespace

void add_analyze(CLI::App& app, const std::string& command_line) {
  auto o = std::make_shared<AnalyzeOptions>();
  CLI::App* command =
      app.add_subcommand("analyze", "Compute quantities of every frame and write them in H5MD");
  command->add_option("input", o->inputs, "snapshots; frames of several files follow each other");
  command->add_option("--compute", o->compute, "analyses, such as density,coordination (`grainfield list`)")
      ->delimiter(',');
  command->add_option("-o,--output", o->output,
                      "results (default: name of the first input + .grainfield.h5, in this folder)");
  command->add_option("--set", o->settings, "name.parameter=value; may be repeated")->take_all();
  command->add_option("--frames", o->frames, "a, a:b or a:b:c as a Python slice (default: all)");
  command->add_option("--structure", o->structure, "bulk lattice: sc, bcc, fcc, hcp or diamond");
  command->add_option("--lattice", o->lattice, "lattice constant a of the bulk, A");
  command->add_option("--c-over-a", o->c_over_a, "c/a of hcp (default: the ideal sqrt(8/3))");
  command->add_option("--species", o->species, "names of the types of the input in order, such as Fe,Cr")
      ->delimiter(',');
  command->add_option("--potential", o->potential,
                      "interatomic potential: an MTP (.mtp, .almtp) or EAM file; looked for as a path, in "
                      "$GRAINFIELD_POTENTIALS, and among LAMMPS' potentials");
  command
      ->add_option("--potential-elements", o->potential_elements,
                   "elements of an MTP's species in its order, such as Fe,Ni (its file has numbers only)")
      ->delimiter(',');
  command->add_option("--potential-precision", o->potential_precision, "double or mixed (MTP)")
      ->capture_default_str();
  command->add_option("--format", o->format, "format of the inputs (default: found by content)");
  command->add_option("--memory", o->memory,
                      "most memory to use, such as 500M, 4G (powers of 1024) or 4GB (of 1000): larger frames "
                      "are cut into slabs (default: nine tenths of what is available). With a GPU this holds "
                      "for the host and for the GPU, each by itself");
  command->add_option("--threads", o->threads, "host threads; the results do not depend on them")
      ->capture_default_str();
  command->add_option("--device", o->device, "auto, cpu, cuda or cuda:N")->capture_default_str();
  command->add_option(
      "--timeline", o->timeline,
      "write when each frame was read, computed and written, for chrome://tracing or Perfetto");
  command->add_flag("--resume", o->resume, "go on with a run that was cut off: keep its complete frames");
  command->add_flag(
      "--skip-bad-frames", o->skip_bad_frames,
      "note frames that cannot be read and go on behind them (default: stop, keeping the frames "
      "before)");
  command->add_flag("--compress", o->compress, "compress the results (gzip)");
  command->add_flag("--no-positions", o->no_positions, "leave positions, species and ids out of the results");
  command->add_flag("--quiet", o->quiet, "neither progress nor summary");
  command
      ->add_option("--config", o->config,
                   "TOML file: keys are these options (input for the inputs), table [set] the parameters; "
                   "the command line wins")
      ->configurable(false);
  command->footer(
      "Examples:\n"
      "  grainfield analyze fe.lmp --compute density,coordination --structure bcc --lattice 2.83 -o fe.h5\n"
      "  grainfield analyze run.*.dump.zst --compute rdf --set rdf.range=8 --frames ::10 --memory 4G\n"
      "  grainfield analyze fe.lmp --compute energy,force,stress --potential Fe_mm.eam.fs -o fe.h5\n"
      "  grainfield analyze --config fe.toml        with fe.toml:\n"
      "      input = [\"fe.lmp\"]\n"
      "      compute = [\"density\", \"coordination\"]\n"
      "      [set]\n"
      "      density.beta = 3.024\n"
      "      coordination.cutoffs = [3.4, 4.5]\n"
      "Ctrl-C ends after the frame in hand (exit code 130); a second one ends at once. Either way --resume\n"
      "goes on with the frames that are missing. After an error (a bad frame, a full disk) too, complete "
      "frames\n"
      "are kept in <output>.partial, and --resume goes on once the cause is mended.\n"
      "--skip-bad-frames names each bad frame in the summary; the exit code is 0 if any frame is good. Bad\n"
      "frames keep their numbers, so that --frames, --resume and /parameters/grainfield/frames/index count "
      "as\n"
      "in the whole trajectory. It may join a --resume of a run that a bad frame has stopped.");
  command->callback([o, command, command_line] { run_analyze(*o, *command, command_line); });
}

}  // namespace grainfield
