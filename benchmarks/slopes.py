"""What --slope does to pictures with a dark background: `python -m benchmarks.slopes`.

Synthetic micrographs with the noise of a camera are fitted by default settings with several least
slopes of the last sigmoid. A row has the PSNR of the noisy picture, and of the restored one for
each slope; the last row has the means. Photographs named on the command line are fitted too, with
`gaussian:25`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks import micrographs
from benchmarks.stacks import CAMERA
from dipcli import Image, corrupt, fit, read
from dipcli.measure.quality import psnr


def main() -> None:
    parser = argparse.ArgumentParser(prog="slopes", description=__doc__)
    parser.add_argument("photographs", nargs="*", type=Path)
    parser.add_argument("--slopes", default="0,0.001,0.01,0.05,0.1")
    parser.add_argument("--seeds", default="0,1", help="seeds of the micrographs (default: 0,1)")
    parser.add_argument("--size", type=int, default=64, help="height and width (default: 64)")
    parser.add_argument("--noise", default="poisson-gaussian:20,read=20")
    args = parser.parse_args()
    slopes = [float(word) for word in args.slopes.split(",")]
    _print("picture", "noisy", *(f"slope={slope:g}" for slope in slopes))
    rows = []
    for name, clean, noisy in pictures(args):
        row = [psnr(noisy.pixels, clean.pixels)]
        row += [fit(noisy, clean=clean, slope=slope).psnr or np.nan for slope in slopes]
        _print(name, *(f"{value:.2f}" for value in row))
        rows.append(row)
    _print("mean", *(f"{value:.2f}" for value in np.mean(rows, axis=0)))


def pictures(args: argparse.Namespace) -> Iterator[tuple[str, Image, Image]]:
    """A name, a picture without noise, and the same with noise."""
    for kind in micrographs.KINDS:
        for seed in map(int, args.seeds.split(",")):
            plane = micrographs.stack(kind, (13, args.size, args.size), seed)[6]
            clean = Image(0.05 + 0.85 * plane[None], scale=CAMERA)
            yield f"{kind} {seed}", clean, corrupt(clean, args.noise)
    for path in args.photographs:
        clean = corrupt(read(path), f"crop:{args.size}x{args.size}+40+40")
        yield path.stem, clean, corrupt(clean, "gaussian:25")


def _print(*words: str) -> None:
    sys.stdout.write("\t".join(words) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
