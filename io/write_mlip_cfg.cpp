// MLIP .cfg: BEGIN_CFG blocks with Size, Supercell, AtomData, Energy, PlusStress and Feature lines.
// Types count from 0. Positions are relative to the cell's origin, which the format does not know.
#include "io/text_writer.hpp"

namespace grainfield {

namespace {

class MlipCfgWriter final : public TextWriter {
 public:
  using TextWriter::TextWriter;

 private:
  void put(const Frame& frame) override {
    // Labels that start at 0 are MLIP's own; others (LAMMPS types) become 0, 1, ...
    std::vector<int32_t> number = type_numbers(frame.species, 0, false);
    bool has_zero = false;
    for (const int32_t t : number) has_zero = has_zero || t == 0;
    for (size_t k = 0; !has_zero && k < number.size(); ++k) number[k] = static_cast<int32_t>(k);

    // Column -> the name in AtomData; MLIP knows no others.
    std::vector<const Column*> extra;
    TextBuffer& head = sink().text();
    head.add("BEGIN_CFG\n Size\n    ").add(frame.n_atoms()).add('\n');
    if (frame.has_box) {
      head.add(" Supercell\n");
      for (int k = 0; k < 3; ++k) {
        const Vec3 v = frame.box.edge(k);
        head.add("    ").add(v.x).add(' ').add(v.y).add(' ').add(v.z).add('\n');
      }
    }
    head.add(" AtomData:  id type cartes_x cartes_y cartes_z");
    if (const Column* c = find_vector(frame, "force")) {
      head.add(" fx fy fz");
      extra.push_back(c);
    }
    static const char* const scalars[][2] = {
        {"energy", " site_en"}, {"charge", " charge"}, {"nbh_grades", " nbh_grades"}};
    for (const auto& s : scalars)
      if (const Column* c = find_scalar(frame, s[0])) {
        head.add(s[1]);
        extra.push_back(c);
      }
    head.add('\n');
    const Vec3 origin = frame.has_box ? frame.box.origin : Vec3{};
    sink().lines(frame.n_atoms(), [&](int64_t begin, int64_t end, TextBuffer& out) {
      for (int64_t i = begin; i < end; ++i) {
        const auto at = static_cast<size_t>(i);
        const Vec3 r = frame.position[at] - origin;
        out.add("  ").add(frame.id_of(i)).add(' ').add(number[static_cast<size_t>(frame.type[at])]);
        out.add(' ').add(r.x).add(' ').add(r.y).add(' ').add(r.z);
        for (const Column* c : extra)
          for (int k = 0; k < c->components; ++k) add_value(out.add(' '), *c, i, k);
        out.add('\n');
      }
    });
    TextBuffer& tail = sink().text();
    for (const auto& [key, value] : frame.info) {
      if (key == "energy")
        tail.add(" Energy\n    ").add(value).add('\n');
      else if (key == "plus_stress")
        tail.add(" PlusStress:  xx yy zz yz xz xy\n    ").add(value).add('\n');
      else
        tail.add(" Feature   ").add(as_word(key)).add(' ').add(value).add('\n');
    }
    tail.add("END_CFG\n\n");
  }
};

}  // namespace

std::unique_ptr<Writer> make_mlip_cfg_writer(const std::string& path, const WriteOptions& options) {
  return std::make_unique<MlipCfgWriter>(path, options);
}

}  // namespace grainfield
