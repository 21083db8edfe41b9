// Rows of elements: whatever their shapes and however they come, they are read back, and their pieces of the
// file are theirs.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <random>

#include "io/h5md_schema.hpp"
#include "tests/support/temp_folder.hpp"

namespace grainfield {
namespace {

using h5::Dims;
using h5::product;
using h5::Type;

struct Shapes {
  const char* what;
  std::vector<Dims> rows;
  bool in_pieces;  // of the first row
};

void PrintTo(const Shapes& shapes, std::ostream* out) { *out << shapes.what; }

class ElementRows : public testing::TestWithParam<std::tuple<Shapes, Type, h5::Layout>> {};
INSTANTIATE_TEST_SUITE_P(
    Shapes, ElementRows,
    testing::Combine(
        testing::Values(
            Shapes{"rows that share chunks", {{40}, {50}, {30}, {0}, {45}}, false},
            Shapes{"a row a chunk", {{9000}, {9000}, {9000}}, true},
            Shapes{"rows that grow and shrink", {{9000}, {12000}, {8000}, {0}, {100000}}, true},
            Shapes{"many chunks", {{300001}, {150000}, {450000}}, true},
            Shapes{"columns", {{70001, 3}, {30000, 3}}, true},
            Shapes{"columns that vary", {{30000, 3}, {30000, 2}, {30000, 4}, {9000, 3}}, true},
            Shapes{"planes", {{50, 40, 30}, {41, 40, 30}, {60, 40, 30}, {50, 41, 30}}, true},
            Shapes{"planes larger than a chunk", {{3, 700, 401}, {2, 700, 401}, {3, 650, 401}}, true},
            Shapes{"lines larger than a chunk", {{2, 3, 300000}, {1, 3, 300000}, {2, 3, 1000}}, true}),
        testing::Values(Type::real, Type::int32),
        testing::Values(h5::Layout::growing, h5::Layout::compressed)));

TEST_P(ElementRows, AreReadBack) {
  const auto& [shapes, type, layout] = GetParam();
  const test::TempFolder folder;
  const std::string path = folder.file("rows.h5");
  const size_t width = h5::type_bytes(type);
  std::mt19937_64 random(5);
  std::vector<std::vector<char>> values;
  std::vector<std::vector<h5::Piece>> pieces;
  const auto held = h5::lock();
  {
    const h5::File file = h5::File::create(path, h5::File::Kind::placed);
    h5::Element element(file, "/a", type, shapes.rows[0], layout);
    EXPECT_EQ(element.in_pieces(shapes.rows[0]), shapes.in_pieces && layout == h5::Layout::growing);
    for (const Dims& dims : shapes.rows) {
      std::vector<char> row(product(dims) * width);
      for (hsize_t k = 0; k < product(dims); ++k) {
        const auto number = static_cast<int32_t>(random() >> 33);
        const double real = 0.5 * number;
        std::memcpy(row.data() + k * width, type == Type::real ? static_cast<const void*>(&real) : &number,
                    width);
      }
      const hsize_t per_index = dims[0] > 0 ? product(dims) / dims[0] : 0;
      EXPECT_TRUE(element.pieces_of(values.size(), dims).empty());
      for (hsize_t first = 0; first < dims[0];) {
        const hsize_t count = 1 + random() % (dims[0] - first);
        element.write_part(file, values.size(), dims, first, count, row.data() + first * per_index * width);
        first += count;
      }
      pieces.push_back(element.pieces_of(values.size(), dims));
      EXPECT_EQ(pieces.back().empty(), !element.in_pieces(dims));
      values.push_back(std::move(row));
    }
    element.finish(file, values.size());
  }
  const h5::File file = h5::File::open(path);
  const h5::Dataset stored = h5::Dataset::open(file, "/a/value");
  std::ifstream raw(path, std::ios::binary);
  int n_in_pieces = 0;
  for (size_t r = 0; r < values.size(); ++r) {
    // The whole row, with what it does not cover.
    Dims offset(stored.dims().size(), 0), block = stored.dims();
    offset[0] = r;
    block[0] = 1;
    std::vector<char> found(product(block) * width);
    stored.read(file, offset, block, type, found.data());
    // Compared in runs along the last dimension; the runs that the row has come in its order.
    hsize_t next = 0, n_wrong = 0;
    const hsize_t run = block.back(), filled = shapes.rows[r].back();
    const auto is_fill = [&](const char* value) {
      double real = 0;
      if (type == Type::real) std::memcpy(&real, value, width);
      return type == Type::real ? std::isnan(real)
                                : std::count(value, value + width, '\xff') == std::ptrdiff_t(width);
    };
    for (hsize_t k = 0; k < product(block); k += run) {
      bool covered = true;
      hsize_t rest = k / run;
      for (size_t d = block.size() - 1; d-- > 1; rest /= block[d])
        covered = covered && rest % block[d] < shapes.rows[r][d - 1];
      const char* line = found.data() + k * width;
      const hsize_t n = covered ? filled : 0;
      n_wrong += n > 0 && std::memcmp(line, values[r].data() + next * width, n * width) != 0;
      for (hsize_t i = n; i < run; ++i) n_wrong += !is_fill(line + i * width);
      next += n;
    }
    EXPECT_EQ(n_wrong, 0u) << r;
    ASSERT_EQ(next * width, values[r].size());
    if (pieces[r].empty()) continue;
    ++n_in_pieces;
    std::vector<char> bytes;
    for (const h5::Piece& piece : pieces[r]) {
      bytes.resize(bytes.size() + piece.bytes);
      raw.seekg(static_cast<std::streamoff>(piece.offset));
      raw.read(bytes.data() + bytes.size() - piece.bytes, static_cast<std::streamsize>(piece.bytes));
    }
    EXPECT_TRUE(raw.good());
    EXPECT_TRUE(bytes == values[r]) << r;
  }
  fmt::print("{} rows, {} of them in pieces of their own\n", values.size(), n_in_pieces);
}

// HDF5 says itself where chunks are: the same that is found from the growth of the file.
TEST(Element, PiecesAreWhereHdf5FindsThem) {
  const test::TempFolder folder;
  const auto held = h5::lock();
  const h5::File file = h5::File::create(folder.file("rows.h5"), h5::File::Kind::placed);
  const Dims dims{9000};
  h5::Dataset a = h5::Dataset::create(file, "/a", Type::real, {1, 9000}, h5::Layout::growing);
  h5::Dataset b = h5::Dataset::create(file, "/b", Type::int32, {1, 16384}, h5::Layout::growing);
  const std::vector<double> values(9000, 1.5);
  const std::vector<int32_t> numbers(16384, 7);
  for (hsize_t k = 0; k < 400; ++k)
    for (h5::Dataset* d : {&a, &b}) {
      // Small numbers are put together by HDF5, which may take for a chunk what it had set aside for more.
      const std::string small = fmt::format("/small/{}/{}", k, d == &a);
      if (k % 3 != 1) h5::Dataset::write_fixed(file, small, Type::int32, {1 + k}, numbers.data());
      d->grow(file, {k + 1, 0});
      const h5::Piece piece =
          d->write_chunk(file, {k, 0}, d == &a ? static_cast<const void*>(values.data()) : numbers.data());
      unsigned filters = 0;
      haddr_t address = 0;
      hsize_t bytes = 0;
      const Dims offset{k, 0};
      ASSERT_GE(H5Dget_chunk_info_by_coord(d->id(), offset.data(), &filters, &address, &bytes), 0);
      ASSERT_EQ(piece.offset, address) << k;
      ASSERT_EQ(piece.bytes, bytes);
    }
}

TEST(Element, RefusesPartsOutOfOrder) {
  const test::TempFolder folder;
  const auto held = h5::lock();
  const h5::File file = h5::File::create(folder.file("rows.h5"), h5::File::Kind::placed);
  h5::Element element(file, "/a", Type::real, {9000}, h5::Layout::growing);
  const std::vector<double> values(9000, 1.5);
  EXPECT_THROW(element.write_part(file, 0, {9000}, 10, 5, values.data()), std::logic_error);
  element.write_part(file, 0, {9000}, 0, 10, values.data());
  EXPECT_THROW(element.write_part(file, 0, {9000}, 11, 5, values.data()), std::logic_error);
  EXPECT_THROW(element.write_part(file, 1, {9000}, 10, 5, values.data()), std::logic_error);
  EXPECT_TRUE(element.pieces_of(0, {9000}).empty());  // not complete
}

}  // namespace
}  // namespace grainfield
