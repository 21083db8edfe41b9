// Which of the worst neighborhoods of a run are worth a calculation, cut out of their snapshots.
//
// Rule     Of all atoms whose grade exceeds `above`, the worst `candidates` are kept. Their rows b_i go
// through
//          MaxVol (host/maxvol.hpp), which starts from the potential's active set: an atom is cut out if it
//          holds a slot of the set in the end. Like neighborhoods have like rows and share one slot.
// Test     tests/pipeline/test_screen.cpp
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "host/cut_out.hpp"
#include "host/mtp_model.hpp"
#include "host/potential.hpp"

namespace grainfield {

struct CutOptions {
  double above = 2;
  int64_t candidates = 200;
  int64_t most = 50;         // cut-outs, the worst first
  double size = 15;          // A; the diameter of spheres
  double min_distance = 2;   // A, at the seam of cells
  bool spheres = false;      // clusters with vacuum around, instead of periodic cells
  double vacuum = 12;        // A, between clusters
  double threshold = 1.001;  // of MaxVol
};

struct Cut {
  double grade = 0;  // of the center, in the snapshot
  int64_t frame = 0, atom = 0, id = 0;
  CutOut piece;
  double grade_in_piece = 0;    // of the center; the same where the piece holds all within the cutoff
  double largest_in_piece = 0;  // of all atoms: at the seam, things may be strange
};

class CutCollector {
 public:
  // The model needs an active set of neighborhoods: UsageError otherwise.
  CutCollector(const MtpModel& model, int threads, const CutOptions& options);

  void add(const Frame& frame, int64_t index, const std::vector<double>& grades);
  int64_t n_above() const { return n_above_; }  // atoms above the limit
  int64_t n_candidates() const { return static_cast<int64_t>(found_.size()); }
  // The atoms that are worth it, the worst first.
  std::vector<Cut> choose() const;

 private:
  struct Candidate {
    Cut cut;
    std::vector<double> row;
  };
  void read_rows(const Frame& frame, std::vector<Candidate>& candidates) const;
  void grade(std::vector<Cut>& cuts) const;

  MtpModel model_;
  Exec exec_;
  CutOptions options_;
  std::unique_ptr<Potential> potential_;
  int64_t n_above_ = 0;
  std::vector<Candidate> found_;  // the worst first
};

}  // namespace grainfield
