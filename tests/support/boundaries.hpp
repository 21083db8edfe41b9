// Bicrystals for the tests of what is computed from other results.
#pragma once

#include <array>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "host/analyzer.hpp"
#include "host/frame.hpp"
#include "io/reader.hpp"
#include "tests/support/gzip_lines.hpp"
#include "tests/support/systems.hpp"

namespace grainfield::test {

constexpr double fe_beta = 3.024;              // A
constexpr double fe_lattice = 2.855324860794;  // A

inline Frame read_frame(const std::string& path) {
  Frame frame;
  if (!open_reader(path)->next(frame)) throw std::runtime_error(path + " holds no frame");
  return frame;
}

inline void add_column(Frame& frame, const std::string& name, std::vector<double> values) {
  Column& column = frame.columns.emplace_back();
  column.name = name;
  column.kind = Column::Kind::real;
  column.real = std::move(values);
}
inline void add_column(Frame& frame, const std::string& name, std::vector<int64_t> values) {
  Column& column = frame.columns.emplace_back();
  column.name = name;
  column.kind = Column::Kind::integer;
  column.integer = std::move(values);
}

// Results as other analyses leave them.
inline void put_field(FrameResults& results, const std::string& name, std::vector<double> values,
                      int components = 1) {
  Field& field = results.fields.emplace_back();
  field.name = name;
  field.components = components;
  field.real = std::move(values);
}
inline void put_field(FrameResults& results, const std::string& name, std::vector<int32_t> values,
                      int components = 1) {
  Field& field = results.fields.emplace_back();
  field.name = name;
  field.components = components;
  field.is_integer = true;
  field.integer = std::move(values);
}
inline void put_observable(FrameResults& results, const std::string& name, std::vector<double> values) {
  Observable& observable = results.observables.emplace_back();
  observable.name = name;
  observable.real = std::move(values);
}
inline void put_count(FrameResults& results, const std::string& name, std::vector<int64_t> values) {
  Observable& observable = results.observables.emplace_back();
  observable.name = name;
  observable.is_integer = true;
  observable.integer = std::move(values);
}

// What density-profile leaves: planes along c in a cell without surfaces.
inline void put_planes(FrameResults& results, const Box& box, std::vector<double> planes) {
  put_count(results, "density_profile/normal", {2});
  put_observable(results, "density_profile/beta", {fe_beta});
  std::vector<double> z;
  const int n = 200;
  for (int k = 0; k < n; ++k) z.push_back(box.height(2) * k / n);
  put_observable(results, "density_profile/relative_density", std::vector<double>(z.size(), 1.0));
  put_observable(results, "density_profile/z", std::move(z));
  put_observable(results, "gb/position", std::move(planes));
}

// Two simple cubic grains (lattice constant 2 A) of `layers` planes of nx x 4 atoms, `excess` more than 2 A
// apart at both boundaries; column `volume` holds the exact Voronoi volumes, `energy` -1 eV and -0.5 eV at
// the boundaries.
constexpr double sc_lattice = 2;
inline Frame sc_bicrystal(int layers, double excess, int nx = 3) {
  Frame frame;
  frame.species = {{"Po", 209, 1}};
  std::vector<double> volume, energy;
  double z = 0;
  for (int grain = 0; grain < 2; ++grain, z += excess)
    for (int k = 0; k < layers; ++k, z += sc_lattice)
      for (int i = 0; i < 4 * nx; ++i) {
        frame.position.push_back({sc_lattice * (i % nx), sc_lattice * static_cast<double>(i / nx), z});
        const bool at_boundary = k == 0 || k + 1 == layers;
        volume.push_back(8 + (at_boundary ? 0.5 * excess * sc_lattice * sc_lattice : 0));
        energy.push_back(at_boundary ? -0.5 : -1);
      }
  frame.box = Box({nx * sc_lattice, 0, 0}, {0, 4 * sc_lattice, 0}, {0, 0, z});
  frame.type.assign(frame.position.size(), 0);
  add_column(frame, "volume", std::move(volume));
  add_column(frame, "energy", std::move(energy));
  return frame;
}

// A run of the engine with all that the analysis requires; of --set, those of its requirements too.
using Settings = std::vector<std::pair<std::string, std::vector<std::pair<std::string, std::string>>>>;
inline FrameResults run_engine(const std::string& analysis, const Frame& frame, const RunContext& run,
                               const Settings& settings) {
  std::vector<AnalysisRequest> requests;
  AnalysisRequest wanted{analysis, {}, false};
  for (const auto& [name, given] : settings)
    if (name == analysis)
      wanted.parameters = given;
    else
      requests.push_back({name, given, true});
  requests.insert(requests.begin(), wanted);
  RunContext there = run;
  if (!run.potential) there.exec = on_test_device(run.exec);
  return Analyzer(requests, there).analyze(frame);
}
inline RunContext bulk_of(Structure structure, double a, int threads = 1) {
  RunContext run;
  run.structure = structure;
  run.lattice = make_lattice(structure, a);
  run.exec.threads = threads;
  return run;
}

// A bicrystal of the reference material with the numbers stored for its atoms.
struct ReferenceBoundary {
  Frame frame;
  nlohmann::json scalars;
  std::vector<double> number_density, volume, phi1, phi2;
  std::vector<int32_t> coordination;  // [atom][2]
};
inline ReferenceBoundary reference_boundary(const std::string& shared, const std::string& name) {
  ReferenceBoundary b;
  const std::string folder = shared + "/reference/struct";
  b.frame = read_frame(folder + "/gb/gb_" + name + ".xyz.gz");
  std::ifstream(folder + "/density/" + name + "_scalars.json") >> b.scalars;
  const std::vector<std::string> lines = gzip_lines(folder + "/density/" + name + "_atoms.csv.gz");
  for (size_t k = 1; k < lines.size(); ++k) {
    double rho = 0, v = 0, p2 = 0, p1 = 0;
    int z1 = 0, z2 = 0;
    if (std::sscanf(lines[k].c_str(), "%*d,%*f,%lf,%*f,%d,%d,%lf,%lf,%lf", &rho, &z1, &z2, &v, &p2, &p1) != 6)
      throw std::runtime_error(name + ": " + lines[k]);
    b.number_density.push_back(rho);
    b.volume.push_back(v);
    b.phi1.push_back(p1);
    b.phi2.push_back(p2);
    b.coordination.push_back(z1);
    b.coordination.push_back(z2);
  }
  if (b.volume.size() != b.frame.position.size()) throw std::runtime_error(name + ": other atoms");
  add_column(b.frame, "stored_volume", b.volume);
  return b;
}

}  // namespace grainfield::test
