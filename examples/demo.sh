#!/usr/bin/env bash
# The main job on a built-in image, end to end through pipes. `make demo` runs this.
set -euo pipefail
mkdir -p demo
cd demo
rm -rf traj.zarr  # the demonstration's own

say() { printf '\n$ %s\n' "$*"; eval "$*"; }

say "dip corrupt builtin:astronaut crop:128x128+160+60 -f -o clean.png"
say "dip corrupt clean.png gaussian:25 --seed 1 -f -o noisy.png"
say "dip fit noisy.png --clean clean.png -f --image restored.png -o traj.zarr"
say "dip corrupt traj.zarr/run-0@0 -f -o untrained.png"
say "dip corrupt traj.zarr/run-0@60 -f -o early.png"
say "dip spectrum traj.zarr --plot bands.png -f --format none"
say "dip spectrum traj.zarr --measure onset --threshold 0.7"
say "dip trajdist traj.zarr --at 0,60,200,400"
say "dip report traj.zarr -f -o report.html"
say "dip corrupt noisy.png mask:0.5 | dip fit --iterations 300 --image - | dip corrupt - -f -o filled.png"

printf '\nMade in demo/, to be looked at: a trajectory (traj.zarr) and\n'
ls -- *.png *.html
