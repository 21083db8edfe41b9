// The least that each kernel and stage must move and do: bytes read and written once, and operations in
// double precision, of n atoms. Benchmarks divide these by the rates that the machine reaches (ceilings.hpp).
#pragma once

#include <cstdint>

#include "host/mtp_tables.hpp"

namespace grainfield {

struct KernelCost {
  double bytes = 0;
  double flops = 0;
};

// pairs: entries of a neighbor list, every pair twice.
namespace cost {

// Text read; position and species written.
inline KernelCost read(double n, double text_bytes) { return {text_bytes + n * 28, 0}; }
// A file written from memory.
inline KernelCost write(double bytes) { return {2 * bytes, 0}; }
// Position read; key, slot, atom and number of every image written; a fractional coordinate of 18 operations
// per atom, a cell of 9 per image.
inline KernelCost ghosts(double n, double images) { return {n * 24 + images * 16, 18 * n + 9 * images}; }
// Keys and slots read, sorted ones written; the starts of the cells.
inline KernelCost cells(double n, double n_cells) { return {n * 16 + n * 4 + n_cells * 4, 0}; }
// Position and species read; position, species, system, source and parent written.
inline KernelCost batch(double n) { return {n * (28 + 44), 0}; }
// Positions read, list written; the distance of a neighbor takes 8 operations.
inline KernelCost neighbor_list(double n, double pairs) { return {n * 36 + 4 * pairs, 8 * pairs}; }
// Positions and list read once, results written; a distance takes 8 operations.
inline KernelCost coordination(double n, double pairs) { return {n * (24 + 8 + 8) + 4 * pairs, 8 * pairs}; }
// Every pair once: distance, square root and bin, 12 operations; positions read once.
inline KernelCost rdf(double n, double pairs) { return {n * 24, 6 * pairs}; }
// bcc iron, beta = 3.024 A. Spread and gather 10^3 nodes each, smooth 3 x 22 taps at 11.4 nodes per atom;
// ghosts are not of the floor.
inline KernelCost density_grid(double n) {
  return {n * (24 + 8 + 11.4 * 8 * 8), n * (2 * 2000 + 2 * 66 * 11.4)};
}
// Likewise: 3,400 neighbors, 8 operations each for the distance and about 20 for the exponential.
inline KernelCost density_sum(double n) { return {n * 32, n * 3400 * 28}; }
// Positions read once; 8 moments of two operations.
inline KernelCost density_profile(double n) { return {n * 24, n * 16}; }
// Positions and list read, 14 neighbors and two marks written and read; 8 operations per distance, of the
// list and of the 91 pairs of neighbors, and a comparison per pair of the list's to put them in order.
inline KernelCost structure(double n, double pairs) {
  return {n * (24 + 2 * 4 * 16 + 2 * 8) + 4 * pairs, 8 * pairs + n * 8 * 91 + pairs * pairs / n};
}
// A cell of 14 faces and 24 vertices: kernels/geometry/README.md.
inline KernelCost voronoi(double n) { return {n * 800, n * 6000}; }
// Positions and list read once, results of 19 values written twice (in cell order, then in the order of the
// file); 77 operations and an exponential of 20 per neighbor, 950 per atom.
inline KernelCost sfd(double n, double pairs) {
  return {n * (24 + 3 * 8 * 19) + 4 * pairs, (77 + 20) * pairs + 950 * n};
}
// Twice the list and the atoms, results once; of a pair 20 operations in the first pass, 45 in the second, 12
// more with virials.
inline KernelCost eam(double n, double pairs, bool virial) {
  return {2 * (4 * pairs + 32 * n) + n * (32 + 40), pairs * (65 + (virial ? 12 : 0))};
}
// Positions, list and offsets read, energy, force and virial written; operations as the tables count them. A
// grade adds its gradient and the product with the active set.
inline KernelCost mtp(const MtpModel& model, double n, double pairs, bool grade) {
  const MtpTables tables = make_mtp_tables(model, grade);
  double flops = pairs * tables.flops_per_neighbor() + n * tables.flops_per_atom();
  if (grade) {
    const auto coefficients = static_cast<double>(model.n_coefficients());
    flops += n * 2 * coefficients * coefficients +
             pairs * (2.0 * tables.n_reduced + 2.0 * model.n_radial * model.n_radial_basis);
  }
  return {n * (28 + 8 + 72) + 4 * pairs, flops};
}
// Position, species and grain written.
inline KernelCost polycrystal(double n) { return {n * 32, 0}; }

}  // namespace cost
}  // namespace grainfield
