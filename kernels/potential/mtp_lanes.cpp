#include "kernels/potential/mtp_lanes.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <mutex>
#include <new>

#include "host/dense.hpp"
#include "kernels/core/lanes.hpp"
#include "kernels/core/parallel.hpp"
#include "kernels/potential/mtp.hpp"

namespace grainfield {
namespace {

// Atoms of a piece of work. Twice as many where a product with the active set follows, which likes large
// ones.
constexpr int64_t chunk_atoms = 64, chunk_atoms_of_grades = 128;

// Forces that a chunk puts on the atoms it touches.
struct ChunkForces {
  std::vector<int32_t> atom;
  std::vector<double> force;         // [atoms][4]
  std::vector<double> gradient_sum;  // [n_coefficients] of each system met
  std::vector<int32_t> system;
};

// Adds chunks to the result in their order.
class OrderedSum {
 public:
  OrderedSum(double* force, double* gradient_sum, int64_t n_coefficients)
      : force_(force), gradient_sum_(gradient_sum), n_(n_coefficients) {}

  void add(int64_t chunk, ChunkForces& forces) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (chunk != next_) {
      waiting_.emplace(chunk, forces);
      return;
    }
    apply(forces);
    for (++next_; !waiting_.empty() && waiting_.begin()->first == next_; ++next_) {
      apply(waiting_.begin()->second);
      waiting_.erase(waiting_.begin());
    }
  }

 private:
  void apply(const ChunkForces& forces) {
    for (size_t k = 0; force_ && k < forces.atom.size(); ++k)
      for (size_t c = 0; c < 3; ++c)
        force_[3 * static_cast<size_t>(forces.atom[k]) + c] += forces.force[4 * k + c];
    for (size_t k = 0; k < forces.system.size(); ++k) {
      double* sum = gradient_sum_ + forces.system[k] * n_;
      const double* part = forces.gradient_sum.data() + static_cast<int64_t>(k) * n_;
      for (int64_t l = 0; l < n_; ++l) sum[l] += part[l];
    }
  }

  double* force_;
  double* gradient_sum_;
  int64_t n_;
  std::mutex mutex_;
  int64_t next_ = 0;
  std::map<int64_t, ChunkForces> waiting_;
};

// 64-byte aligned memory that grows; contents do not survive growth.
class AlignedArray {
 public:
  double* reserve(size_t n) {
    if (n > size_) {
      size_ = n + n / 2;
      memory_.reset(static_cast<double*>(::operator new(size_ * sizeof(double), std::align_val_t(64))));
    }
    return memory_.get();
  }

 private:
  struct Free {
    void operator()(double* p) const { ::operator delete(p, std::align_val_t(64)); }
  };
  size_t size_ = 0;
  std::unique_ptr<double, Free> memory_;
};

// What a thread keeps from chunk to chunk.
struct Worker {
  std::vector<int32_t> slot_of_atom;  // [n_total] -1: not yet touched by the chunk
  ChunkForces forces;
  std::vector<double> x, y, z, r_sq;  // candidates of one atom
  std::vector<int32_t> slot;          // of the group's neighbors
  std::vector<int32_t> segments;
  AlignedArray blocks, accumulators, moments, adjoints, monomials, coefficients, rows, product, sums;
  int64_t n_close = 0, first_close = -1;
};

template <int W>
class Schedule {
  using L = Lanes<double, 8 * W>;
  using V = typename L::Value;

 public:
  GF_INLINE Schedule(const MtpLanesJob& job, Worker& worker) : job_(job), t_(*job.tables), w_(worker) {
    K_ = t_.n_radial;
    S_ = t_.n_species;
    block_ = head + 2 * K_;
    differentiates_ = job.output.force || job.output.virial;
    n_ = job.model->n_coefficients();
    takes_gradient_ = job.output.grade || job.output.gradient || job.output.gradient_sum;
  }

