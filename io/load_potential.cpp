#include "io/load_potential.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "host/error.hpp"
#include "host/mtp_summary.hpp"
#include "io/eam_file.hpp"
#include "io/find_potential.hpp"
#include "io/mtp_file.hpp"
#include "io/text_source.hpp"
#include "kernels/potential/eam.hpp"
#include "kernels/potential/mtp.hpp"

namespace grainfield {

bool is_mtp_file(const std::string& path) {
  TextSource source(path);
  std::string_view line;
  return source.skip_blank_lines() && source.peek(line) &&
         line.substr(0, line.find_last_not_of(" \t\r") + 1) == "MTP";
}

std::unique_ptr<Potential> load_potential(const std::string& name, const Exec& exec,
                                          const LoadPotentialOptions& options) {
  const std::string path = find_potential(name);
  if (!is_mtp_file(path)) {
    if (!options.elements.empty())
      throw UsageError(
          fmt::format("--potential-elements: {} names its elements itself; leave the option out", path));
    if (options.mixed_precision)
      throw UsageError(fmt::format(
          "--potential-precision mixed: only moment tensor potentials have it, and {} is none", path));
    return make_eam_potential(read_eam(path), exec);
  }
  MtpModel model = read_mtp(path);
  model.name = path;
  if (!options.elements.empty()) {
    if (options.elements.size() != static_cast<size_t>(model.n_species))
      throw UsageError(fmt::format("--potential-elements {}: expected {} names for {}, found {}",
                                   fmt::join(options.elements, ","), model.n_species, path,
                                   options.elements.size()));
    for (size_t s = 0; s < options.elements.size(); ++s)
      if (std::count(options.elements.begin(), options.elements.end(), options.elements[s]) > 1)
        throw UsageError(fmt::format("--potential-elements names {} twice", options.elements[s]));
    model.elements = options.elements;
  } else {
    model.elements = mtp_elements(model);
  }
  return make_mtp_potential(model, exec, options.mixed_precision ? MtpPrecision::mixed : MtpPrecision::full);
}

}  // namespace grainfield
