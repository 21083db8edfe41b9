// `grainfield potential`, the search for potentials by name, and the potential in tests/data that every clone
// has.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "host/error.hpp"
#include "host/mtp_basis.hpp"
#include "host/mtp_summary.hpp"
#include "io/eam_file.hpp"
#include "io/find_potential.hpp"
#include "io/load_potential.hpp"
#include "io/mtp_file.hpp"
#include "tests/support/command.hpp"
#include "tests/support/mtp_models.hpp"
#include "tests/support/shared.hpp"
#include "tests/support/temp_folder.hpp"

namespace grainfield {
namespace {

using nlohmann::json;
using test::grainfield;

// Sets an environment variable for one test.
class Environment {
 public:
  Environment(const char* name, const std::string& value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    setenv(name, value.c_str(), 1);
  }
  ~Environment() { old_.empty() ? unsetenv(name_) : setenv(name_, old_.c_str(), 1); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  const char* name_;
  std::string old_;
};

std::string find_error(const std::string& name) {
  try {
    find_potential(name);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

TEST(FindPotential, PathThenFolders) {
  const test::TempFolder one, two;
  one.write("a.mtp", "1");
  two.write("a.mtp", "2");
  two.write("b.mtp", "2");
  std::filesystem::create_directory(two.file("sub"));
  two.write("sub/c.mtp", "2");
  const Environment folders("GRAINFIELD_POTENTIALS", one.path() + "::" + two.path() + ":/absent");
  EXPECT_EQ(find_potential(two.file("a.mtp")), two.file("a.mtp"));
  EXPECT_EQ(find_potential("a.mtp"), one.file("a.mtp"));
  EXPECT_EQ(find_potential("b.mtp"), two.file("b.mtp"));
  EXPECT_EQ(find_potential("sub/c.mtp"), two.file("sub/c.mtp"));
  const std::string debian = "/usr/share/lammps/potentials/Ni_u3.eam";
  if (std::filesystem::exists(debian)) {
    EXPECT_EQ(find_potential("Ni_u3.eam"), debian);
  }
}

TEST(FindPotential, ErrorsSayWhereAndWhatElse) {
  const test::TempFolder folder;
  folder.write("FeCr_large.almtp", "1");
  const Environment folders("GRAINFIELD_POTENTIALS", folder.path() + ":/absent/folder");
  for (const std::string& name :
       {std::string("fecr"), std::string("FeCr_large.mtp"), folder.file("FeCr_larg.almtp")}) {
    const std::string error = find_error(name);
    EXPECT_NE(error.find(fmt::format("there is no potential '{}' (did you mean", name)), std::string::npos)
        << error;
    EXPECT_NE(error.find("FeCr_large.almtp"), std::string::npos) << error;
    EXPECT_NE(error.find(folder.path()), std::string::npos) << error;
    EXPECT_EQ(error.find('\n'), std::string::npos);
  }
  EXPECT_NE(find_error("fecr").find("/absent/folder (which is absent), /usr/share/lammps/potentials"),
            std::string::npos)
      << find_error("fecr");
  EXPECT_NE(find_error(""), "");
  EXPECT_NE(find_error(folder.path()), "");  // a folder is no potential
}

TEST(PotentialCommand, CreateThenInfo) {
  const test::TempFolder folder;
  const std::string path = folder.file("fe.almtp");
  const auto created = grainfield(
      "potential create --level 12 --elements Fe,Cr --random 7 --min-distance 1.9 --max-distance 5.5 "
      "--radial-basis-size 6 -o '" +
      path + "'");
  EXPECT_EQ(created.code, 0) << created.err;
  EXPECT_NE(created.out.find("level 12, 29 scalars"), std::string::npos) << created.out;
  const auto info = grainfield("potential info --json '" + path + "'");
  ASSERT_EQ(info.code, 0) << info.err;
  const json out = json::parse(info.out);
  EXPECT_EQ(out["kind"], "moment tensor potential");
  EXPECT_EQ(out["species"].size(), 2u);
  EXPECT_EQ(out["species"][1]["element"], "Cr");
  EXPECT_EQ(out["cutoff"], 5.5);
  EXPECT_EQ(out["min_distance"], 1.9);
  EXPECT_EQ(out["level"], 12);
  EXPECT_EQ(out["scalars"], 29);
  EXPECT_EQ(out["scalars_of_level"], 29);
  EXPECT_EQ(out["radial_functions"], 3);
  EXPECT_EQ(out["coefficients"], 4 * 3 * 6 + 2 + 29);
  EXPECT_EQ(out["trained"], true);
  for (const json& norm : out["radial_norm"]) EXPECT_NEAR(norm.get<double>(), 1, 1e-14);
  EXPECT_FALSE(out.contains("active_set"));
  EXPECT_EQ(load_potential(path, Exec{})->elements(), (std::vector<std::string>{"Fe", "Cr"}));
  // The same seed, the same file; another one, another.
  const std::string again = folder.file("again.almtp"), other = folder.file("other.almtp");
  const std::string options =
      "potential create --level 12 --elements Fe,Cr --min-distance 1.9 --max-distance 5.5 "
      "--radial-basis-size 6 ";
  EXPECT_EQ(grainfield(options + "--random 7 -o '" + again + "'").code, 0);
  EXPECT_EQ(grainfield(options + "--random 8 -o '" + other + "'").code, 0);
  EXPECT_EQ(test::read_file(again), test::read_file(path));
  EXPECT_NE(test::read_file(other), test::read_file(path));
  const auto text = grainfield("potential info '" + path + "'");
  for (const char* part :
       {"moment tensor potential\n", "type 1  Cr", "cutoff 5.5 A", "sum of c^2 per radial function 1 1 1",
        "level 12 (from the tables): 29 scalars of 29", "no active set"})
    EXPECT_NE(text.out.find(part), std::string::npos) << part << "\nin: " << text.out;
}

TEST(PotentialCommand, InfoOfEmbeddedAtoms) {
  const std::string path = test::data_folder() + "/eam/toy.eam.fs";
  const auto info = grainfield("potential info --json '" + path + "'");
  ASSERT_EQ(info.code, 0) << info.err;
  const json out = json::parse(info.out);
  const EamModel m = read_eam(path);
  EXPECT_EQ(out["kind"], "embedded-atom potential");
  EXPECT_EQ(out["format"], "eam/fs");
  EXPECT_EQ(out["cutoff"], m.cutoff);
  EXPECT_EQ(out["n_r"], m.n_r);
  ASSERT_EQ(out["species"].size(), m.elements.size());
  EXPECT_EQ(out["species"][0]["element"], m.elements[0]);
  const auto text = grainfield("potential info '" + path + "'");
  EXPECT_NE(text.out.find("embedded-atom potential, eam/fs\n"), std::string::npos) << text.out;
}

TEST(PotentialCommand, Templates) {
  const test::TempFolder folder;
  const std::string path = folder.file("t.almtp");
  const auto created = grainfield("potential create --level 8 --species 3 -o '" + path + "'");
  EXPECT_EQ(created.code, 0) << created.err;
  EXPECT_NE(created.out.find("an untrained template"), std::string::npos);
  EXPECT_THROW(read_mtp(path), InputError);
  const MtpModel m = read_mtp(path, {true});
  EXPECT_EQ(m.n_species, 3);
  const auto info = grainfield("potential info '" + path + "'");
  EXPECT_EQ(info.code, 0) << info.err;
  EXPECT_NE(info.out.find("moment tensor potential, an untrained template\n"), std::string::npos) << info.out;
}

TEST(PotentialCommand, MessagesAndCodes) {
  const test::TempFolder folder;
  const std::string out = " -o '" + folder.file("x.mtp") + "'";
  for (const auto& [arguments, code, part] :
       {std::tuple{"create --level 30" + out, 2, "level 30 of a moment tensor potential; expected 2 ... 28"},
        std::tuple{"create --level 8 --elements Fe,Xx" + out, 2, "there is no element 'Xx'"},
        std::tuple{"create --level 8 --elements Fe,Cr --species 3" + out, 2,
                   "--species 3 and 2 names in --elements"},
        std::tuple{"create --level 8 --min-distance 6" + out, 2, "expected 0 <= min < max"},
        std::tuple{"create --level 8 --radial-basis-size 0" + out, 2, "--radial-basis-size 0"},
        std::tuple{"create --level 8 --species -1" + out, 2, "--species -1"},
        std::tuple{std::string("create --level 8 -o /absent/x.mtp"), 4, "/absent/x.mtp"},
        std::tuple{std::string("info /absent/x.mtp"), 2, "there is no potential '/absent/x.mtp'"},
        std::tuple{"info '" + folder.write("a.eam", "DATE: 2007\n") + "'", 3, "a.eam, line "},
        std::tuple{"info '" + folder.write("b.mtp", "MTP\nversion = 1.1.0\n") + "'", 3,
                   "found the end of the text (truncated?)"}}) {
    const auto result = grainfield("potential " + arguments);
    EXPECT_EQ(result.code, code) << arguments;
    EXPECT_NE(result.err.find(part), std::string::npos) << result.err;
    EXPECT_FALSE(std::filesystem::exists(folder.file("x.mtp")));
  }
}

// tests/data/level_6_two_species.almtp was written by this code: GRAINFIELD_WRITE_FIXTURE=FILE writes it
// again.
TEST(PotentialFixture, TwoSpeciesWithActiveSet) {
  MtpModel m = mtp_basis(6);
  m.name = "level_6_two_species";
  m.n_species = 2;
  m.type_labels = {0, 1};
  m.n_radial_basis = 4;
  m.min_distance = 1.75;
  m.max_distance = 5;
  randomize_coefficients(m, 1);
  m.active_set = test::small_active_set(m, 60, 3);
  if (const char* path = std::getenv("GRAINFIELD_WRITE_FIXTURE")) write_mtp(path, m);
  const std::string path = test::data_folder() + "/level_6_two_species.almtp";
  const MtpModel read = read_mtp(path);
  EXPECT_EQ(read.n_coefficients(), 39);
  ASSERT_TRUE(read.active_set.has_value());
  EXPECT_TRUE(read.active_set->neighborhood_mode());
  EXPECT_EQ(format_mtp(read), test::read_file(path));
  // As many slots stay empty as there are directions that change no energy: K (K + 1)/2 and none else.
  EXPECT_EQ(summarize(read).filled_slots, 36);
  // The set depends on the last bits of sums; the potential itself does not.
  MtpModel plain = read;
  plain.active_set = m.active_set;
  EXPECT_TRUE(plain == m);
  const auto info = grainfield("potential info '" + path + "'");
  EXPECT_NE(info.out.find("active set of neighborhoods, 36 of 39 slots filled"), std::string::npos)
      << info.out << info.err;
}

TEST(MtpElements, TagOrLabels) {
  MtpModel m = test::small_mtp(2);
  EXPECT_EQ(mtp_elements(m), (std::vector<std::string>{"", ""}));
  m.type_labels = {26, 28};
  EXPECT_EQ(mtp_elements(m), (std::vector<std::string>{"Fe", "Ni"}));
  m.tag = mtp_element_tag({"Cu", "Al"});
  EXPECT_EQ(mtp_elements(m), (std::vector<std::string>{"Cu", "Al"}));
  m.tag = mtp_element_tag({"Cu"});
  EXPECT_EQ(mtp_elements(m), (std::vector<std::string>{"Fe", "Ni"}));
  m.type_labels = {26, 500};
  EXPECT_EQ(mtp_elements(m), (std::vector<std::string>{"", ""}));
  m.type_labels = {1, 2};  // a count
  EXPECT_EQ(mtp_elements(m), (std::vector<std::string>{"", ""}));
  m.tag = "elements: Fe Qq";
  EXPECT_EQ(mtp_elements(m), (std::vector<std::string>{"", ""}));
}

// A chain of squares as a file could hold it: levels and degrees without end.
TEST(MtpSummary, OddTables) {
  MtpModel m = test::small_mtp(1);
  const MtpSummary plain = summarize(m);
  EXPECT_EQ(plain.level, 8);
  EXPECT_EQ(plain.products_by_depth, (std::vector<int64_t>{11, 3}));
  EXPECT_EQ(plain.moments_by_depth, (std::vector<int64_t>{11, 4, 3}));
  EXPECT_EQ(plain.scalars_by_degree, (std::vector<int64_t>{2, 4, 2, 1}));
  EXPECT_EQ(plain.largest_rank, (std::vector<int32_t>{2, 0}));
  double sum = 0;
  for (size_t k = 0; k < 5; ++k) sum += m.radial[k] * m.radial[k];
  EXPECT_DOUBLE_EQ(plain.radial_norm[0], sum);
  for (int k = 0; k < 100; ++k) {
    m.products.push_back({m.n_moments - 1, m.n_moments - 1, 1, m.n_moments});
    m.scalars.push_back(m.n_moments++);
  }
  EXPECT_EQ(summarize(m).level, -1);
  EXPECT_EQ(summarize(m).products_by_depth.size(), 102u);
}

}  // namespace
}  // namespace grainfield
