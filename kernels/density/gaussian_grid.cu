#include "kernels/density/gaussian_grid.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <numbers>
#include <vector>

#include "host/memory.hpp"
#include "host/primitives.hpp"
#include "kernels/core/launch.hpp"

namespace grainfield {
namespace {

constexpr double kaiser_bessel_b = 25.5;  // smallest pair error for 10 nodes at h = beta / 3: 9e-11

double kaiser_bessel(double u) {
  const double s = 1 - std::pow(2 * u / spread_width, 2);
  return s <= 0
             ? 0.0
             : std::cyl_bessel_i(0, kaiser_bessel_b * std::sqrt(s)) / std::cyl_bessel_i(0, kaiser_bessel_b);
}

// Coefficients of the polynomial of degree spread_degree that interpolates f at the Chebyshev nodes of [-1,
// 1].
template <class F>
std::array<double, spread_degree + 1> fit_polynomial(const F& f) {
  constexpr int n = spread_degree + 1;
  std::array<double, n> chebyshev{}, power{};
  for (int m = 0; m < n; ++m)
    for (int k = 0; k < n; ++k) {
      const double angle = std::numbers::pi * (k + 0.5) / n;
      chebyshev[static_cast<size_t>(m)] +=
          (m == 0 ? 1.0 : 2.0) / n * f(std::cos(angle)) * std::cos(m * angle);
    }
  // T_{m+1} = 2 t T_m - T_{m-1}, in powers of t.
  std::array<double, n> before{}, now{};
  now[0] = 1;
  for (int m = 0; m < n; ++m) {
    for (size_t p = 0; p < n; ++p) power[p] += chebyshev[static_cast<size_t>(m)] * now[p];
    std::array<double, n> next{};
    for (size_t p = 0; p < n; ++p) next[p] = (p > 0 ? (m == 0 ? 1.0 : 2.0) * now[p - 1] : 0.0) - before[p];
    before = m == 0 ? std::array<double, n>{1} : now;
    now = next;
  }
  return power;
}

GaussianGridTables make_tables() {
  GaussianGridTables tables{};
  for (int k = 0; k < spread_width; ++k) {
    // An atom at fraction f of its interval is k - (width / 2 - 1) - f nodes from node k of its window.
    const auto power =
        fit_polynomial([&](double t) { return kaiser_bessel(k - (spread_width / 2 - 1) - (t + 1) / 2); });
    for (size_t d = 0; d <= spread_degree; ++d) tables.phi[d][k] = power[d];
  }
  // Midpoint rules: the transform of a function that vanishes smoothly enough at both ends, and a Gaussian.
  constexpr int n_u = 2000, n_k = 256;
  std::vector<double> phi(n_u);
  const double du = spread_width / static_cast<double>(n_u);
  for (int m = 0; m < n_u; ++m)
    phi[static_cast<size_t>(m)] = kaiser_bessel(-spread_width / 2.0 + (m + 0.5) * du);
  for (int q = 0; q < n_k; ++q) {
    const double k = std::numbers::pi * (q + 0.5) / n_k;
    double transform = 0;
    for (int m = 0; m < n_u; ++m)
      transform += phi[static_cast<size_t>(m)] * std::cos(k * (-spread_width / 2.0 + (m + 0.5) * du)) * du;
    const double gaussian = nodes_per_beta * std::sqrt(2 * std::numbers::pi) *
                            std::exp(-0.5 * nodes_per_beta * nodes_per_beta * k * k);
    for (int j = 0; j <= smooth_reach; ++j)
      tables.psi[j] += gaussian / (transform * transform) * std::cos(j * k) / n_k;
  }
  return tables;
}

// ---- The CPU's schedules
// ------------------------------------------------------------------------------------------

// Four doubles that the compiler keeps in one AVX2 register (or two of SSE2). The loops over spread_lanes of
// the plain kernels are too short for it to vectorise well by itself.
typedef double Lanes __attribute__((vector_size(32)));
constexpr int lane_groups = spread_lanes / 4;

// Always inlined, so how a vector is returned never matters: the warning about it is off.
#pragma GCC diagnostic ignored "-Wpsabi"
inline __attribute__((always_inline)) Lanes load(const double* p) {
  Lanes v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

// phi at the nodes of the windows along x, y and z of the point p, and the first nodes' numbers in the piece.
struct Windows {
  Lanes x[lane_groups];
  alignas(32) double y[spread_lanes], z[spread_lanes];
  int64_t from[3];

  __attribute__((always_inline)) Windows(const GridPiece& grid, const GaussianGridTables& tables, Vec3 p) {
    const double inverse_h = 1 / grid.h;
    Lanes w[3][lane_groups];
    for (int k = 0; k < 3; ++k) {
      double t;
      from[k] = window_of(p[grid.axis[k]], inverse_h, &t) - grid.first[k];
      for (int g = 0; g < lane_groups; ++g) w[k][g] = load(tables.phi[spread_degree] + 4 * g);
      for (int d = spread_degree - 1; d >= 0; --d)
        for (int g = 0; g < lane_groups; ++g) w[k][g] = w[k][g] * t + load(tables.phi[d] + 4 * g);
    }
    std::memcpy(x, w[0], sizeof x);
    std::memcpy(y, w[1], sizeof y);
    std::memcpy(z, w[2], sizeof z);
  }
};

bool holds_window(const GridPiece& grid, const int64_t* from) {
  return from[0] >= 0 && from[1] >= 0 && from[2] >= 0 && from[0] + spread_lanes <= grid.n[0] &&
         from[1] + spread_width <= grid.n[1] && from[2] + spread_width <= grid.n[2];
}

// What of a window lies in the piece.
void scatter_part(const Windows& w, double scale, const GridPiece& grid, double* value) {
  double x[spread_lanes];
  std::memcpy(x, w.x, sizeof x);
  const auto begin = [&](int k) { return std::max<int64_t>(0, -w.from[k]); };
  const auto end = [&](int k) { return std::min<int64_t>(spread_width, grid.n[k] - w.from[k]); };
  for (int64_t c = begin(2); c < end(2); ++c)
    for (int64_t b = begin(1); b < end(1); ++b)
      for (int64_t a = begin(0); a < end(0); ++a)
        value[grid.at(w.from[0] + a, w.from[1] + b, w.from[2] + c)] += scale * w.z[c] * w.y[b] * x[a];
}

GF_SIMD_CLONES void scatter_atoms(const BatchView& batch, const int32_t* atoms, int64_t n_atoms,
                                  const double* weight, const GridPiece& grid,
                                  const GaussianGridTables& tables, double* value) {
  for (int64_t m = 0; m < n_atoms; ++m) {
    const int32_t i = atoms[m];
    const Windows w(grid, tables, batch.position(i));
    const double scale = weight ? weight[i] : 1.0;
    if (!holds_window(grid, w.from)) {
      scatter_part(w, scale, grid, value);
      continue;
    }
    double* corner = value + grid.at(w.from[0], w.from[1], w.from[2]);
    for (int c = 0; c < spread_width; ++c)
      for (int b = 0; b < spread_width; ++b) {
        double* row = corner + (c * grid.n[1] + b) * grid.n[0];
        const double wcb = scale * w.z[c] * w.y[b];
        for (int g = 0; g < lane_groups; ++g) {
          const Lanes sum = load(row + 4 * g) + wcb * w.x[g];
          std::memcpy(row + 4 * g, &sum, sizeof sum);
        }
      }
  }
}

constexpr int64_t line_block =
    32;  // lines smoothed together; with their margins they stay in the second-level cache

// Several lines side by side: out[k][lane] = sum_j psi_j in[k +- j][lane]; `in` has smooth_reach zero rows
// before and after.
GF_SIMD_CLONES void smooth_lines(const double* in, int64_t n, const double* psi, double* out,
                                 int64_t out_stride, int64_t n_lanes) {
  for (int64_t k = 0; k < n; ++k) {
    const double* centre = in + (k + smooth_reach) * line_block;
    double sum[line_block];
    for (int64_t l = 0; l < line_block; ++l) sum[l] = psi[0] * centre[l];
    for (int64_t j = 1; j <= smooth_reach; ++j)
      for (int64_t l = 0; l < line_block; ++l)
        sum[l] += psi[j] * (centre[l - j * line_block] + centre[l + j * line_block]);
    for (int64_t l = 0; l < n_lanes; ++l) out[k * out_stride + l] = sum[l];
  }
}

// One contiguous line: out[k] = sum_j psi_j line[k +- j]; `line` has smooth_reach zeros before and after.
GF_SIMD_CLONES void smooth_line(const double* line, int64_t n, const double* psi, double* out) {
  constexpr int64_t lanes = line_block;
  for (int64_t k = 0; k < n; k += lanes) {
    const double* centre = line + smooth_reach + k;
    double sum[lanes];
    for (int64_t l = 0; l < lanes; ++l) sum[l] = psi[0] * centre[l];
    for (int64_t j = 1; j <= smooth_reach; ++j)
      for (int64_t l = 0; l < lanes; ++l) sum[l] += psi[j] * (centre[l - j] + centre[l + j]);
    const int64_t m = n - k < lanes ? n - k : lanes;
    for (int64_t l = 0; l < m; ++l) out[k + l] = sum[l];
  }
}

// Tiles of 16 x 16 nodes across y and z, whole lines along x. An atom of a tile writes into this tile and the
// next ones only, so tiles of one colour (parity of their numbers) never touch the same node.
constexpr int64_t tile_edge = 16;
static_assert(tile_edge >= spread_width);

void spread_tiles(const Exec& exec, const BatchView& batch, const double* weight, const GridPiece& grid,
                  const GaussianGridTables* tables, bool add, double* value) {
  const int64_t tiles_y = (grid.n[1] + tile_edge - 1) / tile_edge,
                tiles_z = (grid.n[2] + tile_edge - 1) / tile_edge;
  const int64_t columns = (grid.n[0] + 31) / 32;  // along x atoms are only put in order, for the cache
  const auto n = static_cast<int64_t>(batch.n_total);
  const int64_t n_tiles = tiles_y * tiles_z;
  const uint32_t outside = static_cast<uint32_t>(n_tiles * columns);
  std::vector<uint32_t> key(static_cast<size_t>(n));
  std::vector<int32_t> atom(static_cast<size_t>(n));
  const double inverse_h = 1 / grid.h;
  parallel_for(
      exec.threads, n,
      [&](int64_t i) {
        const Vec3 p = batch.position(i);
        int64_t from[3];
        bool inside = true;
        for (int k = 0; k < 3; ++k) {
          double t;
          from[k] = window_of(p[grid.axis[k]], inverse_h, &t) - grid.first[k];
          inside = inside && from[k] > -spread_width && from[k] < grid.n[k];
          // A window that begins before the piece is the first tile's.
          from[k] = std::max<int64_t>(0, from[k]);
        }
        key[static_cast<size_t>(i)] =
            inside ? static_cast<uint32_t>((from[2] / tile_edge * tiles_y + from[1] / tile_edge) * columns +
                                           from[0] / 32)
                   : outside;
        atom[static_cast<size_t>(i)] = static_cast<int32_t>(i);
      },
      8192);
  Exec host = exec;
  host.processor = Processor::cpu;
  sort_by_key(host, n, key.data(), atom.data());
  std::vector<int64_t> first(static_cast<size_t>(n_tiles) + 1);
  for (int64_t tile = 0; tile <= n_tiles; ++tile)
    first[static_cast<size_t>(tile)] =
        std::lower_bound(key.begin(), key.end(), static_cast<uint32_t>(tile * columns)) - key.begin();
  if (!add)
    parallel_chunks(exec.threads, grid.n_nodes(), 1 << 18,
                    [&](int64_t begin, int64_t end, int) { std::fill(value + begin, value + end, 0.0); });
  for (int colour = 0; colour < 4; ++colour) {
    const int64_t odd_y = colour & 1, odd_z = colour >> 1;
    const int64_t ny = (tiles_y - odd_y + 1) / 2, nz = (tiles_z - odd_z + 1) / 2;
    parallel_for(
        exec.threads, ny * nz,
        [&](int64_t m) {
          const int64_t tile = (2 * (m / ny) + odd_z) * tiles_y + 2 * (m % ny) + odd_y;
          const int64_t begin = first[static_cast<size_t>(tile)], end = first[static_cast<size_t>(tile) + 1];
          scatter_atoms(batch, atom.data() + begin, end - begin, weight, grid, *tables, value);
        },
        1);
  }
}

void smooth_rows(const Exec& exec, const GridPiece& grid, const GaussianGridTables& tables, double* value) {
  const int64_t nx = grid.n[0];
  const HostScratch scratch(exec.threads,
                            static_cast<size_t>(nx + 2 * smooth_reach + line_block) * sizeof(double));
  parallel_chunks(exec.threads, grid.n[1] * grid.n[2], 16, [&](int64_t begin, int64_t end, int worker) {
    auto* line = static_cast<double*>(scratch.of(worker));
    std::fill(line, line + smooth_reach, 0.0);
    for (int64_t row = begin; row < end; ++row) {
      std::copy(value + row * nx, value + (row + 1) * nx, line + smooth_reach);
      std::fill(line + smooth_reach + nx, line + nx + 2 * smooth_reach + line_block, 0.0);
      smooth_line(line, nx, tables.psi, value + row * nx);
    }
  });
}

// Along axis 1 or 2, from `from` to `to`, a part of it along that axis; lines are copied before they are
// written, so in = out will do where both are the same.
void smooth_lines_along(const Exec& exec, int axis, const GridPiece& from, const GridPiece& to,
                        const GaussianGridTables& tables, const double* in, double* out) {
  constexpr int64_t block = line_block;
  const int64_t nx = to.n[0], n = to.n[axis], stride = axis == 1 ? nx : nx * to.n[1];
  const int64_t others = axis == 1 ? to.n[2] : to.n[1];
  const int64_t other_stride_in = axis == 1 ? nx * from.n[1] : nx, other_stride = axis == 1 ? nx * n : nx;
  const int64_t x_blocks = (nx + block - 1) / block;
  // Rows of the lines: those of `out` and smooth_reach on either side, of which `in` holds [held, end).
  const int64_t rows = n + 2 * smooth_reach, first = to.first[axis] - from.first[axis] - smooth_reach;
  const int64_t held = std::max<int64_t>(0, -first), end = std::min(rows, from.n[axis] - first);
  const HostScratch scratch(exec.threads, static_cast<size_t>(rows * block) * sizeof(double));
  parallel_chunks(exec.threads, others * x_blocks, 4, [&](int64_t begin, int64_t stop, int worker) {
    auto* lines = static_cast<double*>(scratch.of(worker));
    for (int64_t m = begin; m < stop; ++m) {
      const int64_t x0 = m % x_blocks * block, other = m / x_blocks;
      const int64_t lanes = std::min(block, nx - x0);
      const double* source = in + other * other_stride_in + x0;
      std::fill(lines, lines + rows * block, 0.0);
      for (int64_t k = held; k < end; ++k)
        std::copy(source + (first + k) * stride, source + (first + k) * stride + lanes, lines + k * block);
      smooth_lines(lines, n, tables.psi, out + other * other_stride + x0, stride, lanes);
    }
  });
}

GF_SIMD_CLONES void gather_range(const GatherAtPoint& kernel, int64_t begin, int64_t end) {
  const GridPiece& grid = kernel.grid;
  for (int64_t i = begin; i < end; ++i) {
    const Windows w(grid, *kernel.tables, kernel.points ? kernel.points[i] : kernel.batch.position(i));
    const double* corner = kernel.value + grid.at(w.from[0], w.from[1], w.from[2]);
    Lanes lanes[lane_groups] = {};
    for (int c = 0; c < spread_width; ++c)
      for (int b = 0; b < spread_width; ++b) {
        const double* row = corner + (c * grid.n[1] + b) * grid.n[0];
        const double wcb = w.z[c] * w.y[b];
        for (int g = 0; g < lane_groups; ++g) lanes[g] += wcb * load(row + 4 * g);
      }
    Lanes sum = lanes[0] * w.x[0];
    for (int g = 1; g < lane_groups; ++g) sum += lanes[g] * w.x[g];
    kernel.rho[i] = kernel.peak * ((sum[0] + sum[1]) + (sum[2] + sum[3]));
  }
}

}  // namespace

const GaussianGridTables& gaussian_grid_tables() {
  static const GaussianGridTables tables = make_tables();
  return tables;
}

GridPiece grid_piece_for(double beta, Vec3 lo, Vec3 hi, int across) {
  GridPiece grid;
  grid.h = beta / nodes_per_beta;
  std::swap(grid.axis[across], grid.axis[2]);
  const int64_t margin = spread_width / 2 + smooth_reach;
  for (int k = 0; k < 3; ++k) {
    const int d = grid.axis[k];
    grid.first[k] = static_cast<int64_t>(std::floor(lo[d] / grid.h)) - margin;
    const auto last = static_cast<int64_t>(std::floor(hi[d] / grid.h)) + margin + 1;
    // Room for rows of spread_lanes nodes from any window.
    grid.n[k] = last - grid.first[k] + 1 + (k == 0 ? spread_lanes - spread_width : 0);
  }
  return grid;
}

void spread_on_grid(const Exec& exec, const BatchView& batch, const CellView& cells, int32_t system,
                    const double* weight, const GridPiece& grid, const GaussianGridTables* tables, bool add,
                    double* value) {
  if (exec.on_gpu()) {
    const SpreadToTile kernel{batch, cells, system, weight, grid, tables, add, value};
    return for_each<32>(exec, kernel.n_tiles(), kernel, SpreadToTile::scratch_bytes);
  }
  if (exec.plain)
    return for_each(exec, grid.n_nodes(),
                    SpreadToNode{batch, cells, system, weight, grid, tables, add, value});
  spread_tiles(exec, batch, weight, grid, tables, add, value);
}

void smooth_in_planes(const Exec& exec, const GridPiece& grid, const GaussianGridTables* tables,
                      double* value, double* other) {
  if (exec.on_gpu() || exec.plain) {
    for_each(exec, grid.n_nodes(), SmoothAxis{grid, grid, 0, tables, value, other});
    for_each(exec, grid.n_nodes(), SmoothAxis{grid, grid, 1, tables, other, value});
  } else {
    smooth_rows(exec, grid, *tables, value);
    smooth_lines_along(exec, 1, grid, grid, *tables, value, value);
  }
}

void smooth_across_planes(const Exec& exec, const GridPiece& from, const GridPiece& to,
                          const GaussianGridTables* tables, const double* in, double* out) {
  if (exec.on_gpu() || exec.plain)
    for_each(exec, to.n_nodes(), SmoothAxis{from, to, 2, tables, in, out});
  else
    smooth_lines_along(exec, 2, from, to, *tables, in, out);
}

void smooth_grid(const Exec& exec, const GridPiece& grid, const GaussianGridTables* tables, double* value,
                 double* other) {
  smooth_in_planes(exec, grid, tables, value, other);
  if (!exec.on_gpu() && !exec.plain) return smooth_across_planes(exec, grid, grid, tables, value, value);
  smooth_across_planes(exec, grid, grid, tables, value, other);
  copy_within(exec, value, other, static_cast<size_t>(grid.n_nodes()) * sizeof(double));
}

void gather_from_grid(const Exec& exec, const GatherAtPoint& kernel, int64_t n_points) {
  if (exec.on_gpu() || exec.plain) return for_each(exec, n_points, kernel);
  for_each_range(exec, n_points, 512,
                 [&](int64_t begin, int64_t end, int) { gather_range(kernel, begin, end); });
}

}  // namespace grainfield
