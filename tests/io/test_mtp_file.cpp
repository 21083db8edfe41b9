// Files of moment tensor potentials: reading, writing, and one clear line for whatever is wrong in them. The
// slow evaluation that other tests compare with (tests/reference/mtp_ref.hpp) is checked here against MLIP-3.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>

#include "host/error.hpp"
#include "io/mtp_file.hpp"
#include "io/reader.hpp"
#include "tests/reference/mtp_ref.hpp"
#include "tests/support/compress.hpp"
#include "tests/support/mtp_models.hpp"
#include "tests/support/mutate.hpp"
#include "tests/support/replaced.hpp"
#include "tests/support/shared.hpp"
#include "tests/support/temp_folder.hpp"

namespace grainfield {
namespace {

using reference::MtpRef;
using test::replaced;

std::string error_of(const std::string& bytes, const MtpReadOptions& options = {}) {
  try {
    parse_mtp(bytes, "p.almtp", options);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

// With an active set: 29 coefficients for one species, 51 for two.
const MtpModel& model_with_set(int n_species) {
  static const auto make = [](int n) {
    MtpModel m = test::small_mtp(n);
    m.active_set = test::small_active_set(m);
    return m;
  };
  static const MtpModel one = make(1), two = make(2);
  return n_species == 1 ? one : two;
}

TEST(MtpFile, RoundTripIsExact) {
  const test::TempFolder folder;
  for (const MtpModel& m : {test::small_mtp(1), test::small_mtp(3), model_with_set(2)}) {
    const std::string path = folder.file("a.almtp");
    write_mtp(path, m);
    const MtpModel back = read_mtp(path);
    EXPECT_TRUE(back == m);
    EXPECT_EQ(format_mtp(back), test::read_file(path));
  }
}

TEST(MtpFile, CompressedFiles) {
  const test::TempFolder folder;
  const std::string bytes = format_mtp(model_with_set(2));
  EXPECT_TRUE(read_mtp(folder.write("a.gz", test::gzip(bytes))) == model_with_set(2));
  EXPECT_TRUE(read_mtp(folder.write("a.zst", test::zstd(bytes))) == model_with_set(2));
  EXPECT_THROW(read_mtp(folder.file("absent")), ResourceError);
}

// The text that a person who knows the format would write by hand.
const char* const by_hand =
    "MTP\nversion = 1.1.0\npotential_name = hand\nscaling = 5.000000000000000e-01\nspecies_count = 1\n"
    "potential_tag = \nradial_basis_type = RBChebyshev\n\tmin_dist = 2.000000000000000e+00\n"
    "\tmax_dist = 5.000000000000000e+00\n\tradial_basis_size = 2\n\tradial_funcs_count = 1\n\tradial_coeffs\n"
    "\t\t0-0\n\t\t\t{1.000000000000000e+00, -2.500000000000000e-01}\nalpha_moments_count = 2\n"
    "alpha_index_basic_count = 1\nalpha_index_basic = {{0, 0, 0, 0}}\nalpha_index_times_count = 1\n"
    "alpha_index_times = {{0, 0, 1, 1}}\nalpha_scalar_moments = 2\nalpha_moment_mapping = {0, 1}\n"
    "species_coeffs = {-3.500000000000000e+00}\nmoment_coeffs = {1.000000000000000e+00, "
    "1.000000000000000e-01}";

TEST(MtpFile, TheFormatByteForByte) {
  const MtpModel m = parse_mtp(by_hand, "hand");
  MtpModel expected;
  expected.name = "hand";
  expected.scaling = 0.5;
  expected.n_species = 1;
  expected.n_radial_basis = 2;
  expected.n_radial = 1;
  expected.min_distance = 2;
  expected.max_distance = 5;
  expected.type_labels = {0};
  expected.radial = {1, -0.25};
  expected.n_moments = 2;
  expected.basics = {{0, 0, 0, 0}};
  expected.products = {{0, 0, 1, 1}};
  expected.scalars = {0, 1};
  expected.species_energy = {-3.5};
  expected.linear = {1, 0.1};
  EXPECT_TRUE(m == expected);
  EXPECT_EQ(m.n_coefficients(), 5);
  EXPECT_EQ(format_mtp(m), by_hand);
}

TEST(MtpFile, ActiveSetByteForByte) {
  MtpModel m = parse_mtp(by_hand, "hand");
  MtpActiveSet set;
  set.energy_weight = 1;
  for (size_t k = 0; k < 25; ++k) {
    set.rows.push_back(k % 6 == 0 ? 2 : 0);
    set.inverse_transposed.push_back(k % 6 == 0 ? 0.5 : 0);
  }
  for (int k = 0; k < 5; ++k) set.origin.emplace_back(k == 3 ? -1 : 0, k == 3 ? -1 : 0);
  set.configurations = "BEGIN_CFG\n Size\n    0\nEND_CFG\n\n";
  m.active_set = set;
  std::string expected = by_hand;
  expected +=
      "\n#MVS_v1.1\nenergy_weight 1.0000000000000000e+00\nforce_weight 0.0000000000000000e+00\n"
      "stress_weight 0.0000000000000000e+00\nsite_en_weight 0.0000000000000000e+00\nweight_scaling 2\n#";
  for (const auto& matrix : {set.rows, set.inverse_transposed})
    for (const double value : matrix) {
      char bytes[8];
      std::memcpy(bytes, &value, 8);
      expected.append(bytes, 8);
    }
  expected += "\n#\n0 0\n0 0\n0 0\n-1 -1\n0 0\n#\nBEGIN_CFG\n Size\n    0\nEND_CFG\n\n";
  EXPECT_EQ(format_mtp(m), expected);
  const MtpModel back = parse_mtp(expected, "hand");
  EXPECT_TRUE(back == m);
  EXPECT_FALSE(back.active_set->neighborhood_mode());
  EXPECT_TRUE(model_with_set(1).active_set->neighborhood_mode());
}

// What other programs write or tolerate (LAMMPS, MLIP-2, MLIP-3, editors).
TEST(MtpFile, OddHeaders) {
  const std::string text = by_hand;
  const MtpModel m = parse_mtp(text, "hand");
  const auto same = [&](const std::string& odd) {
    MtpModel read = parse_mtp(odd, "odd");
    read.name = m.name;
    read.tag = m.tag;
    EXPECT_TRUE(read == m) << odd;
  };
  same(replaced(text, "potential_name = hand", "potential_name = "));
  same(replaced(text, "potential_name = hand\n", ""));
  same(replaced(text, "potential_tag = \n", ""));
  same(replaced(text, "potential_tag = ", "potential_tag = some words = {1}"));
  same(replaced(replaced(text, "min_dist", "min_val"), "max_dist", "max_val"));
  same(replaced(text, "radial_basis_size", "basis_size"));
  same(replaced(replaced(text, "scaling = 5.000000000000000e-01\n", ""), "\tmin_dist",
                "\tscaling = 0.5\n\tmin_dist"));
  same(replaced(replaced(text, "scaling = 5.000000000000000e-01", "scaling = 0.25"), "\tmin_dist",
                "\tscaling = +2\n\tmin_dist"));
  same(text + "\n\n");
  same(replaced(text, "{{0, 0, 1, 1}}", "{ {0,0,1,1}\n}"));
  std::string windows;
  for (const char c : text) windows += c == '\n' ? std::string("\r\n") : std::string(1, c);
  same(windows);
  EXPECT_EQ(parse_mtp(replaced(text, "scaling = 5.000000000000000e-01\n", ""), "x").scaling, 1);
  EXPECT_TRUE(parse_mtp(replaced(text, "RBChebyshev", "RBChebyshev_repuls"), "x").repulsive);
  // Absolute type numbers.
  const MtpModel two = test::small_mtp(2);
  std::string labels = format_mtp(two);
  for (const auto& [from, to] : {std::pair{"\t0-0\n", "\t26-26\n"}, std::pair{"\t0-1\n", "\t26-28\n"},
                                 std::pair{"\t1-0\n", "\t28-26\n"}, std::pair{"\t1-1\n", "\t28-28\n"}})
    labels = replaced(labels, from, to);
  MtpModel absolute = parse_mtp(labels, "x");
  EXPECT_EQ(absolute.type_labels, (std::vector<int32_t>{26, 28}));
  EXPECT_EQ(format_mtp(absolute), labels);
  absolute.type_labels = two.type_labels;
  EXPECT_TRUE(absolute == two);
}

TEST(MtpFile, Templates) {
  MtpModel m = test::small_mtp(2);
  m.radial.clear();
  m.species_energy.clear();
  m.linear.clear();
  const std::string text = format_mtp(m);
  const MtpModel back = parse_mtp(text, "t", {true});
  EXPECT_TRUE(back == m);
  EXPECT_FALSE(back.trained());
  EXPECT_NE(error_of(text).find("expected radial_coeffs, found 'alpha_moments_count = 18'"),
            std::string::npos)
      << error_of(text);
  EXPECT_NE(error_of(text).find("untrained template"), std::string::npos);
  const std::string hints = replaced(text, "species_count = 2", "species_count = 2    <<< change this");
  EXPECT_TRUE(parse_mtp(hints, "t", {true}) == m);
  EXPECT_NE(error_of(hints).find("line 5: species_count is followed by a hint '<<<'"), std::string::npos)
      << error_of(hints);
}

// Out of order: sorted so that every product of a moment stands before its uses, products of one output
// together, and the energy the same to the last bit.
TEST(MtpFile, ProductsAreSorted) {
  const MtpModel m = test::small_mtp(2);
  MtpModel mixed = m;
  std::swap(mixed.products.front(), mixed.products.back());  // {11, 11, 1, 17} first, {0, 0, 1, 11} last
  std::swap(mixed.products[2], mixed.products[8]);           // outputs 12 and 13 interleaved
  const MtpModel sorted = parse_mtp(format_mtp(mixed), "x");
  std::vector<char> complete(18, 0);
  int32_t last = -1;
  for (int32_t k = 0; k < 11; ++k) complete[static_cast<size_t>(k)] = 1;
  for (const MtpProduct& p : sorted.products) {
    if (p.out != last && last >= 0) complete[static_cast<size_t>(last)] = 1;
    EXPECT_FALSE(complete[static_cast<size_t>(p.out)]);
    EXPECT_TRUE(complete[static_cast<size_t>(p.left)] && complete[static_cast<size_t>(p.right)]);
    last = p.out;
  }
  ASSERT_EQ(sorted.products.size(), m.products.size());
  const std::vector<Vec3> r{{2, 0.5, 1}, {-1, 2, 0.25}, {0, -1, -2.5}};
  EXPECT_NEAR(MtpRef(sorted).site_energy(0, r, {0, 1, 1}, nullptr, nullptr),
              MtpRef(m).site_energy(0, r, {0, 1, 1}, nullptr, nullptr), 1e-14);
  // A file in order stays as it is.
  EXPECT_TRUE(parse_mtp(format_mtp(m), "x").products == m.products);
}

struct Broken {
  std::string from, to;
  std::vector<const char*> expected;
};

void check_broken(const std::string& good, const std::vector<Broken>& cases) {
  ASSERT_EQ(error_of(good), "");
  for (const Broken& broken : cases) {
    const std::string error = error_of(replaced(good, broken.from, broken.to));
    SCOPED_TRACE(broken.from + " -> " + broken.to);
    EXPECT_EQ(error.find("p.almtp, line "), 0u) << error;
    EXPECT_EQ(error.find('\n'), std::string::npos);
    for (const char* part : broken.expected)
      EXPECT_NE(error.find(part), std::string::npos) << part << "\nin: " << error;
  }
}

TEST(MtpFile, BrokenText) {
  check_broken(
      by_hand,
      {{"MTP\n", "MTPX\n", {"line 1:", "expected 'MTP'", "found 'MTPX'"}},
       {"1.1.0", "1.2.0", {"line 2:", "expected version 1.1.0, found '1.2.0'"}},
       {"version", "versions", {"line 2:", "expected version, found 'versions = 1.1.0'"}},
       {"scaling = 5.0", "scaling = nan5.0", {"line 4:", "scaling: expected a number"}},
       {"5.000000000000000e-01", "0", {"scaling other than 0"}},
       {"5.000000000000000e-01", "inf", {"scaling: expected a number, found 'inf'"}},
       {"scaling = ", "scaling = 1\nscaling = ", {"line 5:", "scaling occurs twice"}},
       {"species_count = 1", "species_count = 0", {"line 5:", "at least 1, found '0'"}},
       {"species_count = 1", "species_count = one", {"line 5:", "found 'one'"}},
       {"species_count = 1",
        "species_count = 2",
        {"line 15:", "pair 2 of 4", "found 'alpha_moments_count = 2'"}},
       {"species_count = 1\n", "", {"expected species_count before radial_basis_type"}},
       {"RBChebyshev",
        "RBShapeev",
        {"line 7:", "expected radial_basis_type RBChebyshev or", "found 'RBShapeev'"}},
       {"\tradial_funcs", "magnetic_basis_type = BChebyshev\n\tradial_funcs", {"line 11:", "magnetic"}},
       {"\tmin_dist = 2.000000000000000e+00\n", "", {"line 10:", "expected min_dist"}},
       {"max_dist = 5", "max_dist = 1", {"0 <= min_dist < max_dist", "min_dist = 2, max_dist = 1"}},
       {"min_dist = 2", "min_dist = -2", {"0 <= min_dist < max_dist"}},
       {"basis_size = 2",
        "basis_size = 3",
        {"line 14:", "pair 0-0, function 1 of 1, number 3 of 3", "expected ','"}},
       {"basis_size = 2", "basis_size = 1", {"line 14:", "expected '}' after 1 numbers"}},
       {"funcs_count = 1", "funcs_count = 2", {"line 15:", "function 2 of 2", "expected '{'"}},
       {"0-0", "0_0", {"line 13:", "pair 1 of 1", "found '0_0'"}},
       {"0-0", "0-1", {"line 13:", "expected the pair '1-1' (pair 1 of 1), found '0-1'"}},
       {"{1.0", "{nan1.0", {"line 14:", "number 1 of 2: expected a number"}},
       {"-2.5", "inf ,-2.5", {"line 14:", "expected a number, found 'inf ,"}},
       {"moments_count = 2",
        "moments_count = 3",
        {"line 15:", "expected 1 ... 2 (1 basic moments and 1 products), found 3"}},
       {"moments_count = 2", "moments_count = 1", {"expected an output that is a moment 1 ... 0, found 1"}},
       {"basic_count = 1", "basic_count = 2", {"line 17:", "entry 2 of 2: expected ','"}},
       {"{{0, 0, 0, 0}}", "{{1, 0, 0, 0}}", {"line 17:", "expected a radial function 0 ... 0", "found 1"}},
       {"{{0, 0, 0, 0}}", "{{0, 0, -1, 0}}", {"line 17:", "expected powers", "found 0, -1, 0"}},
       {"{{0, 0, 0, 0}}", "{{0, 0, 99, 0}}", {"line 17:", "at most 64 in all", "99"}},
       {"times_count = 1", "times_count = 0", {"line 15:", "expected 1 ... 1", "found 2"}},
       {"{{0, 0, 1, 1}}", "{{0, 1, 1, 1}}", {"line 19:", "moment 1 needs itself"}},
       {"{{0, 0, 1, 1}}", "{{0, 2, 1, 1}}", {"line 19:", "entry 1", "0 ... 1, found 2"}},
       {"{{0, 0, 1, 1}}", "{{-1, 0, 1, 1}}", {"line 19:", "found -1"}},
       {"{{0, 0, 1, 1}}", "{{0, 0, 1, 0}}", {"line 19:", "an output that is a moment 1 ... 1, found 0"}},
       {"{{0, 0, 1, 1}}", "{{0, 0, 0, 1}}", {"line 19:", "multiplicity of 1 or more, found 0"}},
       {"{{0, 0, 1, 1}}", "{{0, 0, 1, 1e3}}", {"line 19:", "expected '}', found 'e3}}'"}},
       {"{{0, 0, 1, 1}}", "{{0, 0, 1, 99999999999}}", {"line 19:", "expected a whole number"}},
       {"{{0, 0, 1, 1}}",
        "{{0, 0, 1, 1}",
        {"line 20:", "expected '}' after 1 entries", "found 'alpha_scalar_moments = 2'"}},
       {"mapping = {0, 1}",
        "mapping = {0, 2}",
        {"line 21:", "entry 2 of 2: expected a moment 0 ... 1, found 2"}},
       {"scalar_moments = 2", "scalar_moments = 3", {"line 21:", "entry 3 of 3: expected ','"}},
       {"scalar_moments = 2", "scalar_moments = 1", {"line 21:", "expected '}' after 1 entries"}},
       {"species_coeffs = {-3.5",
        "species_coeffs = {1, -3.5",
        {"line 22:", "species_coeffs: expected '}' after 1"}},
       {"1.000000000000000e-01}",
        "1.0",
        {"line 23:", "expected '}' after 2 numbers", "found the end of the text (truncated?)"}},
       {", 1.000000000000000e-01}", "}", {"line 23:", "moment_coeffs, number 2 of 2"}},
       {", 1.000000000000000e-01}",
        ", 1}x",
        {"line 23:", "expected the end of the file or '#MVS_v1.1'", "found 'x'"}}});
  // Cut anywhere: always a line, never a potential.
  const std::string text = by_hand;
  for (size_t size = 0; size < text.size(); ++size) EXPECT_NE(error_of(text.substr(0, size)), "") << size;
  // A radial function that no basic moment uses.
  MtpModel idle = test::small_mtp(1);
  idle.n_radial = 3;
  idle.radial.resize(15, 0.5);
  EXPECT_NE(error_of(format_mtp(idle))
                .find("expected radial functions up to 2 (radial_funcs_count 3), found none above 1"),
            std::string::npos)
      << error_of(format_mtp(idle));
  // A moment that no product makes.
  MtpModel hole = test::small_mtp(1);
  hole.products.erase(hole.products.begin());
  hole.scalars.erase(hole.scalars.begin() + 2);
  hole.linear.pop_back();
  EXPECT_NE(error_of(format_mtp(hole)).find("products that yield moment 11 "), std::string::npos)
      << error_of(format_mtp(hole));
}

// Numbers in range but wrong: the scalars are none any more.
TEST(MtpFile, BrokenTables) {
  const MtpModel good = test::small_mtp(1);
  ASSERT_EQ(error_of(format_mtp(good)), "");
  const auto check = [](const MtpModel& m) {
    const std::string error = error_of(format_mtp(m));
    EXPECT_NE(
        error.find("expected scalars that do not change when the neighborhood is rotated, found that entry "),
        std::string::npos)
        << error;
  };
  MtpModel m = good;
  m.basics[5] = {0, 1, 0, 1};
  check(m);
  m = good;
  m.products[5].factor = 1;
  check(m);
  m = good;
  m.products[8].left = 7;
  check(m);
  m = good;
  m.products.erase(m.products.begin() + 9);
  check(m);
  m = good;
  m.scalars[4] = 3;
  check(m);
}

TEST(MtpFile, BrokenActiveSet) {
  const MtpModel& m = model_with_set(2);
  const std::string good = format_mtp(m);
  check_broken(good,
               {{"#MVS_v1.1", "#MVS_v2.0", {"expected the active set's mark '#MVS_v1.1', found '#MVS_v2.0'"}},
                {"#MVS_v1.1", "#", {"an older version"}},
                {"energy_weight 0",
                 "energy_weights 0",
                 {"expected 'energy_weight <number>', found 'energy_weights 0"}},
                {"energy_weight 0",
                 "energy_weight 1",
                 {"exactly one of energy_weight and site_en_weight", "found 1 and 1"}},
                {"site_en_weight 1", "site_en_weight 0", {"exactly one of", "found 0 and 0"}},
                {"force_weight 0", "force_weight 1", {"force_weight and stress_weight 0", "found 1 and 0"}},
                {"weight_scaling 2",
                 "weight_scaling 3",
                 {"expected 'weight_scaling <0, 1 or 2>', found 'weight_scaling 3'"}},
                {"weight_scaling 2\n#", "weight_scaling 2\n", {"expected '#' and the matrices"}},
                {"weight_scaling 2\n#",
                 "weight_scaling 2\n#x",
                 {"expected a line '#' after the matrices", "(51 x 51 for 51 coefficients)"}},
                {"\n#\n", "\n##\n", {"expected a line '#' after the matrices"}},
                {"END_CFG", "END", {"begin and", "that end: truncated"}}});
  const size_t matrices = good.find("weight_scaling 2\n#") + 18, n = static_cast<size_t>(m.n_coefficients());
  const auto with = [&](size_t element, double value) {
    std::string bytes = good;
    std::memcpy(bytes.data() + matrices + 8 * element, &value, 8);
    return bytes;
  };
  EXPECT_EQ(error_of(with(7 * n + 3, m.active_set->rows[7 * n + 3])), "");
  EXPECT_NE(error_of(with(7 * n + 3, std::numeric_limits<double>::quiet_NaN()))
                .find("matrix A of the active set, row 7, column 3: expected a number, found nan"),
            std::string::npos);
  EXPECT_NE(error_of(with(n * n + 5, std::numeric_limits<double>::infinity()))
                .find("inverse of the active set, row 0, column 5"),
            std::string::npos);
  for (const size_t element : {size_t{0}, 7 * n + 3, n * n - 1})
    EXPECT_NE(
        error_of(with(element, m.active_set->rows[element] + 0.5)).find("expected |A X^T v - v| below 0.001"),
        std::string::npos)
        << element;
  // Slots: one too few, not numbers, a configuration that is not there.
  const size_t origins = matrices + 16 * n * n + 3;
  const std::string head = good.substr(0, origins), tail = good.substr(origins);
  EXPECT_NE(error_of(head + tail.substr(tail.find('\n') + 1))
                .find("origin of slot 50 of 51 behind the matrices: expected a configuration and an "
                      "equation, found '#'"),
            std::string::npos);
  EXPECT_NE(error_of(head + "1 x" + tail.substr(tail.find('\n'))).find("origin of slot 0 of 51"),
            std::string::npos);
  EXPECT_NE(error_of(head + "1000 3" + tail.substr(tail.find('\n')))
                .find("expected 1001 or more that begin and end"),
            std::string::npos);
  int64_t configurations = 0;
  for (size_t at = good.find("BEGIN_CFG"); at != std::string::npos; at = good.find("BEGIN_CFG", at + 1))
    ++configurations;
  EXPECT_NE(error_of(head + fmt::format("{} 3", configurations) + tail.substr(tail.find('\n'))), "");
  EXPECT_EQ(error_of(head + fmt::format("{} 3", configurations - 1) + tail.substr(tail.find('\n'))), "");
  EXPECT_NE(error_of(head + "-1 3" + tail.substr(tail.find('\n'))).find("origin of slot 0 of 51"),
            std::string::npos);
  EXPECT_NE(error_of(head + "0 21\n" + tail).find("expected a line '#' after the origins of 51 slots"),
            std::string::npos);
  // Cut anywhere but between configurations.
  for (size_t size = good.find('#') + 1; size < good.size() - 200; size += 37)
    EXPECT_NE(error_of(good.substr(0, size)), "") << size;
  // Converted as text: a carriage return before every newline, also in the matrices.
  std::string converted;
  for (const char c : good) converted += c == '\n' ? std::string("\r\n") : std::string(1, c);
  EXPECT_NE(error_of(converted), "");
}

// Deterministic damage: an error or a potential that holds together, nothing else; GRAINFIELD_FUZZ_SECONDS
// runs longer.
TEST(MtpFile, DamagedFiles) {
  const std::string corpus[] = {by_hand, format_mtp(test::small_mtp(2)), format_mtp(model_with_set(1))};
  const char* text = std::getenv("GRAINFIELD_FUZZ_SECONDS");
  const double seconds = text ? std::atof(text) : 0;
  const auto start = std::chrono::steady_clock::now();
  int64_t accepted = 0, n = 0;
  for (uint64_t seed = 0;
       seed < 1500 ||
       std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() < seconds;
       ++seed) {
    test::Mutator mutate(seed);
    const std::string damaged = mutate(corpus[seed % 3]);
    SCOPED_TRACE(fmt::format("seed {}", seed));
    const MtpReadOptions options{mutate.below(4) == 0};
    ++n;
    MtpModel m;
    try {
      m = parse_mtp(damaged, "p", options);
    } catch (const InputError& error) {
      EXPECT_EQ(std::string(error.what()).find("p, line "), 0u);
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
      continue;
    }
    ++accepted;
    ASSERT_LE(static_cast<size_t>(m.n_moments), m.basics.size() + m.products.size());
    for (const MtpProduct& p : m.products) {
      EXPECT_TRUE(p.left >= 0 && p.left < m.n_moments && p.right >= 0 && p.right < m.n_moments);
      EXPECT_TRUE(p.out >= static_cast<int32_t>(m.basics.size()) && p.out < m.n_moments && p.factor > 0);
    }
    if (m.trained()) {
      ASSERT_EQ(m.radial.size(), static_cast<size_t>(m.n_species) * static_cast<size_t>(m.n_species) *
                                     static_cast<size_t>(m.n_radial) * static_cast<size_t>(m.n_radial_basis));
      ASSERT_EQ(m.linear.size(), m.scalars.size());
      ASSERT_EQ(m.species_energy.size(), static_cast<size_t>(m.n_species));
      EXPECT_TRUE(parse_mtp(format_mtp(m), "again") == m);
    }
  }
  EXPECT_GT(accepted, n / 50);
  EXPECT_LT(accepted, n * 9 / 10);
}

// --- files of other programs ---

TEST(MtpFileReference, FilesOfMlip) {
  GF_NEEDS_SHARED(shared);
  int files = 0;
  for (const std::string& folder : {shared + "/potentials/fe_ito", shared + "/reference/mtp/data/potentials"})
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      SCOPED_TRACE(entry.path().string());
      const std::string bytes = test::read_file(entry.path().string());
      const MtpModel m = read_mtp(entry.path().string());
      const std::string written = format_mtp(m);
      EXPECT_TRUE(parse_mtp(written, "written") == m);
      EXPECT_TRUE(written == bytes || entry.path().filename() == "rand2_l10_Z.mtp");
      EXPECT_EQ(m.active_set.has_value(), entry.path().extension() == ".almtp");
      ++files;
    }
  EXPECT_EQ(files, 12);
  const MtpModel odd = read_mtp(shared + "/reference/mtp/data/potentials/rand2_l10_Z.mtp");
  EXPECT_EQ(odd.type_labels, (std::vector<int32_t>{26, 28}));
  EXPECT_EQ(odd.scaling, 0.05);
  EXPECT_EQ(odd.n_radial_basis, 7);
  EXPECT_EQ(odd.max_distance, 4.9);
  const MtpModel large = read_mtp(shared + "/potentials/fe_ito/pot_22.mtp");
  EXPECT_EQ(large.basics.size(), 581u);
  EXPECT_EQ(large.products.size(), 36170u);
  EXPECT_EQ(large.n_moments, 4991);
  EXPECT_EQ(large.scalars.size(), 864u);
  EXPECT_EQ(large.n_coefficients(), 913);
}

TEST(MtpFileReference, TemplatesOfMlip) {
  GF_NEEDS_SHARED(shared);
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(shared + "/potentials/mtp_templates")) {
    SCOPED_TRACE(entry.path().string());
    const MtpModel m = read_mtp(entry.path().string(), {true});
    EXPECT_FALSE(m.trained());
    EXPECT_TRUE(parse_mtp(format_mtp(m), "written", {true}) == m);
    EXPECT_THROW(read_mtp(entry.path().string()), InputError);
    ++files;
  }
  EXPECT_EQ(files, 11);
}

// --- the reference evaluation itself ---

struct Neighbors {
  std::vector<Vec3> r;
  std::vector<int> species;
  std::vector<size_t> atom;
};

// All images within the cutoff.
Neighbors neighbors_of(const Frame& frame, size_t i, double cutoff) {
  Neighbors out;
  int n[3] = {};
  Vec3 edge[3] = {frame.box.a, frame.box.b, frame.box.c};
  for (int k = 0; k < 3; ++k)
    if (frame.box.periodic[k]) n[k] = static_cast<int>(std::ceil(cutoff / frame.box.height(k))) + 1;
  const auto at = [&](size_t j) {
    return frame.has_box ? frame.box.wrap(frame.position[j]) : frame.position[j];
  };
  for (size_t j = 0; j < frame.position.size(); ++j)
    for (int a = -n[0]; a <= n[0]; ++a)
      for (int b = -n[1]; b <= n[1]; ++b)
        for (int c = -n[2]; c <= n[2]; ++c) {
          const Vec3 r = at(j) + a * edge[0] + b * edge[1] + c * edge[2] - at(i);
          if ((j == i && a == 0 && b == 0 && c == 0) || norm(r) >= cutoff) continue;
          out.r.push_back(r);
          out.species.push_back(frame.type[j]);
          out.atom.push_back(j);
        }
  return out;
}

// Species of the potential instead of the file's types.
void to_species(Frame& frame, const MtpModel& m) {
  for (int32_t& t : frame.type) {
    const auto at =
        std::find(m.type_labels.begin(), m.type_labels.end(), frame.species[static_cast<size_t>(t)].label);
    ASSERT_NE(at, m.type_labels.end());
    t = static_cast<int32_t>(at - m.type_labels.begin());
  }
}

void compare_with_mlip(const std::string& data, const std::string& potential_file,
                       const std::string& potential, const std::vector<const char*>& names) {
  const MtpModel m = read_mtp(potential_file);
  const MtpRef ref(m);
  for (const char* name : names) {
    SCOPED_TRACE(potential + " " + name);
    Frame frame, expected;
    ASSERT_TRUE(open_reader(data + "/structures/" + name + ".cfg", {})->next(frame));
    ASSERT_TRUE(open_reader(data + "/ref/" + potential + "/" + name + ".xyz", {})->next(expected));
    to_species(frame, m);
    const Column *force = nullptr, *energy = nullptr;
    for (const Column& c : expected.columns) {
      if (c.name == "force" || c.name == "forces") force = &c;
      if (c.name == "site_energy" || c.name == "energy") energy = &c;
    }
    ASSERT_TRUE(force && energy);
    std::vector<Vec3> f(frame.position.size());
    double virial[9] = {}, largest_f = 0;
    for (size_t i = 0; i < f.size(); ++i) {
      const Neighbors n = neighbors_of(frame, i, m.max_distance);
      std::vector<Vec3> d;
      const double v = ref.site_energy(frame.type[i], n.r, n.species, &d, nullptr);
      EXPECT_NEAR(v, energy->real[i], 1e-11 * std::max(1.0, std::abs(v)));
      for (size_t j = 0; j < d.size(); ++j) {
        f[i] += d[j];
        f[n.atom[j]] -= d[j];
        for (int a = 0; a < 3; ++a)
          for (int b = 0; b < 3; ++b) virial[3 * a + b] -= d[j][a] * n.r[j][b];
      }
    }
    for (size_t i = 0; i < 3 * f.size(); ++i) largest_f = std::max(largest_f, std::abs(force->real[i]));
    for (size_t i = 0; i < f.size(); ++i)
      for (int a = 0; a < 3; ++a)
        EXPECT_NEAR(f[i][a], force->real[3 * i + static_cast<size_t>(a)], 1e-10 * std::max(1.0, largest_f));
    for (const auto& [key, value] : expected.info) {
      if (key != "virial") continue;
      std::istringstream words(value);
      double w[9], largest_w = 0;
      for (double& x : w) words >> x, largest_w = std::max(largest_w, std::abs(x));
      for (int k = 0; k < 9; ++k) EXPECT_NEAR(virial[k], w[k], 1e-10 * std::max(1.0, largest_w));
      largest_f = -1;
    }
    EXPECT_EQ(largest_f, -1) << "no virial in the reference";
  }
}

TEST(MtpRefReference, EnergiesForcesVirialOfMlip) {
  GF_NEEDS_SHARED(shared);
  const std::string data = shared + "/reference/mtp/data", ito = shared + "/potentials/fe_ito/";
  compare_with_mlip(data, ito + "pot_16.mtp", "pot_16",
                    {"fe_small3", "fe_prim1", "fe_clus5", "fe_dimer", "fe_open5"});
  compare_with_mlip(data, ito + "pot_22.mtp", "pot_22", {"fe_clus5", "fe_dimer"});
  compare_with_mlip(data, data + "/potentials/rand2_l12.mtp", "rand2_l12",
                    {"m2_s2", "m2_s3", "m2_s4", "m2_c7"});
  compare_with_mlip(data, data + "/potentials/rand2_l10_Z.mtp", "rand2_l10_Z",
                    {"m2_s2Z", "m2_s3Z", "m2_c7Z"});
  compare_with_mlip(data, data + "/potentials/rand3_l08.mtp", "rand3_l08",
                    {"m3_s2", "m3_s3", "m3_s4", "m3_c7"});
}

// Rows "structure atom b_0 b_1 ..."
void compare_gradients(const std::string& data, const std::string& file, const std::string& potential,
                       const std::string& name) {
  SCOPED_TRACE(potential + " " + name);
  const MtpModel m = read_mtp(data + "/potentials/" + file);
  Frame frame;
  ASSERT_TRUE(open_reader(data + "/structures/" + name + ".cfg", {})->next(frame));
  to_species(frame, m);
  std::ifstream rows_file(data + "/grades/bvec_" + potential + "_" + name + ".txt");
  std::string line;
  size_t rows = 0;
  while (std::getline(rows_file, line)) {
    if (line[0] == '#') continue;
    std::istringstream words(line);
    size_t structure = 1, atom = 0;
    words >> structure >> atom;
    ASSERT_EQ(structure, 0u);
    const Neighbors n = neighbors_of(frame, atom, m.max_distance);
    std::vector<double> b;
    MtpRef(m).site_energy(frame.type[atom], n.r, n.species, nullptr, &b);
    for (size_t k = 0; k < b.size(); ++k) {
      double expected = std::numeric_limits<double>::quiet_NaN();
      words >> expected;
      EXPECT_NEAR(b[k], expected, 1e-11 * std::max(1.0, std::abs(expected))) << k;
    }
    ++rows;
  }
  EXPECT_EQ(rows, frame.position.size());
}

TEST(MtpRefReference, GradientsOfMlip) {
  GF_NEEDS_SHARED(shared);
  const std::string data = shared + "/reference/mtp/data";
  compare_gradients(data, "pot_16_fe.almtp", "pot_16", "fe_clus5");
  compare_gradients(data, "pot_16_fe.almtp", "pot_16", "fe_small3");
  compare_gradients(data, "rand2_l12.mtp", "rand2_l12", "m2_s3");
  compare_gradients(data, "rand3_l08.mtp", "rand3_l08", "m3_s3");
}

// In every clone: derivatives are differences of the energy, also below the shortest distance of the
// repulsive kind (at whose end the slope is that of the repulsion alone).
TEST(MtpRef, DerivativesAreDifferences) {
  MtpModel m = test::small_mtp(2);
  const std::vector<int> species{0, 1, 1, 0};
  for (const bool repulsive : {false, true}) {
    m.repulsive = repulsive;
    std::vector<Vec3> r{{1.5, 0.5, 0.25}, {-1, 2, 0.25}, {0, -1, -2.5}, {5, 4, 3}};
    const MtpRef ref(m);
    std::vector<Vec3> d;
    std::vector<double> b;
    const double v = ref.site_energy(1, r, species, &d, &b);
    EXPECT_TRUE(d[3] == Vec3{});  // beyond the cutoff
    double scale = 1;
    for (const Vec3& x : d) scale = std::max(scale, norm(x));
    const double h = 1e-5;
    for (size_t j = 0; j < 3; ++j)
      for (int a = 0; a < 3; ++a) {
        const double at = r[j][a];
        r[j][a] = at + h;
        const double up = ref.site_energy(1, r, species, nullptr, nullptr);
        r[j][a] = at - h;
        const double down = ref.site_energy(1, r, species, nullptr, nullptr);
        r[j][a] = at;
        EXPECT_NEAR(d[j][a], (up - down) / (2 * h), 1e-7 * scale);
      }
    // theta: V is linear in the last two groups.
    MtpModel changed = m;
    std::vector<double*> theta;
    for (auto* group : {&changed.radial, &changed.species_energy, &changed.linear})
      for (double& value : *group) theta.push_back(&value);
    ASSERT_EQ(theta.size(), b.size());
    for (size_t k = 0; k < theta.size(); ++k) {
      const double at = *theta[k];
      *theta[k] = at + h;
      const double up = MtpRef(changed).site_energy(1, r, species, nullptr, nullptr);
      *theta[k] = at - h;
      const double down = MtpRef(changed).site_energy(1, r, species, nullptr, nullptr);
      *theta[k] = at;
      EXPECT_NEAR(b[k], (up - down) / (2 * h), 1e-7 * std::max(scale, std::abs(v)));
    }
  }
}

}  // namespace
}  // namespace grainfield
