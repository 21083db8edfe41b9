#include "kernels/boundaries/entropy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <set>

#include "host/boundary_planes.hpp"
#include "host/error.hpp"
#include "host/registry.hpp"
#include "host/suggest.hpp"
#include "kernels/core/parallel.hpp"
#include "kernels/core/status.hpp"

namespace grainfield {
namespace {

constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();
constexpr int64_t piece_size = 1 << 16;  // atoms whose sums are added in order
constexpr size_t most_regions = 1024;    // of a mask
constexpr double constant_below = 1e-8;  // standard deviation over largest size of a constant descriptor
constexpr double edge_rounding = 1e-6;   // A

constexpr size_t n_q = 5;      // rho_n, Z1, phi1, Z2, phi2
constexpr size_t n_pairs = 6;  // of the last four
constexpr std::array<const char*, n_q> q_names{"rho", "Z1", "phi1", "Z2", "phi2"};
// In the order of the source.
constexpr std::array<std::array<size_t, 2>, n_pairs> pairs{{{1, 3}, {1, 2}, {1, 4}, {3, 2}, {3, 4}, {2, 4}}};

const AnalysisInfo& info() {
  static const AnalysisInfo value{
      "entropy",
      "Shannon entropies of density, shell numbers and shell weights (rho, Z1, phi1, Z2, phi2), their excess "
      "per area of grain boundary, the half sum of the shells' excesses, the information deficit "
      "(1/A)[N (ln N - S)] of all less that of the bulk, and the correlations of the shells' descriptors at "
      "the boundaries (Darvishi Kamachali and Wallis, eqs. 14, 18-20; docs/entropy.md)",
      {{"distance", ParameterKind::real, "10", "A",
        "atoms farther than this from every boundary plane are bulk", 1e-3, 1e6},
       {"mask", ParameterKind::text, "", "",
        "column of whole numbers of the input: 0 bulk, each other number a region of grain boundary; or "
        "bulk: that field of the analysis structure; default: the planes of density-profile"},
       {"area", ParameterKind::real, "", "A^2",
        "area of all grain boundaries; default: planes times the cell's face, unknown with a mask", 1e-6,
        1e18}},
      {},
      {{"entropy/atoms", "", "[3]", "atoms: all that count, bulk, at boundaries"},
       {"entropy/area", "A^2", "", "area of all grain boundaries"},
       {"entropy/all", "k_B", "[5]", "S of all atoms, for rho, Z1, phi1, Z2, phi2"},
       {"entropy/bulk", "k_B", "[5]", "S of the bulk atoms"},
       {"entropy/excess", "k_B/A^2", "[5]", "N_GB (S of all - S of the bulk) / area"},
       {"entropy/half_sum_excess", "k_B/A^2", "",
        "half the sum of the excesses of Z1, phi1, Z2, phi2: the source's sum entropy"},
       {"entropy/deficit", "k_B/A^2", "[5]",
        "information deficit: N (ln N - S) of all atoms less that of the bulk, per area"},
       {"entropy/half_sum_deficit", "k_B/A^2", "", "half the sum of the deficits of Z1, phi1, Z2, phi2"},
       {"entropy/excess_total", "k_B", "[5]", "entropy/excess times the area, known or not"},
       {"entropy/deficit_total", "k_B", "[5]", "entropy/deficit times the area, known or not"},
       {"entropy/correlation", "", "[6]",
        "Pearson's r over all atoms at boundaries, of (Z1,Z2), (Z1,phi1), (Z1,phi2), (Z2,phi1), (Z2,phi2), "
        "(phi1,phi2); NaN where a descriptor is constant"},
       {"entropy/region", "", "[region]",
        "number of the boundary (from 0), or the mask's number of the region"},
       {"entropy/region_atoms", "", "[region]", "atoms of the region"},
       {"entropy/region_correlation", "", "[region][6]", "the six correlations over the region's atoms"}}};
  return value;
}

const OutputSpec& output(std::string_view name) {
  for (const OutputSpec& spec : info().observables)
    if (spec.name == name) return spec;
  throw std::logic_error(fmt::format("entropy declares no observable {}", name));
}

// The descriptors of the atoms, as the other analyses left them.
struct Descriptors {
  const double* density;
  const int32_t* coordination;  // [atom][2]
  const double* weights;        // [atom][2]

