#include <fmt/format.h>

#include "host/error.hpp"
#include "io/formats.hpp"

namespace grainfield {

std::unique_ptr<Reader> open_h5md(const std::string& path, const ReadOptions&) {
  throw InputError(fmt::format("{}: H5MD files cannot be read yet", path));
}

}  // namespace grainfield
