"""Flash and no flash: a dark image is fitted from a bright one of the same scene."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from dipcli.errors import UsageError
from dipcli.fitting.tasks.base import Size, Task
from dipcli.images import Floats

if TYPE_CHECKING:
    from dipcli.fitting.settings import Settings

BLIND = ("relunet", "generator")  # no image goes into them


class Flash(Task):
    """What goes into the network is the bright image."""

    name: ClassVar[str] = "flash"
    values: ClassVar[Mapping[str, Any]] = {"input": "image"}

    def __init__(self, words: str = "") -> None:
        self.path = words.removeprefix(":")
        if not self.path or self.path == words:
            msg = "it needs the image that was taken with flash"
            raise UsageError(msg)

    def __str__(self) -> str:
        return f"{self.name}:{self.path}"

    @property
    def compared(self) -> str:
        return self.name  # its pixels are compared, wherever they came from

    def check(self, settings: Settings) -> None:
        if settings.input != "image" or settings.arch in BLIND:
            what = settings.arch if settings.arch in BLIND else f"--input {settings.input}"
            msg = f"--task flash feeds an image to the network, and {what} takes none"
            raise UsageError(msg)

    def picture(self, target: Floats, size: Size, flash: Floats | None = None) -> Floats:
        if flash is None:
            msg = "there is no image with flash to begin from"
            raise UsageError(msg)
        return flash
