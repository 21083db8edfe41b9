#include "io/h5md_contents.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "host/error.hpp"
#include "io/h5md_schema.hpp"

namespace grainfield {

namespace {

using h5::Dataset;
using h5::File;

std::string first(const std::vector<std::string>& values) { return values.empty() ? "" : values[0]; }

// Elements below a group: groups with a value, and bare datasets that are not part of one. A damaged file may
// hold groups inside themselves: `visits` counts them.
void collect(const File& file, const std::string& group, std::vector<H5mdItem>& items, int& visits) {
  constexpr int most_visits = 10'000, most_levels = 32;
  if (!h5::exists(file, group)) return;
  if (++visits > most_visits || std::count(group.begin(), group.end(), '/') > most_levels)
    file.refuse(group,
                fmt::format("expected at most {} groups, {} inside each other", most_visits, most_levels));
  for (const std::string& name : h5::children(file, group)) {
    const std::string path = group + "/" + name;
    const bool is_group = h5::is_group(file, path);
    const std::string value = path + "/value";
    const bool timed = is_group && h5::exists(file, value) && !h5::is_group(file, value);
    if (is_group && !timed) {
      collect(file, path, items, visits);
      continue;
    }
    H5mdItem item;
    item.path = path;
    const Dataset d = Dataset::open(file, timed ? value : path);
    for (const hsize_t n : d.dims()) item.dims.push_back(static_cast<int64_t>(n));
    item.is_integer = d.type() == h5::Type::int32 || d.type() == h5::Type::int64;
    item.unit = h5::from_h5md_unit(first(h5::text_attribute(file, d.path(), "unit")));
    item.doc = first(h5::text_attribute(file, path, "doc"));
    item.component_names = h5::text_attribute(file, path, "component_names");
    items.push_back(std::move(item));
  }
}

template <class T>
std::vector<T> column(const File& file, const std::string& path, h5::Type memory) {
  if (!h5::exists(file, path)) return {};
  const Dataset d = Dataset::open(file, path);
  if (d.dims().size() != 1) return {};
  d.expect_stored(file, d.dims());
  std::vector<T> values(d.dims()[0]);
  d.read(file, {0}, d.dims(), memory, values.data());
  return values;
}

std::vector<std::string> text_column(const File& file, const std::string& path) {
  if (!h5::exists(file, path)) return {};
  const Dataset d = Dataset::open(file, path);
  if (d.dims().size() != 1) return {};
  return d.read_text(file, {0}, d.dims());
}

}  // namespace

H5mdContents h5md_contents(const std::string& path) {
  const auto held = h5::lock();
  const File file = File::open(path);
  if (!h5::exists(file, "/h5md"))
    throw InputError(fmt::format("{}: expected an H5MD file with the group /h5md, found none", path));
  H5mdContents contents;
  contents.creator = first(h5::text_attribute(file, "/h5md/creator", "name"));
  contents.creator_version = first(h5::text_attribute(file, "/h5md/creator", "version"));
  int visits = 0;
  if (h5::exists(file, "/particles")) {
    for (const std::string& name : h5::children(file, "/particles")) {
      const std::string group = "/particles/" + name;
      std::vector<H5mdItem> items;
      collect(file, group, items, visits);
      for (H5mdItem& item : items) {
        const std::string rest = item.path.substr(group.size() + 1);
        contents.has_positions = contents.has_positions || rest == "position";
        if (rest != "position" && rest != "species" && rest != "id" && !rest.starts_with("box/"))
          contents.fields.push_back(std::move(item));
      }
    }
  }
  collect(file, "/observables", contents.observables, visits);
  std::vector<H5mdItem> grids;
  collect(file, "/grids", grids, visits);
  for (H5mdItem& grid : grids)
    if (grid.dims.size() == 4) contents.grids.push_back(std::move(grid));

  const std::string ours = h5::our_parameters;
  contents.n_atoms = column<int64_t>(file, ours + "/frames/n_atoms", h5::Type::int64);
  contents.notes = text_column(file, ours + "/frames/notes");
  contents.command = first(h5::text_attribute(file, ours, "command"));
  if (h5::exists(file, ours + "/parameters"))
    for (const std::string& name : h5::attribute_names(file, ours + "/parameters"))
      contents.parameters.emplace_back(name, first(h5::text_attribute(file, ours + "/parameters", name)));
  const auto names = text_column(file, ours + "/inputs/name"),
             sums = text_column(file, ours + "/inputs/sha256");
  const auto bytes = column<int64_t>(file, ours + "/inputs/bytes", h5::Type::int64);
  for (size_t k = 0; k < std::min({names.size(), sums.size(), bytes.size()}); ++k)
    contents.inputs.push_back({names[k], bytes[k], sums[k]});
  return contents;
}

}  // namespace grainfield
