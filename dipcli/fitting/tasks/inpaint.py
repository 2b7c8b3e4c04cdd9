"""Inpainting: unknown pixels are filled in, known ones stay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dipcli.arrays import Floats
from dipcli.fitting.tasks.base import Task, known_or


@dataclass(frozen=True)
class Inpaint(Task):
    """Fill in unknown pixels, and keep the known ones as they are"""

    name: ClassVar[str] = "inpaint"
    stop: ClassVar[str] = "none"
    denoises: ClassVar[bool] = True

    def estimate(self, output: Floats, target: Floats) -> Floats:
        return known_or(target, output)

    def spread(self, std: Floats, target: Floats) -> Floats:
        return np.where(np.isnan(target), std, 0)
