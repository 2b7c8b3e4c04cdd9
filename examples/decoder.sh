#!/usr/bin/env bash
# The deep decoder has too few parameters to fit noise, if its width suits the noise level. The hourglass
# has many parameters, so its fit must be stopped. Heckel and Hand 2019; all channels have the same noise.
#   examples/decoder.sh [IMAGE]
. "$(dirname "$0")/sizes.sh"
image=$(image "${1:-}" builtin:astronaut)
enter decoder

dip corrupt "$image" "downsample:$(pick 16 4 1)" -f -o clean.png
dip corrupt clean.png gaussian:25,shared=1 -f -o noisy.png
fit() { # fit NAME OPTION...
  dip fit noisy.png --clean clean.png --stop none --save-at log:30 "${@:2}" -o "$1.zarr"
}
for width in $(pick '8 16' '32 64 128' '32 64 128'); do
  fit "deep-decoder-$width" --arch deep-decoder --width "$width" --iterations "$(pick 20 2000 10000)"
done
fit dip --arch dip --width "$(pick 8 64 128)" --iterations "$(pick 20 1000 3000)"

dip report deep-decoder-*.zarr dip.zarr --columns store,best_psnr,best_iteration,final_psnr,iterations,seconds
