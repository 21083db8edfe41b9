// The results file: what is in it, and that nothing is lost when a run is cut off at any moment.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <random>

#include "host/error.hpp"
#include "io/h5md_schema.hpp"
#include "io/output_file.hpp"
#include "io/reader.hpp"
#include "io/results_writer.hpp"
#include "io/sha256.hpp"
#include "tests/support/frames.hpp"
#include "tests/support/h5md_rules.hpp"
#include "tests/support/temp_folder.hpp"

namespace grainfield {
namespace {

namespace fs = std::filesystem;
using h5::Dataset;
using h5::Dims;
using h5::File;
using h5::Type;
using test::TempFolder;

Provenance some_provenance() {
  Provenance p;
  p.version = "0.1.0";
  p.command = "grainfield analyze a.dump -o out.h5";
  p.parameters = {{"density.beta", "3.024"}, {"coordination.cutoffs", "3.4,4.5"}};
  p.inputs = {{"a.dump", 12, std::string(64, 'a')}, {"b.dump", 13, std::string(64, 'b')}};
  return p;
}

// So many times as much of everything: rows that share chunks of the file, and rows that fill their own.
constexpr int few = 1, many = 200;

// The first frames differ in shape; those behind are like number 3.
int64_t shape_of(int64_t k) { return std::min<int64_t>(k, 3); }

// Frame k has 40, 50 or 60 atoms, an observable that grows, a grid, and numbers that tell where they belong.
Frame make_frame(int64_t k, int times = few) {
  Frame f = test::random_frame({.n = times * (40 + 10 * static_cast<int>(shape_of(k) % 3)),
                                .seed = static_cast<uint64_t>(k) + 1,
                                .columns = false});
  if (k % 2) f.species = {{"Fe", 55.845, 2}, {"Ni", 58.6934, 3}};
  return f;
}

FrameResults make_results(int64_t k, const Frame& frame) {
  FrameResults r;
  r.frame = k;
  r.step = frame.step;
  r.time = frame.time;
  r.n_atoms = frame.n_atoms();
  r.box = frame.box;
  Field density;
  density.name = "number_density";
  density.unit = "A^-3";
  density.doc = "Gaussian density at the atoms";
  Field coordination;
  coordination.name = "coordination";
  coordination.doc = "neighbors in two shells";
  coordination.components = 2;
  coordination.component_names = {"Z1", "Z2"};
  coordination.is_integer = true;
  for (int64_t i = 0; i < r.n_atoms; ++i) {
    density.real.push_back(static_cast<double>(1000 * k + i) + 0.1);
    coordination.integer.push_back(static_cast<int32_t>(i));
    coordination.integer.push_back(static_cast<int32_t>(k));
  }
  r.fields = {density, coordination};
  Observable energy;
  energy.name = "gb_energy";
  energy.unit = "J/m^2";
  energy.real = {1.5 + static_cast<double>(k)};
  Observable g;
  g.name = "rdf/g";
  g.shape = {3 + shape_of(k) % 2, 2};
  for (int64_t i = 0; i < g.shape[0] * 2; ++i) g.real.push_back(static_cast<double>(i));
  Observable counts;
  counts.name = "counts";
  counts.shape = {1 + shape_of(k) % 2};
  counts.is_integer = true;
  counts.integer.assign(static_cast<size_t>(counts.shape[0]), k);
  r.observables = {energy, g, counts};
  r.notes = {fmt::format("frame {} was computed", k), "second note"};
  return r;
}

GridShape make_grid(int64_t k, const Frame& frame, int times = few) {
  GridShape grid;
  grid.name = "density";
  grid.unit = "A^-3";
  grid.doc = "density on a grid";
  grid.n[0] = times * (4 + shape_of(k) % 2);
  grid.n[1] = 3;
  grid.n[2] = 2;
  grid.box = frame.box;
  return grid;
}

void write_frame(ResultsWriter& writer, int64_t k, int times = few) {
  const Frame frame = make_frame(k, times);
  const GridShape grid = make_grid(k, frame, times);
  writer.begin_grid(k, grid);
  std::vector<double> planes(static_cast<size_t>(2 * grid.n[1] * grid.n[2]));
  for (int64_t a = 0; a < grid.n[0]; a += 2) {
    const int64_t count = std::min<int64_t>(2, grid.n[0] - a);
    for (size_t i = 0; i < planes.size(); ++i)
      planes[i] = static_cast<double>(100 * k + 6 * a) + static_cast<double>(i);
    writer.write_planes(a, count, planes.data());
  }
  writer.end_grid();
  writer.write(frame, make_results(k, frame));
}

void run(const std::string& path, int64_t n_frames, const ResultsOptions& options = {}, int times = few) {
  const auto writer = open_results(path, some_provenance(), options);
  for (int64_t k = 0; k < n_frames; ++k)
    if (!writer->has_frame(k)) write_frame(*writer, k, times);
  writer->close();
}

// Every dataset of a file as text, by path; of long ones the sum.
void collect(const File& file, const std::string& group, std::map<std::string, std::string>& found) {
  for (const std::string& name : h5::children(file, group)) {
    const std::string path = (group == "/" ? "" : group) + "/" + name;
    if (h5::is_group(file, path)) {
      collect(file, path, found);
    } else {
      const Dataset d = Dataset::open(file, path);
      hsize_t n = 1;
      for (const hsize_t k : d.dims()) n *= k;
      std::string text = fmt::format("{} ", fmt::join(d.dims(), "x"));
      const Dims zero(d.dims().size(), 0);
      if (d.type() == Type::text) {
        text += fmt::format("{}", fmt::join(d.read_text(file, zero, d.dims()), "|"));
      } else if (d.type() == Type::real) {
        std::vector<double> values(n);
        d.read(file, zero, d.dims(), Type::real, values.data());
        text += fmt::format("{}", fmt::join(values, " "));
      } else {
        std::vector<int64_t> values(n);
        d.read(file, zero, d.dims(), Type::int64, values.data());
        text += fmt::format("{}", fmt::join(values, " "));
      }
      found[path] =
          text.size() > 1000 ? fmt::format("{}, {}", fmt::join(d.dims(), "x"), sha256_of_text(text)) : text;
    }
    for (const std::string& attribute : h5::attribute_names(file, path)) {
      std::string& text = found[path + "@" + attribute];
      try {
        text = fmt::format("{}", fmt::join(h5::text_attribute(file, path, attribute), "|"));
      } catch (const InputError&) {
        text = fmt::format("{}", fmt::join(h5::real_attribute(file, path, attribute), " "));
      }
    }
  }
}

std::map<std::string, std::string> contents(const std::string& path) {
  const auto held = h5::lock();
  const File file = File::open(path);
  std::map<std::string, std::string> found;
  collect(file, "/", found);
  return found;
}

TEST(ResultsFile, HoldsEverything) {
  const TempFolder folder;
  const std::string path = folder.file("out.h5");
  run(path, 3);
  EXPECT_FALSE(fs::exists(path + ".partial"));
  EXPECT_FALSE(fs::exists(path + ".tmp"));
  auto found = contents(path);
  EXPECT_EQ(found["/observables/gb_energy/value"], "3 1.5 2.5 3.5");
  EXPECT_EQ(found["/observables/gb_energy/value@unit"], "J m-2");
  EXPECT_EQ(found["/observables/counts/value"], "3x2 0 -1 1 1 2 -1");
  EXPECT_EQ(found["/observables/rdf/g/value"],
            "3x4x2 0 1 2 3 4 5 nan nan 0 1 2 3 4 5 6 7 0 1 2 3 4 5 nan nan");
  EXPECT_EQ(found["/observables/rdf/g/step"], "3 100 200 300");
  EXPECT_EQ(found["/particles/all/number_density/value@unit"], "Ang-3");
  EXPECT_EQ(found["/particles/all/number_density@doc"], "Gaussian density at the atoms");
  EXPECT_EQ(found["/particles/all/coordination@component_names"], "Z1|Z2");
  EXPECT_EQ(found["/particles/all/species@names"], "Cr|Fe|Ni");
  EXPECT_EQ(found["/particles/all/box/edges/value"].substr(0, 24), "3x3x3 11 0 0 0 12.5 0 0 ");
  EXPECT_EQ(found["/grids/density/shape/value"], "3x3 4 3 2 5 3 2 4 3 2");
  EXPECT_EQ(found["/grids/density@doc"], "density on a grid");
  EXPECT_EQ(found["/parameters/grainfield@command"], "grainfield analyze a.dump -o out.h5");
  EXPECT_EQ(found["/parameters/grainfield@version"], "0.1.0");
  EXPECT_EQ(found["/parameters/grainfield/parameters@density.beta"], "3.024");
  EXPECT_EQ(found["/parameters/grainfield/inputs/name"], "2 a.dump|b.dump");
  EXPECT_EQ(found["/parameters/grainfield/inputs/bytes"], "2 12 13");
  EXPECT_EQ(found["/parameters/grainfield/inputs/sha256"],
            "2 " + std::string(64, 'a') + "|" + std::string(64, 'b'));
  EXPECT_EQ(found["/parameters/grainfield/frames/notes"],
            "3 frame 0 was computed\nsecond note|frame 1 was computed\nsecond note|frame 2 was "
            "computed\nsecond note");
  EXPECT_EQ(found["/parameters/grainfield/frames/n_atoms"], "3 40 50 60");

  // Rows of frames with fewer atoms end in the fill value.
  const auto held = h5::lock();
  const File file = File::open(path);
  const Dataset density = Dataset::open(file, "/particles/all/number_density/value");
  ASSERT_EQ(density.dims(), (Dims{3, 60}));
  std::vector<double> rho(180);
  density.read(file, {0, 0}, {3, 60}, Type::real, rho.data());
  for (int k = 0; k < 3; ++k)
    for (int i = 0; i < 60; ++i) {
      const double value = rho[static_cast<size_t>(60 * k + i)];
      if (i < 40 + 10 * k)
        ASSERT_EQ(value, 1000 * k + i + 0.1);
      else
        ASSERT_TRUE(std::isnan(value));
    }
  const Dataset grid = Dataset::open(file, "/grids/density/value");
  ASSERT_EQ(grid.dims(), (Dims{3, 5, 3, 2}));
  std::vector<double> g(90);
  grid.read(file, {0, 0, 0, 0}, {3, 5, 3, 2}, Type::real, g.data());
  for (int k = 0; k < 3; ++k)
    for (int i = 0; i < 30; ++i) {
      if (i < (k == 1 ? 30 : 24))
        ASSERT_EQ(g[static_cast<size_t>(30 * k + i)], 100 * k + i);
      else
        ASSERT_TRUE(std::isnan(g[static_cast<size_t>(30 * k + i)]));
    }
  // Species of all frames refer to the one list.
  const Dataset species = Dataset::open(file, "/particles/all/species/value");
  std::vector<int32_t> type(180);
  species.read(file, {0, 0}, {3, 60}, Type::int32, type.data());
  for (int64_t k = 0; k < 3; ++k) {
    const Frame frame = make_frame(k);
    for (size_t i = 0; i < frame.type.size(); ++i) {
      const std::string expected = frame.species[static_cast<size_t>(frame.type[i])].name;
      const int32_t t = type[static_cast<size_t>(60 * k) + i];
      ASSERT_EQ(t == 0 ? "Cr" : t == 1 ? "Fe" : "Ni", expected);
    }
  }
}

TEST(ResultsFile, OneFrameEqualsItsMerge) {
  const TempFolder folder;
  run(folder.file("one.h5"), 1);  // renamed, not merged
  run(folder.file("two.h5"), 2);
  auto one = contents(folder.file("one.h5"));
  auto two = contents(folder.file("two.h5"));
  EXPECT_EQ(one.size(), two.size());
  for (const auto& [path, text] : one) EXPECT_TRUE(two.count(path)) << path;
  EXPECT_EQ(one["/observables/gb_energy/value"], "1 1.5");
  EXPECT_EQ(one["/grids/density/value@unit"], two["/grids/density/value@unit"]);
}

TEST(ResultsFile, PassesH5mdRules) {
  const TempFolder folder;
  for (const bool compress : {false, true}) {
    run(folder.file("out.h5"), 4, {.compress = compress});
    double density = 0;
    for (int k = 0; k < 4; ++k)
      for (int i = 0; i < 40 + 10 * (k % 3); ++i) density += 1000 * k + i + 0.1;
    GF_EXPECT_H5MD(
        folder.file("out.h5"),
        fmt::format("particles/all/number_density/value=4,60:{} particles/all/coordination/value=4,60,2 "
                    "particles/all/box/edges/value=4,3,3:147 observables/gb_energy/value=4:12 "
                    "grids/density/value=4,5,3,2 parameters/grainfield/inputs/name=2",
                    density));
    run(folder.file("one.h5"), 1, {.compress = compress, .write_positions = false});
    GF_EXPECT_H5MD(folder.file("one.h5"), "particles/all/number_density/value=1,40");
  }
}

TEST(ResultsFile, ResumeKeepsFramesAndRefusesOthers) {
  const TempFolder folder;
  const std::string path = folder.file("out.h5");
  run(folder.file("whole.h5"), 5);
  {
    const auto writer = open_results(path, some_provenance());
    for (const int64_t k : {4, 0, 2}) write_frame(*writer, k);
    EXPECT_TRUE(writer->has_frame(2));
    const GridShape grid = make_grid(1, make_frame(1));
    writer->begin_grid(1, grid);  // cut off in the middle of a frame
  }
  EXPECT_FALSE(fs::exists(path));
  const auto usage = [&](const Provenance& p, const ResultsOptions& options) -> std::string {
    try {
      open_results(path, p, options);
    } catch (const UsageError& e) {
      return e.what();
    }
    return "no UsageError";
  };
  EXPECT_NE(usage(some_provenance(), {}).find("--resume"), std::string::npos);
  Provenance other = some_provenance();
  other.parameters[0].second = "2.9";
  EXPECT_NE(usage(other, {.resume = true})
                .find("\"density.beta\" was [\"density.beta\",\"3.024\"], is [\"density.beta\",\"2.9\"]"),
            std::string::npos)
      << usage(other, {.resume = true});
  other = some_provenance();
  other.command = "another way to say it";
  {
    const auto writer = open_results(path, other, {.resume = true});
    for (int64_t k = 0; k < 5; ++k) EXPECT_EQ(writer->has_frame(k), k % 2 == 0) << k;
  }
  run(path, 5, {.resume = true});
  EXPECT_EQ(contents(path), contents(folder.file("whole.h5")));
  EXPECT_FALSE(fs::exists(path + ".partial"));

  // Resuming a complete run finds everything done; adding frames to it keeps what is there.
  const auto before = fs::last_write_time(path);
  run(path, 5, {.resume = true});
  EXPECT_EQ(fs::last_write_time(path), before);
  run(path, 6, {.resume = true});
  run(folder.file("six.h5"), 6);
  EXPECT_EQ(contents(path), contents(folder.file("six.h5")));
  folder.write("out.h5", "something else");
  EXPECT_NE(usage(some_provenance(), {.resume = true}).find("another file"), std::string::npos);
}

// Only the first frame's own file has what the final file needs: another one that is left alone is merged.
TEST(ResultsFile, ALaterFrameLeftAloneIsComplete) {
  const TempFolder folder;
  const std::string path = folder.file("out.h5"), expected = folder.file("expected.h5");
  {
    const auto writer = open_results(path, some_provenance());
    write_frame(*writer, 1);
    write_frame(*writer, 3);  // species as those of the first
  }
  fs::remove(path + ".partial/frame_000000001.h5");  // a disk that lost it
  open_results(path, some_provenance(), {.resume = true})->close();
  {
    const auto writer = open_results(expected, some_provenance());
    write_frame(*writer, 3);
    writer->close();
  }
  EXPECT_EQ(contents(path), contents(expected));
}

// Frames are compressed once: where they stay.
TEST(ResultsFile, OnlyWhatStaysIsCompressed) {
  const TempFolder folder;
  const std::string path = folder.file("out.h5");
  const auto is_compressed = [](const std::string& name) {
    const auto held = h5::lock();
    const Dataset d = Dataset::open(File::open(name), "/particles/all/number_density/value");
    const h5::Handle plan(H5Dget_create_plist(d.id()), H5Pclose);
    return H5Pget_nfilters(plan.get()) > 0;
  };
  {
    const auto writer = open_results(path, some_provenance(), {.compress = true});
    for (const int64_t k : {0, 1}) write_frame(*writer, k);
  }
  EXPECT_TRUE(is_compressed(path + ".partial/frame_000000000.h5"));  // final, if it stays alone
  EXPECT_FALSE(is_compressed(path + ".partial/frame_000000001.h5"));
  run(path, 3, {.compress = true, .resume = true});
  EXPECT_TRUE(is_compressed(path));
}

std::vector<double> density_of(const std::string& path, hsize_t row, hsize_t n) {
  const auto held = h5::lock();
  const File file = File::open(path);
  std::vector<double> rho(n);
  Dataset::open(file, "/particles/all/number_density/value")
      .read(file, {row, 0}, {1, n}, Type::real, rho.data());
  return rho;
}

// The numbers of a frame are written once: what is kept of it until the end says where they are.
TEST(ResultsFile, NumbersAreWrittenOnce) {
  const TempFolder folder;
  const std::string path = folder.file("out.h5"), whole = folder.file("whole.h5");
  run(whole, 5, {}, many);
  run(folder.file("packed.h5"), 5, {.compress = true}, many);  // all numbers go through HDF5
  auto plain = contents(whole), packed = contents(folder.file("packed.h5"));
  for (auto* of : {&plain, &packed}) of->erase("/parameters/grainfield@fingerprint");  // compressed or not
  EXPECT_EQ(plain, packed);
  {
    const auto writer = open_results(path, some_provenance(), {.seconds_together = 0});
    for (int64_t k = 0; k < 4; ++k) write_frame(*writer, k, many);
  }
  const auto part = [&](int64_t k) { return fmt::format("{}.partial/frame_{:09d}.h5", path, k); };
  for (int64_t k = 0; k < 4; ++k) {
    const Frame frame = make_frame(k, many);
    const auto n = static_cast<hsize_t>(frame.n_atoms());
    const auto found = density_of(part(k), 0, n);
    EXPECT_EQ(found, density_of(whole, static_cast<hsize_t>(k), n)) << k;
    Frame read;  // as a snapshot
    ASSERT_TRUE(open_reader(part(k), {}, "h5md")->next(read));
    ASSERT_EQ(read.n_atoms(), frame.n_atoms());
    EXPECT_EQ(std::memcmp(read.position.data(), frame.position.data(), n * sizeof(Vec3)), 0);
    for (int64_t i = 0; i < frame.n_atoms(); ++i) ASSERT_EQ(read.id_of(i), frame.id_of(i));
    // 7 numbers of 8 bytes for each atom, and a grid; species, of 4, may share chunks with other frames
    const auto bytes = fs::file_size(part(k));
    if (k == 0)
      EXPECT_GT(bytes, 56 * n);
    else
      EXPECT_LT(bytes, 32768 + 60000);
  }
  // Wherever the folder is and the program was started.
  fs::create_directory(folder.file("moved"));
  fs::rename(path + ".partial", folder.file("moved/out.h5.partial"));
  const fs::path here = fs::current_path();
  fs::current_path(folder.file("moved"));
  run("out.h5", 5, {.resume = true}, many);
  fs::current_path(here);
  EXPECT_EQ(contents(folder.file("moved/out.h5")), contents(whole));
  EXPECT_FALSE(fs::exists(folder.file("moved/out.h5.partial")));
}

// Of numbers that a disk lost, none are taken for zeros.
TEST(ResultsFile, FramesWithoutTheirNumbersAreComputedAgain) {
  const TempFolder folder;
  const std::string path = folder.file("out.h5"), rows = path + ".partial/final_0.rows";
  run(folder.file("whole.h5"), 4, {}, many);
  for (const bool all : {false, true}) {
    {
      const auto writer = open_results(path, some_provenance(), {.seconds_together = 0});
      for (int64_t k = 0; k < 4; ++k) write_frame(*writer, k, many);
    }
    if (all)
      fs::remove(rows);
    else
      fs::resize_file(rows, fs::file_size(rows) / 2);
    {
      const auto writer = open_results(path, some_provenance(), {.resume = true});
      EXPECT_TRUE(writer->has_frame(0));
      EXPECT_EQ(writer->has_frame(1), !all);  // the first of three in this file
      EXPECT_FALSE(writer->has_frame(3));
    }
    run(path, 4, {.resume = true}, many);
    EXPECT_EQ(contents(path), contents(folder.file("whole.h5")));
    fs::remove(path);
  }
}

// Frames that come in quick succession share a file, if they are of one shape.
class FramesTogether : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Sizes, FramesTogether, testing::Values(few, many));

TEST_P(FramesTogether, EqualThoseAlone) {
  const TempFolder folder;
  const std::string whole = folder.file("whole.h5");
  constexpr int64_t n_frames = 7;
  const int times = GetParam();
  run(whole, n_frames, {}, times);
  for (const bool together : {false, true}) {
    const std::string path = folder.file(together ? "together.h5" : "alone.h5");
    {
      const auto writer = open_results(path, some_provenance(), {.seconds_together = together ? 1e9 : 0.0});
      for (int64_t k = 0; k < n_frames; ++k) write_frame(*writer, k, times);
    }
    const auto kept = open_results(path, some_provenance(), {.resume = true})->kept_frames();
    ASSERT_EQ(kept.size(), static_cast<size_t>(n_frames));
    for (int64_t k = 0; k < n_frames; ++k) {
      const auto& [number, file, row] = kept[static_cast<size_t>(k)];
      EXPECT_EQ(number, k);
      EXPECT_EQ(fs::path(file).filename(), fmt::format("frame_{:09d}.h5", together ? shape_of(k) : k));
      EXPECT_EQ(row, together ? k - shape_of(k) : 0);
      const Frame frame = make_frame(k, times);
      const auto n = static_cast<hsize_t>(frame.n_atoms());
      EXPECT_EQ(density_of(file, static_cast<hsize_t>(row), n),
                density_of(whole, static_cast<hsize_t>(k), n));
      const auto reader = open_reader(file, {}, "h5md");
      for (int64_t before = 0; before < row; ++before) ASSERT_TRUE(reader->skip());
      Frame read;
      ASSERT_TRUE(reader->next(read));
      ASSERT_EQ(read.n_atoms(), frame.n_atoms());
      EXPECT_EQ(read.step, frame.step);
      EXPECT_EQ(std::memcmp(read.position.data(), frame.position.data(), n * sizeof(Vec3)), 0);
      for (size_t i = 0; i < n; ++i) {
        ASSERT_EQ(read.id_of(static_cast<int64_t>(i)), frame.id_of(static_cast<int64_t>(i)));
        ASSERT_EQ(read.species[static_cast<size_t>(read.type[i])].name,
                  frame.species[static_cast<size_t>(frame.type[i])].name);
      }
    }
    run(path, n_frames, {.resume = true}, times);
    EXPECT_EQ(contents(path), contents(whole));
  }
}

// A frame of the same atoms that lacks a field, or has one more than those before.
TEST_P(FramesTogether, HaveTheSameFields) {
  const TempFolder folder;
  const std::string path = folder.file("out.h5"), whole = folder.file("whole.h5");
  const auto write_all = [&](ResultsWriter& writer) {
    for (int64_t k = 3; k < 7; ++k) {
      if (writer.has_frame(k)) continue;
      const Frame frame = make_frame(k, GetParam());
      FrameResults results = make_results(k, frame);
      if (k == 5) results.fields.erase(results.fields.begin());
      writer.write(frame, results);
    }
  };
  const auto undisturbed = open_results(whole, some_provenance());
  write_all(*undisturbed);
  undisturbed->close();
  write_all(*open_results(path, some_provenance(), {.seconds_together = 1e9}));
  const auto resumed = open_results(path, some_provenance(), {.resume = true});
  const auto kept = resumed->kept_frames();
  ASSERT_EQ(kept.size(), 4u);
  for (const KeptFrame& frame : kept) EXPECT_EQ(frame.row, 0) << frame.frame;
  const auto names = [&](const KeptFrame& frame) {
    const auto held = h5::lock();
    return h5::exists(File::open(frame.file), "/particles/all/number_density");
  };
  for (const KeptFrame& frame : kept) EXPECT_EQ(names(frame), frame.frame != 5);
  resumed->close();
  EXPECT_EQ(contents(path), contents(whole));
}

TEST(ResultsFile, NoMoreThan256FramesShareAFile) {
  const TempFolder folder;
  const std::string path = folder.file("out.h5");
  constexpr int64_t n_frames = 3 + 256 + 2;
  {
    const auto writer = open_results(path, some_provenance(), {.seconds_together = 1e9});
    for (int64_t k = 0; k < n_frames; ++k) write_frame(*writer, k);
  }
  const auto kept = open_results(path, some_provenance(), {.resume = true})->kept_frames();
  ASSERT_EQ(kept.size(), static_cast<size_t>(n_frames));
  const auto name = [&](size_t k) { return fs::path(kept[k].file).filename(); };
  EXPECT_EQ(name(3), "frame_000000003.h5");
  EXPECT_EQ(name(3 + 255), "frame_000000003.h5");
  EXPECT_EQ(name(3 + 256), "frame_000000259.h5");
  run(path, n_frames, {.resume = true});
  run(folder.file("whole.h5"), n_frames);
  EXPECT_EQ(contents(path), contents(folder.file("whole.h5")));
}

// The final file is begun anew where frames come out of order: those that rest on the old one keep it.
TEST_P(FramesTogether, AreKeptWhenFramesComeOutOfOrder) {
  const TempFolder folder;
  const int times = GetParam();
  run(folder.file("whole.h5"), 6, {}, times);
  for (const bool cut_off : {false, true}) {
    const std::string path = folder.file(cut_off ? "resumed.h5" : "out.h5");
    auto writer = open_results(path, some_provenance(), {.seconds_together = 1e9});
    for (const int64_t k : {0, 3, 4, 5, 1}) write_frame(*writer, k, times);
    if (cut_off) {
      writer.reset();
      writer = open_results(path, some_provenance(), {.resume = true});
      EXPECT_EQ(writer->kept_frames().size(), 5u);
    }
    write_frame(*writer, 2, times);
    writer->close();
    EXPECT_EQ(contents(path), contents(folder.file("whole.h5")));
  }
}

// Runs that go on again and again.
TEST(ResultsFile, EveryRunMayLeaveFrames) {
  const TempFolder folder;
  const std::string path = folder.file("out.h5");
  constexpr int64_t n_frames = 7;
  run(folder.file("whole.h5"), n_frames, {}, many);
  for (int64_t done = 0; done < n_frames - 1; done += 3) {
    const auto writer = open_results(path, some_provenance(), {.resume = done > 0});
    EXPECT_EQ(writer->kept_frames().size(), static_cast<size_t>(done));
    for (int64_t k = done; k < done + 3; ++k) write_frame(*writer, k, many);
  }
  run(path, n_frames, {.resume = true}, many);
  EXPECT_EQ(contents(path), contents(folder.file("whole.h5")));
}

TEST(ResultsFile, NamesGivenInTheBackground) {
  const TempFolder folder;
  BackgroundRenames naming;
  for (int k = 0; k < 20; ++k)
    naming.rename(folder.write(fmt::format("{}.tmp", k), "text"), folder.file(fmt::format("{}.h5", k)));
  naming.start_writing_back(folder.file("absent"));
  naming.wait();
  for (int k = 0; k < 20; ++k) EXPECT_TRUE(fs::exists(folder.file(fmt::format("{}.h5", k))));
  naming.rename(folder.file("absent.tmp"), folder.file("absent.h5"));
  EXPECT_THROW(naming.wait(), ResourceError);
  EXPECT_NO_THROW(naming.wait());  // said once
  naming.rename(folder.write("a.tmp", "text"), folder.file("none/a.h5"));
}  // who does not ask is not told

// A child is killed at a random moment, again and again, until a run gets through; the file is that of a run
// that nobody disturbed.
class KilledResultsFile : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Sizes, KilledResultsFile, testing::Values(few, many));

