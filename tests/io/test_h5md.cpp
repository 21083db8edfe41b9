// H5MD snapshots, both ways, and files as other programs make them.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <functional>

#include "host/error.hpp"
#include "io/h5md_schema.hpp"
#include "io/hdf5_watch.hpp"
#include "io/reader.hpp"
#include "io/writer.hpp"
#include "tests/support/frames.hpp"
#include "tests/support/h5md_rules.hpp"
#include "tests/support/temp_folder.hpp"

namespace grainfield {
namespace {

using h5::Dataset;
using h5::File;
using h5::Type;
using test::random_frame;
using test::TempFolder;

std::vector<Frame> read_all(const std::string& path, const ReadOptions& options = {}) {
  const auto reader = open_reader(path, options);
  EXPECT_EQ(reader->format(), "h5md");
  std::vector<Frame> frames;
  for (Frame f; reader->next(f); f = Frame()) frames.push_back(f);
  return frames;
}

void write_all(const std::string& path, const std::vector<Frame>& frames, const WriteOptions& options = {}) {
  const auto writer = open_writer(path, options);
  for (const Frame& f : frames) writer->write(f);
  writer->close();
}

void expect_same_frame(const Frame& a, const Frame& b) {
  for (int k = 0; k < 3; ++k) {
    EXPECT_TRUE(a.box.edge(k) == b.box.edge(k));
    EXPECT_EQ(a.box.periodic[k], b.box.periodic[k]);
  }
  EXPECT_TRUE(a.box.origin == b.box.origin);
  EXPECT_EQ(a.has_box, b.has_box);
  EXPECT_EQ(a.step, b.step);
  EXPECT_EQ(a.time, b.time);
  ASSERT_EQ(a.n_atoms(), b.n_atoms());
  EXPECT_EQ(a.info, b.info);
  for (int64_t i = 0; i < a.n_atoms(); ++i) {
    const auto at = static_cast<size_t>(i);
    ASSERT_TRUE(a.position[at] == b.position[at]) << i;
    ASSERT_EQ(a.id_of(i), b.id_of(i));
    const Species& s = a.species[static_cast<size_t>(a.type[at])];
    const Species& t = b.species[static_cast<size_t>(b.type[at])];
    ASSERT_EQ(s.name, t.name);
    ASSERT_EQ(s.mass, t.mass);
    ASSERT_EQ(s.label, t.label);
  }
  ASSERT_EQ(a.columns.size(), b.columns.size());
  for (const Column& c : a.columns) {
    const Column* other = b.find_column(c.name);
    ASSERT_TRUE(other) << c.name;
    test::expect_same_column(c, *other);
    EXPECT_EQ(c.unit, other->unit) << c.name;
  }
}

TEST(H5md, FramesComeBackBitByBit) {
  const TempFolder folder;
  std::vector<Frame> frames;
  for (uint64_t k = 1; k <= 4; ++k) {
    Frame f = random_frame({.n = 60 + 40 * static_cast<int>(k % 3), .seed = k});
    f.box = Box({9, 0.1 * static_cast<double>(k), 0}, {-1, 8, 0.25}, {0.5, -0.25, 7}, {1, 2, -3.5}, true,
                k != 2, true);
    f.info = {{"note", "a \"b\"\n\xc3\x85"}, {"energy", "-1.5"}};
    Column text = test::new_column("site/kind", "", Column::Kind::text, 1);
    for (int64_t i = 0; i < f.n_atoms(); ++i) text.text.push_back(i % 2 ? "bulk" : "grain boundary");
    f.columns.push_back(text);
    frames.push_back(f);
  }
  frames[3].species = {{"Fe", 55.845, 2}, {"Ni", 58.6934, 7}};  // another list: united in the file
  frames[3].id.clear();
  for (const bool compress : {false, true}) {
    const std::string path = folder.file(compress ? "c.h5" : "a.h5md");
    write_all(path, frames, {.compress = compress});
    const std::vector<Frame> found = read_all(path);
    ASSERT_EQ(found.size(), frames.size());
    for (size_t k = 0; k < frames.size(); ++k) expect_same_frame(frames[k], found[k]);
  }
  const auto reader = open_reader(folder.file("a.h5md"));
  Frame f;
  ASSERT_TRUE(reader->skip());
  ASSERT_TRUE(reader->skip());
  ASSERT_TRUE(reader->next(f));
  expect_same_frame(frames[2], f);
  ASSERT_TRUE(reader->skip());
  EXPECT_FALSE(reader->skip());
  EXPECT_FALSE(reader->next(f));
}

TEST(H5md, PassesStructureRules) {
  const TempFolder folder;
  std::vector<Frame> frames;
  for (uint64_t k = 1; k <= 3; ++k)
    frames.push_back(random_frame({.n = 20 + static_cast<int>(k), .seed = k}));
  frames[1].step = 5;  // goes back
  write_all(folder.file("a.h5"), frames);
  GF_EXPECT_H5MD(
      folder.file("a.h5"),
      "particles/all/position/value=3,23,3 particles/all/velocity/value=3,23,3 particles/all/id/value=3,23 "
      "particles/all/c_stress/value=3,23,6 particles/all/box/edges/value=3,3,3:110.25");
  for (Frame& f : frames) {
    f.has_box = false;
    for (bool& p : f.box.periodic) p = false;
  }
  write_all(folder.file("b.h5"), frames, {.compress = true});
  GF_EXPECT_H5MD(folder.file("b.h5"), "particles/all/grain/value=3,23");
}

TEST(H5md, StepsThatGoBackAreKeptAside) {
  const TempFolder folder;
  std::vector<Frame> frames;
  for (const int64_t step : {500, 20, 20}) {
    Frame f = random_frame({.n = 3, .seed = 1, .columns = false});
    f.step = step;
    f.time = -0.5 * static_cast<double>(step);
    frames.push_back(f);
  }
  write_all(folder.file("a.h5"), frames);
  const std::vector<Frame> found = read_all(folder.file("a.h5"));
  ASSERT_EQ(found.size(), 3u);
  for (size_t k = 0; k < 3; ++k) expect_same_frame(frames[k], found[k]);
  const auto held = h5::lock();
  const File file = File::open(folder.file("a.h5"));
  int64_t step[3];
  Dataset::open(file, "/particles/all/position/step").read(file, {0}, {3}, Type::int64, step);
  EXPECT_EQ(step[0], 0);
  EXPECT_EQ(step[1], 1);
  EXPECT_EQ(step[2], 2);
  EXPECT_TRUE(h5::exists(file, "/particles/all/position/time"));  // the times do increase
}

TEST(H5md, NoBoxAndNoAtoms) {
  const TempFolder folder;
  Frame f = random_frame({.n = 5, .seed = 3, .columns = false});
  f.has_box = false;
  for (bool& p : f.box.periodic) p = false;
  write_all(folder.file("a.h5"), {f});
  const std::vector<Frame> found = read_all(folder.file("a.h5"));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_FALSE(found[0].has_box);
  for (int64_t i = 0; i < 5; ++i) {
    const Vec3 s = found[0].box.fractional(found[0].position[static_cast<size_t>(i)]);
    for (int k = 0; k < 3; ++k) EXPECT_TRUE(s[k] >= 0 && s[k] <= 1 && !found[0].box.periodic[k]);
  }
  Frame empty;
  write_all(folder.file("b.h5"), {empty, random_frame({.n = 2, .seed = 1, .columns = false}), empty});
  const std::vector<Frame> three = read_all(folder.file("b.h5"));
  ASSERT_EQ(three.size(), 3u);
  EXPECT_EQ(three[0].n_atoms(), 0);
  EXPECT_EQ(three[1].n_atoms(), 2);
  EXPECT_EQ(three[2].n_atoms(), 0);
}

// A minimal foreign file: float32 nanometers, fixed cuboid box, time-independent species, fixed-interval
// steps.
struct Foreign {
  std::string group = "/particles/trajectory";
  std::vector<std::string> boundary{"periodic", "periodic", "none"};
  std::string unit = "nm";
};

void write_foreign(const std::string& path, const Foreign& plan) {
  const auto held = h5::lock();
  File file = File::create(path);
  h5::create_group(file, "/h5md");
  h5::set_attribute(file, "/h5md", "version", std::vector<int64_t>{1, 0});
  h5::create_group(file, plan.group + "/box");
  h5::set_attribute(file, plan.group + "/box", "dimension", std::vector<int64_t>{3}, true);
  h5::set_fixed_attribute(file, plan.group + "/box", "boundary", plan.boundary, false);
  const double edges[] = {1, 2, 0};
  Dataset::write_fixed(file, plan.group + "/box/edges", Type::real, {3}, edges);
  const int32_t species[] = {26, 24};
  Dataset::write_fixed(file, plan.group + "/species", Type::int32, {2}, species);
  const double masses[] = {55.845, 51.9961};
  Dataset::write_fixed(file, plan.group + "/mass", Type::real, {2}, masses);
  const double positions[] = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 2, 2, 2, 3, 3, 3};
  Dataset::write_fixed(file, plan.group + "/position/value", Type::real, {3, 2, 3}, positions);
  h5::set_attribute(file, plan.group + "/position/value", "unit", plan.unit);
  const int64_t increment = 50;
  const double dt = 100;
  Dataset::write_fixed(file, plan.group + "/position/step", Type::int64, {}, &increment);
  h5::set_attribute(file, plan.group + "/position/step", "offset", std::vector<int64_t>{7}, true);
  Dataset::write_fixed(file, plan.group + "/position/time", Type::real, {}, &dt);
  h5::set_attribute(file, plan.group + "/position/time", "unit", std::string("fs"));
  // Velocities at every second frame only.
  const double velocities[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  Dataset::write_fixed(file, plan.group + "/velocity/value", Type::real, {2, 2, 3}, velocities);
  h5::set_attribute(file, plan.group + "/velocity/value", "unit", std::string("nm ps-1"));
  const int64_t steps[] = {7, 107};
  Dataset::write_fixed(file, plan.group + "/velocity/step", Type::int64, {2}, steps);
  file.close();
}

TEST(H5md, ReadsOtherPrograms) {
  const TempFolder folder;
  const std::string path = folder.file("a.h5");
  write_foreign(path, {});
  const std::vector<Frame> found = read_all(path);
  ASSERT_EQ(found.size(), 3u);
  const Frame& f = found[1];
  EXPECT_EQ(f.step, 57);
  EXPECT_DOUBLE_EQ(f.time, 0.1);  // 100 fs
  ASSERT_EQ(f.n_atoms(), 2);
  EXPECT_DOUBLE_EQ(f.position[1].y, 15);
  EXPECT_TRUE(f.box.periodic[0] && f.box.periodic[1] && !f.box.periodic[2]);
  EXPECT_DOUBLE_EQ(f.box.a.x, 10);
  EXPECT_DOUBLE_EQ(f.box.b.y, 20);
  EXPECT_GT(f.box.c.z, 3);  // the atoms' extent: the file has a placeholder
  EXPECT_EQ(f.species[static_cast<size_t>(f.type[0])].name, "Fe");
  EXPECT_EQ(f.species[static_cast<size_t>(f.type[1])].name, "Cr");
  EXPECT_EQ(f.species[static_cast<size_t>(f.type[1])].label, 24);
  EXPECT_FALSE(f.find_column("velocity"));
  ASSERT_TRUE(found[2].find_column("velocity"));
  EXPECT_EQ(found[2].find_column("velocity")->unit, "A/ps");
  EXPECT_DOUBLE_EQ(found[2].find_column("velocity")->real[5], 120);
}

std::string reading_fails(const std::string& path) {
  try {
    read_all(path);
  } catch (const InputError& e) {
    return e.what();
  }
  return "no InputError";
}

TEST(H5md, RefusesWhatItCannotUse) {
  const TempFolder folder;
  const std::string path = folder.file("a.h5");
  write_foreign(path, {.boundary = {"periodic", "periodic", "periodic"}});
  EXPECT_NE(reading_fails(path).find("zero volume"), std::string::npos) << reading_fails(path);
  write_foreign(path, {.boundary = {"periodic", "wall", "none"}});
  EXPECT_NE(reading_fails(path).find("'wall'"), std::string::npos) << reading_fails(path);
  write_foreign(path, {.unit = "parsec"});
  EXPECT_NE(reading_fails(path).find("'parsec'"), std::string::npos) << reading_fails(path);
  {
    const auto held = h5::lock();
    File file = File::create(path);
    h5::create_group(file, "/particles");
    file.close();
  }
  EXPECT_NE(reading_fails(path).find("/h5md"), std::string::npos) << reading_fails(path);
  {
    const auto held = h5::lock();
    File file = File::create(path);
    h5::write_metadata(file, "0");
    h5::create_group(file, "/particles/one");
    h5::create_group(file, "/particles/two");
    file.close();
  }
  EXPECT_NE(reading_fails(path).find("found one, two"), std::string::npos) << reading_fails(path);
}

// Every truncation of a file is refused (or read as it was), without a crash.
TEST(H5md, TextsOfVariableLengthAreWatchedWhileTheyAreRead) {
  static std::vector<unsigned> told;
  const TempFolder folder;
  Frame frame = random_frame({.n = 3, .box = Box({5, 0, 0}, {0, 6, 0}, {0, 0, 7}), .seed = 2});
  frame.info = {{"config", "a text"}};
  {
    const auto writer = open_writer(folder.file("a.h5"));
    writer->write(frame);
    writer->close();
  }
  watch_hdf5_texts([](unsigned seconds) { told.push_back(seconds); });
  Frame back;
  ASSERT_TRUE(open_reader(folder.file("a.h5"))->next(back));
  watch_hdf5_texts(nullptr);
  ASSERT_GE(told.size(), 2u);
  for (size_t k = 0; k < told.size(); ++k) EXPECT_EQ(told[k], k % 2 == 0 ? 60u : 0u) << k;
}

TEST(H5md, TruncatedFiles) {
  const TempFolder folder;
  const std::string path = folder.file("a.h5");
  write_all(path, {random_frame({.n = 20, .seed = 1}), random_frame({.n = 20, .seed = 2})});
  const std::string whole = test::read_file(path);
  int refused = 0, tried = 0;
  for (size_t n = 8; n < whole.size(); n += whole.size() / 60) {
    folder.write("b.h5", whole.substr(0, n));
    ++tried;
    if (reading_fails(folder.file("b.h5")) != "no InputError") ++refused;
  }
  EXPECT_EQ(refused, tried);
}

TEST(H5md, AppearsOnlyWhenComplete) {
  const TempFolder folder;
  const std::string path = folder.file("a.h5");
  {
    const auto writer = open_writer(path);
    writer->write(random_frame({.n = 3, .seed = 1}));
    EXPECT_TRUE(std::filesystem::exists(path + ".partial"));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  EXPECT_THROW(open_writer(folder.file("none/a.h5")), ResourceError);
}

TEST(H5md, FullDisk) {
  const TempFolder folder;
  const std::string path = folder.file("a.h5");
  for (const int n : {10, 50000}) {  // fails in close, fails in write
    const pid_t child = fork();
    if (child == 0) {
      std::signal(SIGXFSZ, SIG_IGN);
      const rlimit limit{4096, 4096};
      setrlimit(RLIMIT_FSIZE, &limit);
      int result = 1;
      try {
        write_all(path, {random_frame({.n = n, .seed = 1})});
      } catch (const ResourceError& e) {
        const std::string message = e.what();
        result = message.find(path) == 0 && message.find("File too large") != std::string::npos ? 0 : 2;
        if (result) std::fprintf(stderr, "%s\n", e.what());
      }
      std::exit(result);  // with the clean-up of the process: it must neither hang nor complain
    }
    int status = -1;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0) << n;
    EXPECT_TRUE(std::filesystem::is_empty(folder.path())) << n;
  }
}

TEST(H5md, Units) {
  for (const auto& [ours, theirs] :
       std::vector<std::pair<std::string, std::string>>{{"A", "Ang"},
                                                        {"A/ps", "Ang ps-1"},
                                                        {"eV/A^3", "eV Ang-3"},
                                                        {"A^-3", "Ang-3"},
                                                        {"J/m^2", "J m-2"},
                                                        {"A^2", "Ang+2"},
                                                        {"amu", "u"},
                                                        {"GPa", "GPa"},
                                                        {"(odd) one", "(odd) one"}}) {
    EXPECT_EQ(h5::to_h5md_unit(ours), theirs);
    EXPECT_EQ(h5::from_h5md_unit(theirs), ours);
  }
  EXPECT_DOUBLE_EQ(h5::unit_factor("nm"), 10);
  EXPECT_DOUBLE_EQ(h5::unit_factor("nm ps-1"), 10);
  EXPECT_DOUBLE_EQ(h5::unit_factor("Angstrom/fs"), 1000);
  EXPECT_NEAR(h5::unit_factor("kJ mol-1 nm-1"), 0.01036426966 / 10, 1e-12);  // 1 kJ/mol = 0.010364 eV
  EXPECT_NEAR(h5::unit_factor("kcal mol-1 Ang-1"), 1 / 23.060548, 1e-8);
  EXPECT_EQ(h5::unit_factor("parsec"), 0);
}

}  // namespace
}  // namespace grainfield