  std::array<double, n_q> of(int64_t i) const {
    return {density[i], static_cast<double>(coordination[2 * i]), weights[2 * i],
            static_cast<double>(coordination[2 * i + 1]), weights[2 * i + 1]};
  }
};

// Every atom belongs to no set (a surface), to the bulk, or to a region.
enum : int32_t { at_surface = -2, in_bulk = -1 };  // else the region, from 0
struct Sorting {
  std::vector<int32_t> place;   // [atom]
  std::vector<int64_t> labels;  // [region]
  std::optional<double> area;   // A^2
  bool by_mask = false;
};

// The sets whose sums are taken: all, bulk, all boundaries, then every region.
enum : size_t { set_all = 0, set_bulk = 1, set_boundaries = 2, set_regions = 3 };

struct FirstSums {
  int64_t n = 0;
  std::array<double, n_q> size{}, sum{}, largest{};  // of |q|, of q, max |q|

  void add(const std::array<double, n_q>& q) {
    ++n;
    for (size_t k = 0; k < n_q; ++k) {
      size[k] += std::fabs(q[k]);
      sum[k] += q[k];
      largest[k] = std::max(largest[k], std::fabs(q[k]));
    }
  }
  void merge(const FirstSums& other) {
    n += other.n;
    for (size_t k = 0; k < n_q; ++k) {
      size[k] += other.size[k];
      sum[k] += other.sum[k];
      largest[k] = std::max(largest[k], other.largest[k]);
    }
  }
};

struct SecondSums {
  std::array<double, n_q> divergence{};    // sum of x ln x - x + 1; only for all and bulk
  std::array<double, n_q> square{};        // of q - mean
  std::array<double, n_pairs> products{};  // of q - mean; these two only for the boundaries' atoms

  void merge(const SecondSums& other) {
    for (size_t k = 0; k < n_q; ++k) {
      divergence[k] += other.divergence[k];
      square[k] += other.square[k];
    }
    for (size_t k = 0; k < n_pairs; ++k) products[k] += other.products[k];
  }
};

// add(sums of the set, set, atom) for every atom and each of its sets; pieces in order.
template <class Sums, class Add>
std::vector<Sums> sums_of_sets(int threads, const Sorting& sorting, const Add& add) {
  const auto n = static_cast<int64_t>(sorting.place.size());
  const size_t n_sets = set_regions + sorting.labels.size();
  const auto n_pieces = static_cast<size_t>((n + piece_size - 1) / piece_size);
  std::vector<Sums> partial(n_pieces * n_sets);
  parallel_chunks(threads, n, piece_size, [&](int64_t begin, int64_t end, int) {
    Sums* mine = &partial[static_cast<size_t>(begin / piece_size) * n_sets];
    for (int64_t i = begin; i < end; ++i) {
      const int32_t place = sorting.place[static_cast<size_t>(i)];
      if (place == at_surface) continue;
      add(mine[set_all], set_all, i);
      if (place == in_bulk) {
        add(mine[set_bulk], set_bulk, i);
      } else {
        add(mine[set_boundaries], set_boundaries, i);
        const size_t set = set_regions + static_cast<size_t>(place);
        add(mine[set], set, i);
      }
    }
  });
  std::vector<Sums> total(n_sets);
  for (size_t p = 0; p < partial.size(); ++p) total[p % n_sets].merge(partial[p]);
  return total;
}

class Entropy final : public Analysis {
 public:
  explicit Entropy(const Parameters& parameters)
      : distance_(parameters.real("distance")), mask_(parameters.text("mask")) {
    if (parameters.is_set("area")) area_ = parameters.real("area");
  }

  std::vector<std::string> requirements() const override {
    std::vector<std::string> required{"coordination", "density", "shells"};
    if (mask_.empty()) required.emplace_back("density-profile");
    if (mask_ == "bulk") required.emplace_back("structure");
    return required;
  }
  void begin(FrameContext&) override {}

