#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "host/error.hpp"
#include "io/formats.hpp"
#include "io/tokens.hpp"

namespace grainfield {
namespace {

constexpr std::string_view hdf5_magic("\x89HDF\r\n\x1a\n", 8);
constexpr size_t head_bytes = 64 << 10;
constexpr const char* known_formats = "lammps-dump, lammps-data, extxyz, poscar, cfg or h5md";

std::vector<std::string_view> first_lines(std::string_view head, size_t n) {
  std::vector<std::string_view> lines;
  while (!head.empty() && lines.size() < n) {
    const size_t end = head.find('\n');
    lines.push_back(head.substr(0, end));
    head.remove_prefix(end == std::string_view::npos ? head.size() : end + 1);
  }
  return lines;
}

bool reals(const std::vector<std::string_view>& words, size_t first, size_t n) {
  if (words.size() < first + n) return false;
  return std::all_of(words.begin() + static_cast<int64_t>(first),
                     words.begin() + static_cast<int64_t>(first + n),
                     [](std::string_view word) { return to_real(word).has_value(); });
}

bool looks_like_xyz(const std::vector<std::string_view>& lines) {
  if (lines.empty() || !to_integer(trim(lines[0]))) return false;
  if (lines.size() < 2) return false;
  if (lines[1].find("Properties=") != std::string_view::npos ||
      lines[1].find("Lattice=") != std::string_view::npos)
    return true;
  if (lines.size() == 2) return to_integer(trim(lines[0])) == 0;
  return reals(split(lines[2]), 1, 3);
}

bool looks_like_poscar(const std::vector<std::string_view>& lines) {
  if (lines.size() < 5) return false;
  const auto scale = split(lines[1]);
  return reals(scale, 0, 1) && reals(split(lines[2]), 0, 3) && reals(split(lines[3]), 0, 3) &&
         reals(split(lines[4]), 0, 3);
}

bool looks_like_lammps_data(const std::vector<std::string_view>& lines) {
  for (size_t k = 1; k < lines.size(); ++k) {  // the first line is a comment
    const auto words = split(before(lines[k], '#'));
    if (words.size() == 2 && words[1] == "atoms" && to_integer(words[0])) return true;
    if (words.size() == 4 && words[2] == "xlo" && words[3] == "xhi") return true;
  }
  return false;
}

std::string format_by_content(std::string_view head) {
  if (head.starts_with(hdf5_magic)) return "h5md";
  const auto lines = first_lines(head, 200);
  for (const std::string_view line : lines) {
    if (trim(line).empty()) continue;
    if (line.starts_with("ITEM:")) return "lammps-dump";
    if (trim(line) == "BEGIN_CFG") return "cfg";
    break;
  }
  if (looks_like_xyz(lines)) return "extxyz";
  if (looks_like_lammps_data(lines)) return "lammps-data";
  if (looks_like_poscar(lines)) return "poscar";
  return "";
}

// For files whose content does not tell (damaged ones mostly): the reader of the name says what is wrong.
std::string format_by_name(const std::string& path) {
  std::string name = std::filesystem::path(path).filename().string();
  for (const std::string_view packed : {".gz", ".zst"})
    if (name.ends_with(packed)) name.resize(name.size() - packed.size());
  const auto ends = [&](std::initializer_list<std::string_view> suffixes) {
    return std::any_of(suffixes.begin(), suffixes.end(),
                       [&](std::string_view s) { return name.ends_with(s); });
  };
  if (ends({".dump", ".lammpstrj"})) return "lammps-dump";
  if (ends({".data", ".lmp"})) return "lammps-data";
  if (ends({".xyz", ".extxyz"})) return "extxyz";
  if (ends({".cfg"})) return "cfg";
  if (ends({".poscar", ".vasp"}) || name.starts_with("POSCAR") || name.starts_with("CONTCAR"))
    return "poscar";
  if (ends({".h5", ".h5md", ".hdf5"})) return "h5md";
  return "";
}

}  // namespace

std::unique_ptr<Reader> open_reader(const std::string& path, const ReadOptions& options,
                                    const std::string& format) {
  auto source = std::make_unique<TextSource>(path);
  const std::string_view head = source->head(head_bytes);
  std::string chosen = format.empty() ? format_by_content(head) : format;
  if (head.empty()) throw InputError(fmt::format("{}: expected a snapshot, found an empty file", path));
  if (chosen.empty()) chosen = format_by_name(path);
  if (chosen == "h5md") {
    if (source->compressed())
      throw InputError(
          fmt::format("{}: expected a plain HDF5 file, found a compressed one: decompress it first", path));
    if (!head.starts_with(hdf5_magic))
      throw InputError(fmt::format("{}: expected an HDF5 file, found other content", path));
    return open_h5md(path, options);
  }
  if (chosen == "lammps-dump") return open_lammps_dump(std::move(source), options);
  if (chosen == "lammps-data") return open_lammps_data(std::move(source), options);
  if (chosen == "extxyz") return open_extxyz(std::move(source), options);
  if (chosen == "poscar") return open_poscar(std::move(source), options);
  if (chosen == "cfg") return open_mlip_cfg(std::move(source), options);
  if (chosen.empty())
    throw InputError(fmt::format("{}, line 1: expected a file of the format {}, found {}", path,
                                 known_formats, quote(head.substr(0, head.find('\n')))));
  throw UsageError(fmt::format("format {}: expected {}", quote(chosen), known_formats));
}

}  // namespace grainfield