  GF_INLINE void run_chunk(int64_t begin, int64_t end) {
    w_.forces.atom.clear();
    w_.forces.force.clear();
    w_.forces.system.clear();
    w_.forces.gradient_sum.clear();
    if (takes_gradient_) rows_ = w_.rows.reserve(static_cast<size_t>((end - begin) * n_));
    for (int64_t first = begin; first < end; first += W) {
      const int n_atoms = static_cast<int>(std::min<int64_t>(W, end - first));
      run_group(first, n_atoms, first - begin);
    }
    for (const int32_t atom : w_.forces.atom) w_.slot_of_atom[static_cast<size_t>(atom)] = -1;
    if (takes_gradient_) finish_gradients(begin, end);
  }

 private:
  // A vector of neighbors takes block_ vectors: n (3), r, 1/r, then f and f' of every function.
  static constexpr int64_t head = 5;

  GF_INLINE void run_group(int64_t first, int n_atoms, int64_t row) {
    gather(first, n_atoms);
    for (int a = 0; a < n_atoms; ++a) write_radial(first + a, a);

    const auto n_reduced = static_cast<size_t>(t_.n_reduced);
    V* acc = reinterpret_cast<V*>(w_.accumulators.reserve(n_reduced * W * W));
    std::fill_n(reinterpret_cast<double*>(acc), n_reduced * W * W, 0.0);
    const auto n_monomials = static_cast<size_t>((t_.max_degree + 1) * (t_.max_degree + 1));
    V* mono = reinterpret_cast<V*>(w_.monomials.reserve(4 * n_monomials * W));
    for (int a = 0; a < n_atoms; ++a) add_moments(a, acc + static_cast<size_t>(a) * n_reduced, mono);
    V* M = reinterpret_cast<V*>(w_.moments.reserve(static_cast<size_t>(t_.n_stored) * W));
    for (int32_t q = 0; q < t_.n_reduced; ++q) {
      V of_atom[W];
      for (int a = 0; a < W; ++a) of_atom[a] = acc[a * t_.n_reduced + q];
      M[t_.basic_of_reduced[static_cast<size_t>(q)]] = L::sums_of_lanes(of_atom);
    }
    const V energy = multiply(M);
    for (int a = 0; a < n_atoms; ++a) {
      const int64_t i = first + a;
      if (job_.output.energy)
        job_.output.energy[i] =
            energy[a] + repulsion_[a] + t_.species_energy[static_cast<size_t>(species(i))];
    }
    if (!differentiates_ && !takes_gradient_) return;

    V* g = reinterpret_cast<V*>(w_.adjoints.reserve(static_cast<size_t>(t_.n_stored) * W));
    differentiate_products(M, g);
    double* coefficients = w_.coefficients.reserve(n_reduced * W);
    if (differentiates_) {
      for (size_t k = 0; k < n_reduced; ++k) {
        const V value = g[t_.horner_basic[k]];
        for (int a = 0; a < W; ++a) coefficients[static_cast<size_t>(a) * n_reduced + k] = value[a];
      }
      for (int a = 0; a < n_atoms; ++a)
        differentiate_atom(first + a, a, coefficients + static_cast<size_t>(a) * n_reduced);
    }
    if (takes_gradient_) {
      for (size_t k = 0; k < n_reduced; ++k) {
        const V value = g[t_.basic_of_reduced[k]];
        for (int a = 0; a < W; ++a) coefficients[static_cast<size_t>(a) * n_reduced + k] = value[a];
      }
      for (int a = 0; a < n_atoms; ++a)
        write_gradient(first + a, a, coefficients + static_cast<size_t>(a) * n_reduced, M, mono,
                       rows_ + (row + a) * n_);
    }
  }

  static GF_INLINE V splat(double value) { return value - V{}; }

  GF_INLINE int32_t species(int64_t atom) const { return job_.species[job_.batch.type[atom]]; }