  // On the host: two passes over the results of other analyses, at the speed of memory and logarithms.
  void finish(FrameContext& context) override {
    const int threads = context.run.exec.threads;
    const Descriptors descriptors = find_descriptors(context.results);
    const Sorting sorting = mask_.empty() ? sort_by_planes(context) : sort_by_mask(context);

    const auto first = sums_of_sets<FirstSums>(
        threads, sorting, [&](FirstSums& sums, size_t, int64_t i) { sums.add(descriptors.of(i)); });
    const auto second =
        sums_of_sets<SecondSums>(threads, sorting, [&](SecondSums& sums, size_t set, int64_t i) {
          const std::array<double, n_q> q = descriptors.of(i);
          const auto n = static_cast<double>(first[set].n);
          if (set < set_boundaries) {
            for (size_t k = 0; k < n_q; ++k)
              sums.divergence[k] += divergence_term(std::fabs(q[k]) * n / first[set].size[k]);
            return;
          }
          std::array<double, n_q> d;
          for (size_t k = 0; k < n_q; ++k) {
            d[k] = q[k] - first[set].sum[k] / n;
            sums.square[k] += d[k] * d[k];
          }
          for (size_t p = 0; p < n_pairs; ++p) sums.products[p] += d[pairs[p][0]] * d[pairs[p][1]];
        });
    report_entropies(context, sorting, first, second);
    report_correlations(context, sorting, first, second);
  }

 private:
  static Descriptors find_descriptors(const FrameResults& results) {
    const Field* density = results.find_field("number_density");
    const Field* coordination = results.find_field("coordination");
    const Field* weights = results.find_field("shell_weights");
    if (!density || !coordination || !weights || coordination->components != 2 || weights->components != 2)
      throw std::logic_error("entropy needs the fields number_density, coordination and shell_weights");
    return {density->real.data(), coordination->integer.data(), weights->real.data()};
  }

  Sorting sort_by_planes(FrameContext& context) const {
    const BoundaryPlanes planes = boundary_planes(context.frame, context.results);
    if (planes.z.empty())
      throw_no_boundary(context, "entropy",
                        "lower --set density-profile.depth, or name a mask: --set entropy.mask=<column>");
    Sorting sorting;
    for (size_t k = 0; k < planes.z.size(); ++k) sorting.labels.push_back(static_cast<int64_t>(k));
    sorting.area = area_ ? *area_ : static_cast<double>(planes.z.size()) * planes.area;
    sorting.place.resize(context.frame.position.size());
    Condition at_edge, left_out;
    parallel_for(
        context.run.exec.threads, context.frame.n_atoms(),
        [&](int64_t i) {
          const double place = planes.coordinate(context.frame.position[static_cast<size_t>(i)]);
          int32_t& mine = sorting.place[static_cast<size_t>(i)];
          if (!planes.inside(place)) {
            mine = at_surface;
            record(&left_out, i);
            return;
          }
          const BoundaryPlanes::Nearest nearest = planes.nearest(place);
          mine = nearest.distance > distance_ ? static_cast<int32_t>(in_bulk) : nearest.plane;
          if (std::fabs(nearest.distance - distance_) < edge_rounding) record(&at_edge, i);
        },
        1 << 14);
    if (left_out.count > 0)
      context.note(fmt::format("entropy: {} atoms next to a surface (6 beta) are left out", left_out.count));
    if (at_edge.count > 0)
      context.note(
          fmt::format("entropy: {} atoms lie within {:g} A of the distance of {:g} A from a boundary: "
                      "whether they are bulk is a matter of rounding",
                      at_edge.count, edge_rounding, distance_));
    return sorting;
  }

  // Numbers of the atoms, 0 in the bulk, from the mask.
  Sorting sort_by_mask(const FrameContext& context) const {
    if (mask_ == "bulk") {
      const Field* bulk = context.results.find_field("bulk");
      if (!bulk || !bulk->is_integer || bulk->components != 1)
        throw std::logic_error("entropy needs the field bulk of the analysis structure: 0 or 1 per atom");
      return sort_by_label(context, [bulk](size_t i) { return int64_t{bulk->integer[i] == 0}; });
    }
    std::vector<std::string> known;
    for (const Column& column : context.frame.columns) {
      if (column.kind == Column::Kind::text || column.components != 1) continue;
      if (column.name == mask_ && column.kind == Column::Kind::integer)
        return sort_by_label(context, [&column](size_t i) { return column.integer[i]; });
      if (column.name == mask_) {  // formats that do not say which columns are whole numbers
        check_whole(context, column);
        return sort_by_label(context, [&column](size_t i) { return static_cast<int64_t>(column.real[i]); });
      }
      known.push_back(column.name);
    }
    throw InputError(
        fmt::format("frame {}: entropy.mask: the input has no column '{}'{}; it has {}; --set "
                    "entropy.mask=bulk takes the boundaries that the analysis structure finds",
                    context.results.frame, mask_, suggestion(mask_, known), listed(known)));
  }

