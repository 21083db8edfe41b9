// grainfield list: the analyses, from the registry.
#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <cctype>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "host/engine.hpp"
#include "tools/cli/commands.hpp"

namespace grainfield {
namespace {

const char* kind_name(ParameterKind kind) {
  switch (kind) {
    case ParameterKind::real:
      return "number";
    case ParameterKind::integer:
      return "whole number";
    case ParameterKind::reals:
      return "numbers a,b,...";
    case ParameterKind::text:
      return "text";
    case ParameterKind::flag:
      return "true or false";
  }
  return "";
}

// "1 to 5", ">= 0", "" where any value will do.
std::string range_of(const ParameterSpec& p) {
  const bool has_min = p.min > -1e299, has_max = p.max < 1e299;
  if (has_min && has_max) return fmt::format("{:g} to {:g}", p.min, p.max);
  if (has_min) return fmt::format(">= {:g}", p.min);
  if (has_max) return fmt::format("<= {:g}", p.max);
  return "";
}

std::string with_unit(const std::string& value, const std::string& unit) {
  return unit.empty() || value.empty() ? value : value + " " + unit;
}

// The first sentence; "eq. 2" does not end it.
std::string summary_of(const std::string& doc) {
  size_t end = 0;
  while (end < doc.size() &&
         !(doc[end] == '\n' || (doc[end] == '.' && end + 2 < doc.size() && doc[end + 1] == ' ' &&
                                std::isupper(static_cast<unsigned char>(doc[end + 2])))))
    ++end;
  std::string line = doc.substr(0, end);
  if (!line.empty() && line.back() == '.') line.pop_back();
  return line;
}

// `text` in lines of at most `width` letters, each behind `indent`; line breaks of the text stay.
std::string wrapped(const std::string& text, const std::string& indent, size_t width) {
  std::string result, line;
  const auto flush = [&] {
    result += indent + line + "\n";
    line.clear();
  };
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find_first_of(" \n", at), text.size());
    const std::string word = text.substr(at, end - at);
    if (!line.empty() && line.size() + 1 + word.size() > width) flush();
    line += (line.empty() ? "" : " ") + word;
    if (end < text.size() && text[end] == '\n') flush();
    at = end + 1;
  }
  if (!line.empty()) flush();
  return result;
}

std::string reference(const AnalysisInfo& info) {
  std::string text = info.name + "\n" + wrapped(info.doc, "  ", 90);
  const auto parameter_line = [](const ParameterSpec& p) {
    std::string facts = kind_name(p.kind);
    if (!p.unit.empty()) facts += ", " + p.unit;
    if (const std::string range = range_of(p); !range.empty()) facts += ", " + range;
    facts += p.default_value.empty() ? "; default: see below" : "; default " + p.default_value;
    return fmt::format("  {}  ({})\n{}", p.name, facts, wrapped(p.doc, "      ", 86));
  };
  if (!info.parameters.empty()) text += fmt::format("\nParameters (--set {}.NAME=VALUE)\n", info.name);
  for (const ParameterSpec& p : info.parameters) text += parameter_line(p);
  const auto outputs = [&](const char* title, const std::vector<OutputSpec>& specs) {
    if (!specs.empty()) text += fmt::format("\n{}\n", title);
    for (const OutputSpec& o : specs)
      text += fmt::format("  {} {}{}\n{}", o.name, o.shape, o.unit.empty() ? "" : "  " + o.unit,
                          wrapped(o.doc, "      ", 86));
  };
  outputs("Per-atom fields (particles/all/NAME)", info.fields);
  outputs("Observables (observables/NAME)", info.observables);
  return text;
}

nlohmann::ordered_json json_of(const AnalysisInfo& info) {
  using json = nlohmann::ordered_json;
  json parameters = json::array();
  for (const ParameterSpec& p : info.parameters) {
    json one = {{"name", p.name}, {"kind", kind_name(p.kind)}, {"unit", p.unit}, {"doc", p.doc}};
    one["default"] = p.default_value.empty() ? json(nullptr) : json(p.default_value);
    one["min"] = p.min > -1e299 ? json(p.min) : json(nullptr);
    one["max"] = p.max < 1e299 ? json(p.max) : json(nullptr);
    parameters.push_back(std::move(one));
  }
  const auto outputs = [](const std::vector<OutputSpec>& specs) {
    json list = json::array();
    for (const OutputSpec& o : specs)
      list.push_back({{"name", o.name}, {"unit", o.unit}, {"shape", o.shape}, {"doc", o.doc}});
    return list;
  };
  return {{"name", info.name},
          {"doc", info.doc},
          {"parameters", std::move(parameters)},
          {"fields", outputs(info.fields)},
          {"observables", outputs(info.observables)}};
}

