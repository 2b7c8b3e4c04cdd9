"""Deblurring with a known kernel."""

from dataclasses import dataclass
from typing import ClassVar

from dipcli.fitting.tasks.base import Undoing
from dipcli.spec import key, value


@dataclass(frozen=True)
class Deblur(Undoing):
    """Undo a known blur; SIZE is sigma (gaussian) or length in pixels (box, motion)"""

    name: ClassVar[str] = "deblur"
    undoes: ClassVar[str] = "blur"
    extent: float = value(0, 1000, label="SIZE")
    kernel: str = key("gaussian", choices=("gaussian", "box", "motion"))
    angle: float = key(0.0)
