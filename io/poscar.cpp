// VASP POSCAR and CONTCAR, versions 4 (no species line) and 5.
// Format: https://www.vasp.at/wiki/index.php/POSCAR
#include <fmt/format.h>

#include <cmath>

#include "host/elements.hpp"
#include "host/error.hpp"
#include "io/formats.hpp"
#include "io/frame_parts.hpp"
#include "io/one_frame_reader.hpp"
#include "io/tokens.hpp"

namespace grainfield {
namespace {

constexpr double per_fs = 1e3;  // A/fs in A/ps

class Poscar final : public OneFrameReader {
 public:
  using OneFrameReader::OneFrameReader;
  std::string format() const override { return "poscar"; }

 private:
  std::string need_line(const char* expected) {
    std::string_view text;
    if (!source_->line(text)) fail(fmt::format("expected {}, the file ends here (truncated?)", expected));
    return std::string(text);
  }

  // The first n words as finite numbers.
  std::vector<double> reals(const std::string& line, size_t n, const char* expected) const {
    const auto words = split(line);
    std::vector<double> value;
    for (size_t k = 0; k < n; ++k) {
      const auto number = k < words.size() ? to_real(words[k]) : std::nullopt;
      if (!number || !std::isfinite(*number))
        fail(fmt::format("expected {}, found {}", expected, quote(line)));
      value.push_back(*number);
    }
    return value;
  }

  void read(Frame& frame) override {
    ColumnStore store(frame);
    const std::string title = need_line("a comment line");
    if (!trim(title).empty()) frame.info.emplace_back("comment", trim(title));
    Vec3 scale, edge[3];
    read_cell(scale, edge);
    frame.box = Box(edge[0], edge[1], edge[2]);

    std::vector<int64_t> counts;
    read_species(title, counts, frame);
    int64_t n = 0;
    for (const int64_t count : counts) n += count;

    std::string mode = need_line("Selective dynamics, Direct or Cartesian");
    const bool selective = begins_with(mode, "Ss");
    if (selective) mode = need_line("Direct or Cartesian");
    if (!begins_with(mode, "CcKkDd"))
      fail(fmt::format("expected Direct or Cartesian, found {}", quote(mode)));
    const bool cartesian = begins_with(mode, "CcKk");

    std::vector<RowField> fields;
    for (int k = 0; k < 3; ++k) fields.push_back({std::string(1, "xyz"[k]), &frame.position, 3, k, true});
    if (selective) {
      Column& free = store.add("selective_dynamics", Column::Kind::integer, 3);
      for (int k = 0; k < 3; ++k)
        fields.push_back({"selective dynamics", RowField::Logical{&free.integer}, 3, k});
    }
    RowsOptions rows{options_.threads, options_.chunk_bytes};
    rows.more_words = true;  // often the element
    read_rows(*source_, n, fields, rows);
    for (Vec3& r : frame.position)
      r = cartesian ? Vec3{scale.x * r.x, scale.y * r.y, scale.z * r.z} : frame.box.cartesian(r);
    for (size_t k = 0; k < counts.size(); ++k)
      frame.type.insert(frame.type.end(), static_cast<size_t>(counts[k]), static_cast<int32_t>(k));
    read_velocities(n, store);
    store.finish();
    validate(frame, source_->path());
  }

  static bool begins_with(std::string_view line, std::string_view letters) {
    line = trim(line);
    return !line.empty() && letters.find(line[0]) != std::string_view::npos;
  }

  // One factor for all, its negative for the cell's volume (A^3), or three for x, y, z.
  void read_cell(Vec3& scale, Vec3 (&edge)[3]) {
    const std::string line = need_line("the scaling factor");
    const size_t n = split(line).size() >= 3 && to_real(split(line)[1]) && to_real(split(line)[2]) ? 3 : 1;
    const int64_t scale_line = source_->last_line();
    const std::vector<double> factor = reals(line, n, "a scaling factor (one finite number, or three)");
    for (Vec3& e : edge) {
      const auto v = reals(need_line("a cell vector"), 3, "a cell vector (3 finite numbers)");
      e = {v[0], v[1], v[2]};
    }
    scale = n == 3 ? Vec3{factor[0], factor[1], factor[2]} : Vec3{factor[0], factor[0], factor[0]};
    if (n == 1 && factor[0] < 0) {
      const double s = std::cbrt(-factor[0] / std::fabs(dot(edge[0], cross(edge[1], edge[2]))));
      scale = {s, s, s};
    }
    for (int k = 0; k < 3; ++k)
      if (!(scale[k] > 0) || !std::isfinite(scale[k]))
        source_->fail(scale_line,
                      fmt::format("expected a scaling factor that gives a cell, found {}", quote(line)));
    for (Vec3& e : edge) e = {scale.x * e.x, scale.y * e.y, scale.z * e.z};
  }

