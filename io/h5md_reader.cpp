// H5MD 1.x, from this program or another: one particles group, fixed or time-dependent elements, any real
// type. Specification: H5MD 1.1.0, nongnu.org/h5md; units module 1.0.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "host/elements.hpp"
#include "host/error.hpp"
#include "io/formats.hpp"
#include "io/frame_parts.hpp"
#include "io/h5md_schema.hpp"

namespace grainfield {

namespace {

using h5::Dataset;
using h5::Dims;
using h5::Type;

// An H5MD element: a dataset, or a group with the datasets value, step and (at will) time.
struct StoredElement {
  std::string name;  // of the column
  std::string path;
  Dataset value;
  bool timed = false;
  std::vector<int64_t> step;  // by row, where timed
  std::vector<double> time;   // empty where not stated
  std::string unit;

  hsize_t rows() const { return timed ? value.dims()[0] : 1; }
  Dims item() const { return {value.dims().begin() + (timed ? 1 : 0), value.dims().end()}; }
};

class H5mdReader final : public Reader {
 public:
  H5mdReader(const std::string& path, const ReadOptions& options) : options_(options) {
    const auto held = h5::lock();
    file_ = h5::File::open(path);
    open();
  }
  ~H5mdReader() override {
    const auto held = h5::lock();
    columns_.clear();
    position_ = {};
    species_.reset();
    id_.reset();
    edges_.reset();
    origin_.reset();
    periodic_.reset();
    file_ = {};
  }

  std::string format() const override { return "h5md"; }
  std::string file() const override { return file_.path(); }

  bool next(Frame& frame) override {
    const auto held = h5::lock();
    if (frame_ >= n_frames_) return false;
    read(frame);
    ++frame_;
    return true;
  }

  bool skip() override {
    if (frame_ >= n_frames_) return false;
    ++frame_;
    return true;
  }

  bool recover() override {
    skip();
    return true;
  }

 private:
  std::string where() const { return fmt::format("{}, frame {}", file_.path(), frame_); }
  [[noreturn]] void fail(const std::string& what) const {
    throw InputError(fmt::format("{}: {}", file_.path(), what));
  }

  void open() {
    if (!h5::exists(file_, "/h5md")) fail("expected an H5MD file with the group /h5md, found none");
    const auto version = h5::integer_attribute(file_, "/h5md", "version");
    if (version.size() != 2 || version[0] != 1)
      fail(version.size() == 2 ? fmt::format("expected H5MD version 1, found {}.{}", version[0], version[1])
                               : "expected H5MD version 1, found none");
    group_ = find_group();
    position_ = required("position");
    const Dims shape = position_.item();
    if (shape.size() != 2 || shape[1] != 3)
      fail(fmt::format("{}: expected positions [frames][atoms][3], found {} dimensions", position_.path,
                       position_.value.dims().size()));
    n_slots_ = shape[0];
    n_frames_ = position_.rows();
    position_.value.expect_stored(file_, position_.item());
    length_factor_ = factor(position_, "a length");
    open_species();
    id_ = optional("id");
    if (id_ && id_->item() != Dims{n_slots_})
      fail(fmt::format("{}: expected one id per atom, found another shape", id_->path));
    open_box();
    own_table("step", Type::int64, own_step_);
    own_table("time", Type::real, own_time_);
    own_table("n_atoms", Type::int64, own_n_atoms_);
    const std::string info = std::string(h5::our_parameters) + "/frames/info";
    if (h5::exists(file_, info)) {
      const Dataset d = Dataset::open(file_, info);
      if (d.dims().size() == 1 && d.dims()[0] == n_frames_) info_ = d.read_text(file_, {0}, d.dims());
    }
    // In the order that this program's files state, otherwise by name.
    std::vector<std::string> names = h5::children(file_, group_);
    const auto order = h5::text_attribute(file_, h5::our_parameters, "columns");
    const auto place = [&](const std::string& name) { return std::find(order.begin(), order.end(), name); };
    std::stable_sort(names.begin(), names.end(),
                     [&](const auto& a, const auto& b) { return place(a) < place(b); });
    for (const std::string& name : names) {
      if (name == "position" || name == "species" || name == "id" || name == "box") continue;
      if (auto column = optional(name)) {
        const Dims item = column->item();
        if (item.empty() || item[0] != n_slots_) continue;  // not one value per atom
        column->value.expect_stored(file_, item);
        columns_.push_back(std::move(*column));
      }
    }
  }

