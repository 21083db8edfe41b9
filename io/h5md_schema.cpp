#include "io/h5md_schema.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace grainfield::h5 {

void write_metadata(const File& file, const std::string& version) {
  for (const char* group : {"/h5md/author", "/h5md/creator", "/h5md/modules/units"})
    create_group(file, group);
  set_attribute(file, "/h5md", "version", std::vector<int64_t>{1, 1});
  set_fixed_attribute(file, "/h5md/author", "name", {"unknown"}, true);
  set_fixed_attribute(file, "/h5md/creator", "name", {"grainfield"}, true);
  set_fixed_attribute(file, "/h5md/creator", "version", {version}, true);
  set_attribute(file, "/h5md/modules/units", "version", std::vector<int64_t>{1, 0});
  set_attribute(file, "/h5md/modules/units", "system", std::string("SI"));
}

Element::Element(const File& file, std::string path, Type type, const Dims& first_item_dims, Layout layout,
                 hsize_t n_rows)
    : path_(std::move(path)) {
  Dims dims{n_rows};
  dims.insert(dims.end(), first_item_dims.begin(), first_item_dims.end());
  dataset_ = Dataset::create(file, value(), type, dims, layout);
}

Element::Element(const File& file, std::string path, Type type, const Dims& item_dims, hsize_t n_rows,
                 const std::string& other, const std::vector<Piece>& pieces)
    : path_(std::move(path)) {
  Dims dims{n_rows};
  dims.insert(dims.end(), item_dims.begin(), item_dims.end());
  dataset_ = Dataset::create_elsewhere(file, value(), type, dims, other, pieces);
}

void Element::place(const File& file, hsize_t row, const Dims& item_dims, hsize_t first, hsize_t count,
                    Dims& offset, Dims& block) {
  Dims least{row + 1};
  least.insert(least.end(), item_dims.begin(), item_dims.end());
  dataset_.grow(file, least);
  offset.assign(least.size(), 0);
  offset[0] = row;
  block = least;
  block[0] = 1;
  if (block.size() > 1) {
    offset[1] = first;
    block[1] = count;
  }
}

void Element::write_part(const File& file, hsize_t row, const Dims& item_dims, hsize_t first, hsize_t count,
                         const void* data) {
  Dims offset, block;
  place(file, row, item_dims, first, count, offset, block);
  const size_t cut = cut_of(item_dims);
  if (cut == 0) return dataset_.write(file, offset, block, dataset_.type(), data);
  if (first == 0) begin_row(row, item_dims, cut);
  hsize_t per_index = 1;
  for (size_t k = 1; k < item_dims.size(); ++k) per_index *= item_dims[k];
  if (!row_.begun || row_.number != row || row_.item_dims != item_dims || row_.taken != first * per_index)
    throw std::logic_error(fmt::format("{}: a row is written out of order", path_));
  write_chunks(file, count * per_index, static_cast<const char*>(data));
}

hsize_t Element::whole_chunks(hsize_t about) const {
  const hsize_t chunk = dataset_.chunk().size() > 1 ? dataset_.chunk()[1] : 1;
  return std::max<hsize_t>(1, about / chunk) * chunk;
}

size_t Element::cut_of(const Dims& item_dims) const {
  const Dims& chunk = dataset_.chunk();
  if (!dataset_.is_plain() || chunk[0] != 1) return 0;
  size_t cut = 1;
  while (cut + 1 < chunk.size() && chunk[cut] == 1) ++cut;
  for (size_t k = cut + 1; k < chunk.size(); ++k)
    if (chunk[k] != item_dims[k - 1]) return 0;
  return cut < chunk.size() ? cut : 0;
}

void Element::begin_row(hsize_t row, const Dims& item_dims, size_t cut) {
  row_ = {true, row, item_dims, cut, 1, 1, 0, {}, {}};
  for (size_t k = cut; k < dataset_.chunk().size(); ++k) {
    row_.run *= item_dims[k - 1];
    row_.per_chunk *= dataset_.chunk()[k];
  }
}

