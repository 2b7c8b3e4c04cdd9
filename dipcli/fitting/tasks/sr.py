"""Super-resolution: what is restored is larger than the image, and is made smaller to compare."""

from __future__ import annotations

from typing import ClassVar

from dipcli.errors import DipError, UsageError
from dipcli.fitting.tasks.base import Size, Undoing
from dipcli.images import Floats


class SuperResolve(Undoing):
    """The size times FACTOR; a clean image may have a size that rounds up to it."""

    name: ClassVar[str] = "sr"
    kind: ClassVar[str] = "downsample"

    def __init__(self, words: str = "") -> None:
        super().__init__(words)
        if self.factor < 2:
            msg = f"FACTOR is at least 2, not {self.factor}"
            raise UsageError(msg)

    @property
    def factor(self) -> int:
        return int(getattr(self.degradation, "factor"))  # noqa: B009 - of Downsample alone

    def size(self, target: Size, clean: Size | None = None) -> Size:
        height, width = (n * self.factor for n in target)
        if clean is None:
            return height, width
        if any(-(-n // self.factor) != small for n, small in zip(clean, target, strict=True)):
            low = [(n - 1) * self.factor + 1 for n in target]
            msg = (
                f"a clean image of {clean[1]}x{clean[0]} does not become one of "
                f"{target[1]}x{target[0]} if it is made {self.factor} times smaller: its width is "
                f"from {low[1]} to {width}, its height from {low[0]} to {height}"
            )
            raise DipError(msg)
        return clean

    def picture(self, target: Floats, size: Size, flash: Floats | None = None) -> Floats:
        """Each pixel as the block that it is the mean of."""
        large = target.repeat(self.factor, axis=1).repeat(self.factor, axis=2)
        return large[:, : size[0], : size[1]]
