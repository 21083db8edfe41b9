// Conversions with H5MD, byte by byte, and the commands convert and info from outside.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "io/format_limits.hpp"
#include "io/reader.hpp"
#include "io/results_writer.hpp"
#include "io/writer.hpp"
#include "tests/support/command.hpp"
#include "tests/support/frames.hpp"
#include "tests/support/places.hpp"
#include "tests/support/temp_folder.hpp"

namespace grainfield {
namespace {

using nlohmann::json;
using test::grainfield;
using test::random_frame;
using test::read_file;
using test::TempFolder;

void write_frames(const std::string& path, const std::vector<Frame>& frames) {
  const auto writer = open_writer(path);
  for (const Frame& f : frames) writer->write(f);
  writer->close();
}

void copy(const std::string& from, const std::string& to) {
  const auto reader = open_reader(from);
  const auto writer = open_writer(to);
  for (Frame f; reader->next(f);) writer->write(f);
  writer->close();
}

// text -> H5MD -> text gives the same bytes: H5MD holds all that any of the other formats holds.
TEST(Convert, ThroughH5mdChangesNoByte) {
  const TempFolder folder;
  const Box boxes[] = {Box({11, 0, 0}, {0, 12.5, 0}, {0, 0, 13.25}),
                       Box({11, 0, 0}, {-2, 12.5, 0}, {1, 3, 13.25}, {-1, 2, 0.5}, true, false, true),
                       Box({9, 1, 0.5}, {-1, 8, 0.25}, {0.5, -0.25, 7}, {0, 0, 0}, true, true, false)};
  for (const Box& box : boxes)
    for (const char* name : {"a.xyz", "a.dump", "a.data", "a.vasp", "a.cfg"}) {
      const bool many = std::string(name) != "a.data" && std::string(name) != "a.vasp";
      std::vector<Frame> frames;
      for (uint64_t k = 1; k <= (many ? 3u : 1u); ++k) {
        frames.push_back(random_frame({.n = 30 + 5 * static_cast<int>(k), .box = box, .seed = k}));
        frames.back().info = {{"energy", "-12.5"}, {"config_type", "two words"}};
      }
      const std::string first = folder.file(name), second = folder.file(std::string("b") + (name + 1));
      // The first reading settles what the format leaves open (order of species, say).
      write_frames(folder.file(std::string("0") + name), frames);
      copy(folder.file(std::string("0") + name), first);
      copy(first, folder.file("a.h5"));
      copy(folder.file("a.h5"), second);
      const std::string text = read_file(first);
      EXPECT_GT(text.size(), 1000u) << name;
      EXPECT_TRUE(text == read_file(second)) << name << ", see " << text.substr(0, 200);
    }
}

TEST(Convert, SaysWhatIsLost) {
  Frame f = random_frame(
      {.n = 3, .box = Box({5, 0, 0}, {0, 5, 0}, {0, 0, 5}, {1, 0, 0}, true, true, false), .seed = 2});
  EXPECT_TRUE(not_held(f, "h5md").empty());
  EXPECT_TRUE(not_held(f, "extxyz").empty());
  EXPECT_EQ(not_held(f, "lammps-data"), (std::vector<std::string>{"the time", "column force", "column grain",
                                                                  "column energy", "column c_stress"}));
  f.columns.clear();
  f.type = {0, 0, 1};
  EXPECT_EQ(not_held(f, "poscar"),
            (std::vector<std::string>{"free directions", "the cell's origin (positions are shifted)", "ids",
                                      "the step", "the time"}));
}

TEST(ConvertCommand, FramesAndExitCodes) {
  const TempFolder folder;
  std::vector<Frame> frames;
  for (uint64_t k = 0; k < 6; ++k) frames.push_back(random_frame({.n = 10, .seed = k + 1}));
  const std::string in = folder.file("in.dump.gz");
  write_frames(in, frames);
  const auto steps = [&](const std::string& path) {
    std::vector<int64_t> found;
    const auto reader = open_reader(path);
    for (Frame f; reader->next(f);) found.push_back(f.step);
    return found;
  };
  const std::string out = folder.file("out.h5");
  const auto convert = [&](const std::string& arguments) {
    return grainfield("convert '" + in + "' " + arguments);
  };
  auto result = convert("'" + out + "' --compress");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_NE(result.out.find("6 frames, 60 atoms"), std::string::npos) << result.out;
  EXPECT_EQ(steps(out), (std::vector<int64_t>{100, 200, 300, 400, 500, 600}));
  ASSERT_EQ(convert("'" + out + "' --frames 1:-1:2").code, 0);
  EXPECT_EQ(steps(out), (std::vector<int64_t>{200, 400}));
  ASSERT_EQ(convert("'" + folder.file("last.data") + "' --frames -1 --species A,B").code, 0);
  const auto reader = open_reader(folder.file("last.data"));
  Frame last;
  ASSERT_TRUE(reader->next(last));
  EXPECT_EQ(last.step, 600);
  EXPECT_EQ(last.species[1].name, "B");

  result = convert("'" + folder.file("all.data") + "'");
  EXPECT_EQ(result.code, 2);
  EXPECT_NE(result.err.find("--frames"), std::string::npos) << result.err;
  EXPECT_FALSE(std::filesystem::exists(folder.file("all.data")));
  EXPECT_EQ(convert("'" + folder.file("a.pdb") + "'").code, 2);
  EXPECT_EQ(convert("'" + folder.file("a.xyz") + "' --frames x").code, 2);
  EXPECT_EQ(convert("'" + folder.file("a.xyz") + "' --frames 7:").code, 2);
  EXPECT_EQ(convert("").code, 2);
  EXPECT_EQ(convert("'" + folder.file("none/a.xyz") + "'").code, 4);
  folder.write("bad.xyz", "2\n\nFe 0 0 0\n");
  result = grainfield("convert '" + folder.file("bad.xyz") + "' '" + out + "'");
  EXPECT_EQ(result.code, 3);
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  EXPECT_EQ(result.err.find("grainfield: error: "), 0u) << result.err;
  EXPECT_NE(grainfield("convert --help").out.find("grainfield convert relaxed.dump.gz"), std::string::npos);
}

// HDF5 1.10 follows a size in the heap that holds texts, or copies a shared type from beyond its own memory
// and jumps to nowhere; later versions refuse the files.
TEST(InfoCommand, AFileOnWhichHdf5Crashes) {
  std::vector<std::string> files{"hdf5_heap.h5"};
#if !defined(__SANITIZE_ADDRESS__)  // which ends the program at the copy
  files.emplace_back("hdf5_type.h5");
#endif
  for (const std::string& file : files) {
    const test::CommandResult run =
        test::grainfield("info " + test::source_folder() + "/tests/data/crash/" + file);
    EXPECT_EQ(run.code, 3) << file << " " << run.err;
    EXPECT_NE(run.err.find("grainfield: error: "), std::string::npos) << run.err;
  }
}

// On this one HDF5 1.10 turns in circles: the alarm, here before its minute, ends the command with one line.
// Later versions refuse it.
TEST(InfoCommand, AFileOnWhichHdf5TurnsInCircles) {
  const TempFolder folder;
  const std::string err = folder.file("err");
  const int status =
      std::system(fmt::format("'{}' info '{}/tests/data/crash/hdf5_circle.h5' 2>'{}' & sleep 2; "
                              "kill -ALRM $!; wait $!",
                              test::command_path(), test::source_folder(), err)
                      .c_str());
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 3);
  EXPECT_NE(test::read_file(err).find("grainfield: error: "), std::string::npos) << test::read_file(err);
}

TEST(InfoCommand, SnapshotsAndResults) {
  const TempFolder folder;
  Frame f = random_frame({.n = 50, .box = Box({5, 0, 0}, {0, 6, 0}, {0, 0, 7}), .seed = 2});
  write_frames(folder.file("a.dump"), {f, f, f});
  auto result = grainfield("info --json '" + folder.file("a.dump") + "'");
  ASSERT_EQ(result.code, 0) << result.err;
  const json a = json::parse(result.out);
  EXPECT_EQ(a["format"], "lammps-dump");
  EXPECT_EQ(a["frames"], 3);
  const json& first = a["first_frame"];
  EXPECT_EQ(first["atoms"], 50);
  EXPECT_EQ(first["step"], 200);
  EXPECT_NEAR(first["box"]["volume"].get<double>(), 210, 1e-12 * 210);
  EXPECT_NEAR(first["number_density"].get<double>(), 50.0 / 210, 1e-15);
  int64_t chromium = 0;
  for (const int32_t t : f.type) chromium += t == 0;
  EXPECT_EQ(first["species"][0]["name"], "Cr");
  EXPECT_EQ(first["species"][0]["atoms"], chromium);
  EXPECT_EQ(first["columns"].size(), f.columns.size());

  // A mole of Fe weighs 55.845 g: one atom in 1 A^3 is 55.845/6.02214076e23 g in 1e-24 cm^3.
  f.type.assign(50, 1);
  write_frames(folder.file("a.data"), {f});
  result = grainfield("info --json '" + folder.file("a.data") + "'");
  const double expected = 50 * 55.845 / 0.602214076 / 210;
  EXPECT_NEAR(json::parse(result.out)["first_frame"]["mass_density"].get<double>(), expected,
              1e-8 * expected);

  Provenance provenance;
  provenance.version = "0.1.0";
  provenance.command = "grainfield analyze";
  provenance.parameters = {{"density.beta", "3.024"}};
  const auto writer = open_results(folder.file("r.h5"), provenance, {.write_positions = false});
  FrameResults results;
  results.n_atoms = 50;
  results.box = f.box;
  Field field;
  field.name = "number_density";
  field.unit = "A^-3";
  field.real.assign(50, 0.08);
  results.fields.push_back(field);
  Observable observable;
  observable.name = "rdf/g";
  observable.shape = {4};
  observable.real.assign(4, 1.0);
  results.observables.push_back(observable);
  writer->write(f, results);
  writer->close();
  result = grainfield("info --json '" + folder.file("r.h5") + "'");
  ASSERT_EQ(result.code, 0) << result.err;
  const json r = json::parse(result.out);
  EXPECT_EQ(r["frames"], 1);
  ASSERT_EQ(r["h5md"]["fields"].size(), 1u);
  EXPECT_EQ(r["h5md"]["fields"][0]["path"], "/particles/all/number_density");
  EXPECT_EQ(r["h5md"]["fields"][0]["unit"], "A^-3");
  EXPECT_EQ(r["h5md"]["fields"][0]["shape"], (std::vector<int64_t>{1, 50}));
  EXPECT_EQ(r["h5md"]["observables"][0]["path"], "/observables/rdf/g");
  EXPECT_EQ(r["h5md"]["parameters"]["density.beta"], "3.024");
  const auto text = grainfield("info '" + folder.file("r.h5") + "' '" + folder.file("a.dump") + "'");
  EXPECT_EQ(text.code, 0);
  EXPECT_NE(text.out.find("/observables/rdf/g  [1][4]"), std::string::npos) << text.out;
  EXPECT_NE(text.out.find("column force (real, 3 components)  eV/A"), std::string::npos) << text.out;
  EXPECT_EQ(grainfield("info '" + folder.file("none") + "'").code, 4);
}

}  // namespace
}  // namespace grainfield
