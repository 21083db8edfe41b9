#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "host/error.hpp"
#include "io/h5md_schema.hpp"
#include "io/output_file.hpp"
#include "io/results_writer.hpp"
#include "io/sha256.hpp"

namespace grainfield {

namespace {

namespace fs = std::filesystem;
using h5::Dataset;
using h5::Dims;
using h5::Element;
using h5::Elements;
using h5::File;
using h5::Layout;
using h5::Type;
using nlohmann::json;

constexpr hsize_t merge_bytes = 16 << 20;  // largest piece of a row that merging holds in memory
constexpr int layout_version = 2;          // of the partial folder and of /parameters/grainfield
constexpr size_t most_together = 256;      // frames in a file of the partial folder
constexpr size_t most_pieces = 1024;       // of one element in such a file: HDF5 lists them in 64 kB

const std::string parameters_group = h5::our_parameters;
const std::string frames_group = parameters_group + "/frames";
const std::string species_path = std::string(h5::all_particles) + "/species";

// What must agree for frames of two runs to share a file: everything but the command line.
json fingerprint_of(const Provenance& p, const ResultsOptions& options) {
  json parameters = json::array(), inputs = json::array();
  for (const auto& [name, value] : p.parameters) parameters.push_back({name, value});
  for (const Provenance::Input& input : p.inputs) inputs.push_back({input.name, input.bytes, input.sha256});
  return {{"layout", layout_version}, {"version", p.version},         {"parameters", parameters},
          {"inputs", inputs},         {"compress", options.compress}, {"positions", options.write_positions}};
}

std::string text_of(const json& j) { return j.dump(-1, ' ', false, json::error_handler_t::replace); }

// The first difference between two fingerprints, for a message.
std::string difference(const json& then, const json& now) {
  for (const char* key : {"version", "compress", "positions", "layout"})
    if (then.value(key, json()) != now.value(key, json()))
      return fmt::format("{} was {}, is {}", key, text_of(then.value(key, json())),
                         text_of(now.value(key, json())));
  const auto find = [](const json& list, const json& name) {
    for (const json& entry : list)
      if (entry.is_array() && !entry.empty() && entry[0] == name) return entry;
    return json();
  };
  for (const char* key : {"parameters", "inputs"}) {
    const json a = then.value(key, json::array()), b = now.value(key, json::array());
    for (const auto& [one, other] : {std::pair{a, b}, std::pair{b, a}})
      for (const json& entry : one)
        if (entry.is_array() && !entry.empty() && find(other, entry[0]) != entry)
          return fmt::format("{} {} was {}, is {}", key, text_of(entry[0]), text_of(find(a, entry[0])),
                             text_of(find(b, entry[0])));
    if (a != b) return fmt::format("the order of the {} differs", key);
  }
  return "they differ";
}

void write_provenance(const File& file, const Provenance& p) {
  h5::create_group(file, parameters_group + "/parameters");
  h5::set_attribute(file, parameters_group, "version", p.version);
  h5::set_attribute(file, parameters_group, "command", p.command);
  for (const auto& [name, value] : p.parameters) {
    if (!h5::has_attribute(file, parameters_group + "/parameters", name))
      h5::set_attribute(file, parameters_group + "/parameters", name, value);
  }
  std::vector<std::string> names, sums;
  std::vector<int64_t> bytes;
  for (const Provenance::Input& input : p.inputs) {
    names.push_back(input.name);
    sums.push_back(input.sha256);
    bytes.push_back(static_cast<int64_t>(input.bytes));
  }
  const std::string inputs = parameters_group + "/inputs";
  Dataset::write_fixed(file, inputs + "/name", names);
  Dataset::write_fixed(file, inputs + "/bytes", Type::int64, {bytes.size()}, bytes.data());
  Dataset::write_fixed(file, inputs + "/sha256", sums);
}

// The frames of a file: its own numbers and notes, beside the common table.
struct Rows {
  h5::FrameTable table;
  std::vector<int64_t> frame;
  std::vector<std::string> notes;

