// XYZ, plain and extended: a count, a line of key=value pairs, the atoms.
// Format: https://github.com/libAtoms/extxyz (specification), section "Extended XYZ".
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "host/elements.hpp"
#include "host/error.hpp"
#include "io/formats.hpp"
#include "io/frame_parts.hpp"
#include "io/tokens.hpp"

namespace grainfield {
namespace {

struct Pair {
  std::string key, value;
};

// Splits key=value, key="a b", key={a b}, key=[a b] and bare keys (value "T").
class PairParser {
 public:
  explicit PairParser(std::string_view text) : text_(text) {}

  // False at the end. Throws InputError (without the place) for a quote or bracket that does not close.
  bool next(Pair& pair) {
    skip_spaces();
    if (at_ == text_.size()) return false;
    pair.key = text_[at_] == '"' ? quoted_text('"') : word(true);
    const size_t after_key = at_;
    skip_spaces();
    if (at_ == text_.size() || text_[at_] != '=') {
      at_ = after_key;
      pair.value.assign(1, 'T');
      return true;
    }
    ++at_;
    skip_spaces();
    if (at_ == text_.size())
      pair.value.clear();
    else if (text_[at_] == '"')
      pair.value = quoted_text('"');
    else if (text_[at_] == '\'')
      pair.value = quoted_text('\'');
    else if (text_[at_] == '{')
      pair.value = quoted_text('}');
    else if (text_[at_] == '[')
      pair.value = bracketed();
    else
      pair.value = word(false);
    return true;
  }

 private:
  void skip_spaces() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }

  std::string word(bool key) {
    const size_t start = at_;
    while (at_ < text_.size() && !is_space(text_[at_]) && !(key && text_[at_] == '=')) ++at_;
    if (at_ == start) ++at_;  // a stray '='
    return std::string(text_.substr(start, at_ - start));
  }

  std::string quoted_text(char close) {
    std::string out;
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == close) {
        ++at_;
        return out;
      }
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) {
        ++at_;
        out += text_[at_] == 'n' ? '\n' : text_[at_];
      } else {
        out += text_[at_];
      }
    }
    throw InputError(fmt::format("expected a closing {} in the line of key=value pairs, found none", close));
  }

  // [1, 2, 3] and [[1, 2], [3, 4]] are kept as they stand.
  std::string bracketed() {
    const size_t start = at_;
    int depth = 0;
    for (; at_ < text_.size(); ++at_) {
      if (text_[at_] == '[') ++depth;
      if (text_[at_] == ']' && --depth == 0) return std::string(text_.substr(start, ++at_ - start));
    }
    throw InputError("expected a closing ] in the line of key=value pairs, found none");
  }

  std::string_view text_;
  size_t at_ = 0;
};

// Numbers between white space, commas and brackets.
std::vector<std::string_view> list_words(std::string& value) {
  for (char& c : value)
    if (c == ',' || c == '[' || c == ']') c = ' ';
  return split(value);
}

struct Property {
  std::string name;
  char kind = 'R';  // S, R, I, L
  int components = 1;
};

struct Header {
  int64_t n_atoms = 0;
  std::vector<Property> properties;
  bool stated = false;  // Properties= was there
  std::optional<Vec3> edge[3];
  std::optional<Vec3> origin;
  bool periodic[3] = {};
};

class ExtXyz final : public Reader {
 public:
  ExtXyz(std::unique_ptr<TextSource> source, const ReadOptions& options)
      : source_(std::move(source)), options_(options) {}

  std::string format() const override { return "extxyz"; }
  std::string file() const override { return source_->path(); }

  bool next(Frame& frame) override {
    int64_t n_atoms = 0;
    if (!read_count(n_atoms)) return false;
    ColumnStore store(frame);
    Header header;
    header.n_atoms = n_atoms;
    read_pairs(header, frame);
    read_atoms(header, frame, store);
    check_end();
    ++frame_;
    return true;
  }

  bool skip() override {
    int64_t n_atoms = 0;
    if (!read_count(n_atoms)) return false;
    const int64_t skipped = source_->skip_lines(n_atoms + 1);
    if (skipped < n_atoms + 1)
      source_->fail(source_->last_line(), fmt::format("the file ends after {} of {} atoms (truncated?)",
                                                      std::max<int64_t>(0, skipped - 1), n_atoms));
    ++frame_;
    return true;
  }

