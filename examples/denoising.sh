#!/usr/bin/env bash
# The denoising table: dip, its linear counterparts and the coordinate network on a folder of images, with
# the difference of each cell from the poster. Chakrabarty and Maji 2019, tables 1 and 2.
#   examples/denoising.sh [DIR]    file names identify the nine images of Set9 in DIR
#   FACTOR=4                       the poster's factor; only at this factor cells are compared
. "$(dirname "$0")/sizes.sh"
poster=$(realpath "$(dirname "$0")/poster.tsv")
factor=${FACTOR:-$(pick 32 8 4)}
if [[ $# -gt 0 ]]; then
  readarray -t images < <(find "$(realpath -e -- "$1")" -maxdepth 1 -type f | sort)
else
  images=(builtin:astronaut)
fi
enter denoising

mkdir -p dip linear-128 linear-2048 relunet
fit() { # fit NAME NETWORK OPTION...
  dip fit "$1-noisy.png" --preset chakrabarty "${@:3}" --clean "$1-clean.png" -o "$2/$1.zarr"
}

for image in "${images[@]}"; do
  name=${image##*[/:]}
  # the files of the usual benchmark are called image_House256rgb.png and so on
  name=$(sed -E 's/^image_//; s/_?(256|512)rgb$//' <<< "${name%.*}")
  dip corrupt "$image" "downsample:$factor,kernel=area" -o "$name-clean.png"
  dip corrupt "$name-clean.png" gaussian:25 -o "$name-noisy.png"
  fit "$name" dip --width "$(pick 16 256 256)" --iterations "$(pick 20 400 1000)"
  fit "$name" linear-128 --arch linear --width 128 --iterations "$(pick 20 400 1000)"
  # at the rate of the other networks, 0.001, the sigmoid of this wide network saturates at 0 and 1
  fit "$name" linear-2048 --arch linear --width "$(pick 256 2048 2048)" --lr 1e-4 --iterations "$(pick 20 100 1000)"
  fit "$name" relunet --arch relunet --iterations "$(pick 20 6000 30000)" --save-every "$(pick 10 100 100)"
done > stores.txt

echo
# best_psnr: the PSNR of the best saved frame, as on the poster
dip report --columns store,best_psnr,best_iteration,seconds --format tsv --no-header < stores.txt |
  awk -F '\t' -v factor="$factor" '
    BEGIN { print "image\tnetwork\tpublished\there\tdifference\titeration\tseconds" }
    FILENAME != "-" { if (factor == 4) published[$2 "/" $1 ".zarr"] = $3; next }
    {
      split($1, part, "/")
      known = published[tolower($1)]
      difference = known == "" ? "" : sprintf("%+.2f", $2 - known)
      sub(/\.zarr$/, "", part[2])
      printf "%s\t%s\t%s\t%.2f\t%s\t%d\t%.0f\n", part[2], part[1], known, $2, difference, $3, $4
    }' "$poster" - | tee table.tsv