  void read_species(const std::string& title, std::vector<int64_t>& counts, Frame& frame) {
    std::string line = need_line("species or counts");
    std::vector<std::string> names;
    if (const auto words = split(line); !words.empty() && !to_integer(words[0])) {
      for (const std::string_view word : words) {
        if (word[0] == '!' || word[0] == '#') break;
        names.emplace_back(word.substr(0, word.find_first_of("_/")));  // "Fe_pv", "Fe/<hash>"
      }
      line = need_line("the numbers of atoms");
    }
    const bool named = !names.empty();
    int64_t total = 0;
    for (const std::string_view word : split(line)) {
      if (word[0] == '!' || word[0] == '#') break;
      const auto count = to_integer(word);
      if (!count || *count < 0 || *count > INT64_MAX - total)
        fail(fmt::format("expected numbers of atoms, found {}", quote(line)));
      counts.push_back(*count);
      total += *count;
    }
    if (counts.empty() || (named && counts.size() != names.size()))
      fail(fmt::format("expected {} numbers of atoms, found {}: {}",
                       named ? std::to_string(names.size()) : "one or more", counts.size(), quote(line)));
    if (!named) {
      // Version 4: many tools put the elements in the comment line.
      const auto words = split(title);
      bool elements = words.size() == counts.size();
      for (const std::string_view word : words) elements = elements && find_element(word);
      names.assign(counts.size(), "");
      if (elements) names.assign(words.begin(), words.end());
    }
    if (!options_.species.empty()) {
      if (options_.species.size() < counts.size())
        fail(fmt::format("expected a name for each of the {} species of the file, found {} names",
                         counts.size(), options_.species.size()));
      names.assign(options_.species.begin(), options_.species.begin() + static_cast<int64_t>(counts.size()));
    }
    for (size_t k = 0; k < counts.size(); ++k) {
      const Element* element = find_element(names[k]);
      frame.species.push_back({names[k], element ? element->mass : 0, static_cast<int32_t>(k) + 1});
    }
  }

  // After a blank line or a line with the mode. What follows the velocities (the integrator's state) is left
  // out.
  void read_velocities(int64_t n, ColumnStore& store) {
    std::string_view text;
    if (!source_->peek(text)) return;
    if (begins_with(text, "Ll")) {  // lattice velocities and vectors: a state, 3 + 3 rows
      source_->skip_lines(8);
      if (!source_->peek(text)) return;
    }
    const bool blank = trim(text).empty();
    if (!blank && to_real(split(text)[0]))
      source_->fail(
          source_->next_line(),
          fmt::format("expected the end of the positions after {} atoms, found {}", n, quote(text)));
    const bool direct = begins_with(text, "Dd");
    if (!blank && !direct && !begins_with(text, "CcKk")) return;
    source_->line(text);
    if (n == 0 || !source_->peek(text)) return;
    const auto words = split(text);
    if (words.size() < 3 || !to_real(words[0])) return;
    if (direct)
      fail(
          "expected velocities in Cartesian coordinates (A/fs), found Direct ones, which need the time step: "
          "convert them or remove them");
    Column& velocity = store.add("velocity", Column::Kind::real, 3);
    velocity.unit = "A/ps";
    std::vector<RowField> fields;
    for (int k = 0; k < 3; ++k)
      fields.push_back(ColumnStore::field(velocity, fmt::format("v{}", "xyz"[k]), k, per_fs));
    read_rows(*source_, n, fields, {options_.threads, options_.chunk_bytes});
  }
};

}  // namespace

std::unique_ptr<Reader> open_poscar(std::unique_ptr<TextSource> source, const ReadOptions& options) {
  return std::make_unique<Poscar>(std::move(source), options);
}

}  // namespace grainfield
