"""Pairs of trajectories and images to compare: what `--against` pairs with what."""

from __future__ import annotations

import itertools
import os
from collections.abc import Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from dipcli.arrays import Floats
from dipcli.degrade import Projection
from dipcli.errors import DipError
from dipcli.images import Image
from dipcli.measure.base import OnError, fail, grouped, skipping
from dipcli.measure.inputs import ImageSource, RunSource, Source, describe, read_reference
from dipcli.measure.runs import nearest, projected_shape
from dipcli.store import Run, image_part, is_store_name, open_store, runs_part, split_name

Iterations = npt.NDArray[np.int64]
Against = str | os.PathLike[str] | Image
WORDS = ("auto", "runs", "target", "clean", "previous")
PREVIOUS, TARGET = "previous", "target"


@dataclass(frozen=True, eq=False)
class Still:
    """An image, the same at every iteration."""

    label: str
    pixels: Floats  # (channel, y, x)

    @property
    def size(self) -> tuple[int, ...]:
        return self.pixels.shape

    @property
    def key(self) -> Hashable:
        """What sides with the same frames share."""
        return self

    def frames(self, _: Collection[int | None]) -> Iterator[Floats]:
        return itertools.repeat(self.pixels)


@dataclass(frozen=True, eq=False)
class Moving:
    """The frames of a run; with `before`, at each iteration the frame saved before it.

    Frames go through `projection` before they are compared, if they are compared with a target.
    """

    label: str
    run: Run
    before: bool = False
    projection: Projection | None = None

    @cached_property
    def size(self) -> tuple[int, ...]:
        return projected_shape(self.run.size, self.projection)

    @property
    def key(self) -> Hashable:
        """What sides with the same frames share; the label is the same for every `previous`."""
        return self.run.label, self.before, self.projection is not None

    @cached_property
    def shown(self) -> dict[int, int]:
        """The iteration of the frame at each iteration, of those saved at the first access.

        Later ones of a growing run are ignored.
        """
        saved = self.run.iterations.tolist()
        return dict(zip(saved[self.before :], saved, strict=False))

    @cached_property
    def iterations(self) -> Iterations:
        return np.array([*self.shown], np.int64)

    def frames(self, at: Collection[int | None]) -> Iterator[Floats]:
        """The frame at each of these iterations, in ascending order."""
        only = {frame for iteration, frame in self.shown.items() if iteration in at}
        for _, frame in self.run.frames(only):
            yield self.projection(frame) if self.projection else frame


Side = Still | Moving
Sides = tuple[Side, Side]


@dataclass(frozen=True, eq=False)
class Pair:
    """Two sides to compare, and the iterations that both have; two images have none."""

    a: Side
    b: Side
    at: Sequence[int] = ()  # only the iterations nearest to these; empty: all

    @property
    def sides(self) -> Sides:
        return self.a, self.b

    def check(self) -> None:
        """Refuse sides of different sizes, or without common iterations, before frames are read."""
        if self.a.size != self.b.size:
            msg = (
                f"{self.a.label} is {describe(self.a.size)}, and {self.b.label} is "
                f"{describe(self.b.size)}: they cannot be compared"
            )
            raise DipError(msg)
        assert self.iterations

    @cached_property
    def iterations(self) -> list[int | None]:
        moving = [side.iterations for side in self.sides if isinstance(side, Moving)]
        if not moving:
            return [None]
        common = moving[0] if len(moving) == 1 else np.intersect1d(moving[0], moving[1])
        if not len(common):
            what = "no saved frames" if len(moving) == 1 else "no saved iteration in common"
            msg = f"{self.a.label} and {self.b.label} have {what}"
            raise DipError(msg)
        return [*nearest(common, self.at)]

    @property
    def left_out(self) -> str:
        """A note about iterations that only one of two runs saved; "" if there are none."""
        if not (isinstance(self.a, Moving) and isinstance(self.b, Moving)) or self.b.before:
            return ""
        one, other = self.a.iterations, self.b.iterations
        common = np.intersect1d(one, other)
        if len(common) == len(one) == len(other):
            return ""
        return (
            f"{self.a.label} and {self.b.label} are compared at the {len(common)} iterations that "
            "both saved"
        )


def pairs(
    sources: Sequence[Source],
    against: Against = "auto",
    at: Sequence[int] = (),
    on_error: OnError = fail,
) -> Iterator[Pair]:
    """The pairs to compare; `on_error` gets the error of each that cannot be compared."""
    for attempt in _attempts(sources, against, on_error):
        with skipping(on_error):
            for a, b in attempt:
                pair = Pair(a, b, at)
                with skipping(on_error):
                    pair.check()
                    yield pair


