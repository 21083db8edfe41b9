// LAMMPS data files, as read_data takes and write_data gives them.
// Format: the page "read_data command" of the LAMMPS documentation.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numeric>
#include <unordered_map>

#include "host/elements.hpp"
#include "host/error.hpp"
#include "io/formats.hpp"
#include "io/frame_parts.hpp"
#include "io/one_frame_reader.hpp"
#include "io/tokens.hpp"

namespace grainfield {
namespace {

// Names of sections, so that a row that begins with a type label is not taken for one.
constexpr std::string_view section_names[] = {"Atoms",
                                              "Velocities",
                                              "Masses",
                                              "Atom Type Labels",
                                              "Ellipsoids",
                                              "Lines",
                                              "Triangles",
                                              "Bodies",
                                              "Bonds",
                                              "Angles",
                                              "Dihedrals",
                                              "Impropers",
                                              "Bond Type Labels",
                                              "Angle Type Labels",
                                              "Dihedral Type Labels",
                                              "Improper Type Labels",
                                              "Pair Coeffs",
                                              "PairIJ Coeffs",
                                              "Bond Coeffs",
                                              "Angle Coeffs",
                                              "Dihedral Coeffs",
                                              "Improper Coeffs",
                                              "BondBond Coeffs",
                                              "BondAngle Coeffs",
                                              "MiddleBondTorsion Coeffs",
                                              "EndBondTorsion Coeffs",
                                              "AngleTorsion Coeffs",
                                              "AngleAngleTorsion Coeffs",
                                              "BondBond13 Coeffs",
                                              "AngleAngle Coeffs"};

bool is_section(std::string_view text) {
  const std::string_view name = before(text, '#');
  return std::find(std::begin(section_names), std::end(section_names), name) != std::end(section_names);
}

// What the columns of an Atoms row are, in order; positions take three.
enum class Part { id, type, molecule, charge, position };

struct AtomStyle {
  std::string_view name;
  std::vector<Part> parts;
};

const std::vector<AtomStyle>& atom_styles() {
  static const std::vector<AtomStyle> styles{
      {"atomic", {Part::id, Part::type, Part::position}},
      {"charge", {Part::id, Part::type, Part::charge, Part::position}},
      {"molecular", {Part::id, Part::molecule, Part::type, Part::position}},
      {"bond", {Part::id, Part::molecule, Part::type, Part::position}},
      {"angle", {Part::id, Part::molecule, Part::type, Part::position}},
      {"full", {Part::id, Part::molecule, Part::type, Part::charge, Part::position}},
  };
  return styles;
}

size_t width_of(const AtomStyle& style) { return style.parts.size() + 2; }

class LammpsData final : public OneFrameReader {
 public:
  using OneFrameReader::OneFrameReader;
  std::string format() const override { return "lammps-data"; }

 private:
  void read(Frame& frame) override {
    ColumnStore store(frame);
    std::string_view title;
    source_->line(title);
    read_title(title, frame);
    read_header(frame);
    while (source_->skip_blank_lines()) {
      std::string_view text;
      source_->line(text);
      const std::string line(text);
      const std::string_view section = before(line, '#');
      if (section == "Masses")
        read_masses();
      else if (section == "Atom Type Labels")
        read_labels();
      else if (section == "Atoms")
        read_atoms(trim(std::string_view(line).substr(std::min(line.size(), line.find('#') + 1))), line,
                   frame, store);
      else if (section == "Velocities")
        read_velocities(frame, store);
      else
        skip_section();
    }
    if (n_atoms_ > 0 && !atoms_read_)
      throw InputError(
          fmt::format("{}: expected a section Atoms with {} atoms, found none", source_->path(), n_atoms_));
    store.finish();
    check_ids(frame, source_->path());
    finish_species(frame);
    validate(frame, source_->path());
  }

  // LAMMPS and this engine's writer state the step and the units in the title, as "..., timestep = 100, units
  // = metal"; this engine also the boundaries, which the format has no place for, as "boundary = p p f".
  void read_title(std::string_view title, Frame& frame) {
    if (!title.starts_with("LAMMPS data file")) return;
    while (!title.empty()) {
      const size_t comma = title.find(',');
      const auto words = split(title.substr(0, comma));
      title.remove_prefix(comma == std::string_view::npos ? title.size() : comma + 1);
      if (words.size() < 2) continue;
      const std::string_view value = words.back();
      if (words[0] == "timestep") {
        frame.step = to_integer(value).value_or(0);
      } else if (words[0] == "units") {
        factors_ = lammps_units(value, fmt::format("{}, line 1", source_->path()));
        if (value != "metal") frame.info.emplace_back("units", value);
      } else if (words[0] == "boundary" && words.size() >= 4) {
        for (size_t k = 0; k < 3; ++k) periodic_[k] = words[words.size() - 3 + k] == "p";
      }
    }
  }