// For a cell of a Markdown table: no bars, tags or line breaks.
std::string cell(const std::string& text) {
  std::string result;
  for (size_t k = 0; k < text.size(); ++k) {
    const bool tag =
        text[k] == '<' && k + 1 < text.size() && std::isalpha(static_cast<unsigned char>(text[k + 1]));
    if (text[k] == '|' || tag) result += '\\';
    result += text[k] == '\n' ? ' ' : text[k];
  }
  return result;
}

std::string markdown() {
  std::string text =
      "# Analyses\n\n"
      "Made from the registry by `tools/gen/reference_page`; a test compares. Parameters are given as\n"
      "`--set analysis.parameter=value`; fields lie in `particles/all/` of the results file, observables in\n"
      "`observables/`.\n";
  for (const AnalysisEntry& entry : registry()) {
    const AnalysisInfo& info = entry.info;
    text += fmt::format("\n## {}\n\n{}\n", info.name, cell(info.doc));
    if (!info.parameters.empty())
      text += "\n| parameter | kind | unit | default | range | |\n|---|---|---|---|---|---|\n";
    for (const ParameterSpec& p : info.parameters)
      text += fmt::format("| `{}` | {} | {} | {} | {} | {} |\n", p.name, kind_name(p.kind), cell(p.unit),
                          cell(p.default_value), range_of(p), cell(p.doc));
    const auto outputs = [&](const char* title, const std::vector<OutputSpec>& specs) {
      if (!specs.empty()) text += fmt::format("\n| {} | shape | unit | |\n|---|---|---|---|\n", title);
      for (const OutputSpec& o : specs)
        text += fmt::format("| `{}` | {} | {} | {} |\n", o.name, cell(o.shape), cell(o.unit), cell(o.doc));
    };
    outputs("field", info.fields);
    outputs("observable", info.observables);
  }
  return text;
}

std::string overview() {
  std::string text;
  for (const AnalysisEntry& entry : registry()) {
    text += fmt::format("{:<18} {}\n", entry.info.name, summary_of(entry.info.doc));
    for (const auto* specs : {&entry.info.fields, &entry.info.observables})
      for (const OutputSpec& o : *specs)
        text += fmt::format("{:<18}   {} {}{}\n", "", o.name, o.shape, o.unit.empty() ? "" : " " + o.unit);
    for (const ParameterSpec& p : entry.info.parameters)
      text += fmt::format("{:<18}   --set {}.{}={}\n", "", entry.info.name, p.name,
                          p.default_value.empty() ? "..." : with_unit(p.default_value, p.unit));
  }
  return text + "\n`grainfield list NAME` explains one.\n";
}

}  // namespace

void add_list(CLI::App& app) {
  struct Options {
    std::string name;
    bool json = false, markdown = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("list", "The analyses: what they compute, parameters, results");
  command->add_option("name", options->name, "one analysis: its full reference");
  auto* json = command->add_flag("--json", options->json, "for programs");
  command->add_flag("--markdown", options->markdown, "the page docs/analyses.md")->excludes(json);
  command->footer(
      "Examples:\n"
      "  grainfield list\n"
      "  grainfield list density\n"
      "  grainfield list --json");
  command->callback([options] {
    if (options->markdown && !options->name.empty())
      throw UsageError("list --markdown is about all analyses; leave the name out");
    if (!options->name.empty()) {
      const AnalysisInfo& info = find_analysis(options->name).info;
      fmt::print("{}", options->json ? json_of(info).dump(2) + "\n" : reference(info));
    } else if (options->json) {
      nlohmann::ordered_json all = nlohmann::ordered_json::array();
      for (const AnalysisEntry& entry : registry()) all.push_back(json_of(entry.info));
      fmt::print("{}\n", all.dump(2));
    } else {
      fmt::print("{}", options->markdown ? markdown() : overview());
    }
  });
}

}  // namespace grainfield
