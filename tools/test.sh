#!/bin/bash
# Installs what is missing, builds one preset, runs its tests, prints the counts.
#   tools/test.sh          the CPU build, all tests
#   tools/test.sh PRESET [AREAS [OPTIONS]]   cuda (all tests), emulated (the kernels, on the emulated GPU), asan or tsan
#                                  (the tests labelled quick); AREAS such as "core;kernels" builds and runs the tests of
#                                  these folders alone; OPTIONS are ctest's
# GRAINFIELD_BUILD: the folder to build in (default build/PRESET).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

preset=${1:-cpu}
case $preset in
  cpu | cuda | emulated | asan | tsan) ;;
  *)
    echo "test.sh: unknown preset '$preset': expected cpu, cuda, emulated, asan or tsan" >&2
    exit 2
    ;;
esac
build=${GRAINFIELD_BUILD:-build/$preset}
if [[ $preset == cuda ]] && ! command -v nvcc > /dev/null; then
  PATH=$PATH:/usr/local/cuda/bin
fi

echo "== [$preset] 1/3 packages"
tools/install_deps.sh
echo "== [$preset] 2/3 build in $build"
rm -rf "$build/test-results"
options=()
if (($# > 1)); then options=(-DGRAINFIELD_TEST_AREAS="$2"); fi
cmake --preset "$preset" -B "$build" "${options[@]}" < /dev/null
cmake --build "$build" < /dev/null
echo "== [$preset] 3/3 tests"
mkdir -p "$build/test-results"
quick=()
case $preset in asan | tsan) quick=(--label-regex quick) ;; esac
status=0
ctest --test-dir "$build" --output-on-failure "${quick[@]}" --parallel "$(nproc)" \
  --output-junit test-results/ctest.xml "${@:3}" < /dev/null || status=$?
python3 tools/count_tests.py "$build/test-results" || status=1
exit "$status"
