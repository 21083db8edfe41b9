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

AtomValues atom_values(const FrameContext& context, const AtomSource& source) {
  const auto n = static_cast<size_t>(context.frame.n_atoms());
  if (source.is_computed()) {
    const Field* field = context.results.find_field(source.field);
    if (!field || field->is_integer || field->components != 1 || field->real.size() != n)
      throw std::logic_error(fmt::format("{} needs the field {} of the analysis {}: a real number per atom",
                                         source.parameter, source.field, source.analysis));
    return AtomValues(field->real);
  }
  std::vector<std::string> reals;
  for (const Column& column : context.frame.columns) {
    if (column.kind != Column::Kind::real) continue;
    if (column.components == 1) {
      if (column.name == source.source) return AtomValues(column.real);
      reals.push_back(column.name);
      continue;
    }
    const auto components = static_cast<size_t>(column.components);
    for (size_t c = 0; c < components; ++c) {
      reals.push_back(fmt::format("{}[{}]", column.name, c + 1));
      if (reals.back() != source.source) continue;
      std::vector<double> values(n);
      for (size_t i = 0; i < n; ++i) values[i] = column.real[i * components + c];
      return AtomValues(std::move(values));
    }
  }
  throw InputError(
      fmt::format("frame {}: {}: the input has no column '{}' of real numbers{}; it has {}; {} computes them",
                  context.results.frame, source.parameter, source.source, suggestion(source.source, reals),
                  listed(reals), fmt::format("--set {}={}", source.parameter, source.keyword)));
}

}  // namespace grainfield