TEST_P(KilledResultsFile, AtRandomMoments) {
  const TempFolder folder;
  constexpr int64_t n_frames = 6;
  const int times = GetParam();
  run(folder.file("whole.h5"), n_frames, {}, times);
  const auto whole = contents(folder.file("whole.h5"));
  const std::string path = folder.file("out.h5");
  std::mt19937 random(3);
  int kills = 0;
  for (int round = 0; round < 2; ++round) {
    fs::remove(path);
    for (int attempt = 0;; ++attempt) {
      ASSERT_LT(attempt, 400);
      const pid_t child = fork();
      if (child == 0) {
        try {
          run(path, n_frames, {.resume = true}, times);
        } catch (const std::exception& e) {
          std::fprintf(stderr, "%s\n", e.what());
          _exit(1);
        }
        _exit(0);
      }
      usleep(static_cast<useconds_t>(random() % (4000 + 3000 * static_cast<unsigned>(attempt))));
      ::kill(child, SIGKILL);
      int status = -1;
      waitpid(child, &status, 0);
      if (WIFSIGNALED(status)) {
        ++kills;
        if (fs::exists(path)) {  // never half a file under the final name
          EXPECT_EQ(contents(path), whole);
        }
        continue;
      }
      ASSERT_TRUE(WIFEXITED(status));
      ASSERT_EQ(WEXITSTATUS(status), 0);
      break;
    }
    EXPECT_EQ(contents(path), whole);
    EXPECT_FALSE(fs::exists(path + ".partial"));
  }
  EXPECT_GT(kills, 2);
}

