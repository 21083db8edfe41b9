// Snapshots in H5MD 1.1 (io/FORMAT.md).
#pragma once

#include <memory>
#include <string>

#include "io/writer.hpp"

namespace grainfield {

std::unique_ptr<Writer> make_h5md_writer(const std::string& path, const WriteOptions& options);

}  // namespace grainfield
