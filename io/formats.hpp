// One reader per format; open_reader chooses. Text formats read from a source that stands at the first line.
#pragma once

#include <memory>
#include <string>

#include "io/reader.hpp"
#include "io/text_source.hpp"

namespace grainfield {

std::unique_ptr<Reader> open_lammps_data(std::unique_ptr<TextSource> source, const ReadOptions& options);
std::unique_ptr<Reader> open_lammps_dump(std::unique_ptr<TextSource> source, const ReadOptions& options);
std::unique_ptr<Reader> open_extxyz(std::unique_ptr<TextSource> source, const ReadOptions& options);
std::unique_ptr<Reader> open_poscar(std::unique_ptr<TextSource> source, const ReadOptions& options);
std::unique_ptr<Reader> open_mlip_cfg(std::unique_ptr<TextSource> source, const ReadOptions& options);
std::unique_ptr<Reader> open_h5md(const std::string& path, const ReadOptions& options);

}  // namespace grainfield
