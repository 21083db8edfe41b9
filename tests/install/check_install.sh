#!/bin/bash
# Installs the build in a folder of its own, builds docs/example outside the source tree with
# find_package(grainfield), runs it on a perfect crystal, and compares with the textbook.
#   check_install.sh SOURCE BUILD CMAKE GENERATOR COMPILER
set -euo pipefail
source=$1 build=$2 cmake=$3 generator=$4 compiler=$5
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"$cmake" --install "$build" --prefix "$folder/prefix" > /dev/null
cp -r "$source/docs/example" "$folder/source"
"$cmake" -S "$folder/source" -B "$folder/build" -G "$generator" -DCMAKE_CXX_COMPILER="$compiler" \
  -DCMAKE_PREFIX_PATH="$folder/prefix" > /dev/null
"$cmake" --build "$folder/build"

cd "$folder"
prefix/bin/grainfield build crystal --structure bcc --lattice 2.83 --element Fe --repeat 6 -o fe.xyz
found=$(build/shells fe.xyz bcc 2.83)
expected="432 atoms: Z1 8.000000, Z2 6.000000, lowest relative density 1.000000"
if [[ $found != "$expected" ]]; then
  echo "the example printed: $found"
  echo "expected:            $expected"
  exit 1
fi
if build/shells absent.xyz 2> message; then
  echo "the example accepted a file that does not exist"
  exit 1
fi
grep -q absent.xyz message

# Nothing in the package may point back to where it was built.
if grep -rlF -e "$source" -e "$build" prefix/lib/cmake prefix/include; then
  echo "the files above name the folder of the source or of the build"
  exit 1
fi
