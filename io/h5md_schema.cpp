#include "io/h5md_schema.hpp"

#include <algorithm>

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

Element::Element(const File& file, std::string path, Type type, const Dims& first_item_dims, bool compress)
    : path_(std::move(path)) {
  Dims dims{1};
  dims.insert(dims.end(), first_item_dims.begin(), first_item_dims.end());
  dataset_ = Dataset::create(file, value(), type, dims, compress);
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
  dataset_.write(file, offset, block, dataset_.type(), data);
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
  return elements_.try_emplace(path, file, path, type, item_dims, compress_).first->second;
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

void write_species_and_ids(const File& file, Elements& elements, hsize_t row, const Frame& frame,
                           const std::vector<int32_t>& index) {
  constexpr hsize_t piece = 1 << 20;  // a multiple of the chunks, so that none is written twice
  const auto n = static_cast<hsize_t>(frame.n_atoms());
  const std::string all = all_particles;
  Element& species = elements.get(file, all + "/species", Type::int32, {n});
  Element& ids = elements.get(file, all + "/id", Type::int64, {n});
  std::vector<int32_t> type;
  std::vector<int64_t> id;
  for (hsize_t first = 0; first < n; first += piece) {
    const hsize_t count = std::min(piece, n - first);
    type.clear();
    id.clear();
    for (hsize_t i = first; i < first + count; ++i) {
      type.push_back(index[static_cast<size_t>(frame.type[i])]);
      id.push_back(frame.id_of(static_cast<int64_t>(i)));
    }
    species.write_part(file, row, {n}, first, count, type.data());
    ids.write_part(file, row, {n}, first, count, id.data());
  }
}

}  // namespace grainfield::h5