def _attempts(
    sources: Sequence[Source], against: Against, on_error: OnError
) -> Iterator[Iterator[Sides]]:
    """The sides of all pairs, in groups: an error of one does not stop the others."""
    runs = [source for source in sources if isinstance(source, RunSource)]
    images = [source for source in sources if isinstance(source, ImageSource)]
    if against in ("auto", "runs"):
        if len(images) == 1:
            on_error(
                DipError(f"{images[0].source} needs an image to compare with: --against IMAGE")
            )
        groups = grouped(runs, _target).values() if against == "auto" else [runs]
        for group in groups:
            alone = against == "auto" and len(group) == 1
            yield _alone(*group) if alone else _between(group, on_error)
        yield _between_images(images)
    elif isinstance(against, str) and against in WORDS:
        for image in images:
            msg = f"{image.source} is an image; --against {against} needs runs of a store"
            on_error(DipError(msg))
        yield from (_own(run, against) for run in runs)
    else:
        other = None if isinstance(against, Image) else _run(os.fspath(against))
        yield from (_with(source, against, other) for source in sources)


def uncompared(sources: Sequence[Source], against: Against) -> str:
    """A note about the runs that `auto` does not compare with each other; "" if there are none."""
    runs = [source for source in sources if isinstance(source, RunSource)]
    targets = len({_target(run) for run in runs})
    if against != "auto" or targets < 2:
        return ""
    names = ", ".join(dict.fromkeys(run.source for run in runs))
    return (
        f"{names} have {targets} different targets; runs of different targets are not compared "
        "with each other (--against runs compares all runs of equal size)"
    )


def _target(run: RunSource) -> tuple[object, ...]:
    """What runs of one target have in common."""
    return tuple(run.store.attrs.get(name) for name in ("sha256", "scale", "offset", "task"))


def _alone(run: RunSource) -> Iterator[Sides]:
    """A run with its target, its clean image, and its own previous frame."""
    yield from _own(run, TARGET)
    if run.store.clean is not None:
        yield from _own(run, "clean")
    if len(run.run.iterations) > 1:
        yield from _own(run, PREVIOUS)


def _between(runs: Sequence[RunSource], on_error: OnError) -> Iterator[Sides]:
    """Every two runs of equal size."""
    sized = []
    for run in map(_moving, runs):
        with skipping(on_error):
            sized.append((run.size, run))
    for (one, a), (other, b) in itertools.combinations(sized, 2):
        if one == other:
            yield a, b


def _own(run: RunSource, part: str) -> Iterator[Sides]:
    """A run with its own target or clean image, or with its own previous frame."""
    if part == PREVIOUS:
        yield _moving(run), Moving(PREVIOUS, run.run, before=True)
    else:
        still = Still(f"{run.source}/{part}", image_part(run.store, part).pixels)
        yield _moving(run, projected=part == TARGET), still


def _with(source: Source, against: Against, other: Moving | None) -> Iterator[Sides]:
    """A source with one run, or with one image on the scale of the source."""
    name = "image" if isinstance(against, Image) else os.fspath(against)
    if isinstance(source, ImageSource):
        one: Side = Still(source.label, source.image.pixels)
    else:
        one = _moving(source, projected=(split_name(name) or ("", ""))[1] == TARGET)
    if other is None:
        # `Pair.check` compares sizes: that of a run need not be its target's
        is_run = isinstance(source, RunSource)
        still = read_reference(against, source.image, "--against", any_size=is_run)
        yield one, Still(name, still.pixels)
    elif other.label != one.label:
        yield one, other


def _run(name: str) -> Moving | None:
    """The run of that name, or the only run of a store; None if the name is an image's."""
    if not is_store_name(name):
        return None
    path, part = split_name(name) or (name, "")
    runs = runs_part(open_store(path), part)
    if runs is None:
        return None
    if len(runs) != 1:
        names = ", ".join(f"{path}/{run.name}" for run in runs) or "none"
        msg = f"--against {name} is a store with {len(runs)} runs: name one of {names}"
        raise DipError(msg)
    return Moving(f"{path}/{runs[0].name}", runs[0])


def _between_images(images: Sequence[ImageSource]) -> Iterator[Sides]:
    """Every two images, the second on the scale of the first."""
    for a, b in itertools.combinations(images, 2):
        yield Still(a.label, a.image.pixels), Still(b.label, b.image.on_scale_of(a.image))


def _moving(run: RunSource, *, projected: bool = False) -> Moving:
    """The frames of a run; to compare them with its target, through the forward model."""
    return Moving(run.label, run.run, projection=run.projection if projected else None)
