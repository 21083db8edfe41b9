#include "kernels/descriptors/sfd.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "host/coincidence.hpp"
#include "host/error.hpp"
#include "kernels/core/launch.hpp"

namespace grainfield {
namespace {

constexpr double most_sigmas = 30;         // in double, exp(-rho^2 / 2) underflows at 37
constexpr double most_sigmas_single = 10;  // squares of moments must not underflow

// Moments in memory at a time where they are a kernel of their own: 70 MB on a GPU.
int64_t atoms_at_once(const Exec& exec) { return exec.on_gpu() ? int64_t{1} << 18 : 1 << 12; }

const AnalysisInfo& info() {
  static const AnalysisInfo value{
      "sfd",
      "Strain functional descriptors: 19 rotation invariants PX_IY (X: order of the moments, Y: rank within "
      "the order) of the neighborhood weighted by exp(-r^2 / (2 sigma^2)) (Mishra et al.; Kober et al., "
      "arXiv:2402.04191). P0_I0, P2_I2, P4_I8: densities; P1_I0, P3_I4: gradients; P2_I0, P4_I6: shear; "
      "P3_I1: "
      "departure from tetrahedral, P4_I2: from cubic. Moments and features are dimensionless, in units of "
      "sigma.",
      {{"sigma", ParameterKind::real, "", "A",
        "width of the weight; default 0.909 (V / 11.8104 A^3)^(1/3), V the atomic volume of --lattice, else "
        "of the snapshot",
        1e-3, 1e3},
       {"cutoff", ParameterKind::real, "", "A", "neighbors closer than this count; default 6.495 sigma", 1e-3,
        1e3},
       {"self_weight", ParameterKind::real, "0", "", "weight of the central atom in P0_I0: 0 or 1", 0, 1},
       {"precision", ParameterKind::text, "double", "",
        "double (error 1e-14 of the scale of the order) or single (3e-6)"},
       {"polynomials", ParameterKind::flag, "false", "", "also sfd_polynomial"},
       {"moments", ParameterKind::flag, "false", "", "also sfd_moment"}},
      {{"sfd", "", "[atom][19]", "features PX_IY: amplitude times shape, linear in the moments' magnitude"},
       {"sfd_polynomial", "", "[atom][19]",
        "the plain polynomial invariants, if sfd.polynomials is set; degrees 1 2 2 3 1 2 4 6 10 2 2 3 4 5 6 "
        "7 "
        "2 3 1"},
       {"sfd_moment", "", "[atom][35]", "moments of orders 0 to 4, if sfd.moments is set"}},
      {{"sfd_sigma", "A", "", "width of the weight"}, {"sfd_cutoff", "A", "", "its cutoff"}}};
  return value;
}

// Whether some cell vector has an empty stretch much longer than atoms are apart: then the volume of the cell
// is not that of the atoms.
bool has_vacuum(const Frame& frame, double spacing) {
  std::vector<uint8_t> filled[3];
  double bins[3];
  for (int k = 0; k < 3; ++k) {
    bins[k] = std::min(1e6, std::ceil(4 * frame.box.height(k) / spacing));
    filled[k].resize(static_cast<size_t>(bins[k]));
  }
  for (const Vec3& r : frame.position) {
    const Vec3 s = frame.box.fractional(r);
    for (int k = 0; k < 3; ++k)
      filled[k][static_cast<size_t>(std::min((s[k] - std::floor(s[k])) * bins[k], bins[k] - 1))] = 1;
  }
  for (int k = 0; k < 3; ++k) {
    const size_t n = filled[k].size();
    size_t run = 0, longest = 0;
    for (size_t b = 0; b < 2 * n; ++b) {  // twice around: the longest stretch may pass the end
      run = filled[k][b % n] ? 0 : run + 1;
      longest = std::max(longest, run);
    }
    if (static_cast<double>(longest) * frame.box.height(k) > 2.5 * spacing * bins[k]) return true;
  }
  return false;
}

double atomic_volume(const FrameContext& context) {
  if (context.run.lattice) return 1 / context.run.lattice->number_density();
  const Frame& frame = context.frame;
  const char* mend = "give --set sfd.sigma=<A>, or --structure and --lattice";
  for (int k = 0; k < 3; ++k)
    if (!frame.box.periodic[k])
      throw UsageError(fmt::format(
          "sfd.sigma: the cell is not periodic along {}, so its volume is not that of the atoms; {}",
          "abc"[k], mend));
  const double volume = std::fabs(frame.box.volume()) / static_cast<double>(frame.n_atoms());
  if (has_vacuum(frame, std::cbrt(volume)))
    throw UsageError(
        fmt::format("sfd.sigma: the cell holds vacuum, so its volume is not that of the atoms; {}", mend));
  return volume;
}

template <class Real>
void run_plain(const Exec& exec, const SfdTask& task, Workspace& scratch) {
  const int64_t n = task.batch.n_local, at_once = std::min(n, atoms_at_once(exec));
  const Span<Real> moment = scratch.take<Real>(sfd_moments * at_once, "moments");
  for (int64_t first = 0; first < n; first += at_once) {
    const int64_t m = std::min(at_once, n - first);
    for_each<8>(exec, m,
                SfdMomentKernel<Real>{task.batch, task.neighbors, task.params, first, m, moment.data});
    for_each(exec, m, SfdInvariantKernel<Real>{first, m, moment.data, task.out});
  }
}

class SfdAnalysis final : public Analysis {
 public:
  SfdAnalysis(const Parameters& parameters, const RunContext& run)
      : exec_(run.exec),
        run_has_lattice_(run.lattice.has_value()),
        polynomials_(parameters.flag("polynomials")),
        moments_(parameters.flag("moments")) {
    const std::string precision = parameters.text("precision");
    if (precision != "double" && precision != "single")
      throw UsageError(fmt::format("--set sfd.precision: expected double or single, found '{}'", precision));
    single_ = precision == "single";
    if (parameters.is_set("sigma")) given_.sigma = parameters.real("sigma");
    if (parameters.is_set("cutoff")) given_.cutoff = parameters.real("cutoff");
    given_.self_weight = parameters.real("self_weight");
  }

