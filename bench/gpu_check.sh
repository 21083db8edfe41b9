#!/bin/bash
# Everything to prove on a machine with an NVIDIA GPU, in one command. It needs the driver, nothing else: cuBLAS (for
# grades), compute-sanitizer and Nsight Compute are used where they are.
#   gpu_check.sh [BUNDLE] [FOLDER]              all steps; FOLDER: gpu-check
#   gpu_check.sh --list [BUNDLE] [FOLDER]       their names
#   gpu_check.sh --step NAME [BUNDLE] [FOLDER]  one of them, into the same folder
# BUNDLE: an archive of bench/make_bundle.sh, or its folder unpacked; default: the folder of this script.
# FOLDER gets a log per step, the reports of the benchmarks, and summary.md and summary.json: passed, failed, skipped,
# seconds. A step that fails stops no other; the exit status is 1 if any failed. A step ends after LIMIT seconds
# (570), so that each fits a machine that cuts a command at 10 minutes. SIZES: atoms of the benchmarks.
set -uo pipefail

mode=all only=
case ${1:-} in
  --list) mode=list; shift ;;
  --step | --work)  # --work: the step's own process
    mode=${1#--} only=${2:-}
    shift $(($# > 1 ? 2 : 1))
    ;;
  -*) echo "gpu_check: unknown option $1: expected --list or --step NAME" >&2; exit 2 ;;
esac
self=$(realpath "${BASH_SOURCE[0]}")
bundle=$(realpath -m "${1:-$(dirname "${BASH_SOURCE[0]}")}")
folder=$(realpath -m "${2:-gpu-check}")
limit=${LIMIT:-570}
sizes=${SIZES:-16k,128k,1M}

mkdir -p "$folder/results" || exit 4
if [[ -f $bundle ]]; then  # unpacked once
  root=$folder/bundle
  if [[ ! -x $root/bin/grainfield || $bundle -nt $root ]]; then
    rm -rf "$root" && mkdir "$root" && tar -xf "$bundle" -C "$root" --strip-components=1 && touch "$root" || exit 4
  fi
else
  root=$bundle
fi
if [[ ! -x $root/bin/grainfield ]]; then
  echo "gpu_check: $bundle is no bundle: expected an archive of bench/make_bundle.sh, or its folder" >&2
  exit 2
fi
export GRAINFIELD_TEST_SOURCE=$root/source GRAINFIELD_TEST_BUILD=$root/bin
grainfield=$root/bin/grainfield
for tools in /usr/local/cuda/bin /opt/nvidia/nsight-compute/*/; do PATH=$PATH:${tools%/}; done
areas=(core kernels io builders pipeline)
sanitizers=(memcheck racecheck synccheck initcheck)
# The kernels through the launcher, every analysis and potential, small.
small_gpu='Launch.*:Processors.*:LongProcessors.AnalysesAgree:Mtp.EveryScheduleEqualsTheFormulas'
small_gpu+=':Mtp.GradientsInTheCoefficientsAndGrades:Eam.EqualsTheReference:-Launch.MoreItemsThan32BitsCount'

# Why steps of the GPU cannot run; nothing where they can.
no_gpu() {
  local devices
  devices=$("$grainfield" devices 2>&1)
  if ! grep -q '^cpu ' <<< "$devices"; then
    echo "grainfield devices: $devices" | tail -n 1
  else
    sed -n 's/^--device auto uses the CPU: //p' <<< "$devices"
  fi
}

steps() {
  local area tool program
  echo machine
  for area in "${areas[@]}"; do echo "test_$area"; done
  for area in "${areas[@]}"; do echo "long_$area"; done
  echo gpu_teams
  echo gpu_tests
  for tool in "${sanitizers[@]}"; do echo "gpu_$tool"; done
  echo bench_cpu
  echo gpu_bench
  echo gpu_agrees
  for program in "$root"/bench/bench_*; do [[ -x $program ]] && echo "gpu_${program##*/}"; done
  for k in 1 2 3; do echo "gpu_profile_$k"; done
}

