#!/bin/bash
# Installs the Debian packages that Grainfield is built from; touches nothing that is there already.
# As root, or with sudo. --dry-run only says what is missing.
set -euo pipefail

packages=(
  g++ cmake ninja-build pkg-config
  libhdf5-dev       # H5MD files
  zlib1g-dev libzstd-dev libfast-float-dev nlohmann-json3-dev libssl-dev libfmt-dev libcli11-dev
  libopenblas0     # products of matrices: extrapolation grades; loaded when they are needed
  libgtest-dev libbenchmark-dev
  voro++-dev       # the tests compare Voronoi cells with it
  lammps-data      # EAM potentials that `--potential NAME` finds; the demo uses one
  python3-h5py python3-matplotlib python3-numpy  # tools/plot.py and the test of the H5MD rules
)

if ! command -v dpkg-query > /dev/null || ! command -v apt-get > /dev/null; then
  echo "install_deps: no apt here; these Debian packages (or their like) are needed: ${packages[*]}" >&2
  exit 0
fi

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2> /dev/null || true)
  [[ $status == installed ]] || missing+=("$package")
done
if ((${#missing[@]} == 0)); then
  echo "install_deps: all ${#packages[@]} packages are installed"
  exit 0
fi
echo "install_deps: to install with apt-get: ${missing[*]}"
if [[ ${1:-} == --dry-run ]]; then exit 0; fi

as_root=()
if ((EUID != 0)); then
  if ! command -v sudo > /dev/null; then
    echo "install_deps: neither root nor sudo; as root, type: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
"${as_root[@]}" apt-get -o Acquire::Retries=3 update -qq < /dev/null
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get -o Acquire::Retries=3 install -y -qq --no-install-recommends "${missing[@]}" < /dev/null > /dev/null
echo "install_deps: done"
