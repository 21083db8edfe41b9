// The Voronoi cell of one node of a periodic set: the region closer to it than to any other node image.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/core/box.hpp"

namespace grainfield {

// A face lies on the bisector plane of the node and the image of another one (or of itself):
// normal . (r - node) = offset.
struct CellFace {
  Vec3 normal;        // unit vector towards the other node
  double offset = 0;  // half the distance of the nodes, A
  int64_t node = 0;   // the other node
  Vec3 separation;    // image of the other node - node, A
};

struct NodeCell {
  std::vector<CellFace> faces;  // nearest first; also planes that only touch the cell (to 1e-6 A)
  std::vector<Vec3> vertices;   // relative to the node, A; vertices appear once per face
  double volume = 0;            // A^3
  double radius = 0;            // largest distance of a vertex from the node, A
};

// Finds the cells of a set of nodes. The nodes lie anywhere; the box is periodic along all three directions.
// Built by clipping with bisectors in order of distance until the next node is too far to matter.
class NodeTessellation {
 public:
  NodeTessellation(const Box& box, const std::vector<Vec3>& nodes);
  NodeCell cell(int64_t i) const;

 private:
  // Images of all nodes within `radius` of node i except itself, nearest first.
  std::vector<CellFace> neighbors(int64_t i, double radius) const;

  Box box_;
  std::vector<Vec3> nodes_;  // wrapped
  int64_t n_[3];             // grid of about one node per cell
  std::vector<int64_t> start_, order_;
};

}  // namespace grainfield
