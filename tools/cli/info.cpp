// grainfield info
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "host/error.hpp"
#include "host/limits.hpp"
#include "io/h5md_contents.hpp"
#include "io/reader.hpp"
#include "tools/cli/commands.hpp"

namespace grainfield {
namespace {

using nlohmann::json;

constexpr double gram_per_cm3 = 1.66053906660;  // 1 amu/A^3 (CODATA 2018)

const char* kind_name(Column::Kind kind) {
  return kind == Column::Kind::real ? "real" : kind == Column::Kind::integer ? "integer" : "text";
}

json vector_of(Vec3 v) { return {v.x, v.y, v.z}; }

double degrees_between(Vec3 u, Vec3 v) {
  return std::atan2(norm(cross(u, v)), dot(u, v)) * 180 / 3.141592653589793;
}

// The first frame, in numbers.
json describe(const Frame& frame) {
  json out;
  out["atoms"] = frame.n_atoms();
  out["step"] = frame.step;
  out["time"] = frame.time;
  std::vector<int64_t> count(frame.species.size(), 0);
  for (const int32_t t : frame.type) ++count[static_cast<size_t>(t)];
  double mass = 0;
  bool masses_known = true;
  out["species"] = json::array();
  for (size_t k = 0; k < frame.species.size(); ++k) {
    const Species& s = frame.species[k];
    out["species"].push_back({{"name", s.name}, {"label", s.label}, {"mass", s.mass}, {"atoms", count[k]}});
    mass += static_cast<double>(count[k]) * s.mass;
    masses_known = masses_known && (count[k] == 0 || s.mass > 0);
  }
  const Box& box = frame.box;
  if (frame.has_box) {
    out["box"] = {
        {"a", vector_of(box.a)},
        {"b", vector_of(box.b)},
        {"c", vector_of(box.c)},
        {"origin", vector_of(box.origin)},
        {"lengths", {norm(box.a), norm(box.b), norm(box.c)}},
        {"angles",
         {degrees_between(box.b, box.c), degrees_between(box.a, box.c), degrees_between(box.a, box.b)}},
        {"volume", box.volume()}};
    out["number_density"] = static_cast<double>(frame.n_atoms()) / box.volume();
    if (masses_known && mass > 0) out["mass_density"] = mass / box.volume() * gram_per_cm3;
  }
  out["periodic"] = {box.periodic[0], box.periodic[1], box.periodic[2]};
  out["columns"] = json::array();
  for (const Column& c : frame.columns)
    out["columns"].push_back(
        {{"name", c.name}, {"kind", kind_name(c.kind)}, {"components", c.components}, {"unit", c.unit}});
  out["info"] = json::object();
  for (const auto& [key, value] : frame.info) out["info"][key] = value;
  return out;
}

json describe(const std::vector<H5mdItem>& items) {
  json out = json::array();
  for (const H5mdItem& item : items)
    out.push_back({{"path", item.path},
                   {"shape", item.dims},
                   {"kind", item.is_integer ? "integer" : "real"},
                   {"unit", item.unit},
                   {"doc", item.doc},
                   {"components", item.component_names}});
  return out;
}

json describe(const H5mdContents& contents) {
  json out;
  out["creator"] = contents.creator + " " + contents.creator_version;
  out["fields"] = describe(contents.fields);
  out["observables"] = describe(contents.observables);
  out["grids"] = describe(contents.grids);
  out["command"] = contents.command;
  out["parameters"] = json::object();
  for (const auto& [name, value] : contents.parameters) out["parameters"][name] = value;
  out["inputs"] = json::array();
  for (const auto& input : contents.inputs)
    out["inputs"].push_back({{"name", input.name}, {"bytes", input.bytes}, {"sha256", input.sha256}});
  out["notes"] = contents.notes;
  return out;
}

struct InfoCommand {
  std::vector<std::string> files;
  std::vector<std::string> species;
  std::string from;
  bool as_json = false;
  int threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));

  json look(const std::string& file) const {
    json out{{"file", file}};
    std::optional<H5mdContents> contents;
    const auto is_hdf5 = [&] {
      std::FILE* f = std::fopen(file.c_str(), "rb");
      char magic[4] = {};
      const bool yes = f && std::fread(magic, 1, 4, f) == 4 && std::equal(magic, magic + 4, "\x89HDF");
      if (f) std::fclose(f);
      return yes;
    };
    if (is_hdf5()) contents = h5md_contents(file);
    if (contents && !contents->has_positions) {
      // Results without positions: there is no frame to read.
      out["format"] = "h5md";
      out["frames"] = contents->n_atoms.size();
    } else {
      const auto reader = open_reader(file, {threads, species}, from);
      out["format"] = reader->format();
      Frame frame;
      int64_t n = 0;
      if (reader->next(frame)) {
        out["first_frame"] = describe(frame);
        for (n = 1; reader->skip();) ++n;
      }
      out["frames"] = n;
    }
    if (contents) out["h5md"] = describe(*contents);
    return out;
  }

