#!/usr/bin/env bash
# A Slurm job array: a task per image, on the cores that Slurm gives it. Two minutes before its time is
# up a task is told, saves where it is, and goes on from there when the same is submitted again.
#   sbatch --array=0-2 examples/slurm.sh a.png b.png c.png
#   sbatch --array=0-2 --dependency=afterany:JOB examples/slurm.sh a.png b.png c.png
#SBATCH --job-name=dip
#SBATCH --cpus-per-task=2
#SBATCH --mem=4G
#SBATCH --time=01:00:00
#SBATCH --signal=B:TERM@120
set -euo pipefail

images=("$@")
[[ $# -gt 0 ]] || images=(builtin:astronaut builtin:coffee builtin:cat)
made=${MADE:-made}/slurm
iterations=2000
if [[ ${QUICK:-0} != 0 ]]; then iterations=20; fi

task() {
  local image=${images[$1]:?"there is no image for task $1"}
  mkdir -p "$made"
  dip corrupt "$image" downsample:4 gaussian:25 -o "$made/noisy-$1.png"
  # in the place of this shell, so that it is dip that hears Slurm's signal
  exec dip fit "$made/noisy-$1.png" --iterations "$iterations" -o "$made/fit-$1.zarr"
}

if [[ -n ${SLURM_ARRAY_TASK_ID:-} ]]; then
  task "$SLURM_ARRAY_TASK_ID"
fi
for index in "${!images[@]}"; do # not under Slurm: one after the other
  (task "$index")
done
dip report "$made"/*.zarr --columns store,status,iterations,chosen,host,seconds,error
