#!/usr/bin/env bash
# The network learns low-frequency noise before the texture, so early stopping cannot remove this noise.
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

# the noise is in the lowest band, the texture in the bands above: which does the network learn first?
dip trajdist dip.zarr relunet.zarr --against target --bands 8
# distance of each network's image, and of the noisy image, to the clean image
dip trajdist dip.zarr relunet.zarr --against clean
dip trajdist noisy.png --against clean.png --no-header
for at in $(pick 20 '20 100 500' '20 100 500'); do
  dip corrupt "dip.zarr/run-0@$at" -f -o "dip-$at.png"
done
dip corrupt relunet.zarr/run-0@last -f -o relunet.png
dip spectrum dip.zarr relunet.zarr --measure error --plot lowfreq.png -f --format none
