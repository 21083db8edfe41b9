#include "kernels/boundaries/shells.hpp"

#include <fmt/format.h>

#include <numbers>

#include "host/atom_values.hpp"
#include "host/error.hpp"
#include "host/registry.hpp"
#include "kernels/core/parallel.hpp"
#include "kernels/core/status.hpp"

namespace grainfield {
namespace {

const AnalysisInfo& info() {
  static const AnalysisInfo value{
      "shells",
      "Effective weights phi1 and phi2 of the first two coordination shells in the coarse-grained density: "
      "phi2 = c0 exp(-R2^2 / 2 beta^2), phi1 = (rho_n - Z2 phi2) / Z1 (Darvishi Kamachali and Wallis, eqs. "
      "12 and 13).",
      {{"radius", ParameterKind::text, "volume", "",
        "R2: volume, that of a sphere as large as the Voronoi cell; or scaled, the second shell of the "
        "lattice "
        "times the cube root of the Voronoi volume over the bulk's (needs --structure and --lattice)"},
       volume_parameter("voronoi")},
      {{"shell_radius", "A", "[atom]", "effective radius R2 of the second shell"},
       {"shell_weights", "1/A^3", "[atom][2]", "phi1 and phi2: effective weights of the two shells"}},
      {{"bulk_shell_radius", "A", "", "R2 of the bulk"},
       {"bulk_shell_weights", "1/A^3", "[2]", "phi1 and phi2 of the bulk"}}};
  return value;
}

// Radius of the second shell, as coordination_reference() groups the shells: their mean, weighted with the
// numbers of neighbors.
double second_shell(const Lattice& lattice) {
  const CoordinationReference bulk = coordination_reference(lattice);
  double sum = 0;
  for (const Shell& shell : lattice.shells(24))
    if (shell.radius > bulk.r1 && shell.radius <= bulk.r2) sum += shell.count * shell.radius;
  return sum / bulk.z2;
}

double number(const FrameResults& results, std::string_view name, size_t k) {
  const Observable* o = results.find_observable(name);
  if (!o || (o->is_integer ? o->integer.size() : o->real.size()) <= k)
    throw std::logic_error(fmt::format("shells needs the observable {}", name));
  return o->is_integer ? static_cast<double>(o->integer[k]) : o->real[k];
}

class Shells final : public Analysis {
 public:
  Shells(const Parameters& parameters, const RunContext& run) : volume_(volume_source("shells", parameters)) {
    const std::string radius = parameters.text("radius");
    if (radius == "scaled") {
      if (!run.lattice)
        throw UsageError(
            "--set shells.radius=scaled needs the second shell of the bulk: give --structure and --lattice");
      second_shell_ = second_shell(*run.lattice);
    } else if (radius != "volume") {
      throw UsageError(fmt::format("--set shells.radius: expected volume or scaled, found '{}'", radius));
    }
  }

  std::vector<std::string> requirements() const override {
    std::vector<std::string> required{"coordination", "density"};
    for (std::string& name : volume_.requirements()) required.push_back(std::move(name));
    return required;
  }
  void begin(FrameContext&) override {}

  // On the host: it reads the results of other analyses once, at the speed of memory.
  void finish(FrameContext& context) override {
    const FrameResults& results = context.results;
    const AtomValues volume = atom_values(context, volume_);
    const Field* density = results.find_field("number_density");
    const Field* coordination = results.find_field("coordination");
    if (!density || !coordination || coordination->components != 2)
      throw std::logic_error("shells needs the fields number_density and coordination [atom][2]");
    const double bulk = number(results, "bulk_number_density", 0);
    ShellParams params;
    params.beta = number(results, "density_beta", 0);
    params.radius_scale =
        second_shell_ > 0 ? second_shell_ * std::cbrt(bulk) : std::cbrt(3 / (4 * std::numbers::pi));

    Field& radius = context.add_field(info().fields[0], 1, false);
    Field& weights = context.add_field(info().fields[1], 2, false, {"phi1", "phi2"});
    Condition alone, no_volume;
    parallel_for(
        context.run.exec.threads, context.frame.n_atoms(),
        [&](int64_t i) {
          const auto k = static_cast<size_t>(i);
          const int32_t z1 = coordination->integer[2 * k], z2 = coordination->integer[2 * k + 1];
          const ShellWeights w = shell_weights(density->real[k], z1, z2, volume[k], params);
          radius.real[k] = w.r2;
          weights.real[2 * k] = w.phi1;
          weights.real[2 * k + 1] = w.phi2;
          if (z1 == 0) record(&alone, i);
          if (std::isnan(w.r2)) record(&no_volume, i);
        },
        1 << 14);
    const ShellWeights w =
        shell_weights(bulk, static_cast<int64_t>(number(results, "bulk_coordination", 0)),
                      static_cast<int64_t>(number(results, "bulk_coordination", 1)), 1 / bulk, params);
    context.add_observable(info().observables[0]).real = {w.r2};
    context.add_observable(info().observables[1], {2}).real = {w.phi1, w.phi2};
    const auto id = [&](const Condition& c) { return context.frame.id_of(static_cast<int64_t>(c.first)); };
    if (alone.count > 0)
      context.note(
          fmt::format("shells: {} atoms have no first neighbor (the first is id {}); their phi1 is "
                      "rho_n - Z2 phi2",
                      alone.count, id(alone)));
    if (no_volume.count > 0)
      context.note(
          fmt::format("shells: {} atoms have no positive, finite volume (the first is id {}); their "
                      "weights are NaN",
                      no_volume.count, id(no_volume)));
  }

 private:
  AtomSource volume_;
  double second_shell_ = 0;  // A; 0: R2 is the radius of a sphere
};

}  // namespace

AnalysisEntry shells_entry() {
  return {info(), [](const Parameters& parameters, const RunContext& run) -> std::unique_ptr<Analysis> {
            return std::make_unique<Shells>(parameters, run);
          }};
}

}  // namespace grainfield
