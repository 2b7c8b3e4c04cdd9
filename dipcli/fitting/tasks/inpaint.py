"""Inpainting: what is unknown is filled in, what is known stays."""

from __future__ import annotations

from typing import ClassVar

from dipcli.fitting.tasks.base import Task, known_only
from dipcli.images import Floats


class Inpaint(Task):
    """The known pixels of the result are the image's own."""

    name: ClassVar[str] = "inpaint"

    def estimate(self, output: Floats, target: Floats) -> Floats:
        return known_only(target, output)
