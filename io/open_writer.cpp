#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <iterator>
#include <string_view>

#include "host/error.hpp"
#include "io/h5md_writer.hpp"
#include "io/text_writer.hpp"

namespace grainfield {

namespace {

constexpr std::string_view writable_formats[] = {"extxyz", "lammps-data", "lammps-dump",
                                                 "poscar", "cfg",         "h5md"};

std::string format_of_name(const std::string& path) {
  std::string name = std::filesystem::path(path).filename().string();
  for (const char* packing : {".gz", ".zst"})
    if (name.ends_with(packing)) name.resize(name.size() - std::string(packing).size());
  if (name.starts_with("POSCAR") || name.starts_with("CONTCAR")) return "poscar";
  const size_t dot = name.rfind('.');
  std::string ending = dot == std::string::npos ? "" : name.substr(dot + 1);
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  if (ending == "data" || ending == "lmp") return "lammps-data";
  if (ending == "dump" || ending == "lammpstrj") return "lammps-dump";
  if (ending == "xyz" || ending == "extxyz") return "extxyz";
  if (ending == "vasp" || ending == "poscar") return "poscar";
  if (ending == "cfg") return "cfg";
  if (ending == "h5" || ending == "h5md") return "h5md";
  return "";
}

}  // namespace

std::string output_format(const std::string& path, const std::string& format) {
  const std::string chosen = format.empty() ? format_of_name(path) : format;
  if (chosen.empty())
    throw UsageError(fmt::format(
        "{}: the name does not tell the format to write; expected .xyz, .data, .dump, .vasp, .cfg "
        "or .h5 (or .gz/.zst of them), or a format by name: {}",
        path, fmt::join(writable_formats, ", ")));
  if (std::find(std::begin(writable_formats), std::end(writable_formats), chosen) ==
      std::end(writable_formats))
    throw UsageError(fmt::format("{}: unknown format to write '{}'; expected one of {}", path, chosen,
                                 fmt::join(writable_formats, ", ")));
  if (chosen == "h5md" && (path.ends_with(".gz") || path.ends_with(".zst")))
    throw UsageError(fmt::format(
        "{}: H5MD files are compressed inside: leave out the ending and ask for --compress", path));
  return chosen;
}

std::unique_ptr<Writer> open_writer(const std::string& path, const WriteOptions& options,
                                    const std::string& format) {
  const std::string chosen = output_format(path, format);
  if (chosen == "extxyz") return make_extxyz_writer(path, options);
  if (chosen == "lammps-data") return make_lammps_data_writer(path, options);
  if (chosen == "lammps-dump") return make_lammps_dump_writer(path, options);
  if (chosen == "poscar") return make_poscar_writer(path, options);
  if (chosen == "cfg") return make_mlip_cfg_writer(path, options);
  return make_h5md_writer(path, options);
}

}  // namespace grainfield
