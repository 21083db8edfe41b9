#include "io/mtp_file.hpp"

#include <fast_float/fast_float.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <optional>
#include <queue>
#include <tuple>

#include "host/error.hpp"
#include "host/mtp_check.hpp"
#include "io/output_file.hpp"
#include "io/text_source.hpp"
#include "io/tokens.hpp"

namespace grainfield {
namespace {

static_assert(std::endian::native == std::endian::little,
              "the matrices of the active set are copied as they are");

constexpr int64_t max_count = 1'000'000'000;  // of anything; arrays are as long as the file explains
constexpr int max_rank = 64;                  // of a basic moment; MLIP's largest is 10
constexpr std::string_view set_version = "#MVS_v1.1\n";

// Reads the text part from front to back, white space apart, and knows the line.
class Text {
 public:
  Text(std::string_view text, std::string name, bool hints)
      : at_(text.data()), end_(text.data() + text.size()), name_(std::move(name)), hints_(hints) {}

  int64_t line() const { return line_; }

  [[noreturn]] void fail(const std::string& what) const { fail(line_, what); }
  [[noreturn]] void fail(int64_t line, const std::string& what) const {
    throw InputError(fmt::format("{}, line {}: {}", name_, line, what));
  }

  bool at_end() {
    skip_space();
    return at_ == end_;
  }

  // What is next, for messages.
  std::string next_words() {
    if (at_end()) return "the end of the text (truncated?)";
    const char* stop = std::find_if(at_, end_, [](char c) { return c == '\n' || c == '\r'; });
    return quote(trim({at_, static_cast<size_t>(stop - at_)}));
  }

  // The word up to white space or '=', which stays.
  std::string_view peek_word() {
    skip_space();
    const char* stop = std::find_if(at_, end_, [](char c) { return is_space(c) || c == '='; });
    return {at_, static_cast<size_t>(stop - at_)};
  }

  void take_word(std::string_view word) { at_ += word.size(); }

  // The '=' behind a key.
  void take_equals(std::string_view key) {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\t')) ++at_;
    if (at_ == end_ || *at_ != '=') fail(fmt::format("expected '=' after {}, found {}", key, next_words()));
    ++at_;
  }

  // The rest of the line, without white space at its ends and without a template's hint.
  std::string_view take_rest(std::string_view key) {
    const char* stop = std::find(at_, end_, '\n');
    std::string_view rest(at_, static_cast<size_t>(stop - at_));
    at_ = stop;
    if (const size_t hint = rest.find("<<<"); hint != std::string_view::npos) {
      if (!hints_)
        fail(fmt::format(
            "{} is followed by a hint '<<<', as in an untrained template; expected a trained potential",
            key));
      rest = rest.substr(0, hint);
    }
    return trim(rest);
  }

  void expect_key(std::string_view key) {
    if (peek_word() != key) fail(fmt::format("expected {}, found {}", key, next_words()));
    take_word(key);
    take_equals(key);
  }

  double take_real(std::string_view key) {
    const std::string_view word = take_rest(key);
    const auto value = to_real(word);
    if (!value || !std::isfinite(*value))
      fail(fmt::format("{}: expected a number, found {}", key, quote(word)));
    return *value;
  }

  int32_t take_count(std::string_view key, int64_t least) {
    const std::string_view word = take_rest(key);
    const auto value = to_integer(word);
    if (!value || *value < least || *value > max_count)
      fail(fmt::format("{}: expected a whole number of at least {}, found {}", key, least, quote(word)));
    return static_cast<int32_t>(*value);
  }

  // One character of a list; `where` says which list and entry.
  template <class Where>
  void expect(char c, const Where& where) {
    skip_space();
    if (at_ == end_ || *at_ != c) fail(fmt::format("{}: expected '{}', found {}", where(), c, next_words()));
    ++at_;
  }

  bool take_if(char c) {
    skip_space();
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }

  template <class Where>
  int32_t integer(const Where& where) {
    skip_space();
    int32_t value = 0;
    const auto [stop, error] = std::from_chars(at_, end_, value);
    if (error != std::errc())
      fail(fmt::format("{}: expected a whole number, found {}", where(), next_words()));
    at_ = stop;
    return value;
  }

  template <class Where>
  double real(const Where& where) {
    skip_space();
    if (at_ != end_ && *at_ == '+') ++at_;
    double value = 0;
    const auto [stop, error] = fast_float::from_chars(at_, end_, value);
    if (error != std::errc() || !std::isfinite(value))
      fail(fmt::format("{}: expected a number, found {}", where(), next_words()));
    at_ = stop;
    return value;
  }