# Exit status of a step that does not apply, its reason being its last line.
not_here=77
skip() { echo "$*"; exit $not_here; }

show() { if command -v "$1" > /dev/null; then "$@"; else echo "no $1"; fi; }

bench() {  # bench DEVICE: the report and its chart
  "$grainfield" bench --device "$1" --sizes "$sizes" --limit 3 -o "$folder/bench-$1.json" --svg "$folder/bench-$1.svg"
}

# Names of the cases of a report that take longest per atom, at their largest size.
slowest() {
  awk -F'[:,] *' '/"case"/ {gsub(/"/, "", $2); name = $2} /"atoms":/ {atoms = $2}
    /"median":/ {time[name] = $2 / atoms} END {for (n in time) printf "%.4e %s\n", time[n], n}' "$1" |
    sort -gr | awk '{print $2}'
}

run_step() {  # the work of a step; its output is the log
  local name=$1 case
  if [[ $name == gpu_* ]]; then
    local why
    why=$(no_gpu)
    if [[ -n $why ]]; then skip "no GPU: $why"; fi
  fi
  cd "$folder" || exit 4
  case $name in
    machine)
      cat "$root/commit"
      "$grainfield" devices || exit 1
      show nvidia-smi
      show lscpu
      show free -g
      show ldd --version
      ;;
    test_*) "$root/tests/$name" --gtest_filter='-Long*:Speed*' ;;
    long_*) "$root/tests/test_${name#long_}" --gtest_filter='Long*:Speed*' ;;
    gpu_teams) "$root/tests/test_kernels" --gtest_filter='Launch.*:*Processors.*:*Gpu*' ;;
    gpu_tests) GRAINFIELD_TEST_DEVICE=cuda "$root/tests/test_kernels" --gtest_filter='-Long*:Speed*' ;;
    gpu_memcheck | gpu_racecheck | gpu_synccheck | gpu_initcheck)
      command -v compute-sanitizer > /dev/null || skip "compute-sanitizer is not installed"
      compute-sanitizer --tool "${name#gpu_}" --error-exitcode 1 "$root/tests/test_kernels" \
        --gtest_filter="$small_gpu"
      ;;
    bench_cpu) bench cpu ;;
    gpu_bench) bench cuda ;;
    gpu_agrees)
      [[ -f bench-cpu.json && -f bench-cuda.json ]] || skip "bench_cpu or gpu_bench left no report"
      "$grainfield" bench --compare bench-cpu.json bench-cuda.json
      ;;
    gpu_bench_*)
      "$root/bench/${name#gpu_}" --device=cuda --benchmark_min_time=0.05 --benchmark_out="${name#gpu_}.json" \
        --benchmark_out_format=json
      ;;
    gpu_profile_?)
      command -v ncu > /dev/null || skip "Nsight Compute (ncu) is not installed"
      [[ -f bench-cuda.json ]] || skip "gpu_bench left no report"
      case=$(slowest bench-cuda.json | sed -n "${name: -1}p")
      [[ -n $case ]] || skip "the report has no such case"
      echo "case $case"
      ncu --set full --nvtx --nvtx-include "$case/" --launch-count 20 --export "profile-$case" --force-overwrite \
        "$grainfield" bench --device cuda --filter "^$case\$" --sizes 128k --repeats 1 &&
        ncu --import "profile-$case.ncu-rep" --page details
      ;;
    *) echo "gpu_check: there is no step '$name': --list names them"; exit 2 ;;
  esac
}

# Lines of GoogleTest: "[  PASSED  ] 12 tests." and so on; of "[  FAILED  ] 2 tests, listed below:" the number too.
count_of() { sed -n "s/^\[  $1\] *\([0-9]*\) tests\?.*/\1/p" "$2" | tail -n 1; }

