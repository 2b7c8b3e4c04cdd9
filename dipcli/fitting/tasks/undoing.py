"""Tasks that undo a linear degradation: the output goes through it to be compared."""

from __future__ import annotations

from dataclasses import dataclass

from dipcli.arrays import Floats
from dipcli.degrade.downsample import KERNELS
from dipcli.errors import DipError
from dipcli.fitting.tasks.base import Size, Undoing
from dipcli.spec import key, value


@dataclass(frozen=True)
class SuperResolve(Undoing):
    """Make the image FACTOR times larger

    A clean image may have a size that rounds up to it.
    """

    name = "sr"
    undoes = "downsample"
    resembles = False
    factor: int = value(2, 65536)
    kernel: str = key("area", choices=KERNELS)

    def size(self, target: Size, clean: Size | None = None) -> Size:
        height, width = (n * self.factor for n in target)
        if clean is None:
            return height, width
        if any(-(-n // self.factor) != small for n, small in zip(clean, target, strict=True)):
            low = [(n - 1) * self.factor + 1 for n in target]
            msg = (
                f"a clean image of {clean[1]}x{clean[0]} does not fit: {self.factor} times smaller "
                f"than it must be {target[1]}x{target[0]}, so its width must be from {low[1]} to "
                f"{width} and its height from {low[0]} to {height}"
            )
            raise DipError(msg)
        return clean

    def picture(self, target: Floats, size: Size, flash: Floats | None = None) -> Floats:
        """Each pixel becomes a block."""
        large = target.repeat(self.factor, axis=1).repeat(self.factor, axis=2)
        return large[:, : size[0], : size[1]]


@dataclass(frozen=True)
class Deblur(Undoing):
    """Undo a known blur; SIZE is sigma (gaussian) or length in pixels (box, motion)"""

    name = "deblur"
    undoes = "blur"
    extent: float = value(0, 1000, label="SIZE")
    kernel: str = key("gaussian", choices=("gaussian", "box", "motion"))
    angle: float = key(0.0)
