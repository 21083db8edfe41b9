#include "io/vti_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <stdexcept>

#include "host/error.hpp"
#include "io/output_file.hpp"

namespace grainfield {

namespace {

static_assert(std::endian::native == std::endian::little);

std::string xml_text(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

bool is_image(const Box& box) { return box.is_orthogonal() && box.a.x > 0 && box.b.y > 0 && box.c.z > 0; }

class XmlGridWriter final : public VtkWriter {
 public:
  XmlGridWriter(const std::string& path, const GridShape& grid) : file_(path), grid_(grid) {
    const int64_t* n = grid.n;
    if (n[0] < 1 || n[1] < 1 || n[2] < 1)
      throw std::logic_error(fmt::format("a grid of {} x {} x {} points", n[0], n[1], n[2]));
    const auto n_points =
        static_cast<uint64_t>(n[0]) * static_cast<uint64_t>(n[1]) * static_cast<uint64_t>(n[2]);
    const uint64_t value_bytes = n_points * sizeof(double);
    const uint64_t point_bytes = is_image(grid.box) ? 0 : 3 * value_bytes;
    const std::string head = header(value_bytes);
    const std::string tail = "\n  </AppendedData>\n</VTKFile>\n";
    const uint64_t lengths = point_bytes ? 2 * sizeof(uint64_t) : sizeof(uint64_t);
    char* at =
        file_.map(static_cast<int64_t>(head.size() + lengths + value_bytes + point_bytes + tail.size()));
    const auto put = [&at](const void* data, size_t bytes) {
      std::memcpy(at, data, bytes);
      at += bytes;
    };
    put(head.data(), head.size());
    put(&value_bytes, sizeof value_bytes);
    values_ = at;
    at += value_bytes;
    if (point_bytes) {
      put(&point_bytes, sizeof point_bytes);
      for (int64_t c = 0; c < n[2]; ++c)
        for (int64_t b = 0; b < n[1]; ++b)
          for (int64_t a = 0; a < n[0]; ++a) {
            const Vec3 r = grid.box.cartesian({static_cast<double>(a) / static_cast<double>(n[0]),
                                               static_cast<double>(b) / static_cast<double>(n[1]),
                                               static_cast<double>(c) / static_cast<double>(n[2])});
            put(&r, sizeof r);
          }
    }
    put(tail.data(), tail.size());
  }

  void write_planes(int64_t first_plane, int64_t n_planes, const double* values) override {
    const int64_t* n = grid_.n;
    if (first_plane != next_ || n_planes < 0 || first_plane + n_planes > n[0])
      throw std::logic_error(
          fmt::format("grid planes {} to {} out of order", first_plane, first_plane + n_planes));
    const int64_t plane = n[1] * n[2];
    constexpr int64_t group = 32;  // planes whose values are stored side by side: 256 bytes at a time
    for (int64_t p = 0; p < n_planes; p += group) {
      const int64_t count = std::min(group, n_planes - p);
      for (int64_t b = 0; b < n[1]; ++b)
        for (int64_t c = 0; c < n[2]; ++c) {
          const double* from = values + p * plane + b * n[2] + c;
          double run[group];
          for (int64_t k = 0; k < count; ++k) run[k] = from[k * plane];
          const int64_t to = (c * n[1] + b) * n[0] + first_plane + p;
          std::memcpy(values_ + to * static_cast<int64_t>(sizeof(double)), run,
                      static_cast<size_t>(count) * sizeof(double));
        }
    }
    next_ += n_planes;
  }

  void close() override {
    if (next_ != grid_.n[0]) throw std::logic_error("a grid ends before its last plane");
    file_.close();
  }

 private:
  std::string header(uint64_t value_bytes) const {
    const int64_t* n = grid_.n;
    const bool image = is_image(grid_.box);
    const char* type = image ? "ImageData" : "StructuredGrid";
    const std::string extent = fmt::format("0 {} 0 {} 0 {}", n[0] - 1, n[1] - 1, n[2] - 1);
    std::string place;
    if (image) {
      const Box& b = grid_.box;
      place = fmt::format(" Origin=\"{} {} {}\" Spacing=\"{} {} {}\"", b.origin.x, b.origin.y, b.origin.z,
                          b.a.x / static_cast<double>(n[0]), b.b.y / static_cast<double>(n[1]),
                          b.c.z / static_cast<double>(n[2]));
    }
    const std::string name = xml_text(grid_.name);
    std::string out = fmt::format(
        "<?xml version=\"1.0\"?>\n"
        "<VTKFile type=\"{0}\" version=\"1.0\" byte_order=\"LittleEndian\" header_type=\"UInt64\">\n"
        "  <!-- {1}, unit: {2} -->\n"
        "  <{0} WholeExtent=\"{3}\"{4}>\n"
        "    <Piece Extent=\"{3}\">\n"
        "      <PointData Scalars=\"{5}\">\n"
        "        <DataArray type=\"Float64\" Name=\"{5}\" format=\"appended\" offset=\"0\"/>\n"
        "      </PointData>\n",
        type, comment(grid_.doc), grid_.unit.empty() ? "1" : comment(grid_.unit), extent, place, name);
    if (!image)
      out += fmt::format(
          "      <Points>\n"
          "        <DataArray type=\"Float64\" Name=\"Points\" NumberOfComponents=\"3\" format=\"appended\" "
          "offset=\"{}\"/>\n"
          "      </Points>\n",
          value_bytes + sizeof(uint64_t));
    out += fmt::format("    </Piece>\n  </{}>\n  <AppendedData encoding=\"raw\">\n_", type);
    return out;
  }

  // XML comments hold no "--".
  static std::string comment(std::string text) {
    std::replace(text.begin(), text.end(), '-', '_');
    return xml_text(text);
  }

  OutputFile file_;
  GridShape grid_;
  char* values_ = nullptr;
  int64_t next_ = 0;
};

}  // namespace

std::string vtk_ending(const Box& box) { return is_image(box) ? ".vti" : ".vts"; }

std::unique_ptr<VtkWriter> open_vtk(const std::string& path, const GridShape& grid) {
  const std::string ending = vtk_ending(grid.box);
  if (!path.ends_with(ending))
    throw UsageError(
        fmt::format("{}: the grid of this cell is a {} file; expected a name that ends so", path, ending));
  return std::make_unique<XmlGridWriter>(path, grid);
}

}  // namespace grainfield
