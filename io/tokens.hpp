// Words and numbers of one line of text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace grainfield {

inline bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string_view trim(std::string_view text);
// The words between white space.
std::vector<std::string_view> split(std::string_view text);
// `text` up to the first `mark`, without white space at its ends.
std::string_view before(std::string_view text, char mark);

// The whole of `text` as a number (a leading + is allowed), or nothing. Real: "nan" and "inf" are numbers.
std::optional<double> to_real(std::string_view text);
std::optional<int64_t> to_integer(std::string_view text);

// `text` in quotes for a message: at most 40 characters, unprintable ones as '?'.
std::string quote(std::string_view text);

}  // namespace grainfield
