"""Is `--normalize auto` near the best scale on odd files? `python -m benchmarks.scales [FILE...]`

Writes fourteen odd files, fits each with every --normalize, and prints a row: the PSNR on the range
of the clean data, that is 10 log10(range^2 / mse) in the numbers of the file. Where a mask or NaN
hides pixels, these alone count.
"""

from __future__ import annotations

import csv
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from dipcli import read

SIDE = 64
MODES = ("auto", "dtype", "minmax")
TINY = ("--threads", "1", "--jobs", "1", "-q", "-f")
RNG = np.random.default_rng(5)


class Odd:
    """A file, the image without noise in its numbers, and the pixels that count."""

    def __init__(self, clean: Any, noisy: Any, dtype: Any, mask: Any = None, **tags: Any) -> None:
        self.clean, self.mask, self.tags = np.asarray(clean, float), mask, tags
        if np.dtype(dtype).kind in "ui":
            info = np.iinfo(dtype)
            noisy = np.clip(np.rint(noisy), info.min, info.max)
        self.noisy = np.asarray(noisy).astype(dtype)
        self.counts = ~mask if mask is not None else np.isnan(self.noisy.astype(float))
        if not self.counts.any():
            self.counts = np.ones(self.clean.shape, bool)

    def write(self, path: Path) -> None:
        tifffile.imwrite(path, self.noisy, **self.tags)
        if self.mask is not None:
            Image.fromarray((self.mask * 255).astype(np.uint8)).save(path.with_suffix(".png"))

    def psnr(self, restored: Any) -> float:
        values = np.asarray(restored, float)[..., : self.clean.shape[-1]]
        span = np.ptp(self.clean) or 255
        error = np.square(values - self.clean)[self.counts].mean()
        return float(10 * np.log10(span**2 / error))


def noise(shape: tuple[int, ...], sigma: float) -> Any:
    return RNG.normal(0, sigma, shape)


def files() -> dict[str, Odd]:
    """The odd files; noise is a tenth of the range unless the name says otherwise."""
    camera = read("builtin:camera").pixels[0, 90:154, 210:274].astype(float)
    texture = read("builtin:brick").pixels[0, :SIDE, :SIDE].astype(float)
    colour = read("builtin:astronaut").pixels[:, :SIDE, 200:264].transpose(1, 2, 0).astype(float)
    shape = camera.shape
    sensor = camera * 3000 + 200
    hot = sensor + noise(shape, 300)
    hot[20, 30] = 65535
    known = RNG.random(shape) > 0.03
    known[10:14, 40:50] = False
    alive = RNG.random(shape) > 0.01
    pair = np.stack([camera, texture])
    dark = pair * 32 + 3
    alpha = np.full((*shape, 1), 255.0)
    alpha[:8] = 0
    rgb = np.clip(colour * 255 + noise(colour.shape, 25), 0, 255)
    gaps = camera * 5000 + noise(shape, 500)
    gaps[RNG.random(shape) < 0.1] = np.nan
    bits = (texture > np.median(texture)) * 255.0
    flipped = np.where(RNG.random(shape) < 0.05, 255 - bits, bits)
    extra = {"photometric": "rgb", "extrasamples": ["unassalpha"]}
    return {
        "floats to 0.023": Odd(camera * 0.023, camera * 0.023 + noise(shape, 0.0023), np.float32),
        "counts to 180": Odd(camera * 180, RNG.poisson(camera * 180), np.uint16),
        "a hot pixel": Odd(sensor, hot, np.uint16),
        "dead pixels, masked": Odd(
            sensor, np.where(known, sensor + noise(shape, 300), 65535), np.uint16, known
        ),
        "dead pixels": Odd(sensor, np.where(alive, sensor + noise(shape, 300), 0), np.uint16),
        "signed": Odd(camera * 2 - 1, camera * 2 - 1 + noise(shape, 0.2), np.float32),
        "32 bits": Odd(camera * 4e8 + 1e7, camera * 4e8 + 1e7 + noise(shape, 4e7), np.uint32),
        "constant": Odd(np.full(shape, 120.0), 120 + noise(shape, 10), np.uint8),
        "12 bits in 16": Odd(
            texture * 3500 + 300, texture * 3500 + 300 + noise(shape, 350), np.uint16
        ),
        "dark stack, 8 bits": Odd(dark, dark + noise(dark.shape, 3), np.uint8),
        "dark stack, 16 bits": Odd(dark, dark + noise(dark.shape, 3), np.uint16),
        "RGBA": Odd(colour * 255, np.concatenate([rgb, alpha], 2), np.uint8, **extra),
        "NaN": Odd(camera * 5000, gaps, np.float32),
        "1 bit": Odd(bits, flipped, np.uint8),
    }


def main() -> None:
    wanted = sys.argv[1:]
    table = csv.writer(sys.stdout, delimiter="\t", lineterminator="\n")
    table.writerow(["file", *MODES])
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / "odd.tif", Path(folder) / "out.tif"
        for name, odd in files().items():
            if wanted and name not in wanted:
                continue
            odd.write(source)
            mask = ["--mask", str(source.with_suffix(".png"))] if odd.mask is not None else []
            row = []
            for mode in MODES:
                line = ["fit", str(source), "--image", str(out), "--normalize", mode, *mask, *TINY]
                subprocess.run([sys.executable, "-m", "dipcli", *line], check=True)
                row.append(f"{odd.psnr(tifffile.imread(out)):.2f}")
            table.writerow([name, *row])
            sys.stdout.flush()


if __name__ == "__main__":
    main()
