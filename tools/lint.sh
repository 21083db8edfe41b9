#!/bin/bash
# Checks the format of every C++ and CUDA source with clang-format 14, the version that .clang-format is for.
#   tools/lint.sh          the format only
#   tools/lint.sh --tidy   also clang-tidy, on the sources of the cpu preset (minutes)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

mapfile -t sources < <(find bench docs host io kernels tests tools -name '*.[ch]pp' -o -name '*.cu')
echo "lint: clang-format on ${#sources[@]} files"
clang-format-14 --dry-run -Werror "${sources[@]}"
if [[ ${1:-} == --tidy ]]; then
  cmake --preset cpu > /dev/null
  mapfile -t units < <(find host io tools -name '*.cpp')
  echo "lint: clang-tidy on ${#units[@]} files"
  printf '%s\0' "${units[@]}" | xargs -0 -n 1 -P "$(nproc)" clang-tidy -p build/cpu --quiet
fi
echo "lint: clean"
