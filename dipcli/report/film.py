"""Frames of a run for a page: as many as there is room for, chosen while they go by."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from dipcli.images import Floats
from dipcli.measure.base import Doubles
from dipcli.report.pictures import webp

MOST = 100  # frames of a run
QUALITY = 80


@dataclass(frozen=True)
class Shot:
    """A frame as a page has it."""

    iteration: int
    picture: bytes  # WebP
    power: Doubles  # (r,) its radial power spectrum
    place: int = -1  # in the even choice of frames; -1: it must not be missing


class Film:
    """Keeps frames within a number of bytes: where they are too many, every second one goes.

    The first and the last one stay, and those that are `wanted`.
    """

    def __init__(self, count: int, wanted: Collection[int], room: int, side: int) -> None:
        """Of `count` frames to come; `wanted` are their places, `room` is in bytes."""
        even = np.unique(np.linspace(0, count - 1, min(count, MOST)).round().astype(int)).tolist()
        self._places = {place: i for i, place in enumerate(even)}
        self._places |= dict.fromkeys({0, count - 1, *wanted}, -1)
        self._room, self._side = room, side
        self._step = 1
        self.shots: list[Shot] = []

    def takes(self, place: int) -> bool:
        """Whether the frame at a place is to be kept as far as is known."""
        return place in self._places and self._stays(self._places[place])

    def take(self, place: int, iteration: int, frame: Floats, power: Doubles) -> None:
        picture = webp(frame, self._side, QUALITY)
        self.shots.append(Shot(iteration, picture, power, self._places[place]))
        while sum(len(s.picture) for s in self.shots) > self._room and self._step < MOST:
            self._step *= 2
            self.shots = [shot for shot in self.shots if self._stays(shot.place)]

    def _stays(self, number: int) -> bool:
        return number < 0 or number % self._step == 0


def some(shots: list[Shot], count: int) -> list[Shot]:
    """A few frames, evenly on a logarithmic scale of iterations, the first and the last too."""
    if len(shots) <= count:
        return shots
    at = np.log1p([shot.iteration for shot in shots])
    steps = np.linspace(at[0], at[-1], count)
    return [shots[i] for i in sorted({int(np.argmin(np.abs(at - step))) for step in steps})]