  // Neighbors of the group's atoms within r_max, by their species, padded to whole vectors.
  GF_INLINE void gather(int64_t first, int n_atoms) {
    const NeighborView& list = job_.neighbors;
    const BatchView& batch = job_.batch;
    int64_t capacity = 0;
    for (int a = 0; a < n_atoms; ++a) capacity += list.end(first + a) - list.begin(first + a) + (S_ + 1) * W;
    w_.slot.resize(static_cast<size_t>(capacity));
    blocks_ = reinterpret_cast<V*>(w_.blocks.reserve(static_cast<size_t>(capacity * block_)));
    w_.segments.resize(static_cast<size_t>((S_ + 1) * W + 1));
    const double r_max_sq = t_.max_distance * t_.max_distance;
    int64_t at = 0;  // lanes filled
    for (int a = 0; a < n_atoms; ++a) {
      const int64_t i = first + a, begin = list.begin(i), n = list.end(i) - begin;
      const double xi = batch.x[i], yi = batch.y[i], zi = batch.z[i];
      if (static_cast<int64_t>(w_.x.size()) < n)
        for (auto* v : {&w_.x, &w_.y, &w_.z, &w_.r_sq}) v->resize(static_cast<size_t>(2 * n));
      double *x = w_.x.data(), *y = w_.y.data(), *z = w_.z.data(), *r_sq = w_.r_sq.data();
      const int32_t* index = list.index + begin;
      for (int64_t k = 0; k < n; ++k) {
        const int32_t j = index[k];
        x[k] = batch.x[j] - xi, y[k] = batch.y[j] - yi, z[k] = batch.z[j] - zi;
        r_sq[k] = x[k] * x[k] + y[k] * y[k] + z[k] * z[k];
      }
      for (int32_t b = 0; b < S_; ++b) {
        segments(a, b) = static_cast<int32_t>(at / W);
        for (int64_t k = 0; k < n; ++k) {
          if (!(r_sq[k] < r_max_sq)) continue;
          const int32_t j = index[k];
          if (S_ > 1 && species(j) != b) continue;
          put(at++, x[k], y[k], z[k], slot_of(j));
        }
        while (at % W != 0) put(at++, t_.max_distance, 0, 0, slot_of(static_cast<int32_t>(i)));
      }
      segments(a, S_) = static_cast<int32_t>(at / W);
    }
  }
  GF_INLINE int32_t& segments(int a, int32_t b) { return w_.segments[static_cast<size_t>(a * (S_ + 1) + b)]; }
  GF_INLINE void put(int64_t at, double x, double y, double z, int32_t slot) {
    double* lane = reinterpret_cast<double*>(blocks_ + at / W * block_) + at % W;
    lane[0] = x, lane[W] = y, lane[2 * W] = z;
    w_.slot[static_cast<size_t>(at)] = slot;
  }
  GF_INLINE int32_t slot_of(int32_t atom) {
    int32_t& slot = w_.slot_of_atom[static_cast<size_t>(atom)];
    if (slot < 0) {
      slot = static_cast<int32_t>(w_.forces.atom.size());
      w_.forces.atom.push_back(atom);
      w_.forces.force.insert(w_.forces.force.end(), 4, 0.0);
    }
    return slot;
  }

  // n, r, 1/r, f and f' of the neighbors of atom a of the group.
  GF_INLINE void write_radial(int64_t i, int a) {
    const auto R = static_cast<int64_t>(t_.n_basis);
    const double r_max = t_.max_distance, r_min = t_.min_distance, scale = 1 / (r_max - r_min);
    repulsion_[a] = 0;
    for (int32_t b = 0; b < S_; ++b) {
      const int64_t pair = (static_cast<int64_t>(species(i)) * S_ + b) * K_ * R;
      for (int64_t v = segments(a, b); v < segments(a, b + 1); ++v) {
        V* block = blocks_ + v * block_;
        const V r_sq = block[0] * block[0] + block[1] * block[1] + block[2] * block[2];
        const V r = L::root(r_sq), inverse = 1.0 / r;
        for (int c = 0; c < 3; ++c) block[c] *= inverse;
        block[3] = r;
        block[4] = inverse;
        V at = r, live = splat(1.0);
        bool close = false;
        for (int l = 0; l < W; ++l) close |= r[l] < r_min;
        if (close) note_close(i, a, r, at, live);
        const V x = (2.0 * at - (r_min + r_max)) * scale, twice = x + x, d = at - r_max, d_sq = d * d;
        for (int64_t s = 0; s < K_; ++s) {
          const double* c = t_.value.data() + pair + s * R;
          const double* c_slope = t_.slope.data() + pair + s * R;
          V before = splat(1.0), now = x, sum = splat(c[0]), sum_slope = splat(c_slope[0]);
          for (int64_t xi = 1; xi < R; ++xi) {
            sum += c[xi] * now;
            sum_slope += c_slope[xi] * now;
            const V next = twice * now - before;
            before = now, now = next;
          }
          block[head + s] = d_sq * sum;
          block[head + K_ + s] = (d_sq * sum_slope + 2.0 * d * sum) * live;
        }
      }
    }
  }

