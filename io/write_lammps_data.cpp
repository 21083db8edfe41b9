// LAMMPS data file, units metal, atom_style atomic, or charge where the atoms have charges.
// Layout: LAMMPS manual, read_data. A cell whose a is along x and b in the xy plane is written as
// xlo/xhi ... xy xz yz; every other one as general triclinic avec/bvec/cvec (LAMMPS of April 2024 and later).
#include <fmt/format.h>

#include "host/elements.hpp"
#include "host/error.hpp"
#include "io/text_writer.hpp"

namespace grainfield {

namespace {

// The masses by type number, or nothing where one is unknown: read_data wants all or none.
std::vector<double> masses_of(const std::vector<Species>& species) {
  std::vector<double> masses;
  for (const Species& s : species) {
    const Element* element = find_element(s.name);
    const double mass = s.mass > 0 ? s.mass : element ? element->mass : 0.0;
    if (!(mass > 0)) return {};
    masses.push_back(mass);
  }
  return masses;
}

// Type labels stop older LAMMPS versions, so they are written only where the mass does not give the name.
bool need_labels(const std::vector<Species>& species, const std::vector<double>& masses) {
  if (!all_named(species)) return false;
  for (size_t k = 0; k < species.size(); ++k) {
    const Element* element = masses.empty() ? nullptr : find_element_by_mass(masses[k]);
    if (!element || element->symbol != species[k].name) return true;
  }
  return false;
}

class LammpsDataWriter final : public TextWriter {
 public:
  LammpsDataWriter(const std::string& path, const WriteOptions& options)
      : TextWriter(path, options, "a LAMMPS data file") {}

 private:
  void put_cell(const Box& box) {
    TextBuffer& head = sink().text();
    if (!is_restricted(box)) {
      const char* names[] = {"avec", "bvec", "cvec"};
      for (int k = 0; k < 3; ++k) {
        const Vec3 v = box.edge(k);
        head.add(v.x).add(' ').add(v.y).add(' ').add(v.z).add(' ').add(names[k]).add('\n');
      }
      head.add(box.origin.x).add(' ').add(box.origin.y).add(' ').add(box.origin.z).add(" abc origin\n");
      return;
    }
    const double length[] = {box.a.x, box.b.y, box.c.z};
    for (int k = 0; k < 3; ++k) {
      const char axis = "xyz"[k];
      head.add(box.origin[k]).add(' ').add(box.origin[k] + length[k]);
      head.add(' ').add(axis).add("lo ").add(axis).add("hi\n");
    }
    if (!box.is_orthogonal())
      head.add(box.b.x).add(' ').add(box.c.x).add(' ').add(box.c.y).add(" xy xz yz\n");
  }

  void put(const Frame& frame) override {
    const std::vector<int32_t> number = type_numbers(frame.species, 1, true);
    const std::vector<double> masses = masses_of(frame.species);
    const bool labels = need_labels(frame.species, masses);
    const Column* charge = find_scalar(frame, "charge");
    const Column* image = frame.find_column("image");
    if (image && (image->kind != Column::Kind::integer || image->components != 3)) image = nullptr;
    for (int64_t i = 0; i < frame.n_atoms(); ++i)
      if (frame.id_of(i) < 1)
        throw InputError(fmt::format("{}: atom {} has the id {}; LAMMPS expects ids from 1", where(), i + 1,
                                     frame.id_of(i)));

    // Species in the order of their type numbers.
    std::vector<size_t> order(number.size());
    for (size_t k = 0; k < number.size(); ++k) order[static_cast<size_t>(number[k] - 1)] = k;

    TextBuffer& head = sink().text();
    head.add("LAMMPS data file written by grainfield, units = metal, boundary =");
    for (int k = 0; k < 3; ++k) head.add(frame.box.periodic[k] && frame.has_box ? " p" : " f");
    if (frame.step != 0) head.add(", timestep = ").add(frame.step);
    head.add("\n\n").add(frame.n_atoms()).add(" atoms\n");
    head.add(static_cast<int64_t>(frame.species.size())).add(" atom types\n\n");
    put_cell(frame.box);
    if (labels) {
      head.add("\nAtom Type Labels\n\n");
      for (const size_t k : order) head.add(number[k]).add(' ').add(as_word(frame.species[k].name)).add('\n');
    }
    if (!masses.empty()) {
      head.add("\nMasses\n\n");
      for (const size_t k : order) {
        head.add(number[k]).add(' ').add(masses[k]);
        if (!frame.species[k].name.empty()) head.add("  # ").add(as_word(frame.species[k].name));
        head.add('\n');
      }
    }
    head.add(charge ? "\nAtoms # charge\n\n" : "\nAtoms # atomic\n\n");
    sink().lines(frame.n_atoms(), [&](int64_t begin, int64_t end, TextBuffer& out) {
      for (int64_t i = begin; i < end; ++i) {
        const Vec3 r = frame.position[static_cast<size_t>(i)];
        out.add(frame.id_of(i)).add(' ').add(number[static_cast<size_t>(frame.type[static_cast<size_t>(i)])]);
        if (charge) out.add(' ').add(charge->real[static_cast<size_t>(i)]);
        out.add(' ').add(r.x).add(' ').add(r.y).add(' ').add(r.z);
        for (int k = 0; image && k < 3; ++k) add_value(out.add(' '), *image, i, k);
        out.add('\n');
      }
    });
    if (const Column* velocity = find_vector(frame, "velocity")) {
      sink().text().add("\nVelocities\n\n");
      sink().lines(frame.n_atoms(), [&](int64_t begin, int64_t end, TextBuffer& out) {
        for (int64_t i = begin; i < end; ++i) {
          out.add(frame.id_of(i));
          for (int k = 0; k < 3; ++k) add_value(out.add(' '), *velocity, i, k);
          out.add('\n');
        }
      });
    }
  }
};

}  // namespace

std::unique_ptr<Writer> make_lammps_data_writer(const std::string& path, const WriteOptions& options) {
  return std::make_unique<LammpsDataWriter>(path, options);
}

}  // namespace grainfield
