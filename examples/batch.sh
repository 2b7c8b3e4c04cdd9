#!/usr/bin/env bash
# Restore many images, several at a time, with xargs. A failed run is in the table beside the others.
# Called again, the script resumes where it stopped.
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
    -o '{stem}.zarr' --image '{stem}-restored.png' || echo "some fits failed; see the column status of the table" >&2
dip report ./*.zarr --columns store,status,iterations,rule,chosen,seconds,error
