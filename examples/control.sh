#!/usr/bin/env bash
# Bounded convolutions and Gaussian upsampling limit the high frequencies: with the right bound the PSNR
# does not fall after its peak. Shi and others 2022, the figures of Lipschitz and Gaussian control.
#   examples/control.sh [IMAGE]
. "$(dirname "$0")/sizes.sh"
image=$(image "${1:-}" builtin:astronaut)
enter control

dip corrupt "$image" "downsample:$(pick 16 8 1)" -f -o clean.png
dip corrupt clean.png gaussian:25 -f -o noisy.png
fit() { # fit NAME OPTION...
  dip fit noisy.png --clean clean.png --preset shi --width "$(pick 8 64 128)" --average 0.99 \
    --iterations "$(pick 20 1500 10000)" "${@:2}" --record fbc,psnr --record-every 5 --save-at log:30 -o "$1.zarr"
}
for bound in $(pick '1.2 0' '1 1.2 1.4 2 0' '1 1.4 2 3 0'); do
  fit "lipschitz-$bound" --lipschitz "$bound"
done
for sigma in $(pick 0.5 '0.1 0.5 1' '0.1 0.5 1'); do
  fit "gaussian-$sigma" --lipschitz 1.8 --upsample "gaussian:$sigma"
done

dip report lipschitz-*.zarr gaussian-*.zarr --columns store,best_psnr,best_iteration,final_psnr,seconds
dip spectrum lipschitz-*.zarr --plot lipschitz.svg -f --format none
dip spectrum gaussian-*.zarr --plot gaussian.svg -f --format none
