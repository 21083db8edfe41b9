#include "io/rows.hpp"

#include <fast_float/fast_float.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>

#include "io/tokens.hpp"
#include "kernels/core/parallel.hpp"

namespace grainfield {

int32_t SymbolTable::find_or_add(std::string_view word) {
  if (last_ < words_.size() && words_[last_] == word) return static_cast<int32_t>(last_);
  const auto [place, added] = index_.try_emplace(std::string(word), static_cast<int32_t>(words_.size()));
  if (added) words_.emplace_back(word);
  last_ = static_cast<size_t>(place->second);
  return place->second;
}

namespace {

enum class Kind : uint8_t { ignored, real, int64, int32, text, symbol, logical };

// A RowField made plain for the inner loop: where row 0 goes and the distance between rows.
struct Slot {
  Kind kind = Kind::ignored;
  bool finite = false;
  int64_t stride = 0;
  double factor = 1;
  void* base = nullptr;
  size_t symbol = 0;  // which of the chunk's symbol tables
};

template <class T>
void set_base(Slot& slot, Kind kind, std::vector<T>& target, const RowField& field, int64_t rows) {
  target.resize(static_cast<size_t>(rows * field.components));
  slot.kind = kind;
  slot.base = target.empty() ? nullptr : target.data() + field.component;
  slot.stride = field.components;
}

// Resizes the targets for `rows` rows (and reserves for `reserve`), and says where they are now.
std::vector<Slot> slots_for(const std::vector<RowField>& fields, int64_t rows, int64_t reserve) {
  std::vector<Slot> slots(fields.size());
  size_t symbols = 0;
  for (size_t f = 0; f < fields.size(); ++f) {
    const RowField& field = fields[f];
    Slot& slot = slots[f];
    slot.finite = field.finite;
    slot.factor = field.factor;
    const auto places = static_cast<size_t>(reserve * field.components);
    if (auto* real = std::get_if<std::vector<double>*>(&field.target)) {
      (*real)->reserve(places);
      set_base(slot, Kind::real, **real, field, rows);
    } else if (auto* vec = std::get_if<std::vector<Vec3>*>(&field.target)) {
      static_assert(sizeof(Vec3) == 3 * sizeof(double));
      (*vec)->reserve(static_cast<size_t>(reserve));
      (*vec)->resize(static_cast<size_t>(rows));
      slot.kind = Kind::real;
      slot.base = rows == 0 ? nullptr : reinterpret_cast<double*>((*vec)->data()) + field.component;
      slot.stride = 3;
    } else if (auto* wide = std::get_if<std::vector<int64_t>*>(&field.target)) {
      (*wide)->reserve(places);
      set_base(slot, Kind::int64, **wide, field, rows);
    } else if (auto* narrow = std::get_if<std::vector<int32_t>*>(&field.target)) {
      (*narrow)->reserve(places);
      set_base(slot, Kind::int32, **narrow, field, rows);
    } else if (auto* text = std::get_if<std::vector<std::string>*>(&field.target)) {
      set_base(slot, Kind::text, **text, field, rows);
    } else if (auto* symbol = std::get_if<RowField::Symbols>(&field.target)) {
      symbol->index->reserve(places);
      set_base(slot, Kind::symbol, *symbol->index, field, rows);
      slot.symbol = symbols++;
    } else if (auto* logical = std::get_if<RowField::Logical>(&field.target)) {
      logical->value->reserve(places);
      set_base(slot, Kind::logical, *logical->value, field, rows);
    }
  }
  return slots;
}

// One piece of a window.
struct Chunk {
  const char* begin = nullptr;
  const char* end = nullptr;
  int64_t first_row = 0;
  int64_t lines = 0;
  const char* stop = nullptr;  // behind the last row that was wanted
  std::vector<SymbolTable> symbols;
  int64_t error_row = -1;
  std::string error;
};

int64_t count_lines(const char* begin, const char* end) {
  int64_t n = 0;
  for (const char* p = begin; p != end; ++n) {
    const void* newline = std::memchr(p, '\n', static_cast<size_t>(end - p));
    p = newline ? static_cast<const char*>(newline) + 1 : end;  // the file's last line may lack its end
  }
  return n;
}

// Advances p over an integer; false unless one stands there and ends at white space. T bounds the value.
template <class T>
bool parse_integer(const char*& p, const char* end, T& value) {
  const char* q = p;
  const bool negative = q != end && *q == '-';
  if (q != end && (*q == '-' || *q == '+')) ++q;
  const char* const digits = q;
  uint64_t magnitude = 0;
  while (q != end && static_cast<unsigned char>(*q - '0') < 10) {
    if (q - digits == 18) return false;  // beyond 10^18
    magnitude = 10 * magnitude + static_cast<uint64_t>(*q++ - '0');
  }
  if (q == digits || (q != end && !is_space(*q))) return false;
  const auto wide = negative ? -static_cast<int64_t>(magnitude) : static_cast<int64_t>(magnitude);
  if (wide < std::numeric_limits<T>::min() || wide > std::numeric_limits<T>::max()) return false;
  value = static_cast<T>(wide);
  p = q;
  return true;
}

bool parse_real(const char*& p, const char* end, double& value) {
  const char* q = p;
  if (*q == '+' && end - q > 1 && q[1] != '-') ++q;
  const auto [stop, error] = fast_float::from_chars(q, end, value);
  if (error != std::errc() || (stop != end && !is_space(*stop))) return false;
  p = stop;
  return true;
}

std::optional<int64_t> to_logical(std::string_view word) {
  if (word == "T" || word == "True" || word == "true" || word == "TRUE" || word == "1") return 1;
  if (word == "F" || word == "False" || word == "false" || word == "FALSE" || word == "0") return 0;
  return std::nullopt;
}

std::string_view word_at(const char* p, const char* end) {
  const char* q = p;
  while (q != end && !is_space(*q)) ++q;
  return {p, static_cast<size_t>(q - p)};
}

const char* expected_of(const Slot& slot) {
  switch (slot.kind) {
    case Kind::real:
      return slot.finite ? "a finite number" : "a number";
    case Kind::int32:
      return "an integer of at most 32 bits";
    case Kind::int64:
      return "an integer";
    case Kind::logical:
      return "T or F";
    default:
      return "a word";
  }
}

// Parses the line [p, end) as row `row`. Returns "" or what is wrong.
std::string parse_row(const char* p, const char* end, int64_t row, const std::vector<Slot>& slots,
                      const std::vector<RowField>& fields, const RowsOptions& options,
                      std::vector<SymbolTable>& symbols) {
  for (size_t f = 0; f < slots.size(); ++f) {
    const Slot& slot = slots[f];
    while (p != end && is_space(*p)) ++p;
    if (p == end || (options.comment && *p == options.comment))
      return fmt::format("expected {} values, found {}: '{}' is missing", slots.size(), f, fields[f].name);
    const char* const word = p;
    bool good = true;
    switch (slot.kind) {
      case Kind::real: {
        double value = 0;
        good = parse_real(p, end, value) && !(slot.finite && !std::isfinite(value));
        static_cast<double*>(slot.base)[row * slot.stride] = value * slot.factor;
        break;
      }
      case Kind::int64:
        good = parse_integer(p, end, static_cast<int64_t*>(slot.base)[row * slot.stride]);
        break;
      case Kind::int32:
        good = parse_integer(p, end, static_cast<int32_t*>(slot.base)[row * slot.stride]);
        break;
      case Kind::symbol: {
        const std::string_view name = word_at(p, end);
        static_cast<int32_t*>(slot.base)[row * slot.stride] = symbols[slot.symbol].find_or_add(name);
        p += name.size();
        break;
      }
      case Kind::text: {
        const std::string_view name = word_at(p, end);
        static_cast<std::string*>(slot.base)[row * slot.stride] = name;
        p += name.size();
        break;
      }
      case Kind::logical: {
        const std::string_view flag = word_at(p, end);
        const auto value = to_logical(flag);
        good = value.has_value();
        static_cast<int64_t*>(slot.base)[row * slot.stride] = value.value_or(0);
        p += flag.size();
        break;
      }
      case Kind::ignored:
        p += word_at(p, end).size();
        break;
    }
    if (!good)
      return fmt::format("expected {} for '{}', found {}", expected_of(slot), fields[f].name,
                         quote(word_at(word, end)));
  }
  if (options.more_words) return {};
  while (p != end && is_space(*p)) ++p;
  if (p == end || (options.comment && *p == options.comment)) return {};
  return fmt::format("expected {} values, found more: {}", slots.size(),
                     quote({p, static_cast<size_t>(end - p)}));
}

void parse_chunk(Chunk& chunk, int64_t n, const std::vector<Slot>& slots, const std::vector<RowField>& fields,
                 const RowsOptions& options) {
  const char* p = chunk.begin;
  int64_t row = chunk.first_row;
  for (; p != chunk.end && row < n; ++row) {
    const void* newline = std::memchr(p, '\n', static_cast<size_t>(chunk.end - p));
    const char* line_end = newline ? static_cast<const char*>(newline) : chunk.end;
    chunk.error = parse_row(p, line_end, row, slots, fields, options, chunk.symbols);
    if (!chunk.error.empty()) {
      chunk.error_row = row;
      return;
    }
    p = newline ? line_end + 1 : line_end;
  }
  chunk.stop = p;
}

// Gives the words that the chunks met the numbers of the fields' own tables, in the order of the rows.
void merge_symbols(std::vector<Chunk>& chunks, const std::vector<Slot>& slots,
                   const std::vector<RowField>& fields, int64_t n) {
  for (size_t f = 0; f < fields.size(); ++f) {
    const auto* target = std::get_if<RowField::Symbols>(&fields[f].target);
    if (!target) continue;
    for (const Chunk& chunk : chunks) {
      const auto& words = chunk.symbols[slots[f].symbol].words();
      std::vector<int32_t> number(words.size());
      bool same = true;
      for (size_t k = 0; k < words.size(); ++k) {
        number[k] = target->table->find_or_add(words[k]);
        same = same && number[k] == static_cast<int32_t>(k);
      }
      if (same) continue;
      auto* index = static_cast<int32_t*>(slots[f].base);
      for (int64_t row = chunk.first_row; row < std::min(n, chunk.first_row + chunk.lines); ++row) {
        int32_t& value = index[row * slots[f].stride];
        value = number[static_cast<size_t>(value)];
      }
    }
  }
}

}  // namespace

void read_rows(TextSource& source, int64_t n, const std::vector<RowField>& fields,
               const RowsOptions& options) {
  // Memory is reserved for what the bytes to come can hold, not for what a damaged header promises: a value
  // takes one character and one separator at least.
  const int64_t left = source.bytes_left();
  const int64_t most = left >= 0 ? std::min(n, left / static_cast<int64_t>(2 * fields.size()) + 1) : 0;
  const int64_t chunk_bytes = std::max<int64_t>(1, options.chunk_bytes);
  const auto target = static_cast<size_t>(chunk_bytes * std::clamp(4 * options.threads, 4, 256));
  const auto n_symbols =
      static_cast<size_t>(std::count_if(fields.begin(), fields.end(), [](const RowField& f) {
        return std::holds_alternative<RowField::Symbols>(f.target);
      }));
  if (n == 0) slots_for(fields, 0, 0);
  std::vector<Chunk> chunks;
  for (int64_t done = 0; done < n;) {
    const std::string_view text = source.window(target);
    if (text.empty())
      source.fail(source.last_line(),
                  fmt::format("the file ends after {} of {} atoms (truncated?)", done, n));

    // Cut at the first line end at or after every multiple of chunk_bytes.
    const auto n_chunks = static_cast<int64_t>((text.size() + static_cast<size_t>(chunk_bytes) - 1) /
                                               static_cast<size_t>(chunk_bytes));
    chunks.assign(static_cast<size_t>(n_chunks), {});
    const char* const begin = text.data();
    const char* const end = begin + text.size();
    const char* cut = begin;
    for (int64_t k = 0; k < n_chunks; ++k) {
      chunks[static_cast<size_t>(k)].begin = cut;
      const char* const wanted = begin + std::min<int64_t>((k + 1) * chunk_bytes, end - begin) - 1;
      if (cut <= wanted) {
        const void* newline = std::memchr(wanted, '\n', static_cast<size_t>(end - wanted));
        cut = newline ? static_cast<const char*>(newline) + 1 : end;
      }
      chunks[static_cast<size_t>(k)].end = cut;
    }
    parallel_chunks(options.threads, n_chunks, 1, [&](int64_t k, int64_t, int) {
      Chunk& chunk = chunks[static_cast<size_t>(k)];
      chunk.lines = count_lines(chunk.begin, chunk.end);
      chunk.symbols.resize(n_symbols);
    });
    int64_t row = done;
    for (Chunk& chunk : chunks) {
      chunk.first_row = row;
      row += chunk.lines;
    }
    const int64_t rows = std::min(n, row);
    const std::vector<Slot> slots = slots_for(fields, rows, std::max(rows, most));
    parallel_chunks(options.threads, n_chunks, 1, [&](int64_t k, int64_t, int) {
      parse_chunk(chunks[static_cast<size_t>(k)], n, slots, fields, options);
    });
    size_t consumed = 0;
    for (const Chunk& chunk : chunks) {
      if (!chunk.error.empty())
        source.fail(source.next_line() + chunk.error_row - done,
                    fmt::format("{} (atom {} of {})", chunk.error, chunk.error_row + 1, n));
      if (chunk.first_row < n) consumed = static_cast<size_t>(chunk.stop - begin);
    }
    merge_symbols(chunks, slots, fields, n);
    source.consume(consumed, rows - done);
    done = rows;
  }
}

}  // namespace grainfield