  // Neighbors below r_min are counted; with a repulsive potential f is frozen there and the pair repels.
  void note_close(int64_t i, int a, const V& r, V& at, V& live) {
    for (int l = 0; l < W; ++l) {
      if (!(r[l] < t_.min_distance)) continue;
      ++w_.n_close;
      if (w_.first_close < 0 || i < w_.first_close) w_.first_close = i;
      if (!t_.repulsive) continue;
      at[l] = t_.min_distance;
      live[l] = 0;
      repulsion_[a] += mtp_repulsion(r[l], t_.min_distance);
    }
  }

  GF_INLINE void add_moments(int a, V* acc, V* mono) {
    int64_t v = segments(a, 0);
    const int64_t end = segments(a, S_);
    for (; v + 4 <= end; v += 4) add_moments_of<4>(blocks_ + v * block_, acc, mono);
    if (end - v == 3) add_moments_of<3>(blocks_ + v * block_, acc, mono);
    if (end - v == 2) add_moments_of<2>(blocks_ + v * block_, acc, mono);
    if (end - v == 1) add_moments_of<1>(blocks_ + v * block_, acc, mono);
  }

  // The monomials of N vectors of neighbors, in the order by degree.
  template <int N>
  GF_INLINE void write_monomials(const V* block, V* mono) const {
    V x[N], y[N], z[N];
    for (int b = 0; b < N; ++b) {
      const V* n = block + b * block_;
      x[b] = n[0], y[b] = n[1], z[b] = n[2];
      mono[b] = splat(1.0);
    }
    for (int32_t d = 1; d <= t_.max_degree; ++d) {
      const V* before = mono + static_cast<int64_t>(d - 1) * (d - 1) * N;
      V* now = mono + static_cast<int64_t>(d) * d * N;
      for (int32_t k = 0; k < d; ++k)
        for (int b = 0; b < N; ++b) now[k * N + b] = x[b] * before[k * N + b];
      for (int b = 0; b < N; ++b) now[d * N + b] = y[b] * before[(d - 1) * N + b];
      now += (d + 1) * N;
      for (int32_t k = 0; k < d; ++k)
        for (int b = 0; b < N; ++b) now[k * N + b] = z[b] * before[k * N + b];
    }
  }

  template <int N>
  GF_INLINE void add_moments_of(const V* block, V* acc, V* mono) const {
    write_monomials<N>(block, mono);
    for (int64_t s = 0; s < K_; ++s) {
      V f[N];
      for (int b = 0; b < N; ++b) f[b] = block[b * block_ + head + s];
      const int32_t degree = t_.degree[static_cast<size_t>(s)], n = (degree + 1) * (degree + 1);
      V* q = acc + t_.reduced_first[static_cast<size_t>(s)];
      for (int32_t u = 0; u < n; ++u) {
        V sum = q[u];
        for (int b = 0; b < N; ++b) sum += f[b] * mono[u * N + b];
        q[u] = sum;
      }
    }
  }

