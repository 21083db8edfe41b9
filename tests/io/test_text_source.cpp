// Lines, windows and compressed streams; chunks and threads change nothing.
#include "io/text_source.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <random>
#include <thread>

#include "host/error.hpp"
#include "io/reader.hpp"
#include "tests/support/compress.hpp"
#include "tests/support/same_frame.hpp"
#include "tests/support/temp_folder.hpp"

namespace grainfield {
namespace {

std::vector<std::string> lines_of(const std::string& path) {
  TextSource source(path);
  std::vector<std::string> lines;
  for (std::string_view text; source.line(text);) {
    lines.emplace_back(text);
    EXPECT_EQ(source.last_line(), static_cast<int64_t>(lines.size()));
  }
  return lines;
}

std::string message_of(const std::string& path) {
  try {
    lines_of(path);
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

TEST(TextSource, LinesOfEveryKind) {
  const test::TempFolder folder;
  const std::vector<std::string> expected{"one", "", "three\rx", " four ", "last"};
  const std::string text = "one\r\n\nthree\rx\n four \nlast";
  EXPECT_EQ(lines_of(folder.write("a", text)), expected);
  EXPECT_EQ(lines_of(folder.write("b", text + "\n")), expected);
  EXPECT_EQ(lines_of(folder.write("c", test::gzip(text))), expected);
  EXPECT_EQ(lines_of(folder.write("d", test::zstd(text))), expected);
  EXPECT_TRUE(lines_of(folder.write("e", "")).empty());
  EXPECT_EQ(lines_of(folder.write("f", "\n")), std::vector<std::string>{""});
}

TEST(TextSource, ManyMembers) {
  const test::TempFolder folder;
  const std::vector<std::string> expected{"one", "two", "three"};
  EXPECT_EQ(lines_of(folder.write("a", test::gzip("one\nt") + test::gzip("") + test::gzip("wo\nthree\n"))),
            expected);
  EXPECT_EQ(lines_of(folder.write("b", test::gzip("one\ntwo\nthree") + std::string(1000, '\0'))), expected);
  EXPECT_EQ(lines_of(folder.write("c", test::zstd("one\nt") + test::zstd("") + test::zstd("wo\nthree\n"))),
            expected);
  const std::string skippable("\x50\x2a\x4d\x18\x04\0\0\0wxyz", 12);  // as parallel compressors write
  EXPECT_EQ(lines_of(folder.write("d", skippable + test::zstd("one\ntwo\nthree"))), expected);
}

TEST(TextSource, LongTextThroughAllDecoders) {
  std::mt19937 random(1);
  std::string text;
  std::vector<std::string> expected;
  for (int i = 0; i < 20000; ++i) {
    std::string line(random() % (i % 1000 == 0 ? 100000 : 60), 'x');
    for (char& c : line) c = static_cast<char>('0' + random() % 10);
    text += line + "\n";
    expected.push_back(line);
  }
  const test::TempFolder folder;
  EXPECT_EQ(lines_of(folder.write("a", text)), expected);
  EXPECT_EQ(lines_of(folder.write("b", test::gzip(text))), expected);
  EXPECT_EQ(lines_of(folder.write("c", test::zstd(text))), expected);
  for (const std::string name : {"a", "b", "c"}) {
    TextSource source(folder.file(name));
    EXPECT_EQ(source.skip_lines(15000), 15000);
    std::string_view line;
    ASSERT_TRUE(source.line(line));
    EXPECT_EQ(line, expected[15000]);
    EXPECT_EQ(source.last_line(), 15001);
    EXPECT_EQ(source.skip_lines(1 << 30), 20000 - 15001);
  }
}

TEST(TextSource, WindowsAreWholeLines) {
  const test::TempFolder folder;
  const std::string text = "aa\nbbbb\nc\ndddddddddddd\nee";
  for (const std::string& packed : {text, test::gzip(text), test::zstd(text)}) {
    for (size_t target = 1; target < text.size() + 3; ++target) {
      TextSource source(folder.write("w", packed));
      std::string all;
      while (true) {
        const std::string_view window = source.window(target);
        if (window.empty()) break;
        all += window;
        EXPECT_TRUE(window.back() == '\n' || all.size() == text.size());
        EXPECT_TRUE(window.size() <= target || std::count(window.begin(), window.end() - 1, '\n') == 0);
        source.consume(window.size(), 1);
      }
      EXPECT_EQ(all, text);
    }
  }
}

TEST(TextSource, BrokenStreams) {
  const test::TempFolder folder;
  std::string text;
  for (int i = 0; i < 5000; ++i) text += std::to_string(i * i) + "\n";
  const std::string gz = test::gzip(text), zst = test::zstd(text);
  for (const size_t cut : {size_t{3}, size_t{11}, size_t{500}, gz.size() - 1})
    EXPECT_NE(message_of(folder.write("a", gz.substr(0, cut))).find("gzip stream ends early"),
              std::string::npos)
        << cut;
  for (const size_t cut : {size_t{5}, size_t{500}, zst.size() - 1})
    EXPECT_NE(message_of(folder.write("b", zst.substr(0, cut))).find("zstd stream ends early"),
              std::string::npos)
        << cut;
  std::string broken = gz;
  for (size_t i = 200; i < 260; ++i) broken[i] = static_cast<char>(broken[i] ^ 0x55);
  EXPECT_NE(message_of(folder.write("c", broken)).find("broken gzip stream"), std::string::npos);
  broken = gz;
  broken[broken.size() - 6] ^= 1;  // the stored checksum
  EXPECT_NE(message_of(folder.write("d", broken)).find("broken gzip stream"), std::string::npos);
  EXPECT_NE(message_of(folder.write("e", gz + "garbage")).find("other bytes after"), std::string::npos);
  broken = zst;
  broken[5] = static_cast<char>(broken[5] ^ 0xff);
  EXPECT_NE(message_of(folder.write("f", broken)).find("zstd"), std::string::npos);
}

TEST(TextSource, WhatCannotBeRead) {
  const test::TempFolder folder;
  EXPECT_THROW(TextSource(folder.file("absent")), ResourceError);
  EXPECT_THROW(TextSource(folder.path()), ResourceError);
}

// A stream without line ends must not fill the memory.
TEST(TextSource, EndlessLine) {
  const test::TempFolder folder;
  const std::string zeros = test::gzip(std::string(200u << 20, 'x'));
  EXPECT_NE(message_of(folder.write("a", zeros)).find("line 1: is longer than 64 MiB"), std::string::npos);
}

TEST(TextSource, Pipe) {
  const test::TempFolder folder;
  const std::string path = folder.file("pipe");
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  for (const std::string& bytes : {std::string("one\ntwo\n"), test::gzip("one\ntwo\n")}) {
    std::thread writer([&] {
      const int fd = open(path.c_str(), O_WRONLY);
      for (const char c : bytes) EXPECT_EQ(write(fd, &c, 1), 1);
      close(fd);
    });
    EXPECT_EQ(lines_of(path), (std::vector<std::string>{"one", "two"}));
    writer.join();
  }
}

// A trajectory in each format that holds many frames, with columns of every kind.
std::string dump_text(int frames, int atoms) {
  std::mt19937 random(3);
  std::uniform_real_distribution<double> u(-5, 5);
  std::string text;
  const auto to = std::back_inserter(text);
  for (int f = 0; f < frames; ++f) {
    fmt::format_to(
        to, "ITEM: TIMESTEP\n{}\nITEM: NUMBER OF ATOMS\n{}\nITEM: BOX BOUNDS pp pp ff\n0 5\n0 5\n0 5\n",
        10 * f, atoms + f);
    text += "ITEM: ATOMS id element type xs ys zs vx vy vz c_a[1] c_a[2] mol\n";
    for (int i = 0; i < atoms + f; ++i) {
      const int type = static_cast<int>(random() % 3);
      fmt::format_to(to, "{} {}", atoms + f - i, type == 0 ? "Fe 1" : type == 1 ? "Cr 2" : "Ni 3");
      for (int k = 0; k < 8; ++k) fmt::format_to(to, " {}", u(random));
      fmt::format_to(to, " {}\n", random() % 100);
    }
  }
  return text;
}

std::string xyz_text(int frames, int atoms) {
  std::mt19937 random(4);
  std::uniform_real_distribution<double> u(-5, 5);
  std::string text;
  const auto to = std::back_inserter(text);
  for (int f = 0; f < frames; ++f) {
    fmt::format_to(to,
                   "{}\nLattice=\"9 0 0 0 9 0 0 0 9\" "
                   "Properties=species:S:1:pos:R:3:name:S:1:flag:L:1:k:I:2 frame={}\n",
                   atoms + f, f);
    for (int i = 0; i < atoms + f; ++i) {
      text += random() % 2 ? "Fe" : random() % 2 ? "C" : "Al";
      for (int k = 0; k < 3; ++k) fmt::format_to(to, " {}", u(random));
      const char flag = random() % 2 ? 'T' : 'F';
      fmt::format_to(to, " n{} {} {} -{}\n", random() % 50, flag, random() % 9, random());
    }
  }
  return text;
}

std::vector<Frame> all_frames(const std::string& path, const ReadOptions& options) {
  auto reader = open_reader(path, options);
  std::vector<Frame> frames;
  for (Frame frame; reader->next(frame);) frames.push_back(frame);  // memory reused from frame to frame
  return frames;
}

TEST(ParallelReading, ChunksAndThreadsChangeNothing) {
  const test::TempFolder folder;
  for (const std::string& text : {dump_text(3, 20), xyz_text(3, 20)}) {
    const std::string plain = folder.write("plain", text);
    const std::vector<Frame> expected = all_frames(plain, {});
    ASSERT_EQ(expected.size(), 3u);
    EXPECT_EQ(expected[2].n_atoms(), 22);
    const std::string gz = folder.write("gz", test::gzip(text)), zst = folder.write("zst", test::zstd(text));
    for (const int threads : {1, 3})
      for (const int64_t chunk : {7, 64, 333, 1 << 20})
        for (const std::string& path : {plain, gz, zst}) {
          SCOPED_TRACE(testing::Message() << path << " threads " << threads << " chunk " << chunk);
          const std::vector<Frame> found = all_frames(path, {threads, {}, chunk});
          ASSERT_EQ(found.size(), expected.size());
          for (size_t f = 0; f < found.size(); ++f) test::expect_identical_frames(found[f], expected[f]);
        }
  }
}

// The first error by line is reported, whoever finds it first.
TEST(ParallelReading, FirstErrorByLine) {
  const test::TempFolder folder;
  std::string text =
      "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n500\nITEM: BOX BOUNDS pp pp pp\n0 1\n0 1\n0 1\n"
      "ITEM: ATOMS id type x y z\n";
  for (int i = 1; i <= 500; ++i) {
    const bool bad = i == 137 || i == 138 || i > 300;
    fmt::format_to(std::back_inserter(text), "{} 1 0.1 {} 0.3\n", i, bad ? "bad" : "0.2");
  }
  const std::string path = folder.write("a", text);
  for (const int threads : {1, 3})
    for (const int64_t chunk : {100, 1000, 1 << 20}) {
      Frame frame;
      try {
        open_reader(path, {threads, {}, chunk})->next(frame);
        ADD_FAILURE() << "no error";
      } catch (const InputError& error) {
        EXPECT_EQ(std::string(error.what()),
                  path + ", line 146: expected a finite number for 'y', found 'bad' (atom 137 of 500)");
      }
    }
}

TEST(ParallelReading, SkipEqualsNext) {
  const test::TempFolder folder;
  const std::string cfg_frame =
      "BEGIN_CFG\nSize\n1\nSupercell\n1 0 0\n0 1 0\n0 0 1\nAtomData: id type cartes_x cartes_y "
      "cartes_z\n1 0 0 0 0\nFeature n ";
  std::string cfg;
  for (int f = 0; f < 6; ++f) cfg += fmt::format("{}{}\nEND_CFG\n\n", cfg_frame, f);
  for (const std::string& text : {dump_text(6, 20), xyz_text(6, 20), cfg}) {
    for (const std::string& packed : {text, test::gzip(text)}) {
      const std::string path = folder.write("t", packed);
      const std::vector<Frame> expected = all_frames(path, {});
      ASSERT_EQ(expected.size(), 6u);
      for (size_t skipped = 0; skipped <= 6; ++skipped) {
        auto reader = open_reader(path);
        for (size_t k = 0; k < skipped; ++k) EXPECT_TRUE(reader->skip());
        Frame frame;
        EXPECT_EQ(reader->next(frame), skipped < 6);
        if (skipped < 6) test::expect_identical_frames(frame, expected[skipped]);
        EXPECT_EQ(reader->skip(), skipped < 5);
      }
    }
  }
}

}  // namespace
}  // namespace grainfield
