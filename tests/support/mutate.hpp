// Deterministic damage to a text: what disks, transfers, editors and hurried scripts do to snapshot files.
#pragma once

#include <array>
#include <random>
#include <string>
#include <vector>

namespace grainfield::test {

class Mutator {
 public:
  explicit Mutator(uint64_t seed) : random_(seed) {}

  // One to four of: flipped, inserted or removed bytes, a cut end, doubled, removed or exchanged lines, a
  // number or a word replaced.
  std::string operator()(std::string text) {
    for (int k = 1 + below(4); k > 0 && !text.empty(); --k) switch (below(9)) {
        case 0:
          text[at(text)] = static_cast<char>(text[at(text)] ^ (1 << below(8)));
          break;
        case 1:
          text.insert(at(text), 1, static_cast<char>(below(256)));
          break;
        case 2:
          text.erase(at(text), 1 + static_cast<size_t>(below(8)));
          break;
        case 3:
          text.resize(at(text));
          break;
        case 4:
          change_lines(text);
          break;
        default:
          replace_word(text);
      }
    return text;
  }

  // Less than n.
  int below(int n) { return static_cast<int>(random_() % static_cast<uint64_t>(n)); }

 private:
  size_t at(const std::string& text) { return static_cast<size_t>(random_() % text.size()); }

  void change_lines(std::string& text) {
    std::vector<std::string> lines(1);
    for (const char c : text) {
      lines.back() += c;
      if (c == '\n') lines.emplace_back();
    }
    const size_t i = random_() % lines.size(), j = random_() % lines.size();
    switch (below(3)) {
      case 0:
        lines.insert(lines.begin() + static_cast<int64_t>(i), lines[j]);
        break;
      case 1:
        lines.erase(lines.begin() + static_cast<int64_t>(i));
        break;
      default:
        std::swap(lines[i], lines[j]);
    }
    text.clear();
    for (const std::string& line : lines) text += line;
  }

  void replace_word(std::string& text) {
    static const std::array<const char*, 30> words{"-1",
                                                   "0",
                                                   "1",
                                                   "2",
                                                   "4294967296",
                                                   "9223372036854775807",
                                                   "-9223372036854775808",
                                                   "99999999999999999999",
                                                   "1000000000",
                                                   "2147483648",
                                                   "nan",
                                                   "-inf",
                                                   "1e308",
                                                   "-1e308",
                                                   "1e-320",
                                                   "1e999",
                                                   "+5",
                                                   "-",
                                                   "+",
                                                   ".",
                                                   "1.5",
                                                   "Fe",
                                                   "T",
                                                   "",
                                                   "\n",
                                                   "\r",
                                                   " ",
                                                   "=",
                                                   "\"",
                                                   "ITEM:"};
    size_t begin = at(text);
    const auto space = [&](size_t k) { return static_cast<unsigned char>(text[k]) <= ' '; };
    while (begin > 0 && !space(begin - 1)) --begin;
    size_t end = begin;
    while (end < text.size() && !space(end)) ++end;
    text.replace(begin, end - begin, words[random_() % words.size()]);
  }

  std::mt19937_64 random_;
};

}  // namespace grainfield::test
