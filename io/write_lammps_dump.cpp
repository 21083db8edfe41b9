// LAMMPS text dump with the columns id type element x y z and every other column of the frame.
// Layout: LAMMPS manual, dump. Cells that are not restricted triclinic are written as "abc origin" boxes.
#include <fmt/format.h>

#include <algorithm>

#include "io/text_writer.hpp"

namespace grainfield {

namespace {

// Appends the dump's names of the column: vx vy vz for velocity, name[1] name[2] ... for other vectors.
void add_column_names(TextBuffer& out, const Column& c) {
  static const char* const vectors[][4] = {
      {"velocity", " vx", " vy", " vz"}, {"force", " fx", " fy", " fz"}, {"image", " ix", " iy", " iz"}};
  for (const auto& v : vectors)
    if (c.name == v[0] && c.components == 3) {
      out.add(v[1]).add(v[2]).add(v[3]);
      return;
    }
  const std::string word = c.name == "charge" ? "q" : as_word(c.name);
  if (c.components == 1) {
    out.add(' ').add(word);
    return;
  }
  for (int k = 1; k <= c.components; ++k) out.add(' ').add(word).add('[').add(k).add(']');
}

class LammpsDumpWriter final : public TextWriter {
 public:
  using TextWriter::TextWriter;

 private:
  void put_cell(const Frame& frame) {
    TextBuffer& head = sink().text();
    const Box& box = frame.box;
    head.add("ITEM: BOX BOUNDS");
    const bool restricted = is_restricted(box);
    if (!restricted)
      head.add(" abc origin");
    else if (!box.is_orthogonal())
      head.add(" xy xz yz");
    for (int k = 0; k < 3; ++k) head.add(box.periodic[k] && frame.has_box ? " pp" : " ff");
    head.add('\n');
    if (!restricted) {
      for (int k = 0; k < 3; ++k) {
        const Vec3 v = box.edge(k);
        head.add(v.x).add(' ').add(v.y).add(' ').add(v.z).add(' ').add(box.origin[k]).add('\n');
      }
      return;
    }
    // The bounds are those of the box around the tilted cell.
    const double xy = box.b.x, xz = box.c.x, yz = box.c.y;
    const double low[] = {box.origin.x + std::min({0.0, xy, xz, xy + xz}), box.origin.y + std::min(0.0, yz),
                          box.origin.z};
    const double high[] = {box.origin.x + box.a.x + std::max({0.0, xy, xz, xy + xz}),
                           box.origin.y + box.b.y + std::max(0.0, yz), box.origin.z + box.c.z};
    const double tilt[] = {xy, xz, yz};
    for (int k = 0; k < 3; ++k) {
      head.add(low[k]).add(' ').add(high[k]);
      if (!box.is_orthogonal()) head.add(' ').add(tilt[k]);
      head.add('\n');
    }
  }

  void put(const Frame& frame) override {
    const std::vector<int32_t> number = type_numbers(frame.species, 1, false);
    const bool named = all_named(frame.species) && !frame.species.empty();
    TextBuffer& head = sink().text();
    if (frame.time != 0) head.add("ITEM: TIME\n").add(frame.time).add('\n');
    head.add("ITEM: TIMESTEP\n")
        .add(frame.step)
        .add("\nITEM: NUMBER OF ATOMS\n")
        .add(frame.n_atoms())
        .add('\n');
    put_cell(frame);
    head.add("ITEM: ATOMS id type").add(named ? " element" : "").add(" x y z");
    for (const Column& c : frame.columns) add_column_names(head, c);
    head.add('\n');

    // "12 Fe " and so on, once per species.
    std::vector<std::string> words;
    for (size_t k = 0; k < number.size(); ++k)
      words.push_back(
          fmt::format(" {} {}{}", number[k], named ? as_word(frame.species[k].name) : "", named ? " " : ""));
    sink().lines(frame.n_atoms(), [&](int64_t begin, int64_t end, TextBuffer& out) {
      for (int64_t i = begin; i < end; ++i) {
        const Vec3 r = frame.position[static_cast<size_t>(i)];
        out.add(frame.id_of(i)).add(words[static_cast<size_t>(frame.type[static_cast<size_t>(i)])]);
        out.add(r.x).add(' ').add(r.y).add(' ').add(r.z);
        for (const Column& c : frame.columns)
          for (int k = 0; k < c.components; ++k) add_value(out.add(' '), c, i, k);
        out.add('\n');
      }
    });
  }
};

}  // namespace

std::unique_ptr<Writer> make_lammps_dump_writer(const std::string& path, const WriteOptions& options) {
  return std::make_unique<LammpsDumpWriter>(path, options);
}

}  // namespace grainfield
