// The rows of a table of atoms: parsed in parallel, written straight into the arrays of a frame.
//
// A window of whole lines is cut into chunks of bytes; counting their line ends tells each chunk its first
// row; then every chunk is parsed on its own. The result, and the error that is reported (the first by line),
// do not depend on the number of threads or on the size of the chunks.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "io/text_source.hpp"
#include "kernels/core/vec3.hpp"

namespace grainfield {

// Distinct words, numbered in the order of their first appearance.
class SymbolTable {
 public:
  int32_t find_or_add(std::string_view word);
  const std::vector<std::string>& words() const { return words_; }

 private:
  std::vector<std::string> words_;
  std::unordered_map<std::string, int32_t> index_;
  size_t last_ = 0;
};

// One column of the table, and where its values go: row i of the table to place i * components + component of
// the target, which read_rows resizes to rows * components.
struct RowField {
  // A column whose values are not kept.
  struct Ignored {};
  // A column of words: the target gets their number in the table.
  struct Symbols {
    std::vector<int32_t>* index;
    SymbolTable* table;
  };
  // A column of T/F, true/false or 1/0.
  struct Logical {
    std::vector<int64_t>* value;
  };
  using Target = std::variant<Ignored, std::vector<double>*, std::vector<Vec3>*, std::vector<int64_t>*,
                              std::vector<int32_t>*, std::vector<std::string>*, Symbols, Logical>;

  std::string name;  // as the file calls it, for messages
  Target target{};
  int components = 1;
  int component = 0;
  bool finite = false;  // NaN and infinity are errors
  double factor = 1;    // multiplies real values
};

struct RowsOptions {
  int threads = 1;
  int64_t chunk_bytes = 1 << 20;
  bool more_words = false;  // words after the last field are passed over instead of being an error
  char comment = '\0';      // a word that starts with it ends the row
};

// Reads the next n lines of `source` as rows of `fields`. Throws InputError with the line, the row, what was
// expected and found; a count n that the rest of the file cannot hold is refused before memory is taken for
// it.
void read_rows(TextSource& source, int64_t n, const std::vector<RowField>& fields,
               const RowsOptions& options);

}  // namespace grainfield
