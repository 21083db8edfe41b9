// grainfield convert
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "host/error.hpp"
#include "host/frame_range.hpp"
#include "host/limits.hpp"
#include "io/format_limits.hpp"
#include "io/reader.hpp"
#include "io/writer.hpp"
#include "tools/cli/commands.hpp"

namespace grainfield {
namespace {

struct ConvertCommand {
  std::string input, output, frames, from, to;
  std::vector<std::string> species;
  bool compress = false;
  int threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));

  void run() const {
    if (threads < 1) throw UsageError(fmt::format("--threads {}; expected 1 or more", threads));
    expect_threads(threads);
    FrameRange range = frames.empty() ? FrameRange() : FrameRange(frames);
    const ReadOptions options{threads, species};
    const std::string format = output_format(output, to);
    if (range.needs_count()) {
      int64_t n = 0;
      for (const auto reader = open_reader(input, options, from); reader->skip();) ++n;
      range = range.resolve(n);
    }
    const auto reader = open_reader(input, options, from);
    const auto writer = open_writer(output, {threads, compress}, format);
    int64_t index = 0, written = 0, atoms = 0;
    std::set<std::string> lost;
    Frame frame;
    for (; !range.is_past(index); ++index) {
      if (!range.contains(index)) {
        if (!reader->skip()) break;
        continue;
      }
      if (!reader->next(frame)) break;
      writer->write(frame);
      for (const std::string& what : not_held(frame, format)) lost.insert(what);
      ++written;
      atoms += frame.n_atoms();
    }
    if (written == 0)
      throw UsageError(fmt::format("--frames {} chooses none of the {} frames of {}",
                                   frames.empty() ? "::" : frames, index, input));
    writer->close();
    fmt::print("{} ({}) -> {} ({}): {} frame{}, {} atoms\n", input, reader->format(), output, format, written,
               written == 1 ? "" : "s", atoms);
    if (!lost.empty()) fmt::print("{} does not hold: {}\n", format, fmt::join(lost, ", "));
  }
};

}  // namespace

void add_convert(CLI::App& app) {
  auto command = std::make_shared<ConvertCommand>();
  CLI::App* sub = app.add_subcommand("convert", "convert snapshots between file formats");
  sub->add_option("input", command->input, "file to read; the format is found from its content")->required();
  sub->add_option(
         "output", command->output,
         "file to write; its name gives the format: .xyz, .data, .dump, .vasp or POSCAR*, .cfg, each with "
         ".gz or .zst too, or .h5")
      ->required();
  sub->add_option("--frames", command->frames, "frames to convert, as a Python slice a:b:c (default: all)");
  sub->add_option("--species", command->species, "names of the types 1, 2, ..., such as Fe,Cr")
      ->delimiter(',');
  sub->add_option("--from", command->from,
                  "format of the input: extxyz, lammps-data, lammps-dump, poscar, cfg, h5md");
  sub->add_option("--to", command->to, "format of the output, whatever its name");
  sub->add_flag("--compress", command->compress, "compress H5MD datasets");
  sub->add_option("--threads", command->threads, "host threads; the result does not depend on them")
      ->capture_default_str();
  sub->footer(
      "Examples:\n"
      "  grainfield convert relaxed.dump.gz relaxed.h5 --species Fe\n"
      "  grainfield convert run.lammpstrj last.data --frames -1");
  sub->callback([command] { command->run(); });
}

}  // namespace grainfield
