// The CPU's schedule of Voronoi cells; voronoi_simd.cpp includes it once for each instruction set, in a
// namespace of its own.
//
// SmallVoronoiCell is the same polyhedron as VoronoiCell, with the same steps in the same order and to the
// same bits, for cells of at most 64 vertices: sets of vertices are the bits of one word, and distances of
// vertices from a plane are taken eight at a time. It tries one tolerance only: cells with a cut that has no
// single ring are left to VoronoiFromCells, as are those that need more memory or more neighbors.

// Eight lanes: one AVX-512 register, or what the compiler makes of them elsewhere.
typedef double Lanes8 __attribute__((vector_size(64)));
typedef int64_t Bits8 __attribute__((vector_size(64)));

// Bit l of the result: lane l of a comparison.
inline uint64_t bits_of(Bits8 comparison) {
#if GF_VORONOI_LANES == 512
  return _mm512_movepi64_mask(reinterpret_cast<__m512i>(comparison));
#elif GF_VORONOI_LANES == 256
  __m256d half[2];
  std::memcpy(half, &comparison, 64);
  return static_cast<uint64_t>(_mm256_movemask_pd(half[0]) | _mm256_movemask_pd(half[1]) << 4);
#else
  uint64_t bits = 0;
  for (int l = 0; l < 8; ++l) bits |= static_cast<uint64_t>(comparison[l] & 1) << l;
  return bits;
#endif
}
// `value` in the lanes whose bit is set, else 0.
inline Lanes8 where_bit(uint64_t bits, Lanes8 value) {
#if GF_VORONOI_LANES == 512
  return _mm512_maskz_mov_pd(static_cast<__mmask8>(bits), value);
#else
  const Bits8 lane = {1, 2, 4, 8, 16, 32, 64, 128};
  return ((Bits8{} + static_cast<int64_t>(bits)) & lane) != 0 ? value : Lanes8{};
#endif
}
inline double largest_of(Lanes8 v) {
#if GF_VORONOI_LANES == 512
  return _mm512_reduce_max_pd(v);
#else
  double most = v[0];
  for (int l = 1; l < 8; ++l) most = v[l] > most ? v[l] : most;
  return most;
#endif
}

#if GF_VORONOI_LANES == 256
// GCC 12 takes comparisons of vectors wider than the processor's apart into scalars: four lanes in its own
// words.
inline uint64_t mask_of(__m256d comparison) { return static_cast<uint64_t>(_mm256_movemask_pd(comparison)); }
// All bits of the lanes whose bit is set.
inline __m256d lanes_of(uint64_t bits) {
  const __m256i lane = _mm256_setr_epi64x(1, 2, 4, 8);
  const __m256i set = _mm256_and_si256(_mm256_set1_epi64x(static_cast<int64_t>(bits)), lane);
  return _mm256_castsi256_pd(_mm256_cmpeq_epi64(set, lane));
}
#endif

struct alignas(64) SmallVoronoiCell {
  static constexpr int max_vertices = 64;
  static constexpr int max_planes = 128;

  double x[max_vertices], y[max_vertices], z[max_vertices], s[max_vertices];
  double nx[max_planes], ny[max_planes], nz[max_planes], d[max_planes];
  double ax[max_planes], ay[max_planes], az[max_planes];
  int32_t id[max_planes], n_edges[max_planes], edge_of[max_planes];
  uint8_t plane[4 * max_vertices], twin[4 * max_vertices];
  uint8_t start[max_planes];
  uint8_t list[3 * max_vertices + 64];
  uint8_t byte_numbers[64];
  uint64_t alive = 0;
  int32_t n_planes = 0;
  double half_edge = 0, surface = 0;

