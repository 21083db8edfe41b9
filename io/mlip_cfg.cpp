// Configurations of MLIP (text .cfg): blocks BEGIN_CFG ... END_CFG.
// Format: the manual of MLIP-3 (I. Novikov et al., Mach. Learn.: Sci. Technol. 2, 025002 (2021)), "cfg file
// format".
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "host/error.hpp"
#include "io/formats.hpp"
#include "io/frame_parts.hpp"
#include "io/tokens.hpp"

namespace grainfield {
namespace {

// Where a column of AtomData goes.
struct ColumnRule {
  std::string_view name;
  const char* column;
  int components;
  int component;
  const char* unit;
};

constexpr ColumnRule rules[] = {
    {"fx", "force", 3, 0, "eV/A"},       {"fy", "force", 3, 1, "eV/A"},
    {"fz", "force", 3, 2, "eV/A"},       {"site_en", "energy", 1, 0, "eV"},
    {"charge", "charge", 1, 0, "e"},     {"nbh_grades", "nbh_grades", 1, 0, ""},
    {"magmom_x", "magmom", 3, 0, ""},    {"magmom_y", "magmom", 3, 1, ""},
    {"magmom_z", "magmom", 3, 2, ""},    {"en_der_mx", "en_der_m", 3, 0, ""},
    {"en_der_my", "en_der_m", 3, 1, ""}, {"en_der_mz", "en_der_m", 3, 2, ""},
};

constexpr std::string_view begin_word = "BEGIN_CFG";
constexpr std::string_view stress_names[6] = {"xx", "yy", "zz", "yz", "xz", "xy"};

class MlipCfg final : public Reader {
 public:
  MlipCfg(std::unique_ptr<TextSource> source, const ReadOptions& options)
      : source_(std::move(source)), options_(options) {}

  std::string format() const override { return "cfg"; }
  std::string file() const override { return source_->path(); }

  bool next(Frame& frame) override {
    if (!begin()) return false;
    read(frame);
    ++frame_;
    return true;
  }

  bool skip() override {
    if (!begin()) return false;
    std::string_view text;
    do {
      if (!source_->peek(text)) fail("expected END_CFG, the file ends here (truncated?)");
      if (trim(text) == begin_word)
        source_->fail(source_->next_line(), "expected END_CFG before the next BEGIN_CFG");
      source_->line(text);
    } while (trim(text) != "END_CFG");
    ++frame_;
    return true;
  }

  bool recover() override {
    ++frame_;
    try {
      source_->skip_until([](std::string_view text) { return trim(text) == begin_word; });
    } catch (const InputError&) {
      return false;  // a broken compressed stream
    }
    return true;
  }

 private:
  std::string where() const { return fmt::format("{}, frame {}", source_->path(), frame_); }
  [[noreturn]] void fail(const std::string& what) const { source_->fail(source_->last_line(), what); }

  bool begin() {
    if (!source_->skip_blank_lines()) return false;
    std::string_view text;
    source_->line(text);
    if (trim(text) != begin_word) fail(fmt::format("expected BEGIN_CFG, found {}", quote(text)));
    return true;
  }

  std::string need_line(const char* expected) {
    std::string_view text;
    if (!source_->skip_blank_lines() || !source_->peek(text))
      fail(fmt::format("expected {}, the file ends here (truncated?)", expected));
    if (trim(text) == begin_word)  // stays: the next configuration may be good
      source_->fail(source_->next_line(), fmt::format("expected {}, found {}", expected, quote(text)));
    source_->line(text);
    return std::string(text);
  }

  // The value of a key: behind it or on the next line.
  std::string value_of(const std::vector<std::string_view>& words, const char* expected) {
    return words.size() > 1 ? std::string(words[1]) : std::string(trim(need_line(expected)));
  }