// A run in a process whose files may have so many bytes: says so in one error, and leaves no file.
void run_until_full(const std::string& path, int64_t n_frames, int times, rlim_t bytes) {
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{bytes, bytes};
    setrlimit(RLIMIT_FSIZE, &limit);
    int result = 1;
    try {
      run(path, n_frames, {}, times);
    } catch (const ResourceError& e) {
      const std::string message = e.what();
      result = message.find(path) == 0 && message.find("File too large") != std::string::npos ? 0 : 2;
      if (result) std::fprintf(stderr, "%s\n", e.what());
    }
    std::exit(result);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_FALSE(fs::exists(path));
}

TEST(ResultsFile, FullDisk) {
  const TempFolder folder;
  const std::string path = folder.file("out.h5");
  run_until_full(path, 2, few, 20000);
  run(path, 2, {.resume = true});  // with room again
  run(folder.file("whole.h5"), 2);
  EXPECT_EQ(contents(path), contents(folder.file("whole.h5")));
}

// The final file, which frames rest on, meets the limit first: those before are kept.
TEST(ResultsFile, FullDiskUnderTheFinalFile) {
  const TempFolder folder;
  const std::string path = folder.file("out.h5");
  run_until_full(path, 6, many, 3500000);  // frames take 0.8 MB
  EXPECT_GE(open_results(path, some_provenance(), {.resume = true})->kept_frames().size(), 3u);
  run(path, 6, {.resume = true}, many);
  run(folder.file("whole.h5"), 6, {}, many);
  EXPECT_EQ(contents(path), contents(folder.file("whole.h5")));
}