  SmallVoronoiCell() {
    std::memset(static_cast<void*>(x), 0, sizeof x + sizeof y + sizeof z + sizeof s);
    alignas(16) unsigned char memory[VoronoiCell::bytes(64, 64)];
    VoronoiCell cube(memory, 64, 64);
    cube.begin(1);
    for (int v = 0; v < 8; ++v) {
      cube_x[v] = cube.x[v], cube_y[v] = cube.y[v], cube_z[v] = cube.z[v];
      for (int k = 0; k < 3; ++k) {
        cube_plane_of[4 * v + k] = static_cast<uint8_t>(cube.plane[4 * v + k]);
        cube_twin[4 * v + k] = static_cast<uint8_t>(cube.twin[4 * v + k]);
      }
      cube_plane_of[4 * v + 3] = cube_twin[4 * v + 3] = 0;
    }
    for (int k = 0; k < 64; ++k) byte_numbers[k] = static_cast<uint8_t>(k);
    for (int k = 0; k < 4 * max_vertices; ++k) twin[k] = plane[k] = 0;
    for (int p = 0; p < 6; ++p)
      nx[p] = cube.nx[p], ny[p] = cube.ny[p], nz[p] = cube.nz[p], id[p] = cube.id[p];
  }

  void begin(double half) {
    half_edge = half;
    n_planes = 6;
    alive = 0xff;
    for (int v = 0; v < 8; ++v) x[v] = half * cube_x[v], y[v] = half * cube_y[v], z[v] = half * cube_z[v];
    std::memcpy(plane, cube_plane_of, sizeof cube_plane_of);
    std::memcpy(twin, cube_twin, sizeof cube_twin);
    for (int p = 0; p < 6; ++p) d[p] = half;
  }

  using Cut = VoronoiCell::Cut;

  Cut cut(Vec3 n, double distance, int32_t owner) {
    const int blocks = (71 - __builtin_clzll(alive)) >> 3;  // of eight vertices
    const double tolerance = VoronoiTolerance::touch * half_edge;
    uint64_t outside = 0;
#if GF_VORONOI_LANES == 256
    const __m256d normal_x = _mm256_set1_pd(n.x), normal_y = _mm256_set1_pd(n.y),
                  normal_z = _mm256_set1_pd(n.z), at = _mm256_set1_pd(distance),
                  touching = _mm256_set1_pd(tolerance);
    for (int v = 0; v < 8 * blocks; v += 4) {
      const __m256d sum = _mm256_add_pd(_mm256_add_pd(_mm256_mul_pd(normal_x, _mm256_load_pd(x + v)),
                                                      _mm256_mul_pd(normal_y, _mm256_load_pd(y + v))),
                                        _mm256_mul_pd(normal_z, _mm256_load_pd(z + v)));
      const __m256d beyond = _mm256_sub_pd(sum, at);
      _mm256_store_pd(s + v, beyond);
      outside |= mask_of(_mm256_cmp_pd(beyond, touching, _CMP_GT_OQ)) << v;
    }
#else
    for (int b = 0; b < blocks; ++b) {
      Lanes8 vx, vy, vz;
      std::memcpy(&vx, x + 8 * b, 64);
      std::memcpy(&vy, y + 8 * b, 64);
      std::memcpy(&vz, z + 8 * b, 64);
      const Lanes8 beyond = n.x * vx + n.y * vy + n.z * vz - distance;
      std::memcpy(s + 8 * b, &beyond, 64);
      outside |= bits_of(beyond > tolerance) << (8 * b);
    }
#endif
    outside &= alive;
    if (outside == 0) return Cut::none;
    return remove(outside, n, distance, owner);
  }

