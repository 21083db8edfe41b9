// Active sets of moment tensor potentials: which neighborhoods (or configurations) of the candidates span the
// coefficients best, chosen by MaxVol (host/maxvol.hpp).
//
// Rows     neighborhood mode: b_i = dV_i / d(coefficients) of every atom; configuration mode: energy_weight *
//          sum_i b_i / N^(weight_scaling / 2), one row per configuration. No energies are needed.
// Source   Podryabinkin and Shapeev, Comput. Mater. Sci. 140, 171 (2017); Podryabinkin et al., J. Chem. Phys.
//          159, 084112 (2023), whose format, A = 1e-6 to start from, and threshold 1.001 are used.
// Batches  Up to SelectOptions::rows candidate rows are held and compared with each other: then the result is
//          that of one batch in MLIP-3. Of a larger source, the first batch is taken whole and then only rows
//          whose grade exceeds the threshold; the source is read again until none does.
// Numbers  C is updated by rank one within a batch; A is inverted afresh (LU) and C recomputed after each,
//          until no swap follows. Slots that no candidate can fill (directions in which the potential does
//          not depend on its coefficients) keep their rows 1e-6 e_l; their entries of C are rounding, below
//          1e-5.
// Order    the same bits for any number of threads.
// Test     tests/pipeline/test_select.cpp
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "host/mtp_model.hpp"
#include "host/potential.hpp"
#include "io/reader.hpp"

namespace grainfield {

struct SelectProgress {
  int pass = 1;                // over the source
  int64_t configurations = 0;  // read in this pass
  int64_t rows = 0;            // of them
  int64_t swaps = 0;           // of all passes
  double largest = 0;          // grade in hand, while swapping; 0 while reading
};

struct SelectOptions {
  // Of a set from nothing; a set that the model has is extended as it is.
  bool neighborhoods = true;
  double energy_weight = 1;
  int32_t weight_scaling = 2;
  double initial = 1e-6;
  double swap_tolerance = 0;  // swaps go on above it, once a grade exceeds the threshold; 0: the threshold
  int64_t rows = 0;           // held at once; 0: what 1 GiB holds (16 bytes per coefficient and row)
  int64_t memory_limit = 0;   // for evaluating large configurations; 0: what is available
  int64_t whole_up_to =
      20000;  // atoms: of larger configurations only the spheres around chosen atoms are kept
  std::function<std::unique_ptr<Reader>(const std::string& path)> open;  // empty: open_reader(path)
  std::function<void(const SelectProgress&)> progress;                   // may be empty
};

// What a call of select() did.
struct SelectReport {
  int64_t configurations = 0, rows = 0, swaps = 0;
  int passes = 0;
  double largest_before = 0;     // grade of a candidate with the set as it was
  double largest_after = 0;      // and with the set as it is now
  double log_volume_gained = 0;  // ln |det A| after - before
  int64_t pairs_too_close = 0;   // below the potential's least distance; the first configuration with one:
  std::string too_close_in;
};

// A configuration that owns rows of the set.
struct SelectedConfiguration {
  int source = -1;             // number of the source; -1: it was in the set before
  int64_t configuration = 0;   // in the source, or in the set as it was
  std::string file;            // empty for source -1
  int64_t frame = 0;           // of the file
  std::vector<int64_t> atoms;  // whose neighborhoods are in the set, ascending; empty in configuration mode
};

class ActiveSetBuilder {
 public:
  // Extends model.active_set; without one it starts from `initial` times the unit matrix. Throws InputError
  // for a model without coefficients.
  ActiveSetBuilder(const MtpModel& model, const Exec& exec, const SelectOptions& options);
  ~ActiveSetBuilder();

  // Files whose configurations may enter. Returns the number of the source.
  int add_source(const std::vector<std::string>& files);
  // Swaps rows of the source in until no grade of it exceeds the threshold.
  SelectReport select(int source, double threshold = 1.001);

  int64_t filled_slots() const;
  double log_volume() const;  // ln |det A|
  // The largest |A A^-1 - 1| of any entry.
  double inverse_error() const;
  // In the order in which finish() writes them.
  std::vector<SelectedConfiguration> selected() const;
  // The set with its configurations, whose files are read again. `chosen` gets every configuration that came
  // from a source, as it was read; may be empty.
  MtpActiveSet finish(
      const std::function<void(const Frame&, const SelectedConfiguration&)>& chosen = {}) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// A configuration as the text of an .almtp or .cfg file: 17 digits; type[t]: number of the atoms of species
// t. With energies, forces and stresses where the frame has them. features: key and value.
std::string cfg_text(const Frame& frame, const std::vector<int32_t>& type,
                     const std::vector<std::pair<std::string, std::string>>& features);

}  // namespace grainfield
