"""Detail enhancement: what a short fit has not learned yet is added once more (Shi and others)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from dipcli.fitting.tasks.base import Task, known_only
from dipcli.images import Floats


class Enhance(Task):
    """The image, and what of it is brighter than the output: clip(img + clip(img - out))."""

    name: ClassVar[str] = "enhance"
    values: ClassVar[Mapping[str, Any]] = {"iterations": 100, "average": 0.0, "stop": "none"}

    def estimate(self, output: Floats, target: Floats) -> Floats:
        detail = np.clip(target - output, 0, 1)
        return known_only(np.clip(target + detail, 0, 1), output)