  // Header lines up to (not including) the first section.
  void read_header(Frame& frame) {
    double low[3] = {-0.5, -0.5, -0.5}, high[3] = {0.5, 0.5, 0.5};  // LAMMPS' defaults
    double xy = 0, xz = 0, yz = 0;
    Vec3 edge[3], origin;
    bool orthogonal[3] = {}, general[3] = {}, has_atoms = false;
    std::string_view text;
    while (source_->skip_blank_lines() && source_->peek(text) && !is_section(text)) {
      source_->line(text);
      const std::string line(text);
      const auto words = split(before(line, '#'));
      if (words.empty()) continue;
      const auto ends_with = [&](std::initializer_list<std::string_view> keys) {
        return words.size() > keys.size() && std::equal(keys.begin(), keys.end(), words.end() - keys.size());
      };
      const auto reals = [&](size_t n) {
        std::array<double, 6> value{};
        for (size_t k = 0; k < n; ++k) {
          const auto number = k < words.size() ? to_real(words[k]) : std::nullopt;
          if (!number || !std::isfinite(*number))
            fail(fmt::format("expected {} finite numbers, found {}", n, quote(line)));
          value[k] = *number;
        }
        return value;
      };
      if (words.size() == 2 && words[1] == "atoms") {
        const auto n = to_integer(words[0]);
        if (!n || *n < 0) fail(fmt::format("expected the number of atoms, found {}", quote(line)));
        n_atoms_ = *n;
        has_atoms = true;
      } else if (words.size() == 3 && words[1] == "atom" && words[2] == "types") {
        const auto n = to_integer(words[0]);
        if (!n || *n < 0 || *n > 1'000'000)
          fail(fmt::format("expected the number of atom types, found {}", quote(line)));
        n_types_ = static_cast<int32_t>(*n);
      } else if (ends_with({"xlo", "xhi"}) || ends_with({"ylo", "yhi"}) || ends_with({"zlo", "zhi"})) {
        const int k = words.back()[0] - 'x';
        const auto v = reals(2);
        low[k] = v[0];
        high[k] = v[1];
        orthogonal[k] = true;
        if (!(low[k] < high[k]))
          fail(fmt::format("expected the upper bound above the lower one, found {}", quote(line)));
      } else if (ends_with({"xy", "xz", "yz"})) {
        const auto v = reals(3);
        xy = v[0], xz = v[1], yz = v[2];
      } else if (ends_with({"avec"}) || ends_with({"bvec"}) || ends_with({"cvec"})) {
        const int k = words.back()[0] - 'a';
        const auto v = reals(3);
        edge[k] = {v[0], v[1], v[2]};
        general[k] = true;
      } else if (ends_with({"abc", "origin"})) {
        const auto v = reals(3);
        origin = {v[0], v[1], v[2]};
      } else if (!to_real(words[0])) {
        if (source_->peek(text) && trim(text).empty()) {  // a section of some other program
          skip_section();
          break;
        }
        fail(fmt::format("expected a header line or a section, found {}", quote(line)));
      }
    }
    if (!has_atoms) fail("expected a header line '<n> atoms' before the first section, found none");
    const bool any_general = general[0] || general[1] || general[2];
    const bool* stated = any_general ? general : orthogonal;
    for (int k = 0; k < 3; ++k)
      if (!stated[k])
        throw InputError(
            fmt::format("{}: expected a header line '{}', found none", source_->path(),
                        any_general ? fmt::format("{}vec", "abc"[k]) : fmt::format("{0}lo {0}hi", "xyz"[k])));
    if (any_general)
      frame.box = Box(edge[0], edge[1], edge[2], origin, periodic_[0], periodic_[1], periodic_[2]);
    else
      frame.box = Box({high[0] - low[0], 0, 0}, {xy, high[1] - low[1], 0}, {xz, yz, high[2] - low[2]},
                      {low[0], low[1], low[2]}, periodic_[0], periodic_[1], periodic_[2]);
  }

  void before_rows() {
    if (!source_->skip_blank_lines())
      fail("expected the rows of the section, the file ends here (truncated?)");
  }

  // A section has exactly as many rows as the header says: a further row would directly follow.
  void after_rows(std::string_view section, int64_t rows) {
    std::string_view text;
    if (!source_->peek(text)) return;
    const std::string_view rest = before(text, '#');
    if (!rest.empty() && !is_section(text))
      source_->fail(source_->next_line(),
                    fmt::format("expected the end of the section {} after {} rows, found {}", section, rows,
                                quote(rest)));
  }

  Species& species(int32_t label) {
    Species& s = known_[label];
    s.label = label;
    return s;
  }

  // A type by number or by label.
  int32_t type_of(std::string_view word) const {
    if (const auto number = to_integer(word); number && *number >= 1 && *number <= n_types_)
      return static_cast<int32_t>(*number);
    if (const auto label = label_.find(std::string(word)); label != label_.end()) return label->second;
    return 0;
  }

