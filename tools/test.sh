#!/bin/bash
# Installs what is missing, builds one preset, runs its tests, prints the counts.
#   tools/test.sh          the CPU build, all tests
#   tools/test.sh PRESET [AREAS [OPTIONS]]   cuda (all tests), asan or tsan (the tests labelled quick); AREAS such as
#                                  "core;kernels" builds and runs the tests of these folders alone; OPTIONS are ctest's
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

preset=${1:-cpu}
case $preset in
  cpu | cuda | asan | tsan) ;;
  *)
    echo "test.sh: unknown preset '$preset': expected cpu, cuda, asan or tsan" >&2
    exit 2
    ;;
esac
build=build/$preset
if [[ $preset == cuda ]] && ! command -v nvcc > /dev/null; then
  PATH=$PATH:/usr/local/cuda/bin
fi

echo "== [$preset] 1/3 packages"
tools/install_deps.sh
echo "== [$preset] 2/3 build in $build"
rm -rf "$build/test-results"
if (($# > 1)); then
  cmake --preset "$preset" -DGRAINFIELD_TEST_AREAS="$2" < /dev/null
else
  cmake --preset "$preset" < /dev/null
fi
cmake --build --preset "$preset" < /dev/null
echo "== [$preset] 3/3 tests"
mkdir -p "$build/test-results"
status=0
ctest --preset "$preset" --output-junit test-results/ctest.xml "${@:3}" < /dev/null || status=$?
python3 tools/count_tests.py "$build/test-results" || status=1
exit "$status"