  std::string find_group() const {
    std::vector<std::string> names;
    if (h5::exists(file_, "/particles")) names = h5::children(file_, "/particles");
    if (std::find(names.begin(), names.end(), "all") != names.end()) return "/particles/all";
    if (names.size() == 1) return "/particles/" + names[0];
    fail(fmt::format("expected one group of particles, or one named all; found {}",
                     names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "))));
  }

  StoredElement required(const std::string& name) const {
    auto element = optional(name);
    if (!element) fail(fmt::format("expected {}/{}, found none", group_, name));
    return std::move(*element);
  }

  std::optional<StoredElement> optional(const std::string& name) const {
    StoredElement e;
    e.name = name;
    e.path = group_ + "/" + name;
    if (!h5::exists(file_, e.path)) return {};
    std::string data = e.path;
    if (h5::is_group(file_, e.path)) {
      data += "/value";
      if (!h5::exists(file_, data) || h5::is_group(file_, data)) return {};
      e.timed = true;
    }
    e.value = Dataset::open(file_, data);
    if (e.timed) {
      if (e.value.dims().empty()) fail(fmt::format("{}: expected a dimension for the frames", data));
      read_times(e);
    }
    const auto own_name = h5::text_attribute(file_, e.path, "name");
    if (!own_name.empty()) e.name = own_name[0];
    for (const std::string& object : {data, e.path}) {
      const auto unit = h5::text_attribute(file_, object, "unit");
      if (e.unit.empty() && !unit.empty()) e.unit = unit[0];
    }
    return e;
  }

  void read_times(StoredElement& e) const {
    const hsize_t n = e.value.dims()[0];
    e.value.expect_stored(file_, {n});
    e.step.clear();
    if (h5::exists(file_, e.path + "/step")) {
      const Dataset step = Dataset::open(file_, e.path + "/step");
      if (step.dims().empty()) {
        int64_t increment = 0;
        step.read(file_, {}, {}, Type::int64, &increment);
        const auto offset = h5::integer_attribute(file_, e.path + "/step", "offset");
        int64_t at = offset.empty() ? 0 : offset[0];
        for (hsize_t k = 0; k < n; ++k) {
          e.step.push_back(at);
          if (k + 1 < n && __builtin_add_overflow(at, increment, &at))
            fail(fmt::format("{}/step: expected steps that fit in 64 bits, found an increment of {}", e.path,
                             increment));
        }
      } else {
        check_length(e.path + "/step", step, n);
        e.step.resize(n);
        step.read(file_, {0}, {n}, Type::int64, e.step.data());
      }
    } else {
      fail(fmt::format("{}: expected the dataset step beside value, found none", e.path));
    }
    if (!h5::exists(file_, e.path + "/time")) return;
    const Dataset time = Dataset::open(file_, e.path + "/time");
    const auto unit = h5::text_attribute(file_, e.path + "/time", "unit");
    const double factor = unit.empty() ? 1 : h5::unit_factor(unit[0]);
    if (factor == 0) return;  // reduced units: the step alone counts
    if (time.dims().empty()) {
      double increment = 0;
      time.read(file_, {}, {}, Type::real, &increment);
      const auto offset = h5::real_attribute(file_, e.path + "/time", "offset");
      for (hsize_t k = 0; k < n; ++k)
        e.time.push_back(factor * ((offset.empty() ? 0 : offset[0]) + static_cast<double>(k) * increment));
    } else {
      check_length(e.path + "/time", time, n);
      e.time.resize(n);
      time.read(file_, {0}, {n}, Type::real, e.time.data());
      for (double& t : e.time) t *= factor;
    }
  }

  void check_length(const std::string& path, const Dataset& d, hsize_t n) const {
    if (d.dims().size() != 1 || d.dims()[0] != n)
      fail(fmt::format("{}: expected one value for each of {} frames, found {}", path, n,
                       d.dims().size() == 1 ? d.dims()[0] : 0));
  }

  double factor(const StoredElement& e, const char* kind) const {
    const double f = h5::unit_factor(e.unit);
    if (f == 0)
      fail(fmt::format("{}: expected {} in Ang, nm or pm, found the unit '{}'", e.path, kind, e.unit));
    return f;
  }

  // <our parameters>/frames/<name>, where this program wrote the file.
  template <class T>
  void own_table(const char* name, Type memory, std::vector<T>& values) const {
    const std::string path = fmt::format("{}/frames/{}", h5::our_parameters, name);
    if (!h5::exists(file_, path)) return;
    const Dataset d = Dataset::open(file_, path);
    if (d.dims() != Dims{n_frames_}) return;
    d.expect_stored(file_, d.dims());
    values.resize(n_frames_);
    d.read(file_, {0}, {n_frames_}, memory, values.data());
  }

  void open_species() {
    species_ = optional("species");
    if (!species_) return;
    if (species_->item() != Dims{n_slots_})
      fail(fmt::format("{}: expected one number per atom, found another shape", species_->path));
    known_species_ = h5::SpeciesTable::read(file_, species_->path);
    if (!known_species_.empty()) return;
    for (const auto& [value, name] : species_->value.enumeration(file_)) {
      known_species_.push_back({name, 0, value});
      if (const Element* element = find_element(name)) known_species_.back().mass = element->mass;
    }
    named_by_value_ = true;
  }

  void open_box() {
    const std::string box = group_ + "/box";
    if (!h5::exists(file_, box)) fail(fmt::format("expected the group {}, found none", box));
    const auto dimension = h5::integer_attribute(file_, box, "dimension");
    if (dimension.size() == 1 && dimension[0] != 3)
      fail(fmt::format("{}: expected 3 dimensions, found {}", box, dimension[0]));
    const auto boundary = h5::text_attribute(file_, box, "boundary");
    if (boundary.size() != 3)
      fail(fmt::format("{}: expected the attribute boundary with 3 values, found {}", box, boundary.size()));
    for (size_t k = 0; k < 3; ++k) {
      if (boundary[k] != "periodic" && boundary[k] != "none")
        fail(fmt::format("{}: expected the boundary periodic or none, found '{}'", box, boundary[k]));
      boundary_[k] = boundary[k] == "periodic";
    }
    edges_ = optional("box/edges");
    origin_ = optional("box/origin");
    periodic_ = optional("box/periodic");
    for (const auto& e : {&origin_, &periodic_})
      if (*e && (*e)->item() != Dims{3})
        fail(fmt::format("{}: expected 3 values for each frame, found another shape", (*e)->path));
    if (!edges_) return;
    const Dims item = edges_->item();
    if (!(item == Dims{3} || item == Dims{3, 3}))
      fail(fmt::format("{}: expected 3 lengths or 3 vectors for each frame, found another shape",
                       edges_->path));
    // Without a unit of their own, edges have that of the positions.
    edge_factor_ = edges_->unit.empty() ? length_factor_ : factor(*edges_, "lengths");
  }

  // The row of an element that belongs to this frame: the one with the same step, or nothing.
  std::optional<hsize_t> row_of(const StoredElement& e) const {
    if (!e.timed) return 0;
    if (!position_.timed) return e.rows() > 0 ? std::optional<hsize_t>(0) : std::nullopt;
    if (frame_ < e.step.size() && e.step[frame_] == position_.step[frame_]) return frame_;
    const auto at = std::lower_bound(e.step.begin(), e.step.end(), position_.step[frame_]);
    if (at == e.step.end() || *at != position_.step[frame_]) return {};
    return static_cast<hsize_t>(at - e.step.begin());
  }

  static void place(const StoredElement& e, hsize_t row, hsize_t count, Dims& offset, Dims& block) {
    block = e.item();
    if (!block.empty()) block[0] = count;
    offset.assign(block.size(), 0);
    if (e.timed) {
      offset.insert(offset.begin(), row);
      block.insert(block.begin(), 1);
    }
  }

  template <class T>
  void read_row(const StoredElement& e, hsize_t row, hsize_t count, Type memory, T* data) const {
    Dims offset, block;
    place(e, row, count, offset, block);
    e.value.read(file_, offset, block, memory, data);
  }

  void read(Frame& frame) {
    ColumnStore store(frame);
    frame.step = !own_step_.empty() ? own_step_[frame_] : position_.timed ? position_.step[frame_] : 0;
    frame.time = !own_time_.empty()        ? own_time_[frame_]
                 : !position_.time.empty() ? position_.time[frame_]
                                           : 0;

    // Atoms that exist in this frame: in our own files the first ones, elsewhere those whose id is not the
    // fill.
    hsize_t n = n_slots_;
    if (!own_n_atoms_.empty())
      n = static_cast<hsize_t>(std::clamp<int64_t>(own_n_atoms_[frame_], 0, static_cast<int64_t>(n_slots_)));
    bool some_missing = false;
    std::vector<hsize_t> kept;
    if (const auto row = id_ ? row_of(*id_) : std::nullopt) {
      frame.id.resize(n);
      read_row(*id_, *row, n, Type::int64, frame.id.data());
      const auto fill = id_->value.user_fill();
      some_missing = fill && std::find(frame.id.begin(), frame.id.end(), *fill) != frame.id.end();
      for (hsize_t i = 0; some_missing && i < n; ++i)
        if (frame.id[i] != *fill) kept.push_back(i);
    }
    frame.position.resize(n);
    read_row(position_, frame_, n, Type::real, frame.position.data());
    if (length_factor_ != 1)
      for (Vec3& r : frame.position) r = length_factor_ * r;
    frame.type.assign(n, species_ ? 0 : 1);
    if (const auto row = species_ ? row_of(*species_) : std::nullopt)
      read_row(*species_, *row, n, Type::int32, frame.type.data());
    for (const StoredElement& e : columns_)
      if (const auto row = row_of(e)) read_column(e, *row, n, store);
    store.finish();
    if (some_missing) keep(frame, kept);
    read_box(frame);
    check_ids(frame, where());
    name_species(frame);
    read_info(frame);
    validate(frame, where());
  }

  void read_column(const StoredElement& e, hsize_t row, hsize_t n, ColumnStore& store) const {
    size_t components = 1;
    const Dims item = e.item();
    for (size_t k = 1; k < item.size(); ++k) components *= item[k];
    if (components == 0 || components > 1'000'000) return;
    const Column::Kind kind = e.value.type() == Type::real   ? Column::Kind::real
                              : e.value.type() == Type::text ? Column::Kind::text
                                                             : Column::Kind::integer;
    Column& column = store.add(e.name, kind, static_cast<int>(components));
    column.unit = h5::from_h5md_unit(e.unit);
    if (kind == Column::Kind::text) {
      Dims offset, block;
      place(e, row, n, offset, block);
      column.text = e.value.read_text(file_, offset, block);
    } else if (kind == Column::Kind::integer) {
      column.integer.resize(n * components);
      read_row(e, row, n, Type::int64, column.integer.data());
    } else {
      column.real.resize(n * components);
      read_row(e, row, n, Type::real, column.real.data());
      const char* ours = e.name == "velocity" ? "A/ps" : e.name == "force" ? "eV/A" : nullptr;
      const double f = ours && !e.unit.empty() ? h5::unit_factor(e.unit) : 0;
      if (f != 0) column.unit = ours;
      if (f != 0 && f != 1)
        for (double& v : column.real) v *= f;
    }
  }

  static void keep(Frame& frame, const std::vector<hsize_t>& kept) {
    const auto pick = [&](auto& values, size_t width) {
      if (values.empty()) return;
      for (size_t k = 0; k < kept.size(); ++k)
        for (size_t c = 0; c < width; ++c) std::swap(values[k * width + c], values[kept[k] * width + c]);
      values.resize(kept.size() * width);
    };
    pick(frame.position, 1);
    pick(frame.type, 1);
    pick(frame.id, 1);
    for (Column& c : frame.columns) {
      pick(c.real, static_cast<size_t>(c.components));
      pick(c.integer, static_cast<size_t>(c.components));
      pick(c.text, static_cast<size_t>(c.components));
    }
  }

  void read_box(Frame& frame) const {
    const auto row = edges_ ? row_of(*edges_) : std::nullopt;
    if (edges_ && !row)
      throw InputError(fmt::format("{}: expected {} at the step {} of the positions, found none", where(),
                                   edges_->path, position_.timed ? position_.step[frame_] : 0));
    std::optional<Vec3> edge[3], origin;
    if (row) {
      double e[9] = {};
      read_row(*edges_, *row, 3, Type::real, e);
      for (double& v : e) v *= edge_factor_;
      if (edges_->item().size() == 1) {
        edge[0] = {e[0], 0, 0};
        edge[1] = {0, e[1], 0};
        edge[2] = {0, 0, e[2]};
      } else {
        for (int k = 0; k < 3; ++k) edge[k] = {e[3 * k], e[3 * k + 1], e[3 * k + 2]};
      }
      for (int k = 0; k < 3; ++k)
        if (!boundary_[k] && norm_sq(*edge[k]) == 0) edge[k].reset();  // a placeholder
    }
    if (const auto at = origin_ ? row_of(*origin_) : std::nullopt) {
      double o[3] = {};
      read_row(*origin_, *at, 3, Type::real, o);
      origin = {edge_factor_ * o[0], edge_factor_ * o[1], edge_factor_ * o[2]};
    }
    bool periodic[3] = {boundary_[0], boundary_[1], boundary_[2]};
    if (const auto at = periodic_ ? row_of(*periodic_) : std::nullopt) {
      int32_t p[3] = {};
      read_row(*periodic_, *at, 3, Type::int32, p);
      for (int k = 0; k < 3; ++k) periodic[k] = p[k] != 0;
    }
    set_box(frame, edge, origin, periodic, where());
  }

  void name_species(Frame& frame) const {
    if (known_species_.empty() || named_by_value_) {
      const bool from_zero = std::find(frame.type.begin(), frame.type.end(), 0) != frame.type.end();
      set_species_from_labels(frame, from_zero ? 0 : 1, few_species, known_species_, options_, where());
      take_masses(frame, options_);
      return;
    }
    frame.species = known_species_;
    if (options_.species.empty()) return;
    if (options_.species.size() < frame.species.size())
      throw InputError(fmt::format("{}: expected names for {} species, found {} ({})", where(),
                                   frame.species.size(), options_.species.size(),
                                   fmt::join(options_.species, ", ")));
    for (size_t k = 0; k < frame.species.size(); ++k) frame.species[k].name = options_.species[k];
  }

  void read_info(Frame& frame) const {
    if (frame_ >= info_.size() || info_[frame_].empty()) return;
    const nlohmann::json pairs = nlohmann::json::parse(info_[frame_], nullptr, false);
    if (!pairs.is_array()) return;
    for (const auto& pair : pairs)
      if (pair.is_array() && pair.size() == 2 && pair[0].is_string() && pair[1].is_string())
        frame.info.emplace_back(pair[0].get<std::string>(), pair[1].get<std::string>());
  }

  ReadOptions options_;
  h5::File file_;
  std::string group_;
  hsize_t n_frames_ = 0, n_slots_ = 0, frame_ = 0;
  StoredElement position_;
  std::optional<StoredElement> species_, id_, edges_, origin_, periodic_;
  std::vector<StoredElement> columns_;
  std::vector<Species> known_species_;
  bool named_by_value_ = false;  // the numbers of species are labels, not indices into known_species_
  double length_factor_ = 1, edge_factor_ = 1;
  bool boundary_[3] = {};
  std::vector<int64_t> own_step_, own_n_atoms_;
  std::vector<double> own_time_;
  std::vector<std::string> info_;
};

}  // namespace

std::unique_ptr<Reader> open_h5md(const std::string& path, const ReadOptions& options) {
  return std::make_unique<H5mdReader>(path, options);
}

}  // namespace grainfield
