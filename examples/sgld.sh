#!/usr/bin/env bash
# Langevin dynamics samples a posterior and does not overfit; gradient descent needs a stopping rule.
# Cheng, Gadelha, Maji and Sheldon 2019, figure 4 and table 1.
#   examples/sgld.sh [IMAGE]
. "$(dirname "$0")/sizes.sh"
image=$(image "${1:-}" builtin:astronaut)
enter sgld

dip corrupt "$image" "downsample:$(pick 16 8 1)" -f -o clean.png
dip corrupt clean.png gaussian:25 -f -o noisy.png
fit() { # fit NAME OPTION...
  dip fit noisy.png --clean clean.png --arch dip --width "$(pick 8 64 128)" --iterations "$(pick 40 2000 20000)" \
    --record psnr --record-every 5 --save-at log:20 "${@:2}" -o "$1.zarr"
}
fit sgd --average 0 --input-noise 0 --stop none
fit sgd+avg --input-noise 0 --stop none
fit sgd+input --average 0 --stop none
fit sgd+input+avg --stop none
fit stopped
fit sgld --optimizer sgld --stop none --std sgld-std.png --image sgld-mean.png -f

dip report {sgd,sgd+avg,sgd+input,sgd+input+avg,stopped,sgld}.zarr \
  --columns store,config.optimizer,rule,chosen,psnr,best_psnr,best_iteration,final_psnr,seconds
dip spectrum {sgd,sgd+input,sgld}.zarr --measure psnr --plot sgld.svg -f --format none
