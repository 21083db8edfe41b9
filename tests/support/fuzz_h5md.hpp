// Small valid H5MD files: what the fuzz tests start from.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "io/hdf5_util.hpp"
#include "io/reader.hpp"
#include "io/writer.hpp"
#include "tests/support/fuzz_corpus.hpp"
#include "tests/support/temp_folder.hpp"

namespace grainfield::test {

// As another program might write it: steps and times by an increment, an enumeration of species, a fixed box.
inline void write_foreign_h5md(const std::string& path) {
  using h5::Type;
  const auto held = h5::lock();
  h5::File file = h5::File::create(path);
  for (const char* group : {"/h5md/author", "/particles/all/box", "/particles/all/position",
                            "/particles/all/id", "/observables/energy"})
    h5::create_group(file, group);
  h5::set_attribute(file, "/h5md", "version", std::vector<int64_t>{1, 1});
  h5::set_attribute(file, "/h5md/author", "name", std::string("somebody"));
  const std::string all = "/particles/all/";
  h5::set_attribute(file, all + "box", "dimension", std::vector<int64_t>{3}, true);
  h5::set_attribute(file, all + "box", "boundary", std::vector<std::string>{"periodic", "none", "periodic"});
  const double edges[] = {4, 5, 6}, time = 0.5;
  const int64_t step = 10;
  h5::Dataset::write_fixed(file, all + "box/edges", Type::real, {3}, edges);
  std::vector<double> position;
  for (int k = 0; k < 2 * 3 * 3; ++k) position.push_back(0.25 * k);
  h5::Dataset::write_fixed(file, all + "position/value", Type::real, {2, 3, 3}, position.data());
  h5::Dataset::write_fixed(file, all + "position/step", Type::int64, {}, &step);
  h5::Dataset::write_fixed(file, all + "position/time", Type::real, {}, &time);
  h5::set_attribute(file, all + "position/step", "offset", std::vector<int64_t>{5}, true);
  h5::set_attribute(file, all + "position/time", "unit", std::string("ps"));
  h5::set_attribute(file, all + "position/value", "unit", std::string("nm"));
  const int64_t ids[] = {3, 1, 2, 1, 2, 3}, steps[] = {5, 15};
  h5::Dataset::write_fixed(file, all + "id/value", Type::int64, {2, 3}, ids);
  h5::Dataset::write_fixed(file, all + "id/step", Type::int64, {2}, steps);
  h5::Dataset::write_fixed(file, all + "name", {"a", "b", "long name"});
  const double energy[] = {-1, -2};
  h5::Dataset::write_fixed(file, "/observables/energy/value", Type::real, {2}, energy);
  h5::Dataset::write_fixed(file, "/observables/energy/step", Type::int64, {2}, steps);
  const h5::Handle species(H5Tenum_create(H5T_NATIVE_INT8), H5Tclose);
  for (const auto& [name, number] : {std::pair{"Fe", 1}, std::pair{"Cr", 2}}) {
    const auto value = static_cast<int8_t>(number);
    H5Tenum_insert(species.get(), name, &value);
  }
  const hsize_t n = 3;
  const int8_t types[] = {1, 2, 1};
  const h5::Handle space(H5Screate_simple(1, &n, nullptr), H5Sclose);
  const h5::Handle set(H5Dcreate2(file.id(), (all + "species").c_str(), species.get(), space.get(),
                                  H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                       H5Dclose);
  H5Dwrite(set.get(), species.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, types);
}

// Name and bytes.
inline std::vector<std::pair<std::string, std::string>> fuzz_h5md_corpus() {
  const TempFolder folder;
  std::vector<std::pair<std::string, std::string>> corpus;
  for (const auto& [name, text] : fuzz_corpus()) {
    if (name != "a.dump" && name != "a.xyz") continue;
    const std::string path = folder.file("a.h5");
    const auto writer = open_writer(path, {1, true});  // small: chunks are a megabyte unpacked
    const auto reader = open_reader(folder.write(name, text));
    for (Frame frame; reader->next(frame);) writer->write(frame);
    writer->close();
    corpus.emplace_back(name + ".h5", read_file(path));
  }
  const std::string path = folder.file("foreign.h5");
  write_foreign_h5md(path);
  corpus.emplace_back("foreign.h5", read_file(path));
  return corpus;
}

}  // namespace grainfield::test
