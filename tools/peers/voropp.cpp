// grainfield-peer-voropp REQUEST: Voro++ on the atoms of `grainfield bench --peers`, by the rules of
// tools/peers/peers.py.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <exception>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>
#include <voro++/voro++.hh>

#include "io/reader.hpp"
#include "tools/cli/placed_sum.hpp"

namespace grainfield {
namespace {

using json = nlohmann::json;

struct Cells {
  std::vector<double> volume;
  double area = 0;
  int64_t faces = 0;
};

// Container, cells, volumes, areas of the faces and neighbors, on one thread: Voro++ 0.4.6 has no other way.
void find_cells(const Frame& frame, Cells& cells) {
  const Vec3 edge{frame.box.a.x, frame.box.b.y, frame.box.c.z};
  // About 5 atoms a block, as Voro++ advises.
  const double block = std::cbrt(5 * frame.box.volume() / static_cast<double>(frame.n_atoms()));
  const auto blocks = [block](double length) { return std::max(1, static_cast<int>(length / block)); };
  voro::container container(0, edge.x, 0, edge.y, 0, edge.z, blocks(edge.x), blocks(edge.y), blocks(edge.z),
                            true, true, true, 8);
  for (int64_t i = 0; i < frame.n_atoms(); ++i) {
    const Vec3 r = frame.position[static_cast<size_t>(i)] - frame.box.origin;
    container.put(static_cast<int>(i), r.x, r.y, r.z);
  }
  cells.volume.assign(static_cast<size_t>(frame.n_atoms()), 0);
  cells.area = 0;
  cells.faces = 0;
  voro::voronoicell_neighbor cell;
  std::vector<double> areas;
  std::vector<int> neighbors;
  voro::c_loop_all loop(container);
  if (loop.start()) do {
      if (!container.compute_cell(cell, loop)) continue;
      cells.volume[static_cast<size_t>(loop.pid())] = cell.volume();
      cell.face_areas(areas);
      for (const double a : areas) cells.area += a;
      cell.neighbors(neighbors);
      cells.faces += static_cast<int64_t>(neighbors.size());
    } while (loop.inc());
}

void answer(const json& line) {
  std::puts(line.dump().c_str());
  std::fflush(stdout);
}

void run(const char* path) {
  const json request = json::parse(std::ifstream(path));
  Frame frame;
  if (!open_reader(request.at("frame").get<std::string>())->next(frame)) throw std::runtime_error("no frame");
  answer({{"ready", true}});
  Cells cells;
  std::vector<double> seconds;
  double spent = 0;
  for (int repeat = -1; repeat < request.at("repeats").get<int>(); ++repeat) {
    const auto start = std::chrono::steady_clock::now();
    find_cells(frame, cells);
    const double taken = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (repeat >= 0) seconds.push_back(taken);
    spent += taken;
    if (!seconds.empty() && spent > request.at("limit_s").get<double>()) break;
  }
  double volume = 0;
  for (const double v : cells.volume) volume += v;
  answer({{"version", "0.4.6"},
          {"threads", 1},
          {"seconds", seconds},
          {"numbers",
           {{"volume", volume},
            {"area", cells.area},
            {"faces", cells.faces},
            {"volumes_by_place", placed_sum(cells.volume)}}}});
}

}  // namespace
}  // namespace grainfield

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("expected the file of a request; `grainfield bench --peers` starts this program\n", stderr);
    return 2;
  }
  try {
    grainfield::run(argv[1]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
