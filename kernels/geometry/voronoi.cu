#include "kernels/geometry/voronoi.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "host/buffer.hpp"
#include "host/error.hpp"
#include "host/local_spacing.hpp"
#include "kernels/core/launch.hpp"
#include "kernels/geometry/voronoi_kernels.hpp"

namespace grainfield {
namespace {

constexpr double list_spacings = 2.0;   // the neighbor list's cutoff in units of the spacing of the atoms
constexpr double reach_spacings = 2.6;  // ghosts of the first pass reach so far
// On a GPU, for the cells that need more memory or more neighbors, together. On the CPU each thread has one.
constexpr int64_t gpu_tier_bytes = 256 << 20;
constexpr int64_t tier_0_bytes = 64 << 10;

const AnalysisInfo& info() {
  static const AnalysisInfo value{
      "voronoi",
      "Exact Voronoi cell of every atom: volume, faces, coordination, index, and the distance of the "
      "farthest "
      "vertex. With radii, power (radical) cells. Along free directions cells end at the faces of the box, "
      "or at "
      "the outermost atom where that lies beyond; with `bound`, instead, at a cube around each atom.",
      {{"face_threshold", ParameterKind::real, "1e-3", "",
        "faces with more than this part of the cell's area count for coordination and index", 0, 1},
       {"face_area_min", ParameterKind::real, "0", "A^2", "and with at least this area", 0, 1e12},
       {"edge_threshold", ParameterKind::real, "1e-6", "",
        "edges longer than this part of the cavity radius count for the index", 0, 1},
       {"bound", ParameterKind::real, "", "A",
        "half edge of a cube along x, y and z around each atom that bounds its cell; default: none, free "
        "directions end at the box",
        1e-3, 1e6},
       {"radii", ParameterKind::reals, "", "A",
        "one radius per species, in their order: power cells; default: none", 0, 1e3},
       {"faces", ParameterKind::flag, "false", "", "write the list of faces"}},
      {{"voronoi_volume", "A^3", "[atom]", "volume of the cell"},
       {"voronoi_area", "A^2", "[atom]", "area of the cell's surface"},
       {"voronoi_faces", "", "[atom]", "faces with more than 1e-9 of the cell's area, walls included"},
       {"voronoi_coordination", "", "[atom]", "faces shared with atoms that pass the thresholds"},
       {"voronoi_index", "", "[atom][6]", "how many of these have 3, 4, 5, 6, 7, 8 edges"},
       {"cavity_radius", "A", "[atom]", "distance of the cell's farthest vertex"}},
      {{"voronoi_face_list/offset", "", "[atom + 1]",
        "the faces of atom i are those from offset[i] to offset[i + 1] - 1; with faces=true"},
       {"voronoi_face_list/neighbor", "", "[face]",
        "id of the atom on the other side; -1 to -6: a wall of the box (a high, a low, b high, ...); -7: the "
        "cube"},
       {"voronoi_face_list/area", "A^2", "[face]", "area of the face"},
       {"voronoi_face_list/distance", "A", "[face]", "distance of that atom, or of the wall"}}};
  return value;
}

// The arrays of one slab on the processor that computes.
struct SlabArrays {
  VoronoiOutput out;
  int64_t n;

