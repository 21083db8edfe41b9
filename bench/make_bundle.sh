#!/bin/bash
# Builds the cuda preset and makes one archive of it that runs on another Linux (glibc 2.36 or newer): the command,
# the tests with their data, the benchmarks, their shared libraries, and gpu_check.sh, which uses them all.
#   bench/make_bundle.sh [--no-build] [FOLDER]      default: build; prints the archive's name
# Left to the machine: glibc, the NVIDIA driver, and cuBLAS, which only grades on a GPU need.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

most_megabytes=60
newest_glibc=2.36
build=build/cuda
if [[ ${1:-} == --no-build ]]; then
  shift
else
  command -v nvcc > /dev/null || PATH=$PATH:/usr/local/cuda/bin
  cmake --preset cuda -DGRAINFIELD_BENCH=ON > /dev/null
  cmake --build --preset cuda
fi
version=$(sed -n 's/^project(grainfield VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
name=grainfield-$version-linux-$(uname -m)-cuda
output=$(realpath "${1:-build}")
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
root=$stage/$name

mkdir -p "$root"/{bin,tests,bench,lib,source/tests/io,source/docs}
cp "$build/grainfield" "$root/bin/"
if [[ -x $build/grainfield-peer-voropp ]]; then cp "$build/grainfield-peer-voropp" "$root/bin/"; fi
for folder in tests bench; do
  find "$build/$folder" -maxdepth 1 -name '*_*' -type f -perm -u+x -exec cp {} "$root/$folder/" \; 2> /dev/null || true
done
for area in core kernels io builders pipeline; do
  if [[ ! -x $root/tests/test_$area ]]; then
    echo "make_bundle: $build/tests/test_$area is missing: build it first" >&2
    exit 1
  fi
done
# What the tests read: tests/support/places.hpp.
cp -r tests/data "$root/source/tests/"
cp tests/io/check_h5md.py "$root/source/tests/io/"
cp -r docs/analyses.md docs/example "$root/source/docs/"
cp bench/gpu_check.sh LICENSE "$root/"
if ! git describe --always --abbrev=12 --exclude='*' --dirty=-changed > "$root/commit" 2> /dev/null; then
  echo unknown > "$root/commit"
fi

# Every library that a program needs, directly or not, but for glibc's own and the driver's.
mapfile -t programs < <(find "$root/bin" "$root/tests" "$root/bench" -type f)
strip --strip-unneeded "${programs[@]}"
# OpenBLAS is loaded by its name when a product needs it (host/openblas.hpp): ldd does not see it.
openblas=$(ldconfig -p | awk '$1 == "libopenblas.so.0" {print $NF; exit}')
if [[ -z $openblas ]]; then
  echo "make_bundle: libopenblas.so.0 is not installed" >&2
  exit 1
fi
cp -L "$openblas" "$root/lib/libopenblas.so.0"
for program in "${programs[@]}" "$openblas"; do ldd "$program"; done |
  awk '/not found/ {print "make_bundle: " $1 " is not found" > "/dev/stderr"; exit 1} $2 == "=>" {print $3}' | sort -u |
  while read -r library; do
    case ${library##*/} in
      ld-linux* | lib[cm].so.* | libpthread.so.* | libdl.so.* | librt.so.* | libresolv.so.* | libmvec.so.*) ;;
      libcuda.so.* | libnvidia-*) ;;
      *) cp -L "$library" "$root/lib/" ;;
    esac
  done
strip --strip-unneeded "$root"/lib/*.so*

needed=$(objdump -T "${programs[@]}" "$root"/lib/* | grep -o 'GLIBC_2\.[0-9.]*' | sort -uV | tail -n 1)
if [[ $(printf '%s\n' "$needed" "GLIBC_$newest_glibc" | sort -V | tail -n 1) != "GLIBC_$newest_glibc" ]]; then
  echo "make_bundle: the programs need $needed, newer than $newest_glibc: build on an older system" >&2
  exit 1
fi
archive=$output/$name.tar.gz
pack() {
  tar -C "$stage" --owner=0 --group=0 --sort=name -cf - "$name" | gzip -9 > "$archive"
  bytes=$(stat -c %s "$archive")
  ((bytes <= most_megabytes * 1000000))
}
if ! pack; then  # `grainfield bench` measures the kernels too
  echo "make_bundle: $((bytes / 1000000)) MB with the programs of bench: they are left out" >&2
  rm -f "$root"/bench/*
  if ! pack; then
    echo "make_bundle: $archive has $((bytes / 1000000)) MB, more than $most_megabytes" >&2
    exit 1
  fi
fi
echo "$archive: $(((bytes + 50000) / 1000000)) MB, $(find "$root/lib" -type f | wc -l) libraries, needs $needed"
