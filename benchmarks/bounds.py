"""Where a bound on convolutions holds: `python -m benchmarks.bounds IMAGE`.

The image is made small (area), given noise, and fitted by the decoder of Shi and others with each
bound. A cell says where the running mean peaks, and what it has at the end: that of all iterations,
or half a decibel below the peak.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from benchmarks.cases import done
from dipcli import machine
from dipcli.degrade import corrupt
from dipcli.fitting.loop import Fit
from dipcli.fitting.settings import Settings
from dipcli.images import read
from dipcli.measure.quality import psnr

SIDES = (64, 128)
NOISES = (15, 25)
BOUNDS = ("1.0", "1.2", "1.4", "1.6", "2.0", "0")
ITERATIONS = {64: 1500, 128: 2000}
MEAN = 0.99  # of the outputs, which jitter by half a decibel; the fit is the same without
EVERY = 10  # iterations between two looks
LOST = 0.5  # dB below the peak at which a fit is ended: the bound does not hold


class Case(NamedTuple):
    """One fit of the image."""

    path: Path
    side: int
    noise: int
    bound: str


Found = tuple[float, int, float, int]  # the peak in dB, its iteration; the end, its iteration


def fitted(case: Case) -> Found:
    """How the running mean fares against the clean image."""
    torch.set_num_threads(1)
    machine.keep_memory()
    clean = read(case.path)
    clean = corrupt(clean, f"downsample:{min(clean.size) // case.side}")
    noisy = corrupt(clean, f"gaussian:{case.noise}").pixels.astype(np.float32)
    given = {"lipschitz": case.bound, "iterations": ITERATIONS[case.side], "average": MEAN}
    curve: dict[int, float] = {}
    for frame in Fit(noisy, Settings(arch="decoder", **given), 0).frames():
        mean = frame.average
        assert mean is not None
        if frame.iteration % EVERY == 0:
            curve[frame.iteration] = psnr(mean, clean.pixels)
            if curve[frame.iteration] < max(curve.values()) - LOST:
                break
    best = max(curve, key=lambda i: curve[i])
    return curve[best], best, curve[max(curve)], max(curve)


def table(rows: Mapping[str, Found], keys: Mapping[tuple[int, int, str], str]) -> Iterator[str]:
    """A row per size and noise, a column per bound; 0 is no bound."""
    yield f"| side, sigma | {' | '.join(BOUNDS)} |"
    yield f"|---|{'---|' * len(BOUNDS)}"
    for side, noise in product(SIDES, NOISES):
        cells = []
        for bound in BOUNDS:
            peak, at, end, last = rows[keys[side, noise, bound]]
            cells.append(f"{peak:.2f} at {at}, {end:.2f} at {last}")
        yield f"| {side}, {noise} | {' | '.join(cells)} |"


def main() -> None:
    """Print a line per fit as it is done, and the map."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("image", type=Path)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--cache", type=Path, help="JSON lines, one per case")
    asked = parser.parse_args()
    keys = {c: f"{c[0]} {c[1]} {c[2]}" for c in product(SIDES, NOISES, BOUNDS)}
    cases = {key: Case(asked.image, *c) for c, key in keys.items()}
    print(*table(done(cases, fitted, asked.jobs, asked.cache), keys), sep="\n")


if __name__ == "__main__":
    main()
