#include "io/frame_parts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <unordered_map>

#include "host/elements.hpp"
#include "host/error.hpp"
#include "io/tokens.hpp"

namespace grainfield {

ColumnStore::ColumnStore(Frame& frame) : frame_(frame), old_(std::move(frame.columns)) {
  frame.box = Box();
  frame.has_box = true;
  frame.step = 0;
  frame.time = 0;
  frame.position.clear();
  frame.type.clear();
  frame.species.clear();
  frame.id.clear();
  frame.columns.clear();
  frame.info.clear();
}

Column& ColumnStore::add(const std::string& name, Column::Kind kind, int components) {
  const auto same = std::find_if(old_.begin(), old_.end(),
                                 [&](const Column& c) { return c.name == name && c.kind == kind; });
  columns_.push_back(std::make_unique<Column>());
  Column& column = *columns_.back();
  if (same != old_.end()) {
    column = std::move(*same);
    old_.erase(same);
  }
  column.name = name;
  column.unit.clear();
  column.kind = kind;
  column.components = components;
  column.real.clear();
  column.integer.clear();
  column.text.clear();
  return column;
}

RowField ColumnStore::field(Column& column, const std::string& name_in_file, int component, double factor) {
  RowField field;
  field.name = name_in_file;
  field.components = column.components;
  field.component = component;
  field.factor = factor;
  switch (column.kind) {
    case Column::Kind::real:
      field.target = &column.real;
      break;
    case Column::Kind::integer:
      field.target = &column.integer;
      break;
    case Column::Kind::text:
      field.target = &column.text;
      break;
  }
  return field;
}

void ColumnStore::finish() {
  for (auto& column : columns_) frame_.columns.push_back(std::move(*column));
  columns_.clear();
}

namespace {

void name_by_mass(Species& species) {
  if (!species.name.empty() || !(species.mass > 0)) return;
  if (const Element* element = find_element_by_mass(species.mass)) species.name = element->symbol;
}

std::string joined(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, ", "));
}

}  // namespace

void set_species_from_labels(Frame& frame, int32_t first_label, int32_t dense,
                             const std::vector<Species>& known, const ReadOptions& options,
                             const std::string& where) {
  int32_t largest = first_label - 1;
  for (const Species& s : known) largest = std::max(largest, s.label);
  for (size_t i = 0; i < frame.type.size(); ++i) {
    const int32_t label = frame.type[i];
    if (label < first_label)
      throw InputError(fmt::format("{}: atom {} has type {}; expected {} or more", where,
                                   frame.id_of(static_cast<int64_t>(i)), label, first_label));
    largest = std::max(largest, label);
  }

  std::vector<int32_t> labels;
  if (largest <= dense) {
    const auto named = static_cast<int32_t>(std::min(options.species.size(), static_cast<size_t>(dense)));
    labels.resize(static_cast<size_t>(std::max(largest - first_label + 1, named)));
    std::iota(labels.begin(), labels.end(), first_label);
    for (int32_t& type : frame.type) type -= first_label;
  } else {
    labels = frame.type;
    for (const Species& s : known) labels.push_back(s.label);
    std::sort(labels.begin(), labels.end());
    labels.erase(std::unique(labels.begin(), labels.end()), labels.end());
    for (int32_t& type : frame.type)
      type = static_cast<int32_t>(std::lower_bound(labels.begin(), labels.end(), type) - labels.begin());
  }

  std::unordered_map<int32_t, const Species*> stated;
  for (const Species& s : known) stated[s.label] = &s;
  frame.species.resize(labels.size());
  for (size_t k = 0; k < labels.size(); ++k) {
    Species& species = frame.species[k];
    if (const auto found = stated.find(labels[k]); found != stated.end()) species = *found->second;
    species.label = labels[k];
    if (options.species.empty()) {
      name_by_mass(species);
      continue;
    }
    const auto place = static_cast<size_t>(labels[k] - first_label);
    if (place < options.species.size()) {
      species.name = options.species[place];
      continue;
    }
    // Files with atomic numbers as types: a name whose atomic number is this type.
    const Element* element = find_element_by_number(labels[k]);
    if (!element ||
        std::find(options.species.begin(), options.species.end(), element->symbol) == options.species.end())
      throw InputError(fmt::format(
          "{}: type {} has no name; expected one for each of the types {} to {} but "
          "found {} names ({})",
          where, labels[k], first_label, labels.back(), options.species.size(), joined(options.species)));
    species.name = element->symbol;
  }
}

