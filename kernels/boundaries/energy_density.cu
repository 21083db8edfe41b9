#include "kernels/boundaries/energy_density.hpp"

#include <fmt/format.h>

#include "host/atom_values.hpp"
#include "host/primitives.hpp"
#include "host/registry.hpp"
#include "kernels/core/parallel.hpp"
#include "kernels/core/status.hpp"

namespace grainfield {
namespace {

const AnalysisInfo& info() {
  static const AnalysisInfo value{
      "energy-density",
      "Atomic energy density E_i / V_i: the energy of an atom over its Voronoi volume (Mishra et al., "
      "Learning from metastable grain boundaries)",
      {{"energy", ParameterKind::text, "", "",
        "energies of the atoms: the name of a column of the input in eV, or computed: those of the analysis "
        "energy; default: computed where --potential is given, else the column energy"},
       volume_parameter("voronoi")},
      {{"energy_density", "eV/A^3", "[atom]", "energy of the atom over its Voronoi volume"}},
      {{"mean_energy_density", "eV/A^3", "", "energy of all atoms over the volume of all atoms"}}};
  return value;
}

class EnergyDensity final : public Analysis {
 public:
  EnergyDensity(const Parameters& parameters, const RunContext& run)
      : energy_{"energy-density.energy",
                parameters.is_set("energy") ? parameters.text("energy")
                : run.potential             ? "computed"
                                            : "energy",
                "computed", "energy", "energy"},
        volume_(volume_source("energy-density", parameters)) {}

  std::vector<std::string> requirements() const override {
    std::vector<std::string> required = energy_.requirements();
    for (std::string& name : volume_.requirements()) required.push_back(std::move(name));
    return required;
  }
  void begin(FrameContext&) override {}

  // On the host: it reads each of its inputs once.
  void finish(FrameContext& context) override {
    const AtomValues energy = atom_values(context, energy_);
    const AtomValues volume = atom_values(context, volume_);
    Field& field = context.add_field(info().fields[0], 1, false);
    const int64_t n = context.frame.n_atoms();
    Condition no_volume;
    parallel_for(
        context.run.exec.threads, n,
        [&](int64_t i) {
          const auto k = static_cast<size_t>(i);
          field.real[k] = energy_density(energy[k], volume[k]);
          if (!(volume[k] > 0)) record(&no_volume, i);
        },
        1 << 15);
    Exec host;
    host.threads = context.run.exec.threads;
    context.add_observable(info().observables[0]).real = {
        energy_density(reduce_sum(host, energy.data(), n), reduce_sum(host, volume.data(), n))};
    if (no_volume.count > 0)
      context.note(
          fmt::format("energy-density: {} atoms have no positive volume (the first is id {}); their density "
                      "is NaN",
                      no_volume.count, context.frame.id_of(static_cast<int64_t>(no_volume.first))));
  }

 private:
  AtomSource energy_, volume_;
};

}  // namespace

AnalysisEntry energy_density_entry() {
  return {info(), [](const Parameters& parameters, const RunContext& run) -> std::unique_ptr<Analysis> {
            return std::make_unique<EnergyDensity>(parameters, run);
          }};
}

}  // namespace grainfield