  double radius_sq() const {
    const int blocks = (71 - __builtin_clzll(alive)) >> 3;
#if GF_VORONOI_LANES == 256
    __m256d most = _mm256_setzero_pd();
    for (int v = 0; v < 8 * blocks; v += 4) {
      const __m256d vx = _mm256_load_pd(x + v), vy = _mm256_load_pd(y + v), vz = _mm256_load_pd(z + v);
      const __m256d r_sq =
          _mm256_add_pd(_mm256_add_pd(_mm256_mul_pd(vx, vx), _mm256_mul_pd(vy, vy)), _mm256_mul_pd(vz, vz));
      most = _mm256_max_pd(_mm256_and_pd(lanes_of(alive >> v), r_sq), most);
    }
    const __m128d two = _mm_max_pd(_mm256_castpd256_pd128(most), _mm256_extractf128_pd(most, 1));
    return _mm_cvtsd_f64(_mm_max_sd(two, _mm_unpackhi_pd(two, two)));
#else
    Lanes8 most{};
    for (int b = 0; b < blocks; ++b) {
      Lanes8 vx, vy, vz;
      std::memcpy(&vx, x + 8 * b, 64);
      std::memcpy(&vy, y + 8 * b, 64);
      std::memcpy(&vz, z + 8 * b, 64);
      const Lanes8 r_sq = vx * vx + vy * vy + vz * vz;
      const Lanes8 of_alive = where_bit(alive >> (8 * b), r_sq);
      most = of_alive > most ? of_alive : most;
    }
    return largest_of(most);
#endif
  }

  VoronoiResult measure(const VoronoiCounts& rules) {
    VoronoiResult result;
    const double radius2 = radius_sq();
    result.radius = std::sqrt(radius2);
    const double shortest_sq = rules.edge_threshold * rules.edge_threshold * radius2;
    for (int p = 0; p < n_planes; ++p) {
      ax[p] = ay[p] = az[p] = 0;
      n_edges[p] = 0;
      edge_of[p] = -1;
    }
    int n = 0;
    for (uint64_t bits = alive; bits != 0; bits &= bits - 1) {
      const int v = __builtin_ctzll(bits);
      for (int k = 0; k < 3; ++k) {
        list[n] = static_cast<uint8_t>(4 * v + k);
        n += twin[4 * v + k] >> 2 >= v ? 1 : 0;
      }
    }
    for (int m = 0; m < n; ++m) {
      const int e = list[m], v = e >> 2, t = twin[e], u = t >> 2, p = plane[e], q = plane[t];
      const double cx = y[v] * z[u] - z[v] * y[u];
      const double cy = z[v] * x[u] - x[v] * z[u];
      const double cz = x[v] * y[u] - y[v] * x[u];
      ax[q] += cx, ay[q] += cy, az[q] += cz;
      ax[p] -= cx, ay[p] -= cy, az[p] -= cz;
      const double lx = x[u] - x[v], ly = y[u] - y[v], lz = z[u] - z[v];
      const int long_enough = lx * lx + ly * ly + lz * lz > shortest_sq ? 1 : 0;
      n_edges[p] += long_enough;
      n_edges[q] += long_enough;
      edge_of[q] = e;
      edge_of[p] = t;
    }
    VoronoiCell::finish_faces(*this, rules, shortest_sq, result);
    return result;
  }

 private:
  double cube_x[8], cube_y[8], cube_z[8];
  uint8_t cube_plane_of[32], cube_twin[32];

  // The edges from vertices outside to vertices inside, ascending, to `list`.
  int list_cut_edges(uint64_t outside) {
    int n = 0;
#if GF_VORONOI_LANES == 512
    const int blocks = (79 - __builtin_clzll(outside)) >> 4;  // of 16 vertices
    for (int b = 0; b < blocks; ++b) {
      const __m512i end =
          _mm512_and_si512(_mm512_srli_epi16(_mm512_loadu_si512(twin + 64 * b), 2), _mm512_set1_epi8(63));
      const uint64_t ends_outside =
          _mm512_bitshuffle_epi64_mask(_mm512_set1_epi64(static_cast<int64_t>(outside)), end);
      const uint64_t of_outside = 7 * _pdep_u64(outside >> (16 * b), 0x1111111111111111);
      const uint64_t cut_edges = of_outside & ~ends_outside;
      const __m512i numbers =
          _mm512_add_epi8(_mm512_loadu_si512(byte_numbers), _mm512_set1_epi8(static_cast<char>(64 * b)));
      _mm512_storeu_si512(list + n, _mm512_maskz_compress_epi8(cut_edges, numbers));
      n += __builtin_popcountll(cut_edges);
    }
#else
    for (uint64_t bits = outside; bits != 0; bits &= bits - 1) {
      const int v = __builtin_ctzll(bits);
      for (int k = 0; k < 3; ++k) {
        list[n] = static_cast<uint8_t>(4 * v + k);
        n += static_cast<int>(~(outside >> (twin[4 * v + k] >> 2)) & 1);
      }
    }
#endif
    return n;
  }

