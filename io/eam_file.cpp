#include "io/eam_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <optional>

#include "host/elements.hpp"
#include "host/error.hpp"
#include "io/text_source.hpp"
#include "io/tokens.hpp"

namespace grainfield {
namespace {

// Z(r) Z(r) in hartree bohr to eV A, in the rounding that LAMMPS and the files' authors use.
constexpr double hartree_bohr = 27.2 * 0.529;
constexpr int64_t fewest_nodes = 5;  // the slopes at a node take two on either side
constexpr int64_t most_nodes = 10'000'000;

const char* kind_name(EamKind kind) {
  return kind == EamKind::funcfl ? "eam (funcfl)" : kind == EamKind::alloy ? "eam/alloy" : "eam/fs";
}

std::string bare_name(const std::string& path) {
  std::string name = std::filesystem::path(path).filename().string();
  for (const std::string_view packed : {".gz", ".zst"})
    if (name.ends_with(packed)) name.resize(name.size() - packed.size());
  return name;
}

// What the name promises, if anything; refuses what we know not to support.
std::optional<EamKind> kind_by_name(const std::string& path) {
  const std::string name = bare_name(path);
  struct Other {
    std::string_view ending, what;
  };
  for (const Other& other :
       {Other{".cdeam", "concentration-dependent EAM (cdeam)"}, Other{".adp", "ADP"},
        Other{".eam.he", "eam/he"}, Other{".he", "eam/he"}, Other{".poly", "eam/poly"},
        Other{".meam", "MEAM"}, Other{".meam.spline", "MEAM splines"}, Other{".eim", "EIM"},
        Other{".mtp", "a moment tensor potential"}, Other{".almtp", "a moment tensor potential"}})
    if (name.ends_with(other.ending))
      throw InputError(fmt::format(
          "{}: expected a potential of the kind eam/alloy, eam/fs or eam (funcfl), found the name "
          "of another kind: {}",
          path, other.what));
  if (name.ends_with(".alloy")) return EamKind::alloy;
  if (name.ends_with(".fs")) return EamKind::fs;
  if (name.ends_with(".eam") || name.ends_with(".funcfl")) return EamKind::funcfl;
  return std::nullopt;
}

std::optional<double> finite(std::string_view word) {
  const auto value = to_real(word);
  return value && std::isfinite(*value) ? value : std::nullopt;
}

class EamReader {
 public:
  explicit EamReader(const std::string& path) : promised_(kind_by_name(path)), source_(path) {}

  EamModel read() {
    const std::string header[3] = {line("a comment"), line("a comment, or the element of a funcfl file"),
                                   line("a comment, or the grid of a funcfl file")};
    if (const size_t at = header[0].find("UNITS:"); at != std::string::npos) {
      const auto words = split(std::string_view(header[0]).substr(at + 6));
      if (!words.empty() && words[0] != "metal")
        source_.fail(1,
                     fmt::format("expected UNITS: metal, found {}: convert the potential", quote(words[0])));
    }
    model_.name = bare_name(source_.path());
    const auto element = split(header[1]), grid = split(header[2]);
    const auto all_real = [](const std::vector<std::string_view>& words, size_t n) {
      return words.size() >= n && std::all_of(words.begin(), words.begin() + static_cast<int64_t>(n),
                                              [](std::string_view w) { return to_real(w).has_value(); });
    };
    if (all_real(element, 3) && all_real(grid, 5)) {
      check_promise(EamKind::funcfl, 2);
      read_funcfl(header[1], header[2]);
    } else if (promised_ == EamKind::funcfl && !all_real(element, 3)) {
      source_.fail(2, fmt::format("expected atomic number, mass, lattice constant and lattice of an eam "
                                  "(funcfl) file, found {}; setfl files are named .eam.alloy or .eam.fs",
                                  quote(header[1])));
    } else {
      read_setfl();
    }
    expect_end();
    return std::move(model_);
  }

 private:
  std::string line(const std::string& expected) {
    std::string_view text;
    if (!source_.line(text))
      source_.fail(source_.next_line(),
                   fmt::format("expected {}, the file ends here (truncated?)", expected));
    return std::string(text);
  }
  // The next line that holds more than a comment.
  std::string content_line(const std::string& expected) {
    while (true) {
      std::string text = line(expected);
      if (!before(text, '#').empty()) return std::string(before(text, '#'));
    }
  }
  [[noreturn]] void fail(const std::string& what) const { source_.fail(source_.last_line(), what); }

