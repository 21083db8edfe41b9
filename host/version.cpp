#include "host/version.hpp"

namespace grainfield {

const char* library_version() { return GRAINFIELD_VERSION; }

}  // namespace grainfield