step() {
  local name=$1 log=$folder/$1.log start=$SECONDS status outcome passed failed skipped note=
  echo "== $name"
  timeout -k 10 "$limit" "$self" --work "$name" "$bundle" "$folder" > "$log" 2>&1 < /dev/null
  status=$?
  passed=$(count_of 'PASSED  ' "$log") failed=$(count_of 'FAILED  ' "$log") skipped=$(count_of 'SKIPPED ' "$log")
  case $status in
    0) outcome=passed ;;
    "$not_here") outcome=skipped note=$(tail -n 1 "$log") ;;
    124 | 137) outcome=failed note="stopped after $limit s" ;;
    *) outcome=failed note="exit status $status" ;;
  esac
  if [[ -z $passed ]]; then  # no test program: the step itself counts
    passed=$((status == 0)) failed=0 skipped=$((status == not_here))
    if [[ $outcome == failed ]]; then failed=1; fi
  fi
  printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$outcome" "$passed" "${failed:-0}" "${skipped:-0}" "$((SECONDS - start))" "$note" \
    > "$folder/results/$name"
  tail -n 4 "$log"
  echo "   $outcome, $((SECONDS - start)) s"
  [[ $outcome != failed ]]
}

# summary.md and summary.json from what the steps left.
summarize() {
  local name outcome passed failed skipped seconds note gpu comma=
  gpu=$(no_gpu)
  {
    printf '# Check of %s\n\n' "$(cat "$root/commit")"
    if [[ -n $gpu ]]; then
      printf 'There is no GPU here: %s. Only the CPU was checked; steps of the GPU are skipped.\n' "$gpu"
    else
      "$grainfield" devices | sed -n 's/^cuda/GPU: cuda/p'
    fi
    printf '\n| step | | passed | failed | skipped | seconds | |\n|---|---|---|---|---|---|---|\n'
  } > "$folder/summary.md"
  printf '{\n "commit": "%s",\n "gpu": %s,\n "steps": [' "$(cat "$root/commit")" \
    "$([[ -z $gpu ]] && echo true || echo false)" > "$folder/summary.json"
  declare -gA count=([passed]=0 [failed]=0 [skipped]=0)
  while read -r name; do
    [[ -f $folder/results/$name ]] || continue
    IFS=$'\t' read -r outcome passed failed skipped seconds note < "$folder/results/$name"
    printf '| %s | %s | %s | %s | %s | %s | %s |\n' "$name" "$outcome" "$passed" "$failed" "$skipped" "$seconds" \
      "${note//|/\\|}" >> "$folder/summary.md"
    printf '%s\n  {"step": "%s", "outcome": "%s", "passed": %d, "failed": %d, "skipped": %d' \
      "$comma" "$name" "$outcome" "$passed" "$failed" "$skipped" >> "$folder/summary.json"
    printf ', "seconds": %d, "note": "%s"}' "$seconds" "${note//[\\\"]/ }" >> "$folder/summary.json"
    comma=,
    count[$outcome]=$((count[$outcome] + 1))
  done <<< "$(steps)"
  printf '\n ],\n "steps_passed": %d,\n "steps_failed": %d,\n "steps_skipped": %d\n}\n' "${count[passed]}" \
    "${count[failed]}" "${count[skipped]}" >> "$folder/summary.json"
  printf '\n%d steps passed, %d failed, %d skipped.\n' "${count[passed]}" "${count[failed]}" \
    "${count[skipped]}" >> "$folder/summary.md"
}

case $mode in
  work) run_step "$only" ;;
  list) steps ;;
  step)
    if [[ $'\n'$(steps)$'\n' != *$'\n'"$only"$'\n'* ]]; then
      echo "gpu_check: there is no step '$only': --list names them" >&2
      exit 2
    fi
    step "$only"
    status=$?
    summarize
    exit "$status"
    ;;
  all)
    while read -r name; do step "$name"; done <<< "$(steps)"
    summarize
    tail -n 1 "$folder/summary.md"
    echo "logs and summary in $folder"
    ((count[failed] == 0))
    ;;
esac