  // In a file with Lattice= or Properties= a count with such a line behind it begins a frame, wherever it
  // stands. In plain XYZ only the bad frame's own count says where the next one begins, and it is believed if
  // another count (or the end of the file) is there.
  bool recover() override {
    ++frame_;
    try {
      std::string_view text;
      if (!extended_ && count_ >= 0) {
        if (count_ > INT64_MAX / 2) return true;  // no file is that long: it ends in this frame
        source_->skip_lines(first_line_ + 2 + count_ - source_->next_line());
        return !source_->skip_blank_lines() || (source_->peek(text) && count_of(text));
      }
      std::optional<int64_t> count;
      while (source_->peek(text)) {
        if (count && has_pairs(text)) {
          next_count_ = count;
          return true;
        }
        count = count_of(text);
        source_->line(text);
      }
      return extended_;
    } catch (const InputError&) {
      return false;  // a broken compressed stream
    }
  }

 private:
  static bool has_pairs(std::string_view line) {
    return line.find("Lattice=") != std::string_view::npos ||
           line.find("Properties=") != std::string_view::npos;
  }

  // A line that holds a number of atoms and nothing else.
  static std::optional<int64_t> count_of(std::string_view line) {
    const auto n = to_integer(trim(line));
    if (!n || *n < 0 || *n == INT64_MAX) return {};
    return n;
  }

  std::string where() const { return fmt::format("{}, frame {}", source_->path(), frame_); }
  [[noreturn]] void fail(const std::string& what) const { source_->fail(source_->last_line(), what); }

  bool read_count(int64_t& n_atoms) {
    count_ = -1;
    if (next_count_) {  // passed by recover()
      n_atoms = count_ = *std::exchange(next_count_, std::nullopt);
      first_line_ = source_->last_line();
      return true;
    }
    if (!source_->skip_blank_lines()) return false;
    std::string_view text;
    source_->line(text);
    const auto n = count_of(text);
    if (!n) fail_count(source_->last_line(), frame_, text);
    n_atoms = count_ = *n;
    first_line_ = source_->last_line();
    return true;
  }

  [[noreturn]] void fail_count(int64_t line, int64_t frame, std::string_view text) const {
    source_->fail(line,
                  fmt::format("expected the number of atoms of frame {} (or the end of the file), found "
                              "{}",
                              frame, quote(text)));
  }

  // After the atoms comes the next frame or nothing: otherwise the count is wrong. Where the line behind
  // looks like a frame's second, it is the next frame whose count is damaged.
  void check_end() {
    std::string_view text;
    if (!source_->skip_blank_lines() || !source_->peek(text) || count_of(text) || has_pairs(text)) return;
    const std::string line(text);
    std::string_view ahead = source_->head(4096);
    ahead.remove_prefix(
        std::min(ahead.size(), ahead.find('\n') == ahead.npos ? ahead.npos : ahead.find('\n') + 1));
    if (has_pairs(ahead.substr(0, ahead.find('\n')))) return;
    fail_count(source_->next_line(), frame_ + 1, line);
  }

  bool next_pair(PairParser& parser, Pair& pair) const {
    try {
      return parser.next(pair);
    } catch (const InputError& error) {
      fail(error.what());
    }
  }

  void read_pairs(Header& header, Frame& frame) {
    std::string_view text;
    if (!source_->line(text))
      fail("expected a line of comment or key=value pairs, the file ends here (truncated?)");
    const std::string line(text);
    extended_ = extended_ || has_pairs(line);
    std::string lattice, pbc;
    bool has_lattice = false, has_pbc = false;
    if (line.find('=') == std::string::npos) {  // plain XYZ: a comment
      if (!trim(line).empty()) frame.info.emplace_back("comment", trim(line));
    } else {
      PairParser parser(line);
      for (Pair pair; next_pair(parser, pair);) {
        if (pair.key == "Lattice") {
          lattice = pair.value;
          has_lattice = true;
        } else if (pair.key == "pbc") {
          pbc = pair.value;
          has_pbc = true;
        } else if (pair.key == "Origin") {
          header.origin = read_vector(pair.value);
        } else if (pair.key == "Properties") {
          read_properties(pair.value, header);
        } else if (pair.key == "step" && to_integer(pair.value)) {
          frame.step = *to_integer(pair.value);
        } else if (pair.key == "time" && to_real(pair.value) && std::isfinite(*to_real(pair.value))) {
          frame.time = *to_real(pair.value);
        } else {
          frame.info.emplace_back(pair.key, pair.value);
        }
      }
    }
    for (bool& p : header.periodic) p = has_lattice;
    if (has_pbc) read_pbc(pbc, header);
    if (has_lattice) read_lattice(lattice, header);
    if (!header.stated) header.properties = {{"species", 'S', 1}, {"pos", 'R', 3}};
  }