  void read(Frame& frame) {
    ColumnStore store(frame);
    int64_t n = -1;
    bool has_atoms = false, has_id = false, direct = false;
    std::optional<Vec3> edge[3];
    while (true) {
      const std::string line = need_line("END_CFG");
      const auto words = split(line);
      const std::string_view key = words[0];
      if (key == "END_CFG") break;
      if (key == "Size") {
        const std::string value = value_of(words, "the number of atoms");
        const auto size = to_integer(value);
        if (!size || *size < 0) fail(fmt::format("expected the number of atoms, found {}", quote(value)));
        n = *size;
      } else if (key == "Supercell") {
        read_cell(edge);
      } else if (key == "AtomData:") {
        if (n < 0) fail("expected Size before AtomData");
        if (has_atoms) fail("AtomData occurs twice");
        has_atoms = true;
        read_atoms(n, {words.begin() + 1, words.end()}, frame, store, has_id, direct);
      } else if (key == "Energy") {
        const std::string value = value_of(words, "the energy");
        if (!to_real(value)) fail(fmt::format("expected the energy, found {}", quote(value)));
        frame.info.emplace_back("energy", value);
      } else if (key == "PlusStress:") {
        read_stress({words.begin() + 1, words.end()}, frame);
      } else if (key == "Feature") {
        read_feature(line, frame);
      } else if (key == "Stress:" || key == "MinusStress:" || key == "Virial:") {
        fail(fmt::format(
            "expected PlusStress: (the virial in eV), found {}, whose sign or scale differs between "
            "versions: convert it",
            quote(key)));
      } else {
        fail(fmt::format(
            "expected Size, Supercell, AtomData:, Energy, PlusStress:, Feature or END_CFG, found {}",
            quote(line)));
      }
    }
    if (!has_atoms && n != 0)
      fail(n < 0 ? "expected Size and AtomData in this configuration, found neither"
                 : "expected AtomData in this configuration, found none");
    store.finish();
    if (has_id) check_ids(frame, where());
    const bool periodic[3] = {edge[0].has_value(), edge[1].has_value(), edge[2].has_value()};
    if (direct && !(periodic[0] && periodic[1] && periodic[2]))
      throw InputError(
          fmt::format("{}: expected 3 cell vectors for direct coordinates, found fewer", where()));
    set_box(frame, edge, std::nullopt, periodic, where());
    if (direct)
      for (Vec3& r : frame.position) r = frame.box.cartesian(r);
    set_species_from_labels(frame, 0, few_species, {}, options_, where());
    validate(frame, where());
  }

  void read_cell(std::optional<Vec3> (&edge)[3]) {
    std::string_view text;
    int found = 0;
    while (source_->skip_blank_lines() && source_->peek(text)) {
      const auto words = split(text);
      const auto first = to_real(words[0]);
      if (!first) return;
      source_->line(text);
      const auto second = words.size() == 3 ? to_real(words[1]) : std::nullopt;
      const auto third = words.size() == 3 ? to_real(words[2]) : std::nullopt;
      const Vec3 v{*first, second.value_or(NAN), third.value_or(NAN)};
      if (found == 3 || !is_finite(v))
        fail(fmt::format("expected at most 3 cell vectors of 3 finite numbers, found {}", quote(text)));
      edge[found++] = v;
    }
  }

