// What the writers of text formats share, and the functions that make them (open_writer picks one).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "io/text_sink.hpp"
#include "io/writer.hpp"

namespace grainfield {

// Checks every frame, refuses a second one where the format holds one, and leaves the text to put().
class TextWriter : public Writer {
 public:
  TextWriter(const std::string& path, const WriteOptions& options, const char* one_frame_format = nullptr)
      : sink_(path, options.threads), one_frame_format_(one_frame_format) {}
  void write(const Frame& frame) final;
  void close() final { sink_.close(); }

 protected:
  virtual void put(const Frame& frame) = 0;
  TextSink& sink() { return sink_; }
  std::string where() const;  // "out.xyz, frame 3"

 private:
  TextSink sink_;
  const char* one_frame_format_;  // nullptr: any number of frames
  int64_t n_frames_ = 0;
};

// InputError unless the frame is valid (validate) and every column has n_atoms * components values.
void check_frame(const Frame& frame, const std::string& where);

// A word that a format without quotes can hold: blanks become "_", nothing becomes "_".
std::string as_word(std::string_view text);
// The species' name, or its label in digits where the name is unknown.
std::string species_word(const Species& species);
// The number for each species in a file that counts types from `first`: the labels where they are distinct
// and start there or later (and, with `dense`, leave no gap), otherwise first, first + 1, ...
std::vector<int32_t> type_numbers(const std::vector<Species>& species, int32_t first, bool dense);
// All species have names.
bool all_named(const std::vector<Species>& species);
// A column of 3 reals with this name, or nullptr.
const Column* find_vector(const Frame& frame, std::string_view name);
// A column of one real with this name, or nullptr.
const Column* find_scalar(const Frame& frame, std::string_view name);
// a along x and b in the xy plane: the cell that LAMMPS calls restricted triclinic.
bool is_restricted(const Box& box);
// The value of column c, component k, atom i.
void add_value(TextBuffer& out, const Column& c, int64_t i, int k);

std::unique_ptr<Writer> make_extxyz_writer(const std::string& path, const WriteOptions& options);
std::unique_ptr<Writer> make_lammps_data_writer(const std::string& path, const WriteOptions& options);
std::unique_ptr<Writer> make_lammps_dump_writer(const std::string& path, const WriteOptions& options);
std::unique_ptr<Writer> make_poscar_writer(const std::string& path, const WriteOptions& options);
std::unique_ptr<Writer> make_mlip_cfg_writer(const std::string& path, const WriteOptions& options);

}  // namespace grainfield
