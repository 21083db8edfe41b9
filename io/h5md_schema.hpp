// H5MD 1.1 as Grainfield writes it (io/FORMAT.md): what snapshots and results have in common.
// Specification: de Buyl, Colberg, Hoefling, Comput. Phys. Commun. 185, 1546 (2014) and H5MD 1.1.0,
// nongnu.org/h5md.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "host/frame.hpp"
#include "io/hdf5_util.hpp"

namespace grainfield::h5 {

inline constexpr const char* all_particles = "/particles/all";
inline constexpr const char* our_parameters = "/parameters/grainfield";

// /h5md with version, author, creator and the units module.
void write_metadata(const File& file, const std::string& version);

// A time-dependent element <path>/{value, step, time}, written frame by frame; `step` and `time` come last,
// as hard links. Rows may differ in shape: the dataset grows, and what a row does not cover keeps the fill
// value (NaN, -1, "").
//
// Elements of fixed layout have as many rows as they are made with.
//
// A row that fills chunks of its own goes to them past HDF5's cache, and its pieces of the file are known: it
// comes in the order of its numbers.
class Element {
 public:
  Element(const File& file, std::string path, Type type, const Dims& first_item_dims, Layout layout,
          hsize_t n_rows = 1);
  // Rows whose numbers are in another file.
  Element(const File& file, std::string path, Type type, const Dims& item_dims, hsize_t n_rows,
          const std::string& other, const std::vector<Piece>& pieces);
  const std::string& path() const { return path_; }
  std::string value() const { return path_ + "/value"; }
  void write(const File& file, hsize_t row, const Dims& item_dims, const void* data);
  void write_text(const File& file, hsize_t row, const Dims& item_dims, const std::vector<std::string>& text);
  // The first n rows, all of the same shape.
  void write_rows(const File& file, hsize_t n_rows, const Dims& item_dims, const void* data);
  // Part of a row along the first item dimension, for data that come in pieces.
  void write_part(const File& file, hsize_t row, const Dims& item_dims, hsize_t first, hsize_t count,
                  const void* data);
  void write_part_text(const File& file, hsize_t row, const Dims& item_dims, hsize_t first, hsize_t count,
                       const std::vector<std::string>& text);
  // Gives the value n_rows frames, even where the last ones have nothing.
  void finish(const File& file, hsize_t n_rows);
  Type type() const { return dataset_.type(); }
  // About so many indices of the first item dimension, in whole chunks: pieces of a row that compressed
  // chunks need not be unpacked for.
  hsize_t whole_chunks(hsize_t about) const;
  // Whether rows of this shape are written so.
  bool in_pieces(const Dims& item_dims) const;
  // Where the numbers of a row lie in the file, in their order; none where it shares chunks with other rows
  // or is not complete, or the file does not know.
  std::vector<Piece> pieces_of(hsize_t row, const Dims& item_dims) const;

 private:
  // The row in hand, as it is cut into chunks along item dimension `cut`: its numbers come in runs, one for
  // each index of the dimensions before that.
  struct Row {
    bool begun = false;
    hsize_t number = 0;
    Dims item_dims;
    size_t cut = 0;
    hsize_t run = 0, per_chunk = 0;  // numbers in a run, in a chunk
    hsize_t taken = 0;               // numbers that have come
    std::vector<char> held;          // those of a chunk that is not complete
    std::vector<Piece> pieces;
    void add(const Piece& piece);
  };
  // The item dimension along which chunks cut a row of this shape, if each chunk is filled by numbers that
  // follow each other; 0 otherwise.
  size_t cut_of(const Dims& item_dims) const;
  void begin_row(hsize_t row, const Dims& item_dims, size_t cut);
  void write_chunks(const File& file, hsize_t count, const char* data);
  void pad();  // what is held becomes a whole chunk
  void place(const File& file, hsize_t row, const Dims& item_dims, hsize_t first, hsize_t count, Dims& offset,
             Dims& block);
  std::string path_;
  Dataset dataset_;
  Row row_;
};

// The elements of a file under construction. At the end every one gets `step` and `time`.
class Elements {
 public:
  // n_rows: of elements of fixed layout.
  explicit Elements(Layout layout, hsize_t n_rows = 1) : layout_(layout), n_rows_(n_rows) {}
  // The element at this path, made with these item dimensions at its first use.
  Element& get(const File& file, const std::string& path, Type type, const Dims& item_dims);
  // The element at this path, made of rows of another file.
  Element& elsewhere(const File& file, const std::string& path, Type type, const Dims& item_dims,
                     const std::string& other, const std::vector<Piece>& pieces);
  // Null where there is none.
  const Element* find(const std::string& path) const;
  bool has(const std::string& path) const { return elements_.count(path) > 0; }
  // Completes all elements: same number of rows, hard-linked step and (unless empty) time.
  void finish(const File& file, const std::vector<int64_t>& step, const std::vector<double>& time);

 private:
  Layout layout_;
  hsize_t n_rows_;
  std::map<std::string, Element> elements_;
};

// Dimensions of the rows of an element.
Dims item_dims(const File& file, const std::string& element);

// What is known of each frame besides its elements.
struct FrameTable {
  std::vector<int64_t> step, n_atoms;
  std::vector<double> time;
  std::vector<Box> box;
  std::vector<bool> has_box;
};

// box/{dimension, boundary, edges, origin, periodic} of a particles group, as elements; edges only if a frame
// has a box. Call before Elements::finish.
void write_box(const File& file, Elements& elements, const std::string& group, const FrameTable& frames);

// step and time of the frames as H5MD wants them, non-decreasing: where the frames' own are not, the step is
// the frame's number and the time is left out; the frames' own are in <our_parameters>/frames in any case.
std::vector<int64_t> increasing_steps(const std::vector<int64_t>& step);
std::vector<double> increasing_times(const std::vector<double>& time);
// <our_parameters>/frames/{n_atoms, step, time}: one value per frame.
void write_frame_table(const File& file, const FrameTable& frames);

// Species lists of several frames or files, united. Species are the same if name, label and mass are.
class SpeciesTable {
 public:
  // The index in the united list of each species.
  std::vector<int32_t> add(const std::vector<Species>& species);
  const std::vector<Species>& species() const { return species_; }
  // Attributes names, masses, labels of the element.
  void write(const File& file, const std::string& element) const;
  static std::vector<Species> read(const File& file, const std::string& element);

 private:
  std::vector<Species> species_;
};

// particles/all/species and id of a frame; piece by piece, so that large frames need no copies. `index`
// translates the frame's types to those of the file.
void write_species(const File& file, Elements& elements, hsize_t row, const Frame& frame,
                   const std::vector<int32_t>& index);
void write_ids(const File& file, Elements& elements, hsize_t row, const Frame& frame);

// "eV/A^3" <-> "eV Ang-3": the strings of H5MD's units module. Text that is no product of powers stays as it
// is.
std::string to_h5md_unit(const std::string& unit);
std::string from_h5md_unit(const std::string& unit);
// The factor that brings numbers in an H5MD unit to A, ps, eV, e, amu; 1 for "" and 0 for an unknown unit.
double unit_factor(const std::string& unit);

}  // namespace grainfield::h5