  void begin(FrameContext& context) override {
    params_ = given_;
    empty_ = context.frame.n_atoms() == 0;
    if (params_.sigma == 0 && !empty_) {
      params_.sigma = sfd_default_sigma(atomic_volume(context));
      if (!run_has_lattice_)
        context.note(
            fmt::format("sfd: sigma {:.6g} A from the volume per atom of the frame; to compare frames, give "
                        "--set sfd.sigma=<A>, or --structure and --lattice",
                        params_.sigma));
    }
    if (empty_ && params_.sigma == 0) params_.sigma = std::numeric_limits<double>::quiet_NaN();
    if (params_.cutoff == 0) params_.cutoff = sfd_cutoff_over_sigma * params_.sigma;
    const double most = single_ ? most_sigmas_single : most_sigmas;
    if (params_.cutoff > most * params_.sigma)
      throw UsageError(fmt::format("sfd.cutoff: expected at most {} sigma = {:.6g} A{}, found {:.6g} A", most,
                                   most * params_.sigma, single_ ? " in single precision" : "",
                                   params_.cutoff));
    const std::vector<std::string> names(sfd_names, sfd_names + sfd_features);
    feature_ = &context.add_field(info().fields[0], sfd_features, false, names);
    if (polynomials_) polynomial_ = &context.add_field(info().fields[1], sfd_features, false, names);
    if (moments_)
      moment_ = &context.add_field(info().fields[2], sfd_moments, false,
                                   {sfd_moment_names, sfd_moment_names + sfd_moments});
    context.add_observable(info().observables[0]).real = {params_.sigma};
    context.add_observable(info().observables[1]).real = {params_.cutoff};
    coincidences_ = {};
  }

  Needs needs() const override {
    Needs needs;
    if (empty_) return needs;
    needs.cutoff = params_.cutoff;
    needs.bytes_per_atom = 8 * (sfd_features * (polynomials_ ? 2 : 1) + (moments_ ? sfd_moments : 0));
    if (!in_lanes()) needs.bytes = 8 * sfd_moments * atoms_at_once(exec_);
    return needs;
  }

  void compute(FrameContext& context, const SlabContext& slab) override {
    const int64_t n = slab.batch.n_local();
    SfdTask task{slab.batch.view(), slab.list->view(), params_, {}};
    task.out.feature = slab.scratch.take<double>(sfd_features * n, "descriptors").data;
    if (polynomials_) task.out.polynomial = slab.scratch.take<double>(sfd_features * n, "polynomials").data;
    if (moments_) task.out.moment = slab.scratch.take<double>(sfd_moments * n, "moments").data;
    if (in_lanes())
      sfd_in_lanes(exec_, task, single_);
    else if (single_)
      run_plain<float>(exec_, task, slab.scratch);
    else
      run_plain<double>(exec_, task, slab.scratch);
    scatter(slab.batch, task.out.feature, sfd_features, feature_->real);
    if (polynomials_) scatter(slab.batch, task.out.polynomial, sfd_features, polynomial_->real);
    if (moments_) scatter(slab.batch, task.out.moment, sfd_moments, moment_->real);
    coincidences_.add(context.frame, slab);
  }

  void finish(FrameContext& context) override { coincidences_.note(context); }

 private:
  bool in_lanes() const { return !exec_.on_gpu() && !exec_.plain; }

  Exec exec_;
  bool run_has_lattice_;
  bool single_ = false, polynomials_, moments_, empty_ = false;
  SfdParams given_;   // 0: to be found in every frame
  SfdParams params_;  // of this frame
  Field *feature_ = nullptr, *polynomial_ = nullptr, *moment_ = nullptr;
  CoincidenceReport coincidences_;
};

}  // namespace

AnalysisEntry sfd_entry() {
  return {info(), [](const Parameters& parameters, const RunContext& run) -> std::unique_ptr<Analysis> {
            return std::make_unique<SfdAnalysis>(parameters, run);
          }};
}

}  // namespace grainfield
