// A scalar field on the grid of a cell as a VTK XML file, which ParaView and OVITO open: ImageData (.vti) for
// orthogonal cells, StructuredGrid (.vts, with the coordinates of the points) for others.
// Layout: "VTK XML file formats", docs.vtk.org; raw appended data with 64-bit lengths.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "host/results.hpp"

namespace grainfield {

// Takes the planes of the grid in order, n[1]*n[2] values each, along a. VTK wants a to vary fastest: the
// values go to their places in the mapped file, so that the memory of the process does not grow with the
// grid. Errors are ResourceError with the path; without close() nothing is left behind.
class VtkWriter {
 public:
  virtual ~VtkWriter() = default;
  virtual void write_planes(int64_t first_plane, int64_t n_planes, const double* values) = 0;
  virtual void close() = 0;  // completes the file and gives it its name
};

// ".vti" or ".vts": what fits the cell. VTK's images have axes along x, y, z.
std::string vtk_ending(const Box& box);
// UsageError unless the path ends in vtk_ending(grid.box).
std::unique_ptr<VtkWriter> open_vtk(const std::string& path, const GridShape& grid);

}  // namespace grainfield
