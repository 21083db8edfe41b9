#include "host/atom_values.hpp"

#include <fmt/format.h>

#include <stdexcept>

#include "host/error.hpp"
#include "host/suggest.hpp"

namespace grainfield {

AtomSource volume_source(const std::string& analysis, const Parameters& parameters) {
  return {analysis + ".volume", parameters.text("volume"), "voronoi", "voronoi", "voronoi_volume"};
}

ParameterSpec volume_parameter(const std::string& default_value, const std::string& more) {
  return {
      "volume", ParameterKind::text, default_value, "",
      "Voronoi volumes of the atoms: voronoi (that analysis), or the name of a column of the input in A^3" +
          more};
}

const std::vector<double>& atom_values(const FrameContext& context, const AtomSource& source) {
  const auto n = static_cast<size_t>(context.frame.n_atoms());
  if (source.is_computed()) {
    const Field* field = context.results.find_field(source.field);
    if (!field || field->is_integer || field->components != 1 || field->real.size() != n)
      throw std::logic_error(fmt::format("{} needs the field {} of the analysis {}: a real number per atom",
                                         source.parameter, source.field, source.analysis));
    return field->real;
  }
  std::vector<std::string> reals;
  for (const Column& column : context.frame.columns) {
    if (column.kind != Column::Kind::real || column.components != 1) continue;
    if (column.name == source.source) return column.real;
    reals.push_back(column.name);
  }
  throw InputError(
      fmt::format("frame {}: {}: the input has no column '{}' of real numbers{}; it has {}; {} computes them",
                  context.results.frame, source.parameter, source.source, suggestion(source.source, reals),
                  listed(reals), fmt::format("--set {}={}", source.parameter, source.keyword)));
}

}  // namespace grainfield