  void add(const Rows& other, size_t row) {
    frame.push_back(other.frame[row]);
    notes.push_back(other.notes[row]);
    table.step.push_back(other.table.step[row]);
    table.time.push_back(other.table.time[row]);
    table.n_atoms.push_back(other.table.n_atoms[row]);
    table.box.push_back(other.table.box[row]);
    table.has_box.push_back(true);
  }
};

void write_rows(const File& file, Elements& elements, const Rows& rows) {
  h5::write_box(file, elements, h5::all_particles, rows.table);
  elements.finish(file, h5::increasing_steps(rows.table.step), h5::increasing_times(rows.table.time));
  h5::write_frame_table(file, rows.table);
  Dataset::write_fixed(file, frames_group + "/index", Type::int64, {rows.frame.size()}, rows.frame.data());
  Dataset::write_fixed(file, frames_group + "/notes", rows.notes);
}

template <class T>
std::vector<T> read_all(const File& file, const std::string& path, Type memory) {
  const Dataset d = Dataset::open(file, path);
  std::vector<T> values(h5::product(d.dims()));
  d.read(file, Dims(d.dims().size(), 0), d.dims(), memory, values.data());
  return values;
}

Rows read_rows(const File& file) {
  Rows rows;
  rows.frame = read_all<int64_t>(file, frames_group + "/index", Type::int64);
  rows.table.step = read_all<int64_t>(file, frames_group + "/step", Type::int64);
  rows.table.time = read_all<double>(file, frames_group + "/time", Type::real);
  rows.table.n_atoms = read_all<int64_t>(file, frames_group + "/n_atoms", Type::int64);
  const Dataset notes = Dataset::open(file, frames_group + "/notes");
  rows.notes = notes.read_text(file, {0}, notes.dims());
  const std::string box = std::string(h5::all_particles) + "/box";
  const auto edges = read_all<double>(file, box + "/edges/value", Type::real);
  const auto origin = read_all<double>(file, box + "/origin/value", Type::real);
  const auto periodic = read_all<int32_t>(file, box + "/periodic/value", Type::int32);
  const size_t n = rows.frame.size();
  if (rows.table.step.size() != n || rows.table.time.size() != n || rows.table.n_atoms.size() != n ||
      rows.notes.size() != n || edges.size() != 9 * n || origin.size() != 3 * n || periodic.size() != 3 * n)
    throw InputError(fmt::format("{}: the tables of its frames differ in length", file.path()));
  for (size_t k = 0; k < n; ++k) {
    const double* e = edges.data() + 9 * k;
    const double* o = origin.data() + 3 * k;
    const int32_t* p = periodic.data() + 3 * k;
    rows.table.box.emplace_back(Vec3{e[0], e[1], e[2]}, Vec3{e[3], e[4], e[5]}, Vec3{e[6], e[7], e[8]},
                                Vec3{o[0], o[1], o[2]}, p[0] != 0, p[1] != 0, p[2] != 0);
    rows.table.has_box.push_back(true);
  }
  return rows;
}

// Every time-dependent element below a group.
void find_elements(const File& file, const std::string& group, std::vector<std::string>& found) {
  if (!h5::exists(file, group) || !h5::is_group(file, group)) return;
  if (h5::exists(file, group + "/value") && !h5::is_group(file, group + "/value")) found.push_back(group);
  for (const std::string& name : h5::children(file, group)) {
    const std::string path = group + "/" + name;
    if (h5::is_group(file, path)) find_elements(file, path, found);
  }
}

// A file of results under construction, row by row. What describes an element is written with its first row.
class ResultsFile {
 public:
  // n_rows: of a file of fixed layout.
  ResultsFile(const std::string& path, const std::string& name, Layout layout, hsize_t n_rows = 1)
      : file_(File::create(path, layout == Layout::fixed ? File::Kind::newest : File::Kind::placed)),
        elements_(layout, n_rows) {
    file_.set_name(name);
  }

  const File& file() const { return file_; }
  const Elements& elements() const { return elements_; }
  // The elements of the row that was written last, with their dimensions there.
  const std::map<std::string, Dims>& last_row() const { return last_row_; }

  void write_atoms(hsize_t row, const Frame& frame) {
    const auto n = static_cast<hsize_t>(frame.n_atoms());
    write_element(row, std::string(h5::all_particles) + "/position", Type::real, {n, 3},
                  frame.position.data(), {"A", "", {}});
    note(row, species_path, {n});
    h5::write_species(file_, elements_, row, frame, species_.add(frame.species));
    note(row, std::string(h5::all_particles) + "/id", {n});
    h5::write_ids(file_, elements_, row, frame);
  }