  void read_atoms(int64_t n, const std::vector<std::string_view>& names, Frame& frame, ColumnStore& store,
                  bool& has_id, bool& direct) {
    const int64_t line = source_->last_line();
    std::vector<RowField> fields;
    std::vector<std::pair<std::string, Column*>> columns;
    bool has_type = false;
    int cartesian_parts = 0, direct_parts = 0;
    for (size_t k = 0; k < names.size(); ++k) {
      const std::string name(names[k]);
      if (std::find(names.begin(), names.begin() + static_cast<int64_t>(k), names[k]) !=
          names.begin() + static_cast<int64_t>(k))
        source_->fail(line, fmt::format("the column {} occurs twice", quote(name)));
      const bool is_cartesian = name.size() == 8 && name.starts_with("cartes_");
      const bool is_direct = name.size() == 8 && name.starts_with("direct_");
      const size_t axis = std::string_view("xyz").find(name.back());
      if (name == "id") {
        fields.push_back({name, &frame.id});
        has_id = true;
      } else if (name == "type") {
        fields.push_back({name, &frame.type});
        has_type = true;
      } else if ((is_cartesian || is_direct) && axis != std::string_view::npos) {
        fields.push_back({name, &frame.position, 3, static_cast<int>(axis), true});
        ++(is_direct ? direct_parts : cartesian_parts);
      } else if (name == "ghost") {
        Column& ghost = store.add("ghost", Column::Kind::integer, 1);
        fields.push_back({name, RowField::Logical{&ghost.integer}});
      } else {
        const auto rule =
            std::find_if(std::begin(rules), std::end(rules), [&](const auto& r) { return r.name == name; });
        if (rule == std::end(rules))
          source_->fail(line, fmt::format("unknown column {} in AtomData", quote(name)));
        Column* column = nullptr;
        for (const auto& [known, address] : columns)
          if (known == rule->column) column = address;
        if (!column) {
          column = &store.add(rule->column, Column::Kind::real, rule->components);
          column->unit = rule->unit;
          columns.emplace_back(rule->column, column);
        }
        fields.push_back(ColumnStore::field(*column, name, rule->component));
      }
    }
    if ((cartesian_parts != 3 || direct_parts != 0) && (direct_parts != 3 || cartesian_parts != 0))
      source_->fail(
          line, "expected the columns cartes_x cartes_y cartes_z or direct_x direct_y direct_z in AtomData");
    direct = direct_parts == 3;
    // A vector of which the file has only some components gets zeros for the others.
    read_rows(*source_, n, fields, {options_.threads, options_.chunk_bytes});
    if (!has_type) frame.type.assign(frame.position.size(), 0);
  }

  void read_stress(const std::vector<std::string_view>& names, Frame& frame) {
    if (names.size() != 6) fail("expected PlusStress: with the 6 columns xx yy zz yz xz xy");
    std::string ordered[6];
    std::vector<size_t> place;
    for (const std::string_view name : names) {
      const auto found = std::find(std::begin(stress_names), std::end(stress_names), name);
      if (found == std::end(stress_names))
        fail(fmt::format("expected PlusStress: with the columns xx yy zz yz xz xy, found {}", quote(name)));
      place.push_back(static_cast<size_t>(found - std::begin(stress_names)));
    }
    const std::string line = need_line("6 components of the stress");
    const auto words = split(line);
    for (size_t k = 0; k < 6; ++k) {
      if (words.size() != 6 || !to_real(words[k]))
        fail(fmt::format("expected 6 components of the stress, found {}", quote(line)));
      ordered[place[k]] = words[k];
    }
    std::string value = ordered[0];
    for (size_t k = 1; k < 6; ++k) value += " " + ordered[k];
    frame.info.emplace_back("plus_stress", value);
  }

  // "Feature <key><white space><value to the end of the line>"; a key that comes again goes on with a new
  // line.
  void read_feature(std::string_view line, Frame& frame) {
    std::string_view rest = trim(line).substr(std::string_view("Feature").size());
    rest = trim(rest);
    if (rest.empty()) fail("expected a name after Feature, found none");
    size_t end = 0;
    while (end < rest.size() && !is_space(rest[end])) ++end;
    const std::string key = unescape(rest.substr(0, end));
    const std::string value(trim(rest.substr(end)));
    for (auto& [name, text] : frame.info)
      if (name == key) {
        text += "\n" + value;
        return;
      }
    frame.info.emplace_back(key, value);
  }

  static std::string unescape(std::string_view key) {
    std::string out;
    for (size_t k = 0; k < key.size(); ++k) {
      const char next = k + 1 < key.size() ? key[k + 1] : '\0';
      if (key[k] == '\\' && (next == '_' || next == 't' || next == 'n' || next == 'r')) {
        out += next == '_' ? ' ' : next == 't' ? '\t' : next == 'n' ? '\n' : '\r';
        ++k;
      } else {
        out += key[k];
      }
    }
    return out;
  }

  std::unique_ptr<TextSource> source_;
  ReadOptions options_;
  int64_t frame_ = 0;
};

}  // namespace

std::unique_ptr<Reader> open_mlip_cfg(std::unique_ptr<TextSource> source, const ReadOptions& options) {
  return std::make_unique<MlipCfg>(std::move(source), options);
}

}  // namespace grainfield
