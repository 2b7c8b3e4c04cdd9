"""What a task is, how it is written, and how an image decides what was left to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from dipcli.arrays import Floats
from dipcli.degrade import Degradation, ForwardModel, steps
from dipcli.errors import DipError, UsageError, named
from dipcli.images import Image
from dipcli.registry import DEGRADATIONS, TASKS
from dipcli.spec import Spec

if TYPE_CHECKING:
    from dipcli.fitting.settings import Settings

Size = tuple[int, int]  # height and width
AUTO = "auto"


@dataclass(frozen=True)
class Task(Spec):
    """The base of all tasks: fit the image itself."""

    values: ClassVar[Mapping[str, Any]] = {}  # settings that it needs, whatever the preset
    stop: ClassVar[str] = "auto"  # what --stop auto is; rules know noise, not other damage
    noise: ClassVar[float | None] = None  # of the target, where its finest detail does not tell
    denoises: ClassVar[bool] = False  # the target is the image plus noise
    by_tiles: ClassVar[bool] = False  # a piece of the image can be restored alone
    undoes: ClassVar[str] = ""  # the degradation that it is for
    resembles: ClassVar[bool] = True  # the target is an image like the restored one

    @property
    def compared(self) -> str:
        """What two fits have in common if they can be compared."""
        return str(self)

    @property
    def path(self) -> str:
        """The name of the second image, for a task that needs one."""
        return ""

    @property
    def forward_model(self) -> ForwardModel | None:
        """What the output goes through before it is compared with the target; None: nothing."""
        return None

    def resolved(self, image: Image, name: str) -> Task:
        """The same task with what the image called `name` records about itself."""
        return self

    def check(self, settings: Settings) -> None:
        """Refuse settings with which the task makes no sense."""

    def size(self, target: Size, clean: Size | None = None) -> Size:
        """The size of the restored image, from that of the target and of the clean image."""
        return target

    def picture(self, target: Floats, size: Size, flash: Floats | None = None) -> Floats:
        """The image that enters a network whose input is an image, (channel, *size)."""
        return target

    def estimate(self, output: Floats, target: Floats) -> Floats:
        """The restored image, from the chosen output."""
        return output

    def spread(self, std: Floats, target: Floats) -> Floats:
        """The spread of restored images, from that of the outputs."""
        return std


class Undoing(Task):
    """A task that undoes a linear degradation; its fields are those of the degradation."""

    stop: ClassVar[str] = "none"

    @property
    def degradation(self) -> Degradation:
        kind: type[Degradation] = DEGRADATIONS[self.undoes]
        return kind.parse(str(self).removeprefix(self.name))

    @property
    def forward_model(self) -> ForwardModel | None:
        return ForwardModel(self.degradation)


def parse(text: str) -> Task:
    """`sr:4,kernel=lanczos` -> its task; `auto`, before an image settles it, denoises."""
    with named("--task"):
        task: Task = TASKS.parse("denoise" if text == AUTO else text)
    return task


def resolve(text: str, image: Image, name: str) -> Task:
    """The task of an image called `name`, with everything that was left to the image."""
    if image.unknown.all():
        msg = f"{name}: every pixel is unknown: there is nothing to fit"
        raise DipError(msg)
    if text == AUTO:
        text = "inpaint" if image.unknown.any() else "denoise"
    return parse(text).resolved(image, name)


def suggestion(image: Image) -> tuple[Degradation, str] | None:
    """A degradation that the image records, and the --task that would undo it."""
    undoing = {kind.undoes: kind for kind in TASKS.values() if kind.undoes}
    for step in steps(image.history, image.page):
        kind = undoing.get(step.degradation.name)
        if kind is not None:
            same = issubclass(kind, Undoing)
            words = str(step.degradation).removeprefix(kind.undoes) if same else ""
            return step.degradation, kind.name + words
    return None


def known_or(pixels: Floats, other: Floats) -> Floats:
    """The known pixels, and those of another image where they are unknown."""
    return np.where(np.isnan(pixels), other, pixels)


def adapt(name: str, thing: Any) -> type[Task]:
    """A task of the user's: a subclass of `Task`."""
    if isinstance(thing, type) and issubclass(thing, Task):
        return thing
    msg = f"{name} must be a subclass of dipcli.Task"
    raise UsageError(msg)