  void write_field(hsize_t row, const Field& field, const FrameResults& results) {
    Dims dims{static_cast<hsize_t>(results.n_atoms)};
    if (field.components > 1) dims.push_back(static_cast<hsize_t>(field.components));
    const size_t expected = static_cast<size_t>(results.n_atoms) * static_cast<size_t>(field.components);
    const size_t found = field.is_integer ? field.integer.size() : field.real.size();
    if (found != expected)
      throw std::logic_error(fmt::format("field {} has {} values; expected {}", field.name, found, expected));
    write_element(row, std::string(h5::all_particles) + "/" + field.name,
                  field.is_integer ? Type::int32 : Type::real, dims,
                  field.is_integer ? static_cast<const void*>(field.integer.data()) : field.real.data(),
                  {field.unit, field.doc, field.component_names});
  }

  void write_observable(hsize_t row, const Observable& observable, const FrameResults& results) {
    Dims dims;
    size_t expected = 1;
    for (const int64_t d : observable.shape) {
      dims.push_back(static_cast<hsize_t>(d));
      expected *= static_cast<size_t>(d);
    }
    const size_t found = observable.is_integer ? observable.integer.size() : observable.real.size();
    if (found != expected)
      throw std::logic_error(fmt::format("frame {}: observable {} has {} values; expected {}", results.frame,
                                         observable.name, found, expected));
    write_element(
        row, "/observables/" + observable.name, observable.is_integer ? Type::int64 : Type::real, dims,
        observable.is_integer ? static_cast<const void*>(observable.integer.data()) : observable.real.data(),
        {observable.unit, observable.doc, {}});
  }

  void begin_grid(hsize_t row, const GridShape& grid) {
    const std::string path = "/grids/" + grid.name;
    element(row, path, Type::real, grid_dims(grid), {grid.unit, grid.doc, {}});
    const Box& b = grid.box;
    const double edges[] = {b.a.x, b.a.y, b.a.z, b.b.x, b.b.y, b.b.z, b.c.x, b.c.y, b.c.z};
    const double origin[] = {b.origin.x, b.origin.y, b.origin.z};
    write_element(row, path + "/edges", Type::real, {3, 3}, edges, {"A", "cell vectors, one per row", {}});
    write_element(row, path + "/origin", Type::real, {3}, origin,
                  {"A", "position of grid point (0, 0, 0)", {}});
    write_element(row, path + "/shape", Type::int64, {3}, grid.n, {});
  }

  void write_planes(hsize_t row, const GridShape& grid, int64_t first_plane, int64_t n_planes,
                    const double* values) {
    element(row, "/grids/" + grid.name, Type::real, grid_dims(grid), {})
        .write_part(file_, row, grid_dims(grid), static_cast<hsize_t>(first_plane),
                    static_cast<hsize_t>(n_planes), values);
  }

  // Copies a row of another file, piece by piece, so that the memory does not grow with it.
  void add(const File& part, hsize_t row, hsize_t out_row) {
    std::vector<std::string> paths;
    for (const char* group : {"/particles", "/observables", "/grids"}) find_elements(part, group, paths);
    for (const std::string& path : paths) {
      if (path.starts_with(std::string(h5::all_particles) + "/box/")) continue;  // comes from the table
      copy(part, path, h5::item_dims(part, path), row, out_row);
    }
    copy_group_attributes(part, "/grids");
  }

  // An element of all rows of this file, which lies beside another one that has them from first_row on, of
  // these dimensions: its numbers stay there, in these pieces, and without pieces they are copied.
  void rest_on(const ResultsFile& other, const std::string& path, const Dims& item, hsize_t first_row,
               hsize_t n_rows, const std::vector<h5::Piece>& pieces) {
    const bool is_species = path == species_path;
    if (is_species) species_ = other.species_;
    if (pieces.empty()) {
      for (hsize_t row = 0; row < n_rows; ++row) copy(other.file_, path, item, first_row + row, row);
      return;
    }
    elements_.elsewhere(file_, path, other.elements_.find(path)->type(), item,
                        fs::path(other.file_.path()).filename(), pieces);
    copy_attributes(other.file_, path, is_species);
    rows_file_ = fs::path(other.file_.path()).filename().string();
    for (const h5::Piece& piece : pieces) rows_bytes_ = std::max(rows_bytes_, piece.offset + piece.bytes);
  }

  void finish(const Rows& rows) {
    if (elements_.has(species_path)) species_.write(file_, species_path);
    write_rows(file_, elements_, rows);
    if (!rows_file_.empty()) {
      h5::set_attribute(file_, parameters_group, "rows_file", rows_file_);
      h5::set_attribute(file_, parameters_group, "rows_bytes", {static_cast<int64_t>(rows_bytes_)}, true);
    }
    file_.close();
  }

 private:
  struct Description {
    std::string unit, doc;
    std::vector<std::string> components;
  };

