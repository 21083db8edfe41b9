// Reports that a command writes as text.
#pragma once

#include <string>

namespace grainfield {

// Appears under its name when it is complete.
void write_text(const std::string& path, const std::string& text);

std::string csv_quoted(const std::string& text);

// Before a long run: whether its file can be made; "" is none.
void check_writable(const char* option, const std::string& path);

}  // namespace grainfield
