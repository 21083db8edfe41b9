// The version of the library, as in the project's CMakeLists.txt.
#pragma once

namespace grainfield {

const char* library_version();  // "0.1.0"

}  // namespace grainfield
