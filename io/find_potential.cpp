#include "io/find_potential.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <vector>

#include "host/error.hpp"
#include "host/suggest.hpp"

namespace grainfield {
namespace {

namespace fs = std::filesystem;

constexpr const char* lammps_folder = "/usr/share/lammps/potentials";

std::vector<std::string> folders() {
  std::vector<std::string> out;
  if (const char* list = std::getenv("GRAINFIELD_POTENTIALS"))
    for (std::string_view rest = list; !rest.empty();) {
      const size_t colon = std::min(rest.find(':'), rest.size());
      if (colon > 0) out.emplace_back(rest.substr(0, colon));
      rest.remove_prefix(std::min(colon + 1, rest.size()));
    }
  out.emplace_back(lammps_folder);
  return out;
}

bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored) && !fs::is_directory(path, ignored);
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

void add_names(const fs::path& folder, std::vector<std::string>& names) {
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    if (is_file(it->path())) names.push_back(it->path().filename().string());
}

}  // namespace

std::string find_potential(const std::string& name) {
  if (name.empty()) throw UsageError("expected the name of a potential file, found an empty name");
  if (is_file(name)) return name;
  const fs::path path(name);
  std::vector<std::string> names,
      places{path.has_parent_path() ? path.parent_path().string() : "the current folder"};
  add_names(path.has_parent_path() ? path.parent_path() : fs::path("."), names);
  if (!path.is_absolute())
    for (const std::string& folder : folders()) {
      if (is_file(fs::path(folder) / path)) return (fs::path(folder) / path).string();
      places.push_back(fs::is_directory(folder) ? folder : folder + " (which is absent)");
      add_names(folder, names);
    }
  // Names that hold the one given ("Fe_mm" of "Fe_mm.eam.fs"), else the nearest by letters.
  const std::string file = path.filename().string(), wanted = lower(file);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  std::stable_partition(names.begin(), names.end(),
                        [&](const std::string& known) { return lower(known).starts_with(wanted); });
  std::vector<std::string> similar;
  for (const std::string& known : names)
    if (!wanted.empty() && similar.size() < 5 && lower(known).find(wanted) != std::string::npos)
      similar.push_back(known);
  throw UsageError(fmt::format(
      "there is no potential '{}'{}; looked in {}; GRAINFIELD_POTENTIALS may name further folders", name,
      similar.empty() ? suggestion(file, names) : fmt::format(" (did you mean one of {}?)", listed(similar)),
      listed(places)));
}

}  // namespace grainfield
