"""Images by name: `builtin:triangle[:K[:SIZE]]` and the photographs of scikit-image."""

from __future__ import annotations

from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from dipcli.errors import BadImage, UsageError
from dipcli.images.scale import Numbers
from dipcli.images.stack import Stack

# photographs in the wheel of scikit-image, by their names there
PHOTOGRAPHS = {
    "astronaut": "astronaut.png",
    "brick": "brick.png",
    "camera": "camera.png",
    "cat": "chelsea.png",
    "cell": "cell.png",
    "chelsea": "chelsea.png",
    "clock": "clock_motion.png",
    "coffee": "coffee.png",
    "coins": "coins.png",
    "grass": "grass.png",
    "gravel": "gravel.png",
    "hubble_deep_field": "hubble_deep_field.jpg",
    "immunohistochemistry": "ihc.png",
    "moon": "moon.png",
    "page": "page.png",
    "retina": "retina.jpg",
    "rocket": "rocket.jpg",
    "text": "text.png",
}
# centres of the diagonal stripes along x + y, in the published 256 x 256 files
STRIPES = (18, 56, 95, 134, 172, 211, 250, 290, 331, 372, 414, 455, 496)


def load(name: str) -> Stack | Path:
    """The image called `builtin:...`: the pages of a drawing, or the file of a photograph."""
    what, *words = name.removeprefix("builtin:").split(":")
    if what == "triangle":
        return _triangle(name, words)
    if what not in PHOTOGRAPHS or words:
        near = get_close_matches(what, ["triangle", *PHOTOGRAPHS], n=1)
        hint = f"did you mean builtin:{near[0]}?" if near and near[0] != what else ""
        hint = hint or f"choose one of triangle[:K[:SIZE]], {', '.join(PHOTOGRAPHS)}"
        msg = f"no image is called {name!r}; {hint}"
        raise UsageError(msg)
    package = find_spec("skimage")
    if package is None or package.origin is None:
        msg = f"{name} needs scikit-image, which is not installed"
        raise BadImage(msg)
    return Path(package.origin).parent / "data" / PHOTOGRAPHS[what]


def _triangle(name: str, words: list[str]) -> Stack:
    try:
        side, size = float([*words, "0.5"][0]), int([*words, "", "256"][1] or 256)
    except ValueError:
        side, size = -1.0, 0
    if not (0 <= side <= 1 and 1 <= size <= 8192 and len(words) <= 2):
        msg = f"{name!r} must be builtin:triangle[:K[:SIZE]], K from 0 to 1, SIZE from 1 to 8192"
        raise UsageError(msg)
    return Stack(triangle(side, size)[None, None])


def triangle(side: float = 0.5, size: int = 256) -> Numbers:
    """The target of the trajectory experiment: the mean of three layers, in 8 bits.

    Diagonal stripes, a triangle, and lines at the Nyquist frequency that fill the top left
    square of `side` times the image's side.
    """
    y, x = np.mgrid[:size, :size]
    v, u = (y + 0.5) * 256 / size - 0.5, (x + 0.5) * 256 / size - 0.5  # on the published grid
    distance = np.min([np.abs(u + v - centre) for centre in STRIPES], axis=0)
    stripes = np.clip(distance - 4.8, 0, 1)  # edges one pixel wide, as in the files
    inside = (np.abs(u - 127.7) <= 26.5 * (v - 90) / 62) & (v >= 90) & (v <= 152)
    shape = np.where(inside, np.clip(0.0050 * (u + v - 250), 0, 0.3), 1.0)
    covered = int(side * size)
    lines = np.where((y < covered) & (x < covered) & (y % 2 == 0), 0.0, 1.0)
    levels: Numbers = (np.rint((stripes + shape) * 85) + lines * 85).astype(np.uint8)
    return levels
