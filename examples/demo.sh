#!/usr/bin/env bash
# Restore and inspect a built-in image. `make demo` runs this.
set -euo pipefail
mkdir -p demo
cd demo
rm -rf traj.zarr  # of an earlier demo

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
say "dip corrupt clean.png mask:0.5 --seed 1 -f -o holes.png"
say "dip fit holes.png --iterations 300 -f --image filled.png"

printf '\nThese files are in demo/, besides the trajectory traj.zarr:\n'
ls -- *.png *.html