  void check_promise(EamKind found, int64_t at_line) const {
    if (promised_ && *promised_ != found)
      source_.fail(at_line,
                   fmt::format("expected the kind {} that the file's name promises, found {}: rename "
                               "or replace the file",
                               kind_name(*promised_), kind_name(found)));
  }

  void read_grid(const std::string& text, int64_t at_line) {
    const auto words = split(text);
    if (words.size() != 5)
      source_.fail(at_line, fmt::format("expected 5 numbers n_rho d_rho n_r d_r cutoff, found {} words: {}",
                                        words.size(), quote(text)));
    const auto count = [&](size_t k, const char* what) {
      const auto n = to_integer(words[k]);
      if (!n || *n < fewest_nodes || *n > most_nodes)
        source_.fail(at_line, fmt::format("expected {}, {} to {} nodes, found {}", what, fewest_nodes,
                                          most_nodes, quote(words[k])));
      return static_cast<int32_t>(*n);
    };
    const auto length = [&](size_t k, const char* what) {
      const auto value = finite(words[k]);
      if (!value || *value < 1e-100 || *value > 1e100)
        source_.fail(at_line, fmt::format("expected {}, a positive number, found {}", what, quote(words[k])));
      return *value;
    };
    model_.n_rho = count(0, "n_rho");
    model_.d_rho = length(1, "d_rho");
    model_.n_r = count(2, "n_r");
    model_.d_r = length(3, "d_r");
    model_.cutoff = length(4, "the cutoff");
    const double reach = model_.n_r * model_.d_r;
    if (reach < 0.99 * model_.cutoff)
      source_.fail(at_line, fmt::format("expected tables that reach the cutoff {:g} A, found {} nodes at "
                                        "distances of {:g} A, that is {:g} A",
                                        model_.cutoff, model_.n_r, model_.d_r, reach));
  }

  // "Z mass a lattice". Returns Z.
  int64_t read_element(const std::string& text, int64_t at_line) {
    const auto words = split(text);
    const auto number = words.empty() ? std::nullopt : to_integer(words[0]);
    const auto mass = words.size() < 3 ? std::nullopt : finite(words[1]);
    const auto a = words.size() < 3 ? std::nullopt : finite(words[2]);
    if (words.size() > 4 || !number || !mass || !a)
      source_.fail(
          at_line,
          fmt::format("expected an element: atomic number, mass, lattice constant and lattice, found {}",
                      quote(text)));
    if (*mass < 0) source_.fail(at_line, fmt::format("expected a mass (amu), found {}", quote(words[1])));
    model_.masses.push_back(*mass);
    return *number;
  }

  // n values, on as many lines as they take; the last line ends with the last value.
  void read_table(int32_t n, const std::string& what, std::vector<double>& out) {
    for (int32_t k = 0; k < n;) {
      const std::string text = content_line(fmt::format("value {} of {} of {}", k + 1, n, what));
      for (const std::string_view word : split(text)) {
        if (k == n)
          fail(fmt::format("expected the end of the line after the {} values of {}, found {}", n, what,
                           quote(word)));
        const auto value = finite(word);
        if (!value)
          fail(fmt::format("expected value {} of {} of {}, a finite number, found {}", k + 1, n, what,
                           quote(word)));
        out.push_back(*value);
        ++k;
      }
    }
  }

  void expect_end() {
    std::string_view text;
    while (source_.line(text))
      if (!before(text, '#').empty())
        fail(
            fmt::format("expected the end of the file after the last table, found {}: a wrong count, or a "
                        "kind that is not supported (ADP, cdeam)",
                        quote(text)));
  }

