// Damaged files of every format: no crash, no hang, no memory beyond what the file's size explains, and
// no exception but InputError and ResourceError. The damage is deterministic; GRAINFIELD_FUZZ_SECONDS=300
// runs longer, from other seeds the further it gets. Files that once broke a reader lie in tests/data/fuzz.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>

#include "host/error.hpp"
#include "host/grains_file.hpp"
#include "host/mtp_tables.hpp"
#include "io/eam_file.hpp"
#include "io/h5md_contents.hpp"
#include "io/mtp_file.hpp"
#include "io/reader.hpp"
#include "kernels/potential/eam.hpp"
#include "tests/support/compress.hpp"
#include "tests/support/fuzz_corpus.hpp"
#include "tests/support/fuzz_h5md.hpp"
#include "tests/support/mutate.hpp"
#include "tests/support/same_frame.hpp"
#include "tests/support/shared.hpp"
#include "tests/support/temp_folder.hpp"

namespace grainfield {
namespace {

// What came of reading a file: the frames' atoms, or the message.
struct Outcome {
  std::vector<Frame> frames;
  std::string error;
};

Outcome read_all(const std::string& path, const std::string& format, const ReadOptions& options) {
  Outcome outcome;
  try {
    auto reader = open_reader(path, options, format);
    Frame frame;
    // A frame takes two lines at least: more frames than bytes would be a hang.
    const auto limit = std::filesystem::file_size(path) * 64 + 64;
    while (reader->next(frame)) {
      outcome.frames.push_back(frame);
      if (outcome.frames.size() > limit) {
        ADD_FAILURE() << "more frames than the file can hold";
        break;
      }
    }
  } catch (const InputError& error) {
    outcome.error = error.what();
  } catch (const ResourceError& error) {
    outcome.error = error.what();
  }  // anything else fails the test
  return outcome;
}

// Bytes that a frame holds.
size_t bytes_of(const Frame& frame) {
  size_t bytes = frame.position.capacity() * sizeof(Vec3) + frame.type.capacity() * 4 +
                 frame.id.capacity() * 8 + frame.species.capacity() * sizeof(Species);
  for (const Column& c : frame.columns)
    bytes += c.real.capacity() * 8 + c.integer.capacity() * 8 + c.text.capacity() * sizeof(std::string);
  return bytes;
}

void check(const std::string& path, const std::string& format, size_t text_bytes) {
  const Outcome one = read_all(path, format, {});
  const Outcome many = read_all(path, format, {3, {}, 17});
  EXPECT_EQ(one.error, many.error);
  EXPECT_EQ(one.error.find('\n'), std::string::npos) << one.error;
  ASSERT_EQ(one.frames.size(), many.frames.size());
  for (size_t k = 0; k < one.frames.size(); ++k) {
    const Frame& frame = one.frames[k];
    test::expect_identical_frames(frame, many.frames[k]);
    EXPECT_NO_THROW(validate(frame, "fuzz"));
    // A value has two characters at least; LAMMPS and MLIP types may be absent up to a fixed number.
    EXPECT_LT(bytes_of(frame), 64 * text_bytes + (size_t{1} << 20));
  }
}

double fuzz_seconds() {
  const char* text = std::getenv("GRAINFIELD_FUZZ_SECONDS");
  return text ? std::atof(text) : 0;
}

TEST(FuzzReaders, CorpusIsValid) {
  const test::TempFolder folder;
  for (const auto& [name, text] : test::fuzz_corpus()) {
    SCOPED_TRACE(name);
    const Outcome outcome = read_all(folder.write(name, text), "", {});
    EXPECT_EQ(outcome.error, "");
    EXPECT_GE(outcome.frames.size(), 1u);
  }
}

// A fixed number of rounds, so that every machine runs the same; more only where seconds are asked for.
TEST(FuzzReaders, DamagedFiles) {
  const test::TempFolder folder;
  const auto corpus = test::fuzz_corpus();
  const char* const formats[] = {"lammps-dump", "lammps-data", "extxyz", "poscar", "cfg"};
  const auto start = std::chrono::steady_clock::now();
  const auto elapsed = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  constexpr int rounds = 300;
  int64_t accepted = 0, n = 0;
  for (int round = 0; round < rounds || elapsed() < fuzz_seconds(); ++round) {
    for (size_t f = 0; f < corpus.size(); ++f) {
      const auto& [name, text] = corpus[f];
      const uint64_t seed = static_cast<uint64_t>(round) * corpus.size() + f;
      test::Mutator mutate(seed);
      std::string damaged = mutate(text);
      // Now and then with the wrong reader, compressed, or damaged behind the compression.
      const std::string format = mutate.below(16) == 0 ? formats[mutate.below(5)] : "";
      std::string bytes = damaged;
      if (const int packing = mutate.below(12); packing < 4) {
        bytes = packing % 2 ? test::gzip(damaged) : test::zstd(damaged);
        if (packing >= 2) bytes = mutate(bytes);
      }
      const std::string path = folder.write(name, bytes);
      SCOPED_TRACE(fmt::format("seed {} of {}", seed, name));
      check(path, format, damaged.size());
      if (HasFailure()) {
        folder.write("kept", bytes);
        FAIL() << "damaged file:\n" << damaged;
      }
      ++n;
      accepted += read_all(path, format, {}).error.empty();
    }
  }
  RecordProperty("files", std::to_string(n));
  // Both ways must be taken: damage that is never noticed, or always, tests nothing.
  EXPECT_GT(accepted, n / 50);
  EXPECT_LT(accepted, n * 9 / 10);
}

// What reading any other kind of file says; any exception but these fails the test.
template <class F>
void expect_one_line(const F& read) {
  std::string message;
  try {
    read();
  } catch (const InputError& error) {
    message = error.what();
  } catch (const ResourceError& error) {
    message = error.what();
  }
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
}

// The name of a file in tests/data/fuzz ends as its format does.
TEST(FuzzReaders, Regressions) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(test::data_folder() + "/fuzz")) {
    const std::string path = entry.path().string();
    SCOPED_TRACE(path);
    const auto ends = [&](std::string_view s) { return path.ends_with(s); };
    if (ends(".mtp") || ends(".almtp")) {
      for (const bool untrained : {false, true})
        expect_one_line([&] { make_mtp_tables(read_mtp(path, {untrained}), true); });
    } else if (ends(".eam") || ends(".alloy") || ends(".fs")) {
      expect_one_line([&] { make_eam_potential(read_eam(path), {}); });
    } else if (ends(".grains.json")) {
      expect_one_line([&] { read_grains_file(path); });
    } else if (ends(".h5")) {
      expect_one_line([&] {
        const auto reader = open_reader(path);
        Frame frame;
        for (int n = 0; n < 1000 && reader->next(frame); ++n) validate(frame, "fuzz");
      });
      expect_one_line([&] { h5md_contents(path); });
    } else {
      check(path, "", std::filesystem::file_size(path));
    }
    ++files;
  }
  EXPECT_GT(files, 0);
}

