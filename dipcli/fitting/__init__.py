"""Fitting: settings, the loop, the runs of a store, and what they need of the machine."""

import os

# Threads that wait for each other by spinning keep those of a fit beside them from working, and
# those that sleep at once take as long to wake as many an operation takes: so they spin a
# little; docs/speed.md has what that costs either way. OpenMP reads this when torch is loaded.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
