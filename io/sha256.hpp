// SHA-256 (FIPS 180-4) of files and texts, by OpenSSL.
#pragma once

#include <string>
#include <string_view>

namespace grainfield {

// 64 lower-case hexadecimal digits. ResourceError where the file cannot be read.
std::string sha256_of_file(const std::string& path);
std::string sha256_of_text(std::string_view text);

}  // namespace grainfield