  static Dims grid_dims(const GridShape& grid) {
    return {static_cast<hsize_t>(grid.n[0]), static_cast<hsize_t>(grid.n[1]),
            static_cast<hsize_t>(grid.n[2])};
  }

  void note(hsize_t row, const std::string& path, const Dims& dims) {
    if (row != last_row_number_) last_row_.clear();
    last_row_number_ = row;
    last_row_[path] = dims;
  }

  Element& element(hsize_t row, const std::string& path, Type type, const Dims& dims,
                   const Description& about) {
    note(row, path, dims);
    const bool is_new = !elements_.has(path);
    Element& e = elements_.get(file_, path, type, dims);
    if (is_new) describe(e, about);
    return e;
  }

  void describe(const Element& e, const Description& about) {
    if (!about.unit.empty()) h5::set_attribute(file_, e.value(), "unit", h5::to_h5md_unit(about.unit));
    if (!about.doc.empty()) h5::set_attribute(file_, e.path(), "doc", about.doc);
    if (!about.components.empty()) h5::set_attribute(file_, e.path(), "component_names", about.components);
  }

  void write_element(hsize_t row, const std::string& path, Type type, const Dims& dims, const void* data,
                     const Description& about) {
    element(row, path, type, dims, about).write(file_, row, dims, data);
  }

  void copy(const File& part, const std::string& path, const Dims& item, hsize_t row, hsize_t out_row) {
    const Dataset from = Dataset::open(part, path + "/value");
    if (from.dims().empty() || row >= from.dims()[0])
      throw InputError(fmt::format("{}, {}: expected {} frames", part.path(), path, row + 1));
    const bool is_new = !elements_.has(path);
    Element& to = elements_.get(file_, path, from.type(), item);
    const bool is_species = path == species_path;
    if (is_new) copy_attributes(part, path, is_species);
    std::vector<int32_t> new_index;
    if (is_species) new_index = species_.add(h5::SpeciesTable::read(part, path));

    hsize_t bytes_per_step = from.type() == Type::int32 ? 4 : 8;
    for (size_t k = 1; k < item.size(); ++k) bytes_per_step *= std::max<hsize_t>(1, item[k]);
    const hsize_t n = item.empty() ? 1 : item[0];
    const hsize_t piece = to.whole_chunks(merge_bytes / bytes_per_step);
    std::vector<char> buffer;
    for (hsize_t first = 0; first < n; first += piece) {
      const hsize_t count = std::min(piece, n - first);
      Dims offset{row}, block{1};
      offset.resize(item.size() + 1, 0);
      block.insert(block.end(), item.begin(), item.end());
      if (!item.empty()) {
        offset[1] = first;
        block[1] = count;
      }
      if (from.type() == Type::text) {
        to.write_part_text(file_, out_row, item, first, count, from.read_text(part, offset, block));
        continue;
      }
      buffer.resize(count * bytes_per_step);
      from.read(part, offset, block, from.type(), buffer.data());
      if (is_species) remap(buffer, new_index);
      to.write_part(file_, out_row, item, first, count, buffer.data());
    }
  }

  static void remap(std::vector<char>& buffer, const std::vector<int32_t>& new_index) {
    auto* type = reinterpret_cast<int32_t*>(buffer.data());
    for (size_t i = 0; i < buffer.size() / sizeof(int32_t); ++i)
      if (type[i] >= 0 && static_cast<size_t>(type[i]) < new_index.size())
        type[i] = new_index[static_cast<size_t>(type[i])];
  }

  void copy_attributes(const File& part, const std::string& path, bool is_species) {
    for (const std::string& object : {path, path + "/value"})
      for (const std::string& name : h5::attribute_names(part, object)) {
        if (is_species && object == path) continue;  // the united list comes at the end
        copy_text_attribute(part, object, name);
      }
  }

  void copy_text_attribute(const File& part, const std::string& object, const std::string& name) {
    const std::vector<std::string> text = h5::text_attribute(part, object, name);
    if (name == "component_names")
      h5::set_attribute(file_, object, name, text);
    else if (!text.empty())
      h5::set_attribute(file_, object, name, text[0]);
  }

  // /grids/<name> is a group of elements with a doc of its own.
  void copy_group_attributes(const File& part, const std::string& parent) {
    if (!h5::exists(part, parent)) return;
    for (const std::string& name : h5::children(part, parent)) {
      const std::string path = parent + "/" + name;
      for (const std::string& attribute : h5::attribute_names(part, path))
        if (!h5::has_attribute(file_, path, attribute)) copy_text_attribute(part, path, attribute);
    }
  }

