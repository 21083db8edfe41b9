// Reading snapshots: by content, plain or compressed, one frame at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "host/frame.hpp"

namespace grainfield {

struct ReadOptions {
  int threads = 1;
  std::vector<std::string> species;  // --species Fe,Cr: names for types 1, 2, ... (or 0, 1, ... in .cfg)
  int64_t chunk_bytes = 1 << 20;     // text that one thread parses at a time; changes no result
};

// Streams the frames of one file. Errors are InputError with file, line or frame, expected and found.
class Reader {
 public:
  virtual ~Reader() = default;
  virtual std::string format() const = 0;  // "lammps-dump", "lammps-data", "extxyz", "poscar", "cfg", "h5md"
  virtual std::string file() const = 0;
  // Fills `frame` (its memory is reused) and returns true, or returns false after the last frame.
  virtual bool next(Frame& frame) = 0;
  // Passes over the next frame without parsing its atoms where the format allows; false after the last.
  virtual bool skip() = 0;
  // After next() threw InputError: goes to where the next frame begins, or to the end of the file, so that
  // next() may be called again. False where the format does not show it (io/FORMAT.md, "Bad frames"): the
  // rest of the file is lost. The bad frame counts as one.
  virtual bool recover() { return false; }
};

// Opens a file by its content (the name only breaks ties); `format` forces one. Compression is found by magic
// bytes. Throws InputError for an unknown format, ResourceError where the file cannot be opened.
std::unique_ptr<Reader> open_reader(const std::string& path, const ReadOptions& options = {},
                                    const std::string& format = "");

}  // namespace grainfield
