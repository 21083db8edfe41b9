// Unit strings of H5MD's units module (version 1.0): factors separated by blanks, each a symbol with an
// optional signed power, such as "eV Ang-1".
#include <cctype>
#include <cmath>
#include <cstdlib>

#include "io/h5md_schema.hpp"

namespace grainfield::h5 {

namespace {

struct Factor {
  std::string symbol;
  int power = 1;
};

// Products of powers as people write them: "eV/A^3", "A^-3", "eV Ang-3", "1/A". False for anything else.
bool parse(const std::string& unit, std::vector<Factor>& factors) {
  factors.clear();
  size_t at = 0;
  int sign = 1;
  while (at < unit.size()) {
    const char c = unit[at];
    if (c == ' ' || c == '*') {
      ++at;
    } else if (c == '/') {
      if (sign < 0) return false;
      sign = -1;
      ++at;
    } else if (c == '1' && factors.empty() && sign > 0 && (at + 1 == unit.size() || unit[at + 1] == '/')) {
      ++at;
    } else if (std::isalpha(static_cast<unsigned char>(c)) || c == '%') {
      Factor f;
      while (at < unit.size() && (std::isalpha(static_cast<unsigned char>(unit[at])) || unit[at] == '%'))
        f.symbol += unit[at++];
      if (at < unit.size() && unit[at] == '^') ++at;
      if (at < unit.size() &&
          (unit[at] == '+' || unit[at] == '-' || std::isdigit(static_cast<unsigned char>(unit[at])))) {
        char* end = nullptr;
        f.power = static_cast<int>(std::strtol(unit.c_str() + at, &end, 10));
        if (end == unit.c_str() + at || f.power == 0) return false;
        at = static_cast<size_t>(end - unit.c_str());
      }
      f.power *= sign;
      sign = 1;
      factors.push_back(f);
    } else {
      return false;
    }
  }
  return sign > 0 && !factors.empty();
}

// Conversion of symbols that other programs write to A, ps, eV, e, amu (CODATA 2018 where it is not a
// definition).
struct Symbol {
  const char* name;
  double factor;
};
constexpr double joule = 1 / 1.602176634e-19;    // eV
constexpr double mole = 6.02214076e23;           // 1
constexpr double amu_in_kg = 1.66053906660e-27;  // kg
constexpr Symbol symbols[] = {{"Ang", 1},
                              {"A", 1},
                              {"Angstrom", 1},
                              {"angstrom", 1},
                              {"Angstroms", 1},
                              {"pm", 0.01},
                              {"nm", 10},
                              {"um", 1e4},
                              {"m", 1e10},
                              {"ps", 1},
                              {"fs", 1e-3},
                              {"ns", 1e3},
                              {"us", 1e6},
                              {"s", 1e12},
                              {"eV", 1},
                              {"meV", 1e-3},
                              {"J", joule},
                              {"kJ", 1e3 * joule},
                              {"kcal", 4184 * joule},
                              {"cal", 4.184 * joule},
                              {"mol", mole},
                              {"e", 1},
                              {"u", 1},
                              {"amu", 1},
                              {"g", 1e-3 / amu_in_kg},
                              {"kg", 1 / amu_in_kg}};

}  // namespace

std::string to_h5md_unit(const std::string& unit) {
  std::vector<Factor> factors;
  if (!parse(unit, factors)) return unit;
  std::string out;
  for (const Factor& f : factors) {
    if (!out.empty()) out += ' ';
    out += f.symbol == "A" ? "Ang" : f.symbol == "amu" ? "u" : f.symbol;
    if (f.power != 1) out += (f.power > 0 ? "+" : "") + std::to_string(f.power);
  }
  return out;
}

std::string from_h5md_unit(const std::string& unit) {
  std::vector<Factor> factors;
  if (!parse(unit, factors)) return unit;
  std::string above, below;
  for (const Factor& f : factors) {
    const std::string symbol = f.symbol == "Ang" || f.symbol == "Angstrom" ? "A"
                               : f.symbol == "u"                           ? "amu"
                                                                           : f.symbol;
    const int power = std::abs(f.power);
    std::string& side = f.power > 0 ? above : below;
    if (f.power < 0)
      side += '/';
    else if (!side.empty())
      side += ' ';
    side += symbol;
    if (power != 1) side += '^' + std::to_string(power);
  }
  if (!above.empty() || factors.size() > 1) return (above.empty() ? "1" : above) + below;
  return from_h5md_unit(factors[0].symbol) + "^" + std::to_string(factors[0].power);
}

double unit_factor(const std::string& unit) {
  if (unit.empty()) return 1;
  std::vector<Factor> factors;
  if (!parse(unit, factors)) return 0;
  double product = 1;
  for (const Factor& f : factors) {
    double factor = 0;
    for (const Symbol& s : symbols)
      if (f.symbol == s.name) factor = s.factor;
    product *= std::pow(factor, f.power);
  }
  return std::isfinite(product) ? product : 0;
}

}  // namespace grainfield::h5