  File file_;
  Elements elements_;
  h5::SpeciesTable species_;
  hsize_t last_row_number_ = 0;
  std::map<std::string, Dims> last_row_;
  std::string rows_file_;  // that this one rests on, and the bytes that it needs there
  hsize_t rows_bytes_ = 0;
};

// Frames that follow each other, all of one shape, whose numbers are in the final file in the making and
// nowhere else: where they are there, for the file that these frames get together.
class RestingFrames {
 public:
  size_t size() const { return rows_.frame.size(); }
  int64_t first_frame() const { return rows_.frame[0]; }

  // Takes the last row of the final file, which is number `row`; false, with nothing done, where it does not
  // go with those that are here.
  bool add(const ResultsFile& final_file, hsize_t row, const Rows& its_own) {
    const std::map<std::string, Dims>& elements = final_file.last_row();
    if (size() > 0 && (elements.size() != held_.size() || size() == most_together)) return false;
    std::vector<std::vector<h5::Piece>> pieces;
    for (const auto& [path, dims] : elements) {
      const auto here = held_.find(path);
      if (size() > 0 && (here == held_.end() || here->second.dims != dims)) return false;
      const Element& element = *final_file.elements().find(path);
      pieces.push_back(element.pieces_of(row, dims));
      if (element.in_pieces(dims) == pieces.back().empty())
        throw std::logic_error(fmt::format("{}: where a row lies is not known", path));
      if (size() > 0 && here->second.pieces.size() + pieces.back().size() > most_pieces) return false;
    }
    if (size() == 0) first_row_ = row;
    auto next = pieces.begin();
    for (const auto& [path, dims] : elements) {
      Held& held = held_[path];
      held.dims = dims;
      held.pieces.insert(held.pieces.end(), next->begin(), next->end());
      ++next;
    }
    rows_.add(its_own, 0);
    return true;
  }

  // Completes a file of these frames.
  void write(ResultsFile& file, const ResultsFile& final_file) const {
    for (const auto& [path, held] : held_)
      file.rest_on(final_file, path, held.dims, first_row_, size(), held.pieces);
    file.finish(rows_);
  }

 private:
  struct Held {
    Dims dims;
    std::vector<h5::Piece> pieces;
  };
  std::map<std::string, Held> held_;
  hsize_t first_row_ = 0;
  Rows rows_;
};

// The file of its folder that has the numbers of a frame; empty where it has them itself.
std::string rows_file(const File& file) {
  const auto name = h5::text_attribute(file, parameters_group, "rows_file");
  return name.empty() ? "" : name[0];
}

// Whether the numbers of a frame are there: HDF5 would take zeros for those behind the end of a file.
bool has_its_rows(const File& file) {
  const std::string name = rows_file(file);
  if (name.empty()) return true;
  const auto bytes = h5::integer_attribute(file, parameters_group, "rows_bytes");
  std::error_code error;
  const auto found = fs::file_size(fs::path(file.path()).parent_path() / name, error);
  return !error && bytes.size() == 1 && found >= static_cast<uintmax_t>(bytes[0]);
}

class H5ResultsWriter final : public ResultsWriter {
 public:
  H5ResultsWriter(const std::string& path, const Provenance& provenance, const ResultsOptions& options)
      : path_(path),
        folder_(path + ".partial"),
        provenance_(provenance),
        options_(options),
        fingerprint_(fingerprint_of(provenance, options)) {
    const auto held = h5::lock();
    std::error_code ignored;
    if (fs::is_directory(path_, ignored))
      throw ResourceError(
          fmt::format("{}: cannot write: it is a folder; expected the name of a file", path_));
    if (options.resume) adopt_final_file();
    open_folder();
    merges_ahead_ = sources_.empty();
  }

  ~H5ResultsWriter() override {
    const auto held = h5::lock();
    if (part_) {
      part_.reset();
      ::unlink(part_temporary().c_str());
    }
    try {
      name_resting();
    } catch (const std::exception&) {
      // What went wrong before is being told; these frames are computed again.
    }
    abandon_merging();
    std::error_code ignored;
    if (sources_.empty()) fs::remove_all(folder_, ignored);  // nothing to resume
  }

  bool has_frame(int64_t frame) const override {
    const auto held = h5::lock();  // write() may run in another thread
    return sources_.count(frame) > 0;
  }