  // All moments from the reduced ones; returns the energies without constants.
  GF_INLINE V multiply(V* M) const {
    for (const MtpReduction& e : t_.reductions) M[e.out] = M[e.lower] - M[e.xx] - M[e.yy];
    const MtpTerm* term = t_.terms.data();
    const double* factors = t_.factors.data();
    V energy{};
    for (int32_t k = 0; k < t_.n_basic; ++k) energy += t_.linear[static_cast<size_t>(k)] * M[k];
    const int32_t n_rows = t_.n_stored - t_.n_basic;
    for (int32_t row = 0; row < n_rows; ++row) {
      const MtpTerm* end = t_.terms.data() + t_.row_first[static_cast<size_t>(row) + 1];
      V sum{};
      for (; term < end; ++term) sum += factors[term->factor] * M[term->left] * M[term->right];
      M[t_.n_basic + row] = sum;
      energy += t_.linear[static_cast<size_t>(t_.n_basic + row)] * sum;
    }
    term = t_.folded_terms.data();
    for (size_t k = 0; k < t_.folded_weight.size(); ++k) {
      const MtpTerm* end = t_.folded_terms.data() + t_.folded_first[k + 1];
      V sum{};
      for (; term < end; ++term) sum += factors[term->factor] * M[term->left] * M[term->right];
      energy += t_.folded_weight[k] * sum;
    }
    return energy;
  }

  // g = dV/dM of all moments, then of the reduced ones.
  GF_INLINE void differentiate_products(const V* M, V* g) const {
    const double* factors = t_.factors.data();
    for (int32_t k = t_.n_stored - 1; k >= 0; --k) {
      const auto at = static_cast<size_t>(k);
      V sum = splat(t_.linear[at]);
      const MtpTerm* use = t_.uses.data() + t_.use_first[at];
      const MtpTerm* end = t_.uses.data() + t_.use_first[at + 1];
      while (use < end) {
        const uint16_t factor = use->factor;
        V part{};
        for (; use < end && use->factor == factor; ++use) part += g[use->left] * M[use->right];
        sum += factors[factor] * part;
      }
      const MtpWeighted* folded = t_.folded_uses.data() + t_.folded_use_first[at];
      const MtpWeighted* folded_end = t_.folded_uses.data() + t_.folded_use_first[at + 1];
      for (; folded < folded_end; ++folded) sum += t_.weights[folded->weight] * M[folded->moment];
      g[k] = sum;
    }
    for (const MtpReductionAdjoint& e : t_.adjoints) {
      V sum = g[e.target];
      if (e.plus >= 0) sum += g[e.plus];
      if (e.minus_x >= 0) sum -= g[e.minus_x];
      if (e.minus_y >= 0) sum -= g[e.minus_y];
      g[e.target] = sum;
    }
  }

  // One coefficient row of Horner's scheme: `count` steps with NF functions each.
  template <int N, int NF>
  GF_INLINE static void horner_steps(int32_t count, const double*& c, const V (&f)[N][max_mtp_radial],
                                     const V (&slope)[N][max_mtp_radial], const V (&y)[N], V (&q)[N],
                                     V (&qy)[N], V (&qr)[N], int32_t n_functions = NF) {
    for (int32_t step = 0; step < count; ++step) {
      V h[N] = {}, hr[N] = {};
      if constexpr (NF > 0) {
        for (int s = 0; s < NF; ++s)
          for (int b = 0; b < N; ++b) h[b] += c[s] * f[b][s], hr[b] += c[s] * slope[b][s];
        c += NF;
      } else {
        for (int s = 0; s < n_functions; ++s)
          for (int b = 0; b < N; ++b) h[b] += c[s] * f[b][s], hr[b] += c[s] * slope[b][s];
        c += n_functions;
      }
      for (int b = 0; b < N; ++b) {
        qy[b] = qy[b] * y[b] + q[b];
        q[b] = q[b] * y[b] + h[b];
        qr[b] = qr[b] * y[b] + hr[b];
      }
    }
  }

  GF_INLINE void differentiate_atom(int64_t i, int a, const double* coefficients) {
    V total[3] = {}, virial[6] = {};
    int64_t v = segments(a, 0);
    const int64_t end = segments(a, S_);
    for (; v + 2 <= end; v += 2) differentiate_vectors<2>(v, coefficients, total, virial);
    if (v < end) differentiate_vectors<1>(v, coefficients, total, virial);
    double sum[9] = {};
    for (int l = 0; l < W; ++l) {
      for (int c = 0; c < 3; ++c) sum[c] += total[c][l];
      for (int c = 0; c < 6; ++c) sum[3 + c] += virial[c][l];
    }
    const int32_t slot = slot_of(static_cast<int32_t>(i));  // may grow the array
    double* own = w_.forces.force.data() + 4 * slot;
    for (int c = 0; c < 3; ++c) own[c] += sum[c];
    if (job_.output.virial)
      for (int c = 0; c < 6; ++c) job_.output.virial[6 * i + c] = -sum[3 + c];
  }