  void check_whole(const FrameContext& context, const Column& column) const {
    Condition broken;
    parallel_for(
        context.run.exec.threads, context.frame.n_atoms(),
        [&](int64_t i) {
          const double v = column.real[static_cast<size_t>(i)];
          if (!(std::fabs(v) < 0x1p53 && v == std::floor(v))) record(&broken, i);
        },
        1 << 14);
    if (broken.count == 0) return;
    const auto first = static_cast<int64_t>(broken.first);
    throw InputError(fmt::format(
        "frame {}: entropy.mask: the column '{}' holds {} for the atom with id {}; expected whole numbers: 0 "
        "for bulk, another for a region of grain boundary",
        context.results.frame, mask_, column.real[static_cast<size_t>(first)], context.frame.id_of(first)));
  }

  template <class LabelOf>
  Sorting sort_by_label(const FrameContext& context, const LabelOf& label_of) const {
    const auto n = context.frame.n_atoms();
    std::vector<std::set<int64_t>> found(static_cast<size_t>((n + piece_size - 1) / piece_size));
    parallel_chunks(context.run.exec.threads, n, piece_size, [&](int64_t begin, int64_t end, int) {
      std::set<int64_t>& mine = found[static_cast<size_t>(begin / piece_size)];
      int64_t last = 0;
      for (int64_t i = begin; i < end && mine.size() <= most_regions; ++i) {
        const int64_t label = label_of(static_cast<size_t>(i));
        if (label != last && label != 0) mine.insert(label);
        last = label;
      }
    });
    std::set<int64_t> all;
    for (const std::set<int64_t>& piece : found)
      if (all.size() <= most_regions) all.insert(piece.begin(), piece.end());
    if (all.size() > most_regions)
      throw InputError(fmt::format(
          "frame {}: entropy.mask: the column '{}' holds more than {} different numbers; expected 0 for bulk "
          "and a number for each region of grain boundary",
          context.results.frame, mask_, most_regions));
    Sorting sorting;
    sorting.labels.assign(all.begin(), all.end());
    sorting.area = area_;
    sorting.by_mask = true;
    sorting.place.resize(static_cast<size_t>(n));
    parallel_for(
        context.run.exec.threads, n,
        [&](int64_t i) {
          const int64_t label = label_of(static_cast<size_t>(i));
          const auto at = std::lower_bound(sorting.labels.begin(), sorting.labels.end(), label);
          sorting.place[static_cast<size_t>(i)] =
              label == 0 ? static_cast<int32_t>(in_bulk) : static_cast<int32_t>(at - sorting.labels.begin());
        },
        1 << 14);
    return sorting;
  }