  Vec3 read_vector(std::string value) const {
    const auto words = list_words(value);
    Vec3 v;
    for (size_t k = 0; k < 3; ++k) {
      const auto number = words.size() == 3 ? to_real(words[k]) : std::nullopt;
      if (!number || !std::isfinite(*number))
        fail(fmt::format("expected Origin=\"x y z\" with 3 finite numbers, found {}", quote(value)));
      v[static_cast<int>(k)] = *number;
    }
    return v;
  }

  void read_pbc(std::string value, Header& header) const {
    const auto words = list_words(value);
    for (size_t k = 0; k < 3; ++k) {
      const std::string_view word = words.size() == 3 ? words[k] : std::string_view{};
      const bool yes = word == "T" || word == "True" || word == "true" || word == "1";
      if (!yes && word != "F" && word != "False" && word != "false" && word != "0")
        fail(fmt::format("expected pbc=\"T T T\" with 3 of T or F, found {}", quote(value)));
      header.periodic[k] = yes;
    }
  }

  void read_lattice(std::string value, Header& header) const {
    const auto words = list_words(value);
    if (words.size() != 9)
      fail(fmt::format("expected Lattice=\"...\" with 9 numbers, found {}: {}", words.size(), quote(value)));
    for (size_t k = 0; k < 3; ++k) {
      Vec3 v;
      for (int c = 0; c < 3; ++c) {
        const auto number = to_real(words[3 * k + static_cast<size_t>(c)]);
        if (!number || !std::isfinite(*number))
          fail(fmt::format("expected finite numbers in Lattice, found {}",
                           quote(words[3 * k + static_cast<size_t>(c)])));
        v[c] = *number;
      }
      // Some tools give a free direction that they do not bound a vector of zeros.
      if (header.periodic[k] || norm_sq(v) > 0) header.edge[k] = v;
    }
  }

