// grainfield potential info | create
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "host/elements.hpp"
#include "host/error.hpp"
#include "host/mtp_basis.hpp"
#include "host/mtp_summary.hpp"
#include "io/eam_file.hpp"
#include "io/find_potential.hpp"
#include "io/load_potential.hpp"
#include "io/mtp_file.hpp"
#include "tools/cli/commands.hpp"

namespace grainfield {
namespace {

using nlohmann::json;

json describe(const MtpModel& m) {
  const MtpSummary summary = summarize(m);
  json out;
  out["kind"] = "moment tensor potential";
  out["name"] = m.name;
  out["tag"] = m.tag;
  out["species"] = json::array();
  const auto elements = mtp_elements(m);
  for (size_t s = 0; s < m.type_labels.size(); ++s) {
    json species{{"type", m.type_labels[s]}, {"element", elements[s]}};
    if (!m.species_energy.empty()) species["energy"] = m.species_energy[s];
    out["species"].push_back(species);
  }
  out["min_distance"] = m.min_distance;
  out["cutoff"] = m.max_distance;
  out["radial_basis"] = m.repulsive ? "RBChebyshev_repuls" : "RBChebyshev";
  out["radial_basis_size"] = m.n_radial_basis;
  out["radial_functions"] = m.n_radial;
  out["scaling"] = m.scaling;
  out["largest_rank"] = summary.largest_rank;
  out["basic_moments"] = m.basics.size();
  out["moments"] = m.n_moments;
  out["moments_by_depth"] = summary.moments_by_depth;
  out["products"] = m.products.size();
  out["products_by_depth"] = summary.products_by_depth;
  out["scalars"] = m.scalars.size();
  out["scalars_by_degree"] = summary.scalars_by_degree;
  out["level"] = summary.level >= 0 ? json(summary.level) : json();
  if (summary.level >= 2 && summary.level <= mtp_largest_level)
    out["scalars_of_level"] = mtp_graphs(summary.level).size();
  out["coefficients"] = m.n_coefficients();
  out["trained"] = m.trained();
  if (!summary.radial_norm.empty()) out["radial_norm"] = summary.radial_norm;
  if (m.active_set) {
    const MtpActiveSet& set = *m.active_set;
    out["active_set"] = {{"mode", set.neighborhood_mode() ? "neighborhoods" : "configurations"},
                         {"slots", set.origin.size()},
                         {"filled_slots", summary.filled_slots},
                         {"energy_weight", set.energy_weight},
                         {"force_weight", set.force_weight},
                         {"stress_weight", set.stress_weight},
                         {"site_energy_weight", set.site_energy_weight},
                         {"weight_scaling", set.weight_scaling}};
  }
  return out;
}

json describe(const EamModel& m) {
  json out;
  out["kind"] = "embedded-atom potential";
  out["format"] = m.kind == EamKind::funcfl  ? "eam (funcfl)"
                  : m.kind == EamKind::alloy ? "eam/alloy"
                                             : "eam/fs";
  out["name"] = m.name;
  out["species"] = json::array();
  for (size_t s = 0; s < m.elements.size(); ++s)
    out["species"].push_back({{"element", m.elements[s]}, {"mass", m.masses[s]}});
  out["cutoff"] = m.cutoff;
  out["n_rho"] = m.n_rho;
  out["d_rho"] = m.d_rho;
  out["rho_max"] = m.rho_max;
  out["n_r"] = m.n_r;
  out["d_r"] = m.d_r;
  return out;
}

void print_eam(const json& out) {
  fmt::print("{}: {}, {}\n", out["file"].get<std::string>(), out["kind"].get<std::string>(),
             out["format"].get<std::string>());
  for (const json& s : out["species"])
    fmt::print("  {}  {:.6g} amu\n", s["element"].get<std::string>(), s["mass"].get<double>());
  fmt::print("  cutoff {:.10g} A\n", out["cutoff"].get<double>());
  fmt::print("  embedding: {} nodes of {:.10g}, a straight line beyond {:.10g}\n", out["n_rho"].get<int>(),
             out["d_rho"].get<double>(), out["rho_max"].get<double>());
  fmt::print("  densities and pair terms: {} nodes of {:.10g} A\n", out["n_r"].get<int>(),
             out["d_r"].get<double>());
}

template <class T>
std::string joined(const json& list) {
  return fmt::format("{}", fmt::join(list.get<std::vector<T>>(), " + "));
}

void print_mtp(const json& out) {
  fmt::print("{}: {}{}\n", out["file"].get<std::string>(), out["kind"].get<std::string>(),
             out["trained"] ? "" : ", an untrained template");
  for (const char* key : {"name", "tag"})
    if (const std::string text = out[key]; !text.empty()) fmt::print("  {} {}\n", key, text);
  for (const json& s : out["species"]) {
    const std::string element = s["element"];
    fmt::print("  type {}{}{}{}\n", s["type"].get<int>(), element.empty() ? "" : "  ", element,
               s.contains("energy")
                   ? fmt::format("  energy of an isolated atom {:.10g} eV", s["energy"].get<double>())
                   : "");
  }
  fmt::print("  cutoff {:.10g} A, meant for distances above {:.10g} A\n", out["cutoff"].get<double>(),
             out["min_distance"].get<double>());
  fmt::print("  {} radial functions of {} {} polynomials, scaling {:.10g}\n",
             out["radial_functions"].get<int>(), out["radial_basis_size"].get<int>(),
             out["radial_basis"].get<std::string>(), out["scaling"].get<double>());
  if (out.contains("radial_norm"))
    fmt::print("  sum of c^2 per radial function {:.8g}\n",
               fmt::join(out["radial_norm"].get<std::vector<double>>(), " "));
  if (out["level"].is_null())
    fmt::print("  level: none, the products of one moment differ\n");
  else
    fmt::print("  level {} (from the tables): {} scalars{}\n", out["level"].get<int>(),
               out["scalars"].get<int64_t>(),
               out.contains("scalars_of_level")
                   ? fmt::format(" of {}", out["scalars_of_level"].get<int64_t>())
                   : "");
  fmt::print("  scalars by degree {}\n", joined<int64_t>(out["scalars_by_degree"]));
  fmt::print("  {} basic moments, largest rank per radial function {}\n", out["basic_moments"].get<int64_t>(),
             fmt::join(out["largest_rank"].get<std::vector<int>>(), " "));
  fmt::print("  {} moments, by depth {}\n", out["moments"].get<int64_t>(),
             joined<int64_t>(out["moments_by_depth"]));
  fmt::print("  {} products{}{}\n", out["products"].get<int64_t>(), out["products"] == 0 ? "" : ", by depth ",
             joined<int64_t>(out["products_by_depth"]));
  fmt::print("  {} coefficients\n", out["coefficients"].get<int64_t>());
  if (!out.contains("active_set")) {
    fmt::print("  no active set\n");
    return;
  }
  const json& set = out["active_set"];
  fmt::print("  active set of {}, {} of {} slots filled\n", set["mode"].get<std::string>(),
             set["filled_slots"].get<int64_t>(), set["slots"].get<int64_t>());
  fmt::print("    weights: energy {:g}, force {:g}, stress {:g}, site energy {:g}; weight_scaling {}\n",
             set["energy_weight"].get<double>(), set["force_weight"].get<double>(),
             set["stress_weight"].get<double>(), set["site_energy_weight"].get<double>(),
             set["weight_scaling"].get<int>());
}

struct PotentialInfoCommand {
  std::vector<std::string> names;
  bool as_json = false;

