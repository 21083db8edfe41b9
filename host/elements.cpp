#include "host/elements.hpp"

#include <array>
#include <cmath>
#include <limits>

namespace grainfield {
namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();

// Masses: abridged standard atomic weights (IUPAC 2021); the mass of the longest-lived isotope
// where there is no standard weight. Radii: metallic radii for coordination 12 (A. F. Wells,
// Structural Inorganic Chemistry, 5th ed.; Greenwood and Earnshaw, Chemistry of the Elements, 2nd ed.).
constexpr std::array<Element, 96> table{{
    {"H", 1, 1.008, none},        {"He", 2, 4.002602, none},     {"Li", 3, 6.94, 1.52},
    {"Be", 4, 9.0121831, 1.12},   {"B", 5, 10.81, none},         {"C", 6, 12.011, none},
    {"N", 7, 14.007, none},       {"O", 8, 15.999, none},        {"F", 9, 18.99840316, none},
    {"Ne", 10, 20.1797, none},    {"Na", 11, 22.98976928, 1.86}, {"Mg", 12, 24.305, 1.60},
    {"Al", 13, 26.9815385, 1.43}, {"Si", 14, 28.085, none},      {"P", 15, 30.973762, none},
    {"S", 16, 32.06, none},       {"Cl", 17, 35.45, none},       {"Ar", 18, 39.948, none},
    {"K", 19, 39.0983, 2.27},     {"Ca", 20, 40.078, 1.97},      {"Sc", 21, 44.955908, 1.62},
    {"Ti", 22, 47.867, 1.47},     {"V", 23, 50.9415, 1.34},      {"Cr", 24, 51.9961, 1.28},
    {"Mn", 25, 54.938044, 1.27},  {"Fe", 26, 55.845, 1.26},      {"Co", 27, 58.933194, 1.25},
    {"Ni", 28, 58.6934, 1.24},    {"Cu", 29, 63.546, 1.28},      {"Zn", 30, 65.38, 1.34},
    {"Ga", 31, 69.723, 1.35},     {"Ge", 32, 72.63, none},       {"As", 33, 74.921595, none},
    {"Se", 34, 78.971, none},     {"Br", 35, 79.904, none},      {"Kr", 36, 83.798, none},
    {"Rb", 37, 85.4678, 2.48},    {"Sr", 38, 87.62, 2.15},       {"Y", 39, 88.90584, 1.80},
    {"Zr", 40, 91.224, 1.60},     {"Nb", 41, 92.90637, 1.46},    {"Mo", 42, 95.95, 1.39},
    {"Tc", 43, 97.90721, 1.36},   {"Ru", 44, 101.07, 1.34},      {"Rh", 45, 102.9055, 1.34},
    {"Pd", 46, 106.42, 1.37},     {"Ag", 47, 107.8682, 1.44},    {"Cd", 48, 112.414, 1.51},
    {"In", 49, 114.818, 1.67},    {"Sn", 50, 118.71, none},      {"Sb", 51, 121.76, none},
    {"Te", 52, 127.6, none},      {"I", 53, 126.90447, none},    {"Xe", 54, 131.293, none},
    {"Cs", 55, 132.905452, 2.65}, {"Ba", 56, 137.327, 2.22},     {"La", 57, 138.90547, 1.87},
    {"Ce", 58, 140.116, none},    {"Pr", 59, 140.90766, none},   {"Nd", 60, 144.242, none},
    {"Pm", 61, 144.91276, none},  {"Sm", 62, 150.36, none},      {"Eu", 63, 151.964, none},
    {"Gd", 64, 157.25, none},     {"Tb", 65, 158.92535, none},   {"Dy", 66, 162.5, none},
    {"Ho", 67, 164.93033, none},  {"Er", 68, 167.259, none},     {"Tm", 69, 168.93422, none},
    {"Yb", 70, 173.054, none},    {"Lu", 71, 174.9668, none},    {"Hf", 72, 178.49, 1.59},
    {"Ta", 73, 180.94788, 1.46},  {"W", 74, 183.84, 1.39},       {"Re", 75, 186.207, 1.37},
    {"Os", 76, 190.23, 1.35},     {"Ir", 77, 192.217, 1.36},     {"Pt", 78, 195.084, 1.39},
    {"Au", 79, 196.966569, 1.44}, {"Hg", 80, 200.592, 1.51},     {"Tl", 81, 204.38, 1.70},
    {"Pb", 82, 207.2, 1.75},      {"Bi", 83, 208.9804, none},    {"Po", 84, 208.98243, none},
    {"At", 85, 209.98715, none},  {"Rn", 86, 222.01758, none},   {"Fr", 87, 223.01974, none},
    {"Ra", 88, 226.02541, none},  {"Ac", 89, 227.02775, none},   {"Th", 90, 232.0377, none},
    {"Pa", 91, 231.03588, none},  {"U", 92, 238.02891, none},    {"Np", 93, 237.04817, none},
    {"Pu", 94, 244.06421, none},  {"Am", 95, 243.06138, none},   {"Cm", 96, 247.07035, none},
}};

}  // namespace

const Element* find_element(std::string_view symbol) {
  for (const Element& e : table)
    if (e.symbol == symbol) return &e;
  return nullptr;
}

const Element* find_element_by_mass(double mass) {
  const Element* best = nullptr;
  double best_distance = 0.05 + 1e-3 * mass;
  for (const Element& e : table) {
    const double distance = std::fabs(e.mass - mass);
    if (distance <= best_distance) best = &e, best_distance = distance;
  }
  return best;
}

const Element* find_element_by_number(int atomic_number) {
  for (const Element& e : table)
    if (e.atomic_number == atomic_number) return &e;
  return nullptr;
}

}  // namespace grainfield
