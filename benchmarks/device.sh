#!/usr/bin/env bash
# Tests, correctness and speed on one device, in one go: benchmarks/device.sh OUT [--device cuda] [--quick]
set -euo pipefail
out=$1
shift
device=cpu
words=("$@")
for ((i = 0; i < ${#words[@]}; i++)); do
  [ "${words[i]}" = --device ] && device=${words[i + 1]}
done
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
status=0
DIP_TEST_DEVICE=$device "$python" -m pytest -q -p no:cacheprovider tests/test_device.py || status=$?
"$python" -m benchmarks.device "$out" "$@" || status=$?
exit "$status"
