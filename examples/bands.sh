#!/usr/bin/env bash
# Frequency bands against iterations while an image is denoised: the network learns the low bands first,
# and the PSNR falls once it fits the high ones. Shi and others 2022, the figure of FBC.
#   examples/bands.sh [IMAGE]
. "$(dirname "$0")/sizes.sh"
image=$(image "${1:-}" builtin:astronaut)
enter bands

dip corrupt "$image" "downsample:$(pick 16 4 1)" -f -o clean.png
dip corrupt clean.png gaussian:25 -f -o noisy.png
dip fit noisy.png --clean clean.png --arch dip --width "$(pick 8 64 128)" --iterations "$(pick 20 1000 5000)" \
  --stop none --record fbc,psnr --save-at log:30 -o bands.zarr
dip spectrum bands.zarr --measure onset
dip spectrum bands.zarr --plot bands.svg -f --format none
dip spectrum bands.zarr --measure psnr --plot psnr.svg -f --format none
