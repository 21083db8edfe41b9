// VASP POSCAR, Cartesian. Atoms are grouped by species (in the order of the frame's species, stable inside
// one): the format has no other way, so the order of the atoms may change. Positions are relative to the
// cell's origin, which the format does not know. Velocities are in A/fs.
#include <algorithm>
#include <numeric>

#include "io/text_writer.hpp"

namespace grainfield {

namespace {

class PoscarWriter final : public TextWriter {
 public:
  PoscarWriter(const std::string& path, const WriteOptions& options)
      : TextWriter(path, options, "a POSCAR file") {}

 private:
  void put(const Frame& frame) override {
    const size_t n_species = frame.species.size();
    std::vector<int64_t> first(n_species + 1, 0);
    for (const int32_t t : frame.type) ++first[static_cast<size_t>(t) + 1];
    std::partial_sum(first.begin(), first.end(), first.begin());
    std::vector<int64_t> order(frame.type.size());
    std::vector<int64_t> next = first;
    for (size_t i = 0; i < frame.type.size(); ++i)
      order[static_cast<size_t>(next[static_cast<size_t>(frame.type[i])]++)] = static_cast<int64_t>(i);

    TextBuffer& head = sink().text();
    TextBuffer symbols, counts;
    bool named = true;
    for (size_t s = 0; s < n_species; ++s) {
      const int64_t count = first[s + 1] - first[s];
      if (count == 0) continue;
      named = named && !frame.species[s].name.empty();
      symbols.add(' ').add(as_word(frame.species[s].name));
      counts.add(' ').add(count);
    }
    head.add("Lengths in A; atoms grouped by species\n1.0\n");
    for (int k = 0; k < 3; ++k) {
      const Vec3 v = frame.box.edge(k);
      head.add(' ').add(v.x).add(' ').add(v.y).add(' ').add(v.z).add('\n');
    }
    if (named)
      head.add(symbols.view()).add('\n');  // without names: the layout of VASP 4, which has counts only
    head.add(counts.view()).add("\nCartesian\n");
    const Vec3 origin = frame.box.origin;
    sink().lines(frame.n_atoms(), [&](int64_t begin, int64_t end, TextBuffer& out) {
      for (int64_t k = begin; k < end; ++k) {
        const Vec3 r = frame.position[static_cast<size_t>(order[static_cast<size_t>(k)])] - origin;
        out.add(' ').add(r.x).add(' ').add(r.y).add(' ').add(r.z).add('\n');
      }
    });
    if (const Column* velocity = find_vector(frame, "velocity")) {
      sink().text().add("Cartesian\n");
      sink().lines(frame.n_atoms(), [&](int64_t begin, int64_t end, TextBuffer& out) {
        for (int64_t k = begin; k < end; ++k) {
          const double* v = velocity->real.data() + 3 * order[static_cast<size_t>(k)];
          out.add(' ').add(v[0] / 1000).add(' ').add(v[1] / 1000).add(' ').add(v[2] / 1000).add('\n');
        }
      });
    }
  }
};

}  // namespace

std::unique_ptr<Writer> make_poscar_writer(const std::string& path, const WriteOptions& options) {
  return std::make_unique<PoscarWriter>(path, options);
}

}  // namespace grainfield