  template <int N>
  GF_INLINE void differentiate_vectors(int64_t v, const double* c, V (&total)[3], V (&virial)[6]) {
    const V* block = blocks_ + v * block_;
    V f[N][max_mtp_radial], slope[N][max_mtp_radial], x[N], y[N], z[N];
    for (int b = 0; b < N; ++b) {
      const V* at = block + b * block_;
      x[b] = at[0], y[b] = at[1], z[b] = at[2];
      for (int64_t s = 0; s < K_; ++s) f[b][s] = at[head + s], slope[b][s] = at[head + K_ + s];
    }
    V value[2][N], along_x[2][N], along_y[2][N], along_r[2][N];
    for (int32_t part = 0; part <= 1; ++part) {
      V p[N] = {}, px[N] = {}, py[N] = {}, pr[N] = {};
      for (int32_t power = t_.max_degree - part; power >= 0; --power) {
        V q[N] = {}, qy[N] = {}, qr[N] = {};
        // Degrees power + part + (b = max ... 0): runs with the same number of functions.
        int32_t degree = t_.max_degree;
        while (degree >= power + part) {
          const int32_t n_functions = t_.functions_of_degree[static_cast<size_t>(degree)];
          int32_t count = 1;
          while (degree - count >= power + part &&
                 t_.functions_of_degree[static_cast<size_t>(degree - count)] == n_functions)
            ++count;
          switch (n_functions) {
            case 1:
              horner_steps<N, 1>(count, c, f, slope, y, q, qy, qr);
              break;
            case 2:
              horner_steps<N, 2>(count, c, f, slope, y, q, qy, qr);
              break;
            case 3:
              horner_steps<N, 3>(count, c, f, slope, y, q, qy, qr);
              break;
            case 4:
              horner_steps<N, 4>(count, c, f, slope, y, q, qy, qr);
              break;
            default:
              horner_steps<N, 0>(count, c, f, slope, y, q, qy, qr, n_functions);
              break;
          }
          degree -= count;
        }
        for (int b = 0; b < N; ++b) {
          px[b] = px[b] * x[b] + p[b];
          p[b] = p[b] * x[b] + q[b];
          py[b] = py[b] * x[b] + qy[b];
          pr[b] = pr[b] * x[b] + qr[b];
        }
      }
      for (int b = 0; b < N; ++b)
        value[part][b] = p[b], along_x[part][b] = px[b], along_y[part][b] = py[b], along_r[part][b] = pr[b];
    }
    for (int b = 0; b < N; ++b) {
      const V* at = block + b * block_;
      const V gx = along_x[0][b] + z[b] * along_x[1][b], gy = along_y[0][b] + z[b] * along_y[1][b];
      const V gz = value[1][b], inverse = at[4], r = at[3];
      V radial = along_r[0][b] + z[b] * along_r[1][b];
      if (t_.repulsive)
        for (int l = 0; l < W; ++l)
          if (r[l] < t_.min_distance) radial[l] += mtp_repulsion_slope(r[l]);
      const V along = x[b] * gx + y[b] * gy + z[b] * gz;
      const V both = radial - along * inverse;
      const V D[3] = {x[b] * both + gx * inverse, y[b] * both + gy * inverse, z[b] * both + gz * inverse};
      for (int k = 0; k < 3; ++k) total[k] += D[k];
      const V rx = x[b] * r, ry = y[b] * r, rz = z[b] * r;
      virial[0] += D[0] * rx;
      virial[1] += D[1] * ry;
      virial[2] += D[2] * rz;
      virial[3] += 0.5 * (D[0] * ry + D[1] * rx);
      virial[4] += 0.5 * (D[0] * rz + D[2] * rx);
      virial[5] += 0.5 * (D[1] * rz + D[2] * ry);
      const int32_t* slot = w_.slot.data() + (v + b) * W;
      double* force = w_.forces.force.data();
      for (int l = 0; l < W; ++l) {
        double* target = force + 4 * slot[l];
        target[0] -= D[0][l];
        target[1] -= D[1][l];
        target[2] -= D[2][l];
      }
    }
  }

