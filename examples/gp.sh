#!/usr/bin/env bash
# The Gaussian process of an untrained network: kernels from formulas and from samples, draws, and
# inpainting. Cheng, Gadelha, Maji and Sheldon 2019.
#   examples/gp.sh [IMAGE]
. "$(dirname "$0")/sizes.sh"
image=$(image "${1:-}" builtin:camera)
enter gp

dip gpkernel --depth 2 --sigma 0,10,15,60 --plot sigmas.svg -f --format none
dip gpkernel --depth 1,2,3,4 --sigma 2 --plot depths.svg -f --format none
dip gpkernel --depth 1,4 --sigma 2 --length "$(pick 8 32 128)" --empirical --samples "$(pick 10 100 10000)" \
  --width "$(pick 32 256 256)" --plot empirical.svg -f > empirical.tsv
dip gpkernel --draw 3 --depth 0,1,2,4 --plot draws.svg -f --format none

dip corrupt "$image" "downsample:$(pick 32 8 8)" gray -f -o clean.png
dip corrupt clean.png mask:0.5 -f -o holes.png
for kernel in analytic rbf; do
  dip gpkernel --posterior holes.png --kernel "$kernel" -f -o "$kernel.png" --std "$kernel-std.png"
done
# for comparison: a network fitted to the known pixels
dip fit holes.png --iterations "$(pick 20 2000 2000)" -f --image network.png
dip trajdist analytic.png rbf.png network.png --against clean.png
