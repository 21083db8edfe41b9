// LAMMPS text dumps (dump atom, custom): any order of columns, any of the box styles.
// Format: the page "dump command" of the LAMMPS documentation.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_map>
#include <utility>

#include "host/error.hpp"
#include "io/formats.hpp"
#include "io/frame_parts.hpp"
#include "io/tokens.hpp"

namespace grainfield {
namespace {

constexpr std::string_view item = "ITEM:";

// What stands before the atoms of a frame.
struct Header {
  int64_t step = 0, n_atoms = 0;
  double time = 0;
  Box box;
  bool has_step = false, has_count = false, has_box = false, has_time = false;
  std::vector<std::string> columns;
};

// How the positions are stored.
enum class Positions { cartesian, scaled };

class LammpsDump final : public Reader {
 public:
  LammpsDump(std::unique_ptr<TextSource> source, const ReadOptions& options)
      : source_(std::move(source)), options_(options) {}

  std::string format() const override { return "lammps-dump"; }
  std::string file() const override { return source_->path(); }

  bool next(Frame& frame) override {
    Header header;
    if (!read_header(header)) return false;
    read_atoms(header, frame);
    ++frame_;
    return true;
  }

  bool skip() override {
    Header header;
    if (!read_header(header)) return false;
    const int64_t skipped = source_->skip_lines(header.n_atoms);
    if (skipped < header.n_atoms)
      source_->fail(source_->last_line(),
                    fmt::format("the file ends after {} of {} atoms (truncated?)", skipped, header.n_atoms));
    check_end();
    ++frame_;
    return true;
  }

  bool recover() override {
    ++frame_;
    try {
      // TIME and UNITS come before the TIMESTEP of their frame.
      std::string_view text;
      if (std::exchange(before_step_, false) &&
          source_->skip_until([](std::string_view line) { return line.starts_with(item); }) &&
          source_->peek(text) && item_name(text) == "TIMESTEP")
        source_->line(text);
      source_->skip_until([](std::string_view line) {
        const std::string_view name = item_name(line);
        return name == "TIMESTEP" || name == "TIME" || name == "UNITS";
      });
    } catch (const InputError&) {
      return false;  // a broken compressed stream
    }
    return true;
  }

 private:
  // "TIMESTEP" of "ITEM: TIMESTEP"; "" for other lines.
  static std::string_view item_name(std::string_view line) {
    return line.starts_with(item) ? trim(line.substr(item.size())) : std::string_view();
  }

  std::string where() const { return fmt::format("{}, frame {}", source_->path(), frame_); }

  std::string_view need_line(const char* expected) {
    std::string_view text;
    if (!source_->line(text))
      source_->fail(source_->last_line(),
                    fmt::format("expected {}, the file ends here (truncated?)", expected));
    return text;
  }

  // A line below ITEM; where it is missing, the next ITEM stays.
  std::string_view need_value(const char* expected) {
    std::string_view text;
    if (source_->peek(text) && text.starts_with(item))
      source_->fail(source_->next_line(), fmt::format("expected {}, found {}", expected, quote(text)));
    return need_line(expected);
  }

  int64_t need_integer(const char* what) {
    const std::string_view text = need_value(what);
    const auto value = to_integer(trim(text));
    if (!value) source_->fail(source_->last_line(), fmt::format("expected {}, found {}", what, quote(text)));
    return *value;
  }

