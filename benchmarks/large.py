"""A camera's frame restored by default settings: `python -m benchmarks.large`.

Synthetic micrographs and enlarged photographs get the noise of a camera (12 bits in a file of 16).
`dip fit` restores them as a user would run it; non-local means of scikit-image stands beside it,
told the noise level that the wavelet estimate gives. A seam would show as a gradient across the
borders of tiles that differs from the mean elsewhere: both columns are this ratio, of the result
and of the residual. The memory is that of all processes, shared pages counted once.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import psutil
from scipy.ndimage import zoom
from skimage.restoration import denoise_nl_means

from benchmarks import micrographs
from dipcli import Image, corrupt, open_store, psnr, read, write
from dipcli.images import Scale
from dipcli.measure.noise import noise_level

CAMERA = Scale(4095.0)
NOISE = "poisson-gaussian:20,read=20"
DARK, RANGE = 0.05, 0.85  # the background, and how far the brightest is above it
COLUMNS = (
    *("picture", "size", "tiles", "noisy", "nlm", "dip", "gain"),
    *("seam", "seam_residual", "seconds", "memory_gb"),
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="large", description=__doc__)
    parser.add_argument(
        "pictures",
        nargs="*",
        default=list(micrographs.KINDS),
        help="beads, filaments, cells, or photographs to enlarge",
    )
    parser.add_argument("--size", type=int, default=2048, help="height and width (default: 2048)")
    parser.add_argument("--tile", default="auto", help="as of dip fit (default: auto)")
    args = parser.parse_args()
    writer = csv.DictWriter(sys.stdout, COLUMNS, delimiter="\t", lineterminator="\n")
    writer.writeheader()
    for row in measure(args.pictures, args.size, args.tile):
        writer.writerow({k: f"{v:.2f}" if isinstance(v, float) else v for k, v in row.items()})
        sys.stdout.flush()


def measure(pictures: Sequence[str], size: int, tile: str) -> Iterator[dict[str, Any]]:
    for name in pictures:
        clean = Image(picture(name, size)[None], scale=CAMERA, dtype=np.dtype(np.uint16))
        noisy = corrupt(clean, NOISE)
        sigma = noise_level(noisy.pixels)
        nlm = denoise_nl_means(
            noisy.pixels[0], sigma=sigma, h=0.8 * sigma, patch_size=5, patch_distance=6
        )[None]
        with TemporaryDirectory() as folder:
            row = fit(clean, noisy, Path(folder), tile)
        figures = {"noisy": psnr(noisy.pixels, clean.pixels), "nlm": psnr(nlm, clean.pixels)}
        row = {"picture": Path(name).stem, "size": f"{size}x{size}", **figures, **row}
        yield row | {"gain": row["dip"] - row["nlm"]}


def picture(name: str, size: int) -> micrographs.Floats:
    """A picture without noise, on a dark background, far from clipping."""
    if name in micrographs.KINDS:
        plane = micrographs.stack(name, (9, size, size))[4]
    else:
        small = read(name).pixels.mean(axis=0)
        plane = zoom(small, size / min(small.shape), order=3)[:size, :size].clip(0, 1)
    return (DARK + RANGE * plane).astype(np.float32)


def fit(clean: Image, noisy: Image, folder: Path, tile: str) -> dict[str, Any]:
    """`dip fit` of a file, with its time and its memory."""
    write(folder / "noisy.tif", noisy)
    write(folder / "clean.tif", clean)
    line = [sys.executable, "-m", "dipcli", "fit", "noisy.tif", "--clean", "clean.tif"]
    line += ["--tile", tile, "-o", "t.zarr", "--save-every", "1000"]
    start = time.monotonic()
    process = subprocess.Popen(line, cwd=folder)
    memory = 0
    while process.poll() is None:
        memory = max(memory, _memory(process.pid))
        time.sleep(1)
    if process.returncode:
        raise SystemExit(process.returncode)
    seconds = time.monotonic() - start
    with open_store(folder / "t.zarr") as store:
        run = store.run(0)
        estimate, tiles = run.estimate, run.attrs.get("tiles", [])
        assert estimate is not None
        residual = store.target - estimate
    return {
        "tiles": len(tiles) or 1,
        "dip": psnr(estimate, clean.pixels),
        "seam": seam(estimate, tiles),
        "seam_residual": seam(residual, tiles),
        "seconds": seconds,
        "memory_gb": memory / 1e9,
    }


def seam(image: micrographs.Floats, tiles: Sequence[Sequence[int]]) -> float:
    """The mean gradient across the borders of tiles over that elsewhere; NaN without tiles."""
    borders, others = [], []
    for axis, place in ((1, 0), (2, 1)):
        steps = np.abs(np.diff(image, axis=axis)).mean(axis=(0, 3 - axis))
        edges = {tile[place] for tile in tiles} | {tile[place] + tile[place + 2] for tile in tiles}
        at = sorted({edge - 1 for edge in edges if 0 < edge < image.shape[axis]})
        borders.append(steps[at])
        others.append(np.delete(steps, at))
    inside = np.concatenate(borders)
    return float(inside.mean() / np.concatenate(others).mean()) if len(inside) else float("nan")


def _memory(pid: int) -> int:
    """Bytes of a process and its children; what several of them share counts once."""
    total = 0
    try:
        parent = psutil.Process(pid)
        for process in (parent, *parent.children(recursive=True)):
            total += process.memory_full_info().pss
    except (psutil.Error, AttributeError):  # one has just ended
        return total
    return total


if __name__ == "__main__":
    main()
