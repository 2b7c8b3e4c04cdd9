"""Tasks whose target is fitted as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from dipcli.arrays import Floats
from dipcli.fitting.tasks.base import Task, known_or


class Denoise(Task):
    """Fit the image as it is, and stop before the noise is fitted"""

    name = "denoise"
    by_tiles = True
    denoises = True


class Inpaint(Task):
    """Fill in unknown pixels, and keep the known ones as they are"""

    name = "inpaint"
    by_tiles = True
    stop = "none"
    denoises = True

    def estimate(self, output: Floats, target: Floats) -> Floats:
        return known_or(target, output)

    def spread(self, std: Floats, target: Floats) -> Floats:
        return np.where(np.isnan(target), std, 0)


class Dejpeg(Task):
    """Remove the artefacts of JPEG compression

    As published, compression is treated as noise: it is not linear.
    """

    name = "dejpeg"
    by_tiles = True
    stop = "none"
    undoes = "jpeg"


class Enhance(Task):
    """Sharpen: add the difference between the image and a short fit

    As published (Shi and others), only what is brighter in the image is added:
    clip(img + clip(img - out)).
    """

    name = "enhance"
    values: ClassVar[Mapping[str, Any]] = {"iterations": 100, "average": 0.0, "stop": "none"}

    def estimate(self, output: Floats, target: Floats) -> Floats:
        detail = np.clip(target - output, 0, 1)
        return known_or(np.clip(target + detail, 0, 1), output)