void Element::write_chunks(const File& file, hsize_t count, const char* data) {
  const size_t width = type_bytes(type());
  while (count > 0) {
    const hsize_t in_run = row_.taken % row_.run;
    const hsize_t in_chunk = in_run % row_.per_chunk;  // numbers of this chunk that have come
    const hsize_t filled = std::min(row_.per_chunk, row_.run - (in_run - in_chunk));
    const hsize_t now = std::min(count, filled - in_chunk);
    const bool at_once = now == row_.per_chunk;
    if (!at_once) row_.held.insert(row_.held.end(), data, data + now * width);
    if (in_chunk + now == filled) {
      Dims offset(dataset_.chunk().size(), 0);
      offset[0] = row_.number;
      offset[row_.cut] = (in_run - in_chunk) / row_.per_chunk * dataset_.chunk()[row_.cut];
      hsize_t index = row_.taken / row_.run;
      for (size_t k = row_.cut; k-- > 1; index /= row_.item_dims[k - 1])
        offset[k] = index % row_.item_dims[k - 1];
      if (!at_once) pad();
      Piece piece = dataset_.write_chunk(file, offset, at_once ? data : row_.held.data());
      row_.held = {};  // there may be a hundred elements
      piece.bytes = filled * width;
      if (file.knows_places()) row_.add(piece);
    }
    row_.taken += now;
    data += now * width;
    count -= now;
  }
}

void Element::Row::add(const Piece& piece) {
  if (!pieces.empty() && pieces.back().offset + pieces.back().bytes == piece.offset)
    pieces.back().bytes += piece.bytes;
  else
    pieces.push_back(piece);
}

void Element::pad() {
  const auto fill = [&](auto value) {
    const size_t come = row_.held.size();
    row_.held.resize(row_.per_chunk * sizeof value);
    for (size_t at = come; at < row_.held.size(); at += sizeof value)
      std::memcpy(row_.held.data() + at, &value, sizeof value);
  };
  if (type() == Type::real)
    fill(Dataset::real_fill);
  else if (type() == Type::int32)
    fill(static_cast<int32_t>(Dataset::integer_fill));
  else
    fill(Dataset::integer_fill);
}

bool Element::in_pieces(const Dims& item_dims) const {
  return cut_of(item_dims) > 0 && std::find(item_dims.begin(), item_dims.end(), 0) == item_dims.end();
}

std::vector<Piece> Element::pieces_of(hsize_t row, const Dims& item_dims) const {
  const bool complete = row_.begun && row_.number == row && row_.item_dims == item_dims &&
                        row_.taken == product(item_dims) && row_.taken > 0;
  return complete ? row_.pieces : std::vector<Piece>{};
}

void Element::write_part_text(const File& file, hsize_t row, const Dims& item_dims, hsize_t first,
                              hsize_t count, const std::vector<std::string>& text) {
  Dims offset, block;
  place(file, row, item_dims, first, count, offset, block);
  dataset_.write_text(file, offset, block, text);
}

void Element::write(const File& file, hsize_t row, const Dims& item_dims, const void* data) {
  write_part(file, row, item_dims, 0, item_dims.empty() ? 1 : item_dims[0], data);
}

void Element::write_rows(const File& file, hsize_t n_rows, const Dims& item_dims, const void* data) {
  if (n_rows == 0) return;
  Dims offset, block;
  place(file, n_rows - 1, item_dims, 0, item_dims.empty() ? 1 : item_dims[0], offset, block);
  offset[0] = 0;
  block[0] = n_rows;
  dataset_.write(file, offset, block, dataset_.type(), data);
}

void Element::write_text(const File& file, hsize_t row, const Dims& item_dims,
                         const std::vector<std::string>& text) {
  write_part_text(file, row, item_dims, 0, item_dims.empty() ? 1 : item_dims[0], text);
}