  std::string type_range() const {
    return fmt::format("an atom type from 1 to {}{}", n_types_, label_.empty() ? "" : " or a type label");
  }

  void read_labels() {
    before_rows();
    for (int32_t k = 0; k < n_types_; ++k) {
      std::string_view text;
      if (!source_->line(text)) fail(fmt::format("the file ends after {} of {} type labels", k, n_types_));
      const auto words = split(before(text, '#'));
      const auto number = words.size() == 2 ? to_integer(words[0]) : std::nullopt;
      if (!number || *number < 1 || *number > n_types_)
        fail(fmt::format("expected a type from 1 to {} and its label, found {}", n_types_, quote(text)));
      if (!label_.emplace(words[1], static_cast<int32_t>(*number)).second)
        fail(fmt::format("the type label {} occurs twice", quote(words[1])));
      species(static_cast<int32_t>(*number)).name = words[1];
    }
    after_rows("Atom Type Labels", n_types_);
  }

  void read_masses() {
    before_rows();
    for (int32_t k = 0; k < n_types_; ++k) {
      std::string_view text;
      if (!source_->line(text)) fail(fmt::format("the file ends after {} of {} masses", k, n_types_));
      const auto words = split(before(text, '#'));
      const int32_t type = words.size() == 2 ? type_of(words[0]) : 0;
      const auto mass = words.size() == 2 ? to_real(words[1]) : std::nullopt;
      if (type == 0 || !mass || !std::isfinite(*mass) || *mass <= 0)
        fail(fmt::format("expected {} and a positive mass, found {}", type_range(), quote(text)));
      Species& s = species(type);
      s.mass = *mass;
      // Many tools put the element in a comment: "1 55.845 # Fe".
      const size_t comment = text.find('#');
      if (s.name.empty() && comment != std::string_view::npos)
        if (const std::string_view name = trim(text.substr(comment + 1)); find_element(name)) s.name = name;
    }
    after_rows("Masses", n_types_);
  }

  const AtomStyle& style_of(std::string_view hint, int64_t section_line,
                            const std::vector<std::string_view>& row) const {
    if (!hint.empty()) {
      const auto words = split(hint);
      for (const AtomStyle& style : atom_styles())
        if (!words.empty() && style.name == words[0]) return style;
      source_->fail(
          section_line,
          fmt::format("expected the atom style atomic, charge, molecular, bond, angle or full, found {}",
                      quote(hint)));
    }
    // By the number of columns, without or with image flags; 6 and 9 columns fit charge and molecular.
    const size_t n = row.size();
    if (n == 5 || n == 8) return atom_styles()[0];
    if (n == 7 || n == 10) return atom_styles()[5];
    if (n == 6 || n == 9) {
      const bool third_is_type = type_of(row[2]) != 0;
      if (!third_is_type) return atom_styles()[1];
      if (type_of(row[1]) == 0) return atom_styles()[2];
      source_->fail(
          source_->next_line(),
          fmt::format("{} columns fit the atom styles charge and molecular; expected the style in the "
                      "section's line, such as 'Atoms # charge'",
                      n));
    }
    source_->fail(source_->next_line(), fmt::format("expected 5 to 10 columns of atoms, found {}", n));
  }

  void read_atoms(std::string_view hint, const std::string& line, Frame& frame, ColumnStore& store) {
    if (atoms_read_) fail("the section Atoms occurs twice");
    atoms_read_ = true;
    if (line.find('#') == std::string::npos) hint = {};
    if (n_atoms_ == 0) return;
    const int64_t section_line = source_->last_line();
    before_rows();
    std::string_view text;
    source_->peek(text);
    const auto row = split(before(text, '#'));
    const AtomStyle& style = style_of(hint, section_line, row);
    const size_t width = width_of(style);
    const bool images = row.size() == width + 3;
    if (row.size() != width && !images)
      source_->fail(source_->next_line(),
                    fmt::format("expected {} or {} columns (atom style {}, without or with image "
                                "flags), found {}",
                                width, width + 3, style.name, row.size()));

    std::vector<RowField> fields;
    SymbolTable types;
    for (const Part part : style.parts) switch (part) {
        case Part::id:
          fields.push_back({"id", &frame.id});
          break;
        case Part::type:
          if (label_.empty())
            fields.push_back({"type", &frame.type});
          else
            fields.push_back({"type", RowField::Symbols{&frame.type, &types}});
          break;
        case Part::molecule:
          fields.push_back(ColumnStore::field(store.add("mol", Column::Kind::integer, 1), "mol", 0));
          break;
        case Part::charge: {
          Column& charge = store.add("charge", Column::Kind::real, 1);
          charge.unit = "e";
          fields.push_back(ColumnStore::field(charge, "q", 0));
          break;
        }
        case Part::position:
          for (int k = 0; k < 3; ++k)
            fields.push_back({std::string(1, "xyz"[k]), &frame.position, 3, k, true});
          break;
      }
    if (images) {
      Column& image = store.add("image", Column::Kind::integer, 3);
      for (int k = 0; k < 3; ++k)
        fields.push_back(ColumnStore::field(image, fmt::format("i{}", "xyz"[k]), k));
    }
    RowsOptions rows{options_.threads, options_.chunk_bytes};
    rows.comment = '#';
    const int64_t first_row = source_->next_line();
    read_rows(*source_, n_atoms_, fields, rows);
    after_rows("Atoms", n_atoms_);
    check_types(frame, types, first_row, section_line);
  }

