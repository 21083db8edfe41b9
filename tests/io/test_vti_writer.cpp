// VTK grids, parsed back: the attributes as text, the values and points from the raw block.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <regex>

#include "host/error.hpp"
#include "io/vti_writer.hpp"
#include "tests/support/temp_folder.hpp"

namespace grainfield {
namespace {

using test::TempFolder;

GridShape some_grid(const Box& box, int64_t na, int64_t nb, int64_t nc) {
  GridShape grid;
  grid.name = "rho<1>";
  grid.unit = "A^-3";
  grid.doc = "a -- b";
  grid.n[0] = na;
  grid.n[1] = nb;
  grid.n[2] = nc;
  grid.box = box;
  return grid;
}

double value_at(int64_t a, int64_t b, int64_t c) {
  return static_cast<double>(10000 * a + 100 * b + c) + 0.25;
}

void write_grid(const std::string& path, const GridShape& grid, int64_t planes_at_once) {
  const auto writer = open_vtk(path, grid);
  for (int64_t first = 0; first < grid.n[0]; first += planes_at_once) {
    const int64_t count = std::min(planes_at_once, grid.n[0] - first);
    std::vector<double> values;
    for (int64_t a = first; a < first + count; ++a)
      for (int64_t b = 0; b < grid.n[1]; ++b)
        for (int64_t c = 0; c < grid.n[2]; ++c) values.push_back(value_at(a, b, c));
    writer->write_planes(first, count, values.data());
  }
  writer->close();
}

std::string attribute(const std::string& text, const std::string& element, const std::string& name) {
  std::smatch match;
  const std::regex pattern("<" + element + "\\s[^>]*\\b" + name + "=\"([^\"]*)\"");
  return std::regex_search(text, match, pattern) ? match[1].str() : "absent";
}

// The raw array at an offset of the appended block.
std::vector<double> raw_block(const std::string& file, size_t offset) {
  const std::string mark = "<AppendedData encoding=\"raw\">\n_";
  const size_t start = file.find(mark) + mark.size() + offset;
  uint64_t bytes = 0;
  std::memcpy(&bytes, file.data() + start, sizeof bytes);
  std::vector<double> values(bytes / sizeof(double));
  std::memcpy(values.data(), file.data() + start + sizeof bytes, bytes);
  return values;
}

TEST(VtkGrid, OrthogonalImage) {
  const TempFolder folder;
  const GridShape grid = some_grid(Box({7, 0, 0}, {0, 6, 0}, {0, 0, 5}, {-1, 0, 2.5}), 70, 4, 5);
  for (const int64_t planes : {1, 9, 70}) {
    write_grid(folder.file("a.vti"), grid, planes);
    const std::string file = test::read_file(folder.file("a.vti"));
    EXPECT_EQ(attribute(file, "VTKFile", "type"), "ImageData");
    EXPECT_EQ(attribute(file, "VTKFile", "header_type"), "UInt64");
    EXPECT_EQ(attribute(file, "ImageData", "WholeExtent"), "0 69 0 3 0 4");
    EXPECT_EQ(attribute(file, "Piece", "Extent"), "0 69 0 3 0 4");
    EXPECT_EQ(attribute(file, "ImageData", "Origin"), "-1 0 2.5");
    EXPECT_EQ(attribute(file, "ImageData", "Spacing"), "0.1 1.5 1");
    EXPECT_EQ(attribute(file, "PointData", "Scalars"), "rho&lt;1&gt;");
    const std::vector<double> values = raw_block(file, 0);
    ASSERT_EQ(values.size(), 70u * 4 * 5);
    size_t at = 0;
    for (int64_t c = 0; c < 5; ++c)
      for (int64_t b = 0; b < 4; ++b)
        for (int64_t a = 0; a < 70; ++a) ASSERT_EQ(values[at++], value_at(a, b, c));
    EXPECT_TRUE(file.ends_with("\n  </AppendedData>\n</VTKFile>\n"));
  }
}

TEST(VtkGrid, TriclinicStructuredGrid) {
  const TempFolder folder;
  const GridShape grid = some_grid(Box({6, 0, 0}, {2, 6, 0}, {1, -1, 5}, {1, 2, 3}), 3, 4, 5);
  write_grid(folder.file("a.vts"), grid, 2);
  const std::string file = test::read_file(folder.file("a.vts"));
  EXPECT_EQ(attribute(file, "VTKFile", "type"), "StructuredGrid");
  EXPECT_EQ(attribute(file, "StructuredGrid", "WholeExtent"), "0 2 0 3 0 4");
  const std::vector<double> values = raw_block(file, 0);
  ASSERT_EQ(values.size(), 60u);
  const size_t offset = std::stoul(attribute(file, "DataArray type=\"Float64\" Name=\"Points\"", "offset"));
  const std::vector<double> points = raw_block(file, offset);
  ASSERT_EQ(points.size(), 180u);
  size_t at = 0;
  for (int64_t c = 0; c < 5; ++c)
    for (int64_t b = 0; b < 4; ++b)
      for (int64_t a = 0; a < 3; ++a, ++at) {
        EXPECT_EQ(values[at], value_at(a, b, c));
        EXPECT_NEAR(
            points[3 * at],
            1 + 2.0 * static_cast<double>(a) + 0.5 * static_cast<double>(b) + 0.2 * static_cast<double>(c),
            1e-14);
        EXPECT_NEAR(points[3 * at + 1], 2 + 1.5 * static_cast<double>(b) - 0.2 * static_cast<double>(c),
                    1e-14);
        EXPECT_NEAR(points[3 * at + 2], 3 + static_cast<double>(c), 1e-14);
      }
}

TEST(VtkGrid, Refusals) {
  const TempFolder folder;
  const GridShape grid = some_grid(Box({7, 0, 0}, {0, 6, 0}, {0, 0, 5}), 2, 2, 2);
  EXPECT_THROW(open_vtk(folder.file("a.vts"), grid), UsageError);
  EXPECT_THROW(open_vtk(folder.file("none/a.vti"), grid), ResourceError);
  {
    const auto writer = open_vtk(folder.file("a.vti"), grid);
    const double plane[4] = {};
    EXPECT_THROW(writer->write_planes(1, 1, plane), std::logic_error);
    EXPECT_THROW(writer->close(), std::logic_error);
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(VtkGrid, FullDisk) {
  const TempFolder folder;
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{4096, 4096};
    setrlimit(RLIMIT_FSIZE, &limit);
    int result = 1;
    try {
      write_grid(folder.file("a.vti"), some_grid(Box({7, 0, 0}, {0, 6, 0}, {0, 0, 5}), 20, 20, 20), 5);
    } catch (const ResourceError& e) {
      result = std::string(e.what()).find(folder.file("a.vti")) == 0 ? 0 : 2;
    }
    _exit(result);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace grainfield