  // Reads up to and including the line ITEM: ATOMS; false at the end of the file.
  bool read_header(Header& header) {
    before_step_ = false;
    if (!source_->skip_blank_lines()) return false;
    while (true) {
      std::string_view ahead;
      if (source_->peek(ahead) && ((header.has_step && item_name(ahead) == "TIMESTEP") ||
                                   (header.has_time && item_name(ahead) == "TIME")))
        source_->fail(source_->next_line(), fmt::format("expected ITEM: ATOMS before the next {}, found none "
                                                        "(truncated frame?)",
                                                        ahead));
      const std::string text(need_line("ITEM: ATOMS"));
      if (!text.starts_with(item))
        source_->fail(source_->last_line(),
                      fmt::format("expected a line that begins with ITEM:, found {}", quote(text)));
      const std::string_view what = trim(std::string_view(text).substr(item.size()));
      before_step_ = !header.has_step && (what == "UNITS" || what == "TIME");
      if (what == "TIMESTEP") {
        header.step = need_integer("the time step, an integer");
        header.has_step = true;
      } else if (what == "UNITS") {
        units_ = trim(need_value("the unit style"));
        lammps_units(units_, fmt::format("{}, line {}", source_->path(), source_->last_line()));
      } else if (what == "TIME") {
        const std::string_view line = need_value("the time");
        const auto time = to_real(trim(line));
        if (!time || !std::isfinite(*time))
          source_->fail(source_->last_line(), fmt::format("expected the time, found {}", quote(line)));
        header.time = *time;
        header.has_time = true;
      } else if (what == "NUMBER OF ATOMS") {
        header.n_atoms = need_integer("the number of atoms");
        header.has_count = true;
        if (header.n_atoms < 0)
          source_->fail(source_->last_line(),
                        fmt::format("expected 0 or more atoms, found {}", header.n_atoms));
      } else if (what.starts_with("BOX BOUNDS")) {
        read_box(split(what.substr(10)), header.box);
        header.has_box = true;
      } else if (what.starts_with("ATOMS")) {
        if (!header.has_step || !header.has_count || !header.has_box)
          source_->fail(source_->last_line(), fmt::format("expected ITEM: {} before ITEM: ATOMS",
                                                          !header.has_step    ? "TIMESTEP"
                                                          : !header.has_count ? "NUMBER OF ATOMS"
                                                                              : "BOX BOUNDS"));
        for (const std::string_view name : split(what.substr(5))) header.columns.emplace_back(name);
        return true;
      } else {
        source_->fail(
            source_->last_line(),
            fmt::format("expected ITEM: TIMESTEP, UNITS, TIME, NUMBER OF ATOMS, BOX BOUNDS or ATOMS, "
                        "found {}",
                        quote(text)));
      }
    }
  }

  std::array<double, 4> need_reals(size_t n, const char* expected) {
    const std::string_view text = need_value(expected);
    const auto words = split(text);
    std::array<double, 4> value{};
    bool good = words.size() == n;
    for (size_t k = 0; good && k < n; ++k) {
      const auto number = to_real(words[k]);
      good = number && std::isfinite(*number);
      if (good) value[k] = *number;
    }
    if (!good)
      source_->fail(source_->last_line(), fmt::format("expected {}, found {}", expected, quote(text)));
    return value;
  }

  void read_box(const std::vector<std::string_view>& words, Box& box) {
    bool tilted = false, general = false;
    std::vector<std::string> bounds;
    for (const std::string_view word : words) {
      if (word == "xy" || word == "xz" || word == "yz") {
        tilted = true;
      } else if (word == "abc" || word == "origin") {
        general = true;
      } else if (word.size() == 2 && word.find_first_not_of("pfsm") == std::string_view::npos &&
                 (word == "pp" || word.find('p') == std::string_view::npos)) {
        bounds.emplace_back(word);
      } else {
        source_->fail(source_->last_line(),
                      fmt::format("expected boundary styles such as 'pp ff ss', found {}", quote(word)));
      }
    }
    if (!bounds.empty() && bounds.size() != 3)
      source_->fail(source_->last_line(), fmt::format("expected 3 boundary styles, found {}", bounds.size()));
    bool periodic[3] = {true, true, true};  // dumps older than 2009 do not say
    for (size_t k = 0; k < bounds.size(); ++k) periodic[k] = bounds[k] == "pp";

    if (general) {
      Vec3 edge[3], origin;
      for (int k = 0; k < 3; ++k) {
        const auto v = need_reals(4, "a cell vector and a component of the origin (4 finite numbers)");
        edge[k] = {v[0], v[1], v[2]};
        origin[k] = v[3];
      }
      box = Box(edge[0], edge[1], edge[2], origin, periodic[0], periodic[1], periodic[2]);
      return;
    }
    double low[3], high[3], tilt[3] = {0, 0, 0};  // tilt: xy, xz, yz
    for (int k = 0; k < 3; ++k) {
      const auto v = tilted ? need_reals(3, "the bounds of the box and a tilt (3 finite numbers)")
                            : need_reals(2, "the bounds of the box (2 finite numbers)");
      low[k] = v[0];
      high[k] = v[1];
      tilt[k] = v[2];
      if (high[k] < low[k])
        source_->fail(
            source_->last_line(),
            fmt::format("expected the upper bound above the lower one, found {} < {}", high[k], low[k]));
    }
    if (tilted) {
      // The dump gives the box that bounds the tilted cell ("Howto triclinic" of the LAMMPS documentation).
      const double xy = tilt[0], xz = tilt[1], yz = tilt[2];
      low[0] -= std::min({0.0, xy, xz, xy + xz});
      high[0] -= std::max({0.0, xy, xz, xy + xz});
      low[1] -= std::min(0.0, yz);
      high[1] -= std::max(0.0, yz);
    }
    box = Box({high[0] - low[0], 0, 0}, {tilt[0], high[1] - low[1], 0}, {tilt[1], tilt[2], high[2] - low[2]},
              {low[0], low[1], low[2]}, periodic[0], periodic[1], periodic[2]);
  }

