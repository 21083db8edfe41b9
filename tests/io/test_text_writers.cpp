// The text formats as written, byte by byte, against the formats' own documentation.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <bit>
#include <csignal>
#include <cstdlib>
#include <random>
#include <sstream>

#include "host/error.hpp"
#include "io/writer.hpp"
#include "tests/support/temp_folder.hpp"

namespace grainfield {
namespace {

using test::read_file;
using test::TempFolder;

Column real_column(const std::string& name, int components, std::vector<double> values) {
  Column c;
  c.name = name;
  c.components = components;
  c.real = std::move(values);
  return c;
}

Column integer_column(const std::string& name, int components, std::vector<int64_t> values) {
  Column c;
  c.name = name;
  c.kind = Column::Kind::integer;
  c.components = components;
  c.integer = std::move(values);
  return c;
}

// Three atoms, Fe Cr Fe, with most of what a frame can hold.
Frame small_frame() {
  Frame f;
  f.box = Box({4, 0, 0}, {0, 5, 0}, {0, 0, 6.5}, {-1, 0, 0.25}, true, true, false);
  f.step = 70;
  f.time = 0.07;
  f.position = {{0.1, 0.2, 0.3}, {1.0 / 3, 2, 1e-7}, {-1.5, 123456789.125, 2.5}};
  f.type = {0, 1, 0};
  f.species = {{"Fe", 55.845, 1}, {"Cr", 51.9961, 2}};
  f.id = {7, 3, 11};
  f.columns.push_back(real_column("velocity", 3, {1, 2, 3, -4, 5.5, 6, 0, 0, 2.5}));
  f.columns.push_back(integer_column("image", 3, {0, 0, 1, -1, 0, 0, 2, 0, 0}));
  f.columns.push_back(real_column("c_pe", 1, {-4.25, -4, -3.5}));
  f.columns.push_back(real_column("stress", 2, {1, 2, 3, 4, 5, 6}));
  return f;
}

std::string written(const Frame& frame, const std::string& name, const WriteOptions& options = {}) {
  const TempFolder folder;
  const auto writer = open_writer(folder.file(name), options);
  writer->write(frame);
  writer->close();
  return read_file(folder.file(name));
}

TEST(TextWriters, ExtxyzHoldsEverything) {
  Frame f = small_frame();
  f.info = {{"config_type", "bulk"}, {"note", "say \"hi\" now"}, {"step", "99"}};
  EXPECT_EQ(written(f, "a.xyz"),
            "3\n"
            "Lattice=\"4 0 0 0 5 0 0 0 6.5\" Origin=\"-1 0 0.25\" "
            "Properties=species:S:1:pos:R:3:id:I:1:velo:R:3:image:I:3:c_pe:R:1:stress:R:2 pbc=\"T T F\" "
            "step=70 time=0.07 "
            "config_type=bulk note=\"say \\\"hi\\\" now\"\n"
            "Fe 0.1 0.2 0.3 7 1 2 3 0 0 1 -4.25 1 2\n"
            "Cr 0.3333333333333333 2 1e-07 3 -4 5.5 6 -1 0 0 -4 3 4\n"
            "Fe -1.5 123456789.125 2.5 11 0 0 2.5 2 0 0 -3.5 5 6\n");
  f.has_box = false;
  f.columns.clear();
  f.id.clear();
  f.info.clear();
  f.step = 0;
  f.time = 0;
  f.species[1].name = "";
  EXPECT_EQ(written(f, "a.extxyz"),
            "3\nProperties=species:S:1:pos:R:3 pbc=\"F F F\"\n"
            "Fe 0.1 0.2 0.3\n2 0.3333333333333333 2 1e-07\nFe -1.5 123456789.125 2.5\n");
}

TEST(TextWriters, LammpsDataOrthogonal) {
  EXPECT_EQ(
      written(small_frame(), "a.data"),
      "LAMMPS data file written by grainfield, units = metal, boundary = p p f, timestep = 70\n\n3 atoms\n2 "
      "atom types\n\n"
      "-1 3 xlo xhi\n0 5 ylo yhi\n0.25 6.75 zlo zhi\n\n"
      "Masses\n\n1 55.845  # Fe\n2 51.9961  # Cr\n\n"
      "Atoms # atomic\n\n"
      "7 1 0.1 0.2 0.3 0 0 1\n3 2 0.3333333333333333 2 1e-07 -1 0 0\n11 1 -1.5 123456789.125 2.5 2 0 0\n\n"
      "Velocities\n\n7 1 2 3\n3 -4 5.5 6\n11 0 0 2.5\n");
}

TEST(TextWriters, LammpsDataCellsTypesAndCharges) {
  Frame f;
  f.position = {{1, 2, 3}, {4, 5, 6}};
  f.type = {0, 1};
  f.species = {{"Fe2+", 0, 2}, {"O", 0, 1}};  // labels exchange the types; "Fe2+" has no known mass
  f.columns.push_back(real_column("charge", 1, {2, -2}));
  f.box = Box({8, 0, 0}, {1, 9, 0}, {2, -3, 7});
  EXPECT_EQ(
      written(f, "a.lmp"),
      "LAMMPS data file written by grainfield, units = metal, boundary = p p p\n\n2 atoms\n2 atom types\n\n"
      "0 8 xlo xhi\n0 9 ylo yhi\n0 7 zlo zhi\n1 2 -3 xy xz yz\n\n"
      "Atom Type Labels\n\n1 O\n2 Fe2+\n\nAtoms # charge\n\n1 2 2 1 2 3\n2 1 -2 4 5 6\n");
  f.box = Box({0, 8, 0}, {-9, 1, 0}, {2, -3, 7}, {0.5, 0, -1});
  const std::string general = written(f, "a.lmp");
  EXPECT_NE(general.find("\n0 8 0 avec\n-9 1 0 bvec\n2 -3 7 cvec\n0.5 0 -1 abc origin\n"), std::string::npos)
      << general;
  EXPECT_EQ(general.find("xlo"), std::string::npos) << general;
  f.id = {1, 0};
  EXPECT_THROW(written(f, "a.lmp"), InputError);
}

TEST(TextWriters, LammpsDump) {
  Frame f = small_frame();
  EXPECT_EQ(written(f, "a.dump"),
            "ITEM: TIME\n0.07\nITEM: TIMESTEP\n70\nITEM: NUMBER OF ATOMS\n3\nITEM: BOX BOUNDS pp pp ff\n-1 "
            "3\n0 5\n0.25 6.75\n"
            "ITEM: ATOMS id type element x y z vx vy vz ix iy iz c_pe stress[1] stress[2]\n"
            "7 1 Fe 0.1 0.2 0.3 1 2 3 0 0 1 -4.25 1 2\n"
            "3 2 Cr 0.3333333333333333 2 1e-07 -4 5.5 6 -1 0 0 -4 3 4\n"
            "11 1 Fe -1.5 123456789.125 2.5 0 0 2.5 2 0 0 -3.5 5 6\n");
  f.columns.clear();
  f.time = 0;
  f.species[1].name = "";
  f.box = Box({8, 0, 0}, {-1, 9, 0}, {2, -3, 7});
  std::string text = written(f, "a.lammpstrj");
  EXPECT_NE(text.find("ITEM: BOX BOUNDS xy xz yz pp pp pp\n-1 10 -1\n-3 9 2\n0 7 -3\nITEM: ATOMS id type x y "
                      "z\n7 1 0.1 "),
            std::string::npos)
      << text;
  f.box = Box({0, 8, 0}, {-9, 1, 0}, {2, -3, 7}, {0.5, 0, -1});
  text = written(f, "a.dump");
  EXPECT_NE(text.find("ITEM: BOX BOUNDS abc origin pp pp pp\n0 8 0 0.5\n-9 1 0 0\n2 -3 7 -1\n"),
            std::string::npos)
      << text;
}

TEST(TextWriters, PoscarGroupsSpecies) {
  Frame f = small_frame();
  EXPECT_EQ(written(f, "POSCAR_x"),
            "Lengths in A; atoms grouped by species\n1.0\n 4 0 0\n 0 5 0\n 0 0 6.5\n Fe Cr\n 2 1\nCartesian\n"
            " 1.1 0.2 0.04999999999999999\n -0.5 123456789.125 2.25\n 1.3333333333333333 2 -0.2499999\n"
            "Cartesian\n 0.001 0.002 0.003\n 0 0 0.0025\n -0.004 0.0055 0.006\n");
  f.species[1].name = "";
  f.columns.clear();
  EXPECT_NE(written(f, "a.vasp").find(" 0 0 6.5\n 2 1\nCartesian\n"), std::string::npos);
}

TEST(TextWriters, MlipCfg) {
  Frame f = small_frame();
  f.columns = {real_column("force", 3, {1, 2, 3, 4, 5, 6, 7, 8, 9}), real_column("other", 1, {0, 0, 0})};
  f.box.origin = {};
  f.info = {{"energy", "-12.5"}, {"plus_stress", "1 2 3 4 5 6"}, {"EFS_by", "DFT run"}};
  EXPECT_EQ(
      written(f, "a.cfg"),
      "BEGIN_CFG\n Size\n    3\n Supercell\n    4 0 0\n    0 5 0\n    0 0 6.5\n"
      " AtomData:  id type cartes_x cartes_y cartes_z fx fy fz\n"
      "  7 0 0.1 0.2 0.3 1 2 3\n  3 1 0.3333333333333333 2 1e-07 4 5 6\n  11 0 -1.5 123456789.125 2.5 7 8 9\n"
      " Energy\n    -12.5\n PlusStress:  xx yy zz yz xz xy\n    1 2 3 4 5 6\n Feature   EFS_by DFT "
      "run\nEND_CFG\n\n");
}

// Random bit patterns survive as text: the shortest digits read back as the same double.
TEST(TextWriters, DigitsRoundTrip) {
  std::mt19937_64 random(7);
  Frame f;
  const int n = 30000;  // several parallel pieces
  f.species = {{"Fe", 0, 1}};
  f.type.assign(n, 0);
  Column bits = real_column("v", 1, {});
  for (int i = 0; i < n; ++i) {
    f.position.push_back({static_cast<double>(random()) * 0x1p-60, 1.0 / (i + 1), -static_cast<double>(i)});
    double v = 0;
    do v = std::bit_cast<double>(random());
    while (!std::isfinite(v));
    bits.real.push_back(v);
  }
  f.columns.push_back(bits);
  std::istringstream in(written(f, "a.xyz", {.threads = 3}));
  std::string line;
  std::getline(in, line);
  std::getline(in, line);
  for (int i = 0; i < n; ++i) {
    std::getline(in, line);
    const char* p = line.c_str() + 2;
    char* end = nullptr;
    const double expected[] = {f.position[i].x, f.position[i].y, f.position[i].z, bits.real[i]};
    for (const double e : expected) {
      const double found = std::strtod(p, &end);
      ASSERT_EQ(std::bit_cast<uint64_t>(found), std::bit_cast<uint64_t>(e)) << line;
      p = end;
    }
  }
  EXPECT_FALSE(std::getline(in, line));
}

std::string gunzip(const std::string& path) {
  gzFile file = gzopen(path.c_str(), "rb");
  std::string text;
  char buffer[65536];
  for (int n; (n = gzread(file, buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<size_t>(n));
  EXPECT_EQ(gzclose(file), Z_OK);
  return text;
}

std::string unzstd(const std::string& path) {
  const std::string packed = read_file(path);
  std::string text;
  ZSTD_DStream* stream = ZSTD_createDStream();
  ZSTD_inBuffer in{packed.data(), packed.size(), 0};
  std::vector<char> piece(ZSTD_DStreamOutSize());
  while (in.pos < in.size) {
    ZSTD_outBuffer out{piece.data(), piece.size(), 0};
    const size_t status = ZSTD_decompressStream(stream, &out, &in);
    EXPECT_FALSE(ZSTD_isError(status));
    if (ZSTD_isError(status)) break;
    text.append(piece.data(), out.pos);
  }
  ZSTD_freeDStream(stream);
  return text;
}

TEST(TextWriters, CompressionAndThreadsChangeNothing) {
  const TempFolder folder;
  Frame f;
  f.species = {{"Cu", 0, 1}};
  f.type.assign(50000, 0);
  for (int i = 0; i < 50000; ++i) f.position.push_back({i * 0.1, i * 0.7, i * 1.3});
  std::string plain[2], gz[2], zst[2];
  for (int k = 0; k < 2; ++k) {
    for (const char* name : {"a.dump", "a.dump.gz", "a.dump.zst"}) {
      const auto writer = open_writer(folder.file(name), {.threads = k == 0 ? 1 : 4});
      writer->write(f);
      writer->write(f);
      writer->close();
    }
    plain[k] = read_file(folder.file("a.dump"));
    gz[k] = read_file(folder.file("a.dump.gz"));
    zst[k] = read_file(folder.file("a.dump.zst"));
    EXPECT_EQ(gunzip(folder.file("a.dump.gz")), plain[k]);
    EXPECT_EQ(unzstd(folder.file("a.dump.zst")), plain[k]);
  }
  EXPECT_GT(plain[0].size(), 1000000u);
  EXPECT_LT(gz[0].size(), plain[0].size() / 2);
  EXPECT_EQ(plain[0], plain[1]);
  EXPECT_EQ(gz[0], gz[1]);
  EXPECT_EQ(zst[0], zst[1]);
}

TEST(TextWriters, AppearOnlyWhenComplete) {
  const TempFolder folder;
  const std::string path = folder.file("a.xyz");
  folder.write("a.xyz", "old");
  {
    const auto writer = open_writer(path);
    writer->write(small_frame());
    EXPECT_TRUE(std::filesystem::exists(path + ".partial"));
    EXPECT_EQ(read_file(path), "old");
  }
  EXPECT_FALSE(std::filesystem::exists(path + ".partial"));
  EXPECT_EQ(read_file(path), "old");
  const auto writer = open_writer(path);
  writer->write(small_frame());
  writer->close();
  EXPECT_FALSE(std::filesystem::exists(path + ".partial"));
  EXPECT_EQ(read_file(path).substr(0, 2), "3\n");
}

template <class Error>
std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error of the expected type";
}

TEST(TextWriters, Refusals) {
  const TempFolder folder;
  Frame f = small_frame();
  for (const char* name : {"a.data", "POSCAR"}) {
    const auto writer = open_writer(folder.file(name));
    writer->write(f);
    EXPECT_NE(message_of<UsageError>([&] { writer->write(f); }).find("--frames"), std::string::npos) << name;
  }
  EXPECT_NE(message_of<UsageError>([&] { open_writer(folder.file("a.pdb")); }).find("a.pdb: the name"),
            std::string::npos);
  EXPECT_NE(message_of<UsageError>([&] { open_writer(folder.file("a.xyz"), {}, "pdb"); }).find("'pdb'"),
            std::string::npos);
  f.columns.back().real.pop_back();
  EXPECT_NE(message_of<InputError>([&] { written(f, "a.xyz"); }).find("column stress has 5 values"),
            std::string::npos);
  f = small_frame();
  f.position[1].y = NAN;
  EXPECT_NE(message_of<InputError>([&] { written(f, "a.xyz"); }).find("frame 0: atom 3"), std::string::npos);
  EXPECT_NE(message_of<ResourceError>([&] { open_writer(folder.file("none/a.xyz")); }).find("none/a.xyz"),
            std::string::npos);
  EXPECT_NE(message_of<ResourceError>([&] { open_writer(folder.path(), {}, "extxyz"); }).find("folder"),
            std::string::npos);
}

// A full disk, played by a limit on the size of files, in a process of its own.
TEST(TextWriters, FullDisk) {
  const TempFolder folder;
  for (const char* name : {"a.dump", "a.dump.gz"}) {
    const pid_t child = fork();
    if (child == 0) {
      std::signal(SIGXFSZ, SIG_IGN);
      const rlimit limit{4096, 4096};
      setrlimit(RLIMIT_FSIZE, &limit);
      Frame f;
      f.species = {{"Cu", 0, 1}};
      f.type.assign(20000, 0);
      for (int i = 0; i < 20000; ++i) f.position.push_back({i * 0.1, i * 0.7, i * 1.3});
      const std::string message = message_of<ResourceError>([&] {
        const auto writer = open_writer(folder.file(name));
        writer->write(f);
        writer->close();
      });
      _exit(message.find(folder.file(name) + ": cannot write: File too large") == 0 ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0) << name;
    EXPECT_TRUE(std::filesystem::is_empty(folder.path())) << name;
  }
}

}  // namespace
}  // namespace grainfield