void Element::finish(const File& file, hsize_t n_rows) {
  Dims least(dataset_.dims().size(), 0);
  least[0] = n_rows;
  dataset_.grow(file, least);
  dataset_.close(file);
}

Element& Elements::get(const File& file, const std::string& path, Type type, const Dims& item_dims) {
  const auto found = elements_.find(path);
  if (found != elements_.end()) return found->second;
  return elements_.try_emplace(path, file, path, type, item_dims, layout_, n_rows_).first->second;
}

Element& Elements::elsewhere(const File& file, const std::string& path, Type type, const Dims& item_dims,
                             const std::string& other, const std::vector<Piece>& pieces) {
  return elements_.try_emplace(path, file, path, type, item_dims, n_rows_, other, pieces).first->second;
}

const Element* Elements::find(const std::string& path) const {
  const auto found = elements_.find(path);
  return found == elements_.end() ? nullptr : &found->second;
}

void Elements::finish(const File& file, const std::vector<int64_t>& step, const std::vector<double>& time) {
  std::string first;
  for (auto& [path, element] : elements_) {
    element.finish(file, step.size());
    if (first.empty()) {
      first = path;
      Dataset::write_fixed(file, path + "/step", Type::int64, {step.size()}, step.data());
      if (!time.empty()) {
        Dataset::write_fixed(file, path + "/time", Type::real, {time.size()}, time.data());
        set_attribute(file, path + "/time", "unit", std::string("ps"));
      }
      continue;
    }
    hard_link(file, first + "/step", path + "/step");
    if (!time.empty()) hard_link(file, first + "/time", path + "/time");
  }
}

Dims item_dims(const File& file, const std::string& element) {
  const Dims dims = Dataset::open(file, element + "/value").dims();
  return dims.empty() ? dims : Dims(dims.begin() + 1, dims.end());
}

void write_box(const File& file, Elements& elements, const std::string& group, const FrameTable& frames) {
  const std::string box = group + "/box";
  create_group(file, box);
  set_attribute(file, box, "dimension", std::vector<int64_t>{3}, true);
  std::vector<std::string> boundary(3, "periodic");
  for (const Box& b : frames.box)
    for (size_t k = 0; k < 3; ++k)
      if (!b.periodic[k]) boundary[k] = "none";
  set_fixed_attribute(file, box, "boundary", boundary, false);
  if (std::none_of(frames.has_box.begin(), frames.has_box.end(), [](bool has) { return has; })) return;
  std::vector<double> edges, origin;
  std::vector<int32_t> periodic;
  for (const Box& b : frames.box) {
    for (const Vec3& v : {b.a, b.b, b.c}) edges.insert(edges.end(), {v.x, v.y, v.z});
    origin.insert(origin.end(), {b.origin.x, b.origin.y, b.origin.z});
    for (const bool p : b.periodic) periodic.push_back(p);
  }
  const hsize_t n = frames.box.size();
  elements.get(file, box + "/edges", Type::real, {3, 3}).write_rows(file, n, {3, 3}, edges.data());
  elements.get(file, box + "/origin", Type::real, {3}).write_rows(file, n, {3}, origin.data());
  elements.get(file, box + "/periodic", Type::int32, {3}).write_rows(file, n, {3}, periodic.data());
  set_attribute(file, box + "/edges/value", "unit", std::string("Ang"));
  set_attribute(file, box + "/origin/value", "unit", std::string("Ang"));
}

std::vector<int64_t> increasing_steps(const std::vector<int64_t>& step) {
  if (std::is_sorted(step.begin(), step.end())) return step;
  std::vector<int64_t> number(step.size());
  for (size_t k = 0; k < number.size(); ++k) number[k] = static_cast<int64_t>(k);
  return number;
}