void set_species_from_names(Frame& frame, const std::vector<std::string>& names, const ReadOptions& options,
                            const std::string& where) {
  // Numbers in place of names (as LAMMPS writes plain xyz) are the file's own type numbers.
  const bool numbers = !names.empty() && std::all_of(names.begin(), names.end(), [](const std::string& name) {
    const auto value = to_integer(name);
    return value && *value >= 0 && *value <= std::numeric_limits<int32_t>::max();
  });
  if (numbers) {
    std::vector<int32_t> label;
    for (const std::string& name : names) label.push_back(static_cast<int32_t>(*to_integer(name)));
    for (int32_t& type : frame.type) type = label[static_cast<size_t>(type)];
    set_species_from_labels(frame, *std::min_element(label.begin(), label.end()) == 0 ? 0 : 1, few_species,
                            {}, options, where);
    return;
  }
  std::vector<std::string> order = options.species;
  if (order.empty()) {
    order = names;
    std::sort(order.begin(), order.end());
  }
  std::unordered_map<std::string_view, int32_t> index;
  for (size_t k = 0; k < order.size(); ++k) index.emplace(order[k], static_cast<int32_t>(k));
  std::vector<int32_t> place;
  for (const std::string& name : names) {
    const auto found = index.find(name);
    if (found == index.end())
      throw InputError(fmt::format("{}: found the species {}; expected one of {} (as asked for)", where,
                                   quote(name), joined(order)));
    place.push_back(found->second);
  }
  for (int32_t& type : frame.type) type = place[static_cast<size_t>(type)];
  frame.species.resize(order.size());
  for (size_t k = 0; k < order.size(); ++k) {
    frame.species[k].name = order[k];
    frame.species[k].label = static_cast<int32_t>(k) + 1;
    if (const Element* element = find_element(order[k])) frame.species[k].mass = element->mass;
  }
}

void take_masses(Frame& frame, const ReadOptions& options) {
  const auto column = std::find_if(frame.columns.begin(), frame.columns.end(), [](const Column& c) {
    return c.name == "mass" && c.kind == Column::Kind::real && c.components == 1;
  });
  if (column == frame.columns.end()) return;
  std::vector<double> mass(frame.species.size(), -1);
  for (size_t i = 0; i < frame.type.size(); ++i) {
    double& m = mass[static_cast<size_t>(frame.type[i])];
    if (m < 0) m = column->real[i];
    if (!(m == column->real[i])) return;  // not the species' property: stays a column
  }
  for (size_t k = 0; k < mass.size(); ++k)
    if (mass[k] > 0) {
      frame.species[k].mass = mass[k];
      if (options.species.empty()) name_by_mass(frame.species[k]);
    }
  frame.columns.erase(column);
}

void check_ids(Frame& frame, const std::string& where) {
  const size_t n = frame.id.size();
  bool counting = true;
  for (size_t i = 0; i < n && counting; ++i) counting = frame.id[i] == static_cast<int64_t>(i) + 1;
  if (counting) {
    frame.id.clear();
    return;
  }
  const auto [low, high] = std::minmax_element(frame.id.begin(), frame.id.end());
  const auto duplicate = [&](int64_t id) {
    throw InputError(fmt::format("{}: the id {} occurs twice; expected different ids", where, id));
  };
  if (static_cast<uint64_t>(*high) - static_cast<uint64_t>(*low) < 8 * n) {
    std::vector<bool> seen(static_cast<size_t>(*high - *low) + 1);
    for (const int64_t id : frame.id) {
      auto bit = seen[static_cast<size_t>(id - *low)];
      if (bit) duplicate(id);
      bit = true;
    }
  } else {
    std::vector<int64_t> sorted = frame.id;
    std::sort(sorted.begin(), sorted.end());
    const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
    if (twice != sorted.end()) duplicate(*twice);
  }
}