TEST(ResultsFile, Refusals) {
  const TempFolder folder;
  EXPECT_THROW(open_results(folder.file("none/out.h5"), some_provenance())->close(), ResourceError);
  EXPECT_THROW(open_results(folder.path(), some_provenance()), ResourceError);
  if (geteuid() != 0) {  // root may write everywhere
    fs::permissions(folder.path(), fs::perms::owner_read | fs::perms::owner_exec);
    EXPECT_THROW(open_results(folder.file("out.h5"), some_provenance()), ResourceError);
    fs::permissions(folder.path(), fs::perms::owner_all);
  }
  const auto writer = open_results(folder.file("out.h5"), some_provenance());
  const GridShape grid = make_grid(0, make_frame(0));
  writer->begin_grid(0, grid);
  const std::vector<double> plane(6, 0.0);
  EXPECT_THROW(writer->write_planes(1, 1, plane.data()), std::logic_error);
  EXPECT_THROW(writer->end_grid(), std::logic_error);
  EXPECT_THROW(writer->write(make_frame(0), make_results(0, make_frame(0))), std::logic_error);
  EXPECT_THROW(writer->close(), std::logic_error);
}

// Test vectors of FIPS 180-4: "abc", and a million times "a" in a file.
TEST(Sha256, TestVectors) {
  EXPECT_EQ(sha256_of_text("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const TempFolder folder;
  const std::string path = folder.write("a", std::string(1000000, 'a'));
  const Provenance::Input input = describe_input(path);
  EXPECT_EQ(input.sha256, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  EXPECT_EQ(input.bytes, 1000000u);
  EXPECT_EQ(input.name, path);
  EXPECT_THROW(describe_input(folder.file("none")), ResourceError);
}

}  // namespace
}  // namespace grainfield