  SlabArrays(Workspace& scratch, int64_t n_local) : n(n_local) {
    out.volume = scratch.take<double>(n, "Voronoi volumes").data;
    out.area = scratch.take<double>(n, "Voronoi areas").data;
    out.radius = scratch.take<double>(n, "Voronoi radii").data;
    out.faces = scratch.take<int32_t>(n, "Voronoi faces").data;
    out.coordination = scratch.take<int32_t>(n, "Voronoi coordination").data;
    out.index = scratch.take<int32_t>(VoronoiResult::n_index * n, "Voronoi index").data;
    out.state = scratch.take<CellState>(n, "Voronoi states").data;
    out.partner = scratch.take<int32_t>(n, "Voronoi states").data;
  }
  // For a GPU, from which arrays are copied whole: cells that a pass leaves out have values too.
  void clear(const Exec& exec) const {
    const auto bytes = [&](size_t per_atom) { return per_atom * static_cast<size_t>(n); };
    for (double* values : {out.volume, out.area, out.radius}) fill_zero(exec, values, bytes(sizeof(double)));
    for (int32_t* values : {out.faces, out.coordination, out.partner})
      fill_zero(exec, values, bytes(sizeof(int32_t)));
    fill_zero(exec, out.index, bytes(VoronoiResult::n_index * sizeof(int32_t)));
    fill_zero(exec, out.state, bytes(sizeof(CellState)));
  }
  static constexpr int64_t bytes_per_atom = 3 * 8 + (2 + VoronoiResult::n_index + 2) * 4;
};

// An array of the processor as the host sees it: itself, or a copy.
template <class T>
class OnHost {
 public:
  OnHost() = default;
  OnHost(const Exec& exec, const T* data, int64_t n) : data_(data) {
    if (!exec.on_gpu()) return;
    copy_.resize(static_cast<size_t>(n));
    copy_to_host(exec, copy_.data(), data, copy_.size() * sizeof(T));
    data_ = copy_.data();
  }
  OnHost(OnHost&&) noexcept = default;
  OnHost& operator=(OnHost&&) noexcept = default;
  const T& operator[](size_t i) const { return data_[i]; }

 private:
  std::vector<T> copy_;
  const T* data_ = nullptr;
};

class VoronoiAnalysis final : public Analysis {
 public:
  VoronoiAnalysis(const Parameters& parameters, const RunContext& run)
      : exec_(run.exec), radius_(run.exec), walls_(run.exec) {
    rules_.face_threshold = parameters.real("face_threshold");
    rules_.face_area_min = parameters.real("face_area_min");
    rules_.edge_threshold = parameters.real("edge_threshold");
    if (parameters.is_set("bound")) bound_ = parameters.real("bound");
    if (parameters.is_set("radii")) radii_ = parameters.reals("radii");
    wants_faces_ = parameters.flag("faces");
  }

  void begin(FrameContext& context) override {
    const Frame& frame = context.frame;
    if (!radii_.empty() && radii_.size() != frame.species.size())
      throw UsageError(fmt::format("--set voronoi.radii: {} radii for {} species; expected one for each",
                                   radii_.size(), frame.species.size()));
    const double spacing = local_spacing(frame);
    params_ = {};
    params_.rules = rules_;
    params_.bound = bound_;
    params_.list_radius = list_spacings * spacing;
    params_.reach = reach_spacings * spacing;
    if (!radii_.empty()) {
      radius_.upload(radii_, "radii");
      params_.radius = radius_.data();
      params_.largest_radius = *std::max_element(radii_.begin(), radii_.end());
    }
    const VoronoiWalls walls = walls_of(frame, context);
    if (walls.n > 0) {
      walls_.upload(&walls, 1, "walls");
      params_.walls = walls_.data();
    }
    const auto n = static_cast<size_t>(frame.n_atoms());
    const std::vector<OutputSpec>& f = info().fields;
    volume_ = &context.add_field(f[0], 1, false);
    area_ = &context.add_field(f[1], 1, false);
    faces_ = &context.add_field(f[2], 1, true);
    coordination_ = &context.add_field(f[3], 1, true);
    index_ = &context.add_field(f[4], VoronoiResult::n_index, true, {"n3", "n4", "n5", "n6", "n7", "n8"});
    radius_field_ = &context.add_field(f[5], 1, false);
    round_.assign(n, -1);
    first_coincident_ = std::numeric_limits<int64_t>::max();
    n_empty_ = 0;
  }

  Needs needs() const override { return needs_of(params_.reach, true); }

  void compute(FrameContext& context, const SlabContext& slab) override {
    run(context, slab, 0, params_.reach, false);
  }

  void finish(FrameContext& context) override {
    throw_if_coincident(context.frame);
    // What the first pass left over: ever further.
    std::vector<double> reach{params_.reach};
    while (std::find(round_.begin(), round_.end(), -1) != round_.end()) {
      const int round = static_cast<int>(reach.size());
      if (round > 60) throw std::logic_error("voronoi: cells without end");
      reach.push_back(2 * reach.back());
      context.for_each_slab(needs_of(reach.back(), false),
                            [&](const SlabContext& slab) { run(context, slab, round, reach.back(), false); });
      throw_if_coincident(context.frame);
    }
    if (n_empty_ > 0)
      context.note(fmt::format("voronoi: {} atoms have no cell: their radii are too small", n_empty_));
    if (wants_faces_) list_faces(context, reach);
  }

