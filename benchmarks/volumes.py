"""A z-stack fitted as one volume, and plane by plane: `python -m benchmarks.volumes`.

Synthetic z-stacks of beads, filaments and cells, blurred more along z than in the plane, with the
noise of a camera. Default settings; a row has the PSNR of the whole stack each way, the seconds of
the fits, and the iterations (of planes their mean). The last row has the means.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.stacks import CAMERA, volume
from dipcli import Image, Result, corrupt, fit, fit_many, psnr
from dipcli.images.volume import volume as as_one

FIGURES = ("noisy", "planes", "previous", "dims3", "planes_s", "previous_s", "dims3_s")
COLUMNS = ("kind", "seed", *FIGURES, "planes_steps", "previous_steps", "dims3_steps")
NOISE = "poisson-gaussian:20,read=20"


def main() -> None:
    parser = argparse.ArgumentParser(prog="volumes", description=__doc__)
    parser.add_argument("kinds", nargs="*", default=["beads", "filaments", "cells"])
    parser.add_argument("--planes", type=int, default=16, help="default: 16")
    parser.add_argument("--size", type=int, default=64, help="height and width (default: 64)")
    parser.add_argument("--seeds", type=int, default=1, help="stacks of each kind (default: 1)")
    args = parser.parse_args()
    writer = csv.DictWriter(sys.stdout, COLUMNS, delimiter="\t", lineterminator="\n")
    writer.writeheader()
    rows = []
    for row in measure(args.kinds, (args.planes, args.size, args.size), args.seeds):
        rows.append(row)
        writer.writerow(_short(row))
        sys.stdout.flush()
    means = {name: float(np.mean([row[name] for row in rows])) for name in COLUMNS[2:]}
    writer.writerow(_short({"kind": "all", "seed": "", **means}))


def measure(kinds: list[str], shape: tuple[int, int, int], seeds: int) -> Iterator[dict[str, Any]]:
    for kind in kinds:
        for seed in range(seeds):
            pixels = (0.05 + 0.85 * volume(kind, "stack", shape, seed)).astype(np.float32)
            clean = [Image(p[None], scale=CAMERA, page=k) for k, p in enumerate(pixels, 1)]
            noisy = [corrupt(page, NOISE, seed=seed) for page in clean]
            jobs = [{"image": n, "jobs": "1"} for n in noisy]
            chain = [{**job, "start": "previous"} for job in jobs]
            row: dict[str, Any] = {"kind": kind, "seed": seed, "noisy": _psnr(noisy, pixels)}
            row |= _figures("planes", fit_many(jobs), pixels)
            row |= _figures("previous", fit_many(chain), pixels)
            yield row | _figures("dims3", [fit(as_one(noisy), dims=3)], pixels)


def _figures(way: str, results: list[Result], clean: np.ndarray) -> dict[str, float]:
    steps = [result.iteration for result in results if result.iteration is not None]
    return {
        way: _psnr([result.image for result in results], clean),
        f"{way}_s": sum(result.seconds for result in results),
        f"{way}_steps": float(np.mean(steps)),
    }


def _psnr(images: list[Image], clean: np.ndarray) -> float:
    return psnr(np.concatenate([image.pixels for image in images]), clean)


def _short(row: dict[str, Any]) -> dict[str, Any]:
    return {name: f"{v:.2f}" if isinstance(v, float) else v for name, v in row.items()}


if __name__ == "__main__":
    main()
