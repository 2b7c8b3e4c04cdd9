"""Pairs of trajectories and images to compare: what `--against` pairs with what."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from dipcli.arrays import Floats
from dipcli.degrade import Projection
from dipcli.errors import DipError
from dipcli.images import Image
from dipcli.measure.inputs import ImageSource, RunSource, Source, describe, read_reference
from dipcli.measure.runs import nearest, projected_shape
from dipcli.store import Run, image_part, is_store_name, open_store, runs_part, split_name

S = TypeVar("S", bound=Source)
Iterations = npt.NDArray[np.int64]
Against = str | os.PathLike[str] | Image
WORDS = ("auto", "runs", "target", "clean", "previous")
PREVIOUS, TARGET = "previous", "target"


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

    Frames go through `projection` before they are compared, if they are compared with a target.
    """

    label: str
    run: Run
    before: bool = False
    projection: Projection | None = None

    @cached_property
    def size(self) -> tuple[int, ...]:
        return projected_shape(self.run.size, self.projection)

    @cached_property
    def iterations(self) -> Iterations:
        """The iterations saved at the first access; later ones of a growing run are ignored."""
        saved = self.run.iterations
        return saved[1:] if self.before else saved

    def frame_at(self, iteration: int) -> int:
        """The iteration of the frame to show: that one, or with `before` the saved one before."""
        if not self.before:
            return iteration
        saved = self.run.iterations
        return int(saved[np.searchsorted(saved, iteration) - 1])


Side = Still | Moving
Sides = tuple[Side, Side]


@dataclass(frozen=True, eq=False)
class Pair:
    """Two sides to compare, and the iterations that both have; two images have none."""

    a: Side
    b: Side
    at: Sequence[int] = ()  # only the iterations nearest to these; empty: all

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
        moving = [side.iterations for side in (self.a, self.b) if isinstance(side, Moving)]
        if not moving:
            return [None]
        common = moving[0] if len(moving) == 1 else np.intersect1d(moving[0], moving[1])
        if not len(common):
            what = "no saved frames" if len(moving) == 1 else "no saved iteration in common"
            msg = f"{self.a.label} and {self.b.label} have {what}"
            raise DipError(msg)
        return list(nearest(common, self.at) if len(self.at) else common.tolist())

    @property
    def left_out(self) -> str:
        """A note about iterations that only one of two runs saved; "" if there are none."""
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


def pairs(
    sources: Sequence[Source], against: Against = "auto", at: Sequence[int] = ()
) -> Iterator[Pair | DipError]:
    """The pairs to compare, and an error for each pair that cannot be compared."""
    for sides in _sides(sources, against):
        if isinstance(sides, DipError):
            yield sides
            continue
        pair = Pair(*sides, at)
        try:
            pair.check()
        except DipError as error:
            yield error
        else:
            yield pair


def _sides(sources: Sequence[Source], against: Against) -> Iterator[Sides | DipError]:
    runs = [source for source in sources if isinstance(source, RunSource)]
    images = [source for source in sources if isinstance(source, ImageSource)]
    if against in ("auto", "runs"):
        if len(images) == 1:
            yield DipError(f"{images[0].source} needs an image to compare with: --against IMAGE")
        yield from _auto(runs) if against == "auto" else _between(runs)
        yield from _between_images(images)
    elif isinstance(against, str) and against in WORDS:
        for image in images:
            msg = f"{image.source} is an image; --against {against} needs runs of a store"
            yield DipError(msg)
        yield from _each(runs, lambda run: _own(run, against))
    else:
        other = None if isinstance(against, Image) else _run(os.fspath(against))
        yield from _each(sources, lambda source: _with(source, against, other))


def _each(
    sources: Sequence[S], sides: Callable[[S], Iterator[Sides]]
) -> Iterator[Sides | DipError]:
    """The sides of each source; an error of one does not stop the others."""
    for source in sources:
        try:
            yield from sides(source)
        except DipError as error:
            yield error


def _auto(runs: Sequence[RunSource]) -> Iterator[Sides | DipError]:
    """For each target, its runs with each other; a single run with all it can be compared with."""
    for group in _by_target(runs):
        yield from _between(group) if len(group) > 1 else _each(group, _alone)


def _by_target(runs: Sequence[RunSource]) -> list[list[RunSource]]:
    """The runs that fit the same pixels, on the same scale, for the same task."""
    groups: dict[tuple[object, ...], list[RunSource]] = {}
    for run in runs:
        attrs = run.store.attrs
        key = tuple(attrs.get(name) for name in ("sha256", "scale", "offset", "task"))
        groups.setdefault(key, []).append(run)
    return list(groups.values())


def uncompared(sources: Sequence[Source], against: Against) -> str:
    """A note about the runs that `auto` does not compare with each other; "" if there are none."""
    groups = _by_target([source for source in sources if isinstance(source, RunSource)])
    if against != "auto" or len(groups) < 2:
        return ""
    names = ", ".join(dict.fromkeys(run.source for group in groups for run in group))
    return (
        f"{names} have {len(groups)} different targets; runs of different targets are not compared "
        "with each other (--against runs compares all runs of equal size)"
    )


def _alone(run: RunSource) -> Iterator[Sides]:
    """A run with its target, its clean image, and its own previous frame."""
    yield from _own(run, TARGET)
    if run.store.clean is not None:
        yield from _own(run, "clean")
    if len(run.run.iterations) > 1:
        yield from _own(run, PREVIOUS)


def _between(runs: Sequence[RunSource]) -> Iterator[Sides | DipError]:
    """Every two runs of equal size."""
    sized = []
    for run in map(_moving, runs):
        try:
            sized.append((run, run.size))
        except DipError as error:
            yield error
    for (a, one), (b, other) in itertools.combinations(sized, 2):
        if one == other:
            yield a, b


def _own(run: RunSource, part: str) -> Iterator[Sides]:
    """A run with its own target or clean image, or with its own previous frame."""
    if part == PREVIOUS:
        yield _moving(run), Moving(PREVIOUS, run.run, before=True)
    else:
        still = Still(f"{run.source}/{part}", image_part(run.store, part).pixels)
        yield (_projected(run) if part == TARGET else _moving(run)), still


def _with(source: Source, against: Against, other: Moving | None) -> Iterator[Sides]:
    """A source with one run, or with one image on the scale of the source."""
    name = "image" if isinstance(against, Image) else os.fspath(against)
    if isinstance(source, ImageSource):
        image = source.image
        one: Side = Still(source.label, image.pixels)
    else:
        image = image_part(source.store, TARGET)
        is_target = not isinstance(against, Image) and (split_name(name) or ("", ""))[1] == TARGET
        one = _projected(source) if is_target else _moving(source)
    if other is None:
        # `Pair.check` compares sizes: that of a run need not be its target's
        is_run = isinstance(source, RunSource)
        still = read_reference(against, image, "--against", any_size=is_run)
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


def _moving(run: RunSource) -> Moving:
    return Moving(run.label, run.run)


def _projected(run: RunSource) -> Moving:
    """A run to compare with its target: through the forward model of its fit."""
    return Moving(run.label, run.run, projection=run.projection)
