#include "host/lattice.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "host/error.hpp"

namespace grainfield {
namespace {

constexpr struct {
  Structure structure;
  std::string_view name;
} names[] = {{Structure::sc, "sc"},
             {Structure::bcc, "bcc"},
             {Structure::fcc, "fcc"},
             {Structure::hcp, "hcp"},
             {Structure::diamond, "diamond"}};

const std::vector<Vec3> face_centers{{0, 0, 0}, {0.5, 0.5, 0}, {0, 0.5, 0.5}, {0.5, 0, 0.5}};

}  // namespace

Structure parse_structure(std::string_view name) {
  for (const auto& entry : names)
    if (entry.name == name) return entry.structure;
  throw UsageError(fmt::format("unknown structure '{}'; expected sc, bcc, fcc, hcp or diamond", name));
}

std::string structure_name(Structure structure) {
  for (const auto& entry : names)
    if (entry.structure == structure) return std::string(entry.name);
  return "";
}

Lattice make_lattice(Structure structure, double a, double c_over_a) {
  if (!std::isfinite(a) || !(a > 0))
    throw UsageError(fmt::format("the lattice constant is {}; expected a positive length in Angstrom", a));
  Lattice lattice;
  lattice.structure = structure;
  lattice.a = a;
  lattice.edge = {a, a, a};
  if (structure != Structure::hcp && c_over_a != 0 && c_over_a != 1)
    throw UsageError(
        fmt::format("c/a is {} but {} is cubic; c/a is for hcp only", c_over_a, structure_name(structure)));
  switch (structure) {
    case Structure::sc:
      lattice.centering = lattice.basis = {{0, 0, 0}};
      break;
    case Structure::bcc:
      lattice.centering = lattice.basis = {{0, 0, 0}, {0.5, 0.5, 0.5}};
      break;
    case Structure::fcc:
      lattice.centering = lattice.basis = face_centers;
      break;
    case Structure::diamond:
      lattice.centering = face_centers;
      for (const Vec3& t : face_centers) lattice.basis.push_back(t);
      for (const Vec3& t : face_centers) lattice.basis.push_back(t + Vec3{0.25, 0.25, 0.25});
      break;
    case Structure::hcp:
      if (!std::isfinite(c_over_a) || c_over_a < 0)
        throw UsageError(
            fmt::format("c/a is {}; expected a positive number, or 0 for the ideal sqrt(8/3)", c_over_a));
      lattice.c_over_a = c_over_a == 0 ? std::sqrt(8.0 / 3.0) : c_over_a;
      lattice.edge = {a, std::sqrt(3.0) * a, lattice.c_over_a * a};
      lattice.centering = {{0, 0, 0}, {0.5, 0.5, 0}};
      lattice.basis = {{0, 0, 0}, {0.5, 0.5, 0}, {0.5, 5.0 / 6.0, 0.5}, {0, 1.0 / 3.0, 0.5}};
      break;
  }
  return lattice;
}

std::vector<Shell> Lattice::shells(int n) const {
  if (n <= 0) return {};
  // All sites within `reach` are in the block of cells searched; grow it until it holds n whole shells.
  for (double reach = 2 * std::max({edge.x, edge.y, edge.z});; reach *= 1.5) {
    const int nx = static_cast<int>(std::ceil(reach / edge.x)) + 1,
              ny = static_cast<int>(std::ceil(reach / edge.y)) + 1,
              nz = static_cast<int>(std::ceil(reach / edge.z)) + 1;
    std::vector<double> distance;
    for (int mz = -nz; mz <= nz; ++mz)
      for (int my = -ny; my <= ny; ++my)
        for (int mx = -nx; mx <= nx; ++mx)
          for (size_t k = 0; k < basis.size(); ++k) {
            const double d = norm(site({double(mx), double(my), double(mz)}, k) - site({}, 0));
            if (d > 1e-9 * a && d <= reach) distance.push_back(d);
          }
    std::sort(distance.begin(), distance.end());
    std::vector<Shell> shells;
    for (const double d : distance) {
      if (!shells.empty() && d - shells.back().radius <= 1e-6 * d)
        ++shells.back().count;
      else
        shells.push_back({d, 1});
    }
    if (static_cast<int>(shells.size()) <= n) continue;  // the last one may be cut by the reach
    shells.resize(static_cast<size_t>(n));
    return shells;
  }
}

CoordinationReference coordination_reference(const Lattice& lattice) {
  constexpr double same_group = 1.12;
  struct Group {
    double inner, outer;
    int count;
  };
  std::vector<Group> groups;
  for (const Shell& shell : lattice.shells(12)) {
    if (!groups.empty() && shell.radius < same_group * groups.back().inner) {
      groups.back().outer = shell.radius;
      groups.back().count += shell.count;
    } else {
      groups.push_back({shell.radius, shell.radius, shell.count});
    }
  }
  CoordinationReference reference;
  reference.r1 = 0.5 * (groups.at(0).outer + groups.at(1).inner);
  reference.r2 = 0.5 * (groups.at(1).outer + groups.at(2).inner);
  reference.z1 = groups.at(0).count;
  reference.z2 = groups.at(1).count;
  return reference;
}

}  // namespace grainfield