  void check_types(Frame& frame, const SymbolTable& types, int64_t first_row, int64_t section_line) {
    if (n_types_ == 0) source_->fail(section_line, "expected a header line '<n> atom types', found none");
    std::vector<int32_t> number;
    for (const std::string& word : types.words()) number.push_back(type_of(word));
    for (size_t i = 0; i < frame.type.size(); ++i) {
      int32_t& type = frame.type[i];
      const std::string found =
          label_.empty() ? std::to_string(type) : types.words()[static_cast<size_t>(type)];
      if (!label_.empty()) type = number[static_cast<size_t>(type)];
      if (type < 1 || type > n_types_)
        source_->fail(first_row + static_cast<int64_t>(i),
                      fmt::format("expected {}, found {}", type_range(), quote(found)));
    }
  }

  // Velocities name their atoms by id, in any order.
  void read_velocities(Frame& frame, ColumnStore& store) {
    if (!atoms_read_) fail("expected the section Atoms before Velocities");
    if (velocities_read_) fail("the section Velocities occurs twice");
    velocities_read_ = true;
    if (n_atoms_ == 0) return;
    before_rows();
    const int64_t first_row = source_->next_line();
    std::vector<int64_t> id;
    Column& velocity = store.add("velocity", Column::Kind::real, 3);
    velocity.unit = "A/ps";
    std::vector<RowField> fields{{"id", &id}};
    for (int k = 0; k < 3; ++k)
      fields.push_back(ColumnStore::field(velocity, fmt::format("v{}", "xyz"[k]), k, factors_.velocity));
    RowsOptions rows{options_.threads, options_.chunk_bytes};
    rows.comment = '#';
    read_rows(*source_, n_atoms_, fields, rows);
    after_rows("Velocities", n_atoms_);
    if (id == frame.id) return;

    std::vector<size_t> by_id(id.size());  // the atoms by ascending id
    std::iota(by_id.begin(), by_id.end(), size_t{0});
    std::sort(by_id.begin(), by_id.end(), [&](size_t i, size_t j) { return frame.id[i] < frame.id[j]; });
    std::vector<double> sorted(velocity.real.size());
    std::vector<bool> set(id.size());
    for (size_t i = 0; i < id.size(); ++i) {
      const auto found = std::lower_bound(by_id.begin(), by_id.end(), id[i],
                                          [&](size_t j, int64_t wanted) { return frame.id[j] < wanted; });
      const bool there = found != by_id.end() && frame.id[*found] == id[i];
      if (!there || set[*found])
        source_->fail(first_row + static_cast<int64_t>(i),
                      fmt::format("expected one velocity for each id of Atoms, found the id {} {}", id[i],
                                  there ? "twice" : "that is not there"));
      set[*found] = true;
      for (size_t k = 0; k < 3; ++k) sorted[3 * *found + k] = velocity.real[3 * i + k];
    }
    velocity.real = std::move(sorted);
  }

  // A section without use for the engine (bonds, coefficients): its rows end at the next section.
  void skip_section() {
    std::string_view text;
    while (source_->peek(text) && !is_section(text)) source_->line(text);
  }

  void finish_species(Frame& frame) {
    for (int32_t type = 1; type <= n_types_ && n_types_ <= lammps_species; ++type) species(type);
    std::vector<Species> known;
    for (const auto& [label, s] : known_) known.push_back(s);
    set_species_from_labels(frame, 1, lammps_species, known, options_, source_->path());
  }

  bool atoms_read_ = false, velocities_read_ = false;
  int64_t n_atoms_ = 0;
  int32_t n_types_ = 0;
  UnitFactors factors_;
  bool periodic_[3] = {true, true, true};
  std::map<int32_t, Species> known_;  // what the file states, by type
  std::unordered_map<std::string, int32_t> label_;
};

}  // namespace

std::unique_ptr<Reader> open_lammps_data(std::unique_ptr<TextSource> source, const ReadOptions& options) {
  return std::make_unique<LammpsData>(std::move(source), options);
}

}  // namespace grainfield