namespace {

constexpr double free_space = 1.0;  // A

// Unit vectors for the missing cell vectors, normal to the stated ones and right-handed with them.
void complete_directions(const std::optional<Vec3> (&vectors)[3], Vec3 (&edges)[3]) {
  int stated = 0, last = 0;
  for (int k = 0; k < 3; ++k)
    if (vectors[k]) {
      edges[k] = *vectors[k];
      ++stated;
      last = k;
    }
  if (stated == 0) {
    edges[0] = {1, 0, 0};
    edges[1] = {0, 1, 0};
    edges[2] = {0, 0, 1};
  } else if (stated == 1) {
    const Vec3 along = edges[last] / norm(edges[last]);
    // The Cartesian axis least along it, made normal to it.
    int axis = 0;
    for (int k = 1; k < 3; ++k)
      if (std::fabs(along[k]) < std::fabs(along[axis])) axis = k;
    Vec3 other{};
    other[axis] = 1;
    other -= dot(other, along) * along;
    const int next = (last + 1) % 3, after = (last + 2) % 3;
    edges[next] = other / norm(other);
    edges[after] = cross(along, edges[next]);
  } else if (stated == 2) {
    const int missing = !vectors[0] ? 0 : !vectors[1] ? 1 : 2;
    const Vec3 normal = cross(edges[(missing + 1) % 3], edges[(missing + 2) % 3]);
    const double length = norm(normal);
    edges[missing] = length > 0 ? normal / length : Vec3{};  // parallel vectors: validate() says so
  }
}

}  // namespace

void set_box(Frame& frame, const std::optional<Vec3> (&vectors)[3], const std::optional<Vec3>& origin,
             const bool (&periodic)[3], const std::string& where) {
  frame.has_box = vectors[0] || vectors[1] || vectors[2];
  for (int k = 0; k < 3; ++k)
    if (!vectors[k] && periodic[k])
      throw InputError(fmt::format("{}: the direction {} is periodic; expected a cell vector, found none",
                                   where, "abc"[k]));
  Vec3 edges[3];
  complete_directions(vectors, edges);
  Vec3 corner = origin.value_or(Vec3{});
  for (int k = 0; k < 3; ++k) {
    if (vectors[k]) continue;
    const Vec3 unit = edges[k];
    double low = std::numeric_limits<double>::infinity(), high = -low;
    for (const Vec3& r : frame.position) {
      low = std::min(low, dot(r, unit));
      high = std::max(high, dot(r, unit));
    }
    if (frame.position.empty()) low = high = 0;
    edges[k] = (high - low + 2 * free_space) * unit;
    corner += (low - free_space - dot(corner, unit)) * unit;
  }
  frame.box = Box(edges[0], edges[1], edges[2], corner, periodic[0], periodic[1], periodic[2]);
}

UnitFactors lammps_units(std::string_view style, const std::string& where) {
  if (style == "metal" || style == "lj") return {};
  if (style == "real") {
    // fs and kcal/mol; N_A and e of the SI (exact since 2019), 1 cal = 4.184 J.
    constexpr double kcal_per_mol = 4184.0 / (6.02214076e23 * 1.602176634e-19);  // eV
    return {1e-3, 1e3, kcal_per_mol, kcal_per_mol};
  }
  throw InputError(fmt::format("{}: expected the units metal, real or lj, found {}", where, quote(style)));
}

}  // namespace grainfield