  std::vector<KeptFrame> kept_frames() const override {
    const auto held = h5::lock();
    std::vector<KeptFrame> kept;
    for (const auto& [frame, source] : sources_)
      kept.push_back({frame, source.file, static_cast<int64_t>(source.row)});
    return kept;
  }

  void begin_grid(int64_t frame, const GridShape& grid) override {
    const auto held = h5::lock();
    begin_frame(frame);
    grid_ = grid;
    next_plane_ = 0;
    store([&](ResultsFile& file, hsize_t row) { file.begin_grid(row, grid); });
  }

  void write_planes(int64_t first_plane, int64_t n_planes, const double* values) override {
    const auto held = h5::lock();
    if (!grid_ || first_plane != next_plane_ || n_planes < 0 || first_plane + n_planes > grid_->n[0])
      throw std::logic_error(
          fmt::format("grid planes {} to {} out of order", first_plane, first_plane + n_planes));
    store([&](ResultsFile& file, hsize_t row) {
      file.write_planes(row, *grid_, first_plane, n_planes, values);
    });
    next_plane_ += n_planes;
  }

  void end_grid() override {
    if (!grid_ || next_plane_ != grid_->n[0]) throw std::logic_error("a grid ends before its last plane");
    grid_.reset();
  }

  void write(const Frame& frame, const FrameResults& results) override {
    const auto held = h5::lock();
    if (grid_) throw std::logic_error("a frame is written before its grid is complete");
    begin_frame(results.frame);
    store([&](ResultsFile& file, hsize_t row) {
      if (options_.write_positions) file.write_atoms(row, frame);
      for (const Field& field : results.fields) file.write_field(row, field, results);
      for (const Observable& observable : results.observables)
        file.write_observable(row, observable, results);
    });
    Rows row;
    row.frame = {results.frame};
    row.notes.emplace_back();
    for (const std::string& note : results.notes) row.notes[0] += (row.notes[0].empty() ? "" : "\n") + note;
    row.table = {{results.step}, {results.n_atoms}, {results.time}, {results.box}, {true}};
    in_hand_ = false;
    if (!part_) return rest(row);
    part_->finish(row);
    part_.reset();
    const std::string name = part_name(results.frame);
    naming_.rename(part_temporary(), name);
    sources_[results.frame] = {name, 0};
    if (!merges_this_) return;
    merging_->rows.add(row, 0);
    naming_.start_writing_back(merging_->path);
  }

  void close() override {
    const auto held = h5::lock();
    if (in_hand_) throw std::logic_error("the results are closed while a frame is half written");
    naming_.wait();
    bool only_final = true;
    for (const auto& [frame, source] : sources_) only_final = only_final && source.file == path_;
    if (sources_.size() == 1 && stands_alone(sources_.begin()->second.file)) {
      rename_durably(sources_.begin()->second.file, path_);
    } else if (!only_final || sources_.empty()) {
      merge();
    }
    std::error_code error;
    fs::remove_all(folder_, error);
    if (error) throw ResourceError(fmt::format("{}: cannot remove: {}", folder_, error.message()));
  }

 private:
  struct Source {
    std::string file;
    hsize_t row = 0;
  };

  std::string part_name(int64_t frame) const { return fmt::format("{}/frame_{:09d}.h5", folder_, frame); }
  std::string part_temporary() const { return part_name(frame_) + ".tmp"; }

  // A complete results file under the final name: its frames need no work.
  void adopt_final_file() {
    if (!fs::exists(path_)) return;
    json then;
    Rows rows;
    try {
      const File file = File::open(path_);
      const auto text = h5::text_attribute(file, parameters_group, "fingerprint");
      if (text.empty()) throw InputError("no fingerprint");
      then = json::parse(text[0]);
      rows = read_rows(file);
    } catch (const std::exception&) {
      throw UsageError(
          fmt::format("{}: --resume expects results of this program, found another file; remove it or choose "
                      "another name",
                      path_));
    }
    refuse_other(then, path_);
    for (size_t k = 0; k < rows.frame.size(); ++k) sources_[rows.frame[k]] = {path_, k};
  }

  void refuse_other(const json& then, const std::string& where) const {
    if (then == fingerprint_) return;
    throw UsageError(
        fmt::format("{}: --resume expects the run that began it, but {}; remove it to start anew", where,
                    difference(then, fingerprint_)));
  }

