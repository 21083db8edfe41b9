#include "tools/cli/bench_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <vector>

#include "host/error.hpp"
#include "tools/cli/bench_checksum.hpp"
#include "tools/cli/bench_peers.hpp"

namespace grainfield {
namespace {

using json = nlohmann::ordered_json;

std::string percent(double fraction) { return fmt::format("{:.1f} %", 100 * fraction); }

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else
      out += c;
  }
  return out;
}

std::string device_name(const json& report, const std::string& device) {
  for (const json& d : report.at("devices"))
    if (d.at("device") == device) return d.at("name").get<std::string>();
  return device;
}

std::string threads_text(const json& device) {
  const int n = device.at("threads");
  return fmt::format("{} thread{}", n, n == 1 ? "" : "s");
}

}  // namespace

std::string time_text(double seconds) {
  if (seconds < 1e-3) return fmt::format("{:.3g} us", seconds * 1e6);
  if (seconds < 1) return fmt::format("{:.3g} ms", seconds * 1e3);
  return fmt::format("{:.3g} s", seconds);
}

std::string count_text(double n) {
  if (n >= 1e6) return fmt::format("{:.3g}M", n * 1e-6);
  if (n >= 1e3) return fmt::format("{:.3g}k", n * 1e-3);
  return fmt::format("{:.0f}", n);
}

std::string row(const std::vector<std::string>& cells, const std::vector<int>& widths) {
  std::string line;
  for (size_t k = 0; k < cells.size(); ++k)
    line += k == 0 ? fmt::format("{:<{}}", cells[k], widths[k]) : fmt::format("{:>{}}", cells[k], widths[k]);
  return line + "\n";
}

double median_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t n = values.size();
  return n % 2 == 1 ? values[n / 2] : 0.5 * (values[n / 2 - 1] + values[n / 2]);
}

json seconds_json(const std::vector<double>& times) {
  const double median = median_of(times);
  std::vector<double> deviations;
  deviations.reserve(times.size());
  for (const double t : times) deviations.push_back(std::fabs(t - median));
  return {{"median", median},
          {"spread", 1.4826 * median_of(deviations)},  // of a normal distribution: its standard deviation
          {"min", *std::min_element(times.begin(), times.end())},
          {"max", *std::max_element(times.begin(), times.end())},
          {"all", times}};
}

double relative_spread(const json& result) {
  return result.at("seconds").at("spread").get<double>() / result.at("seconds").at("median").get<double>();
}

std::string bench_table(const json& report) {
  std::string text;
  for (const json& device : report.at("devices")) {
    const std::string name = device.at("device");
    const double copy = device.at("ceilings").at("bytes_per_s"),
                 fma = device.at("ceilings").at("flops_per_s");
    text += fmt::format("{}{}: {}; copy {:.4g} GB/s, multiply-add {:.4g} GFLOP/s, {:.3g} FLOP/byte between\n",
                        text.empty() ? "" : "\n", name, device.at("name").get<std::string>(), copy * 1e-9,
                        fma * 1e-9, fma / copy);
    const std::vector<int> widths{17, 8, 10, 9, 11, 9, 9, 9, 9, 9, 7};
    text += row({"case", "atoms", "median", "spread", "atoms/s", "GB/s", "of copy", "GFLOP/s", "of FMA",
                 "of floor", "bound"},
                widths);
    for (const json& r : report.at("results")) {
      if (r.at("device") != name) continue;
      text += row({r.at("case"), count_text(r.at("atoms")), time_text(r.at("seconds").at("median")),
                   percent(relative_spread(r)), fmt::format("{:.4g}", r.at("atoms_per_s").get<double>()),
                   fmt::format("{:.3g}", r.at("bytes_per_s").get<double>() * 1e-9),
                   percent(r.at("of_copy").get<double>()),
                   fmt::format("{:.3g}", r.at("flops_per_s").get<double>() * 1e-9),
                   percent(r.at("of_multiply_add").get<double>()), percent(r.at("of_floor").get<double>()),
                   r.at("bound")},
                  widths);
    }
  }
  for (const json& s : report.at("skipped"))
    text += fmt::format("skipped: {} on {}, {} atoms: {}\n", s.at("case").get<std::string>(),
                        s.at("device").get<std::string>(), s.at("atoms").get<int64_t>(),
                        s.at("why").get<std::string>());
  return text + peers_table(report);
}

