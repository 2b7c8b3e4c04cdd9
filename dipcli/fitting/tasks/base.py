"""What a task is, how it is written in words, and how an image decides what was left to it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from dipcli.degrade import Degradation, Model, build, steps
from dipcli.errors import DipError, UsageError
from dipcli.images import Floats, Image
from dipcli.registry import DEGRADATIONS, TASKS

if TYPE_CHECKING:
    from dipcli.fitting.settings import Settings

Size = tuple[int, int]  # height and width
AUTO = "auto"


class Task:
    """To fit the image itself; the other tasks say in what they differ."""

    name: ClassVar[str] = "denoise"
    values: ClassVar[Mapping[str, Any]] = {}  # settings that it has whatever the preset
    noise: ClassVar[float | None] = None  # of the target, where its finest detail does not tell

    def __init__(self, words: str = "") -> None:
        """`words` are what follows the name: `:4,kernel=lanczos`."""
        if words:
            msg = f"it takes no {words!r}"
            raise UsageError(msg)

    def __str__(self) -> str:
        """In the words of the command line: `parse` gives it back."""
        return self.name

    @property
    def compared(self) -> str:
        """What two fits have in common if they are of one task."""
        return str(self)

    @property
    def model(self) -> Model | None:
        """What the output goes through before it is compared with the target; None: nothing."""
        return None

    def settled(self, image: Image, name: str) -> Task:
        """The same task with what the image called `name` says of it."""
        return self

    def check(self, settings: Settings) -> None:
        """Refuse settings with which it makes no sense."""

    def size(self, target: Size, clean: Size | None = None) -> Size:
        """Of what is restored, from the size of the target and, if there is one, of its clean."""
        return target

    def picture(self, target: Floats, size: Size, flash: Floats | None = None) -> Floats:
        """What goes into a network whose input is an image, (channel, *size)."""
        return target

    def estimate(self, output: Floats, target: Floats) -> Floats:
        """The restored image, from the chosen output."""
        return output

    def spread(self, std: Floats, target: Floats) -> Floats:
        """How far restored images scatter, from the deviation of outputs."""
        return std


class Undoing(Task):
    """A task that undoes a linear degradation of which it has the value and the keys."""

    kind: ClassVar[str]  # the degradation

    def __init__(self, words: str = "") -> None:
        self.degradation: Degradation = build(DEGRADATIONS[self.kind].load(), words)

    def __str__(self) -> str:
        return self.name + str(self.degradation).removeprefix(self.kind)

    @property
    def model(self) -> Model | None:
        return Model(self.degradation)


def parse(spec: str) -> Task:
    """`sr:4,kernel=lanczos` -> its task; `auto`, before it is settled, fits the image itself."""
    if spec == AUTO:
        return Task()
    name = re.split("[:,]", spec, maxsplit=1)[0]
    entry = TASKS.find(name)
    try:
        task: Task = entry.load()(spec[len(name) :])
    except UsageError as error:
        msg = f"--task {spec}: {error}; it is written {entry.usage}"
        raise UsageError(msg) from None
    return task


def settle(spec: str, image: Image, name: str) -> Task:
    """The task of an image called `name`, with all that was left to the image."""
    if image.unknown.all():
        msg = f"{name}: every pixel is unknown: there is nothing to fit"
        raise DipError(msg)
    if spec == AUTO:
        spec = "inpaint" if image.unknown.any() else "denoise"
    return parse(spec).settled(image, name)


def suggestion(image: Image) -> tuple[Degradation, str] | None:
    """A degradation that the image says it went through, and the `--task` that would undo it."""
    undone = {entry.undoes: entry for entry in TASKS.values() if entry.undoes}
    for step in steps(image.history, image.page):
        entry = undone.get(step.degradation.name)
        if entry is not None:
            keys = issubclass(entry.load(), Undoing)
            words = str(step.degradation).removeprefix(entry.undoes) if keys else ""
            return step.degradation, entry.name + words
    return None


def known_only(pixels: Floats, other: Floats) -> Floats:
    """The pixels, and where they are unknown those of another image."""
    return np.where(np.isnan(pixels), other, pixels)