  void open_folder() {
    const std::string manifest = folder_ + "/manifest.json";
    if (fs::exists(manifest)) {
      bool any = false;
      for (const auto& entry : fs::directory_iterator(folder_))
        any = any || entry.path().extension() == ".h5";
      if (any && !options_.resume)
        throw UsageError(fmt::format(
            "{}: holds frames of an unfinished run; continue it with --resume, or remove the folder",
            folder_));
      if (options_.resume) {
        std::ifstream in(manifest);
        const json then = json::parse(in, nullptr, false);
        if (any) refuse_other(then.is_object() ? then.value("fingerprint", json()) : json(), folder_);
        adopt_parts();
      }
    }
    std::error_code error;
    fs::create_directory(folder_, error);
    if (error || !fs::is_directory(folder_))
      throw ResourceError(fmt::format("{}: cannot make the folder: {}", folder_,
                                      error ? error.message() : "a file has its name"));
    for (const auto& entry : fs::directory_iterator(folder_)) {
      const fs::path& file = entry.path();
      if (file.extension() == ".tmp" ||
          (file.extension() == ".rows" && needed_.count(file.filename().string()) == 0))
        fs::remove(file, error);
    }
    OutputFile out(manifest);
    const std::string text =
        text_of({{"program", "grainfield"}, {"fingerprint", fingerprint_}, {"command", provenance_.command}});
    out.write(text.data(), text.size());
    out.close();
  }

  void adopt_parts() {
    const std::string expected = text_of(fingerprint_);
    for (const auto& entry : fs::directory_iterator(folder_)) {
      if (entry.path().extension() != ".h5") continue;
      try {
        const File file = File::open(entry.path().string());
        const Rows rows = read_rows(file);
        const auto text = h5::text_attribute(file, parameters_group, "fingerprint");
        if (rows.frame.empty() || text.size() != 1 || text[0] != expected || !has_its_rows(file)) continue;
        for (size_t k = 0; k < rows.frame.size(); ++k)
          if (sources_.try_emplace(rows.frame[k], Source{entry.path().string(), k}).second)
            needed_.insert(rows_file(file));
      } catch (const InputError&) {
        // Not readable (a disk that lost data): the frame is computed again.
      }
    }
  }

  void begin_frame(int64_t frame) {
    if (in_hand_) {
      if (frame_ != frame)
        throw std::logic_error(fmt::format("frame {} begins while frame {} is half written", frame, frame_));
      return;
    }
    frame_ = frame;
    merges_this_ = merge_ahead();
    if (!merges_this_ || options_.compress) {
      // The first may become the final file, if it stays alone; the others wait to be merged.
      const bool first = sources_.empty();
      part_.emplace(part_temporary(), path_, first ? final_layout() : Layout::fixed);
      describe_run(part_->file(), first);
    }
    in_hand_ = true;
  }

  // The frame in hand is complete, and its numbers are in the final file in the making alone. Frames that
  // come in quick succession get a file together: a file takes longer than a small frame, and a folder should
  // not hold a hundred thousand.
  void rest(const Rows& row) {
    const hsize_t number = merging_->rows.frame.size();
    if (!resting_.add(merging_->file, number, row)) {
      name_resting();
      (void)resting_.add(merging_->file, number, row);
    }
    merging_->rows.add(row, 0);
    sources_[frame_] = {part_name(resting_.first_frame()), resting_.size() - 1};
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - last_named_;
    if (passed.count() >= options_.seconds_together) name_resting();
  }

  // Gives the resting frames their file.
  void name_resting() {
    if (resting_.size() == 0) return;
    const RestingFrames frames = std::exchange(resting_, {});
    const std::string name = part_name(frames.first_frame()), temporary = name + ".tmp";
    merging_->is_needed = true;
    try {
      ResultsFile file(temporary, path_, Layout::fixed, frames.size());
      describe_run(file.file(), false);
      frames.write(file, merging_->file);
    } catch (const std::exception&) {
      ::unlink(temporary.c_str());
      throw;
    }
    naming_.rename(temporary, name, merging_->path);
    last_named_ = std::chrono::steady_clock::now();
  }

  Layout final_layout() const { return options_.compress ? Layout::compressed : Layout::growing; }

  // What --resume asks for, or all.
  void describe_run(const File& file, bool all) const {
    h5::write_metadata(file, provenance_.version);
    h5::create_group(file, parameters_group);
    h5::set_attribute(file, parameters_group, "fingerprint", text_of(fingerprint_));
    if (all) write_provenance(file, provenance_);
  }

  // Whether a frame's own file can be the final one.
  bool stands_alone(const std::string& file) const {
    return file != path_ && h5::has_attribute(File::open(file), parameters_group, "version");
  }

