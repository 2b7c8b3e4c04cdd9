"""Compressive sensing: only some Fourier coefficients of the image are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from dipcli.degrade import Model, build, steps
from dipcli.degrade.base import key
from dipcli.degrade.fourier import Fourier
from dipcli.errors import DipError
from dipcli.fitting.tasks.base import Task
from dipcli.images import Image

RESIZING = ("crop", "downsample")


@dataclass(frozen=True)
class Sensing(Fourier):
    """`fourier`, and which random numbers its mask was drawn from."""

    seed: int = key(0, 0)
    page: int = key(1, 1)
    place: int = key(0, 0)  # in its chain of degradations


class Sense(Task):
    """The output's coefficients at the places of the mask; which these are, the image says."""

    name: ClassVar[str] = "sense"
    noise: ClassVar[float | None] = 0.0  # what is seen in its detail is what is missing

    def __init__(self, words: str = "") -> None:
        self.sensing: Sensing | None = build(Sensing, words) if words else None

    def __str__(self) -> str:
        return self.name + str(self.sensing or "").removeprefix(Sensing.name)

    @property
    def model(self) -> Model | None:
        said = self.sensing
        if said is None:
            return None
        return Model(Fourier(said.fraction, said.mode), said.seed, said.page, said.place)

    def settled(self, image: Image, name: str) -> Task:
        if self.sensing is not None:
            return self
        later = ""
        for degradation, seed, page, place in steps(image.history, image.page):
            if degradation.name in RESIZING:
                later = str(degradation)
            if not isinstance(degradation, Fourier):
                continue
            if later:
                msg = f"{name} was sensed before {later}: of that, --task sense can undo nothing"
                raise DipError(msg)
            words = f"{degradation},seed={seed},page={page},place={place}"
            return Sense(words.removeprefix(degradation.name))
        msg = (
            f"{name} does not say which Fourier coefficients it has: give --task "
            "sense:FRACTION,mode=M,seed=S as `dip corrupt` had them, or fit the TIFF that it wrote"
        )
        raise DipError(msg)
