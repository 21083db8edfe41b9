// Reader::recover: behind a bad frame the reader finds the next one, in every format and for every damage
// that leaves it to be found. The rules are in io/FORMAT.md, "Bad frames".
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "host/error.hpp"
#include "io/reader.hpp"
#include "io/writer.hpp"
#include "tests/support/compress.hpp"
#include "tests/support/fuzz_corpus.hpp"
#include "tests/support/mutate.hpp"
#include "tests/support/replaced.hpp"
#include "tests/support/same_frame.hpp"
#include "tests/support/temp_folder.hpp"

namespace grainfield {
namespace {

using test::replaced;

// Frames by number; a bad one has a message instead.
struct Found {
  std::vector<std::optional<Frame>> frames;
  std::vector<std::string> errors;
  bool lost = false;  // the rest of the file
};

Found read_past_errors(const std::string& path, const ReadOptions& options = {}) {
  Found found;
  const auto limit = 64 * std::filesystem::file_size(path) + 64;
  try {
    const auto reader = open_reader(path, options);
    while (true) {
      Frame frame;
      try {
        if (!reader->next(frame)) break;
        found.frames.emplace_back(frame);
      } catch (const InputError& error) {
        found.errors.emplace_back(error.what());
        found.frames.emplace_back();
        if (!reader->recover()) {
          found.lost = true;
          break;
        }
      }
      if (found.frames.size() > limit) {
        ADD_FAILURE() << "more frames than the file can hold";
        break;
      }
    }
  } catch (const InputError& error) {  // not even opened
    found.errors.emplace_back(error.what());
    found.lost = true;
  }
  return found;
}

// One frame with four atoms at places that tell the frames apart.
std::string dump_frame(int k, bool timed = false) {
  std::string text = timed ? fmt::format("ITEM: TIME\n{}.5\n", k) : "";
  text += fmt::format(
      "ITEM: TIMESTEP\n{}\nITEM: NUMBER OF ATOMS\n4\nITEM: BOX BOUNDS pp pp pp\n0 9\n0 9\n0 9\n"
      "ITEM: ATOMS id type x y z\n",
      100 + k);
  for (int i = 0; i < 4; ++i) text += fmt::format("{} 1 {} {}.25 1\n", i + 1, 2 * i, k);
  return text;
}
std::string xyz_frame(int k, bool plain = false) {
  std::string text = fmt::format(
      "4\n{}\n",
      plain ? fmt::format("frame {}", k)
            : fmt::format("Lattice=\"9 0 0 0 9 0 0 0 9\" Properties=species:S:1:pos:R:3 step={}", 100 + k));
  for (int i = 0; i < 4; ++i) text += fmt::format("Fe {} {}.25 1\n", 2 * i, k);
  return text;
}
std::string cfg_frame(int k) {
  std::string text =
      "BEGIN_CFG\nSize\n4\nSupercell\n9 0 0\n0 9 0\n0 0 9\nAtomData: id type cartes_x cartes_y cartes_z\n";
  for (int i = 0; i < 4; ++i) text += fmt::format("{} 0 {} {}.25 1\n", i + 1, 2 * i, k);
  return text + fmt::format("Energy\n-{}\nEND_CFG\n", k);
}

struct Damage {
  std::string what, by;
};

// Frame 1 of four is damaged: it alone is bad, whatever the damage, the packing and the threads.
template <class F>
void expect_one_bad(const std::string& name, const F& frame, const std::vector<Damage>& damages) {
  const test::TempFolder folder;
  const Found good = read_past_errors(folder.write(name, frame(0) + frame(1) + frame(2) + frame(3)));
  ASSERT_EQ(good.frames.size(), 4u);
  ASSERT_TRUE(good.errors.empty()) << good.errors[0];
  for (const Damage& d : damages) {
    SCOPED_TRACE(name + ": " + d.what + " -> " + d.by);
    const std::string text = frame(0) + replaced(frame(1), d.what, d.by) + frame(2) + frame(3);
    for (const std::string& bytes : {text, test::gzip(text), test::zstd(text)})
      for (const ReadOptions& options : {ReadOptions{}, ReadOptions{3, {}, 17}}) {
        const Found found = read_past_errors(folder.write(name, bytes), options);
        EXPECT_FALSE(found.lost);
        EXPECT_EQ(found.errors.size(), 1u);
        ASSERT_EQ(found.frames.size(), 4u);
        for (size_t k = 0; k < 4; ++k) {
          ASSERT_EQ(found.frames[k].has_value(), k != 1) << k;
          if (k != 1) test::expect_identical_frames(*found.frames[k], *good.frames[k]);
        }
      }
  }
}

TEST(BadFrames, LammpsDump) {
  const std::vector<Damage> damages{
      {"ITEM: TIMESTEP", "ITEM: TIMEXTEP"},
      {"ITEM: TIMESTEP\n101\n", "ITEM: TIMESTEP\n"},
      {"101\n", "x\n"},
      {"ATOMS\n4\n", "ATOMS\nfour\n"},
      {"ATOMS\n4\n", "ATOMS\n3\n"},
      {"ATOMS\n4\n", "ATOMS\n5\n"},
      {"ATOMS\n4\n", "ATOMS\n4000000000\n"},
      {"ATOMS\n4\n", "ATOMS\n-4\n"},
      {"ITEM: NUMBER OF ATOMS\n4\n", ""},
      {"0 9\n", "0 nine\n"},
      {"0 9\n0 9\n0 9\n", "0 9\n0 9\n"},
      {"id type x", "id type type x"},
      {"id type x y z", "id x y z"},
      {" y z", " y"},
      {"2 1 2 1.25 1\n", ""},
      {"2 1 2 1.25 1\n", "2 1 2 1.25\n"},
      {"2 1 2 1.25 1\n", "2 1 2 nan 1\n"},
      {"2 1 2 1.25 1\n", "2 1 2 1.25 1\n2 1 2 1.25 1\n"},
      {"2 1 2 1.25 1\n", "1 1 2 1.25 1\n"},
      {"4 1 6 1.25 1\n",
       "4 1 6 1.2\xff"
       "5\n"},
      // Cut off by a crash, and continued after a restart.
      {"101\nITEM: NUMBER OF ATOMS\n4\nITEM: BOX BOUNDS pp pp pp\n0 9\n0 9\n0 9\nITEM: ATOMS id type x y z\n"
       "1 1 0 1.25 1\n2 1 2 1.25 1\n3 1 4 1.25 1\n4 1 6 1.25 1\n",
       ""},
      {"ITEM: ATOMS id type x y z\n1 1 0 1.25 1\n2 1 2 1.25 1\n3 1 4 1.25 1\n4 1 6 1.25 1\n", ""},
      {"2 1 2 1.25 1\n3 1 4 1.25 1\n4 1 6 1.25 1\n", "2 1 2\n"},
  };
  expect_one_bad(
      "a.dump", [](int k) { return dump_frame(k); }, damages);
  std::vector<Damage> timed = damages;
  timed.push_back({"ITEM: TIME\n1.5\n", "ITEM: TIME\nx\n"});
  timed.push_back({"ITEM: TIME\n1.5\n", "ITEM: TIME\n"});
  timed.push_back({"ITEM: TIME\n1.5\n", "ITEM: TIMX\n1.5\n"});
  timed.erase(timed.begin());  // then TIMESTEP is the first that is missing, behind TIME
  timed.pop_back();
  expect_one_bad(
      "a.dump", [](int k) { return dump_frame(k, true); }, timed);
}

TEST(BadFrames, ExtendedXyz) {
  expect_one_bad("a.xyz", [](int k) { return xyz_frame(k); },
                 {{"4\nL", "x\nL"},
                  {"4\nL", "-4\nL"},
                  {"4\nL", "3\nL"},
                  {"4\nL", "5\nL"},
                  {"4\nL", "400000000000\nL"},
                  {"4\nLattice", "Lattice"},
                  {"9 0 0 0 9 0 0 0 9", "9 0 0 0 9 0 0 0"},
                  {"9 0 0 0 9 0 0 0 9", "9 0 0 0 9 0 0 0 9 9"},
                  {"pos:R:3 ", "pos:R:4 "},
                  {"pos:R:3 ", "pos:R:2 "},
                  {"Properties=", "Properties=\""},
                  {"Fe 2 1.25 1\n", ""},
                  {"Fe 2 1.25 1\n", "Fe 2 1.25\n"},
                  {"Fe 2 1.25 1\n", "Fe 2 nan 1\n"},
                  {"Fe 2 1.25 1\n", "Fe 2 1.25 1\nFe 2 1.25 1\n"},
                  {"Fe 2 1.25 1\nFe 4 1.25 1\nFe 6 1.25 1\n", "Fe 2 1.2\n"}});
}

// Without Lattice= and Properties= nothing but the count shows where a frame ends.
TEST(BadFrames, PlainXyzBelievesACountThatFits) {
  expect_one_bad("a.xyz", [](int k) { return xyz_frame(k, true); },
                 {{"Fe 2 1.25 1\n", "Fe 2 x 1\n"}, {"Fe 2 1.25 1\n", "Fe 2\n"}});
  const test::TempFolder folder;
  for (const Damage& d : {Damage{"4\nf", "5\nf"}, Damage{"Fe 2 1.25 1\n", ""}, Damage{"4\nf", "x\nf"}}) {
    const std::string text =
        xyz_frame(0, true) + replaced(xyz_frame(1, true), d.what, d.by) + xyz_frame(2, true);
    const Found found = read_past_errors(folder.write("a.xyz", text));
    EXPECT_TRUE(found.lost) << d.by;
    // A count that is no number also shows nothing to the frame before it.
    EXPECT_EQ(found.frames.size(), d.by == "x\nf" ? 1u : 2u) << d.by;
  }
}

TEST(BadFrames, MlipCfg) {
  expect_one_bad("a.cfg", cfg_frame,
                 {{"BEGIN_CFG", "BEGINCFG"},
                  {"END_CFG\n", ""},
                  {"END_CFG\n", "END\n"},
                  {"Size\n4\n", "Size\n3\n"},
                  {"Size\n4\n", "Size\n5\n"},
                  {"Size\n4\n", "Size\n4000000000000\n"},
                  {"Size\n4\n", "Size\n"},
                  {"0 9 0", "0 nine 0"},
                  {"cartes_z", "cartes_w"},
                  {"2 0 2 1.25 1\n", ""},
                  {"2 0 2 1.25 1\n", "2 0 2 1.25\n"},
                  {"2 0 2 1.25 1\n", "1 0 2 1.25 1\n"},
                  {"2 0 2 1.25 1\n", "2 0 2 1.25 inf\n"},
                  {"Energy\n-1\n", "Energy\nlow\n"},
                  {"Energy\n-1\nEND_CFG\n", "Energy\n"},
                  {"2 0 2 1.25 1\n3 0 4 1.25 1\n4 0 6 1.25 1\nEnergy\n-1\nEND_CFG\n", "2 0 2\n"}});
}

// What came before the break is good, what is behind it cannot be had.
TEST(BadFrames, ABrokenCompressedStreamEndsItsFile) {
  const test::TempFolder folder;
  std::string text;
  for (int k = 0; k < 2000; ++k) text += dump_frame(k);
  for (const std::string& packed : {test::gzip(text), test::zstd(text)}) {
    const Found cut = read_past_errors(folder.write("a.dump", packed.substr(0, packed.size() * 3 / 4)));
    EXPECT_TRUE(cut.lost);
    ASSERT_EQ(cut.errors.size(), 1u);
    EXPECT_NE(cut.errors[0].find("ends early"), std::string::npos) << cut.errors[0];
    EXPECT_GT(cut.frames.size(), 100u);
    EXPECT_LT(cut.frames.size(), 2000u);
    for (size_t k = 0; k + 1 < cut.frames.size(); ++k) {
      ASSERT_TRUE(cut.frames[k].has_value());
      ASSERT_EQ(cut.frames[k]->step, static_cast<int64_t>(100 + k));
    }
  }
}

TEST(BadFrames, AFileOfOneFrameHasNoOther) {
  const test::TempFolder folder;
  const Found found = read_past_errors(
      folder.write("POSCAR", "Fe\n1\n4 0 0\n0 4 0\n0 0 4\nFe\n2\nDirect\n0 0 0\n0.5 x 0.5\n"));
  EXPECT_FALSE(found.lost);
  EXPECT_EQ(found.errors.size(), 1u);
  EXPECT_EQ(found.frames.size(), 1u);
}

// Any damage at all: an end, the same for all chunks and threads, and frames that hold together.
TEST(FuzzBadFrames, DamagedTrajectories) {
  const test::TempFolder folder;
  const char* seconds_text = std::getenv("GRAINFIELD_FUZZ_SECONDS");
  const double seconds = seconds_text ? std::atof(seconds_text) : 0;
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::pair<std::string, std::string>> corpus = test::fuzz_corpus();
  const auto several = [](const auto& frame) { return frame(0) + frame(1) + frame(2); };
  corpus.emplace_back("t.dump", several([](int k) { return dump_frame(k, true); }));
  corpus.emplace_back("t.xyz", several([](int k) { return xyz_frame(k); }));
  corpus.emplace_back("p.xyz", several([](int k) { return xyz_frame(k, true); }));
  corpus.emplace_back("t.cfg", several(cfg_frame));
  int64_t recovered = 0, lost = 0, n = 0;
  for (uint64_t seed = 0;
       seed < 600 ||
       std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() < seconds;
       ++seed) {
    test::Mutator mutate(seed);
    const auto& [name, text] = corpus[seed % corpus.size()];
    std::string bytes = mutate(text);
    if (const int packing = mutate.below(12); packing < 4) {
      bytes = packing % 2 ? test::gzip(bytes) : test::zstd(bytes);
      if (packing >= 2) bytes = mutate(bytes);
    }
    SCOPED_TRACE(fmt::format("seed {} of {}", seed, name));
    const std::string path = folder.write(name, bytes);
    const Found one = read_past_errors(path), many = read_past_errors(path, {3, {}, 17});
    EXPECT_EQ(one.errors, many.errors);
    EXPECT_EQ(one.lost, many.lost);
    ASSERT_EQ(one.frames.size(), many.frames.size());
    for (size_t k = 0; k < one.frames.size(); ++k) {
      ASSERT_EQ(one.frames[k].has_value(), many.frames[k].has_value());
      if (!one.frames[k]) continue;
      EXPECT_NO_THROW(validate(*one.frames[k], "fuzz"));
      test::expect_identical_frames(*one.frames[k], *many.frames[k]);
    }
    ASSERT_FALSE(HasFailure());
    ++n;
    recovered += !one.errors.empty() && !one.frames.empty() && one.frames.back().has_value();
    lost += one.lost;
  }
  EXPECT_GT(recovered, n / 50);
  EXPECT_GT(lost, n / 100);
}

}  // namespace
}  // namespace grainfield
