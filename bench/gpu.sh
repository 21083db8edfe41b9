#!/bin/bash
# Everything to do on a machine with an NVIDIA GPU and the CUDA Toolkit, in one command: builds the cuda preset,
# runs its tests, the benchmarks on the GPU, a run of the command itself, compute-sanitizer on the quick kernel
# tests and Nsight Compute on the hot kernels where these tools exist. All logs go to one folder.
#   bench/gpu.sh [FOLDER]      default: gpu-logs
# Goes on after a step that fails; the last line counts the steps.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

logs=$(realpath -m "${1:-gpu-logs}")
mkdir -p "$logs"
command -v nvcc > /dev/null || PATH=$PATH:/usr/local/cuda/bin
build=build/cuda
passed=0
failed=()

step() {  # step NAME COMMAND...: output to NAME.log and to the terminal's last lines
  local name=$1 start=$SECONDS
  shift
  echo "== $name"
  if "$@" > "$logs/$name.log" 2>&1 < /dev/null; then
    ((++passed))
  else
    failed+=("$name")
  fi
  tail -n 4 "$logs/$name.log"
  echo "   $((SECONDS - start)) s"
}

without() { echo "== $1: skipped, $2 is not installed" | tee "$logs/$1.log"; }

step machine bash -c 'nvidia-smi; nvcc --version; lscpu; free -g; git rev-parse HEAD'
step test tools/test.sh cuda
gpu=$(nvidia-smi --query-gpu=name --format=csv,noheader | head -n 1 | tr -cs '[:alnum:]\n' - | sed 's/-$//')
step bench env PRESET=cuda bench/run.sh "${gpu:-gpu}" --device=cuda
cp -r "bench/results/${gpu:-gpu}" "$logs/" 2> /dev/null

crystal=$logs/fe.h5
step build_crystal "$build/grainfield" build polycrystal --structure bcc --lattice 2.83 --element Fe \
  --atoms 4000000 --grains 64 --seed 1 -o "$crystal"
for device in cuda cpu; do
  step "analyze_$device" "$build/grainfield" analyze "$crystal" --compute density,coordination,rdf \
    --structure bcc --lattice 2.83 --device "$device" -o "$logs/$device.h5"
done
rm -f "$logs"/*.h5

if command -v compute-sanitizer > /dev/null; then
  for tool in memcheck racecheck synccheck initcheck; do
    step "sanitizer_$tool" compute-sanitizer --tool "$tool" --error-exitcode 1 \
      "$build/tests/test_kernels" --gtest_filter='-Long*:Speed*'
  done
else
  without sanitizer compute-sanitizer
fi
if command -v ncu > /dev/null; then
  for program in "$build"/bench/bench_neighbors "$build"/bench/bench_density "$build"/bench/bench_coordination; do
    [[ -x $program ]] || continue
    name=$(basename "$program")
    step "ncu_$name" ncu --set full --launch-skip 20 --launch-count 20 "$program" --device=cuda \
      --benchmark_filter=atoms:1000000 --benchmark_min_time=0.01
  done
else
  without ncu ncu
fi

echo "$passed steps passed, ${#failed[@]} failed${failed[*]:+: ${failed[*]}}; logs in $logs"
((${#failed[@]} == 0))