  void read_funcfl(const std::string& element, const std::string& grid) {
    model_.kind = EamKind::funcfl;
    const int64_t z = read_element(element, 2);
    const Element* known = z >= 1 && z <= 118 ? find_element_by_number(static_cast<int>(z)) : nullptr;
    if (!known) source_.fail(2, fmt::format("expected an atomic number, found {}", quote(split(element)[0])));
    model_.elements = {std::string(known->symbol)};
    read_grid(grid, 3);
    if (model_.n_rho <= fewest_nodes || model_.n_r <= fewest_nodes)
      source_.fail(3, fmt::format("expected tables of more than {} nodes, found {} and {}", fewest_nodes,
                                  model_.n_rho, model_.n_r));
    std::vector<double> charge;
    read_table(model_.n_rho, "the embedding function", model_.embedding);
    read_table(model_.n_r, "the effective charge", charge);
    read_table(model_.n_r, "the density", model_.density);
    // LAMMPS makes a new grid with a node less, and goes over to it by cubic interpolation: at the nodes, the
    // old values.
    model_.rho_max = (model_.n_rho - 1) * model_.d_rho;
    --model_.n_rho;
    --model_.n_r;
    model_.embedding.pop_back();
    model_.density.pop_back();
    charge.pop_back();
    for (const double value : charge) {
      model_.pair.push_back(hartree_bohr * value * value);
      if (!std::isfinite(model_.pair.back()))
        throw InputError(fmt::format("{}: expected effective charges whose squares are numbers, found {:g}",
                                     source_.path(), value));
    }
  }

  void read_setfl() {
    const std::string names = line("the number of elements and their names");
    const auto words = split(before(names, '#'));
    const auto n = words.empty() ? std::nullopt : to_integer(words[0]);
    if (!n || *n < 1)
      source_.fail(4, fmt::format("expected the number of elements and their names, found {}", quote(names)));
    if (static_cast<uint64_t>(*n) != words.size() - 1)
      source_.fail(
          4, fmt::format("expected {} names of elements, found {}: {}", *n, words.size() - 1, quote(names)));
    for (size_t k = 1; k < words.size(); ++k) {
      if (std::find(words.begin() + 1, words.begin() + static_cast<int64_t>(k), words[k]) !=
          words.begin() + static_cast<int64_t>(k))
        source_.fail(4, fmt::format("expected every element once, found {} twice", quote(words[k])));
      model_.elements.emplace_back(words[k]);
    }
    const std::string grid = line("n_rho d_rho n_r d_r cutoff");
    read_grid(std::string(before(grid, '#')), 5);
    model_.rho_max = (model_.n_rho - 1) * model_.d_rho;

    const int32_t n_species = model_.n_species();
    const auto name = [&](int32_t a) { return model_.elements[static_cast<size_t>(a)]; };
    model_.kind = promised_.value_or(EamKind::alloy);
    std::vector<double> density;  // alloy: [a][n_r], fs: [a][b][n_r]
    for (int32_t a = 0; a < n_species; ++a) {
      const std::string element = content_line(fmt::format("the element {}", name(a)));
      read_element(element, source_.last_line());
      read_table(model_.n_rho, fmt::format("the embedding function of {}", name(a)), model_.embedding);
      read_table(model_.n_r, fmt::format("the density of {}", name(a)), density);
      if (a == 0 && n_species > 1) find_kind();
      for (int32_t b = 1; b < n_species && model_.kind == EamKind::fs; ++b)
        read_table(model_.n_r, fmt::format("the density of {} at {}", name(a), name(b)), density);
    }
    for (int32_t a = 0; a < n_species; ++a)
      for (int32_t b = 0; b <= a; ++b)
        read_table(model_.n_r, fmt::format("r phi(r) of {} and {}", name(a), name(b)), model_.pair);
    if (model_.kind == EamKind::fs) {
      model_.density = std::move(density);
    } else {
      for (int32_t a = 0; a < n_species; ++a)
        for (int32_t b = 0; b < n_species; ++b)
          model_.density.insert(model_.density.end(), density.begin() + static_cast<int64_t>(a) * model_.n_r,
                                density.begin() + static_cast<int64_t>(a + 1) * model_.n_r);
    }
  }

  // Behind the first density: the next element (alloy), or the next density (fs). Only an element has a word,
  // the lattice, that is no number.
  void find_kind() {
    std::string_view text;
    while (source_.peek(text) && before(text, '#').empty()) source_.skip_lines(1);
    if (!source_.peek(text)) return;  // the end of the file is reported where it is read
    const auto words = split(before(text, '#'));
    const bool element = words.size() == 4 && to_integer(words[0]) && to_real(words[1]) &&
                         to_real(words[2]) && !to_real(words[3]);
    const EamKind found = element ? EamKind::alloy : EamKind::fs;
    if (element || finite(words[0])) check_promise(found, source_.next_line());
    model_.kind = found;
  }

  std::optional<EamKind> promised_;
  TextSource source_;
  EamModel model_;
};

}  // namespace

EamModel read_eam(const std::string& path) { return EamReader(path).read(); }

}  // namespace grainfield
