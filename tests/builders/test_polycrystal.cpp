#include <gtest/gtest.h>
#include <zlib.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "brute.hpp"
#include "host/build_polycrystal.hpp"
#include "host/disorder.hpp"
#include "host/error.hpp"
#include "host/grains_file.hpp"
#include "host/node_cell.hpp"
#include "host/overlap.hpp"
#include "host/random.hpp"
#include "tests/support/shared.hpp"
#include "tests/support/temp_folder.hpp"

namespace grainfield {
namespace {

Box cube(double length) { return Box({length, 0, 0}, {0, length, 0}, {0, 0, length}); }

PolycrystalOptions random_options(int n_grains, double length, uint64_t seed,
                                  Structure structure = Structure::bcc, double a = 2.83) {
  PolycrystalOptions options;
  options.lattice = make_lattice(structure, a);
  options.box = cube(length);
  options.grains = random_grains(n_grains, options.box, options.lattice, seed);
  return options;
}

bool same(const Frame& a, const Frame& b) {
  return a.position.size() == b.position.size() &&
         std::memcmp(a.position.data(), b.position.data(), a.position.size() * sizeof(Vec3)) == 0 &&
         a.type == b.type && a.columns[0].integer == b.columns[0].integer;
}

TEST(Overlap, EqualsTheSlowGreedyRule) {
  Random random(1, Stream::rattle);
  const std::vector<Box> boxes{
      cube(10),
      Box({9, 0, 0}, {2, 8, 0}, {-3, 1, 7}, {1, -2, 3}),
      Box({10, 0, 0}, {0, 6, 0}, {0, 0, 8}, {}, true, false, true),
      Box({3, 0, 0}, {0, 4, 0}, {0, 0, 30}),
      Box({10, 0, 0}, {0, 10, 0}, {0, 0, 10}, {}, false, false, false),
  };
  for (size_t b = 0; b < boxes.size(); ++b)
    for (const int n : {1, 2, 30, 300})
      for (const double d : {0.3, 1.0, 2.5, 3.0, 7.0}) {
        std::vector<Vec3> r(static_cast<size_t>(n));
        for (Vec3& p : r) {
          const double x = random.uniform(), y = random.uniform(), z = random.uniform();
          p = boxes[b].cartesian({x, y, z});
        }
        EXPECT_EQ(greedy_overlaps(boxes[b], r, nullptr, d, 2), brute::greedy(boxes[b], r, d))
            << "box " << b << ", " << n << " atoms, distance " << d;
      }
}

TEST(Overlap, LooksOnlyAmongTheGivenAtoms) {
  Random random(2, Stream::rattle);
  std::vector<Vec3> r(200), part;
  for (Vec3& p : r) p = {10 * random.uniform(), 10 * random.uniform(), 10 * random.uniform()};
  std::vector<int64_t> among;
  for (int64_t i = 0; i < 200; i += 3) among.push_back(i), part.push_back(r[static_cast<size_t>(i)]);
  std::vector<int64_t> expected;
  for (const int64_t i : brute::greedy(cube(10), part, 2.0))
    expected.push_back(among[static_cast<size_t>(i)]);
  EXPECT_FALSE(expected.empty());
  EXPECT_EQ(greedy_overlaps(cube(10), r, &among, 2.0, 1), expected);
  EXPECT_TRUE(greedy_overlaps(cube(10), r, nullptr, 0, 1).empty());
}

// Many atoms, several blocks. The first maximal independent set is the only one where no two kept atoms are
// close and every deleted one has an earlier kept atom close to it.
TEST(LongOverlap, IsTheFirstMaximalIndependentSetOfManyAtoms) {
  constexpr size_t n = 1200000;
  constexpr int64_t cells = 80;
  constexpr double length = 100, d = 1.2, width = length / cells;
  Random random(8, Stream::node);
  std::vector<Vec3> r(n);
  std::vector<std::vector<size_t>> bin(cells * cells * cells);
  const auto home = [&](Vec3 p, int k) { return static_cast<int64_t>(p[k] / width); };
  const auto index = [&](int64_t x, int64_t y, int64_t z) {
    return static_cast<size_t>(((z + cells) % cells * cells + (y + cells) % cells) * cells +
                               (x + cells) % cells);
  };
  for (size_t i = 0; i < n; ++i) {
    r[i].x = length * random.uniform(), r[i].y = length * random.uniform(),
    r[i].z = length * random.uniform();
    bin[index(home(r[i], 0), home(r[i], 1), home(r[i], 2))].push_back(i);
  }
  const Box box = cube(length);
  std::vector<bool> dead(n, false);
  const std::vector<int64_t> deleted = greedy_overlaps(box, r, nullptr, d, 2);
  ASSERT_TRUE(std::is_sorted(deleted.begin(), deleted.end()));
  for (const int64_t i : deleted) dead[static_cast<size_t>(i)] = true;
  for (size_t i = 0; i < n; ++i) {
    bool covered = false;
    for (int c = 0; c < 27; ++c)
      for (const size_t j :
           bin[index(home(r[i], 0) + c % 3 - 1, home(r[i], 1) + c / 3 % 3 - 1, home(r[i], 2) + c / 9 - 1)])
        covered = covered || (j < i && !dead[j] && norm(box.minimum_image(r[j] - r[i])) < d);
    ASSERT_EQ(covered, dead[i]) << i;
  }
}

TEST(NodeCell, OneNodeIsTheWignerSeitzCell) {
  const NodeCell sc = NodeTessellation(cube(4), {{1, 2, 3}}).cell(0);
  EXPECT_NEAR(sc.volume, 64, 1e-12 * 64);
  EXPECT_NEAR(sc.radius, 2 * std::sqrt(3.0), 1e-12);
  // bcc primitive cell: truncated octahedron, 14 faces, circumradius sqrt(5)/4 a.
  const NodeCell bcc = NodeTessellation(Box({-1, 1, 1}, {1, -1, 1}, {1, 1, -1}), {{}}).cell(0);
  EXPECT_NEAR(bcc.volume, 4, 1e-12 * 4);
  EXPECT_EQ(bcc.faces.size(), 14u);
  EXPECT_NEAR(bcc.radius, std::sqrt(5.0) / 2, 1e-12);
}

TEST(NodeCell, VolumesFillTheBox) {
  for (const auto& [n, box] :
       {std::pair{2, cube(20)}, {50, cube(20)}, {300, Box({15, 0, 0}, {4, 9, 0}, {-6, 5, 30})}}) {
    Random random(static_cast<uint64_t>(n), Stream::node);
    std::vector<Vec3> nodes(static_cast<size_t>(n));
    for (Vec3& p : nodes) {
      const double x = random.uniform(), y = random.uniform(), z = random.uniform();
      p = box.cartesian({x, y, z});
    }
    const NodeTessellation tessellation(box, nodes);
    double sum = 0;
    for (int i = 0; i < n; ++i) sum += tessellation.cell(i).volume;
    EXPECT_NEAR(sum, box.volume(), 1e-10 * box.volume()) << n;
  }
}

// Nodes in a cluster: cells reach far, and far nodes must be found.
TEST(NodeCell, ClusteredNodesStillFillTheBox) {
  Random random(5, Stream::node);
  for (const double spread : {0.5, 3.0, 15.0}) {
    std::vector<Vec3> nodes(60);
    for (Vec3& p : nodes)
      p = {10 + spread * random.uniform(), 39 + spread * random.uniform(), 20 + spread * random.uniform()};
    const NodeTessellation tessellation(cube(40), nodes);
    double sum = 0;
    for (int i = 0; i < 60; ++i) sum += tessellation.cell(i).volume;
    EXPECT_NEAR(sum, 64000, 1e-10 * 64000) << spread;
  }
}

// Against the definition: every lattice site of every grain, compared with all node images.
TEST(Polycrystal, HoldsTheSitesNearestToTheirNode) {
  for (const Structure structure :
       {Structure::sc, Structure::bcc, Structure::fcc, Structure::hcp, Structure::diamond})
    for (const auto& [n_grains, box] :
         {std::pair{1, cube(13)}, {4, cube(17)}, {3, Box({14, 0, 0}, {5, 12, 0}, {-4, 3, 16})}}) {
      PolycrystalOptions options;
      options.lattice = make_lattice(structure, 3.4);
      options.box = box;
      options.grains = random_grains(n_grains, box, options.lattice, 21);
      const Polycrystal built = build_polycrystal(options);
      std::vector<Vec3> expected;
      std::vector<int64_t> grain;
      const int reach = 16;
      for (int g = 0; g < n_grains; ++g) {
        const Grain& self = options.grains[static_cast<size_t>(g)];
        const auto& R = self.rotation;
        for (int mz = -reach; mz <= reach; ++mz)
          for (int my = -reach; my <= reach; ++my)
            for (int mx = -reach; mx <= reach; ++mx)
              for (size_t k = 0; k < options.lattice.basis.size(); ++k) {
                const Vec3 u = options.lattice.site({double(mx), double(my), double(mz)}, k);
                const Vec3 r = self.lattice_origin + Vec3{dot(R[0], u), dot(R[1], u), dot(R[2], u)};
                const double own = norm_sq(r - self.node);
                if (own > 40 * 40) continue;
                bool inside = true;
                for (const Grain& other : options.grains)
                  for (int c = 0; c < 125 && inside; ++c) {
                    const Vec3 image = other.node + double(c % 5 - 2) * box.a +
                                       double(c / 5 % 5 - 2) * box.b + double(c / 25 - 2) * box.c;
                    if (image == self.node) continue;
                    inside = own < norm_sq(r - image);
                  }
                if (inside) expected.push_back(r), grain.push_back(g + 1);
              }
      }
      ASSERT_EQ(built.frame.n_atoms(), static_cast<int64_t>(expected.size())) << structure_name(structure);
      EXPECT_EQ(built.frame.columns[0].integer, grain);
      for (size_t i = 0; i < expected.size(); ++i) {
        ASSERT_LT(norm(box.minimum_image(built.frame.position[i] - expected[i])), 1e-11) << i;
        const Vec3 s = box.fractional(built.frame.position[i]);
        for (int k = 0; k < 3; ++k) ASSERT_TRUE(s[k] >= 0 && s[k] < 1);
      }
      double volume = 0;
      for (const Grain& g : built.grains) volume += g.volume;
      EXPECT_NEAR(volume, box.volume(), 1e-11 * box.volume());
    }
}

TEST(Polycrystal, RemovalEqualsTheSlowGreedyRuleOnAllAtoms) {
  for (const double d : {1.5, 2.0, 2.4, 2.6, 3.0}) {  // above 2.45 A the lattice itself is thinned
    PolycrystalOptions options = random_options(5, 20, 4);
    const Polycrystal raw = build_polycrystal(options);
    options.min_distance = d;
    options.threads = 2;
    const Polycrystal kept = build_polycrystal(options);
    const auto deleted = brute::greedy(options.box, raw.frame.position, d);
    EXPECT_FALSE(deleted.empty());
    ASSERT_EQ(kept.frame.n_atoms(), raw.frame.n_atoms() - static_cast<int64_t>(deleted.size())) << d;
    size_t next = 0, at = 0;
    for (size_t i = 0; i < raw.frame.position.size(); ++i) {
      if (next < deleted.size() && deleted[next] == static_cast<int64_t>(i)) {
        ++next;
        continue;
      }
      ASSERT_TRUE(raw.frame.position[i] == kept.frame.position[at]) << d << " atom " << i;
      ASSERT_EQ(raw.frame.columns[0].integer[i], kept.frame.columns[0].integer[at++]);
    }
    int64_t sum = 0;
    for (const Grain& g : kept.grains) sum += g.n_atoms;
    EXPECT_EQ(sum, kept.frame.n_atoms());
    EXPECT_EQ(kept.n_checked < kept.n_raw, d < 2.45) << d;
  }
}

// Only atoms near a boundary are looked at: the result must be that of looking at all.
TEST(Polycrystal, NoCloseAtomHidesInsideAGrain) {
  PolycrystalOptions options = random_options(300, 100, 6);
  const Polycrystal raw = build_polycrystal(options);
  for (const double d : {1.0, 2.0, 2.44}) {
    options.min_distance = d;
    Polycrystal built = build_polycrystal(options);
    Frame expected = raw.frame;
    remove_atoms(expected, greedy_overlaps(options.box, raw.frame.position, nullptr, d, 1));
    EXPECT_LT(built.n_checked, built.n_raw);
    EXPECT_TRUE(same(built.frame, expected)) << d;
  }
}

TEST(Polycrystal, SameForAnyNumberOfThreads) {
  PolycrystalOptions options = random_options(8, 56.6, 1);
  options.min_distance = 2;
  const Polycrystal one = build_polycrystal(options);
  options.threads = 4;
  EXPECT_TRUE(same(one.frame, build_polycrystal(options).frame));
  options.grains = random_grains(8, options.box, options.lattice, 2);
  EXPECT_FALSE(same(one.frame, build_polycrystal(options).frame));
}

// Two grains with one lattice, mirror images of each other's regions: every site on the bisector belongs to
// exactly one grain, so the perfect crystal comes back.
TEST(Polycrystal, SitesOnABisectorBelongToOneGrain) {
  PolycrystalOptions options;
  options.lattice = make_lattice(Structure::bcc, 2.8);
  options.box = cube(28);
  for (const Vec3 node : {Vec3{7, 14, 14}, Vec3{21, 14, 14}}) {
    Grain grain;
    grain.node = node;
    options.grains.push_back(grain);  // lattice origin 0: sites at x = 0, 14, 28 are on the bisectors
  }
  EXPECT_EQ(build_polycrystal(options).frame.n_atoms(), 2000);
  options.grains.resize(1);  // and on the bisectors of a grain and its own images
  EXPECT_EQ(build_polycrystal(options).frame.n_atoms(), 2000);
}

TEST(Polycrystal, MinimumNodeDistanceHolds) {
  const Box box = cube(50);
  const auto grains = random_grains(20, box, make_lattice(Structure::bcc, 2.83), 3, 12);
  for (size_t i = 0; i < grains.size(); ++i)
    for (size_t j = 0; j < i; ++j) EXPECT_GE(norm(box.minimum_image(grains[i].node - grains[j].node)), 12);
  EXPECT_THROW(random_grains(200, box, make_lattice(Structure::bcc, 2.83), 3, 30), UsageError);
  EXPECT_THROW(random_grains(0, box, make_lattice(Structure::bcc, 2.83), 3), UsageError);
}

TEST(Polycrystal, WrongOptionsAreUsageErrors) {
  const auto message = [](auto change) {
    PolycrystalOptions options = random_options(3, 20, 1);
    change(options);
    try {
      build_polycrystal(options);
    } catch (const UsageError& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  const auto has = [](const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
  };
  EXPECT_PRED2(has, message([](auto& o) { o.grains.clear(); }), "no grains");
  EXPECT_PRED2(has, message([](auto& o) { o.min_distance = 21; }), "min-distance is 21 A");
  EXPECT_PRED2(has, message([](auto& o) { o.min_distance = std::nan(""); }), "min-distance");
  EXPECT_PRED2(has, message([](auto& o) { o.grains[1].rotation[0] = {0, 0, 0}; }), "grain 2: the matrix R");
  EXPECT_PRED2(has, message([](auto& o) { o.grains[1].rotation[2] = -o.grains[1].rotation[2]; }), "grain 2");
  EXPECT_PRED2(has, message([](auto& o) { o.grains[2].node = o.grains[0].node; }), "closer than 0.01 A");
  EXPECT_PRED2(has, message([](auto& o) { o.box.periodic[1] = false; }), "periodic");
  EXPECT_PRED2(has, message([](auto& o) { o.element = "Zz"; }), "unknown element 'Zz'");
}

TEST(GrainsFile, RoundTripGivesTheSameAtoms) {
  const test::TempFolder folder;
  const std::string path = folder.file("grains.json");
  PolycrystalOptions options = random_options(6, 30, 5, Structure::hcp, 3.2);
  options.min_distance = 2;
  options.element = "Mg";
  const Polycrystal built = build_polycrystal(options);
  write_grains_file(path, built, options.lattice, {"Mg", 5, 2.0, 0});
  const GrainsFile file = read_grains_file(path);
  PolycrystalOptions again;
  again.lattice = file.lattice.value();
  again.box = file.box.value();
  again.element = file.element.value();
  again.grains = file.grains;
  again.min_distance = 2;
  EXPECT_TRUE(same(built.frame, build_polycrystal(again).frame));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}),
            1);  // nothing partial is left
}

TEST(GrainsFile, BadFilesAreInputErrors) {
  const test::TempFolder folder;
  const std::string path = folder.file("bad.json");
  const auto message = [&](const std::string& text) {
    std::ofstream(path) << text;
    try {
      read_grains_file(path);
    } catch (const InputError& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  const auto has = [](const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
  };
  const std::string identity = R"("R": [[1,0,0],[0,1,0],[0,0,1]])";
  EXPECT_PRED2(has, message("{\"grains\": ["), "not the JSON");
  EXPECT_PRED2(has, message("[]"), "expected a JSON object");
  EXPECT_PRED2(has, message("{}"), "'grains' is missing");
  EXPECT_PRED2(has, message("{\"grains\": []}"), "no grain");
  EXPECT_PRED2(has, message("{\"grains\": [{\"node\": [1, 2]}]}"),
               "grain 1: node: expected three numbers, found [1,2]");
  EXPECT_PRED2(has, message("{\"grains\": [{\"node\": [1, 2, 3]}]}"), "grain 1: the key 'R' is missing");
  EXPECT_PRED2(has, message("{\"lattice\": \"cubic\", \"a\": 3, \"grains\": [{\"node\": [1, 2, 3]}]}"),
               "unknown structure");
  EXPECT_PRED2(has, message("{\"site_order\": \"x\", \"grains\": [{\"node\": [1, 2, 3], " + identity + "}]}"),
               "site_order");
  EXPECT_EQ(message("{\"grains\": [{\"node\": [1, 2, 3], " + identity + "}]}"), "accepted");
  EXPECT_THROW(read_grains_file(folder.file("absent.json")), ResourceError);
}

std::vector<std::string> gz_lines(const std::string& path) {
  gzFile file = gzopen(path.c_str(), "rb");
  EXPECT_NE(file, nullptr) << path;
  std::string text;
  char buffer[1 << 16];
  for (int n; file && (n = gzread(file, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<size_t>(n));
  gzclose(file);
  std::istringstream in(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// Peer: polycrystals of Atomsk 0.13.1 before and after its removal of close atoms, printed to 12 digits.
TEST(Reference, PolycrystalsAreReproducedAtomByAtom) {
  GF_NEEDS_SHARED(shared);
  const std::string folder = shared + "/reference/struct/poly/";
  for (const std::string set : {"fe8", "cu5"}) {
    const GrainsFile file = read_grains_file(folder + set + "_nodes.json");
    const auto truth = nlohmann::json::parse(std::ifstream(folder + set + "_nodes.json"));
    PolycrystalOptions options;
    options.lattice = file.lattice.value();
    options.box = file.box.value();
    options.element = file.element.value();
    options.grains = file.grains;
    options.threads = 2;
    for (const double d : {0.0, 2.0}) {
      options.min_distance = d;
      const Polycrystal built = build_polycrystal(options);
      const auto lines = gz_lines(folder + set + (d > 0 ? "_unrelaxed.xyz.gz" : "_raw.xyz.gz"));
      ASSERT_EQ(built.frame.n_atoms(), std::stoll(lines.at(0))) << set;
      ASSERT_EQ(built.frame.position.size(), lines.size() - 2) << set;
      double worst = 0;
      for (size_t i = 0; i < built.frame.position.size(); ++i) {
        std::istringstream in(lines[i + 2]);
        std::string element;
        Vec3 r;
        int64_t grain = 0;
        in >> element >> r.x >> r.y >> r.z >> grain;
        worst = std::max(worst, norm(options.box.minimum_image(built.frame.position[i] - r)));
        ASSERT_EQ(element, options.element);
        ASSERT_EQ(built.frame.columns[0].integer[i], grain) << set << " atom " << i + 1;
      }
      EXPECT_LE(worst, 2e-9) << set;
      for (size_t g = 0; g < built.grains.size(); ++g) {
        const auto& grain = truth["grains"][g];
        EXPECT_EQ(built.grains[g].n_raw, grain["n_atoms_raw"].get<int64_t>());
        if (d > 0) {
          EXPECT_EQ(built.grains[g].n_atoms, grain["n_atoms_after_removal"].get<int64_t>());
        }
        EXPECT_NEAR(built.grains[g].volume, grain["voronoi_volume"].get<double>(),
                    1e-9 * built.grains[g].volume);
      }
    }
  }
}

}  // namespace
}  // namespace grainfield
