// Every kind of malformed input: one line that names the file, the line or frame, what was expected and
// found.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "host/error.hpp"
#include "io/reader.hpp"
#include "tests/support/compress.hpp"
#include "tests/support/temp_folder.hpp"

namespace grainfield {
namespace {

struct Case {
  std::string name;  // of the file; its end decides where the content does not
  std::string text;
  std::string place;                  // "line 7", "frame 0" or "" for the file as a whole
  std::vector<const char*> expected;  // parts of the message
};

struct Cases {
  std::vector<Case> all;
  void add(const std::string& name, const std::string& text, const std::string& place,
           std::vector<const char*> expected) {
    all.push_back({name, text, place, std::move(expected)});
  }
};

// A dump with the given parts exchanged.
struct Dump {
  const char *step = "0", *count = "2", *bounds = "pp pp pp", *box = "0 1\n0 1\n0 1\n",
             *columns = "id type x y z", *rows = "1 1 0 0 0\n2 1 0.5 0.5 0.5\n";
  std::string text() const {
    return fmt::format(
        "ITEM: TIMESTEP\n{}\nITEM: NUMBER OF ATOMS\n{}\nITEM: BOX BOUNDS {}\n{}ITEM: ATOMS {}\n{}", step,
        count, bounds, box, columns, rows);
  }
};

std::string data(const std::string& header, const std::string& atoms) {
  return fmt::format("title\n\n{}\n\nAtoms # atomic\n\n{}", header, atoms);
}
const std::string data_header = "2 atoms\n1 atom types\n0 1 xlo xhi\n0 1 ylo yhi\n0 1 zlo zhi";

std::string xyz(const std::string& line, const std::string& rows, const std::string& count = "2") {
  return fmt::format("{}\n{}\n{}", count, line, rows);
}
const std::string xyz_line = "Lattice=\"1 0 0 0 1 0 0 0 1\" Properties=species:S:1:pos:R:3";
const std::string xyz_rows = "Fe 0 0 0\nFe 0.5 0.5 0.5\n";

std::string cfg(const std::string& inside) { return fmt::format("BEGIN_CFG\n{}END_CFG\n", inside); }
const std::string cfg_cell = "Supercell\n1 0 0\n0 1 0\n0 0 1\n";
const std::string cfg_atoms = "AtomData: id type cartes_x cartes_y cartes_z\n1 0 0 0 0\n2 0 0.5 0.5 0.5\n";

void dump_cases(Cases& cases) {
  const std::string n = "a.dump";
  cases.add(n, Dump{.rows = "1 1 0 0 0\n2 1 0.5\n"}.text(), "line 11",
            {"expected 5 values", "found 3", "'y' is missing", "(atom 2 of 2)"});
  cases.add(n, Dump{.rows = "1 1 0 0 0\n2 1 0.5 0.5 0"}.text().substr(0, 120), "", {"expected"});
  cases.add(n, Dump{.count = "3"}.text(), "line 11", {"ends after 2 of 3 atoms", "truncated"});
  cases.add(n, Dump{.count = "1"}.text(), "line 11",
            {"expected ITEM:", "after the atoms", "found '2 1 0.5 0.5 0.5'"});
  cases.add(n, Dump{.count = "1000000000000"}.text(), "line 11", {"ends after 2 of 1000000000000 atoms"});
  cases.add(n, Dump{.count = "99999999999999999999999"}.text(), "line 4", {"number of atoms", "found '9999"});
  cases.add(n, Dump{.count = "-2"}.text(), "line 4", {"expected 0 or more atoms", "found -2"});
  cases.add(n, Dump{.count = "two"}.text(), "line 4", {"number of atoms", "found 'two'"});
  cases.add(n, Dump{.step = "x1"}.text(), "line 2", {"time step", "found 'x1'"});
  cases.add(n, Dump{.rows = "1 1 0 0 0 7\n2 1 0 0 0\n"}.text(), "line 10",
            {"expected 5 values", "found more: '7'"});
  cases.add(n, Dump{.rows = "1 1 0 nan 0\n2 1 0 0 0\n"}.text(), "line 10",
            {"expected a finite number for 'y'", "'nan'"});
  cases.add(n, Dump{.rows = "1 1 0 0 0\n2 1 0 0 inf\n"}.text(), "line 11",
            {"expected a finite number for 'z'", "'inf'"});
  cases.add(n, Dump{.rows = "1 1 0 0 0\n2 1 0 0 1e999\n"}.text(), "line 11",
            {"expected a finite number for 'z'"});
  cases.add(n, Dump{.rows = "1 1 0 0 0\n2.5 1 0 0 0\n"}.text(), "line 11",
            {"expected an integer for 'id'", "'2.5'"});
  cases.add(n, Dump{.rows = "1 1 0 0 0\n2 4294967297 0 0 0\n"}.text(), "line 11",
            {"expected an integer of at most 32 bits for 'type'", "'4294967297'"});
  cases.add(n, Dump{.rows = "1 1 0 0 0\n2 1 0.5x 0 0\n"}.text(), "line 11", {"number for 'x'", "'0.5x'"});
  cases.add(n, Dump{.rows = "1 0 0 0 0\n2 1 0 0 0\n"}.text(), "frame 0", {"type 0", "expected 1 or more"});
  cases.add(n, Dump{.rows = "5 1 0 0 0\n5 1 0.5 0 0\n"}.text(), "frame 0", {"id 5 occurs twice"});
  cases.add(n, Dump{.rows = "5 1 0 0 0\n\n"}.text(), "line 11", {"expected 5 values, found 0"});
  cases.add(n, Dump{.columns = "id type x y"}.text(), "line 9",
            {"expected the columns 'x y z'", "found none"});
  cases.add(n, Dump{.columns = "id typ x y z"}.text(), "line 9", {"expected the column 'type' or 'element'"});
  cases.add(n, Dump{.columns = "id type x y z x"}.text(), "line 9", {"column 'x' occurs twice"});
  cases.add(n, Dump{.columns = ""}.text(), "line 9", {"expected the columns"});
  cases.add(n, Dump{.box = "0 1\n1 0\n0 1\n"}.text(), "line 7", {"upper bound above the lower", "0 < 1"});
  cases.add(n, Dump{.box = "0 1\n0 1\n3 3\n"}.text(), "frame 0", {"zero volume"});
  cases.add(n, Dump{.box = "0 1\n0 nan\n0 1\n"}.text(), "line 7", {"2 finite numbers", "found '0 nan'"});
  cases.add(n, Dump{.box = "0 1\n0 1 2\n0 1\n"}.text(), "line 7", {"2 finite numbers", "found '0 1 2'"});
  cases.add(n, Dump{.bounds = "pp pq pp"}.text(), "line 5", {"boundary styles", "found 'pq'"});
  cases.add(n, Dump{.bounds = "pp pp"}.text(), "line 5", {"expected 3 boundary styles, found 2"});
  cases.add(n, Dump{.bounds = "abc origin pp pp pp", .box = "0 1 0 0\n1 0 0 0\n0 0 1 0\n"}.text(), "frame 0",
            {"left-handed", "right-handed"});
  cases.add(n, "ITEM: TIMESTEP\n0\nITEM: ATOMS id type x y z\n1 1 0 0 0\n", "line 3",
            {"ITEM: NUMBER OF ATOMS before"});
  cases.add(n, "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n", "line 3",
            {"the number of atoms", "the file ends here"});
  cases.add(n, "ITEM: TIMESTEP\n0\nITEM: NUMBER OF GRID CELLS\n3\n", "line 3",
            {"expected ITEM:", "GRID CELLS"});
  cases.add(n, "ITEM: UNITS\nsi\n", "line 2", {"expected the units metal, real or lj", "'si'"});
  cases.add(n, "ITEM: TIME\nnan\n", "line 2", {"expected the time", "'nan'"});
  cases.add(n, "garbage\n", "line 1", {"expected a line that begins with ITEM:", "'garbage'"});
}

void data_cases(Cases& cases) {
  const std::string n = "a.data", rows = "1 1 0 0 0\n2 1 0.5 0.5 0.5\n";
  const auto with = [](std::string from, const std::string& to) {
    std::string header = data_header;
    header.replace(header.find(from), from.size(), to);
    return header;
  };
  cases.add(n, data(with("2 atoms", "3 atoms"), rows), "line 12", {"ends after 2 of 3 atoms", "truncated"});
  cases.add(n, data(with("2 atoms", "1 atoms"), rows), "line 12",
            {"end of the section Atoms after 1 rows", "found '2 1"});
  cases.add(n, data(with("2 atoms", "200000000000 atoms"), rows), "line 12", {"2 of 200000000000 atoms"});
  cases.add(n, data(with("2 atoms\n", ""), rows), "line 7", {"'<n> atoms'", "found none"});
  cases.add(n, data(with("2 atoms", "many atoms"), rows), "line 3",
            {"expected the number of atoms", "'many atoms'"});
  cases.add(n, data(with("1 atom types\n", ""), rows), "line 8", {"'<n> atom types'", "found none"});
  cases.add(n, data(with("1 atom types", "-1 atom types"), rows), "line 4",
            {"expected the number of atom types"});
  cases.add(n, data(with("0 1 ylo yhi\n", ""), rows), "", {"expected a header line 'ylo yhi', found none"});
  cases.add(n, data(with("0 1 ylo yhi", "1 0 ylo yhi"), rows), "line 6",
            {"upper bound above the lower", "'1 0 ylo yhi'"});
  cases.add(n, data(with("0 1 ylo yhi", "0 1e ylo yhi"), rows), "line 6", {"expected 2 finite numbers"});
  cases.add(n, data(with("0 1 ylo yhi", "0 nan ylo yhi"), rows), "line 6", {"expected 2 finite numbers"});
  cases.add(n, data(with("0 1 ylo yhi", "0 1 ylo yhi\nnonsense"), rows), "line 7",
            {"header line", "'nonsense'"});
  cases.add(n,
            data(with("0 1 xlo xhi\n0 1 ylo yhi\n0 1 zlo zhi", "0 1 0 avec\n1 0 0 bvec\n0 0 1 cvec"), rows),
            "", {"left-handed"});
  cases.add(n, data(with("0 1 xlo xhi\n0 1 ylo yhi\n0 1 zlo zhi", "0 1 0 avec\n1 0 0 bvec"), rows), "",
            {"'cvec'"});
  cases.add(n, data(data_header, "1 1 0 0\n2 1 0.5 0.5\n"), "line 11",
            {"expected 5 or 8 columns", "found 4"});
  cases.add(n, data(data_header, "1 1 0 0 0\n2 1 0 0 0 0 0 0\n"), "line 12",
            {"expected 5 values", "found more"});
  cases.add(n, data(data_header, "1 1 0 0 0\n2 2 0 0 0\n"), "line 12",
            {"atom type from 1 to 1", "found '2'"});
  cases.add(n, data(data_header, "1 1 0 0 0\n2 Fe 0 0 0\n"), "line 12", {"integer", "'type'", "found 'Fe'"});
  cases.add(n, data(data_header, "1 1 0 0 0\n1 1 0 0 0.5\n"), "", {"id 1 occurs twice"});
  cases.add(n, data(data_header, "1 1 0 0 -inf\n2 1 0 0 0\n"), "line 11",
            {"finite number for 'z'", "'-inf'"});
  cases.add(n, data(data_header, rows + "\nMasses\n\n1 -5\n"), "line 16", {"positive mass", "'1 -5'"});
  cases.add(n, data(data_header, rows + "\nMasses\n\n2 5\n"), "line 16", {"atom type from 1 to 1"});
  cases.add(n, data(data_header, rows + "\nVelocities\n\n1 0 0 0\n3 0 0 0\n"), "line 17",
            {"one velocity for each id", "id 3 that is not there"});
  cases.add(n, data(data_header, rows + "\nVelocities\n\n1 0 0 0\n1 0 0 0\n"), "line 17", {"id 1 twice"});
  cases.add(n, data(data_header, rows + "\nVelocities\n\n1 0 0 0\n"), "line 16", {"ends after 1 of 2 atoms"});
  cases.add(n, data(data_header, rows + "\nAtoms\n\n" + rows), "line 14", {"section Atoms occurs twice"});
  cases.add(n, fmt::format("title\n\n{}\n\nAtoms # body\n\n{}", data_header, rows), "line 9",
            {"atom style", "'body'"});
  cases.add(n, fmt::format("title\n\n{}\n\nAtoms\n\n1 1 1 0 0 0\n2 1 1 0 0 0\n", data_header), "line 11",
            {"fit the atom styles charge and molecular", "Atoms # charge"});
  cases.add(n, fmt::format("title\n\n{}\n\nMasses\n\n1 5\n", data_header), "",
            {"section Atoms with 2 atoms, found none"});
  cases.add(n, fmt::format("title\n\n{}\n\nAtom Type Labels\n\n1\n", data_header), "line 11", {"its label"});
  cases.add(n, "LAMMPS data file, units = cgs\n\n1 atoms\n", "line 1", {"expected the units", "'cgs'"});
}

void xyz_cases(Cases& cases) {
  const std::string n = "a.xyz";
  const auto line = [](const std::string& lattice, const std::string& more) {
    return fmt::format("Lattice=\"{}\" {}", lattice, more);
  };
  const std::string properties = "Properties=species:S:1:pos:R:3";
  cases.add(n, xyz(xyz_line, xyz_rows, "3"), "line 4", {"ends after 2 of 3 atoms"});
  cases.add(n, xyz(xyz_line, xyz_rows, "1"), "line 4", {"number of atoms of frame 1", "found 'Fe 0.5"});
  cases.add(n, xyz(xyz_line, xyz_rows, "3000000000"), "line 4", {"2 of 3000000000 atoms"});
  cases.add(n, xyz(xyz_line, xyz_rows, "-1"), "line 1", {"number of atoms", "'-1'"});
  cases.add(n, "2\n", "line 1", {"key=value pairs", "the file ends here"});
  cases.add(n, xyz(xyz_line, "Fe 0 0\nFe 0 0 0\n"), "line 3",
            {"expected 4 values, found 3", "'pos' is missing"});
  cases.add(n, xyz(xyz_line, "Fe 0 0 0 0\nFe 0 0 0\n"), "line 3", {"expected 4 values, found more"});
  cases.add(n, xyz(xyz_line, "Fe 0 0 NaN\nFe 0 0 0\n"), "line 3", {"finite number for 'pos'", "'NaN'"});
  cases.add(n, xyz(xyz_line, "Fe 0 0 0\n0 Fe 0 0\n"), "line 4", {"number for 'pos'", "'Fe'"});
  cases.add(n, xyz(line("1 0 0 0 1 0 0 0", properties), xyz_rows), "line 2", {"9 numbers, found 8"});
  cases.add(n, xyz(line("1 0 0 0 1 0 0 0 x", properties), xyz_rows), "line 2",
            {"finite numbers in Lattice", "'x'"});
  cases.add(n, xyz(line("1 0 0 0 1 0 0 0 inf", properties), xyz_rows), "line 2",
            {"finite numbers in Lattice"});
  cases.add(n, xyz(line("1 0 0 1 0 0 0 0 1", properties), xyz_rows), "frame 0", {"zero volume"});
  cases.add(n, xyz(line("0 1 0 1 0 0 0 0 1", properties), xyz_rows), "frame 0", {"left-handed"});
  cases.add(n, xyz("Lattice=\"1 0 0 " + properties, xyz_rows), "line 2", {"closing \""});
  cases.add(n, xyz(xyz_line + " pbc=\"T T\"", xyz_rows), "line 2", {"pbc", "3 of T or F"});
  cases.add(n, xyz(xyz_line + " pbc=\"T T maybe\"", xyz_rows), "line 2", {"pbc", "maybe"});
  cases.add(n, xyz("pbc=\"T F F\" " + properties, xyz_rows), "frame 0",
            {"direction a is periodic", "cell vector"});
  cases.add(n, xyz(xyz_line + " Origin=\"0 0\"", xyz_rows), "line 2", {"Origin", "3 finite numbers"});
  cases.add(n, xyz(line("1 0 0 0 1 0 0 0 1", "Properties=species:S:1"), xyz_rows), "line 2",
            {"pos:R:3", "found none"});
  cases.add(n, xyz(line("1 0 0 0 1 0 0 0 1", "Properties=pos:R:3"), xyz_rows), "line 2",
            {"species:S:1", "found none"});
  cases.add(n, xyz(line("1 0 0 0 1 0 0 0 1", "Properties=species:S:1:pos:R"), xyz_rows), "line 2",
            {"name:type:columns"});
  cases.add(n, xyz(line("1 0 0 0 1 0 0 0 1", "Properties=species:S:1:pos:X:3"), xyz_rows), "line 2",
            {"'pos:X:3'"});
  cases.add(n, xyz(line("1 0 0 0 1 0 0 0 1", "Properties=species:S:1:pos:R:0"), xyz_rows), "line 2",
            {"'pos:R:0'"});
  cases.add(n, xyz(xyz_line + ":pos:R:3", xyz_rows), "line 2", {"property 'pos' occurs twice"});
  cases.add(n, xyz(xyz_line + ":id:I:1", "Fe 0 0 0 7\nFe 1 1 1 7\n"), "frame 0", {"id 7 occurs twice"});
  cases.add(n, xyz(xyz_line + ":ok:L:1", "Fe 0 0 0 T\nFe 1 1 1 yes\n"), "line 4",
            {"expected T or F for 'ok'", "'yes'"});
  cases.add(n, xyz(line("1 0 0 0 1 0 0 0 1", "Properties=Z:I:1:pos:R:3"), "26 0 0 0\n555 1 1 1\n"), "frame 0",
            {"atomic numbers", "555"});
  cases.add(n, "hello\n" + xyz_line + "\n", "line 1", {"number of atoms", "'hello'"});
}

void poscar_cases(Cases& cases) {
  const std::string n = "POSCAR";
  const auto text = [](const std::string& scale, const std::string& cell, const std::string& counts,
                       const std::string& rest) {
    return fmt::format("c\n{}\n{}{}\n{}", scale, cell, counts, rest);
  };
  const std::string cell = "1 0 0\n0 1 0\n0 0 1\n", rows = "Direct\n0 0 0\n0.5 0.5 0.5\n";
  cases.add(n, text("1", cell, "Fe\n3", rows), "line 10", {"ends after 2 of 3 atoms"});
  cases.add(n, text("1", cell, "Fe\n1", rows), "line 10",
            {"end of the positions after 1 atoms", "'0.5 0.5 0.5'"});
  cases.add(n, text("1", cell, "Fe\n1000000000", rows), "line 10", {"2 of 1000000000 atoms"});
  cases.add(n, text("1", cell, "Fe Cr\n2", rows), "line 7", {"expected 2 numbers of atoms, found 1"});
  cases.add(n, text("1", cell, "Fe\n-2", rows), "line 7", {"numbers of atoms", "'-2'"});
  cases.add(n, text("1", cell, "9000000000000000000 9000000000000000000", rows), "line 6",
            {"numbers of atoms"});
  cases.add(n, text("0", cell, "Fe\n2", rows), "line 2", {"scaling factor", "'0'"});
  cases.add(n, text("nan", cell, "Fe\n2", rows), "line 2", {"scaling factor", "'nan'"});
  cases.add(n, text("1", "1 0 0\n0 1\n0 0 1\n", "Fe\n2", rows), "line 4",
            {"cell vector (3 finite numbers)", "'0 1'"});
  cases.add(n, text("1", "1 0 0\n0 1 0\n0 1 0\n", "Fe\n2", rows), "", {"zero volume"});
  cases.add(n, text("1", "0 1 0\n1 0 0\n0 0 1\n", "Fe\n2", rows), "", {"left-handed"});
  cases.add(n, text("1", cell, "Fe\n2", "0 0 0\n0.5 0.5 0.5\n"), "line 8",
            {"Direct or Cartesian", "'0 0 0'"});
  cases.add(n, text("1", cell, "Fe\n2", "Direct\n0 0 0\n0 inf 0\n"), "line 10",
            {"finite number for 'y'", "'inf'"});
  cases.add(n, text("1", cell, "Fe\n2", "Selective\nDirect\n0 0 0 T T X\n0 0 0 T T T\n"), "line 10",
            {"T or F", "'X'"});
  cases.add(n, text("1", cell, "Fe\n2", rows + "\n0 0 0\n"), "line 12", {"ends after 1 of 2 atoms"});
  cases.add(n, text("1", cell, "Fe\n2", rows + "Direct\n0 0 0\n0 0 0\n"), "line 11",
            {"velocities in Cartesian"});
  cases.add(n, "c\n1\n1 0 0\n", "line 3", {"cell vector", "the file ends here"});
}

void cfg_cases(Cases& cases) {
  const std::string n = "a.cfg";
  const std::string size = "Size\n2\n";
  cases.add(n, cfg(size + cfg_cell + "AtomData: id type cartes_x cartes_y cartes_z\n1 0 0 0 0\n"), "line 10",
            {"integer for 'id'", "'END_CFG'", "atom 2 of 2"});
  cases.add(n, "BEGIN_CFG\n" + size + cfg_cell + "AtomData: id type cartes_x cartes_y cartes_z\n1 0 0 0 0\n",
            "line 9", {"ends after 1 of 2 atoms"});
  cases.add(n, cfg(size + cfg_cell + cfg_atoms + "3 0 1 1 1\n"), "line 11",
            {"expected Size, Supercell", "'3 0 1 1 1'"});
  cases.add(n, cfg("Size\n2000000000000\n" + cfg_cell + cfg_atoms), "line 11",
            {"integer for 'id'", "'END_CFG'", "atom 3 of 2000000000000"});
  cases.add(n, cfg("Size\n-1\n" + cfg_cell + cfg_atoms), "line 3", {"number of atoms", "'-1'"});
  cases.add(n, cfg(cfg_cell + cfg_atoms), "line 6", {"expected Size before AtomData"});
  cases.add(n, cfg(size + cfg_cell), "line 8", {"expected AtomData", "found none"});
  cases.add(n, cfg(size + cfg_cell + cfg_atoms + cfg_atoms), "line 11", {"AtomData occurs twice"});
  cases.add(n, cfg(""), "line 2", {"expected Size and AtomData", "found neither"});
  cases.add(n, cfg(size + cfg_cell + "AtomData: id type cartes_x cartes_y cartes_z speed\n"), "line 8",
            {"unknown column 'speed'"});
  cases.add(n, cfg(size + cfg_cell + "AtomData: id id cartes_x cartes_y cartes_z\n"), "line 8",
            {"'id' occurs twice"});
  cases.add(n, cfg(size + cfg_cell + "AtomData: id type cartes_x cartes_y\n"), "line 8",
            {"cartes_x cartes_y cartes_z"});
  cases.add(n,
            cfg(size + "Supercell\n1 0 0\n0 1 0\n" + "AtomData: direct_x direct_y direct_z\n0 0 0\n0 0 0\n"),
            "frame 0", {"3 cell vectors for direct coordinates"});
  cases.add(n, cfg(size + "Supercell\n1 0 0\n0 1\n0 0 1\n" + cfg_atoms), "line 6",
            {"3 finite numbers", "'0 1'"});
  cases.add(n, cfg(size + "Supercell\n1 0 0\n0 1 0\n0 0 1\n1 1 1\n" + cfg_atoms), "line 8",
            {"at most 3 cell vectors"});
  cases.add(n, cfg(size + "Supercell\n0 1 0\n1 0 0\n0 0 1\n" + cfg_atoms), "frame 0", {"left-handed"});
  cases.add(n, cfg(size + "Supercell\n0 1 0\n0 2 0\n" + cfg_atoms), "frame 0", {"zero volume"});
  cases.add(n, cfg(size + cfg_cell + cfg_atoms + "Energy\nlow\n"), "line 12",
            {"expected the energy", "'low'"});
  cases.add(n, cfg(size + cfg_cell + cfg_atoms + "PlusStress: xx yy zz\n1 2 3\n"), "line 11", {"6 columns"});
  cases.add(n, cfg(size + cfg_cell + cfg_atoms + "PlusStress: xx yy zz yz xz xx2\n1 2 3 4 5 6\n"), "line 11",
            {"'xx2'"});
  cases.add(n, cfg(size + cfg_cell + cfg_atoms + "PlusStress: xx yy zz yz xz xy\n1 2 3 4 5\n"), "line 12",
            {"6 components"});
  cases.add(n, cfg(size + cfg_cell + cfg_atoms + "Virial: xx yy zz yz xz xy\n1 2 3 4 5 6\n"), "line 11",
            {"PlusStress:"});
  cases.add(n, cfg(size + cfg_cell + cfg_atoms + "Feature\n"), "line 11", {"expected a name after Feature"});
  cases.add(n, cfg(size + cfg_cell + cfg_atoms + "Colour red\n"), "line 11", {"END_CFG", "'Colour red'"});
  cases.add(n,
            cfg(size + cfg_cell + "AtomData: id type cartes_x cartes_y cartes_z\n4 0 0 0 0\n4 0 0 0 0.5\n"),
            "frame 0", {"id 4 occurs twice"});
  cases.add(n,
            cfg(size + cfg_cell + "AtomData: id type cartes_x cartes_y cartes_z\n1 -1 0 0 0\n2 0 0 0 0.5\n"),
            "frame 0", {"type -1", "expected 0 or more"});
  cases.add(n, "BEGIN_CFG\n" + size + cfg_cell + cfg_atoms, "line 10",
            {"expected END_CFG", "the file ends here"});
  cases.add(n, cfg(size + cfg_cell + cfg_atoms) + "more\n", "line 12", {"expected BEGIN_CFG", "'more'"});
}

void other_cases(Cases& cases) {
  cases.add("a.txt", "", "", {"empty file"});
  cases.add("a.txt", "what\nis\nthis\n", "line 1", {"expected a file of the format", "found 'what'"});
  cases.add("a.bin", std::string("\0\x01\x02\xff", 4), "line 1",
            {"expected a file of the format", "'?", "?'"});
  cases.add("a.h5", "not hdf5\n", "", {"expected an HDF5 file"});
  cases.add("a.h5.gz", test::gzip(std::string("\x89HDF\r\n\x1a\n", 8)), "",
            {"plain HDF5 file", "decompress"});
  cases.add("a.dump.gz", test::gzip(Dump{.count = "1000000000000"}.text()), "line 11",
            {"2 of 1000000000000 atoms"});
  cases.add("a.dump.zst", test::zstd(Dump{}.text()).substr(0, 60), "", {"zstd stream ends early"});
}

class MalformedInput : public testing::TestWithParam<void (*)(Cases&)> {};

TEST_P(MalformedInput, OneLineSaysWhatAndWhere) {
  const test::TempFolder folder;
  Cases cases;
  GetParam()(cases);
  for (const Case& c : cases.all) {
    SCOPED_TRACE(c.text.substr(0, 400));
    const std::string path = folder.write(c.name, c.text);
    std::string message = "no error";
    try {
      auto reader = open_reader(path);
      for (Frame frame; reader->next(frame);) {
      }
    } catch (const InputError& error) {
      message = error.what();
    }
    const std::string start = path + (c.place.empty() ? "" : ", " + c.place) + ": ";
    EXPECT_TRUE(c.place.empty() ? message.starts_with(path) : message.starts_with(start)) << message;
    for (const char* part : c.expected) EXPECT_NE(message.find(part), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, MalformedInput,
                         testing::Values(dump_cases, data_cases, xyz_cases, poscar_cases, cfg_cases,
                                         other_cases));

TEST(MalformedOptions, Species) {
  const test::TempFolder folder;
  const auto message = [&](const std::string& name, const std::string& text,
                           const std::vector<std::string>& species) {
    ReadOptions options;
    options.species = species;
    try {
      Frame frame;
      open_reader(folder.write(name, text), options)->next(frame);
    } catch (const InputError& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  const std::string dump = Dump{.rows = "1 1 0 0 0\n2 3 0.5 0.5 0.5\n"}.text();
  EXPECT_NE(message("a.dump", dump, {"Fe", "Cr"}).find("type 3 has no name"), std::string::npos);
  EXPECT_NE(
      message("a.xyz", xyz(xyz_line, "Fe 0 0 0\nNi 1 1 1\n"), {"Fe", "Cr"}).find("found the species 'Ni'"),
      std::string::npos);
  EXPECT_NE(
      message("POSCAR", "c\n1\n1 0 0\n0 1 0\n0 0 1\n1 1\nDirect\n0 0 0\n0.5 0 0\n", {"Fe"}).find("2 species"),
      std::string::npos);
  EXPECT_THROW(open_reader(folder.write("b.dump", dump), {}, "pdb"), UsageError);
}

}  // namespace
}  // namespace grainfield