std::vector<double> increasing_times(const std::vector<double>& time) {
  return std::is_sorted(time.begin(), time.end()) ? time : std::vector<double>{};
}

void write_frame_table(const File& file, const FrameTable& frames) {
  const std::string group = std::string(our_parameters) + "/frames";
  Dataset::write_fixed(file, group + "/n_atoms", Type::int64, {frames.n_atoms.size()}, frames.n_atoms.data());
  Dataset::write_fixed(file, group + "/step", Type::int64, {frames.step.size()}, frames.step.data());
  Dataset::write_fixed(file, group + "/time", Type::real, {frames.time.size()}, frames.time.data());
  set_attribute(file, group + "/time", "unit", std::string("ps"));
}

std::vector<int32_t> SpeciesTable::add(const std::vector<Species>& species) {
  std::vector<int32_t> index;
  for (const Species& s : species) {
    const auto same = std::find_if(species_.begin(), species_.end(), [&](const Species& t) {
      return t.name == s.name && t.label == s.label && t.mass == s.mass;
    });
    index.push_back(static_cast<int32_t>(same - species_.begin()));
    if (same == species_.end()) species_.push_back(s);
  }
  return index;
}

void SpeciesTable::write(const File& file, const std::string& element) const {
  std::vector<std::string> names;
  std::vector<double> masses;
  std::vector<int64_t> labels;
  for (const Species& s : species_) {
    names.push_back(s.name);
    masses.push_back(s.mass);
    labels.push_back(s.label);
  }
  if (names.empty()) return;
  set_attribute(file, element, "names", names);
  set_attribute(file, element, "masses", masses);
  set_attribute(file, element, "labels", labels);
}

std::vector<Species> SpeciesTable::read(const File& file, const std::string& element) {
  const std::vector<std::string> names = text_attribute(file, element, "names");
  const std::vector<double> masses = real_attribute(file, element, "masses");
  const std::vector<int64_t> labels = integer_attribute(file, element, "labels");
  std::vector<Species> species(names.size());
  for (size_t k = 0; k < names.size(); ++k) {
    species[k].name = names[k];
    if (k < masses.size()) species[k].mass = masses[k];
    species[k].label = k < labels.size() ? static_cast<int32_t>(labels[k]) : static_cast<int32_t>(k) + 1;
  }
  return species;
}

namespace {

// An element of one number for each atom, made piece by piece.
template <class T, class Value>
void write_per_atom(const File& file, Element& element, hsize_t row, int64_t n_atoms, const Value& value) {
  const auto piece = static_cast<int64_t>(element.whole_chunks(1 << 20));
  std::vector<T> values;
  for (int64_t first = 0; first < n_atoms; first += piece) {
    const int64_t count = std::min(piece, n_atoms - first);
    values.clear();
    for (int64_t i = first; i < first + count; ++i) values.push_back(value(i));
    element.write_part(file, row, {static_cast<hsize_t>(n_atoms)}, static_cast<hsize_t>(first),
                       static_cast<hsize_t>(count), values.data());
  }
}

}  // namespace

void write_species(const File& file, Elements& elements, hsize_t row, const Frame& frame,
                   const std::vector<int32_t>& index) {
  const Dims dims{static_cast<hsize_t>(frame.n_atoms())};
  write_per_atom<int32_t>(
      file, elements.get(file, std::string(all_particles) + "/species", Type::int32, dims), row,
      frame.n_atoms(),
      [&](int64_t i) { return index[static_cast<size_t>(frame.type[static_cast<size_t>(i)])]; });
}

void write_ids(const File& file, Elements& elements, hsize_t row, const Frame& frame) {
  const Dims dims{static_cast<hsize_t>(frame.n_atoms())};
  write_per_atom<int64_t>(file, elements.get(file, std::string(all_particles) + "/id", Type::int64, dims),
                          row, frame.n_atoms(), [&](int64_t i) { return frame.id_of(i); });
}

}  // namespace grainfield::h5
