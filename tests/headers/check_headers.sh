#!/bin/bash
# Every header compiles alone; GPU words stay in kernels/core; the benchmarks compile.
# Usage: check_headers.sh <source folder> <compiler> [flags...]
set -u
source_folder=$1
compiler=$2
shift 2
cd "$source_folder" || exit 1
status=0

# What only the CUDA compiler understands: threads of a block, shuffles, and the macros that tell compilers
# apart. Launchers of whole-array steps under host/ must call the CUDA runtime themselves.
found=$(grep -nE '\b(threadIdx|blockIdx|blockDim|gridDim|__shfl\w*|__syncthreads|__CUDACC__|__CUDA_ARCH__)\b' -r \
  kernels host io tools --include=*.hpp --include=*.cpp --include=*.cu |
  grep -v -e '^kernels/core/' -e '^host/[a-z_]*\.cu:.*__CUDACC__')
if [ -n "$found" ]; then
  echo "GPU words outside kernels/core (write the kernel against Team instead):"
  echo "$found"
  status=1
fi

export compiler flags="$*"
check() {
  # shellcheck disable=SC2086
  printf '#define GF_SOURCE_DIR "."\n#define GF_BINARY_DIR "."\n#include "%s"\n' "$1" |
    $compiler $flags -x c++ -fsyntax-only -I . - || { echo "$1 does not compile alone"; exit 1; }
}
export -f check
# A header that is the first that its source includes has compiled alone there: the library has no precompiled headers.
is_first_in_source() {
  case $1 in kernels/* | host/* | io/*) ;; *) return 1 ;; esac
  local source
  for source in "${1%.hpp}.cpp" "${1%.hpp}.cu"; do
    if [ -e "$source" ] && grep -m 1 '^#include' "$source" | grep -qF "\"$1\""; then return 0; fi
  done
  return 1
}
# cuda_check.hpp is for CUDA files only.
headers=$(find kernels host io tools tests/support tests/reference -name '*.hpp' ! -name cuda_check.hpp | sort)
for header in $headers; do
  grep -q '^#pragma once$' "$header" || { echo "$header: no #pragma once"; status=1; }
done
for header in $headers; do
  is_first_in_source "$header" || echo "$header"
done | xargs -P "$(nproc)" -I{} bash -c 'check {}' || status=1

# The benchmarks, which no preset of the tests builds.
check_benchmark() {
  # shellcheck disable=SC2086
  $compiler $flags -fsyntax-only -I . "$1" || { echo "$1 does not compile"; exit 1; }
}
export -f check_benchmark
if [ -e /usr/include/benchmark/benchmark.h ]; then
  find bench -name 'bench_*.cpp' | sort | xargs -P "$(nproc)" -I{} bash -c 'check_benchmark {}' || status=1
fi
exit $status