  static json look(const std::string& file) {
    json out = is_mtp_file(file) ? describe(read_mtp(file, {true})) : describe(read_eam(file));
    out["file"] = file;
    return out;
  }

  void run() const {
    json all = json::array();
    for (const std::string& name : names) {
      const json out = look(find_potential(name));
      if (!as_json) out["kind"] == "moment tensor potential" ? print_mtp(out) : print_eam(out);
      all.push_back(out);
    }
    if (as_json)
      fmt::print("{}\n",
                 (all.size() == 1 ? all[0] : all).dump(2, ' ', false, json::error_handler_t::replace));
  }
};

struct CreateCommand {
  int level = 0, species = 0, radial_basis_size = 8;
  std::vector<std::string> elements;
  double min_distance = 2, max_distance = 5;
  std::optional<uint64_t> seed;
  std::string output;

  void run() const {
    MtpModel m = make();
    write_mtp(output, m);
    const MtpSummary summary = summarize(m);
    // Products of MLIP-3's own templates (untrained_mtps of its distribution) of these levels.
    static const std::map<int, int> templates{{6, 5},      {8, 14},     {10, 42},    {12, 117},
                                              {14, 348},   {16, 969},   {18, 2634},  {20, 6349},
                                              {22, 15431}, {24, 36170}, {28, 180069}};
    const auto known = templates.find(level);
    fmt::print("{}: level {}, {} scalars, {} basic moments, {} moments, {} products{}, {} coefficients{}\n",
               output, summary.level, m.scalars.size(), m.basics.size(), m.n_moments, m.products.size(),
               known == templates.end() ? "" : fmt::format(" (MLIP-3's template: {})", known->second),
               m.n_coefficients(), m.trained() ? "" : " (none yet: an untrained template)");
  }

