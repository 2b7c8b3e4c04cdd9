#!/usr/bin/env bash
# Two trajectories converge, part and meet again; the peak in between grows with the patterned square.
# Chakrabarty and Maji 2019, figure 1.
. "$(dirname "$0")/sizes.sh"
enter trajectories

for k in $(pick '0.2 0.9' '0.2 0.5 0.9' '0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8 0.9'); do
  dip fit "builtin:triangle:$k:$(pick 32 128 256)" --preset chakrabarty --width "$(pick 8 64 256)" \
    --iterations "$(pick 40 500 1000)" --save-every "$(pick 2 5 10)" --runs 2 --threads 1 -o "triangle-$k.zarr"
done | dip trajdist --summary
dip trajdist triangle-*.zarr --plot trajectories.svg -f --format none
