// One evaluation of the run's potential per slab, whichever analyses ask for its results.
#pragma once

#include <memory>
#include <vector>

#include "host/analysis.hpp"
#include "host/potential.hpp"

namespace grainfield {

// Belongs to one frame (FrameContext::potential_pass). Analyses say in begin() what they want and where
// per-atom results go; the first compute() of a slab evaluates, the others find it done.
class PotentialPass {
 public:
  // The frame's pass, made by the first caller. Throws UsageError where the run has no potential.
  static std::shared_ptr<PotentialPass> of(FrameContext& context);

  PotentialDemand demand;
  std::vector<double>* energy = nullptr;  // [n_atoms] of the frame
  std::vector<double>* force = nullptr;   // [n_atoms][3]
  std::vector<double>* virial = nullptr;  // [n_atoms][6]
  std::vector<double>* grade = nullptr;   // [n_atoms]

  // Sums over the frame, complete after the last slab.
  double total_virial[6] = {0, 0, 0, 0, 0, 0};  // eV
  std::vector<double> gradient_sum;             // [n_coefficients]
  Condition too_close;                          // first: index of an atom of the frame

  const Potential& potential() const { return *potential_; }
  // What the pass needs; whoever asks first gets it all, the others only the cutoff.
  Needs needs();
  void compute(FrameContext& context, const SlabContext& slab);
  // Tells once how many pairs are closer than the potential's least distance.
  void note(FrameContext& context);

 private:
  PotentialPass(const FrameContext& context);
  std::shared_ptr<const Potential> potential_;
  Exec exec_;
  std::vector<int32_t> species_of_type_;
  bool counted_ = false, noted_ = false;
  int done_ = -1;  // slab
};

}  // namespace grainfield