std::string bench_svg(const json& report) {
  constexpr double left = 70, top = 46, plot_width = 560, plot_height = 430, list_width = 420;
  std::string body;
  double y_of_panel = 0;
  for (const json& device : report.at("devices")) {
    const std::string name = device.at("device");
    // Every case at its largest size, in the order of the report.
    std::vector<const json*> shown;
    for (const json& r : report.at("results")) {
      if (r.at("device") != name) continue;
      const auto same = std::find_if(shown.begin(), shown.end(),
                                     [&](const json* o) { return o->at("case") == r.at("case"); });
      if (same == shown.end())
        shown.push_back(&r);
      else if ((*same)->at("atoms").get<int64_t>() < r.at("atoms").get<int64_t>())
        *same = &r;
    }
    const double copy = device.at("ceilings").at("bytes_per_s"),
                 fma = device.at("ceilings").at("flops_per_s");
    // The range of both axes, in decades.
    double x_low = -1, x_high = std::ceil(std::log10(fma / copy)) + 1, y_low = std::log10(fma * 1e-9) - 2;
    for (const json* r : shown) {
      const double flops = r->at("flops"), bytes = r->at("bytes");
      if (flops <= 0 || bytes <= 0) continue;
      x_low = std::min(x_low, std::log10(flops / bytes) - 0.3);
      x_high = std::max(x_high, std::log10(flops / bytes) + 0.3);
      y_low = std::min(y_low, std::log10(r->at("flops_per_s").get<double>() * 1e-9) - 0.3);
    }
    x_low = std::floor(x_low), x_high = std::ceil(x_high), y_low = std::floor(y_low);
    const double y_high = std::ceil(std::log10(fma * 1e-9) + 0.1);
    const auto x_of = [&](double value) {
      return left + plot_width * (std::log10(value) - x_low) / (x_high - x_low);
    };
    const auto y_of = [&](double gflops) {
      return y_of_panel + top + plot_height * (y_high - std::log10(gflops)) / (y_high - y_low);
    };
    const auto text_at = [&](double x, double y, const char* anchor, const std::string& words) {
      body += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>\n", x, y, anchor,
                          escaped(words));
    };
    const auto line = [&](double x1, double y1, double x2, double y2, const char* style) {
      body += fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" {}/>\n", x1, y1, x2,
                          y2, style);
    };
    body += fmt::format("<text x=\"{}\" y=\"{}\" font-size=\"15\">{}</text>\n", left, y_of_panel + 24,
                        escaped(fmt::format("{}: {}, {} of the host", name, device_name(report, name),
                                            threads_text(device))));
    const double bottom = y_of_panel + top + plot_height, right = left + plot_width;
    for (auto d = std::lround(x_low); d <= std::lround(x_high); ++d) {
      const double decade = std::pow(10.0, static_cast<double>(d)), x = x_of(decade);
      line(x, bottom, x, y_of_panel + top, "stroke=\"#ddd\"");
      text_at(x, bottom + 16, "middle", fmt::format("{:g}", decade));
    }
    for (auto d = std::lround(y_low); d <= std::lround(y_high); ++d) {
      const double decade = std::pow(10.0, static_cast<double>(d)), y = y_of(decade);
      line(left, y, right, y, "stroke=\"#ddd\"");
      text_at(left - 6, y + 4, "end", fmt::format("{:g}", decade));
    }
    text_at(left + plot_width / 2, bottom + 34, "middle", "operations per byte");
    body += fmt::format(
        "<text transform=\"translate(18 {:.1f}) rotate(-90)\" text-anchor=\"middle\">GFLOP/s</text>\n",
        y_of_panel + top + plot_height / 2);
    // The roof, from where the copy's line enters the plot.
    const double ridge = fma / copy;
    const double start = std::max(std::pow(10, x_low), std::pow(10, y_low) * 1e9 / copy);
    line(x_of(start), y_of(start * copy * 1e-9), x_of(ridge), y_of(fma * 1e-9),
         "stroke=\"#222\" stroke-width=\"2\"");
    line(x_of(ridge), y_of(fma * 1e-9), right, y_of(fma * 1e-9), "stroke=\"#222\" stroke-width=\"2\"");
    text_at(right - 4, y_of(fma * 1e-9) - 6, "end", fmt::format("multiply-add {:.4g} GFLOP/s", fma * 1e-9));
    text_at(x_of(start) + 8, y_of_panel + top + 14, "start", fmt::format("copy {:.4g} GB/s", copy * 1e-9));
    // Points with numbers; the list names them and shows the fraction of the floor.
    const double list = right + 40, bar = list + 215, bar_width = 120;
    text_at(list, y_of_panel + top - 8, "start", "case, atoms");
    text_at(bar, y_of_panel + top - 8, "start", "fraction of the floor");
    const double step = std::min(18.0, plot_height / std::max<double>(1, static_cast<double>(shown.size())));
    for (size_t k = 0; k < shown.size(); ++k) {
      const json& r = *shown[k];
      const double flops = r.at("flops"), bytes = r.at("bytes"), of_floor = r.at("of_floor");
      const bool by_memory = r.at("bound") == "memory";
      const char* color = by_memory ? "#0b6bb3" : "#c2410c";
      if (flops > 0 && bytes > 0) {
        const double x = x_of(flops / bytes), y = y_of(r.at("flops_per_s").get<double>() * 1e-9);
        body += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4\" fill=\"{}\"/>\n", x, y, color);
        body +=
            fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" font-size=\"10\">{}</text>\n", x + 5, y - 4, k + 1);
      }
      const double y = y_of_panel + top + (static_cast<double>(k) + 0.7) * step;
      text_at(list, y, "start",
              fmt::format("{}  {}, {}", k + 1, r.at("case").get<std::string>(), count_text(r.at("atoms"))));
      body +=
          fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"{}\"/>\n",
                      bar, y - 0.6 * step, bar_width * std::clamp(of_floor, 0.0, 1.0), 0.7 * step, color);
      text_at(bar + bar_width + 6, y, "start", percent(of_floor));
    }
    text_at(list, bottom + 34, "start", "blue: the floor is memory; orange: arithmetic");
    y_of_panel += top + plot_height + 60;
  }
  const double width = left + plot_width + 40 + list_width;
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" viewBox=\"0 0 {0:.0f} "
      "{1:.0f}\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" "
      "fill=\"white\"/>\n{2}</svg>\n",
      width, y_of_panel, body);
}

