"""Inpainting: what is unknown is filled in, what is known stays."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from dipcli.fitting.tasks.base import Task, known_only
from dipcli.images import Floats


class Inpaint(Task):
    """The known pixels of the result are the image's own."""

    name: ClassVar[str] = "inpaint"

    def estimate(self, output: Floats, target: Floats) -> Floats:
        return known_only(target, output)

    def spread(self, std: Floats, target: Floats) -> Floats:
        return np.where(np.isnan(target), std, 0)