 private:
  void skip_space() {
    for (; at_ != end_ && is_space(*at_); ++at_) line_ += *at_ == '\n';
  }

  const char* at_;
  const char* end_;
  std::string name_;
  bool hints_;
  int64_t line_ = 1;
};

// The numbers of the file before they mean anything.
class MtpReader {
 public:
  MtpReader(std::string_view bytes, const std::string& name, const MtpReadOptions& options)
      : bytes_(bytes),
        name_(name),
        options_(options),
        text_size_(std::min(bytes.find('#'), bytes.size())),
        text_(bytes.substr(0, text_size_), name, options.allow_untrained) {}

  MtpModel read() {
    read_header();
    read_radial_header();
    read_radial_coefficients();
    read_tables();
    read_linear();
    if (!text_.at_end())
      text_.fail(fmt::format("expected the end of the file or {} after the coefficients, found {}",
                             quote(trim(set_version)), text_.next_words()));
    sort_products();
    check_scalars();
    if (text_size_ < bytes_.size()) read_active_set();
    return std::move(m_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const { text_.fail(what); }

  void once(bool& seen, std::string_view key) const {
    if (seen) fail(fmt::format("{} occurs twice", key));
    seen = true;
  }

  void read_header() {
    if (const std::string_view word = text_.peek_word(); word != "MTP")
      fail(fmt::format("expected 'MTP', the first word of a moment tensor potential, found {}",
                       text_.next_words()));
    text_.take_word("MTP");
    text_.expect_key("version");
    if (const std::string_view version = text_.take_rest("version"); version != "1.1.0")
      fail(fmt::format("expected version 1.1.0, found {}", quote(version)));
    bool named = false, scaled = false, counted = false, tagged = false;
    for (;;) {
      const std::string_view key = text_.peek_word();
      if (key == "radial_basis_type") break;
      if (key != "potential_name" && key != "scaling" && key != "species_count" && key != "potential_tag")
        fail(fmt::format("expected radial_basis_type{}, found {}", counted ? "" : " or species_count",
                         text_.next_words()));
      text_.take_word(key);
      text_.take_equals(key);
      if (key == "potential_name") {
        once(named, key);
        m_.name = text_.take_rest(key);
      } else if (key == "scaling") {
        once(scaled, key);
        m_.scaling = text_.take_real(key);
      } else if (key == "species_count") {
        once(counted, key);
        m_.n_species = text_.take_count(key, options_.allow_untrained ? 0 : 1);
      } else {
        once(tagged, key);
        m_.tag = text_.take_rest(key);
      }
    }
    if (!counted && !options_.allow_untrained)
      fail("expected species_count before radial_basis_type, found none");
    text_.expect_key("radial_basis_type");
    const std::string_view type = text_.take_rest("radial_basis_type");
    m_.repulsive = type == "RBChebyshev_repuls";
    if (!m_.repulsive && type != "RBChebyshev")
      fail(
          fmt::format("expected radial_basis_type RBChebyshev or RBChebyshev_repuls, found {}", quote(type)));
  }

  void read_radial_header() {
    bool scaled = false, near = false, far = false, sized = false;
    for (;;) {
      const std::string_view key = text_.peek_word();
      if (key == "radial_funcs_count") break;
      if (key == "magnetic_basis_type")
        fail("magnetic potentials are not supported, found magnetic_basis_type");
      const bool is_near = key == "min_dist" || key == "min_val",
                 is_far = key == "max_dist" || key == "max_val",
                 is_size = key == "radial_basis_size" || key == "basis_size";
      if (!is_near && !is_far && !is_size && key != "scaling")
        fail(fmt::format("expected {}, found {}",
                         !near    ? "min_dist"
                         : !far   ? "max_dist"
                         : !sized ? "radial_basis_size"
                                  : "radial_funcs_count",
                         text_.next_words()));
      text_.take_word(key);
      text_.take_equals(key);
      if (is_near) {
        once(near, key);
        m_.min_distance = text_.take_real(key);
      } else if (is_far) {
        once(far, key);
        m_.max_distance = text_.take_real(key);
      } else if (is_size) {
        once(sized, key);
        m_.n_radial_basis = text_.take_count(key, 1);
      } else {
        once(scaled, key);
        m_.scaling *= text_.take_real(key);
      }
    }
    if (!near || !far || !sized)
      fail(fmt::format("expected {} before radial_funcs_count, found none", !near  ? "min_dist"
                                                                            : !far ? "max_dist"
                                                                                   : "radial_basis_size"));
    if (!(m_.min_distance >= 0) || !(m_.max_distance > m_.min_distance))
      fail(fmt::format("expected 0 <= min_dist < max_dist, found min_dist = {}, max_dist = {}",
                       m_.min_distance, m_.max_distance));
    if (!std::isfinite(m_.scaling) || m_.scaling == 0)
      fail(fmt::format("expected a scaling other than 0, found {}", m_.scaling));
    text_.expect_key("radial_funcs_count");
    m_.n_radial = text_.take_count("radial_funcs_count", 1);
  }

  // "a-b"
  std::pair<int32_t, int32_t> take_pair(int64_t block) {
    const std::string_view word = text_.peek_word();
    const size_t dash = word.find('-');
    const auto a = to_integer(word.substr(0, dash));
    const auto b = dash == std::string_view::npos ? std::nullopt : to_integer(word.substr(dash + 1));
    if (!a || !b || *a < 0 || *b < 0 || *a > max_count || *b > max_count)
      fail(fmt::format("radial_coeffs: expected the types of pair {} of {} like '0-1', found {}", block + 1,
                       static_cast<int64_t>(m_.n_species) * m_.n_species, text_.next_words()));
    text_.take_word(word);
    return {static_cast<int32_t>(*a), static_cast<int32_t>(*b)};
  }

  void read_radial_coefficients() {
    const int64_t n = m_.n_species;
    if (text_.peek_word() != "radial_coeffs") {
      if (!options_.allow_untrained)
        fail(fmt::format("expected radial_coeffs, found {}: a truncated file, or an untrained template",
                         text_.next_words()));
      if (n > bytes_size()) fail(fmt::format("species_count: expected a plausible number, found {}", n));
      for (int32_t k = 0; k < n; ++k) m_.type_labels.push_back(k);
      return;
    }
    text_.take_word("radial_coeffs");
    for (int64_t block = 0; block < n * n; ++block) {
      const std::pair<int32_t, int32_t> types = take_pair(block);
      const int32_t a = types.first, b = types.second;
      const auto i = static_cast<size_t>(block / n), j = static_cast<size_t>(block % n);
      if (i == 0) {
        if (std::find(m_.type_labels.begin(), m_.type_labels.end(), b) != m_.type_labels.end())
          fail(fmt::format("radial_coeffs: expected a new type in pair {} of {}, found {} again in '{}-{}'",
                           block + 1, n * n, b, a, b));
        m_.type_labels.push_back(b);
      }
      if (a != m_.type_labels[i] || b != m_.type_labels[j])
        fail(fmt::format("radial_coeffs: expected the pair '{}-{}' (pair {} of {}), found '{}-{}'",
                         m_.type_labels[i], m_.type_labels[j], block + 1, n * n, a, b));
      for (int32_t mu = 0; mu < m_.n_radial; ++mu) {
        const auto where = [&] {
          return fmt::format("radial_coeffs of pair {}-{}, function {} of {}", a, b, mu + 1, m_.n_radial);
        };
        read_reals(m_.n_radial_basis, m_.radial, where);
      }
    }
  }

  int64_t bytes_size() const { return static_cast<int64_t>(bytes_.size()); }

  // {n numbers}
  template <class Where>
  void read_reals(int64_t n, std::vector<double>& out, const Where& where) {
    text_.expect('{', where);
    for (int64_t k = 0; k < n; ++k) {
      const auto entry = [&] { return fmt::format("{}, number {} of {}", where(), k + 1, n); };
      if (k > 0) text_.expect(',', entry);
      out.push_back(text_.real(entry));
    }
    if (!text_.take_if('}'))
      fail(fmt::format("{}: expected '}}' after {} numbers, found {}", where(), n, text_.next_words()));
  }

  // {{i, j, k, l}, ...}
  void read_quads(std::string_view key, int64_t n, std::vector<std::array<int32_t, 4>>& out) {
    text_.expect_key(key);
    const auto whole = [&] { return std::string(key); };
    text_.expect('{', whole);
    for (int64_t k = 0; k < n; ++k) {
      const auto entry = [&] { return fmt::format("{}, entry {} of {}", key, k + 1, n); };
      if (k > 0) text_.expect(',', entry);
      text_.expect('{', entry);
      std::array<int32_t, 4> quad{};
      for (size_t i = 0; i < 4; ++i) {
        if (i > 0) text_.expect(',', entry);
        quad[i] = text_.integer(entry);
      }
      text_.expect('}', entry);
      out.push_back(quad);
    }
    if (!text_.take_if('}'))
      fail(fmt::format("{}: expected '}}' after {} entries, found {}", key, n, text_.next_words()));
  }

  void read_tables() {
    text_.expect_key("alpha_moments_count");
    m_.n_moments = text_.take_count("alpha_moments_count", 1);
    const int64_t moments_line = text_.line();
    text_.expect_key("alpha_index_basic_count");
    const int32_t n_basics = text_.take_count("alpha_index_basic_count", 1);
    std::vector<std::array<int32_t, 4>> quads;
    read_quads("alpha_index_basic", n_basics, quads);
    int32_t largest = -1;
    for (size_t k = 0; k < quads.size(); ++k) {
      const auto [mu, a, b, c] = quads[k];
      if (mu < 0 || mu >= m_.n_radial)
        fail(
            fmt::format("alpha_index_basic, entry {}: expected a radial function 0 ... {} "
                        "(radial_funcs_count {}), found {}",
                        k + 1, m_.n_radial - 1, m_.n_radial, mu));
      if (std::min({a, b, c}) < 0 || std::max({a, b, c}) > max_rank || a + b + c > max_rank)
        fail(
            fmt::format("alpha_index_basic, entry {}: expected powers of at least 0 and at most {} in all, "
                        "found {}, {}, {}",
                        k + 1, max_rank, a, b, c));
      largest = std::max(largest, mu);
      m_.basics.push_back({mu, a, b, c});
    }
    if (largest + 1 != m_.n_radial)
      fail(
          fmt::format("alpha_index_basic: expected radial functions up to {} (radial_funcs_count {}), found "
                      "none above {}",
                      m_.n_radial - 1, m_.n_radial, largest));

    text_.expect_key("alpha_index_times_count");
    const int32_t n_products = text_.take_count("alpha_index_times_count", 0);
    // Every product makes one moment at most.
    if (m_.n_moments < n_basics || m_.n_moments > static_cast<int64_t>(n_basics) + n_products)
      text_.fail(
          moments_line,
          fmt::format("alpha_moments_count: expected {} ... {} ({} basic moments and {} products), found {}",
                      n_basics, static_cast<int64_t>(n_basics) + n_products, n_basics, n_products,
                      m_.n_moments));
    quads.clear();
    read_quads("alpha_index_times", n_products, quads);
    for (size_t k = 0; k < quads.size(); ++k) {
      const auto [left, right, factor, out] = quads[k];
      const auto check = [&](const char* what, int32_t value, int32_t least) {
        if (value < least || value >= m_.n_moments)
          fail(fmt::format("alpha_index_times, entry {}: expected {} {} ... {}, found {}", k + 1, what, least,
                           m_.n_moments - 1, value));
      };
      check("a factor that is a moment", left, 0);
      check("a factor that is a moment", right, 0);
      check("an output that is a moment", out, n_basics);
      if (factor < 1)
        fail(fmt::format("alpha_index_times, entry {}: expected a multiplicity of 1 or more, found {}", k + 1,
                         factor));
      m_.products.push_back({left, right, factor, out});
    }
    products_line_ = text_.line();

    text_.expect_key("alpha_scalar_moments");
    const int32_t n_scalars = text_.take_count("alpha_scalar_moments", 1);
    text_.expect_key("alpha_moment_mapping");
    const auto whole = [] { return std::string("alpha_moment_mapping"); };
    text_.expect('{', whole);
    for (int32_t k = 0; k < n_scalars; ++k) {
      const auto entry = [&] {
        return fmt::format("alpha_moment_mapping, entry {} of {}", k + 1, n_scalars);
      };
      if (k > 0) text_.expect(',', entry);
      const int32_t moment = text_.integer(entry);
      if (moment < 0 || moment >= m_.n_moments)
        fail(fmt::format("{}: expected a moment 0 ... {}, found {}", entry(), m_.n_moments - 1, moment));
      m_.scalars.push_back(moment);
    }
    if (!text_.take_if('}'))
      fail(fmt::format("alpha_moment_mapping: expected '}}' after {} entries, found {}", n_scalars,
                       text_.next_words()));
  }

  void read_linear() {
    for (const auto& [key, n, out] :
         {std::tuple{"species_coeffs", static_cast<int64_t>(m_.n_species), &m_.species_energy},
          std::tuple{"moment_coeffs", static_cast<int64_t>(m_.scalars.size()), &m_.linear}}) {
      if (options_.allow_untrained &&
          (text_.at_end() || (text_.peek_word() != key && out == &m_.species_energy)))
        continue;
      if (text_.peek_word() != key)
        fail(fmt::format("expected {}, found {}", key,
                         text_.at_end() ? "the end of the text: truncated, or an untrained template"
                                        : text_.next_words()));
      text_.expect_key(key);
      const auto where = [k = key] { return std::string(k); };
      read_reals(n, *out, where);
    }
  }

  // The products of one output together, and no moment used before it is complete.
  void sort_products() {
    const auto n = static_cast<size_t>(m_.n_moments), n_basics = m_.basics.size();
    std::vector<std::vector<int32_t>> of(n);  // [output] products
    for (size_t t = 0; t < m_.products.size(); ++t)
      of[static_cast<size_t>(m_.products[t].out)].push_back(static_cast<int32_t>(t));
    for (size_t k = n_basics; k < n; ++k)
      if (of[k].empty())
        text_.fail(products_line_, fmt::format("alpha_index_times: expected products that yield moment {} "
                                               "(alpha_moments_count {}), found none",
                                               k, n));
    // In file order as long as that works: outputs by their first product.
    std::vector<int32_t> waits(n, 0);
    std::vector<std::vector<int32_t>> users(n);
    for (const MtpProduct& p : m_.products)
      for (const int32_t operand : {p.left, p.right})
        if (static_cast<size_t>(operand) >= n_basics) {
          users[static_cast<size_t>(operand)].push_back(p.out);
          ++waits[static_cast<size_t>(p.out)];
        }
    const auto later = [&](int32_t a, int32_t b) {
      return of[static_cast<size_t>(a)].front() > of[static_cast<size_t>(b)].front();
    };
    std::priority_queue<int32_t, std::vector<int32_t>, decltype(later)> ready(later);
    for (size_t k = n_basics; k < n; ++k)
      if (waits[k] == 0) ready.push(static_cast<int32_t>(k));
    std::vector<MtpProduct> sorted;
    sorted.reserve(m_.products.size());
    while (!ready.empty()) {
      const auto k = static_cast<size_t>(ready.top());
      ready.pop();
      for (const int32_t t : of[k]) sorted.push_back(m_.products[static_cast<size_t>(t)]);
      for (const int32_t user : users[k])
        if (--waits[static_cast<size_t>(user)] == 0) ready.push(user);
    }
    if (sorted.size() != m_.products.size()) {
      const auto stuck = std::find_if(waits.begin(), waits.end(), [](int32_t w) { return w > 0; });
      text_.fail(
          products_line_,
          fmt::format(
              "alpha_index_times: expected moments that can be computed one after the other, found that "
              "moment {} needs itself",
              stuck - waits.begin()));
    }
    m_.products = std::move(sorted);
  }

  void check_scalars() const {
    const int64_t s = first_scalar_not_invariant(m_);
    if (s < 0) return;
    text_.fail(products_line_,
               fmt::format("alpha_index_times: expected scalars that do not change when the neighborhood is "
                           "rotated, found that entry {} of "
                           "alpha_moment_mapping (moment {}) does: a number in the tables is wrong",
                           s + 1, m_.scalars[static_cast<size_t>(s)]));
  }

  // --- active set ---

  // The line "name value\n"; moves `at`.
  std::string_view take_line(size_t& at, int64_t& line) const {
    const size_t stop = bytes_.find('\n', at);
    if (stop == std::string_view::npos) text_.fail(line, "the active set ends here (truncated)");
    const std::string_view text = bytes_.substr(at, stop - at);
    at = stop + 1;
    ++line;
    return text;
  }

  void read_active_set() {
    MtpActiveSet set;
    int64_t line = text_.line();
    size_t at = text_size_;
    if (!m_.trained()) text_.fail(line, "expected coefficients before the active set, found none");
    if (bytes_.substr(at, set_version.size()) != set_version)
      text_.fail(line,
                 fmt::format("expected the active set's mark '#MVS_v1.1', found {}{}",
                             quote(bytes_.substr(at, std::min(bytes_.find('\n', at), bytes_.size()) - at)),
                             bytes_.substr(at, 2) == "#\n"
                                 ? ": an older version; let MLIP-3 write the potential again"
                                 : ""));
    at += set_version.size();
    ++line;
    for (const auto& [key, value] :
         {std::pair{"energy_weight", &set.energy_weight}, std::pair{"force_weight", &set.force_weight},
          std::pair{"stress_weight", &set.stress_weight},
          std::pair{"site_en_weight", &set.site_energy_weight}}) {
      const std::string_view text = take_line(at, line);
      const auto words = split(text);
      const auto real = words.size() == 2 ? to_real(words[1]) : std::nullopt;
      if (!real || words[0] != key || !std::isfinite(*real))
        text_.fail(line - 1, fmt::format("expected '{} <number>', found {}", key, quote(text)));
      *value = *real;
    }
    {
      const std::string_view text = take_line(at, line);
      const auto words = split(text);
      const auto whole = words.size() == 2 ? to_integer(words[1]) : std::nullopt;
      if (!whole || words[0] != "weight_scaling" || *whole < 0 || *whole > 2)
        text_.fail(line - 1, fmt::format("expected 'weight_scaling <0, 1 or 2>', found {}", quote(text)));
      set.weight_scaling = static_cast<int32_t>(*whole);
    }
    if (set.force_weight != 0 || set.stress_weight != 0)
      text_.fail(line - 1, fmt::format("expected an active set of energies or of neighborhoods (force_weight "
                                       "and stress_weight 0), found {} and {}",
                                       set.force_weight, set.stress_weight));
    if ((set.energy_weight != 0) == (set.site_energy_weight != 0))
      text_.fail(line - 1,
                 fmt::format(
                     "expected exactly one of energy_weight and site_en_weight other than 0, found {} and {}",
                     set.energy_weight, set.site_energy_weight));
    if (at >= bytes_.size() || bytes_[at] != '#')
      text_.fail(line, fmt::format("expected '#' and the matrices of the active set, found {}",
                                   quote(bytes_.substr(at, 20))));
    read_matrices(set, at + 1, line);
    m_.active_set = std::move(set);
  }

  void read_matrices(MtpActiveSet& set, size_t at, int64_t line) const {
    const auto n = static_cast<size_t>(m_.n_coefficients());
    const size_t bytes = n * n * sizeof(double), left = bytes_.size() - at;
    if (left / 2 < bytes)
      text_.fail(line, fmt::format("expected the 2 matrices of the active set, {} x {} numbers or {} bytes "
                                   "in all, found {} bytes: truncated",
                                   n, n, 2 * bytes, left));
    set.rows.resize(n * n);
    set.inverse_transposed.resize(n * n);
    std::memcpy(set.rows.data(), bytes_.data() + at, bytes);
    std::memcpy(set.inverse_transposed.data(), bytes_.data() + at + bytes, bytes);
    at += 2 * bytes;
    if (bytes_.substr(at, 3) != "\n#\n")
      text_.fail(line, fmt::format("expected a line '#' after the matrices of the active set ({} x {} for {} "
                                   "coefficients), found {}: damaged, or "
                                   "changed by a transfer as text",
                                   n, n, n, quote(bytes_.substr(at, 12))));
    at += 3;
    for (const auto* matrix : {&set.rows, &set.inverse_transposed})
      if (const auto bad =
              std::find_if(matrix->begin(), matrix->end(), [](double v) { return !std::isfinite(v); });
          bad != matrix->end()) {
        const size_t k = static_cast<size_t>(bad - matrix->begin());
        text_.fail(line, fmt::format("{} of the active set, row {}, column {}: expected a number, found {}",
                                     matrix == &set.rows ? "matrix A" : "inverse", k / n, k % n, *bad));
      }
    if (const double error = inverse_error(set, n); !(error <= mtp_inverse_tolerance))
      text_.fail(line, fmt::format("the two matrices of the active set: expected |A X^T v - v| below {} for "
                                   "vectors of signs, found {:.3g}: "
                                   "damaged; build the set again",
                                   mtp_inverse_tolerance, error));
    int64_t slot_line = 0, configurations = -1;
    for (size_t slot = 0; slot < n; ++slot) {
      const auto where = [&] { return fmt::format("origin of slot {} of {} behind the matrices", slot, n); };
      const size_t stop = bytes_.find('\n', at);
      const std::string_view text = bytes_.substr(at, stop == std::string_view::npos ? stop : stop - at);
      const auto words = split(text);
      int64_t numbers[2] = {-2, -2};
      for (size_t k = 0; k < 2 && words.size() == 2; ++k) numbers[k] = to_integer(words[k]).value_or(-2);
      const auto [configuration, equation] = numbers;
      const bool empty = configuration == -1 && equation == -1;
      if (stop == std::string_view::npos || (!empty && (configuration < 0 || equation < 0)))
        text_.fail(line, fmt::format("{}: expected a configuration and an equation, found {}", where(),
                                     quote(text)));
      set.origin.emplace_back(configuration, equation);
      configurations = std::max(configurations, configuration);
      at = stop + 1;
      ++slot_line;
    }
    if (bytes_.substr(at, 2) != "#\n")
      text_.fail(line,
                 fmt::format("expected a line '#' after the origins of {} slots, found {}", slot_line,
                             quote(bytes_.substr(at, std::min(bytes_.find('\n', at), bytes_.size()) - at))));
    at += 2;
    set.configurations = bytes_.substr(at);
    int64_t begun = 0, ended = 0;
    for (std::string_view rest = set.configurations; !rest.empty();) {
      const size_t stop = std::min(rest.find('\n'), rest.size());
      const std::string_view word = trim(rest.substr(0, stop));
      begun += word == "BEGIN_CFG";
      ended += word == "END_CFG";
      rest.remove_prefix(std::min(stop + 1, rest.size()));
    }
    if (begun != ended || begun <= configurations)
      text_.fail(line, fmt::format("the configurations of the active set: expected {} or more that begin and "
                                   "end, found {} that begin and {} that "
                                   "end: truncated",
                                   configurations + 1, begun, ended));
  }

  // The largest |A X^T v - v| over a few vectors of random signs: n^2 work, and a wrong element shows in
  // every one of them.
  static double inverse_error(const MtpActiveSet& set, size_t n) {
    constexpr size_t vectors = 4;
    std::vector<double> v(n * vectors), x(n * vectors, 0.0);
    uint64_t state = 0x9E3779B97F4A7C15u;
    for (double& value : v) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      value = state >> 63 ? 1 : -1;
    }
    for (size_t k = 0; k < n; ++k)  // x = X^T v
      for (size_t l = 0; l < n; ++l)
        for (size_t c = 0; c < vectors; ++c)
          x[l * vectors + c] += set.inverse_transposed[k * n + l] * v[k * vectors + c];
    double largest = 0;
    for (size_t k = 0; k < n; ++k) {
      double sum[vectors] = {};
      for (size_t l = 0; l < n; ++l)
        for (size_t c = 0; c < vectors; ++c) sum[c] += set.rows[k * n + l] * x[l * vectors + c];
      for (size_t c = 0; c < vectors; ++c) {
        const double error = std::abs(sum[c] - v[k * vectors + c]);
        if (!(error <= largest)) largest = error;
      }
    }
    return largest;
  }

  std::string_view bytes_;
  std::string name_;
  MtpReadOptions options_;
  size_t text_size_;
  Text text_;
  int64_t products_line_ = 0;
  MtpModel m_;
};

// --- writing ---

void add_real(std::string& out, double value) {
  const size_t start = out.size();
  fmt::format_to(std::back_inserter(out), "{:.15e}", value);
  double back = 0;
  fast_float::from_chars(out.data() + start, out.data() + out.size(), back);
  if (back == value) return;
  out.resize(start);
  fmt::format_to(std::back_inserter(out), "{:.16e}", value);
}

void add_reals(std::string& out, const double* values, size_t n) {
  out += '{';
  for (size_t k = 0; k < n; ++k) {
    if (k > 0) out += ", ";
    add_real(out, values[k]);
  }
  out += '}';
}

void add_entry(std::string& out, const char* key, double value) {
  out += key;
  out += " = ";
  add_real(out, value);
  out += '\n';
}

// A word of a line of text: line ends and '#' would end it.
std::string as_value(const std::string& text) {
  std::string out = text;
  for (char& c : out)
    if (c == '\n' || c == '\r' || c == '#') c = ' ';
  return std::string(trim(out));
}

}  // namespace

MtpModel parse_mtp(std::string_view bytes, const std::string& name, const MtpReadOptions& options) {
  return MtpReader(bytes, name, options).read();
}

MtpModel read_mtp(const std::string& path, const MtpReadOptions& options) {
  constexpr size_t largest = size_t{8} << 30;
  TextSource source(path);
  size_t target = size_t{1} << 20;
  std::string_view bytes = source.head(target);
  for (; bytes.size() == target; bytes = source.head(target)) {
    if (target >= largest)
      throw InputError(fmt::format("{}: expected a potential, found more than {} GiB", path, largest >> 30));
    target *= 2;
  }
  return parse_mtp(bytes, path, options);
}

std::string format_mtp(const MtpModel& m) {
  std::string out = "MTP\nversion = 1.1.0\n";
  // MLIP would take the next key for an empty name.
  if (const std::string name = as_value(m.name); !name.empty())
    out += fmt::format("potential_name = {}\n", name);
  if (m.trained() || m.scaling != 1) add_entry(out, "scaling", m.scaling);
  out += fmt::format("species_count = {}\npotential_tag = {}\nradial_basis_type = {}\n", m.n_species,
                     as_value(m.tag), m.repulsive ? "RBChebyshev_repuls" : "RBChebyshev");
  add_entry(out, "\tmin_dist", m.min_distance);
  add_entry(out, "\tmax_dist", m.max_distance);
  out += fmt::format("\tradial_basis_size = {}\n\tradial_funcs_count = {}\n", m.n_radial_basis, m.n_radial);
  if (!m.radial.empty()) {
    out += "\tradial_coeffs\n";
    const double* c = m.radial.data();
    for (const int32_t a : m.type_labels)
      for (const int32_t b : m.type_labels) {
        out += fmt::format("\t\t{}-{}\n", a, b);
        for (int32_t mu = 0; mu < m.n_radial; ++mu, c += m.n_radial_basis) {
          out += "\t\t\t";
          add_reals(out, c, static_cast<size_t>(m.n_radial_basis));
          out += '\n';
        }
      }
  }
  out += fmt::format("alpha_moments_count = {}\nalpha_index_basic_count = {}\nalpha_index_basic = {{",
                     m.n_moments, m.basics.size());
  const auto add = std::back_inserter(out);
  for (size_t k = 0; k < m.basics.size(); ++k) {
    const MtpBasic& b = m.basics[k];
    fmt::format_to(add, "{}{{{}, {}, {}, {}}}", k > 0 ? ", " : "", b.mu, b.a, b.b, b.c);
  }
  fmt::format_to(add, "}}\nalpha_index_times_count = {}\nalpha_index_times = {{", m.products.size());
  for (size_t k = 0; k < m.products.size(); ++k) {
    const MtpProduct& p = m.products[k];
    fmt::format_to(add, "{}{{{}, {}, {}, {}}}", k > 0 ? ", " : "", p.left, p.right, p.factor, p.out);
  }
  fmt::format_to(add, "}}\nalpha_scalar_moments = {}\nalpha_moment_mapping = {{{}}}\n", m.scalars.size(),
                 fmt::join(m.scalars, ", "));
  if (!m.species_energy.empty()) {
    out += "species_coeffs = ";
    add_reals(out, m.species_energy.data(), m.species_energy.size());
    out += '\n';
  }
  if (!m.linear.empty()) {
    out += "moment_coeffs = ";
    add_reals(out, m.linear.data(), m.linear.size());
  }
  if (!m.active_set) return out;
  const MtpActiveSet& set = *m.active_set;
  fmt::format_to(add,
                 "\n#MVS_v1.1\nenergy_weight {:.16e}\nforce_weight {:.16e}\nstress_weight {:.16e}\n"
                 "site_en_weight {:.16e}\nweight_scaling {}\n#",
                 set.energy_weight, set.force_weight, set.stress_weight, set.site_energy_weight,
                 set.weight_scaling);
  for (const auto* matrix : {&set.rows, &set.inverse_transposed})
    out.append(reinterpret_cast<const char*>(matrix->data()), matrix->size() * sizeof(double));
  out += "\n#\n";
  for (const auto& [configuration, equation] : set.origin)
    fmt::format_to(add, "{} {}\n", configuration, equation);
  out += "#\n";
  out += set.configurations;
  return out;
}

void write_mtp(const std::string& path, const MtpModel& model) {
  const std::string text = format_mtp(model);
  OutputFile file(path);
  file.write(text.data(), text.size());
  file.close();
}

}  // namespace grainfield
