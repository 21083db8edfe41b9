#include "tools/cli/text_files.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>

#include "host/error.hpp"
#include "io/output_file.hpp"

namespace grainfield {

namespace fs = std::filesystem;

void write_text(const std::string& path, const std::string& text) {
  OutputFile file(path);
  file.write(text.data(), text.size());
  file.close();
}

std::string csv_quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

void check_writable(const char* option, const std::string& path) {
  if (path.empty()) return;
  const fs::path folder = fs::path(path).has_parent_path() ? fs::path(path).parent_path() : fs::path(".");
  if (!fs::is_directory(folder) || access(folder.c_str(), W_OK) != 0 || fs::is_directory(path))
    throw ResourceError(fmt::format("{} {}: no file can be written there", option, path));
}

}  // namespace grainfield