  Cut remove(uint64_t outside, Vec3 n, double distance, int32_t owner) {
    if (outside == alive) return Cut::empty;
    const int n_cut = list_cut_edges(outside);
    if (__builtin_popcountll(alive) + n_cut > max_vertices || n_planes == max_planes) return Cut::overflow;

    const int h = n_planes;
    uint64_t free = ~alive;
    const int first_new = __builtin_ctzll(free);
    for (int k = 0; k < n_cut; ++k) {
      const int a = __builtin_ctzll(free);
      free &= free - 1;
      const int e = list[k], v = e >> 2, from_u = twin[e], u = from_u >> 2;
      uint32_t planes;  // of v, so that those of the edge come first
      std::memcpy(&planes, plane + 4 * v, 4);
      planes = (planes | planes << 24) >> (8 * (e & 3)) & 0xffff;
      const double su = s[u], part = (su < 0 ? su : 0.0) / (su - s[v]);
      x[a] = x[u] + part * (x[v] - x[u]);
      y[a] = y[u] + part * (y[v] - y[u]);
      z[a] = z[u] + part * (z[v] - z[u]);
      start[planes & 0xff] = static_cast<uint8_t>(a);
      planes |= static_cast<uint32_t>(h) << 16;
      std::memcpy(plane + 4 * a, &planes, 4);
      twin[4 * a] = static_cast<uint8_t>(from_u);
    }
    // The ring, which has to take in every new vertex.
    int length = 0, a = first_new;
    while (length < n_cut) {
      const int b = start[plane[4 * a + 1]];
      twin[4 * a + 1] = static_cast<uint8_t>(4 * b + 2);
      twin[4 * b + 2] = static_cast<uint8_t>(4 * a + 1);
      twin[twin[4 * a]] = static_cast<uint8_t>(4 * a);
      a = b;
      ++length;
      if (a == first_new) break;
    }
    const uint64_t added = ~alive & ~free;
    if (__builtin_expect(length != n_cut || a != first_new, 0)) {
      for (int k = 0; k < n_cut; ++k) twin[twin[list[k]]] = list[k];  // as before
      return Cut::failed;
    }
    alive = (alive & ~outside) | added;
    nx[h] = n.x;
    ny[h] = n.y;
    nz[h] = n.z;
    d[h] = distance;
    id[h] = owner;
    ++n_planes;
    return Cut::cut;
  }
};

// The neighbors of one atom, relative to it, and their order of distance.
struct alignas(64) SortedNeighbors {
  static constexpr int capacity = 128;
  double x[capacity], y[capacity], z[capacity], d_sq[capacity];
  double sorted[capacity + 8], distance[capacity], inverse[capacity];  // in order of d_sq
  int64_t rank[capacity];
  int32_t j[capacity];
  uint8_t order[capacity];
  int n = 0;

  SortedNeighbors() {
    for (int k = 0; k < capacity + 8; ++k) sorted[k] = 0;
  }

  bool before(int a, int b) const {
    if (d_sq[a] != d_sq[b]) return d_sq[a] < d_sq[b];
    if (x[a] != x[b]) return x[a] < x[b];
    if (y[a] != y[b]) return y[a] < y[b];
    return z[a] < z[b];
  }

  void keep_within(double radius) {
    int kept = 0;
    for (int k = 0; k < n; ++k) {
      if (!(d_sq[k] < radius * radius)) continue;
      j[kept] = j[k], x[kept] = x[k], y[kept] = y[k], z[kept] = z[k], d_sq[kept] = d_sq[k];
      ++kept;
    }
    n = kept;
  }

