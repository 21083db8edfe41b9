// Files of embedded-atom potentials: what they hold, what is refused and in which words, and damage.
#include "io/eam_file.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "host/error.hpp"
#include "kernels/potential/eam.hpp"
#include "tests/support/compress.hpp"
#include "tests/support/eam_systems.hpp"
#include "tests/support/eam_text.hpp"
#include "tests/support/mutate.hpp"
#include "tests/support/replaced.hpp"
#include "tests/support/shared.hpp"
#include "tests/support/systems.hpp"
#include "tests/support/temp_folder.hpp"

namespace grainfield {
namespace {

using test::replaced;

EamModel read_text(const std::string& name, const std::string& text) {
  const test::TempFolder folder;
  return read_eam(folder.write(name, text));
}

// The message, from the file's name on; "" where the text is accepted.
std::string refusal(const std::string& name, const std::string& text) {
  const test::TempFolder folder;
  try {
    read_eam(folder.write(name, text));
  } catch (const InputError& error) {
    const std::string message = error.what();
    EXPECT_EQ(message.find('\n'), std::string::npos);
    return message.substr(folder.path().size() + 1);
  }
  return "";
}

TEST(EamFile, SetflIsReadBack) {
  const test::TempFolder folder;
  for (const EamKind kind : {EamKind::alloy, EamKind::fs})
    for (const int n : {1, 2, 3}) {
      const EamModel m = test::smooth_eam(n, kind, 4.5, 23, 17);
      const std::string text = test::setfl_text(m);
      const std::string ending = kind == EamKind::fs ? "a.eam.fs" : "a.eam.alloy";
      for (const std::string& path :
           {folder.write(ending, text), folder.write(ending + ".gz", test::gzip(text)),
            folder.write(ending + ".zst", test::zstd(text)), folder.write("no-ending", text)}) {
        const EamModel r = read_eam(path);
        if (n > 1 || path.find("eam") != std::string::npos) {
          EXPECT_TRUE(r.kind == kind) << path;
        }
        EXPECT_EQ(r.elements, m.elements);
        EXPECT_EQ(r.masses, m.masses);
        EXPECT_EQ(r.cutoff, m.cutoff);
        EXPECT_EQ(r.n_rho, m.n_rho);
        EXPECT_EQ(r.n_r, m.n_r);
        EXPECT_EQ(r.d_rho, m.d_rho);
        EXPECT_EQ(r.d_r, m.d_r);
        EXPECT_DOUBLE_EQ(r.rho_max, m.rho_max);
        EXPECT_EQ(r.embedding, m.embedding);
        EXPECT_EQ(r.density, m.density);
        EXPECT_EQ(r.pair, m.pair);
      }
    }
}

TEST(EamFile, Funcfl) {
  const EamModel m = read_text("Ni.eam", test::funcfl_text());
  EXPECT_TRUE(m.kind == EamKind::funcfl);
  EXPECT_EQ(m.name, "Ni.eam");
  EXPECT_EQ(m.elements, std::vector<std::string>{"Ni"});
  EXPECT_EQ(m.masses, std::vector<double>{58.71});
  // One node less than the file has, as in LAMMPS; the straight line starts where the file ends.
  EXPECT_EQ(m.n_rho, 6);
  EXPECT_EQ(m.n_r, 6);
  EXPECT_EQ(m.rho_max, 3.0);
  EXPECT_EQ(m.embedding, (std::vector<double>{0, -1, -1.5, -1.9, -2.2, -2.4}));
  EXPECT_EQ(m.density, (std::vector<double>{1, 0.8, 0.6, 0.4, 0.2, 0.1}));
  EXPECT_DOUBLE_EQ(m.pair[1], 36 * 27.2 * 0.529);
  EXPECT_EQ(read_text("whatever", test::funcfl_text()).elements, m.elements);
}

TEST(EamFile, WrongFilesAreRefusedInOneLine) {
  const EamModel two = test::smooth_eam(2, EamKind::fs, 4.5, 10, 10);
  const std::string fs = test::setfl_text(two),
                    one = test::setfl_text(test::smooth_eam(1, EamKind::alloy, 4.5, 10, 10));
  const std::string alloy = test::setfl_text(test::smooth_eam(2, EamKind::alloy, 4.5, 10, 10));
  const std::string funcfl = test::funcfl_text();
  const auto expect = [&](const std::string& message, const std::string& name, const std::string& text) {
    const std::string found = refusal(name, text);
    EXPECT_EQ(found.rfind(message, 0), 0u) << "expected: " << message << "\nfound:    " << found;
  };
  const std::string grid = one.substr(one.find("1 Fe\n") + 5, one.find("\n26") - one.find("1 Fe\n") - 5);
  const auto with_grid = [&](const std::string& text) { return replaced(one, grid, text); };

  expect("a.eam.alloy, line 1: expected a comment, the file ends here", "a.eam.alloy", "");
  expect("a.eam.alloy, line 1: expected UNITS: metal, found 'real'", "a.eam.alloy",
         replaced(one, "UNITS: metal", "UNITS: real"));
  expect("a.eam.fs, line 4: expected the number of elements and their names, found 'x Fe'", "a.eam.fs",
         replaced(one, "1 Fe", "x Fe"));
  expect("a.eam.fs, line 4: expected 3 names of elements, found 2", "a.eam.fs",
         replaced(fs, "2 Fe Cr", "3 Fe Cr"));
  expect("a.eam.fs, line 4: expected every element once, found 'Fe' twice", "a.eam.fs",
         replaced(fs, "2 Fe Cr", "2 Fe Fe"));
  expect("a.eam.fs, line 5: expected 5 numbers n_rho d_rho n_r d_r cutoff, found 6 words", "a.eam.fs",
         with_grid("10 4 10 0.5 4.5 40"));
  expect("a.eam.fs, line 5: expected n_rho, 5 to 10000000 nodes, found '-3'", "a.eam.fs",
         with_grid("-3 4 10 0.5 4.5"));
  expect("a.eam.fs, line 5: expected n_r, 5 to 10000000 nodes, found '4'", "a.eam.fs",
         with_grid("10 4 4 0.5 4.5"));
  expect("a.eam.fs, line 5: expected d_rho, a positive number, found '0'", "a.eam.fs",
         with_grid("10 0 10 0.5 4.5"));
  expect("a.eam.fs, line 5: expected d_r, a positive number, found 'nan'", "a.eam.fs",
         with_grid("10 4 10 nan 4.5"));
  expect("a.eam.fs, line 5: expected the cutoff, a positive number, found '-4.5'", "a.eam.fs",
         with_grid("10 4 10 0.5 -4.5"));
  expect(
      "a.eam.fs, line 5: expected tables that reach the cutoff 4.5 A, found 10 nodes at distances of 0.2 A",
      "a.eam.fs", with_grid("10 4 10 0.2 4.5"));
  expect(
      "a.eam.fs, line 6: expected an element: atomic number, mass, lattice constant and lattice, found '26'",
      "a.eam.fs", replaced(one, "26 55.844999999999999 2.855 bcc", "26"));
  expect("a.eam.fs, line 6: expected a mass (amu), found '-1'", "a.eam.fs",
         replaced(one, "55.844999999999999", "-1"));
  std::string nan = one;
  const size_t row = nan.find("bcc\n") + 4;
  nan.replace(row, nan.find(' ', row) - row, "NaN");
  expect(
      "a.eam.fs, line 7: expected value 1 of 10 of the embedding function of Fe, a finite number, found "
      "'NaN'",
      "a.eam.fs", nan);
  std::string word = one;
  word.replace(row, word.find(' ', row) - row, "1.0D-03");
  expect(
      "a.eam.fs, line 7: expected value 1 of 10 of the embedding function of Fe, a finite number, found "
      "'1.0D-03'",
      "a.eam.fs", word);
  // Counts that do not match.
  expect("a.eam.fs, line 8: expected the end of the line after the 9 values of the embedding function of Fe",
         "a.eam.fs", with_grid("9 4 10 0.5 4.5"));
  expect(
      "a.eam.alloy, line 13: expected value 1 of 10 of r phi(r) of Fe and Fe, the file ends here "
      "(truncated?)",
      "a.eam.alloy", with_grid("20 4 10 0.5 4.5"));
  expect("a.eam.alloy, line 13: expected the end of the file after the last table, found '1 2'",
         "a.eam.alloy", one + "1 2\n");
  expect("a.eam.alloy, line 12: expected value 6 of 10 of r phi(r) of Fe and Fe, the file ends here",
         "a.eam.alloy", one.substr(0, one.rfind('\n', one.size() - 2) + 1));
  EXPECT_EQ(refusal("a.eam.alloy", one + "\n  \n# the end\n"), "");
  // Kinds.
  expect("a.eam.alloy, line 11: expected the kind eam/alloy that the file's name promises, found eam/fs",
         "a.eam.alloy", fs);
  expect("a.eam.fs, line 11: expected the kind eam/fs that the file's name promises, found eam/alloy",
         "a.eam.fs", alloy);
  expect("a.eam.fs, line 2: expected the kind eam/fs that the file's name promises, found eam (funcfl)",
         "a.eam.fs", funcfl);
  expect(
      "a.eam, line 2: expected atomic number, mass, lattice constant and lattice of an eam (funcfl) file, "
      "found '# made of formulas'",
      "a.eam", one);
  expect(
      "FeCr.cdeam: expected a potential of the kind eam/alloy, eam/fs or eam (funcfl), found the name of "
      "another kind: concentration-dependent EAM (cdeam)",
      "FeCr.cdeam", alloy);
  expect("Fe.eam.he: expected a potential of the kind", "Fe.eam.he", alloy);
  expect("a.adp.gz: expected a potential of the kind", "a.adp.gz", alloy);
  // funcfl
  expect("a.eam, line 2: expected an atomic number, found '280'", "a.eam", replaced(funcfl, "28 ", "280 "));
  expect("a.eam, line 4: expected value 1 of 7 of the embedding function, a finite number, found 'x'",
         "a.eam", replaced(funcfl, "\n0 -1", "\nx -1"));
  expect("a.eam, line 9: expected the end of the line after the 6 values of the density, found '0'", "a.eam",
         replaced(replaced(funcfl, "7 0.5 7 0.8", "7 0.5 6 0.8"), "0.5 0\n", "0.5\n"));
}

// LAMMPS' own potential file of this kind has tables of an alloy and then coefficients.
TEST(EamFile, ConcentrationDependentByContent) {
  GF_NEEDS_SHARED(shared);
  const std::string cdeam = shared + "/potentials/eam/FeCr.cdeam";
  EXPECT_THROW(read_eam(cdeam), InputError);
  const test::TempFolder folder;
  std::filesystem::copy_file(cdeam, folder.file("FeCr.eam.alloy"));
  try {
    read_eam(folder.file("FeCr.eam.alloy"));
    FAIL();
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("expected the end of the file after the last table"),
              std::string::npos)
        << error.what();
  }
}

TEST(LongEamFile, FilesOfLammps) {
  const std::string folder = "/usr/share/lammps/potentials";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "Debian's lammps-data is not installed";
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    const auto ends = [&](std::string_view s) { return name.ends_with(s); };
    if (ends(".eam") || ends(".eam.alloy") || ends(".eam.fs")) {
      const EamModel m = read_eam(entry.path().string());
      EXPECT_NO_THROW(make_eam_potential(m, {})) << name;
      EXPECT_TRUE(m.kind == (ends(".fs")      ? EamKind::fs
                             : ends(".alloy") ? EamKind::alloy
                                              : EamKind::funcfl))
          << name;
      ++files;
    } else if (ends(".cdeam") || ends(".eam.he") || ends(".poly") || ends(".meam") || ends(".sw")) {
      EXPECT_THROW(read_eam(entry.path().string()), InputError) << name;
    }
  }
  EXPECT_GT(files, 20);
}