  void read_properties(const std::string& value, Header& header) const {
    std::vector<std::string> parts(1);
    for (const char c : value) {
      if (c == ':')
        parts.emplace_back();
      else
        parts.back() += c;
    }
    header.stated = true;
    header.properties.clear();
    if (parts.size() % 3 != 0)
      fail(fmt::format("expected Properties=name:type:columns:..., found {}", quote(value)));
    for (size_t k = 0; k < parts.size(); k += 3) {
      const auto n = to_integer(parts[k + 2]);
      const bool kind =
          parts[k + 1].size() == 1 && std::string_view("SRIL").find(parts[k + 1]) != std::string_view::npos;
      if (!n || *n < 1 || *n > 10'000 || !kind || parts[k].empty())
        fail(fmt::format("expected Properties of the form name:S|R|I|L:columns, found {}",
                         quote(fmt::format("{}:{}:{}", parts[k], parts[k + 1], parts[k + 2]))));
      for (const Property& p : header.properties)
        if (p.name == parts[k]) fail(fmt::format("the property {} occurs twice", quote(p.name)));
      header.properties.push_back({parts[k], parts[k + 1][0], static_cast<int>(*n)});
    }
  }

  static const Property* find(const Header& header, std::string_view name, char kind, int components) {
    for (const Property& p : header.properties)
      if (p.name == name && p.kind == kind && p.components == components) return &p;
    return nullptr;
  }

  void read_atoms(const Header& header, Frame& frame, ColumnStore& store) {
    const int64_t properties_line = source_->last_line();
    const Property* position = find(header, "pos", 'R', 3);
    const Property* species = find(header, "species", 'S', 1);
    const Property* number = species ? nullptr : find(header, "Z", 'I', 1);
    const Property* type = species || number ? nullptr : find(header, "type", 'I', 1);
    if (!position) source_->fail(properties_line, "expected pos:R:3 in Properties, found none");
    if (!species && !number && !type)
      source_->fail(properties_line, "expected species:S:1, Z:I:1 or type:I:1 in Properties, found none");

    SymbolTable names;
    std::vector<RowField> fields;
    bool has_id = false;
    for (const Property& p : header.properties) {
      if (&p == position) {
        for (int k = 0; k < 3; ++k) fields.push_back({p.name, &frame.position, 3, k, true});
      } else if (&p == species) {
        fields.push_back({p.name, RowField::Symbols{&frame.type, &names}});
      } else if (&p == number || &p == type) {
        fields.push_back({p.name, &frame.type});
      } else if (p.name == "id" && p.kind == 'I' && p.components == 1) {
        fields.push_back({p.name, &frame.id});
        has_id = true;
      } else {
        add_column(p, fields, store);
      }
    }
    RowsOptions rows{options_.threads, options_.chunk_bytes};
    rows.more_words = !header.stated;  // plain XYZ may carry columns without names
    read_rows(*source_, header.n_atoms, fields, rows);
    store.finish();

    if (has_id) check_ids(frame, where());
    if (species)
      set_species_from_names(frame, names.words(), options_, where());
    else if (number)
      name_by_number(frame);
    else
      set_species_from_labels(frame, smallest_type(frame), few_species, {}, options_, where());
    take_masses(frame, options_);
    set_box(frame, header.edge, header.origin, header.periodic, where());
    validate(frame, where());
  }

  static void add_column(const Property& p, std::vector<RowField>& fields, ColumnStore& store) {
    struct Alias {
      std::string_view from;
      char kind;
      int components;
      const char* name;
      const char* unit;
    };
    constexpr Alias aliases[] = {
        {"velo", 'R', 3, "velocity", "A/ps"},     {"vel", 'R', 3, "velocity", "A/ps"},
        {"velocity", 'R', 3, "velocity", "A/ps"}, {"velocities", 'R', 3, "velocity", "A/ps"},
        {"force", 'R', 3, "force", "eV/A"},       {"forces", 'R', 3, "force", "eV/A"},
        {"charge", 'R', 1, "charge", "e"},        {"charges", 'R', 1, "charge", "e"},
        {"energy", 'R', 1, "energy", "eV"},       {"energies", 'R', 1, "energy", "eV"},
        {"local_energy", 'R', 1, "energy", "eV"}, {"mass", 'R', 1, "mass", "amu"},
        {"masses", 'R', 1, "mass", "amu"},
    };
    const Alias* alias = nullptr;
    for (const Alias& a : aliases)
      if (a.from == p.name && a.kind == p.kind && a.components == p.components) alias = &a;
    const Column::Kind kind = p.kind == 'R'   ? Column::Kind::real
                              : p.kind == 'S' ? Column::Kind::text
                                              : Column::Kind::integer;
    Column& column = store.add(alias ? alias->name : p.name, kind, p.components);
    if (alias) column.unit = alias->unit;
    for (int c = 0; c < p.components; ++c) {
      fields.push_back(ColumnStore::field(column, p.name, c));
      if (p.kind == 'L') fields.back().target = RowField::Logical{&column.integer};
    }
  }

  void name_by_number(Frame& frame) const {
    std::vector<int32_t> present = frame.type;
    std::sort(present.begin(), present.end());
    present.erase(std::unique(present.begin(), present.end()), present.end());
    std::vector<std::string> names;
    for (const int32_t z : present) {
      const Element* element = find_element_by_number(z);
      if (!element)
        throw InputError(fmt::format("{}: expected atomic numbers in the column Z, found {}", where(), z));
      names.emplace_back(element->symbol);
    }
    for (int32_t& type : frame.type)
      type = static_cast<int32_t>(std::lower_bound(present.begin(), present.end(), type) - present.begin());
    set_species_from_names(frame, names, options_, where());
  }

  static int32_t smallest_type(const Frame& frame) {
    return std::find(frame.type.begin(), frame.type.end(), 0) != frame.type.end() ? 0 : 1;
  }

  std::unique_ptr<TextSource> source_;
  ReadOptions options_;
  int64_t frame_ = 0;
  bool extended_ = false;                // a frame had Lattice= or Properties=
  int64_t first_line_ = 0, count_ = -1;  // of the frame in hand; -1: not known
  std::optional<int64_t> next_count_;    // of the next frame, read by recover()
};

}  // namespace

std::unique_ptr<Reader> open_extxyz(std::unique_ptr<TextSource> source, const ReadOptions& options) {
  return std::make_unique<ExtXyz>(std::move(source), options);
}

}  // namespace grainfield