  static void print_items(const char* title, const json& items) {
    if (items.empty()) return;
    fmt::print("{}\n", title);
    for (const json& item : items) {
      const std::string unit = item["unit"], doc = item["doc"];
      fmt::print("  {}  [{}]{}{}\n", item["path"].get<std::string>(),
                 fmt::join(item["shape"].get<std::vector<int64_t>>(), "]["), unit.empty() ? "" : "  " + unit,
                 doc.empty() ? "" : "  (" + doc + ")");
    }
  }

  static std::string triple(const json& v) {
    return fmt::format("{:.10g} {:.10g} {:.10g}", v[0].get<double>(), v[1].get<double>(), v[2].get<double>());
  }

  static void print(const json& out) {
    fmt::print("{}: {}, {} frame{}\n", out["file"].get<std::string>(), out["format"].get<std::string>(),
               out["frames"].get<int64_t>(), out["frames"] == 1 ? "" : "s");
    if (out.contains("first_frame")) print_frame(out["first_frame"]);
    if (!out.contains("h5md")) return;
    const json& h5md = out["h5md"];
    fmt::print("written by {}\n", h5md["creator"].get<std::string>());
    if (h5md["command"] != "") fmt::print("command {}\n", h5md["command"].get<std::string>());
    for (const json& input : h5md["inputs"])
      fmt::print("input {}, {} bytes, SHA-256 {}\n", input["name"].get<std::string>(),
                 input["bytes"].get<int64_t>(), input["sha256"].get<std::string>());
    for (const auto& [name, value] : h5md["parameters"].items())
      fmt::print("  {} = {}\n", name, value.get<std::string>());
    print_items("per atom", h5md["fields"]);
    print_items("per frame", h5md["observables"]);
    print_items("grids", h5md["grids"]);
  }

  static void print_frame(const json& frame) {
    fmt::print("{} atoms, step {}, time {:.10g} ps\n", frame["atoms"].get<int64_t>(),
               frame["step"].get<int64_t>(), frame["time"].get<double>());
    for (const json& s : frame["species"]) {
      const std::string name = s["name"];
      fmt::print("  type {}  {:<4} {:>10} atoms{}\n", s["label"].get<int32_t>(), name.empty() ? "?" : name,
                 s["atoms"].get<int64_t>(),
                 s["mass"].get<double>() > 0 ? fmt::format("  {:.6g} amu", s["mass"].get<double>()) : "");
    }
    std::string boundary;
    for (const json& p : frame["periodic"]) boundary += p.get<bool>() ? " periodic" : " free";
    if (frame.contains("box")) {
      const json& box = frame["box"];
      for (const char* edge : {"a", "b", "c"}) fmt::print("  {} = ({}) A\n", edge, triple(box[edge]));
      fmt::print("  origin ({}) A, boundaries{}\n", triple(box["origin"]), boundary);
      fmt::print("  lengths {} A, angles {} degrees, volume {:.10g} A^3\n", triple(box["lengths"]),
                 triple(box["angles"]), box["volume"].get<double>());
      fmt::print("  number density {:.6g} A^-3", frame["number_density"].get<double>());
      if (frame.contains("mass_density")) fmt::print(", {:.6g} g/cm^3", frame["mass_density"].get<double>());
      fmt::print("\n");
    } else {
      fmt::print("  no cell, boundaries{}\n", boundary);
    }
    for (const json& c : frame["columns"]) {
      const std::string unit = c["unit"];
      fmt::print("  column {} ({}, {} component{}){}\n", c["name"].get<std::string>(),
                 c["kind"].get<std::string>(), c["components"].get<int>(), c["components"] == 1 ? "" : "s",
                 unit.empty() ? "" : "  " + unit);
    }
    for (const auto& [key, value] : frame["info"].items())
      fmt::print("  {} = {}\n", key, value.get<std::string>());
  }

  void run() const {
    if (threads < 1) throw UsageError(fmt::format("--threads {}; expected 1 or more", threads));
    expect_threads(threads);
    json all = json::array();
    for (const std::string& file : files) {
      const json out = look(file);
      if (!as_json) print(out);
      all.push_back(out);
    }
    if (as_json)
      fmt::print("{}\n",
                 (all.size() == 1 ? all[0] : all).dump(2, ' ', false, json::error_handler_t::replace));
  }
};

}  // namespace

void add_info(CLI::App& app) {
  auto command = std::make_shared<InfoCommand>();
  CLI::App* sub = app.add_subcommand("info", "say what a snapshot or results file holds");
  sub->add_option("files", command->files, "snapshots (any format, .gz, .zst) or results")->required();
  sub->add_option("--species", command->species, "names of the types 1, 2, ..., such as Fe,Cr")
      ->delimiter(',');
  sub->add_option("--from", command->from,
                  "format of the files: extxyz, lammps-data, lammps-dump, poscar, cfg, h5md");
  sub->add_flag("--json", command->as_json, "print JSON; several files give an array");
  sub->add_option("--threads", command->threads, "host threads")->capture_default_str();
  sub->footer(
      "Examples:\n"
      "  grainfield info polycrystal.dump.gz\n"
      "  grainfield info out.h5 --json");
  sub->callback([command] { command->run(); });
}

}  // namespace grainfield
