#include "io/h5md_writer.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "host/error.hpp"
#include "host/version.hpp"
#include "io/h5md_schema.hpp"
#include "io/output_file.hpp"
#include "io/text_writer.hpp"

namespace grainfield {

namespace {

using h5::Dims;
using h5::Type;

class H5mdWriter final : public Writer {
 public:
  H5mdWriter(const std::string& path, const WriteOptions& options)
      : path_(path),
        partial_(path + ".partial"),
        elements_(options.compress ? h5::Layout::compressed : h5::Layout::growing) {
    const auto held = h5::lock();
    std::error_code ignored;
    if (std::filesystem::is_directory(partial_, ignored))
      throw ResourceError(fmt::format(
          "{}: cannot write: {} is a folder (an unfinished results file?); remove it first", path, partial_));
    file_ = h5::File::create(partial_);
    file_.set_name(path);
    h5::write_metadata(file_, library_version());
  }

  ~H5mdWriter() override {
    if (!file_.is_open()) return;
    const auto held = h5::lock();
    elements_ = h5::Elements(h5::Layout::growing);
    file_ = {};
    ::unlink(partial_.c_str());
  }

  void write(const Frame& frame) override {
    const auto held = h5::lock();
    const auto row = static_cast<hsize_t>(frames_.step.size());
    check_frame(frame, fmt::format("{}, frame {}", path_, row));
    const auto n = static_cast<hsize_t>(frame.n_atoms());
    static_assert(sizeof(Vec3) == 3 * sizeof(double));
    element_for("position", Type::real, {n, 3}, "Ang").write(file_, row, {n, 3}, frame.position.data());

    h5::write_species(file_, elements_, row, frame, species_.add(frame.species));
    h5::write_ids(file_, elements_, row, frame);

    std::set<std::string> taken{"position", "species", "id", "box"};
    for (const Column& c : frame.columns) write_column(c, row, n, taken);

    nlohmann::json info = nlohmann::json::array();
    for (const auto& [key, value] : frame.info) info.push_back({key, value});
    info_.push_back(info.empty() ? "" : info.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    frames_.step.push_back(frame.step);
    frames_.time.push_back(frame.time);
    frames_.n_atoms.push_back(frame.n_atoms());
    frames_.box.push_back(frame.box);
    frames_.has_box.push_back(frame.has_box);
  }

  void close() override {
    const auto held = h5::lock();
    if (frames_.step.empty()) {  // no frames: still a valid file, with an empty group
      frames_.has_box.clear();
      h5::create_group(file_, h5::all_particles);
    }
    h5::write_box(file_, elements_, h5::all_particles, frames_);
    elements_.finish(file_, h5::increasing_steps(frames_.step), h5::increasing_times(frames_.time));
    if (!frames_.step.empty()) species_.write(file_, std::string(h5::all_particles) + "/species");
    h5::write_frame_table(file_, frames_);
    if (!columns_.empty()) h5::set_attribute(file_, h5::our_parameters, "columns", columns_);
    if (std::any_of(info_.begin(), info_.end(), [](const std::string& s) { return !s.empty(); }))
      h5::Dataset::write_fixed(file_, std::string(h5::our_parameters) + "/frames/info", info_);
    file_.close();
    try {
      sync_to_disk(partial_);
      rename_durably(partial_, path_);
    } catch (...) {
      ::unlink(partial_.c_str());
      throw;
    }
  }

 private:
  h5::Element& element_for(const std::string& name, Type type, const Dims& dims, const std::string& unit) {
    const std::string path = std::string(h5::all_particles) + "/" + name;
    const bool is_new = !elements_.has(path);
    h5::Element& element = elements_.get(file_, path, type, dims);
    if (is_new && !unit.empty()) h5::set_attribute(file_, element.value(), "unit", unit);
    return element;
  }

  void write_column(const Column& c, hsize_t row, hsize_t n, std::set<std::string>& taken) {
    std::string link = c.name.empty() ? "_" : c.name;
    std::replace(link.begin(), link.end(), '/', '_');
    if (link == ".") link = "_";
    for (int k = 2; taken.count(link); ++k) link = fmt::format("{}_{}", c.name, k);
    taken.insert(link);
    const std::string path = std::string(h5::all_particles) + "/" + link;
    const Type type = c.kind == Column::Kind::real      ? Type::real
                      : c.kind == Column::Kind::integer ? Type::int64
                                                        : Type::text;
    Dims dims{n};
    if (c.components > 1) dims.push_back(static_cast<hsize_t>(c.components));
    const bool is_new = !elements_.has(path);
    h5::Element& element = element_for(link, type, dims, h5::to_h5md_unit(c.unit));
    if (is_new) columns_.push_back(link);
    if (is_new && link != c.name) h5::set_attribute(file_, path, "name", c.name);
    if (element.type() != type)
      throw InputError(fmt::format("{}, frame {}: column {} is of another kind than in earlier frames", path_,
                                   row, c.name));
    if (type == Type::text)
      element.write_text(file_, row, dims, c.text);
    else
      element.write(file_, row, dims,
                    type == Type::real ? static_cast<const void*>(c.real.data()) : c.integer.data());
  }

  std::string path_, partial_;
  h5::File file_;
  h5::Elements elements_;
  h5::SpeciesTable species_;
  h5::FrameTable frames_;
  std::vector<std::string> columns_;  // links in the order of the frames' columns; HDF5 sorts them by name
  std::vector<std::string> info_;
};

}  // namespace

std::unique_ptr<Writer> make_h5md_writer(const std::string& path, const WriteOptions& options) {
  return std::make_unique<H5mdWriter>(path, options);
}

}  // namespace grainfield
