#!/usr/bin/env bash
# Fits on a Slurm cluster: each is a task of an array job, and goes on in a later one when its time is up.
#   examples/slurm.sh a.png b.png c.png
# Called again, the script does what is missing. Without Slurm the fits are done on this machine.
. "$(dirname "$0")/sizes.sh"
images=()
for name in "$@"; do images+=("$(image "$name" -)"); done
[[ $# -gt 0 ]] || images=(builtin:astronaut builtin:coffee builtin:cat)
enter slurm

{
  printf 'file\toutput\n'
  for index in "${!images[@]}"; do
    dip corrupt "${images[$index]}" "downsample:$(pick 16 4 1)" gaussian:25 -o "noisy-$index.png" >&2
    printf 'noisy-%s.png\tfit-%s.zarr\n' "$index" "$index"
  done
} > jobs.tsv

where=()
if sinfo > /dev/null 2>&1; then
  where=(--cluster "slurm:cpus=2,mem=4G,time=60") # and partition=, account=, gpus=, limit=, ...
fi
dip fit --table jobs.tsv --failed failed.tsv --iterations "$(pick 20 2000 2000)" "${where[@]}" ||
  echo "some fits failed; see failed.tsv" >&2
dip report fit-*.zarr --columns store,status,iterations,chosen,host,seconds,error
