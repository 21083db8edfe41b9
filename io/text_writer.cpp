#include "io/text_writer.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "host/error.hpp"

namespace grainfield {

void TextWriter::write(const Frame& frame) {
  if (one_frame_format_ && n_frames_ > 0)
    throw UsageError(fmt::format("{}: {} holds one frame; choose one with --frames, such as --frames 0:1",
                                 sink_.path(), one_frame_format_));
  check_frame(frame, where());
  put(frame);
  ++n_frames_;
}

std::string TextWriter::where() const { return fmt::format("{}, frame {}", sink_.path(), n_frames_); }

void check_frame(const Frame& frame, const std::string& where) {
  validate(frame, where);
  const auto n = static_cast<size_t>(frame.n_atoms());
  if (!frame.id.empty() && frame.id.size() != n)
    throw InputError(fmt::format("{}: {} atoms but {} ids", where, n, frame.id.size()));
  for (const Column& c : frame.columns) {
    const size_t found = c.kind == Column::Kind::real      ? c.real.size()
                         : c.kind == Column::Kind::integer ? c.integer.size()
                                                           : c.text.size();
    if (c.components < 1 || found != n * static_cast<size_t>(c.components))
      throw InputError(fmt::format("{}: column {} has {} values; expected {} atoms x {} components", where,
                                   c.name, found, n, c.components));
  }
}

std::string as_word(std::string_view text) {
  if (text.empty()) return "_";
  std::string word(text);
  for (char& c : word)
    if (static_cast<unsigned char>(c) <= ' ') c = '_';
  return word;
}

std::string species_word(const Species& species) {
  return species.name.empty() ? std::to_string(species.label) : as_word(species.name);
}

std::vector<int32_t> type_numbers(const std::vector<Species>& species, int32_t first, bool dense) {
  std::vector<int32_t> number;
  for (const Species& s : species) number.push_back(s.label);
  std::vector<int32_t> sorted = number;
  std::sort(sorted.begin(), sorted.end());
  bool keep = !sorted.empty() && sorted.front() >= first;
  for (size_t k = 1; k < sorted.size(); ++k) keep = keep && sorted[k] != sorted[k - 1];
  if (dense && keep) keep = sorted.back() == first + static_cast<int32_t>(sorted.size()) - 1;
  if (!keep)
    for (size_t k = 0; k < number.size(); ++k) number[k] = first + static_cast<int32_t>(k);
  return number;
}

bool all_named(const std::vector<Species>& species) {
  return std::all_of(species.begin(), species.end(), [](const Species& s) { return !s.name.empty(); });
}

const Column* find_vector(const Frame& frame, std::string_view name) {
  const Column* c = frame.find_column(name);
  return c && c->kind == Column::Kind::real && c->components == 3 ? c : nullptr;
}

const Column* find_scalar(const Frame& frame, std::string_view name) {
  const Column* c = frame.find_column(name);
  return c && c->kind == Column::Kind::real && c->components == 1 ? c : nullptr;
}

bool is_restricted(const Box& box) { return box.a.y == 0 && box.a.z == 0 && box.b.z == 0; }

void add_value(TextBuffer& out, const Column& c, int64_t i, int k) {
  const auto at = static_cast<size_t>(i * c.components + k);
  if (c.kind == Column::Kind::real)
    out.add(c.real[at]);
  else if (c.kind == Column::Kind::integer)
    out.add(c.integer[at]);
  else
    out.add(as_word(c.text[at]));
}

}  // namespace grainfield