  // false: more than fit.
  bool gather(const BatchView& batch, const NeighborView& neighbors, double radius, int64_t i) {
    const int64_t begin = neighbors.begin(i), n_listed = neighbors.end(i) - begin;
    if (n_listed > capacity) return false;
    const double xi = batch.x[i], yi = batch.y[i], zi = batch.z[i];
    const int32_t* row = neighbors.index + begin;
    n = static_cast<int>(n_listed);
    for (int k = 0; k < n; ++k) {
      const int32_t m = row[k];
      j[k] = m;
      x[k] = batch.x[m] - xi;
      y[k] = batch.y[m] - yi;
      z[k] = batch.z[m] - zi;
      d_sq[k] = x[k] * x[k] + y[k] * y[k] + z[k] * z[k];
    }
    if (neighbors.cutoff > radius) keep_within(radius);  // another analysis needs a longer list
    const int blocks = (n + 7) / 8;
    for (int k = n; k < 8 * blocks; ++k) d_sq[k] = std::numeric_limits<double>::max();
      // The rank of an atom is the number of nearer ones; of equal ones, the earlier is nearer.
#if GF_VORONOI_LANES == 256
    for (int m = 0; m < 8 * blocks; m += 4) {
      const __m256d mine = _mm256_load_pd(d_sq + m);
      const __m256i lane = _mm256_setr_epi64x(0, 1, 2, 3);
      __m256i lower = _mm256_setzero_si256();
      const auto count = [&](__m256d nearer) {
        lower = _mm256_sub_epi64(lower, _mm256_castpd_si256(nearer));
      };
      const int before_end = n < m ? n : m, here = n < m + 4 ? n : m + 4;
      for (int k = 0; k < before_end; ++k) count(_mm256_cmp_pd(mine, _mm256_set1_pd(d_sq[k]), _CMP_GE_OQ));
      for (int k = before_end; k < here; ++k) {
        const __m256d other = _mm256_set1_pd(d_sq[k]);
        const __m256d later = _mm256_castsi256_pd(_mm256_cmpgt_epi64(lane, _mm256_set1_epi64x(k - m)));
        count(_mm256_or_pd(_mm256_cmp_pd(mine, other, _CMP_GT_OQ),
                           _mm256_and_pd(_mm256_cmp_pd(mine, other, _CMP_EQ_OQ), later)));
      }
      for (int k = here; k < n; ++k) count(_mm256_cmp_pd(mine, _mm256_set1_pd(d_sq[k]), _CMP_GT_OQ));
      _mm256_store_si256(reinterpret_cast<__m256i*>(rank + m), lower);
    }
#else
    const Bits8 lane = {0, 1, 2, 3, 4, 5, 6, 7};
    for (int b = 0; b < blocks; ++b) {
      Lanes8 mine;
      std::memcpy(&mine, d_sq + 8 * b, 64);
      Bits8 lower{};
      const int here = n < 8 * b + 8 ? n : 8 * b + 8;
      for (int k = 0; k < 8 * b; ++k) lower -= mine >= d_sq[k];
      for (int k = 8 * b; k < here; ++k) lower -= (mine > d_sq[k]) | ((mine == d_sq[k]) & (lane > k - 8 * b));
      for (int k = here; k < n; ++k) lower -= mine > d_sq[k];
      std::memcpy(rank + 8 * b, &lower, 64);
    }
#endif
    for (int k = 0; k < n; ++k) {
      const int64_t at = rank[k];
      order[at] = static_cast<uint8_t>(k);
      sorted[at] = d_sq[k];
    }
    // Equal distances: by x, y, z.
    for (int from = 1; from < n; from += 8) {
#if GF_VORONOI_LANES == 256
      const auto equal_at = [&](int k) {
        return mask_of(
            _mm256_cmp_pd(_mm256_loadu_pd(sorted + k), _mm256_loadu_pd(sorted + k - 1), _CMP_EQ_OQ));
      };
      const uint64_t equal_bits = equal_at(from) | equal_at(from + 4) << 4;
#else
      Lanes8 here, before_it;
      std::memcpy(&here, sorted + from, 64);
      std::memcpy(&before_it, sorted + from - 1, 64);
      const uint64_t equal_bits = bits_of(here == before_it);
#endif
      for (uint64_t equal = equal_bits; equal != 0; equal &= equal - 1) {
        const int m = from + __builtin_ctzll(equal);
        if (m >= n) break;
        const uint8_t k = order[m];
        int at = m;
        for (; at > 0 && before(k, order[at - 1]); --at) order[at] = order[at - 1];
        order[at] = k;
      }
    }
    for (int m = 0; m < n; ++m) {
      distance[m] = std::sqrt(sorted[m]);
      inverse[m] = 1 / distance[m];
    }
    return true;
  }
};