  // b_i = dV_i / d(coefficients). `reduced`: g of the reduced moments.
  GF_INLINE void write_gradient(int64_t i, int a, const double* reduced, const V* M, V* mono, double* row) {
    const auto R = static_cast<int64_t>(t_.n_basis);
    const int32_t self = species(i);
    std::fill_n(row, n_, 0.0);
    const int64_t n_sums = (K_ * R + W - 1) / W * W;  // whole vectors of sums
    V* sums = reinterpret_cast<V*>(w_.sums.reserve(static_cast<size_t>(n_sums * W)));
    for (int32_t other = 0; other < S_; ++other) {
      int64_t v = segments(a, other);
      const int64_t end = segments(a, other + 1);
      if (v == end) continue;
      std::fill_n(reinterpret_cast<double*>(sums), n_sums * W, 0.0);
      for (; v + 4 <= end; v += 4) add_gradient_of<4>(blocks_ + v * block_, reduced, mono, sums);
      if (end - v >= 2) add_gradient_of<2>(blocks_ + v * block_, reduced, mono, sums), v += 2;
      if (v < end) add_gradient_of<1>(blocks_ + v * block_, reduced, mono, sums);
      double* c = row + (static_cast<int64_t>(self) * S_ + other) * K_ * R;
      for (int64_t first = 0; first < K_ * R; first += W) {
        V of[W];
        for (int l = 0; l < W; ++l) of[l] = sums[first + l];
        const V sum = L::sums_of_lanes(of);
        for (int64_t k = first; k < std::min(first + W, K_ * R); ++k)
          c[t_.radial_order[static_cast<size_t>(k / R)] * R + k % R] = sum[static_cast<int>(k - first)];
      }
    }
    double* constants = row + static_cast<int64_t>(S_) * S_ * K_ * R;
    constants[self] = 1;
    for (size_t s = 0; s < t_.scalar_moment.size(); ++s)
      constants[static_cast<size_t>(S_) + s] = M[t_.scalar_moment[s]][a];
  }

  // sums[s][xi] += P_s phi_xi of N vectors of neighbors.
  template <int N>
  GF_INLINE void add_gradient_of(const V* block, const double* reduced, V* mono, V* sums) const {
    const auto R = static_cast<int64_t>(t_.n_basis);
    write_monomials<N>(block, mono);
    V angular[max_mtp_radial][N];
    for (int64_t s = 0; s < K_; ++s) {
      const int32_t degree = t_.degree[static_cast<size_t>(s)], n = (degree + 1) * (degree + 1);
      const double* c = reduced + t_.reduced_first[static_cast<size_t>(s)];
      V even[N] = {}, odd[N] = {};
      int32_t u = 0;
      for (; u + 2 <= n; u += 2)
        for (int b = 0; b < N; ++b)
          even[b] += c[u] * mono[u * N + b], odd[b] += c[u + 1] * mono[(u + 1) * N + b];
      for (int b = 0; b < N; ++b) angular[s][b] = even[b] + odd[b];
      if (u < n)
        for (int b = 0; b < N; ++b) angular[s][b] += c[u] * mono[u * N + b];
    }
    const double r_min = t_.min_distance, r_max = t_.max_distance, inverse_width = 1 / (r_max - r_min);
    V before[N], now[N], twice[N];
    for (int b = 0; b < N; ++b) {
      V r = block[b * block_ + 3];
      if (t_.repulsive)
        for (int l = 0; l < W; ++l) r[l] = std::max(r[l], r_min);
      const V x = (2.0 * r - (r_min + r_max)) * inverse_width, d = r - r_max;
      before[b] = t_.scaling * d * d;
      now[b] = before[b] * x;
      twice[b] = x + x;
    }
    for (int64_t xi = 0; xi < R; ++xi) {
      for (int64_t s = 0; s < K_; ++s) {
        V sum = sums[s * R + xi];
        for (int b = 0; b < N; ++b) sum += angular[s][b] * before[b];
        sums[s * R + xi] = sum;
      }
      for (int b = 0; b < N; ++b) {
        const V next = twice[b] * now[b] - before[b];
        before[b] = now[b], now[b] = next;
      }
    }
  }

