// Every text format from small files written here, and the reference structures where they are there.
#include <gtest/gtest.h>
#include <zlib.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>

#include "host/error.hpp"
#include "io/reader.hpp"
#include "tests/support/shared.hpp"
#include "tests/support/temp_folder.hpp"

namespace grainfield {
namespace {

namespace fs = std::filesystem;

class Readers : public testing::Test {
 protected:
  std::string file(const std::string& name, const std::string& text) { return folder_.write(name, text); }

  Frame read(const std::string& name, const std::string& text, const ReadOptions& options = {},
             const std::string& format = "") {
    auto reader = open_reader(file(name, text), options, format);
    Frame frame;
    EXPECT_TRUE(reader->next(frame));
    Frame none;
    EXPECT_FALSE(reader->next(none));
    format_ = reader->format();
    return frame;
  }

  test::TempFolder folder_;
  std::string format_;
};

void expect_near(Vec3 a, Vec3 b, double tolerance = 1e-14) {
  for (int k = 0; k < 3; ++k)
    EXPECT_NEAR(a[k], b[k], tolerance * std::max(1.0, std::fabs(b[k]))) << "component " << k;
}

TEST_F(Readers, LammpsDumpOfAnyColumnOrder) {
  const Frame f = read("a.bin",
                       "ITEM: UNITS\nmetal\nITEM: TIME\n0.25\nITEM: TIMESTEP\n250\nITEM: NUMBER OF ATOMS\n3\n"
                       "ITEM: BOX BOUNDS pp ff ss\n-1 9\n0 5e0\n0 4\n"
                       "ITEM: ATOMS fz z id vx c_s[1] c_s[2] vy y type vz mol x fx fy c_v[2] q\n"
                       "3 2.5 7 .5 10 20 -1 1.5 2 1e-3 4 0.5 1 2 8 -0.5\n"
                       "6 0 3 1 30 40 2 0 1 3 5 +1 4 5 9 0.25\r\n"
                       "9 1 12 1 50 60 2 1 2 3 6 1 7 8 7 1");
  EXPECT_EQ(format_, "lammps-dump");
  EXPECT_EQ(f.step, 250);
  EXPECT_EQ(f.time, 0.25);
  ASSERT_EQ(f.n_atoms(), 3);
  EXPECT_EQ(f.id, (std::vector<int64_t>{7, 3, 12}));
  EXPECT_EQ(f.type, (std::vector<int32_t>{1, 0, 1}));
  ASSERT_EQ(f.species.size(), 2u);
  EXPECT_EQ(f.species[1].label, 2);
  expect_near(f.position[0], {0.5, 1.5, 2.5});
  expect_near(f.box.origin, {-1, 0, 0});
  expect_near(f.box.a, {10, 0, 0});
  EXPECT_TRUE(f.box.periodic[0]);
  EXPECT_FALSE(f.box.periodic[1]);
  EXPECT_FALSE(f.box.periodic[2]);
  const Column* v = f.find_column("velocity");
  ASSERT_TRUE(v);
  EXPECT_EQ(v->real, (std::vector<double>{0.5, -1, 1e-3, 1, 2, 3, 1, 2, 3}));
  EXPECT_EQ(f.find_column("force")->real, (std::vector<double>{1, 2, 3, 4, 5, 6, 7, 8, 9}));
  EXPECT_EQ(f.find_column("c_s")->components, 2);
  EXPECT_EQ(f.find_column("c_s")->real, (std::vector<double>{10, 20, 30, 40, 50, 60}));
  EXPECT_EQ(f.find_column("mol")->integer, (std::vector<int64_t>{4, 5, 6}));
  EXPECT_EQ(f.find_column("c_v[2]")->real, (std::vector<double>{8, 9, 7}));
  EXPECT_EQ(f.find_column("charge")->real, (std::vector<double>{-0.5, 0.25, 1}));
}

const char* const triclinic_bounds =  // xlo 0 xhi 4, ylo 1 yhi 4, zlo 2 zhi 4; xy 1, xz -2, yz 0.5
    "ITEM: BOX BOUNDS xy xz yz pp pp pp\n-2 5 1\n1 4.5 -2\n2 4 0.5\n";

TEST_F(Readers, LammpsDumpTriclinicAndScaled) {
  const std::string head = "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n1\n";
  for (const char* columns : {"xs ys zs", "xsu ysu zsu"}) {
    const Frame f =
        read("t.dump", head + triclinic_bounds + "ITEM: ATOMS id type " + columns + "\n1 1 0.5 0.25 1.5\n");
    expect_near(f.box.a, {4, 0, 0});
    expect_near(f.box.b, {1, 3, 0});
    expect_near(f.box.c, {-2, 0.5, 2});
    expect_near(f.box.origin, {0, 1, 2});
    expect_near(f.position[0], {0 + 2 + 0.25 - 3, 1 + 0.75 + 0.75, 2 + 3});
  }
  const Frame u = read("u.dump", head + triclinic_bounds + "ITEM: ATOMS id type xu yu zu\n1 1 0.5 0.25 15\n");
  expect_near(u.position[0], {0.5, 0.25, 15});
}

// Both tilts of one sign: the bounds are those of the corner at b + c.
TEST_F(Readers, LammpsDumpTiltsOfOneSign) {
  const std::string head =
      "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n0\nITEM: BOX BOUNDS xy xz yz pp pp pp\n";
  const Frame left = read("l.dump", head + "-3 4 -1\n1 4.5 -2\n2 4 0.5\nITEM: ATOMS id type x y z\n");
  expect_near(left.box.origin, {0, 1, 2});
  expect_near(left.box.a, {4, 0, 0});
  const Frame right = read("r.dump", head + "0 7 1\n0.5 4 2\n2 4 -0.5\nITEM: ATOMS id type x y z\n");
  expect_near(right.box.origin, {0, 1, 2});
  expect_near(right.box.a, {4, 0, 0});
  expect_near(right.box.b, {1, 3, 0});
}

TEST_F(Readers, LammpsDumpGeneralTriclinic) {
  const Frame f = read("g.dump",
                       "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n1\nITEM: BOX BOUNDS abc origin pp pp ff\n"
                       "0 2 0 1\n-3 0 0 2\n0 0 4 3\nITEM: ATOMS id type xs ys zs\n1 1 0.5 0.5 0.5\n");
  expect_near(f.box.a, {0, 2, 0});
  expect_near(f.box.b, {-3, 0, 0});
  expect_near(f.box.origin, {1, 2, 3});
  EXPECT_FALSE(f.box.periodic[2]);
  expect_near(f.position[0], {1 - 1.5, 3, 5});
}

TEST_F(Readers, LammpsDumpSpecies) {
  const std::string head =
      "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n2\nITEM: BOX BOUNDS pp pp pp\n0 1\n0 1\n0 1\nITEM: ATOMS "
      "id ";
  const Frame e = read("e.dump", head + "type element x y z\n1 2 Cr 0 0 0\n2 1 Fe 0 0 0\n");
  EXPECT_EQ(e.species[0].name, "Fe");
  EXPECT_EQ(e.species[1].name, "Cr");
  EXPECT_EQ(e.type, (std::vector<int32_t>{1, 0}));
  const Frame m = read("m.dump", head + "type mass x y z\n1 2 63.55 0 0 0\n2 1 55.845 0 0 0\n");
  EXPECT_EQ(m.species[0].name, "Fe");
  EXPECT_EQ(m.species[1].name, "Cu");
  EXPECT_EQ(m.species[1].mass, 63.55);
  EXPECT_FALSE(m.find_column("mass"));
  const Frame only = read("o.dump", head + "element x y z\n1 Ni 0 0 0\n2 Al 0 0 0\n");
  EXPECT_EQ(only.species[0].name, "Al");
  EXPECT_EQ(only.type, (std::vector<int32_t>{1, 0}));
  ReadOptions options;
  options.species = {"W", "Mo", "Ta"};
  const Frame o = read("s.dump", head + "type element x y z\n1 2 Cr 0 0 0\n2 1 Fe 0 0 0\n", options);
  ASSERT_EQ(o.species.size(), 3u);
  EXPECT_EQ(o.species[1].name, "Mo");
}

TEST_F(Readers, LammpsDumpRealUnits) {
  const Frame f =
      read("r.dump",
           "ITEM: UNITS\nreal\nITEM: TIME\n500\nITEM: TIMESTEP\n5\nITEM: NUMBER OF ATOMS\n1\n"
           "ITEM: BOX BOUNDS pp pp pp\n0 1\n0 1\n0 1\nITEM: ATOMS id type x y z vx vy vz fx fy fz\n"
           "1 1 0 0 0 0.01 0 0 23.06054783 0 0\n");
  EXPECT_DOUBLE_EQ(f.time, 0.5);
  EXPECT_DOUBLE_EQ(f.find_column("velocity")->real[0], 10);
  EXPECT_NEAR(f.find_column("force")->real[0], 1, 1e-8);  // 23.0605 kcal/mol = 1 eV (CODATA 2018)
}

TEST_F(Readers, LammpsDataStyles) {
  const std::string head = "title\n\n2 atoms # two\n2 atom types\n\n0 4 xlo xhi\n-1 2 ylo yhi\n0 2 zlo zhi\n";
  const Frame atomic =
      read("a.data", head +
                         "1 0.5 -0.25 xy xz yz\n\nMasses\n\n1 55.845\n2 58.693 # Ni\n\n"
                         "Atoms # atomic\n\n2 1 0.5 0.5 0.5 # first\n1 2 1 1 1\n\nVelocities\n\n"
                         "1 1 2 3\n2 4 5 6\n");
  EXPECT_EQ(format_, "lammps-data");
  EXPECT_EQ(atomic.id, (std::vector<int64_t>{2, 1}));
  EXPECT_EQ(atomic.type, (std::vector<int32_t>{0, 1}));
  EXPECT_EQ(atomic.species[0].name, "Fe");
  EXPECT_EQ(atomic.species[1].name, "Ni");
  expect_near(atomic.box.b, {1, 3, 0});
  expect_near(atomic.box.c, {0.5, -0.25, 2});
  expect_near(atomic.box.origin, {0, -1, 0});
  EXPECT_EQ(atomic.find_column("velocity")->real, (std::vector<double>{4, 5, 6, 1, 2, 3}));

  const Frame charge =
      read("c.data", head + "\nAtoms # charge\n\n1 1 -0.5 1 2 3 0 1 -1\n2 2 1 1 2 3 0 0 0\n");
  EXPECT_TRUE(charge.id.empty());
  EXPECT_EQ(charge.find_column("charge")->real, (std::vector<double>{-0.5, 1}));
  EXPECT_EQ(charge.find_column("image")->integer, (std::vector<int64_t>{0, 1, -1, 0, 0, 0}));
  const Frame guessed = read("d.data", head + "\nAtoms\n\n1 1 -0.5 1 2 3\n2 2 1 1 2 3\n");
  EXPECT_EQ(guessed.find_column("charge")->real, (std::vector<double>{-0.5, 1}));
  const Frame full = read("f.data", head + "\nAtoms\n\n1 9 1 -0.5 1 2 3\n2 8 2 1 1 2 3\n");
  EXPECT_EQ(full.find_column("mol")->integer, (std::vector<int64_t>{9, 8}));
  EXPECT_EQ(full.find_column("charge")->real, (std::vector<double>{-0.5, 1}));
  expect_near(full.position[1], {1, 2, 3});
}

TEST_F(Readers, LammpsDataLabelsAndOtherSections) {
  const Frame f =
      read("l.data",
           "LAMMPS data file via write_data, version 2 Aug 2023, timestep = 42, units = metal\n\n"
           "3 atoms\n2 atom types\n1 bonds\n1 bond types\n\n0 4 xlo xhi\n0 4 ylo yhi\n0 4 zlo zhi\n\n"
           "Atom Type Labels\n\n1 Fe\n2 Cr\n\nMasses\n\nFe 55.845\nCr 51.9961\n\n"
           "Pair Coeffs # eam\n\nFe Fe 1.0\nCr Cr 2.0\n\n"
           "Atoms # molecular\n\n1 1 Cr 0 0 0\n2 1 Fe 1 1 1\n3 1 2 2 2 2\n\nBonds\n\n1 1 1 2\n");
  EXPECT_EQ(f.step, 42);
  EXPECT_EQ(f.species[0].name, "Fe");
  EXPECT_EQ(f.species[1].mass, 51.9961);
  EXPECT_EQ(f.type, (std::vector<int32_t>{1, 0, 1}));
}

// Sections of other programs, before, between and after the known ones.
TEST_F(Readers, LammpsDataUnknownSections) {
  const std::string other = "Grain Boundaries\n\n1 north 2\n2 south 3\n\n";
  const Frame f =
      read("s.data", "t\n\n1 atoms\n1 atom types\n0 4 xlo xhi\n0 4 ylo yhi\n0 4 zlo zhi\n\n" + other +
                         "Masses\n\n1 55.845\n\n" + other + "Atoms # atomic\n\n1 1 1 2 3\n\n" + other);
  expect_near(f.position.at(0), {1, 2, 3});
  EXPECT_EQ(f.species.at(0).name, "Fe");
}

// A header with very many types costs no more than the atoms that are there.
TEST_F(Readers, LammpsDataManyTypes) {
  const Frame f = read("m.data",
                       "t\n\n2 atoms\n900000 atom types\n0 4 xlo xhi\n0 4 ylo yhi\n0 4 zlo zhi\n\n"
                       "Atoms # atomic\n\n1 700000 1 2 3\n2 5 1 1 1\n");
  ASSERT_EQ(f.species.size(), 2u);
  EXPECT_EQ(f.species[0].label, 5);
  EXPECT_EQ(f.type, (std::vector<int32_t>{1, 0}));
}

TEST_F(Readers, LammpsDataGeneralTriclinic) {
  const Frame f =
      read("g.data",
           "t\n\n1 atoms\n1 atom types\n\n0 2 0 avec\n-3 0 0 bvec\n0 0 4 cvec\n1 2 3 abc origin\n\n"
           "Atoms # atomic\n\n1 1 0 0 0\n");
  expect_near(f.box.b, {-3, 0, 0});
  expect_near(f.box.origin, {1, 2, 3});
}

TEST_F(Readers, ExtendedXyz) {
  const Frame f =
      read("x.xyz",
           "2\nLattice=\"4 0 0 1 5 0 0 0 6\" Origin=\"-1 -2 -3\" "
           "Properties=species:S:1:pos:R:3:velo:R:3:forces:R:3:grain:I:1:fixed:L:1:tag:S:1:id:I:1 "
           "pbc=\"T F T\" step=7 time=0.5 name='a b' energy=-3.5 note=\"say \\\"hi\\\"\" flag v={1 2}\n"
           "Ni 1 2 3 4 5 6 7 8 9 1 T x 5\nAl 3 2 1 6 5 4 9 8 7 2 F y 6\n");
  EXPECT_EQ(format_, "extxyz");
  ASSERT_EQ(f.n_atoms(), 2);
  EXPECT_EQ(f.species[0].name, "Al");
  EXPECT_EQ(f.type, (std::vector<int32_t>{1, 0}));
  expect_near(f.box.b, {1, 5, 0});
  expect_near(f.box.origin, {-1, -2, -3});
  EXPECT_FALSE(f.box.periodic[1]);
  EXPECT_EQ(f.step, 7);
  EXPECT_EQ(f.time, 0.5);
  EXPECT_EQ(f.id, (std::vector<int64_t>{5, 6}));
  EXPECT_EQ(f.find_column("velocity")->real, (std::vector<double>{4, 5, 6, 6, 5, 4}));
  EXPECT_EQ(f.find_column("force")->real, (std::vector<double>{7, 8, 9, 9, 8, 7}));
  EXPECT_EQ(f.find_column("grain")->integer, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(f.find_column("fixed")->integer, (std::vector<int64_t>{1, 0}));
  EXPECT_EQ(f.find_column("tag")->text, (std::vector<std::string>{"x", "y"}));
  const std::map<std::string, std::string> info(f.info.begin(), f.info.end());
  EXPECT_EQ(info.at("name"), "a b");
  EXPECT_EQ(info.at("energy"), "-3.5");
  EXPECT_EQ(info.at("note"), "say \"hi\"");
  EXPECT_EQ(info.at("flag"), "T");
  EXPECT_EQ(info.at("v"), "1 2");
}

TEST_F(Readers, PlainXyzGetsAFreeBox) {
  const Frame f = read("p.xyz", "2\njust a comment\nFe 0 1 2\nFe 3 -1 2 extra\n");
  EXPECT_FALSE(f.has_box);
  EXPECT_FALSE(f.box.periodic[0] || f.box.periodic[1] || f.box.periodic[2]);
  for (const Vec3& r : f.position)
    for (int k = 0; k < 3; ++k) {
      EXPECT_GT(f.box.fractional(r)[k], 0);
      EXPECT_LT(f.box.fractional(r)[k], 1);
    }
  expect_near(f.box.a, {5, 0, 0});
  const Frame wire = read(
      "w.xyz", "1\nLattice=\"0 0 0 0 0 0 1 1 1\" pbc=\"F F T\" Properties=species:S:1:pos:R:3\nW 1 2 3\n");
  EXPECT_TRUE(wire.has_box);
  EXPECT_GT(wire.box.volume(), 0);
  expect_near(wire.box.c, {1, 1, 1});
  EXPECT_NEAR(dot(wire.box.a, wire.box.c), 0, 1e-14);
  const Vec3 s = wire.box.fractional(wire.position[0]);
  EXPECT_NEAR(s.x, 0.5, 1e-14);
  EXPECT_NEAR(s.y, 0.5, 1e-14);
}

TEST_F(Readers, XyzWithNumbers) {
  const Frame z =
      read("z.xyz", "2\nLattice=\"4 0 0 0 5 0 0 0 6\" Properties=Z:I:1:pos:R:3\n28 0 0 0\n13 1 1 1\n");
  EXPECT_EQ(z.species[0].name, "Al");
  EXPECT_EQ(z.type, (std::vector<int32_t>{1, 0}));
  ReadOptions options;
  options.species = {"Fe", "Cr"};
  const Frame t = read("t.xyz", "2\nAtoms. Timestep: 0\n2 0 0 0\n1 1 1 1\n", options);
  EXPECT_EQ(t.species[1].name, "Cr");
  EXPECT_EQ(t.type, (std::vector<int32_t>{1, 0}));
}

TEST_F(Readers, Poscar) {
  const Frame f =
      read("POSCAR",
           "Fe and Cr\n2.0\n2 0 0\n0 3 0\n0 0 4\nFe_pv Cr\n1 2\nSelective dynamics\nDirect\n"
           "0.5 0.5 0.5 T F T Fe\n0 0 0 F F F\n0.25 0 0 T T T Cr\n \n0.001 0 0\n0 0.002 0\n0 0 0.003\n");
  EXPECT_EQ(format_, "poscar");
  expect_near(f.box.b, {0, 6, 0});
  expect_near(f.position[0], {2, 3, 4});
  EXPECT_EQ(f.species[0].name, "Fe");
  EXPECT_EQ(f.type, (std::vector<int32_t>{0, 1, 1}));
  EXPECT_EQ(f.find_column("selective_dynamics")->integer, (std::vector<int64_t>{1, 0, 1, 0, 0, 0, 1, 1, 1}));
  EXPECT_DOUBLE_EQ(f.find_column("velocity")->real[4], 2);

  const Frame volume = read("c.vasp", "Al\n-48\n1 0 0\n0 2 0\n0 0 3\n1\nCartesian\n1 1 1\n");
  EXPECT_NEAR(volume.box.volume(), 48, 1e-12);
  expect_near(volume.position[0], {2, 2, 2});
  EXPECT_EQ(volume.species[0].name, "Al");
  const Frame three = read("d.vasp", "x\n1 2 3\n1 0 0\n0 2 0\n0 0 3\n1\nCartesian\n1 1 1\n\n");
  expect_near(three.position[0], {1, 2, 3});
  expect_near(three.box.c, {0, 0, 9});
  EXPECT_EQ(three.species[0].name, "");
}

TEST_F(Readers, MlipCfg) {
  auto reader =
      open_reader(file("m.cfg",
                       "BEGIN_CFG\n Size\n 2\n Supercell\n 4 0 0\n 0 5 0\n 0 0 6\n"
                       " AtomData:  id type direct_x direct_y direct_z fx fy fz site_en nbh_grades\n"
                       " 1 0 0.5 0.5 0.5 1 2 3 -4 1.5\n 2 1 0 0 0 4 5 6 -5 2.5\n"
                       " Energy\n -9.5\n PlusStress:  xy yy zz yz xz xx\n 1 2 3 4 5 6\n"
                       " Feature   EFS_by\tVASP run\n Feature a\\_b 1\n Feature a\\_b 2\nEND_CFG\n\n"
                       "BEGIN_CFG\nSize\n1\nSupercell\n 0 0 5\nAtomData: cartes_y cartes_x cartes_z type\n"
                       "2 1 3 26\nEND_CFG\n"),
                  {});
  Frame f;
  ASSERT_TRUE(reader->next(f));
  EXPECT_EQ(reader->format(), "cfg");
  expect_near(f.position[0], {2, 2.5, 3});
  EXPECT_EQ(f.species[0].label, 0);
  EXPECT_EQ(f.species[1].label, 1);
  EXPECT_EQ(f.find_column("force")->real[4], 5);
  EXPECT_EQ(f.find_column("energy")->real[1], -5);
  EXPECT_EQ(f.find_column("nbh_grades")->real[0], 1.5);
  const std::map<std::string, std::string> info(f.info.begin(), f.info.end());
  EXPECT_EQ(info.at("energy"), "-9.5");
  EXPECT_EQ(info.at("plus_stress"), "6 2 3 4 5 1");
  EXPECT_EQ(info.at("EFS_by"), "VASP run");
  EXPECT_EQ(info.at("a b"), "1\n2");
  ASSERT_TRUE(reader->next(f));
  ASSERT_EQ(f.species.size(), 1u);
  EXPECT_EQ(f.species[0].label, 26);
  expect_near(f.position[0], {1, 2, 3});
  expect_near(f.box.a, {0, 0, 5});
  EXPECT_TRUE(f.box.periodic[0]);
  EXPECT_FALSE(f.box.periodic[1]);
  EXPECT_GT(f.box.volume(), 0);
  EXPECT_TRUE(f.columns.empty());
  EXPECT_FALSE(reader->next(f));
}

// Every reference structure: the count of its own header, the species and the box it was made with.
int64_t stated_count(const std::string& path) {
  gzFile file = gzopen(path.c_str(), "rb");
  char line[4096];
  int64_t n = -1;
  std::string previous;
  while (n < 0 && gzgets(file, line, sizeof line)) {
    const std::string text(line);
    char* end = nullptr;
    const long long value = std::strtoll(line, &end, 10);
    const bool number = end != line;
    if (number && (previous.empty() || previous.starts_with("ITEM: NUMBER") ||
                   previous.starts_with(" Size") || text.find(" atoms") != std::string::npos))
      n = value;
    previous = text;
  }
  gzclose(file);
  return n;
}

TEST_F(Readers, ReferenceStructures) {
  GF_NEEDS_SHARED(shared);
  int seen = 0;
  for (const char* folder : {"struct/poly", "struct/gb", "struct/eam", "mtp/data/structures"}) {
    for (const auto& entry : fs::directory_iterator(shared + "/reference/" + folder)) {
      const std::string path = entry.path().string(), name = entry.path().filename().string();
      std::string expected;
      for (const auto& [suffix, format] : {std::pair{".lmp.gz", "lammps-data"},
                                           {".data", "lammps-data"},
                                           {".dump.gz", "lammps-dump"},
                                           {".xyz", "extxyz"},
                                           {".xyz.gz", "extxyz"},
                                           {".cfg", "cfg"}})
        if (name.ends_with(suffix)) expected = format;
      if (expected.empty()) continue;
      SCOPED_TRACE(path);
      auto reader = open_reader(path);
      EXPECT_EQ(reader->format(), expected);
      Frame frame;
      ASSERT_TRUE(reader->next(frame));
      EXPECT_EQ(frame.n_atoms(), stated_count(path));
      EXPECT_GT(frame.box.volume(), 0);
      EXPECT_EQ(frame.has_box, frame.box.periodic[0] || frame.box.periodic[1] || frame.box.periodic[2]);
      const bool copper = name.find("cu") == 0 || name.find("Cu") != std::string::npos;
      const bool iron = name.find("fe") == 0 || name.find("Fe") != std::string::npos;
      if ((copper || iron) && expected != "cfg" && expected != "lammps-dump") {
        ASSERT_EQ(frame.species.size(), 1u);
        EXPECT_EQ(frame.species[0].name, copper ? "Cu" : "Fe");
      }
      ++seen;
    }
  }
  EXPECT_GE(seen, 100);
}

// The same atoms in two or three formats, written by other tools.
TEST_F(Readers, ReferenceFormatsAgree) {
  GF_NEEDS_SHARED(shared);
  const auto first = [](const std::string& path) {
    Frame frame;
    EXPECT_TRUE(open_reader(path)->next(frame)) << path;
    return frame;
  };
  const auto same = [](const Frame& a, const Frame& b, double tolerance) {
    ASSERT_EQ(a.n_atoms(), b.n_atoms());
    for (int k = 0; k < 3; ++k) expect_near(a.box.edge(k), b.box.edge(k), tolerance);
    for (size_t i = 0; i < a.position.size(); ++i)
      expect_near(a.position[i] - a.box.origin, b.position[i] - b.box.origin, tolerance);
  };
  const std::string mtp = shared + "/reference/mtp/data/structures/";
  for (const char* name : {"fe_tric96", "fe_vac127", "fe_s5gb80", "fe_prim1", "fe_bcc54"}) {
    SCOPED_TRACE(name);
    const Frame data = first(mtp + name + ".data");
    same(data, first(mtp + name + ".cfg"), 1e-12);
    same(data, first(mtp + name + ".xyz"), 1e-12);
  }
  const std::string poly = shared + "/reference/struct/poly/";
  same(first(poly + "fe8_relaxed.lmp.gz"), first(poly + "fe8_relaxed.xyz.gz"), 1e-12);
  const std::string eam = shared + "/reference/struct/eam/";
  same(first(eam + "cu_triclinic.lmp.gz"), first(eam + "cu_triclinic.dump.gz"), 1e-12);
}

}  // namespace
}  // namespace grainfield