// As VoronoiBuilder::build() with the neighbor list as its one shell.
inline CellState build_cell(const VoronoiBuilder& builder, SmallVoronoiCell& cell,
                            const SortedNeighbors& near, int32_t& partner) {
  using Cut = VoronoiCell::Cut;
  const VoronoiParams& params = builder.params;
  const BatchView& batch = builder.batch;
  const int32_t i = builder.i;
  bool closed = false;
  cell.begin(VoronoiBuilder::cube(params.list_radius, params.bound, closed));
  const bool may_stop_early = closed || params.walls;
  if (params.walls && params.bound == 0) {
    const Vec3 ri = batch.position(i);
    const VoronoiWalls& walls = params.walls[batch.system[i]];
    for (int k = 0; k < walls.n; ++k) {
      const double distance = walls.offset[k] - dot(walls.normal[k], ri);
      const Cut done = cell.cut(walls.normal[k], distance > 0 ? distance : 0, wall_plane - k);
      if (done == Cut::overflow || done == Cut::failed) return CellState::overflow;
    }
  }
  const double excess = builder.excess();
  double security = security_radius(cell.radius_sq(), excess);
  for (int m = 0; m < near.n; ++m) {
    const int k = near.order[m];
    if (near.sorted[m] < coincidence_distance * coincidence_distance) {
      partner = near.j[k];
      return CellState::coincident;
    }
    if (near.distance[m] >= security) return CellState::complete;
    const double shift = params.radius ? builder.radius_sq_of(near.j[k]) - builder.radius_sq_of(i) : 0.0;
    const double plane = power_distance(near.sorted[m], near.distance[m], shift);
    const double inverse = near.inverse[m];
    const Cut done =
        cell.cut({near.x[k] * inverse, near.y[k] * inverse, near.z[k] * inverse}, plane, near.j[k]);
    if (done == Cut::none) continue;
    if (done == Cut::empty) return CellState::empty;
    if (done == Cut::overflow || done == Cut::failed) return CellState::overflow;
    // Three planes bound nothing: the cube still does, and security is beyond the list.
    if (may_stop_early || cell.n_planes >= 10) security = security_radius(cell.radius_sq(), excess);
  }
  return params.list_radius >= security ? CellState::complete : CellState::incomplete;
}

__attribute__((flatten)) void build_cells(const VoronoiFromList& task, SmallVoronoiCell& cell,
                                          SortedNeighbors& near, int64_t begin, int64_t end) {
  VoronoiBuilder builder{task.batch, task.params};
  for (int64_t i = begin; i < end; ++i) {
    builder.i = static_cast<int32_t>(i);
    CellState state = CellState::overflow;
    if (near.gather(task.batch, task.neighbors, task.params.list_radius, i))
      state = build_cell(builder, cell, near, task.out.partner[i]);
    if (state == CellState::complete && VoronoiBuilder::cube_too_large(cell.radius_sq(), cell.half_edge))
      state = CellState::overflow;
    write_cell(task.out, task.batch, task.params, i, state, cell);
  }
}

// The atoms begin ... end - 1.
void build_range(const VoronoiFromList& task, int64_t begin, int64_t end) {
  SmallVoronoiCell cell;
  SortedNeighbors near;
  build_cells(task, cell, near, begin, end);
}