  GF_INLINE void finish_gradients(int64_t begin, int64_t end) {
    if (job_.output.gradient) std::copy_n(rows_, (end - begin) * n_, job_.output.gradient + begin * n_);
    if (job_.output.grade)
      largest_of_rows(rows_, end - begin, n_, job_.inverse_transposed,
                      w_.product.reserve(static_cast<size_t>((end - begin) * n_)), job_.output.grade + begin);
    if (!job_.output.gradient_sum) return;
    ChunkForces& sums = w_.forces;
    for (int64_t i = begin; i < end; ++i) {
      const int32_t system = job_.batch.system[i];
      if (sums.system.empty() || sums.system.back() != system) {
        sums.system.push_back(system);
        sums.gradient_sum.insert(sums.gradient_sum.end(), static_cast<size_t>(n_), 0.0);
      }
      double* sum = sums.gradient_sum.data() + static_cast<int64_t>(sums.gradient_sum.size()) - n_;
      const double* row = rows_ + (i - begin) * n_;
      for (int64_t l = 0; l < n_; ++l) sum[l] += row[l];
    }
  }

  const MtpLanesJob& job_;
  const MtpTables& t_;
  Worker& w_;
  int64_t K_, block_, n_;
  int32_t S_;
  bool differentiates_, takes_gradient_;
  V* blocks_ = nullptr;
  double* rows_ = nullptr;
  double repulsion_[W] = {};
};

GF_LANES_AVX512 void run_chunk_avx512(const MtpLanesJob& job, Worker& worker, int64_t begin, int64_t end) {
  Schedule<8>(job, worker).run_chunk(begin, end);
}
GF_LANES_AVX2 void run_chunk_avx2(const MtpLanesJob& job, Worker& worker, int64_t begin, int64_t end) {
  Schedule<4>(job, worker).run_chunk(begin, end);
}
void run_chunk_portable(const MtpLanesJob& job, Worker& worker, int64_t begin, int64_t end) {
  Schedule<2>(job, worker).run_chunk(begin, end);
}

}  // namespace

void evaluate_mtp_in_lanes(const MtpLanesJob& job) {
  const Simd simd = simd_of_cpu(job.exec.simd);
  auto* run_chunk = simd == Simd::avx512 ? run_chunk_avx512
                    : simd == Simd::avx2 ? run_chunk_avx2
                                         : run_chunk_portable;
  std::vector<Worker> workers(static_cast<size_t>(std::max(1, job.exec.threads)));
  OrderedSum sum(job.output.force, job.output.gradient_sum, job.model->n_coefficients());
  const int64_t chunk = job.output.grade ? chunk_atoms_of_grades : chunk_atoms;
  parallel_chunks(job.exec.threads, job.batch.n_local, chunk,
                  [&](int64_t begin, int64_t end, int worker_index) {
                    Worker& worker = workers[static_cast<size_t>(worker_index)];
                    if (worker.slot_of_atom.empty())
                      worker.slot_of_atom.assign(static_cast<size_t>(job.batch.n_total), -1);
                    run_chunk(job, worker, begin, end);
                    if (job.output.force || job.output.gradient_sum) sum.add(begin / chunk, worker.forces);
                  });
  for (const Worker& worker : workers) {
    job.too_close->count += static_cast<unsigned long long>(worker.n_close);
    if (worker.first_close >= 0)
      job.too_close->first =
          std::min(job.too_close->first, static_cast<unsigned long long>(worker.first_close));
  }
}

int64_t mtp_lanes_bytes_per_atom(const Exec& exec) {
  return static_cast<int64_t>(sizeof(int32_t)) * std::max(1, exec.threads);
}

}  // namespace grainfield
