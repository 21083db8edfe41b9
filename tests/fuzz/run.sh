#!/bin/sh
# Coverage-guided fuzzing of everything that reads a file.
#
#   tests/fuzz/run.sh [SECONDS [TARGET...]]
#
# Builds the targets with clang and its address and undefined-behavior sanitizers in build/fuzz, runs each for
# its share of SECONDS (default 600), and ends with a table. A finding (crash, report of a sanitizer, hang of
# 10 s, memory beyond 1 GiB, an exception that is neither InputError nor ResourceError) does not stop a run;
# its input lies in build/fuzz/findings/<target>, and the exit code is 1. Corpora grow in build/fuzz/corpus from
# run to run; they start from the seeds that targets write, tests/data/fuzz and tests/fuzz/corpus: the inputs that an
# hour found to reach more code, minimized (fuzz_TARGET -merge=1 NEW build/fuzz/corpus/TARGET), as TARGET.tar.zst.
# Mended findings go to tests/data/fuzz, where tests/io/test_fuzz_readers.cpp reads them: without the bytes in
# front that fuzz_<target>.cpp explains, under a name whose end tells the format.
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-600}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- readers compressed h5md mtp eam grains config bench
build=build/fuzz
if [ ! -f $build/build.ninja ]; then
  cmake -B $build -G Ninja -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ -DGRAINFIELD_FUZZ=ON \
    -DGRAINFIELD_TESTS=OFF -DGRAINFIELD_WERROR=OFF -DCMAKE_BUILD_TYPE=RelWithDebInfo \
    -DCMAKE_CXX_FLAGS_RELWITHDEBINFO='-O1 -g1' >/dev/null
fi
cmake --build $build --target fuzz_targets
share=$((seconds / $#))
export ASAN_OPTIONS=allocator_may_return_null=0:detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1

# Dictionaries of a target.
dictionaries() {
  case $1 in
    readers) echo lammps_dump lammps_data extxyz poscar cfg numbers ;;
    compressed) echo gzip numbers ;;
    grains | bench) echo json numbers ;;
    config) echo toml numbers ;;
    *) echo "$1" numbers ;;
  esac
}

rows=
all=0
for target in "$@"; do
  corpus=$build/corpus/$target findings=$build/findings/$target log=$build/$target.log
  mkdir -p "$corpus" "$findings"
  dict=$build/$target.dict
  for name in $(dictionaries "$target"); do cat tests/fuzz/"$name".dict; done >"$dict"
  $build/tests/fuzz/fuzz_"$target" --write-seeds "$corpus"
  [ ! -f tests/fuzz/corpus/"$target".tar.zst ] ||
    zstd -dcq tests/fuzz/corpus/"$target".tar.zst | tar -xf - -C $build/corpus
  case $target in  # known files, with a first byte that says "by content"
    readers)
      for file in tests/data/fuzz/*; do
        { printf '\0' && cat "$file"; } >"$corpus/known_$(basename "$file")"
      done
      length=4096 ;;
    h5md | mtp) length=80000 ;;
    *) length=8192 ;;
  esac
  before=$(find "$findings" -type f | wc -l)
  $build/tests/fuzz/fuzz_"$target" -fork=1 -ignore_crashes=1 -ignore_timeouts=1 -ignore_ooms=1 \
    -max_total_time=$share -timeout=10 -rss_limit_mb=1024 -max_len=$length -dict="$dict" \
    -artifact_prefix="$findings/" "$corpus" >"$log" 2>&1 || true
  found=$(($(find "$findings" -type f | wc -l) - before))
  all=$((all + found))
  # "#12345: cov: 812 ft: 1500 corp: 200 exec/s 123 ..."
  rows="$rows$(awk -v target="$target" -v found=$found -v seconds=$share '
    /^#[0-9]+: cov:/ { n = substr($1, 2) + 0; cov = $3; ft = $5; corpus = $7 }
    END { printf "%-11s %12d %9.0f %9d %9d %7d %9d", target, n, n / seconds, cov, ft, corpus, found }' "$log")
"
done
printf '%-11s %12s %9s %9s %9s %7s %9s\n%s' target executions exec/s edges features corpus findings "$rows"
[ $all -eq 0 ]
