#!/bin/bash
# Builds the benchmarks, runs them, and writes one JSON file with the numbers and where they come from:
# bench/results/<machine>/<date>-<commit>.json.
#   bench/run.sh [MACHINE] [Google Benchmark options]     MACHINE: a name for the folder (default: the CPU's)
#   bench/run.sh my-desktop --benchmark_filter=neighbor --benchmark_repetitions=5
# PRESET=cuda and --device=cuda measure a GPU (see bench/gpu_check.sh).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cpu=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1)
machine=$(tr -cs '[:alnum:]\n' - <<< "${cpu:-unknown}" | sed 's/-$//')
if (($#)) && [[ $1 != -* ]]; then
  machine=$1
  shift
fi
preset=${PRESET:-bench}
build=build/$preset

echo "== build in $build"
tools/install_deps.sh
cmake --preset "$preset" -DGRAINFIELD_BENCH=ON > /dev/null
cmake --build --preset "$preset"

commit=$(git rev-parse --short=12 HEAD 2> /dev/null || echo none)
if [[ $commit != none && -n $(git status --porcelain --untracked-files=no) ]]; then commit+=-changed; fi
raw=$(mktemp -d)
trap 'rm -rf "$raw"' EXIT
for program in "$build"/bench/bench_*; do
  [[ -x $program && -f $program ]] || continue
  name=$(basename "$program")
  echo "== $name"
  "$program" --benchmark_out="$raw/$name.json" --benchmark_out_format=json "$@"
done
output=bench/results/$machine/$(date +%Y-%m-%d)-$commit.json
python3 bench/collect.py --machine "$machine" --commit "$commit" --cpu "$cpu" -o "$output" "$raw"/*.json
