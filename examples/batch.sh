#!/usr/bin/env bash
# Many images, some at a time, with the report of a run that failed beside the others: xargs does it.
# Called again, it goes on where it stopped.
#   examples/batch.sh [IMAGE...]
. "$(dirname "$0")/sizes.sh"
images=()
for name in "$@"; do images+=("$(image "$name" -)"); done
[[ $# -gt 0 ]] || images=(builtin:astronaut builtin:coffee builtin:cat)
enter batch

for image in "${images[@]}"; do
  stem=${image##*[/:]}
  dip corrupt "$image" "downsample:$(pick 16 4 1)" gaussian:25 -o "${stem%.*}.png"
done
printf '%s\0' ./*.png |
  xargs -0 -n 1 -P "$(pick 2 2 "$(nproc)")" dip fit -q --threads 1 --iterations "$(pick 20 2000 2000)" \
    -o '{stem}.zarr' --image '{stem}-restored.png' || echo "some failed; the table says which" >&2
dip report ./*.zarr --columns store,status,iterations,rule,chosen,seconds,error