// H5MD: damaged bytes. Snapshots are read and described. Longer runs meet crashes of HDF5 1.10.8 itself,
// which trusts the sizes of texts in a damaged global heap (H5HG_read) and what says that a type is shared
// (tests/data/crash).
TEST(FuzzReaders, DamagedH5md) {
  const test::TempFolder folder;
  const auto corpus = test::fuzz_h5md_corpus();
  const auto start = std::chrono::steady_clock::now();
  const auto elapsed = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  int accepted = 0, n = 0;
  for (uint64_t round = 0; round < 40 || elapsed() < fuzz_seconds(); ++round)
    for (size_t f = 0; f < corpus.size(); ++f) {
      const auto& [name, bytes] = corpus[f];
      test::Mutator mutate(round * corpus.size() + f);
      std::string damaged = bytes;
      if (round > 0)  // bytes alone: HDF5 has no words and lines
        for (int k = 1 + mutate.below(8); k > 0; --k) {
          const auto at = static_cast<size_t>(mutate.below(static_cast<int>(damaged.size())));
          damaged[at] = static_cast<char>(mutate.below(4) == 0 ? 0xff : mutate.below(256));
        }
      const std::string path = folder.write("a.h5", damaged);
      SCOPED_TRACE(fmt::format("seed {} of {}", round * corpus.size() + f, name));
      const Outcome outcome = read_all(path, "h5md", {});
      EXPECT_EQ(outcome.error.find('\n'), std::string::npos) << outcome.error;
      if (round == 0) {
        EXPECT_EQ(outcome.error, "");
      }
      for (const Frame& frame : outcome.frames) EXPECT_NO_THROW(validate(frame, "fuzz"));
      expect_one_line([&] { h5md_contents(path); });
      accepted += outcome.error.empty();
      ++n;
    }
  EXPECT_GT(accepted, n / 20);
  EXPECT_LT(accepted, n);
}

// A header that promises more atoms than the file holds costs no memory and no time.
TEST(FuzzReaders, HugeCounts) {
  const test::TempFolder folder;
  for (const char* count : {"1000000000", "1000000000000", "9000000000000000000"}) {
    for (const auto& [name, text] : {
             std::pair{"a.dump",
                       fmt::format("ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n{}\nITEM: BOX BOUNDS pp pp pp\n"
                                   "0 1\n0 1\n0 1\nITEM: ATOMS id type x y z\n1 1 0 0 0\n",
                                   count)},
             std::pair{"a.xyz", fmt::format("{}\nLattice=\"1 0 0 0 1 0 0 0 1\"\nFe 0 0 0\n", count)},
             std::pair{"a.data",
                       fmt::format("t\n\n{} atoms\n1 atom types\n0 1 xlo xhi\n0 1 ylo yhi\n0 1 zlo zhi\n\n"
                                   "Atoms # atomic\n\n1 1 0 0 0\n",
                                   count)},
             std::pair{"POSCAR", fmt::format("c\n1\n1 0 0\n0 1 0\n0 0 1\n{}\nDirect\n0 0 0\n", count)},
             std::pair{"a.cfg",
                       fmt::format("BEGIN_CFG\nSize\n{}\nAtomData: id type cartes_x cartes_y cartes_z\n"
                                   "1 0 0 0 0\n",
                                   count)},
         })
      for (const std::string& bytes : {std::string(text), test::gzip(text), test::zstd(text)}) {
        const std::string path = folder.write(name, bytes);
        EXPECT_NE(read_all(path, "", {}).error.find("ends after 1 of "), std::string::npos)
            << read_all(path, "", {}).error;
      }
  }
}

}  // namespace
}  // namespace grainfield