  MtpModel make() const {
    if (!elements.empty() && species != 0 && static_cast<size_t>(species) != elements.size())
      throw UsageError(
          fmt::format("--species {} and {} names in --elements; expected as many", species, elements.size()));
    const size_t n = !elements.empty() ? elements.size() : species != 0 ? static_cast<size_t>(species) : 1;
    if (species < 0 || n > 100) throw UsageError(fmt::format("--species {}; expected 1 ... 100", species));
    for (const std::string& name : elements)
      if (!find_element(name)) throw UsageError(fmt::format("--elements: there is no element '{}'", name));
    if (radial_basis_size < 1 || radial_basis_size > 100)
      throw UsageError(fmt::format("--radial-basis-size {}; expected 1 ... 100", radial_basis_size));
    if (!(min_distance >= 0 && max_distance > min_distance && max_distance < 1000))
      throw UsageError(fmt::format("--min-distance {} and --max-distance {}; expected 0 <= min < max, A",
                                   min_distance, max_distance));
    MtpModel m = mtp_basis(level);
    m.name = fmt::format("level_{}", level);
    if (!elements.empty()) m.tag = mtp_element_tag(elements);
    m.n_species = static_cast<int32_t>(n);
    for (int32_t s = 0; s < m.n_species; ++s) m.type_labels.push_back(s);
    m.n_radial_basis = radial_basis_size;
    m.min_distance = min_distance;
    m.max_distance = max_distance;
    if (seed) randomize_coefficients(m, *seed);
    return m;
  }
};

}  // namespace

void add_potential(CLI::App& app) {
  CLI::App* sub = app.add_subcommand("potential", "look at interatomic potentials, or create one");
  sub->require_subcommand(1);

  auto info = std::make_shared<PotentialInfoCommand>();
  CLI::App* info_sub = sub->add_subcommand("info", "say what a potential holds");
  info_sub
      ->add_option("files", info->names,
                   "files, or names in the folders of GRAINFIELD_POTENTIALS or of Debian's lammps-data")
      ->required();
  info_sub->add_flag("--json", info->as_json, "print JSON; several files give an array");
  info_sub->footer(
      "Examples:\n"
      "  grainfield potential info fe.almtp\n"
      "  grainfield potential info Fe_mm.eam.fs --json");
  info_sub->callback([info] { info->run(); });

  auto create = std::make_shared<CreateCommand>();
  CLI::App* create_sub = sub->add_subcommand(
      "create",
      "make the tables of a moment tensor potential, with random coefficients or as a template to train");
  create_sub->add_option("--level", create->level, "all contractions up to this level, 2 ... 28")->required();
  create_sub->add_option("--species", create->species,
                         "number of species (default: that of --elements, or 1)");
  create_sub
      ->add_option("--elements", create->elements, "their elements, such as Fe,Cr; kept in the file's tag")
      ->delimiter(',');
  create_sub->add_option(
      "--random", create->seed,
      "seed of random coefficients (energies of the order of eV, no physics); without: a template");
  create_sub->add_option("--min-distance", create->min_distance, "shortest distance it is meant for, A")
      ->capture_default_str();
  create_sub->add_option("--max-distance", create->max_distance, "cutoff, A")->capture_default_str();
  create_sub
      ->add_option("--radial-basis-size", create->radial_basis_size,
                   "Chebyshev polynomials per radial function")
      ->capture_default_str();
  create_sub->add_option("-o,--output", create->output, "file to write (.mtp or .almtp, which hold the same)")
      ->required();
  create_sub->footer(
      "Examples:\n"
      "  grainfield potential create --level 16 --elements Fe --random 1 --max-distance 6.5 -o fe.almtp\n"
      "  grainfield potential create --level 20 --species 2 -o template.almtp");
  create_sub->callback([create] { create->run(); });
}

}  // namespace grainfield
