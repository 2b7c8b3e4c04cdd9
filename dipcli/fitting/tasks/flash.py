"""Flash and no flash: a dark image is fitted from a bright one of the same scene."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from dipcli.arrays import Floats
from dipcli.errors import UsageError
from dipcli.fitting.tasks.base import Size, Task
from dipcli.spec import value

if TYPE_CHECKING:
    from dipcli.fitting.settings import Settings


@dataclass(frozen=True)
class Flash(Task):
    """Restore a dark image from IMAGE, which shows the same scene with flash"""

    name = "flash"
    stop = "none"
    values: ClassVar[Mapping[str, Any]] = {"input": "image"}
    image: str = value()

    @property
    def path(self) -> str:
        return self.image

    @property
    def compared(self) -> str:
        return self.name  # the pixels of the second image are compared, wherever they are

    def check(self, settings: Settings) -> None:
        takes_image = settings.architecture.takes_image
        if settings.input != "image" or not takes_image:
            what = f"--input {settings.input}" if takes_image else f"--arch {settings.arch}"
            msg = f"--task flash feeds an image to the network, and {what} takes none"
            raise UsageError(msg)

    def picture(self, target: Floats, size: Size, flash: Floats | None = None) -> Floats:
        if flash is None:
            msg = "--task flash needs the image with flash: write flash:IMAGE"
            raise UsageError(msg)
        return flash