  static int64_t find(const std::vector<std::string>& names, std::string_view name) {
    const auto place = std::find(names.begin(), names.end(), name);
    return place == names.end() ? -1 : place - names.begin();
  }

  void read_atoms(const Header& header, Frame& frame) {
    const int64_t atoms_line = source_->last_line();
    const std::vector<std::string>& names = header.columns;
    for (size_t k = 0; k < names.size(); ++k)
      if (find(names, names[k]) != static_cast<int64_t>(k))
        source_->fail(atoms_line, fmt::format("the column {} occurs twice", quote(names[k])));

    ColumnStore store(frame);
    frame.step = header.step;
    const UnitFactors units = lammps_units(units_, where());
    frame.time = header.time * units.time;
    if (units_ != "metal") frame.info.emplace_back("units", units_);
    frame.box = header.box;

    std::vector<RowField> fields(names.size());
    std::vector<bool> taken(names.size());
    const auto take = [&](std::string_view name, RowField field) {
      const int64_t k = find(names, name);
      if (k < 0) return false;
      field.name = name;
      fields[static_cast<size_t>(k)] = std::move(field);
      taken[static_cast<size_t>(k)] = true;
      return true;
    };
    const Positions positions = take_positions(names, frame, take, atoms_line);

    SymbolTable elements;
    std::vector<int32_t> element;
    const bool has_id = take("id", {{}, &frame.id});
    const bool has_element = take("element", {{}, RowField::Symbols{&element, &elements}});
    const bool has_type = take("type", {{}, &frame.type});
    if (!has_type && !has_element)
      source_->fail(atoms_line, "expected the column 'type' or 'element', found neither");

    add_columns(names, taken, fields, store, units);
    read_rows(*source_, header.n_atoms, fields, {options_.threads, options_.chunk_bytes});
    check_end();
    store.finish();

    if (has_id) check_ids(frame, where());
    if (positions == Positions::scaled)
      for (Vec3& r : frame.position) r = frame.box.cartesian(r);
    if (has_type) {
      set_species_from_labels(frame, 1, lammps_species,
                              has_element ? named_types(frame, element, elements) : std::vector<Species>{},
                              options_, where());
    } else {
      frame.type = std::move(element);
      set_species_from_names(frame, elements.words(), options_, where());
    }
    take_masses(frame, options_);
    validate(frame, where());
  }

  template <class Take>
  Positions take_positions(const std::vector<std::string>& names, Frame& frame, const Take& take,
                           int64_t line) {
    constexpr const char* styles[4][3] = {
        {"x", "y", "z"}, {"xu", "yu", "zu"}, {"xs", "ys", "zs"}, {"xsu", "ysu", "zsu"}};
    for (int style = 0; style < 4; ++style) {
      const auto& xyz = styles[style];
      if (find(names, xyz[0]) < 0 || find(names, xyz[1]) < 0 || find(names, xyz[2]) < 0) continue;
      for (int k = 0; k < 3; ++k) take(xyz[k], {{}, &frame.position, 3, k, true});
      return style < 2 ? Positions::cartesian : Positions::scaled;
    }
    source_->fail(
        line, "expected the columns 'x y z', 'xu yu zu', 'xs ys zs' or 'xsu ysu zsu', found none of these");
  }