 private:
  // The atoms' region along free directions.
  VoronoiWalls walls_of(const Frame& frame, FrameContext& context) const {
    VoronoiWalls walls;
    for (int k = 0; k < 3; ++k) {
      if (frame.box.periodic[k]) continue;
      const Vec3 normal = frame.box.reciprocal(k) / norm(frame.box.reciprocal(k));
      double low = dot(normal, frame.box.origin), high = low + frame.box.height(k);
      const double box_low = low, box_high = high;
      for (const Vec3& r : frame.position) {
        low = std::min(low, dot(normal, r));
        high = std::max(high, dot(normal, r));
      }
      if (bound_ == 0 && (box_low - low > 1e-9 * (high - low) || high - box_high > 1e-9 * (high - low)))
        context.note(
            fmt::format("voronoi: atoms lie beyond the box along its free cell vector {}; cells end at "
                        "the outermost atom",
                        "abc"[k]));
      walls.normal[walls.n] = normal;
      walls.offset[walls.n++] = high;
      walls.normal[walls.n] = -normal;
      walls.offset[walls.n++] = -low;
    }
    return walls;
  }

  Needs needs_of(double reach, bool with_list) const {
    Needs needs;
    if (with_list) needs.cutoff = params_.list_radius;
    needs.reach = reach;
    needs.bytes_per_atom = SlabArrays::bytes_per_atom + 16;
    needs.bytes = exec_.on_gpu() ? gpu_tier_bytes : exec_.threads * tier_0_bytes;
    needs.local_memory = std::max(with_list ? local_memory_bytes<VoronoiFromList>(exec_) : 0,
                                  local_memory_bytes<VoronoiFromCells>(exec_));
    return needs;
  }

  // round 0: the neighbor list first. Later ones: the atoms without a cell. With faces: the atoms whose cells
  // that round made, again, to write their faces.
  void run(FrameContext& context, const SlabContext& slab, int round, double reach, bool list_faces) {
    const Batch& batch = slab.batch;
    const int64_t n = batch.n_local();
    if (n == 0) return;
    SlabArrays arrays(slab.scratch, n);
    if (exec_.on_gpu()) arrays.clear(exec_);
    const OnHost<int64_t> source(exec_, batch.source().data, n);
    VoronoiParams params = params_;
    params.reach = reach;
    const int wanted = list_faces ? round : -1;

    std::vector<int64_t> first;
    Buffer<int64_t> device_first(exec_);
    Buffer<int32_t> face_neighbor(exec_);
    Buffer<double> face_area(exec_), face_distance(exec_);
    if (list_faces) {
      first.assign(static_cast<size_t>(n) + 1, 0);
      for (size_t k = 0; k < static_cast<size_t>(n); ++k) {
        const auto i = static_cast<size_t>(source[k]);
        first[k + 1] = first[k] + (round_[i] == wanted ? faces_->integer[i] : 0);
      }
      device_first.upload(first, "face offsets");
      face_neighbor.resize(first.back(), "faces");
      face_area.resize(first.back(), "faces");
      face_distance.resize(first.back(), "faces");
      arrays.out.face_first = device_first.data();
      arrays.out.face_neighbor = face_neighbor.data();
      arrays.out.face_area = face_area.data();
      arrays.out.face_distance = face_distance.data();
    }

    std::vector<int32_t> pending;
    OnHost<CellState> state;
    if (round == 0) {
      const VoronoiFromList task{batch.view(), slab.list->view(), params, arrays.out};
      if (exec_.on_gpu() || exec_.plain)
        for_each(exec_, n, task);
      else
        voronoi_simd(exec_, task);
      state = {exec_, arrays.out.state, n};
    }
    for (size_t k = 0; k < static_cast<size_t>(n); ++k) {
      if (round == 0 && (state[k] == CellState::complete || state[k] == CellState::empty ||
                         state[k] == CellState::coincident))
        continue;
      if (round_[static_cast<size_t>(source[k])] == wanted) pending.push_back(static_cast<int32_t>(k));
    }
    complete(context.frame, batch, params, arrays, source, pending);
    state = {exec_, arrays.out.state, n};
    if (list_faces)
      place_faces(batch, source, first, wanted, face_neighbor, face_area, face_distance);
    else
      store(batch, arrays, source, round == 0 ? nullptr : &pending, state, round);
  }