  // Does this to the frame in hand: in the final file where that is in the making, and in its own, where it
  // does not rest on that.
  template <class Write>
  void store(const Write& write) {
    if (part_) write(*part_, 0);
    if (!merges_this_) return;
    const hsize_t row = merging_->rows.frame.size();
    if (!part_) return write(merging_->file, row);
    try {
      write(merging_->file, row);
    } catch (const std::exception&) {
      stop_merging();
    }
  }

  // The final file in the making.
  struct Merging {
    std::string path;
    ResultsFile file;
    Rows rows;
    bool is_needed = false;  // by files of frames that rest on it
    File source;             // the last one that was read
    std::string source_name;
    Rows source_rows;
  };

  void begin_merging() {
    std::string path;
    for (int k = 0; path.empty() || fs::exists(path); ++k) path = fmt::format("{}/final_{}.rows", folder_, k);
    merging_.emplace(Merging{path, ResultsFile(path, path_, final_layout()), {}, false, {}, {}, {}});
    describe_run(merging_->file.file(), true);
  }

  void append(const Source& source) {
    Merging& m = *merging_;
    if (m.source_name != source.file) {
      m.source = File::open(source.file);
      m.source_rows = read_rows(m.source);
      m.source_name = source.file;
    }
    m.file.add(m.source, source.row, m.rows.frame.size());
    m.rows.add(m.source_rows, static_cast<size_t>(source.row));
  }

  void abandon_merging() {
    if (!merging_) return;
    const std::string path = merging_->path;
    const bool is_needed = merging_->is_needed;
    merging_.reset();
    if (!is_needed) ::unlink(path.c_str());
  }

  void stop_merging() {
    name_resting();
    merges_ahead_ = merges_this_ = false;
    abandon_merging();
  }

  // Before a frame is written: whether it can be appended to the final file at once, so that close() has
  // little left to do. The first is appended from its own file when the second comes, because a single frame
  // is not merged at all. Frames of an earlier run may belong between those that come: then all is merged at
  // the end, and so it is after trouble, which close() reports.
  bool merge_ahead() {
    if (!merges_ahead_ || sources_.empty()) return false;
    if (!merging_) naming_.wait();
    try {
      if (frame_ < sources_.rbegin()->first) throw ResourceError("frames out of order");
      if (!merging_) {
        begin_merging();
        for (const auto& [frame, source] : sources_) append(source);
      }
    } catch (const std::exception&) {
      stop_merging();
    }
    return merges_ahead_;
  }

  void merge() {
    if (!merging_) begin_merging();
    if (sources_.empty()) h5::create_group(merging_->file.file(), h5::all_particles);
    const auto merged = static_cast<int64_t>(merging_->rows.frame.size());
    for (auto next = std::next(sources_.begin(), merged); next != sources_.end(); ++next)
      append(next->second);
    merging_->file.finish(merging_->rows);
    resting_ = {};
    const std::string path = merging_->path;
    merging_.reset();
    sync_to_disk(path);
    rename_durably(path, path_);
  }

  std::string path_, folder_;
  Provenance provenance_;
  ResultsOptions options_;
  json fingerprint_;
  std::map<int64_t, Source> sources_;
  std::set<std::string> needed_;    // files that frames of an earlier run rest on
  std::optional<Merging> merging_;  // holds the first frames of sources_
  bool merges_ahead_ = true;
  BackgroundRenames naming_;

  RestingFrames resting_;  // the last rows of merging_
  std::chrono::steady_clock::time_point last_named_;

  // The frame in hand.
  bool in_hand_ = false;
  int64_t frame_ = 0;
  std::optional<ResultsFile> part_;  // its own file; none where it rests on the final one
  bool merges_this_ = false;
  std::optional<GridShape> grid_;
  int64_t next_plane_ = 0;
};

}  // namespace

std::vector<double> read_scalar_observable(const std::string& path, const std::string& name) {
  const auto held = h5::lock();
  const File file = File::open(path);
  const h5::Dataset values = h5::Dataset::open(file, "/observables/" + name + "/value");
  if (values.dims().size() != 1) file.fail("/observables/" + name, "expected one number per frame");
  std::vector<double> result(values.dims()[0]);
  values.read(file, {0}, values.dims(), Type::real, result.data());
  return result;
}

std::unique_ptr<ResultsWriter> open_results(const std::string& path, const Provenance& provenance,
                                            const ResultsOptions& options) {
  return std::make_unique<H5ResultsWriter>(path, provenance, options);
}

}  // namespace grainfield
