#include "host/grains_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "host/error.hpp"

namespace grainfield {
namespace {

using Json = nlohmann::ordered_json;

Vec3 to_vec3(const Json& value, const std::string& where) {
  if (!value.is_array() || value.size() != 3 || !value[0].is_number() || !value[1].is_number() ||
      !value[2].is_number())
    throw InputError(fmt::format("{}: expected three numbers, found {}", where, value.dump().substr(0, 60)));
  return {value[0].get<double>(), value[1].get<double>(), value[2].get<double>()};
}
Json to_json(Vec3 v) { return Json::array({v.x, v.y, v.z}); }

const Json& require(const Json& object, const char* key, const std::string& where) {
  const auto found = object.find(key);
  if (found == object.end()) throw InputError(fmt::format("{}: the key '{}' is missing", where, key));
  return *found;
}

// The center of grain g as site_order "grain-center" defines it, relative to its node.
Vec3 grain_center(const std::vector<Grain>& grains, size_t g, const Box& box) {
  std::vector<Vec3> midpoints;
  for (size_t h = 0; h < grains.size(); ++h) {
    if (h == g) continue;
    const Vec3 d = box.minimum_image(grains[h].node - grains[g].node);
    for (int a = -1; a <= 1; ++a)
      for (int b = -1; b <= 1; ++b)
        for (int c = -1; c <= 1; ++c) midpoints.push_back(0.5 * (d + a * box.a + b * box.b + c * box.c));
  }
  const size_t n = std::min<size_t>(6, midpoints.size());
  std::partial_sort(midpoints.begin(), midpoints.begin() + static_cast<std::ptrdiff_t>(n), midpoints.end(),
                    [](Vec3 a, Vec3 b) { return norm_sq(a) < norm_sq(b); });
  Vec3 sum;
  for (size_t k = 0; k < n; ++k) sum += midpoints[k];
  return sum / static_cast<double>(n + 2);
}

// The lattice point, among those of the conventional cell, that opens the cell whose center is nearest to the
// grain's center modulo whole cells.
Vec3 first_site(const Grain& grain, Vec3 center, const Lattice& lattice) {
  const auto& R = grain.rotation;
  const Vec3 d = grain.node + center - grain.lattice_origin;
  const Vec3 u = d.x * R[0] + d.y * R[1] + d.z * R[2];  // crystal frame, A
  double best = 1e300;
  Vec3 shift;
  for (const Vec3& t : lattice.centering) {
    double distance_sq = 0;
    for (int k = 0; k < 3; ++k) {
      const double s = u[k] / lattice.edge[k] - t[k] - 0.5;
      const double off = (s - std::round(s)) * lattice.edge[k];
      distance_sq += off * off;
    }
    if (distance_sq < best)
      best = distance_sq, shift = {t.x * lattice.edge.x, t.y * lattice.edge.y, t.z * lattice.edge.z};
  }
  return grain.lattice_origin + Vec3{dot(R[0], shift), dot(R[1], shift), dot(R[2], shift)};
}

}  // namespace

GrainsFile read_grains_file(const std::string& path, const std::optional<Lattice>& lattice,
                            const std::optional<Box>& box) {
  std::ifstream in(path);
  if (!in) throw ResourceError(fmt::format("{}: cannot be opened for reading", path));
  GrainsFile file;
  file.lattice = lattice;
  file.box = box;
  try {
    const Json root = Json::parse(in);
    if (!root.is_object())
      throw InputError(fmt::format("{}: expected a JSON object with the key 'grains'", path));
    if (root.contains("element")) file.element = root["element"].get<std::string>();
    const char* name = root.contains("structure") ? "structure" : "lattice";
    if (!file.lattice && root.contains(name) && root.contains("a"))
      file.lattice = make_lattice(parse_structure(root[name].get<std::string>()), root["a"].get<double>(),
                                  root.value("structure", "") == "hcp" ? root.value("c_over_a", 0.0) : 0.0);
    if (!file.box && root.contains("box")) {
      const Json& value = root["box"];
      if (value.is_array() && value.size() == 3 && value[0].is_array()) {
        file.box = Box(to_vec3(value[0], path + ": box"), to_vec3(value[1], path + ": box"),
                       to_vec3(value[2], path + ": box"));
      } else {
        const Vec3 edge = to_vec3(value, path + ": box");
        file.box = Box({edge.x, 0, 0}, {0, edge.y, 0}, {0, 0, edge.z});
      }
      if (!(file.box->volume() > 0))
        throw InputError(fmt::format("{}: the box has no positive volume", path));
    }
    const Json& grains = require(root, "grains", path);
    if (!grains.is_array() || grains.empty())
      throw InputError(fmt::format("{}: 'grains' holds no grain; expected 1 or more", path));
    for (const Json& entry : grains) {
      const std::string where = fmt::format("{}: grain {}", path, file.grains.size() + 1);
      Grain grain;
      grain.node = to_vec3(require(entry, "node", where), where + ": node");
      const Json& rotation = require(entry, "R", where);
      if (!rotation.is_array() || rotation.size() != 3)
        throw InputError(fmt::format("{}: R: expected three rows of three numbers", where));
      for (size_t k = 0; k < 3; ++k) grain.rotation[k] = to_vec3(rotation[k], where + ": R");
      grain.lattice_origin = entry.contains("lattice_origin")
                                 ? to_vec3(entry["lattice_origin"], where + ": lattice_origin")
                                 : grain.node;
      file.grains.push_back(grain);
    }
    const bool from_atomsk = root.value("program", "").rfind("Atomsk", 0) == 0;
    const std::string order = root.value("site_order", from_atomsk ? "grain-center" : "origin");
    if (order == "grain-center") {
      if (!file.lattice || !file.box)
        throw InputError(fmt::format(
            "{}: site_order 'grain-center' needs a lattice and a box, in the file or given", path));
      std::vector<Vec3> origins;
      for (size_t g = 0; g < file.grains.size(); ++g)
        origins.push_back(first_site(file.grains[g], grain_center(file.grains, g, *file.box), *file.lattice));
      for (size_t g = 0; g < origins.size(); ++g) file.grains[g].lattice_origin = origins[g];
    } else if (order != "origin") {
      throw InputError(
          fmt::format("{}: site_order is '{}'; expected 'origin' or 'grain-center'", path, order));
    }
  } catch (const Json::exception& error) {
    throw InputError(fmt::format("{}: not the JSON of a grains file: {}", path, error.what()));
  } catch (const UsageError& error) {  // the file's own structure or lattice constant
    throw InputError(fmt::format("{}: {}", path, error.what()));
  }
  return file;
}

void write_grains_file(const std::string& path, const Polycrystal& polycrystal, const Lattice& lattice,
                       const GrainsHeader& header) {
  const Box& box = polycrystal.frame.box;
  Json root;
  root["program"] = "grainfield";
  root["structure"] = structure_name(lattice.structure);
  root["a"] = lattice.a;
  root["c_over_a"] = lattice.c_over_a;
  root["element"] = header.element;
  if (box.is_orthogonal())
    root["box"] = Json::array({box.a.x, box.b.y, box.c.z});
  else
    root["box"] = Json::array({to_json(box.a), to_json(box.b), to_json(box.c)});
  if (header.seed) {
    root["seed"] = *header.seed;
    root["min_node_distance"] = header.min_node_distance;
  }
  root["min_distance"] = header.min_distance;
  root["removal"] =
      "greedy in file order: an atom is kept if no kept atom before it is closer than min_distance";
  root["n_raw"] = polycrystal.n_raw;
  root["n_after_removal"] = polycrystal.frame.n_atoms();
  root["site_order"] = "origin";
  root["grains"] = Json::array();
  for (size_t g = 0; g < polycrystal.grains.size(); ++g) {
    const Grain& grain = polycrystal.grains[g];
    Json entry;
    entry["id"] = g + 1;
    entry["node"] = to_json(grain.node);
    entry["R"] =
        Json::array({to_json(grain.rotation[0]), to_json(grain.rotation[1]), to_json(grain.rotation[2])});
    entry["lattice_origin"] = to_json(grain.lattice_origin);
    entry["n_atoms_raw"] = grain.n_raw;
    entry["n_atoms_after_removal"] = grain.n_atoms;
    entry["voronoi_volume"] = grain.volume;
    root["grains"].push_back(entry);
  }
  const std::string partial = path + ".partial";
  {
    std::ofstream out(partial);
    out << root.dump(1) << '\n';
    out.close();
    if (!out) throw ResourceError(fmt::format("{}: cannot be written", partial));
  }
  if (std::rename(partial.c_str(), path.c_str()) != 0)
    throw ResourceError(fmt::format("{}: cannot be given this name", path));
}

}  // namespace grainfield