  // The cells of `atoms` from all atoms within params.reach, with as much memory as they need.
  void complete(const Frame& frame, const Batch& batch, const VoronoiParams& params, const SlabArrays& arrays,
                const OnHost<int64_t>& source, std::vector<int32_t> atoms) {
    Buffer<int32_t> device_atoms(exec_);
    Buffer<unsigned char> memory(exec_);
    for (int32_t vertices = 128; !atoms.empty(); vertices *= 4) {
      if (vertices > 1 << 24)
        throw ResourceError(fmt::format("voronoi: the cell of atom {} has more than {} vertices",
                                        frame.id_of(source[static_cast<size_t>(atoms.front())]),
                                        vertices / 4));
      VoronoiFromCells task{batch.view(), batch.cells(), params, arrays.out};
      task.vertices = vertices;
      task.planes = 2 * vertices;
      task.candidates = 4 * vertices;
      const auto each =
          static_cast<int64_t>(VoronoiFromCells::bytes(task.vertices, task.planes, task.candidates));
      const auto n = static_cast<int64_t>(atoms.size());
      device_atoms.upload(atoms, "atoms");
      task.atoms = device_atoms.data();
      if (exec_.on_gpu()) {
        const int64_t at_once = std::clamp<int64_t>(gpu_tier_bytes / each, 1, n);
        memory.resize(at_once * each, "Voronoi cells");
        task.memory = memory.data();
        for (int64_t begin = 0; begin < n; begin += at_once, task.atoms += at_once)
          for_each(exec_, std::min(at_once, n - begin), task);
      } else {
        for_each(exec_, n, task, static_cast<size_t>(each), 16);
      }
      const OnHost<CellState> state(exec_, arrays.out.state, arrays.n);
      std::vector<int32_t> larger;
      for (const int32_t i : atoms) {
        const CellState s = state[static_cast<size_t>(i)];
        if (s == CellState::overflow) larger.push_back(i);
        if (s == CellState::failed)
          throw std::logic_error(fmt::format("voronoi: no consistent cell of atom {}; please report it",
                                             frame.id_of(source[static_cast<size_t>(i)])));
      }
      atoms = std::move(larger);
    }
  }

  // Puts what a pass yielded in the order of the input: of all atoms, or of some.
  void store(const Batch& batch, const SlabArrays& arrays, const OnHost<int64_t>& source,
             const std::vector<int32_t>* atoms, const OnHost<CellState>& state, int round) {
    const int64_t n = arrays.n;
    const VoronoiOutput& out = arrays.out;
    const OnHost<double> volume(exec_, out.volume, n), area(exec_, out.area, n), radius(exec_, out.radius, n);
    const OnHost<int32_t> faces(exec_, out.faces, n), coordination(exec_, out.coordination, n),
        index(exec_, out.index, VoronoiResult::n_index * n);
    const auto n_stored = atoms ? atoms->size() : static_cast<size_t>(n);
    for (size_t m = 0; m < n_stored; ++m) {
      const size_t k = atoms ? static_cast<size_t>((*atoms)[m]) : m;
      const auto i = static_cast<size_t>(source[k]);
      if (state[k] == CellState::coincident && source[k] < first_coincident_) {
        first_coincident_ = source[k];
        int32_t partner = 0;
        copy_to_host(exec_, &partner, out.partner + k, sizeof partner);
        copy_to_host(exec_, &coincident_with_, batch.source().data + partner, sizeof coincident_with_);
      }
      if (state[k] != CellState::complete && state[k] != CellState::empty) continue;
      n_empty_ += state[k] == CellState::empty ? 1 : 0;
      round_[i] = static_cast<int8_t>(round);
      volume_->real[i] = volume[k];
      area_->real[i] = area[k];
      radius_field_->real[i] = radius[k];
      faces_->integer[i] = faces[k];
      coordination_->integer[i] = coordination[k];
      for (size_t c = 0; c < VoronoiResult::n_index; ++c)
        index_->integer[VoronoiResult::n_index * i + c] = index[VoronoiResult::n_index * k + c];
    }
  }

