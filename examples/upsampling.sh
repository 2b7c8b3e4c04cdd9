#!/usr/bin/env bash
# How the factor and the kind of upsampling affect the order in which frequencies are learned.
# Chakrabarty and Maji 2019, strides 4 and 32, nearest and bilinear; Liu and others 2023, low-pass.
#   examples/upsampling.sh [IMAGE]
. "$(dirname "$0")/sizes.sh"
image=$(image "${1:-}" builtin:camera)
enter upsampling

dip corrupt "$image" "downsample:$(pick 8 4 2)" gray -f -o clean.png
fit() { # fit NAME OPTION...
  dip fit clean.png --preset chakrabarty --width "$(pick 8 64 256)" --iterations "$(pick 20 300 1000)" "${@:2}" \
    --save-at log:20 -o "$1.zarr"
}
fit stride-4 --depth 1 --stride 4
fit stride-32 --depth 1 --stride 32
stores=(stride-4.zarr stride-32.zarr)
for kind in $(pick nearest 'nearest bilinear gaussian lpf:5' 'nearest bilinear gaussian lpf:3 lpf:5 lpf:6'); do
  fit "${kind/:/-}" --upsample "$kind"
  stores+=("${kind/:/-}.zarr")
done

# the error in each band: it falls in the low bands first; how much later does it fall in the high ones?
dip trajdist "${stores[@]}" --against target --bands 5 --at "$(pick 0,20 20,100,300 20,100,300,1000)"
# the share of all frequencies that are learned to a tenth: the area of low error
dip spectrum stride-4.zarr stride-32.zarr --measure learned --plot learned.svg -f > learned.tsv
dip spectrum "${stores[@]}" --measure error --plot errors.png -f --format none
