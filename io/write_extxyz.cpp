// Extended XYZ: Lattice, Origin, pbc, Properties, step, time, then the frame's own key-value pairs.
#include <algorithm>
#include <string>
#include <unordered_set>

#include "io/text_writer.hpp"

namespace grainfield {

namespace {

// Our names of columns -> the names that extended XYZ files commonly use.
std::string property_name(const std::string& name) {
  if (name == "velocity") return "velo";
  if (name == "force") return "forces";
  std::string word = as_word(name);
  std::replace(word.begin(), word.end(), ':', '_');  // the separator of Properties
  return word;
}

void add_triple(TextBuffer& out, Vec3 v) { out.add(v.x).add(' ').add(v.y).add(' ').add(v.z); }

// Quotes a value where the bare form would be read as something else.
void add_info_value(TextBuffer& out, const std::string& value) {
  const bool bare = !value.empty() && value.find_first_of(" \t\r\n\"'\\=,[]{}") == std::string::npos;
  if (bare) {
    out.add(value);
    return;
  }
  out.add('"');
  for (const char c : value) {
    if (c == '\n') {
      out.add("\\n");
      continue;
    }
    if (c == '"' || c == '\\') out.add('\\');
    out.add(c);
  }
  out.add('"');
}

class ExtxyzWriter final : public TextWriter {
 public:
  using TextWriter::TextWriter;

 private:
  void put(const Frame& frame) override {
    TextBuffer& head = sink().text();
    head.add(frame.n_atoms()).add('\n');
    const Box& box = frame.box;
    if (frame.has_box) {
      head.add("Lattice=\"");
      add_triple(head, box.a);
      head.add(' ');
      add_triple(head, box.b);
      head.add(' ');
      add_triple(head, box.c);
      head.add("\" ");
      if (!(box.origin == Vec3{})) {
        head.add("Origin=\"");
        add_triple(head, box.origin);
        head.add("\" ");
      }
    }
    head.add("Properties=species:S:1:pos:R:3");
    if (!frame.id.empty()) head.add(":id:I:1");
    for (const Column& c : frame.columns) {
      const char kind = c.kind == Column::Kind::real ? 'R' : c.kind == Column::Kind::integer ? 'I' : 'S';
      head.add(':').add(property_name(c.name)).add(':').add(kind).add(':').add(c.components);
    }
    head.add(" pbc=\"");
    for (int k = 0; k < 3; ++k)
      head.add(box.periodic[k] && frame.has_box ? 'T' : 'F').add(k < 2 ? " " : "\"");
    if (frame.step != 0) head.add(" step=").add(frame.step);
    if (frame.time != 0) head.add(" time=").add(frame.time);
    static const std::unordered_set<std::string> ours = {"Lattice", "Origin", "Properties",
                                                         "pbc",     "step",   "time"};
    for (const auto& [key, value] : frame.info) {
      if (ours.count(key)) continue;
      std::string word = as_word(key);
      std::replace(word.begin(), word.end(), '=', '_');
      head.add(' ').add(word).add('=');
      add_info_value(head, value);
    }
    head.add('\n');

    std::vector<std::string> words;
    for (const Species& s : frame.species) words.push_back(species_word(s));
    sink().lines(frame.n_atoms(), [&](int64_t begin, int64_t end, TextBuffer& out) {
      for (int64_t i = begin; i < end; ++i) {
        const auto at = static_cast<size_t>(i);
        out.add(words[static_cast<size_t>(frame.type[at])]).add(' ');
        add_triple(out, frame.position[at]);
        if (!frame.id.empty()) out.add(' ').add(frame.id[at]);
        for (const Column& c : frame.columns)
          for (int k = 0; k < c.components; ++k) add_value(out.add(' '), c, i, k);
        out.add('\n');
      }
    });
  }
};

}  // namespace

std::unique_ptr<Writer> make_extxyz_writer(const std::string& path, const WriteOptions& options) {
  return std::make_unique<ExtxyzWriter>(path, options);
}

}  // namespace grainfield
