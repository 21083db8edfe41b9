// An interatomic potential, as analyses and builders see it.
//
//   E = sum_i V_i,   V_i = V(species of i; r_ij of its neighbors j within the cutoff)   (site energies)
//   D_ij = dV_i / dr_ij,  r_ij = r_j - r_i        F_i = sum_j (D_ij - D_ji)        W = -dE/d(strain), eV
//
// A potential computes what the local atoms' site energies yield. Their derivatives with respect to an atom
// of another slab are handed out on the ghost that stands for it (parent -1); those with respect to a ghost
// whose parent is local are already summed onto the parent.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "host/batch.hpp"
#include "host/frame.hpp"
#include "host/workspace.hpp"

namespace grainfield {

// Where the results go, in the memory of the processor. Null: not wanted.
struct PotentialOutput {
  double* energy = nullptr;    // [n_local] V_i, eV
  double* force = nullptr;     // [n_total][3] eV/A; ghosts with a local parent: 0
  double* virial = nullptr;    // [n_total][6] per-atom share of W, eV: xx yy zz xy xz yz; ghosts as for force
  double* grade = nullptr;     // [n_local] extrapolation grade gamma_i; only where has_grades()
  double* gradient = nullptr;  // [n_local][n_coefficients()] dV_i / d(coefficients); where there are any
  double* gradient_sum = nullptr;  // [n_systems][n_coefficients()] their sums; in host memory
};

struct PotentialDemand {
  bool energy = false, force = false, virial = false, grade = false, gradient = false, gradient_sum = false;
};

class Potential {
 public:
  virtual ~Potential() = default;
  virtual std::string name() const = 0;                          // file name and kind, for people
  virtual double cutoff() const = 0;                             // A
  virtual const std::vector<std::string>& elements() const = 0;  // of its species; "" where the file has none
  // Numbers that stand for the species in files without element names (MTP); empty: none.
  virtual std::vector<int32_t> labels() const { return {}; }
  // Pairs closer than this (A) are outside the potential's domain and are counted; 0: no such limit.
  virtual double min_distance() const { return 0; }
  virtual bool has_grades() const { return false; }
  // Whether grades belong to neighborhoods (atoms), or to whole configurations: then there is no grade per
  // atom, and configuration_grade() takes the sum of the gradients of n_atoms atoms. NaN in, NaN out.
  virtual bool grades_neighborhoods() const { return has_grades(); }
  virtual double configuration_grade(const std::vector<double>&, int64_t) const { return 0; }
  virtual int64_t n_coefficients() const { return 0; }
  // Memory that evaluate() takes from `scratch`, beside the output.
  virtual int64_t bytes_per_atom(const PotentialDemand& demand) const = 0;  // per local atom
  virtual int64_t bytes_per_ghost(const PotentialDemand& demand) const = 0;
  virtual int64_t bytes(const PotentialDemand& demand, const Exec& exec) const = 0;
  // species_of_type[t]: the potential's species of atoms with batch type t. The list's cutoff may be larger
  // than cutoff(). Returns the pairs closer than min_distance() (each from both ends) and the first such
  // atom.
  virtual Condition evaluate(const Batch& batch, const NeighborList& list,
                             const std::vector<int32_t>& species_of_type, const PotentialOutput& output,
                             Workspace& scratch) const = 0;
};

// Sums what ghosts hold onto their local parents, in ascending order of the ghosts, and clears it there.
// values [n_total][components]. In kernels/potential/scatter_runs.cu.
void fold_ghosts(const Batch& batch, double* values, int components, Workspace& scratch);

}  // namespace grainfield
