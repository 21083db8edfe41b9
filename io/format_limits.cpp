#include "io/format_limits.hpp"

#include <algorithm>
#include <initializer_list>
#include <string_view>

namespace grainfield {

namespace {

// The columns that a format keeps; the other formats keep all.
std::vector<std::string_view> kept_columns(const std::string& format) {
  if (format == "lammps-data") return {"velocity", "image", "charge"};
  if (format == "poscar") return {"velocity"};
  return {"force", "energy", "charge", "nbh_grades"};  // cfg
}

}  // namespace

std::vector<std::string> not_held(const Frame& frame, const std::string& format) {
  std::vector<std::string> lost;
  if (format == "h5md") return lost;
  const bool data = format == "lammps-data", dump = format == "lammps-dump", poscar = format == "poscar",
             cfg = format == "cfg";
  const Box& box = frame.box;
  if (frame.has_box && !box.fully_periodic() && (poscar || cfg)) lost.push_back("free directions");
  if (!frame.has_box && (data || dump || poscar)) lost.push_back("the absence of a cell");
  if (frame.has_box && !(box.origin == Vec3{}) && (poscar || cfg))
    lost.push_back("the cell's origin (positions are shifted)");
  if (poscar && !frame.id.empty()) lost.push_back("ids");
  if (poscar && !std::is_sorted(frame.type.begin(), frame.type.end()))
    lost.push_back("the order of the atoms");
  if (frame.step != 0 && (poscar || cfg)) lost.push_back("the step");
  if (frame.time != 0 && (data || poscar || cfg)) lost.push_back("the time");
  if (!frame.info.empty() && (data || dump || poscar)) lost.push_back("key-value pairs");
  if (cfg && std::any_of(frame.species.begin(), frame.species.end(),
                         [](const Species& s) { return !s.name.empty(); }))
    lost.push_back("names of species");
  if (data || poscar || cfg) {
    const auto kept = kept_columns(format);
    for (const Column& c : frame.columns)
      if (std::find(kept.begin(), kept.end(), c.name) == kept.end()) lost.push_back("column " + c.name);
  }
  return lost;
}

}  // namespace grainfield
