#!/bin/bash
# An active set for bcc iron from structures that the builders make: strained, rattled, with vacancies, and small
# cells far from the crystal. Grades then say "outside these structures", not "outside the training set".
#   docs/example/active_set.sh POTENTIAL.mtp OUTPUT.almtp [GRAINFIELD]
set -euo pipefail
potential=$1
output=$2
grainfield=${3:-grainfield}
pool=$(mktemp -d)
trap 'rm -rf "$pool"' EXIT

build() { # NAME REPEAT LATTICE RATTLE SEED [more options]
  local name=$1 repeat=$2 lattice=$3 rattle=$4 seed=$5
  shift 5
  "$grainfield" build crystal --structure bcc --element Fe --lattice "$lattice" --repeat $repeat --rattle "$rattle" \
    --seed "$seed" "$@" -o "$pool/$name.xyz" > /dev/null
}

n=0
for lattice in 2.70 2.78 2.83 2.88 2.96; do   # volume
  for rattle in 0.05 0.12 0.25 0.4; do        # up to liquid-like disorder
    n=$((n + 1))
    build "bulk$n" "3 3 3" $lattice $rattle $n
    build "vacancy$n" "3 3 3" $lattice $rattle $((n + 100)) --vacancies 2
    build "shear$n" "2 2 2" $lattice $rattle $((n + 200)) --strain 0.04 -0.03 0.02 0.05 0 -0.04
    build "tetra$n" "2 2 2" $lattice $rattle $((n + 300)) --strain 0.08 0.08 -0.08
    build "small$n" "1 1 2" $lattice $rattle $((n + 400)) --strain 0.05 -0.05 0 0 0.06 0
    build "tiny$n" "1 1 1" $lattice $rattle $((n + 500)) --strain -0.04 0.1 0.03
  done
done
"$grainfield" select --potential "$potential" --candidates "$pool"/*.xyz -o "$output"