BenchComparison compare_bench(const json& a, const json& b) {
  BenchComparison comparison;
  const auto head = [](const char* name, const json& report) {
    const json& build = report.at("build");
    std::string machines;
    for (const json& d : report.at("devices"))
      machines += fmt::format("; {}: {}, {} of the host", d.at("device").get<std::string>(),
                              d.at("name").get<std::string>(), threads_text(d));
    return fmt::format("{}: grainfield {}, commit {}, {}{}\n", name, build.at("version").get<std::string>(),
                       build.at("commit").get<std::string>(), build.at("compiler").get<std::string>(),
                       machines);
  };
  std::string& text = comparison.text;
  text = head("a", a) + head("b", b) +
         "ratio: time of b over that of a, +- what the spread of both makes of it\n";
  const std::vector<int> widths{17, 9, 8, 11, 11, 8, 8, 0};
  text += row({"case", "device", "atoms", "a", "b", "ratio", "+-"}, widths);
  // Reports of one processor each, and not the same: one against the other.
  const json &of_a = a.at("devices"), &of_b = b.at("devices");
  const bool across = of_a.size() == 1 && of_b.size() == 1 && of_a[0].at("device") != of_b[0].at("device");
  using Key = std::tuple<std::string, std::string, int64_t>;
  const auto key_of = [across](const json& r) {
    return Key(across ? std::string() : r.at("device").get<std::string>(), r.at("case"),
               r.at("atoms").get<int64_t>());
  };
  std::map<Key, const json*> in_b;
  for (const json& r : b.at("results")) in_b[key_of(r)] = &r;
  double logs = 0;
  std::string alone;
  for (const json& r : a.at("results")) {
    const auto found = in_b.find(key_of(r));
    const std::string name = r.at("case");
    if (found == in_b.end()) {
      alone += fmt::format("only in a: {}, {} atoms\n", name, r.at("atoms").get<int64_t>());
      continue;
    }
    const json& other = *found->second;
    const double time_a = r.at("seconds").at("median"), time_b = other.at("seconds").at("median");
    const double ratio = time_b / time_a;
    const double noise = ratio * std::hypot(relative_spread(r), relative_spread(other));
    const bool same = same_checksum(r.at("checksum"), other.at("checksum"));
    std::string remark = std::fabs(ratio - 1) <= std::max(2 * noise, 0.02) ? ""
                         : ratio < 1                                       ? "  faster"
                                                                           : "  slower";
    if (!same)
      remark += fmt::format("  RESULTS DIFFER: {} against {}", r.at("checksum").get<std::string>(),
                            other.at("checksum").get<std::string>());
    text += row({name, other.at("device"), count_text(r.at("atoms")), time_text(time_a), time_text(time_b),
                 fmt::format("{:.3f}", ratio), fmt::format("{:.3f}", noise)},
                widths);
    text.insert(text.size() - 1, remark);
    comparison.n_compared += 1;
    comparison.n_different += same ? 0 : 1;
    logs += std::log(ratio);
    in_b.erase(found);
  }
  for (const auto& [key, r] : in_b)
    alone += fmt::format("only in b: {}, {} atoms\n", std::get<1>(key), std::get<2>(key));
  text += alone;
  if (comparison.n_compared > 0)
    text +=
        fmt::format("{} compared, geometric mean of the ratios {:.3f}; results differ in {}\n",
                    comparison.n_compared, std::exp(logs / comparison.n_compared), comparison.n_different);
  text += compare_peers(a, b);
  return comparison;
}

json read_bench_report(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw ResourceError(fmt::format("{}: cannot be opened", path));
  json report;
  try {
    report = json::parse(file);
    if (report.at("schema") != bench_schema) throw std::invalid_argument("another schema");
    for (const json& r : report.at("results"))
      if (!(r.at("seconds").at("median").get<double>() > 0))
        throw std::invalid_argument("a time that is not > 0");
    compare_bench(report, report);  // it has all that a comparison takes
  } catch (const std::exception& error) {
    throw InputError(fmt::format("{}: expected a report of `grainfield bench -o` ({}), found {}", path,
                                 bench_schema, error.what()));
  }
  return report;
}

}  // namespace grainfield
