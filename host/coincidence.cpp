#include "host/coincidence.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace grainfield {

void CoincidenceReport::add(const Frame& frame, const SlabContext& slab) {
  const Condition found = slab.list->coincident();
  if (found.count == 0) return;
  if (n_ends_ == 0) {
    int64_t i = 0;
    copy_to_host(slab.batch.exec(), &i, slab.batch.source().data + found.first, sizeof(i));
    const Vec3 ri = frame.position[static_cast<size_t>(i)];
    // One pass over the frame; i itself where its partner is its own image.
    int64_t partner = i;
    for (int64_t j = 0; j < frame.n_atoms() && partner == i; ++j)
      if (j != i && norm(frame.box.minimum_image(frame.position[static_cast<size_t>(j)] - ri)) <
                        1.01 * coincidence_distance)
        partner = j;
    first_id_ = std::min(frame.id_of(i), frame.id_of(partner));
    second_id_ = std::max(frame.id_of(i), frame.id_of(partner));
  }
  n_ends_ += found.count;
}

void CoincidenceReport::note(FrameContext& context) const {
  if (n_ends_ == 0) return;
  std::string line = fmt::format("{} pairs of atoms are closer than {:g} A; the first are ids {} and {}",
                                 n_ends_ / 2, coincidence_distance, first_id_, second_id_);
  const auto& notes = context.results.notes;
  if (std::find(notes.begin(), notes.end(), line) == notes.end()) context.note(std::move(line));
}

}  // namespace grainfield
