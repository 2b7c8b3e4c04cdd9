"""Fits: settings, the loop, runs and batches of them, and what they are made of."""

import os

# A thread of OpenMP that waits by spinning keeps the threads of another fit from working; one that
# sleeps at once needs as long to wake as many an operation takes. So threads spin for half a
# millisecond (docs/speed.md). OpenMP reads this when torch is loaded.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