  // The columns that have no meaning for the engine's box and species, under the names of io/FORMAT.md.
  static void add_columns(const std::vector<std::string>& names, std::vector<bool>& taken,
                          std::vector<RowField>& fields, ColumnStore& store, const UnitFactors& units) {
    struct Vector {
      const char* name;
      const char* unit;
      std::array<const char*, 3> parts;
      Column::Kind kind;
      double factor;
    };
    const Vector vectors[] = {
        {"velocity", "A/ps", {"vx", "vy", "vz"}, Column::Kind::real, units.velocity},
        {"force", "eV/A", {"fx", "fy", "fz"}, Column::Kind::real, units.force},
        {"image", "", {"ix", "iy", "iz"}, Column::Kind::integer, 1},
    };
    for (size_t k = 0; k < names.size(); ++k) {
      if (taken[k]) continue;
      const Vector* vector = nullptr;
      for (const Vector& v : vectors)
        if (std::find(v.parts.begin(), v.parts.end(), names[k]) != v.parts.end() &&
            find(names, v.parts[0]) >= 0 && find(names, v.parts[1]) >= 0 && find(names, v.parts[2]) >= 0)
          vector = &v;
      if (vector) {
        Column& column = store.add(vector->name, vector->kind, 3);
        column.unit = vector->unit;
        for (int c = 0; c < 3; ++c) {
          const auto place = static_cast<size_t>(find(names, vector->parts[static_cast<size_t>(c)]));
          fields[place] = ColumnStore::field(column, names[place], c, vector->factor);
          taken[place] = true;
        }
        continue;
      }
      // A run name[1], name[2], ... is one column with so many components.
      const size_t bracket = names[k].find('[');
      const std::string stem = names[k].substr(0, bracket);
      size_t run = 0;
      if (bracket != std::string::npos)
        while (k + run < names.size() && names[k + run] == fmt::format("{}[{}]", stem, run + 1)) ++run;
      const bool charge = run <= 1 && names[k] == "q";
      const std::string name(charge ? std::string_view("charge")
                                    : std::string_view(run > 1 ? stem : names[k]));
      const size_t width = std::max<size_t>(run, 1);
      Column& column = store.add(name, kind_of(stem), static_cast<int>(width));
      const bool energy = run <= 1 && names[k] == "energy";
      column.unit = charge ? std::string("e") : energy ? std::string("eV") : std::string();
      for (size_t c = 0; c < width; ++c) {
        fields[k + c] =
            ColumnStore::field(column, names[k + c], static_cast<int>(c), energy ? units.energy : 1.0);
        taken[k + c] = true;
      }
    }
  }

  // Dumps do not say which columns are integers: these are, by LAMMPS' (and the engine's own) naming.
  static Column::Kind kind_of(std::string_view name) {
    const bool integer = name == "mol" || name == "proc" || name == "procp1" || name == "grain" ||
                         name == "ix" || name == "iy" || name == "iz" || name.starts_with("i_") ||
                         name.starts_with("i2_");
    const bool text = name == "typelabel";
    return integer ? Column::Kind::integer : text ? Column::Kind::text : Column::Kind::real;
  }

  // The element of each type, from the atoms.
  std::vector<Species> named_types(const Frame& frame, const std::vector<int32_t>& element,
                                   const SymbolTable& elements) const {
    std::vector<Species> known;
    std::unordered_map<int32_t, int32_t> element_of;
    int32_t last_type = 0, last_element = -1;  // mostly the next atom is alike
    for (size_t i = 0; i < element.size(); ++i) {
      if (frame.type[i] == last_type && element[i] == last_element) continue;
      last_type = frame.type[i];
      last_element = element[i];
      const auto [place, added] = element_of.try_emplace(last_type, last_element);
      const std::string& name = elements.words()[static_cast<size_t>(last_element)];
      if (added)
        known.push_back({name, 0, last_type});
      else if (place->second != last_element)
        throw InputError(fmt::format("{}: type {} is {} and {}; expected one element for each type", where(),
                                     last_type, elements.words()[static_cast<size_t>(place->second)], name));
    }
    return known;
  }

  // After the atoms comes the next frame or nothing.
  void check_end() {
    if (!source_->skip_blank_lines()) return;
    std::string_view text;
    source_->peek(text);
    if (!text.starts_with(item))
      source_->fail(
          source_->next_line(),
          fmt::format("expected ITEM: or the end of the file after the atoms, found {} (more atoms than "
                      "NUMBER OF ATOMS says?)",
                      quote(text)));
  }

  std::unique_ptr<TextSource> source_;
  ReadOptions options_;
  int64_t frame_ = 0;
  bool before_step_ = false;     // in hand: TIME or UNITS that stand before TIMESTEP
  std::string units_ = "metal";  // stated once, for all frames that follow
};

}  // namespace

std::unique_ptr<Reader> open_lammps_dump(std::unique_ptr<TextSource> source, const ReadOptions& options) {
  return std::make_unique<LammpsDump>(std::move(source), options);
}

}  // namespace grainfield