  void throw_if_coincident(const Frame& frame) const {
    if (first_coincident_ == std::numeric_limits<int64_t>::max()) return;
    throw InputError(
        fmt::format("voronoi: atoms {} and {} are closer than {:g} A; cells need distinct positions: "
                    "remove one of them",
                    frame.id_of(first_coincident_), frame.id_of(coincident_with_), coincidence_distance));
  }

  void list_faces(FrameContext& context, const std::vector<double>& reach) {
    const Frame& frame = context.frame;
    const auto n = static_cast<size_t>(frame.n_atoms());
    const std::vector<OutputSpec>& o = info().observables;
    Observable& offset = context.add_observable(o[0], {frame.n_atoms() + 1}, true);
    for (size_t i = 0; i < n; ++i) offset.integer[i + 1] = offset.integer[i] + faces_->integer[i];
    const int64_t n_faces = offset.integer[n];
    offset_ = &offset;
    list_neighbor_ = &context.add_observable(o[1], {n_faces}, true);
    list_area_ = &context.add_observable(o[2], {n_faces});
    list_distance_ = &context.add_observable(o[3], {n_faces});
    frame_ = &frame;
    for (size_t round = 0; round < reach.size(); ++round)
      context.for_each_slab(needs_of(reach[round], round == 0), [&](const SlabContext& slab) {
        run(context, slab, static_cast<int>(round), reach[round], true);
      });
  }

  void place_faces(const Batch& batch, const OnHost<int64_t>& source, const std::vector<int64_t>& first,
                   int wanted, const Buffer<int32_t>& neighbor, const Buffer<double>& area,
                   const Buffer<double>& distance) {
    const OnHost<int64_t> all_sources(exec_, batch.source().data, batch.n_total());
    const std::vector<int32_t> j = neighbor.to_vector();
    const std::vector<double> a = area.to_vector(), d = distance.to_vector();
    for (size_t k = 0; k + 1 < first.size(); ++k) {
      const auto i = static_cast<size_t>(source[k]);
      if (round_[i] != wanted) continue;
      auto at = static_cast<size_t>(offset_->integer[i]);
      for (auto m = static_cast<size_t>(first[k]); m < static_cast<size_t>(first[k + 1]); ++m, ++at) {
        list_neighbor_->integer[at] = j[m] < 0 ? j[m] : frame_->id_of(all_sources[static_cast<size_t>(j[m])]);
        list_area_->real[at] = a[m];
        list_distance_->real[at] = d[m];
      }
    }
  }

  Exec exec_;
  VoronoiCounts rules_;
  double bound_ = 0;  // 0: none
  std::vector<double> radii_;
  bool wants_faces_ = false;
  Buffer<double> radius_;
  Buffer<VoronoiWalls> walls_;
  // Of the frame.
  VoronoiParams params_;
  Field *volume_ = nullptr, *area_ = nullptr, *faces_ = nullptr, *coordination_ = nullptr, *index_ = nullptr,
        *radius_field_ = nullptr;
  std::vector<int8_t> round_;  // that completed the atom's cell; -1: none yet
  int64_t first_coincident_ = 0, coincident_with_ = 0;
  int64_t n_empty_ = 0;
  const Frame* frame_ = nullptr;
  Observable *offset_ = nullptr, *list_neighbor_ = nullptr, *list_area_ = nullptr, *list_distance_ = nullptr;
};

}  // namespace

AnalysisEntry voronoi_entry() {
  return {info(), [](const Parameters& parameters, const RunContext& run) -> std::unique_ptr<Analysis> {
            return std::make_unique<VoronoiAnalysis>(parameters, run);
          }};
}

}  // namespace grainfield
