// Writing snapshots. A file appears under its name only when complete: until close() it is "<name>.partial".
#pragma once

#include <memory>
#include <string>

#include "host/frame.hpp"

namespace grainfield {

struct WriteOptions {
  int threads = 1;
  bool compress = false;  // H5MD datasets; text files are compressed by their name (.gz, .zst)
};

class Writer {
 public:
  virtual ~Writer() = default;  // without close() the partial file is removed
  virtual void write(const Frame& frame) = 0;
  virtual void close() = 0;  // completes the file and gives it its name
};

// The format that open_writer chooses: "extxyz", "lammps-data", "lammps-dump", "poscar", "cfg" or "h5md".
// UsageError where the name does not tell.
std::string output_format(const std::string& path, const std::string& format = "");

// The format follows the name: .data/.lmp LAMMPS data, .dump/.lammpstrj LAMMPS dump, .xyz/.extxyz,
// POSCAR/CONTCAR/ .vasp/.poscar, .cfg MLIP, .h5/.h5md H5MD, each also with .gz or .zst (not H5MD); `format`
// forces one. Formats of one frame refuse a second.
std::unique_ptr<Writer> open_writer(const std::string& path, const WriteOptions& options = {},
                                    const std::string& format = "");

}  // namespace grainfield