// Damaged files: accepted or refused in one line, and what is accepted can be computed with.
TEST(FuzzEamFile, DamagedFiles) {
  const test::TempFolder folder;
  const std::pair<std::string, std::string> corpus[] = {
      {"a.eam.alloy", test::setfl_text(test::smooth_eam(2, EamKind::alloy, 4.5, 9, 8))},
      {"a.eam.fs", test::setfl_text(test::smooth_eam(2, EamKind::fs, 4.5, 9, 8))},
      {"b.eam.alloy", test::setfl_text(test::smooth_eam(1, EamKind::alloy, 4.5, 12, 6))},
      {"Ni.eam", test::funcfl_text()}};
  const Frame frame = test::ideal_gas(Box({6, 0, 0}, {1, 7, 0}, {0, 2, 8}), 20, 1, 2);
  int64_t accepted = 0, n = 0;
  for (uint64_t round = 0; round < 150; ++round)
    for (size_t f = 0; f < std::size(corpus); ++f) {
      const auto& [name, text] = corpus[f];
      test::Mutator mutate(4 * round + f);
      const std::string damaged = mutate(text);
      const bool bare = mutate.below(8) == 0, packed = mutate.below(8) == 0;
      const std::string path = folder.write((bare ? "bare" : name) + (packed ? ".gz" : ""),
                                            packed ? test::gzip(damaged) : damaged);
      ++n;
      try {
        const EamModel m = read_eam(path);
        ++accepted;
        if (m.cutoff < 1 || m.cutoff > 10) continue;  // millions of cells or images, for nothing
        const auto potential = make_eam_potential(m, {});
        const std::vector<int32_t> species{0, m.n_species() - 1};
        test::evaluate(*potential, frame, {}, species);
      } catch (const InputError& error) {
        EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
      }
      if (HasFailure()) FAIL() << "seed " << 4 * round + f << " of " << name << ":\n" << damaged;
    }
  EXPECT_GT(accepted, n / 50);
  EXPECT_LT(accepted, n * 9 / 10);
}

// A count of a billion costs no memory.
TEST(FuzzEamFile, HugeCounts) {
  const std::string text = test::setfl_text(test::smooth_eam(1, EamKind::alloy, 4.5, 9, 8));
  const size_t at = text.find("\n8 ") + 1;
  for (const char* count : {"1000000000", "9000000000000000000", "9999999"}) {
    std::string huge = text;
    huge.replace(at, 1, count);
    EXPECT_NE(refusal("a.eam.alloy", huge), "") << count;
  }
}

}  // namespace
}  // namespace grainfield
