// The simulation cell: general triclinic, any mix of periodic and free directions.
//
//   r = origin + s_a a + s_b b + s_c c,      s = fractional coordinates
//
// a, b, c are the cell vectors (A). A free direction has a cell vector too: it bounds the atoms' region in
// snapshots that state one, and only gives a direction and a length scale where atoms lie outside it.
#pragma once

#include "kernels/core/rounding.hpp"
#include "kernels/core/vec3.hpp"

namespace grainfield {

struct Box {
  Vec3 a{1, 0, 0}, b{0, 1, 0}, c{0, 0, 1};  // cell vectors, A
  Vec3 origin{};                            // A
  bool periodic[3] = {true, true, true};
  Vec3 ra{1, 0, 0}, rb{0, 1, 0}, rc{0, 0, 1};  // reciprocal vectors: ra.a = 1, ra.b = ra.c = 0, ...; 1/A

  Box() = default;
  GF_HD Box(Vec3 a_, Vec3 b_, Vec3 c_, Vec3 origin_ = {}, bool pa = true, bool pb = true, bool pc = true)
      : a(a_), b(b_), c(c_), origin(origin_), periodic{pa, pb, pc} {
    const double v = volume();
    ra = cross(b, c) / v;
    rb = cross(c, a) / v;
    rc = cross(a, b) / v;
  }

  GF_HD Vec3 edge(int k) const { return k == 0 ? a : k == 1 ? b : c; }
  GF_HD Vec3 reciprocal(int k) const { return k == 0 ? ra : k == 1 ? rb : rc; }
  GF_HD double volume() const { return dot(a, cross(b, c)); }  // A^3; negative for a left-handed cell
  GF_HD double height(int k) const {
    return 1.0 / norm(reciprocal(k));
  }  // distance of the faces normal to k, A
  GF_HD bool fully_periodic() const { return periodic[0] && periodic[1] && periodic[2]; }
  GF_HD bool is_orthogonal() const {
    return a.y == 0 && a.z == 0 && b.x == 0 && b.z == 0 && c.x == 0 && c.y == 0;
  }

  GF_HD Vec3 fractional(Vec3 r) const {
    const Vec3 d = r - origin;
    return {dot(ra, d), dot(rb, d), dot(rc, d)};
  }
  GF_HD Vec3 cartesian(Vec3 s) const { return origin + s.x * a + s.y * b + s.z * c; }

  // Moves r into the cell along the periodic directions: 0 <= s < 1 there.
  GF_HD Vec3 wrap(Vec3 r) const {
    for (int pass = 0; pass < 2; ++pass) {  // a second pass mends rounding at the faces
      const Vec3 s = fractional(r);
      for (int k = 0; k < 3; ++k) {
        if (!periodic[k]) continue;
        const double shift = round_down(s[k]);
        if (shift != 0) r -= shift * edge(k);
      }
    }
    return r;
  }

  // The shortest of the images of d that the rounding of fractional coordinates finds; the shortest image in
  // truth only for |d| < half of the smallest height. Kernels use ghosts instead; builders and tests use
  // this.
  GF_HD Vec3 minimum_image(Vec3 d) const {
    const Vec3 s{dot(ra, d), dot(rb, d), dot(rc, d)};
    for (int k = 0; k < 3; ++k)
      if (periodic[k]) d -= std::round(s[k]) * edge(k);
    return d;
  }
};

}  // namespace grainfield
