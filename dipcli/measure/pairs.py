"""Pairs of trajectories and images, walked through in step, a frame of each run at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from dipcli.degrade import Seen
from dipcli.errors import DipError
from dipcli.images import Floats
from dipcli.store import Run

Iterations = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Still:
    """An image, the same at every iteration."""

    label: str
    pixels: Floats  # (channel, y, x)

    @property
    def size(self) -> tuple[int, ...]:
        return self.pixels.shape


@dataclass(frozen=True, eq=False)
class Moving:
    """The frames of a run; with `before`, at each iteration the frame saved before it.

    `seen` is what they go through before they are compared: with a target, the model of its fit.
    """

    label: str
    run: Run
    before: bool = False
    seen: Seen | None = None

    @cached_property
    def size(self) -> tuple[int, ...]:
        size = self.run.size
        return self.seen(np.zeros(size, np.float32)).shape if self.seen else size

    @cached_property
    def iterations(self) -> Iterations:
        """What was saved when it was first asked for: a run may grow."""
        saved = self.run.iterations
        return saved[1:] if self.before else saved

    def shown(self, iteration: int) -> int:
        """The iteration of the frame that is seen there: its own, or that of the one before."""
        if not self.before:
            return iteration
        saved = self.run.iterations
        return int(saved[np.searchsorted(saved, iteration) - 1])


Side = Still | Moving


@dataclass(frozen=True, eq=False)
class Pair:
    """Two sides, and the iterations at which both can be seen; of two images, none."""

    a: Side
    b: Side
    at: Sequence[int] = ()  # only the iterations nearest to these; empty: all

    def check(self) -> None:
        """Two sides that cannot be compared are told apart before anything is read."""
        if self.a.size != self.b.size:
            msg = (
                f"{self.a.label} is {_size(self.a.size)}, and {self.b.label} is "
                f"{_size(self.b.size)}: they cannot be compared"
            )
            raise DipError(msg)
        assert self.iterations

    @cached_property
    def iterations(self) -> list[int | None]:
        moving = [side.iterations for side in (self.a, self.b) if isinstance(side, Moving)]
        if not moving:
            return [None]
        common = moving[0] if len(moving) == 1 else np.intersect1d(moving[0], moving[1])
        if not len(common):
            saved = "no frames" if len(moving) == 1 else "no iteration in common"
            msg = f"{self.a.label} and {self.b.label}: there are {saved}"
            raise DipError(msg)
        return list(nearest(common, self.at) if len(self.at) else common.tolist())

    @property
    def left_out(self) -> str:
        """What two runs that were saved at different iterations do not share; "" if nothing."""
        if not (isinstance(self.a, Moving) and isinstance(self.b, Moving)) or self.b.before:
            return ""
        one, other = len(self.a.iterations), len(self.b.iterations)
        common = len(np.intersect1d(self.a.iterations, self.b.iterations))
        if common == one == other:
            return ""
        return (
            f"{self.a.label} and {self.b.label} share {common} iterations "
            f"of the {one} and the {other} that they saved"
        )


def nearest(saved: Iterations, wanted: Iterable[int]) -> list[int]:
    """The saved iterations nearest to those wanted, each once, ascending; ties go down."""
    return sorted({int(saved[np.argmin(np.abs(saved - at))]) for at in wanted})


def walk(pairs: Sequence[Pair]) -> Iterator[tuple[Pair, int | None, Floats, Floats]]:
    """Each pair at each of its iterations, in step: a frame is read once for all its pairs."""
    players: dict[tuple[str, bool, bool], _Player] = {}
    steps = {step for pair in pairs for step in pair.iterations}
    for side in (side for pair in pairs for side in (pair.a, pair.b)):
        if isinstance(side, Moving) and _key(side) not in players:
            players[_key(side)] = _Player(side, steps)
    shared = {id(pair): set(pair.iterations) for pair in pairs}

    def image(side: Side, iteration: int | None) -> Floats:
        if isinstance(side, Still):
            return side.pixels
        assert iteration is not None
        return players[_key(side)].at(iteration)

    for step in sorted(steps, key=lambda step: -1 if step is None else step):
        for pair in pairs:
            if step in shared[id(pair)]:
                yield pair, step, image(pair.a, step), image(pair.b, step)


def _key(side: Moving) -> tuple[str, bool, bool]:
    """By its run: what is before the frames of any run has the same label."""
    return side.run.label, side.before, side.seen is not None


class _Player:
    """A run whose frames are asked for in ascending order, some of them more than once."""

    def __init__(self, side: Moving, steps: Collection[int | None]) -> None:
        saved = side.run.iterations if side.before else side.iterations
        # what is seen at an iteration is its own frame, or that of the one before
        shown = zip(side.iterations.tolist(), saved.tolist(), strict=False)
        self._shown = {at: frame for at, frame in shown if at in steps}
        frames = side.run.frames(set(self._shown.values()))
        seen = side.seen
        self._frames = ((i, seen(frame)) for i, frame in frames) if seen else frames
        self._now, self._frame = next(self._frames)

    def at(self, iteration: int) -> Floats:
        while self._now < self._shown[iteration]:
            self._now, self._frame = next(self._frames)
        return self._frame


def _size(size: Sequence[int]) -> str:
    channels, height, width = size
    return f"{width}x{height} with {channels} channel{'s' * (channels > 1)}"
