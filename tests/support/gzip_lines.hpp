// The lines of a gzipped text file.
#pragma once

#include <zlib.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace grainfield::test {

inline std::vector<std::string> gzip_lines(const std::string& path) {
  const gzFile file = gzopen(path.c_str(), "rb");
  if (!file) throw std::runtime_error("cannot open " + path);
  std::vector<std::string> lines{""};
  char buffer[1 << 14];
  for (int n; (n = gzread(file, buffer, sizeof(buffer))) > 0;)
    for (int k = 0; k < n; ++k) {
      if (buffer[k] == '\n')
        lines.emplace_back();
      else
        lines.back() += buffer[k];
    }
  gzclose(file);
  if (lines.back().empty()) lines.pop_back();
  return lines;
}

}  // namespace grainfield::test
