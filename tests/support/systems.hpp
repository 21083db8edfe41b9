// Small systems of the tests of quantities.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <vector>

#include "host/build_crystal.hpp"
#include "host/devices.hpp"
#include "host/frame.hpp"
#include "kernels/core/exec.hpp"

namespace grainfield::test {

inline Frame crystal(Structure structure, double a, std::array<int, 3> repeat) {
  CrystalOptions options;
  options.lattice = make_lattice(structure, a);
  options.repeat = repeat;
  return build_crystal(options);
}

// Uniform in [0, 1): the same with every standard library.
class Uniform {
 public:
  explicit Uniform(uint64_t seed) : engine_(seed) {}
  double operator()() { return static_cast<double>(engine_() >> 11) * 0x1p-53; }
  Vec3 vector() {
    const double x = (*this)(), y = (*this)();
    return {x, y, (*this)()};
  }

 private:
  std::mt19937_64 engine_;
};

// Every coordinate moves by up to `amplitude`.
inline Frame rattled(Frame frame, double amplitude, uint64_t seed) {
  Uniform random(seed);
  for (Vec3& r : frame.position) r += 2 * amplitude * (random.vector() - Vec3{0.5, 0.5, 0.5});
  return frame;
}

// n atoms of n_species kinds, uniform in the box.
inline Frame ideal_gas(const Box& box, int64_t n, uint64_t seed, int n_species = 1) {
  Frame frame;
  frame.box = box;
  const char* names[] = {"Fe", "Cr", "Ni", "Cu"};
  for (int t = 0; t < n_species; ++t) frame.species.push_back({names[t % 4], 0, t + 1});
  Uniform random(seed);
  for (int64_t i = 0; i < n; ++i) {
    frame.position.push_back(box.cartesian(random.vector()));
    frame.type.push_back(static_cast<int32_t>(random() * n_species));
  }
  return frame;
}

// The whole system turned: r -> R r with R = rotation about (1, 2, 3) by 0.7 rad.
inline Frame rotated(Frame frame) {
  const Vec3 u = Vec3{1, 2, 3} / std::sqrt(14.0);
  const double c = std::cos(0.7), s = std::sin(0.7);
  auto turn = [&](Vec3 r) { return c * r + s * cross(u, r) + (1 - c) * dot(u, r) * u; };
  const Box& b = frame.box;
  frame.box =
      Box(turn(b.a), turn(b.b), turn(b.c), turn(b.origin), b.periodic[0], b.periodic[1], b.periodic[2]);
  for (Vec3& r : frame.position) r = turn(r);
  return frame;
}

// The first usable GPU; none on a machine without one.
inline std::vector<Exec> gpu_executions() {
  static const bool there = why_no_gpu().empty();
  if (!there) return {};
  return {choose_device("cuda", 2)};
}

// All ways to run a kernel: on the CPU, and on a GPU where there is one.
inline std::vector<Exec> executions() {
  Exec one, four, plain;
  four.threads = 4;
  plain.plain = true;
  plain.threads = 2;
  std::vector<Exec> all{one, four, plain};
  for (const Exec& gpu : gpu_executions()) all.push_back(gpu);
  return all;
}

// Where what names no processor runs: on the CPU, or where GRAINFIELD_TEST_DEVICE says.
inline Exec on_test_device(const Exec& exec) {
  const char* device = std::getenv("GRAINFIELD_TEST_DEVICE");
  return device ? choose_device(device, exec.threads) : exec;
}

}  // namespace grainfield::test
