"""How much a fit gains that begins with the page before: `python -m benchmarks.stacks`.

Synthetic z-stacks and movies of beads, filaments and cells with the noise of a camera are fitted
page by page: each from random weights, and with `--start previous`. A row has the means over the
pages from the second on; the last row those over all stacks.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from benchmarks import micrographs
from dipcli import Image, corrupt, fit_many
from dipcli.images import Scale

CAMERA = Scale(4095.0)  # 12 bits in files of 16
MEANS = ("steps", "warm_steps", "psnr", "warm_psnr", "seconds", "warm_seconds")
COLUMNS = ("kind", "way", "seed", *MEANS)


def main() -> None:
    parser = argparse.ArgumentParser(prog="stacks", description=__doc__)
    parser.add_argument("--size", type=int, default=128, help="height and width (default: 128)")
    parser.add_argument("--pages", type=int, default=5, help="default: 5")
    parser.add_argument("--seeds", type=int, default=2, help="stacks of each kind (default: 2)")
    parser.add_argument("--noise", default="poisson-gaussian:20,read=20", help="as for dip corrupt")
    args = parser.parse_args()
    writer = csv.DictWriter(sys.stdout, COLUMNS, delimiter="\t", lineterminator="\n")
    writer.writeheader()
    rows = []
    for row in measure(args):
        rows.append(row)
        writer.writerow({name: _short(value) for name, value in row.items()})
        sys.stdout.flush()
    means = {name: float(np.mean([row[name] for row in rows])) for name in MEANS}
    writer.writerow({"kind": "all", **{name: _short(value) for name, value in means.items()}})


def measure(args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    shape = (args.pages, args.size, args.size)
    for kind in micrographs.KINDS:
        for way in ("stack", "movie"):
            for seed in range(args.seeds):
                clean = volume(kind, way, shape, seed)
                row = {"kind": kind, "way": way, "seed": seed}
                for prefix, start in (("", ""), ("warm_", "previous")):
                    means = fit_pages(clean, args.noise, start)
                    row |= {f"{prefix}{name}": value for name, value in means.items()}
                yield row


def volume(kind: str, way: str, shape: tuple[int, int, int], seed: int) -> micrographs.Floats:
    """Pages without noise; of a z-stack the middle ones, where the things are."""
    pages = shape[0]
    if way == "movie":
        return micrographs.movie(kind, shape, seed)
    return micrographs.stack(kind, (pages + 8, *shape[1:]), seed)[4 : 4 + pages]


def fit_pages(clean: micrographs.Floats, noise: str, start: str) -> Mapping[str, float]:
    """The means over the pages from the second on of a fit of them all."""
    pixels = (
        0.05 + 0.85 * clean[:, None]
    )  # (page, channel, y, x): a dark background, far from clipping
    images = [Image(page, scale=CAMERA, page=k) for k, page in enumerate(pixels, 1)]
    jobs = [
        {"image": corrupt(image, noise), "clean": image, "start": start, "jobs": "1"}
        for image in images
    ]
    results = fit_many(jobs)[1:]
    return {
        "steps": float(np.mean([result.iteration for result in results])),
        "psnr": float(np.mean([result.psnr for result in results])),
        "seconds": float(np.mean([result.seconds for result in results])),
    }


def _short(value: Any) -> Any:
    return f"{value:.2f}" if isinstance(value, float) else value


if __name__ == "__main__":
    main()