  static void report_entropies(FrameContext& context, const Sorting& sorting,
                               const std::vector<FirstSums>& first, const std::vector<SecondSums>& second) {
    const int64_t n_all = first[set_all].n, n_bulk = first[set_bulk].n, n_gb = first[set_boundaries].n;
    const double area = sorting.area.value_or(nan_value);
    const auto column = [&](const char* name, std::vector<int64_t> shape) -> std::vector<double>& {
      return context.add_observable(output(name), std::move(shape)).real;
    };
    context.add_observable(output("entropy/atoms"), {3}, true).integer = {n_all, n_bulk, n_gb};
    column("entropy/area", {}) = {area};
    auto& all = column("entropy/all", {n_q});
    auto& bulk = column("entropy/bulk", {n_q});
    auto& excess = column("entropy/excess", {n_q});
    auto& half_excess = column("entropy/half_sum_excess", {});
    auto& deficit = column("entropy/deficit", {n_q});
    auto& half_deficit = column("entropy/half_sum_deficit", {});
    auto& excess_total = column("entropy/excess_total", {n_q});
    auto& deficit_total = column("entropy/deficit_total", {n_q});
    const auto entropy = [&](size_t set, size_t k) {
      const auto n = static_cast<double>(first[set].n);
      return first[set].size[k] > 0 ? std::log(n) - second[set].divergence[k] / n : nan_value;
    };
    for (size_t k = 0; k < n_q; ++k) {
      all[k] = entropy(set_all, k);
      bulk[k] = entropy(set_bulk, k);
      excess_total[k] = static_cast<double>(n_gb) * (all[k] - bulk[k]);
      deficit_total[k] = second[set_all].divergence[k] - second[set_bulk].divergence[k];
      excess[k] = excess_total[k] / area;
      deficit[k] = deficit_total[k] / area;
    }
    half_excess[0] = 0.5 * (excess[1] + excess[2] + excess[3] + excess[4]);
    half_deficit[0] = 0.5 * (deficit[1] + deficit[2] + deficit[3] + deficit[4]);

    context.note(fmt::format("entropy: {} atoms at {} {}, {} in the bulk; area {}", n_gb,
                             sorting.labels.size(), sorting.by_mask ? "regions" : "boundaries", n_bulk,
                             sorting.area ? fmt::format("{:.6g} A^2", area) : "unknown"));
    if (n_bulk == 0)
      context.note("entropy: there are no bulk atoms, so S of the bulk and the excesses are NaN");
    if (!sorting.area)
      context.note("entropy: values per area are NaN: give --set entropy.area=<A^2>, or use the totals");
    const auto line = [&](const char* what, const std::vector<double>& values, double half,
                          const char* unit) {
      std::string text = fmt::format("entropy: {}", what);
      for (size_t k = 0; k < n_q; ++k) text += fmt::format(" {} {:.6g},", q_names[k], values[k]);
      return text + fmt::format(" half sum of the last four {:.6g} {}", half, unit);
    };
    if (sorting.area) {
      context.note(line("excess", excess, half_excess[0], "k_B/A^2"));
      context.note(line("deficit", deficit, half_deficit[0], "k_B/A^2"));
    } else {
      const auto half = [](const std::vector<double>& v) { return 0.5 * (v[1] + v[2] + v[3] + v[4]); };
      context.note(line("total excess", excess_total, half(excess_total), "k_B"));
      context.note(line("total deficit", deficit_total, half(deficit_total), "k_B"));
    }
  }

  static void report_correlations(FrameContext& context, const Sorting& sorting,
                                  const std::vector<FirstSums>& first,
                                  const std::vector<SecondSums>& second) {
    const auto n_regions = static_cast<int64_t>(sorting.labels.size());
    const auto correlation = [&](size_t set, size_t p) {
      double spread = 1;
      for (const size_t k : pairs[p]) {
        const double deviation = std::sqrt(second[set].square[k]);
        // Written so that NaN is constant too.
        if (!(deviation >
              constant_below * first[set].largest[k] * std::sqrt(static_cast<double>(first[set].n))))
          return nan_value;
        spread *= deviation;
      }
      return second[set].products[p] / spread;
    };
    auto& whole = context.add_observable(output("entropy/correlation"), {n_pairs}).real;
    auto& label = context.add_observable(output("entropy/region"), {n_regions}, true).integer;
    auto& atoms = context.add_observable(output("entropy/region_atoms"), {n_regions}, true).integer;
    auto& each = context.add_observable(output("entropy/region_correlation"), {n_regions, n_pairs}).real;
    std::string text = "entropy: correlations at the boundaries:";
    for (size_t p = 0; p < n_pairs; ++p) {
      whole[p] = correlation(set_boundaries, p);
      text += fmt::format("{} r({},{}) {:.4f}", p > 0 ? "," : "", q_names[pairs[p][0]], q_names[pairs[p][1]],
                          whole[p]);
    }
    context.note(text);
    for (size_t r = 0; r < sorting.labels.size(); ++r) {
      label[r] = sorting.labels[r];
      atoms[r] = first[set_regions + r].n;
      for (size_t p = 0; p < n_pairs; ++p) each[r * n_pairs + p] = correlation(set_regions + r, p);
    }
  }

  double distance_;
  std::string mask_;
  std::optional<double> area_;
};

}  // namespace

AnalysisEntry entropy_entry() {
  return {info(), [](const Parameters& parameters, const RunContext&) -> std::unique_ptr<Analysis> {
            return std::make_unique<Entropy>(parameters);
          }};
}

}  // namespace grainfield
