"""Compressive sensing: only some Fourier coefficients of the image are known."""

from __future__ import annotations

from dataclasses import dataclass

from dipcli.degrade import ForwardModel, steps
from dipcli.degrade.fourier import Fourier
from dipcli.errors import DipError
from dipcli.fitting.tasks.base import Task
from dipcli.images import Image
from dipcli.spec import key, value

RESIZING = ("crop", "downsample")


@dataclass(frozen=True)
class Sense(Task):
    """Restore an image of `corrupt fourier`; the image records which coefficients it has

    The keys are those of the degradation, the seed of its mask, the page of its stack, and its
    place in the chain of degradations.
    """

    name = "sense"
    noise = 0.0  # the finest detail of the target is what it lacks
    undoes = "fourier"
    resembles = False
    fraction: float | None = value(0, 1, above=True, default=None)
    mode: str = key("random", choices=("random", "radial"))
    seed: int = key(0, 0)
    page: int = key(1, 1)
    place: int = key(0, 0)

    def __str__(self) -> str:
        return self.name if self.fraction is None else super().__str__()

    @property
    def forward_model(self) -> ForwardModel | None:
        if self.fraction is None:
            return None
        return ForwardModel(Fourier(self.fraction, self.mode), self.seed, self.page, self.place)

    def resolved(self, image: Image, name: str) -> Task:
        if self.fraction is not None:
            return self
        later = ""
        for degradation, seed, page, place in steps(image.history, image.page):
            if degradation.name in RESIZING:
                later = str(degradation)
            if not isinstance(degradation, Fourier):
                continue
            if later:
                msg = f"{name} was sensed before {later}, which --task sense cannot undo"
                raise DipError(msg)
            return Sense(degradation.fraction, degradation.mode, seed, page, place)
        msg = (
            f"{name} does not record which Fourier coefficients it has: write --task "
            "sense:FRACTION,mode=M,seed=S as `dip corrupt` had them, or fit the TIFF that it wrote"
        )
        raise DipError(msg)
