// What the readers of text formats do alike once the rows are there: columns, species, ids, the box.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/frame.hpp"
#include "io/reader.hpp"
#include "io/rows.hpp"

namespace grainfield {

// Empties a frame, keeping the memory of its arrays; the columns of the last frame serve the next one.
class ColumnStore {
 public:
  explicit ColumnStore(Frame& frame);
  // A new column of the frame, with the memory of an old one of the same name and kind where there is one.
  // The address stays valid for as long as the store, whatever is added after it.
  Column& add(const std::string& name, Column::Kind kind, int components);
  // The field that fills component `component` of the column.
  static RowField field(Column& column, const std::string& name_in_file, int component, double factor = 1);
  // Moves the columns into the frame, in the order of their addition.
  void finish();

 private:
  Frame& frame_;
  std::vector<Column> old_;
  std::vector<std::unique_ptr<Column>> columns_;
};

// Atoms whose file numbers the species. `type` holds the file's numbers on entry, indices into frame.species
// on return. Where no number exceeds `dense`, first_label (0 or 1) to the largest give one species each, in
// order, present or not; otherwise (atomic numbers, say) only those present do. Names come from
// options.species, then from `known` (names and masses that the file states, by label), then from the mass.
constexpr int32_t few_species = 15;       // files that may hold atomic numbers as types
constexpr int32_t lammps_species = 1024;  // LAMMPS counts its types from 1 without gaps
void set_species_from_labels(Frame& frame, int32_t first_label, int32_t dense,
                             const std::vector<Species>& known, const ReadOptions& options,
                             const std::string& where);

// Atoms whose file names the species: `type` holds indices into `names` on entry. Species are in alphabetical
// order, or in that of options.species, which must then have all of them.
void set_species_from_names(Frame& frame, const std::vector<std::string>& names, const ReadOptions& options,
                            const std::string& where);

// Gives the species the masses of the column `mass` (amu) and drops it, if it is the same for all atoms of a
// species; and the name of the element, where there is no name.
void take_masses(Frame& frame, const ReadOptions& options);

// Throws InputError if an id occurs twice; forgets ids that are 1, 2, 3, ...
void check_ids(Frame& frame, const std::string& where);

// Sets the box from up to three cell vectors; a missing one (a free direction that the file does not bound)
// gets the extent of the atoms and 1 A of space at both ends, normal to the others. Throws InputError for a
// cell vector that is missing in a periodic direction.
void set_box(Frame& frame, const std::optional<Vec3> (&vectors)[3], const std::optional<Vec3>& origin,
             const bool (&periodic)[3], const std::string& where);

// For files that count in other units. Factors from the file's unit to A, ps, eV; and whether it is known.
struct UnitFactors {
  double time = 1, velocity = 1, force = 1, energy = 1;
};
// LAMMPS "metal" and "real"; "lj" is taken as it is. Throws InputError for the others, whose lengths are not
// A.
UnitFactors lammps_units(std::string_view style, const std::string& where);

}  // namespace grainfield
