"""Constant, huge, tiny and unknown pixels, and fits that diverge: no NaN comes out unsaid."""

from __future__ import annotations

from io import BytesIO
from random import Random

import numpy as np
import numpy.typing as npt

from dipcli.images import open_stack
from dipcli.registry import ARCHITECTURES, DEGRADATIONS, LOSSES, OPTIMIZERS
from dipcli.store import open_store
from torture.place import Place, require

CASES = 1000
QUICK = 12

WORDS = {  # for those that need a value
    "gaussian": "25",
    "poisson": "30",
    "poisson-gaussian": "0.1",
    "impulse": "0.2",
    "speckle": "0.2",
    "uniform": "20",
    "lowfreq": "20",
    "band": "20",
    "stripes": "50",
    "mask": "0.3",
    "hole": "0.3",
    "blur": "1",
    "downsample": "2",
    "jpeg": "30",
    "fourier": "0.5",
    "crop": "1x1",
    "maskfile": "a.npy",
}
LOSS_WORDS = {"tv": "tv:0.1", "spectral": "spectral:l1", "dc": "dc:25", "sure": "sure:25"}
SHAPES = ((1, 1), (1, 9), (9, 1), (9, 13), (8, 8, 3), (2, 2, 2), (16, 16))
Pixels = npt.NDArray[np.generic]


def case(place: Place, draw: Random) -> str:
    array = image(draw)
    buffer = BytesIO()
    np.save(buffer, array)
    (place.folder / "a.npy").write_bytes(buffer.getvalue())
    normalize = draw.choice((("--normalize", draw.choice(("dtype", "minmax", "0:1"))), (), ()))
    if draw.random() < 0.5:
        return _corrupt(place, draw, array, normalize)
    return _fit(place, draw, normalize)


def _corrupt(place: Place, draw: Random, array: Pixels, normalize: tuple[str, ...]) -> str:
    name = draw.choice(sorted(DEGRADATIONS))
    word = f"{name}:{WORDS[name]}" if name in WORDS else name
    form = draw.choice(("npy", "tif", "tif", "png"))
    done = place.dip("corrupt", "a.npy", word, *normalize, "-o", f"out.{form}")
    if done.code:
        return "corrupt refused"
    stack = open_stack(place.folder / f"out.{form}")
    numbers = stack.numbers
    finite = np.isfinite(numbers) if numbers.dtype.kind == "f" else np.ones(numbers.shape, bool)
    known = np.isfinite(array).all() if array.dtype.kind == "f" else True
    hides = name in ("mask", "hole", "maskfile")
    require(finite.all() or hides or not known, "new unknown pixels:", word, normalize, array)
    return "corrupt done"


def _fit(place: Place, draw: Random, normalize: tuple[str, ...]) -> str:
    loss, arch = draw.choice(sorted(LOSSES)), draw.choice(sorted(ARCHITECTURES))
    words = ["--arch", arch, "--loss", LOSS_WORDS.get(loss, loss)]
    words += ["--optimizer", draw.choice(sorted(OPTIMIZERS)), "--width", "4", "--depth", "1"]
    words += ["--input", "image"] if loss == "sure" else []
    words += ["--lr", draw.choice(("0.01", "0.1", "1e3", "1e6", "1e6"))]
    more = ("--iterations", 6, "--save-every", 1, "--threads", 1, "-o", "out.zarr")
    done = place.dip(
        *("fit", "a.npy", *normalize, *words, *more, "--image", "out.npy"), codes=(0, 1, 2)
    )
    said = done.err.decode(errors="replace")
    if (place.folder / "out.zarr").exists():
        with open_store(place.folder / "out.zarr") as store:
            for run in store.runs:
                for iteration, frame in run.frames():
                    require(np.isfinite(frame).all(), f"frame {iteration}:", words, said[-300:])
                estimate = run.estimate
                require(estimate is None or np.isfinite(estimate).all(), "estimate:", words)
    if (place.folder / "out.npy").exists():
        result = np.load(place.folder / "out.npy")
        finite = result.dtype.kind != "f" or np.isfinite(result).all()
        require(finite, "an unsaid NaN in the result:", words, said[-300:])
    return f"fit {('done', 'failed', 'refused')[done.code]}"


def image(draw: Random) -> Pixels:
    """An image with odd numbers."""
    shape = draw.choice(SHAPES)
    some = np.random.default_rng(draw.randrange(2**32)).random(shape)
    if draw.random() < 0.25:
        dtype = draw.choice(("uint8", "uint16", "uint32", "int8", "int16", "int32", "int64"))
        info = np.iinfo(dtype)
        value = draw.choice((info.min, info.max, 0, 1))
        kind = draw.choice(("constant", "ends", "one"))
        array = np.full(shape, value, dtype)
        array[some > {"constant": 2, "ends": 0.5, "one": 0.95}[kind]] = info.max
        return array
    dtype = draw.choice(("float16", "float32", "float32", "float64"))
    top = float(np.finfo(dtype).max)
    factors = (1.0, 1e-30, 1e-45, 5e-324, 1e30, 1e300, top, -top, -0.0, 255.0)
    with np.errstate(all="ignore"):
        array = (some * draw.choice(factors)).astype(dtype)
        odd = draw.choice((np.nan, np.inf, -np.inf, top, -top, 0.0, -0.0, 1e-310, 1.0))
        part = draw.choice((0.0, 0.0, 0.05, 0.5, 1.0))
        array[np.random.default_rng(draw.randrange(2**32)).random(shape) < part] = odd
    return array
