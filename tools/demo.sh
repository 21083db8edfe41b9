#!/bin/bash
# A first result: builds a nano-polycrystal of 16,000 iron atoms, analyses it, prints a table, draws a picture.
#   tools/demo.sh [FOLDER]     default: demo-output in the current folder
# Installs what is missing, builds what it needs, and says so; safe to run again.
set -euo pipefail
output=$(realpath -m "${1:-demo-output}")
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { echo "== demo $1/5: $2"; }

say 1 "packages"
tools/install_deps.sh
say 2 "build the command in build/cpu"
cmake --preset cpu < /dev/null > /dev/null
cmake --build --preset cpu --target grainfield_cli < /dev/null
grainfield=$PWD/build/cpu/grainfield

run() { # shows the command as one would type it, then runs it
  echo
  echo "\$ grainfield $*"
  "$grainfield" "$@"
}

mkdir -p "$output"
cd "$output"
say 3 "build a polycrystal of bcc iron with 8 grains, in $output"
run build polycrystal --structure bcc --lattice 2.83 --element Fe --atoms 17400 --grains 8 --seed 4 \
  --min-distance 2.0 -o fe-polycrystal.h5
say 4 "analyze it"
run analyze fe-polycrystal.h5 --compute density,coordination,rdf,density-grid,structure,voronoi,energy,stress \
  --potential Fe_mm.eam.fs --structure bcc --lattice 2.83 --set density-grid.spacing=1 --set rdf.bin=0.05 -o fe-results.h5
say 5 "draw the results"
"$OLDPWD/tools/plot.py" fe-results.h5 -o fe-results.png

cat << END

In $output:
$(for file in *; do printf '  %-34s %s\n' "$file" "$(du -h "$file" | cut -f 1)"; done)

What to type next, in that folder:
  $grainfield list                      the analyses and their parameters
  $OLDPWD/tools/plot.py fe-results.h5 --field coordination --slice x -o coordination.png
  python3 -c "import h5py; print(h5py.File('fe-results.h5')['particles/all/relative_density/value'][0])"
  $grainfield convert fe-results.h5 fe-results.xyz
and what to open: fe-results.png; fe-results.xyz of the last command in OVITO (the results are columns of the atoms);
$(ls ./*.vti) in ParaView (the density field).
END
