"""Detail enhancement: what a short fit has not learned is added to the image (Shi and others)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from dipcli.arrays import Floats
from dipcli.fitting.tasks.base import Task, known_or


@dataclass(frozen=True)
class Enhance(Task):
    """Sharpen: add the difference between the image and a short fit

    As published, only what is brighter in the image is added: clip(img + clip(img - out)).
    """

    name: ClassVar[str] = "enhance"
    values: ClassVar[Mapping[str, Any]] = {"iterations": 100, "average": 0.0, "stop": "none"}

    def estimate(self, output: Floats, target: Floats) -> Floats:
        detail = np.clip(target - output, 0, 1)
        return known_or(np.clip(target + detail, 0, 1), output)
