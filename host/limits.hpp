// What must be there before libraries run that hang, crash or end the process where it is not. Both throw
// ResourceError.
#pragma once

#include <cstddef>
#include <string>

namespace grainfield {

// So many more bytes can be mapped (ulimit -v): OpenBLAS tries forever, HDF5 1.10 may crash as it cleans up.
void expect_address_space(size_t bytes, const std::string& what);

// So many threads can work for this one (ulimit -u, ulimit -v): OpenMP ends the process. Once for each thread
// that is the first to use parallel_chunks().
void expect_threads(int workers);

}  // namespace grainfield
