"""Restorations of `dip` beside classical ones: `python -m benchmarks.tasks DIR [-- OPTIONS]`.

DIR holds the images, barbara.png and house.png unless `--images` names others; each is made gray,
degraded, and restored by both. What follows `--` goes to `dip fit`: without it the fit has the
settings of its preset for the task, which takes hours without a GPU. PSNR is in dB against the
clean image, of the degraded one too where it is whole and has the same size.

The classical results are scikit-image's: biharmonic inpainting, and the better of Richardson and
Lucy's (30 iterations) and an unsupervised Wiener filter, chosen by PSNR, which favours them; and
bicubic interpolation, and the JPEG as it was decoded.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from skimage import restoration

from dipcli.arrays import Floats
from dipcli.degrade import corrupt
from dipcli.degrade.blur import Blur
from dipcli.images import Image, encode, read
from dipcli.measure.quality import psnr

BLUR = 2.0
MARGIN = 16  # pixels mirrored around an image, for filters that take it for a torus
Classical = Callable[[Floats, tuple[int, int]], dict[str, np.ndarray]]


def biharmonic(seen: Floats, _: tuple[int, int]) -> dict[str, np.ndarray]:
    unknown = np.isnan(seen[0])
    filled = restoration.inpaint_biharmonic(np.where(unknown, 0, seen[0]), unknown)
    return {"biharmonic": filled}


def bicubic(seen: Floats, size: tuple[int, int]) -> dict[str, np.ndarray]:
    large = Pillow.fromarray(seen[0]).resize(size[::-1], Pillow.Resampling.BICUBIC)
    return {"bicubic": np.asarray(large)}


def as_decoded(seen: Floats, _: tuple[int, int]) -> dict[str, np.ndarray]:
    return {"the JPEG": seen[0]}


def deconvolved(seen: Floats, _: tuple[int, int]) -> dict[str, np.ndarray]:
    kernel = Blur(BLUR).weights()
    padded = np.pad(seen[0].astype(np.float64), MARGIN, mode="symmetric")
    inside = slice(MARGIN, -MARGIN)
    wiener, _chain = restoration.unsupervised_wiener(padded, kernel, rng=0)
    found = {
        "Richardson-Lucy": restoration.richardson_lucy(np.clip(padded, 1e-6, 1), kernel, 30),
        "Wiener": wiener,
    }
    return {name: image[inside, inside] for name, image in found.items()}


# the task, what is done to the image, and how it is undone without a network
CASES: tuple[tuple[str, str, Classical], ...] = (
    ("inpaint", "mask:0.5", biharmonic),
    ("sr:4,kernel=lanczos", "downsample:4,kernel=lanczos", bicubic),
    ("dejpeg", "jpeg:10", as_decoded),
    (f"deblur:{BLUR:g}", f"blur:{BLUR:g} gaussian:2", deconvolved),
)


def main() -> None:
    """Print a row per task and image, as each is done."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--images", default="barbara.png,house.png")
    parser.add_argument("--size", type=int, help="cut SIZE x SIZE pixels out of the centre")
    parser.add_argument("--tasks", default=",".join(task.split(":")[0] for task, *_ in CASES))
    words = sys.argv[1:]
    end = words.index("--") if "--" in words else len(words)
    asked, options = parser.parse_args(words[:end]), words[end + 1 :]
    columns = ("task", "image", "size", "degraded", "classical", "psnr", "dip", "seconds")
    print(*columns, sep="\t", flush=True)
    for name in asked.images.split(","):
        cut = [f"crop:{asked.size}x{asked.size}"] if asked.size else []
        clean = corrupt(read(asked.folder / name), *cut, "gray")
        for task, degradations, classical in CASES:
            if task.split(":")[0] in asked.tasks.split(","):
                row = compare(clean, task, degradations, classical, options)
                print(task, Path(name).stem, *row, sep="\t", flush=True)


def compare(
    clean: Image, task: str, degradations: str, classical: Classical, options: list[str]
) -> list[str]:
    """Sizes, decibels and seconds of one restoration."""
    seen = corrupt(clean, *degradations.split())
    comparable = seen.size == clean.size and not seen.unknown.any()
    others = classical(seen.pixels, clean.size)
    best = max(others, key=lambda name: psnr(others[name][None], clean.pixels))
    start = time.perf_counter()
    restored = fit(seen, clean, task, options)
    seconds = time.perf_counter() - start
    height, width = clean.size
    return [
        f"{width}x{height}",
        f"{psnr(seen.pixels, clean.pixels):.2f}" if comparable else "",
        best,
        f"{psnr(others[best][None], clean.pixels):.2f}",
        f"{psnr(restored, clean.pixels):.2f}",
        f"{seconds:.1f}",
    ]


def fit(seen: Image, clean: Image, task: str, options: list[str]) -> Floats:
    """Restore a degraded image by `dip fit`, as a user would call it."""
    with tempfile.TemporaryDirectory() as folder:
        for name, image in (("seen", seen), ("clean", clean)):
            path = Path(folder, f"{name}.tif")
            path.write_bytes(encode([image], "tiff", "float", image.history).data)
        line = [sys.executable, "-m", "dipcli", "fit", "seen.tif", "--clean", "clean.tif", "-q"]
        line += ["--task", task, "--image", "restored.tif", *options]
        subprocess.run(line, check=True, cwd=folder)
        return read(Path(folder, "restored.tif")).pixels


if __name__ == "__main__":
    main()
