// Written and read again: a round trip loses nothing that the format can hold.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "io/reader.hpp"
#include "io/writer.hpp"
#include "tests/support/frames.hpp"
#include "tests/support/temp_folder.hpp"

namespace grainfield {
namespace {

// What a text format keeps of a frame with everything.
struct Format {
  std::string file;
  bool many_frames, step_and_time, ids, periodicity, origin;
  std::vector<std::string> columns;
  bool keeps_order = true;
};

const std::vector<std::string> every_column{"velocity", "force",  "image",   "charge",
                                            "grain",    "energy", "c_stress"};

std::vector<Format> formats() {
  std::vector<Format> all{
      {"a.xyz", true, true, true, true, true, every_column},
      {"a.dump", true, true, true, true, true, every_column},
      {"a.data", false, false, true, true, true, {"velocity", "image", "charge"}},
      {"a.cfg", true, false, true, false, false, {"force", "charge", "energy"}},
      {"a.poscar", false, false, false, false, false, {"velocity"}, false},
  };
  Format packed = all[1];
  packed.file = "b.dump.gz";
  all.push_back(packed);
  packed = all[0];
  packed.file = "b.xyz.zst";
  all.push_back(packed);
  return all;
}

// Order of the atoms in a POSCAR: by species.
std::vector<size_t> order_of(const Frame& frame, bool kept) {
  std::vector<size_t> order(frame.position.size());
  std::iota(order.begin(), order.end(), size_t{0});
  if (!kept)
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t i, size_t j) { return frame.type[i] < frame.type[j]; });
  return order;
}

// One rounding in the last place of a coordinate (cells by their bounds, positions relative to the origin)
// and, for velocities in A/fs, one of the factor; the digits themselves are exact.
constexpr double rounding = 4e-16;

void expect_close(double a, double b, double scale) { EXPECT_NEAR(a, b, rounding * scale); }

void expect_kept(const Frame& in, const Frame& out, const Format& format) {
  const std::vector<size_t> order = order_of(in, format.keeps_order);
  ASSERT_EQ(in.n_atoms(), out.n_atoms());
  const double size = norm(in.box.a) + norm(in.box.b) + norm(in.box.c) + norm(in.box.origin);
  for (int k = 0; k < 3; ++k) {
    for (int c = 0; c < 3; ++c) expect_close(in.box.edge(k)[c], out.box.edge(k)[c], size);
    EXPECT_EQ(out.box.periodic[k], in.box.periodic[k] || !format.periodicity);
  }
  for (size_t i = 0; i < order.size(); ++i) {
    const size_t j = order[i];
    for (int k = 0; k < 3; ++k) {
      if (format.origin)
        EXPECT_EQ(in.position[j][k], out.position[i][k]);
      else
        expect_close(in.position[j][k] - in.box.origin[k], out.position[i][k], size);
    }
    const auto row = static_cast<int64_t>(i);
    EXPECT_EQ(out.id_of(row), format.ids ? in.id_of(static_cast<int64_t>(j)) : row + 1);
    // MLIP has numbers only.
    const std::string name = format.file == "a.cfg" ? "" : in.species[static_cast<size_t>(in.type[j])].name;
    EXPECT_EQ(out.species[static_cast<size_t>(out.type[i])].name, name);
    EXPECT_EQ(out.type[i], in.type[j]);
  }
  if (format.step_and_time) {
    EXPECT_EQ(in.step, out.step);
    EXPECT_EQ(in.time, out.time);
  }
  for (const std::string& name : format.columns) {
    const Column* a = in.find_column(name);
    const Column* b = out.find_column(name);
    ASSERT_TRUE(a && b) << name;
    if (format.keeps_order) {
      test::expect_same_column(*a, *b);
      EXPECT_EQ(a->unit.empty() || name == "c_stress" ? b->unit : a->unit, b->unit) << name;
      continue;
    }
    for (size_t i = 0; i < order.size(); ++i)
      for (size_t k = 0; k < 3; ++k) EXPECT_NEAR(a->real[3 * order[i] + k], b->real[3 * i + k], rounding * 5);
  }
}

void round_trip(const Format& format, const Box& box) {
  SCOPED_TRACE(format.file);
  const test::TempFolder folder;
  const std::string path = folder.file(format.file);
  std::vector<Frame> in;
  for (uint64_t f = 1; f <= (format.many_frames ? 3u : 1u); ++f) {
    test::RandomFrame plan;
    plan.seed = f;
    plan.box = box;
    in.push_back(test::random_frame(plan));
  }
  const auto writer = open_writer(path);
  for (const Frame& frame : in) writer->write(frame);
  writer->close();

  const auto reader = open_reader(path);
  Frame out;
  for (const Frame& frame : in) {
    ASSERT_TRUE(reader->next(out));
    expect_kept(frame, out, format);
  }
  EXPECT_FALSE(reader->next(out));
}

TEST(RoundTrip, Orthogonal) {
  for (const Format& format : formats()) round_trip(format, Box({11, 0, 0}, {0, 12.5, 0}, {0, 0, 13.25}));
}

TEST(RoundTrip, TiltedWithOriginAndFreeDirection) {
  const Box box({11.1, 0, 0}, {1.7, 12.5, 0}, {-2.3, 0.7, 13.25}, {-3.3, 0.1, 7.7}, true, false, true);
  for (const Format& format : formats()) round_trip(format, box);
}

TEST(RoundTrip, AnyDirection) {
  const Box box({1, 11, 2}, {-12, 2, 0.5}, {0.3, 0.7, 13.25}, {0.3, -1.1, 2.7});
  for (const Format& format : formats()) round_trip(format, box);
}

// Pairs of a frame as people write them, through the format that holds any.
TEST(RoundTrip, PairsOfAFrame) {
  const test::TempFolder folder;
  Frame in = test::random_frame({.n = 3, .columns = false});
  in.info = {{"comment", "a \"quoted\" text, with = and {brackets}"},
             {"energy", "-3.5"},
             {"list", "1 2 3"},
             {"empty", ""},
             {"lines", "one\ntwo"},
             {"path", "C:\\new\\table"}};
  const std::string path = folder.file("a.xyz");
  const auto writer = open_writer(path);
  writer->write(in);
  writer->close();
  Frame out;
  ASSERT_TRUE(open_reader(path)->next(out));
  EXPECT_EQ(in.info, out.info);
}

}  // namespace
}  // namespace grainfield
