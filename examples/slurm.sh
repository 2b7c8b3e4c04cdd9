#!/usr/bin/env bash
# A Slurm job array: one task per image, on the cores that Slurm allots. Two minutes before its time is
# up Slurm sends a signal, and the task saves its state. Submit the same job again to resume.
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
  local image=${images[$1]:?"no image for task $1: the array is larger than the list of images"}
  mkdir -p "$made"
  dip corrupt "$image" downsample:4 gaussian:25 -o "$made/noisy-$1.png"
  # exec: dip replaces this shell, so that it receives Slurm's signal
  exec dip fit "$made/noisy-$1.png" --iterations "$iterations" -o "$made/fit-$1.zarr"
}

if [[ -n ${SLURM_ARRAY_TASK_ID:-} ]]; then
  task "$SLURM_ARRAY_TASK_ID"
fi
for index in "${!images[@]}"; do # without Slurm: one after the other
  (task "$index")
done
dip report "$made"/*.zarr --columns store,status,iterations,chosen,host,seconds,error
