// A text with one piece of it replaced.
#pragma once

#include <gtest/gtest.h>

#include <string>

namespace grainfield::test {

// Replaces the n-th (from 0) `what`; it must be there.
inline std::string replaced(std::string text, const std::string& what, const std::string& by, int n = 0) {
  size_t at = text.find(what);
  for (; n > 0 && at != std::string::npos; --n) at = text.find(what, at + 1);
  if (at == std::string::npos) {
    ADD_FAILURE() << "no '" << what << "' in the text";
    return text;
  }
  return text.replace(at, what.size(), by);
}

}  // namespace grainfield::test
