// The grain-boundary planes that density-profile found, for analyses that sort atoms by their distance from
// them.
//
// Where the profile meets a surface (the cell is free along the normal, or has vacuum), only the interior
// counts: what lies farther than 6 beta from every sample with less than half the bulk's density, as in
// density-profile.
#pragma once

#include <string_view>
#include <vector>

#include "host/analysis.hpp"

namespace grainfield {

struct BoundaryPlanes {
  int axis = 2;       // normal of the plane of the other two cell vectors
  double length = 0;  // height of the cell along the normal, A
  double area = 0;    // of the cell's face, A^2
  bool periodic = true;
  std::vector<double> z;  // places of the planes, A from the origin of the cell along the normal

  struct Range {
    double from = 0, to = 0;  // A; may run past `length` where periodic
  };
  bool whole = true;            // no surfaces: the interior is the cell
  std::vector<Range> interior;  // where not whole

  // Place of a position along the normal, in [0, length) where periodic: A.
  double coordinate(Vec3 r) const;
  bool inside(double place) const;

  struct Nearest {
    int plane = -1;       // -1: there is none
    double distance = 0;  // A
  };
  Nearest nearest(double place) const;

 private:
  Vec3 reciprocal_, origin_;
  friend BoundaryPlanes boundary_planes(const Frame& frame, const FrameResults& results);
};

// From the results of density-profile.
BoundaryPlanes boundary_planes(const Frame& frame, const FrameResults& results);

// "frame 3: no grain boundary was found: ...", for an analysis that needs one.
[[noreturn]] void throw_no_boundary(const FrameContext& context, std::string_view analysis,
                                    std::string_view mend);

}  // namespace grainfield
