#!/usr/bin/env bash
# Where each rule stops without the clean image, and how much PSNR that costs: psnr is that of the
# estimate, best_psnr that of the best frame. Shi and others 2022; Wang and others 2023.
#   examples/stopping.sh [IMAGE]
. "$(dirname "$0")/sizes.sh"
image=$(image "${1:-}" builtin:astronaut)
enter stopping

dip corrupt "$image" "downsample:$(pick 16 8 1)" -f -o clean.png
for noise in $(pick gaussian:25 'gaussian:25 impulse:0.1' 'gaussian:25 gaussian:50 impulse:0.1 poisson:30'); do
  dip corrupt clean.png "$noise" -f -o "$noise.png"
  # es-wmv and es-emv wait 1000 iterations for a lower variance
  for rule in $(pick 'auto none' 'auto es-wmv blur-sharp discrepancy self-validation none' \
    'auto es-wmv es-emv blur-sharp discrepancy self-validation none'); do
    dip fit "$noise.png" --clean clean.png --preset "$(pick fast fast ulyanov)" --stop "$rule" \
      --iterations "$(pick 30 1500 5000)" --save-at log:30 -o "$noise-$rule.zarr"
  done
done
dip report ./*.zarr --columns store,rule,chosen,psnr,best_psnr,best_iteration,iterations,seconds
dip report ./*-none.zarr -f -o stopping.html
