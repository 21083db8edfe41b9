// Runs of the command that are cut off, and what they leave behind.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <hdf5.h>
#include <sys/types.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "host/engine.hpp"
#include "tests/pipeline/fakes.hpp"
#include "tests/support/places.hpp"
#include "tests/support/temp_folder.hpp"

namespace grainfield::test {

using Datasets = std::map<std::string, std::vector<char>>;

// The bytes of every dataset of a file.
inline Datasets datasets_of(const std::string& path) {
  Datasets result;
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  if (file < 0) {
    ADD_FAILURE() << "cannot open " << path;
    return result;
  }
  H5Ovisit(
      file, H5_INDEX_NAME, H5_ITER_NATIVE,
      [](hid_t root, const char* name, const H5O_info_t* info, void* out) -> herr_t {
        if (info->type != H5O_TYPE_DATASET) return 0;
        const hid_t set = H5Dopen2(root, name, H5P_DEFAULT);
        const hid_t type = H5Dget_type(set), space = H5Dget_space(set);
        const auto n = static_cast<size_t>(H5Sget_simple_extent_npoints(space));
        std::vector<char> bytes;
        if (H5Tis_variable_str(type) > 0) {
          std::vector<char*> text(n);
          if (n > 0 && H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text.data()) >= 0) {
            for (const char* t : text) {
              const std::string s = t ? t : "";
              bytes.insert(bytes.end(), s.c_str(), s.c_str() + s.size() + 1);
            }
            H5Dvlen_reclaim(type, space, H5P_DEFAULT, text.data());
          }
        } else {
          bytes.resize(n * H5Tget_size(type));
          if (!bytes.empty()) H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data());
        }
        (*static_cast<Datasets*>(out))[name] = std::move(bytes);
        H5Sclose(space);
        H5Tclose(type);
        H5Dclose(set);
        return 0;
      },
      &result);
  H5Fclose(file);
  return result;
}

inline std::string trajectory(const TempFolder& folder, const std::string& name, int n_frames, int cells) {
  const auto writer = open_writer(folder.file(name));
  for (int k = 0; k < n_frames; ++k) {
    Frame frame = bcc_frame(cells, 2.83, 0.1, static_cast<unsigned>(k + 1));
    frame.step = 10 * k;
    writer->write(frame);
  }
  writer->close();
  return folder.file(name);
}

// Starts the command; the caller waits for it. `prepare` runs in the child; its output goes to `err`.
inline pid_t start(const std::vector<std::string>& arguments, const std::string& err = "/dev/null",
                   void (*prepare)() = nullptr) {
  const pid_t child = fork();
  if (child != 0) return child;
  const int out = open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
  dup2(out, 1);
  dup2(out, 2);
  if (prepare) prepare();
  std::vector<char*> argv{const_cast<char*>("grainfield")};
  for (const std::string& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  execv(command_path().c_str(), argv.data());
  _exit(127);
}

inline int64_t complete_frames(const std::string& folder) {
  int64_t n = 0;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(folder, none)) {
    if (entry.path().extension() != ".h5") continue;
    const Datasets found = datasets_of(entry.path().string());
    n += static_cast<int64_t>(found.at("parameters/grainfield/frames/index").size() / sizeof(int64_t));
  }
  return n;
}

}  // namespace grainfield::test
