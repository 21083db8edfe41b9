#include "host/cut_collector.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "host/batch.hpp"
#include "host/dense.hpp"
#include "host/error.hpp"
#include "host/match_species.hpp"
#include "host/maxvol.hpp"
#include "kernels/potential/mtp.hpp"

namespace grainfield {
namespace {

constexpr size_t frames_at_once = 16;

bool is_worse(const Cut& a, const Cut& b) {
  if (a.grade != b.grade) return a.grade > b.grade;
  return a.frame != b.frame ? a.frame < b.frame : a.atom < b.atom;
}

// body(batch, list, source) for groups of frames; first[k]: first atom of frame k of the group.
template <class Body>
void for_groups(const std::vector<const Frame*>& frames, const Exec& exec, double cutoff, const Body& body) {
  for (size_t begin = 0; begin < frames.size(); begin += frames_at_once) {
    const size_t end = std::min(frames.size(), begin + frames_at_once);
    const std::vector<const Frame*> group(frames.begin() + static_cast<int64_t>(begin),
                                          frames.begin() + static_cast<int64_t>(end));
    Batch batch(exec);
    batch.build(group, cutoff, cutoff);
    NeighborList list(exec);
    list.build(batch, cutoff);
    std::vector<int64_t> first{0};
    for (const Frame* f : group) first.push_back(first.back() + f->n_atoms());
    body(batch, list, begin, first);
  }
}

}  // namespace

CutCollector::CutCollector(const MtpModel& model, int threads, const CutOptions& options)
    : model_(model), options_(options) {
  if (!model.active_set || !model.active_set->neighborhood_mode())
    throw UsageError(fmt::format("cut-outs need a potential with an active set of neighborhoods; {} has {}",
                                 model.name, model.active_set ? "one of configurations" : "none"));
  exec_.threads = threads;
  potential_ = make_mtp_potential(model_, exec_);
}

void CutCollector::add(const Frame& frame, int64_t index, const std::vector<double>& grades) {
  std::vector<Candidate> now;
  const auto limit = static_cast<size_t>(options_.candidates);
  for (size_t i = 0; i < grades.size(); ++i) {
    if (!(grades[i] > options_.above)) continue;
    ++n_above_;
    Candidate c;
    c.cut.grade = grades[i], c.cut.frame = index, c.cut.atom = static_cast<int64_t>(i);
    if (found_.size() >= limit && !is_worse(c.cut, found_.back().cut)) continue;
    now.push_back(c);
  }
  const auto order = [](const Candidate& a, const Candidate& b) { return is_worse(a.cut, b.cut); };
  std::sort(now.begin(), now.end(), order);
  if (now.size() > limit) now.resize(limit);
  for (Candidate& c : now) {
    c.cut.id = frame.id_of(c.cut.atom);
    c.cut.piece = options_.spheres ? cut_cluster(frame, c.cut.atom, options_.size / 2, options_.vacuum)
                                   : cut_cell(frame, c.cut.atom, options_.size, options_.min_distance);
  }
  read_rows(frame, now);
  for (Candidate& c : now)
    if (std::isfinite(c.row.empty() ? NAN : c.row[0])) found_.push_back(std::move(c));
  std::sort(found_.begin(), found_.end(), order);
  if (found_.size() > limit) found_.resize(limit);
}

// The rows of the centers, from the atoms within the cutoff.
void CutCollector::read_rows(const Frame& frame, std::vector<Candidate>& candidates) const {
  if (candidates.empty()) return;
  std::vector<CutOut> spheres;
  std::vector<const Frame*> frames;
  spheres.reserve(candidates.size());
  frames.reserve(candidates.size());
  for (const Candidate& c : candidates)
    spheres.push_back(cut_sphere(frame, c.cut.atom, potential_->cutoff()));
  for (const CutOut& s : spheres) frames.push_back(&s.frame);
  const std::vector<int32_t> species =
      match_species(frame, *potential_, fmt::format("frame {}", candidates[0].cut.frame));
  const int64_t n = potential_->n_coefficients();
  for_groups(
      frames, exec_, potential_->cutoff(),
      [&](const Batch& batch, const NeighborList& list, size_t begin, const std::vector<int64_t>& first) {
        std::vector<double> gradient(static_cast<size_t>(batch.n_local() * n));
        PotentialOutput output;
        output.gradient = gradient.data();
        Workspace scratch(exec_);
        potential_->evaluate(batch, list, species, output, scratch);
        for (int64_t k = 0; k < batch.n_local(); ++k) {
          const auto at = std::lower_bound(first.begin(), first.end(), batch.source().data[k]);
          if (at == first.end() || *at != batch.source().data[k]) continue;
          candidates[begin + static_cast<size_t>(at - first.begin())].row.assign(
              gradient.begin() + k * n, gradient.begin() + (k + 1) * n);
        }
      });
}

std::vector<Cut> CutCollector::choose() const {
  std::vector<Cut> cuts;
  if (found_.empty()) return cuts;
  const int64_t n = model_.n_coefficients(), m = n_candidates();
  std::vector<double> set = model_.active_set->rows, rows, c(static_cast<size_t>(m * n));
  for (const Candidate& f : found_) rows.insert(rows.end(), f.row.begin(), f.row.end());
  multiply_transposed(exec_.threads, rows.data(), m, n, model_.active_set->inverse_transposed.data(),
                      c.data());
  MaxVolOptions options;
  options.threshold = options_.threshold;
  options.threads = exec_.threads;
  // What each slot and each place of the candidates holds: a candidate's number, or -1 for the set's own.
  std::vector<int64_t> slots(static_cast<size_t>(n), -1), places(static_cast<size_t>(m));
  for (int64_t i = 0; i < m; ++i) places[static_cast<size_t>(i)] = i;
  for (const MaxVolSwap& s : maximize_volume(n, m, rows.data(), set.data(), c.data(), options))
    std::swap(slots[static_cast<size_t>(s.slot)], places[static_cast<size_t>(s.row)]);
  std::sort(slots.begin(), slots.end());
  for (const int64_t k : slots)  // ascending: the worst first
    if (k >= 0 && static_cast<int64_t>(cuts.size()) < options_.most)
      cuts.push_back(found_[static_cast<size_t>(k)].cut);
  grade(cuts);
  return cuts;
}

void CutCollector::grade(std::vector<Cut>& cuts) const {
  for (Cut& cut : cuts) {
    const std::vector<int32_t> species =
        match_species(cut.piece.frame, *potential_, fmt::format("frame {}", cut.frame));
    for_groups({&cut.piece.frame}, exec_, potential_->cutoff(),
               [&](const Batch& batch, const NeighborList& list, size_t, const std::vector<int64_t>&) {
                 std::vector<double> grades(static_cast<size_t>(batch.n_local()));
                 PotentialOutput output;
                 output.grade = grades.data();
                 Workspace scratch(exec_);
                 potential_->evaluate(batch, list, species, output, scratch);
                 for (size_t k = 0; k < grades.size(); ++k) {
                   if (batch.source().data[k] == 0) cut.grade_in_piece = grades[k];
                   cut.largest_in_piece = std::max(cut.largest_in_piece, grades[k]);
                 }
               });
  }
}

}  // namespace grainfield
