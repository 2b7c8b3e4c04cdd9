#!/usr/bin/env bash
# Noise of low frequency is learned before the texture, so that stopping early cannot remove it.
# Chakrabarty and Maji 2019, the figure of Barbara.
#   examples/lowfreq.sh [IMAGE]
. "$(dirname "$0")/sizes.sh"
image=$(image "${1:-}" builtin:brick)
enter lowfreq

dip corrupt "$image" "downsample:$(pick 16 4 1)" gray -f -o clean.png
dip corrupt clean.png lowfreq:40 -f -o noisy.png
dip fit noisy.png --clean clean.png --preset chakrabarty --width "$(pick 8 128 256)" \
  --iterations "$(pick 20 500 500)" --save-at 0,20,100,500 -o dip.zarr
dip fit noisy.png --clean clean.png --preset chakrabarty --arch relunet \
  --iterations "$(pick 20 5000 50000)" --save-at "$(pick 0,20 0,1000,5000 0,10000,50000)" -o relunet.zarr

# the noise lies in the lowest band, the texture above: which is learned first?
dip trajdist dip.zarr relunet.zarr --against target --bands 8
# how near each comes to the clean image, and how near the noisy image is
dip trajdist dip.zarr relunet.zarr --against clean
dip trajdist noisy.png --against clean.png --no-header
for at in $(pick 20 '20 100 500' '20 100 500'); do
  dip corrupt "dip.zarr/run-0@$at" -f -o "dip-$at.png"
done
dip corrupt relunet.zarr/run-0@last -f -o relunet.png
dip spectrum dip.zarr relunet.zarr --measure error --plot lowfreq.png -f --format none
