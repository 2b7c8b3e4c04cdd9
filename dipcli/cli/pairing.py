"""What `dip trajdist` compares with what: `--against auto|runs|target|clean|previous|...`."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from dipcli.cli import streams
from dipcli.cli.sources import Fitted, Picture, Source
from dipcli.errors import DipError
from dipcli.measure.pairs import Moving, Pair, Side, Still
from dipcli.store import image_part, open_store, runs_part, split_name

S = TypeVar("S", bound=Source)
Sides = tuple[Side, Side]
WORDS = ("auto", "runs", "target", "clean", "previous")
PREVIOUS, TARGET = "previous", "target"


def pairs(sources: Sequence[Source], against: str, at: Sequence[int]) -> Iterator[Pair | DipError]:
    """The pairs that are asked for; what cannot be compared is an error among them."""
    runs = [source for source in sources if isinstance(source, Fitted)]
    pictures = [source for source in sources if isinstance(source, Picture)]
    found: Iterator[Sides | DipError]
    if against in ("auto", "runs"):
        found = itertools.chain(
            _auto(runs) if against == "auto" else _between(runs), _of_pictures(pictures)
        )
        if len(pictures) == 1:
            msg = f"nothing is named to compare {pictures[0].source} with: --against IMAGE"
            yield DipError(msg)
    elif against in WORDS:
        found = _each(runs, lambda run: _own(run, against))
        for picture in pictures:
            msg = f"{picture.source} is an image: --against {against} is for runs of stores"
            yield DipError(msg)
    else:
        other = _run(against)
        found = _each(sources, lambda source: _with(source, against, other))
    for sides in found:
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


def _each(
    sources: Sequence[S], sides: Callable[[S], Iterator[Sides]]
) -> Iterator[Sides | DipError]:
    """The sides of one source after the other; one that fails does not stop the rest."""
    for source in sources:
        try:
            yield from sides(source)
        except DipError as error:
            yield error


def _auto(runs: Sequence[Fitted]) -> Iterator[Sides | DipError]:
    """For each target, its runs with each other; a single one with all that there is."""
    groups: dict[tuple[object, ...], list[Fitted]] = {}
    for run in runs:
        attrs = run.store.attrs
        key = tuple(attrs.get(name) for name in ("sha256", "scale", "offset", "task"))
        groups.setdefault(key, []).append(run)
    for group in groups.values():
        yield from _between(group) if len(group) > 1 else _each(group, _alone)


def _alone(run: Fitted) -> Iterator[Sides]:
    """A run with its target, its clean image, and itself one frame before."""
    yield from _own(run, TARGET)
    if run.store.clean is not None:
        yield from _own(run, "clean")
    if len(run.run.iterations) > 1:
        yield from _own(run, PREVIOUS)


def _between(runs: Sequence[Fitted]) -> Iterator[Sides | DipError]:
    """Every two runs of equal size."""
    moving = []
    for run in map(_moving, runs):
        try:
            moving.append((run, run.size))
        except DipError as error:
            yield error
    for (a, one), (b, other) in itertools.combinations(moving, 2):
        if one == other:
            yield a, b


def _own(run: Fitted, part: str) -> Iterator[Sides]:
    """A run with its own target or clean image, or with itself one frame before."""
    if part == PREVIOUS:
        yield _moving(run), Moving(PREVIOUS, run.run, before=True)
    else:
        still = Still(f"{run.source}/{part}", image_part(run.store, part).pixels)
        yield (_fitted(run) if part == TARGET else _moving(run)), still


def _with(source: Source, name: str, other: Moving | None) -> Iterator[Sides]:
    """A source with one run, or with one image on the scale of what it is compared with."""
    if isinstance(source, Picture):
        image = source.image
        one: Side = Still(source.label, image.pixels)
    else:
        image = image_part(source.store, TARGET)
        one = _fitted(source) if (split_name(name) or ("", ""))[1] == TARGET else _moving(source)
    if other is None:
        # sizes are compared when the pair is: that of a run need not be its target's
        still = streams.reference(name, image, "--against", any_size=isinstance(source, Fitted))
        yield one, Still(name, still.pixels)
    elif other.label != one.label:
        yield one, other


def _run(name: str) -> Moving | None:
    """The run that is named, if it is one; a store with a single run is that run."""
    if not streams.Input(name).is_store:
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


def _of_pictures(pictures: Sequence[Picture]) -> Iterator[Sides]:
    """Every two images, the second on the scale of the first."""
    for a, b in itertools.combinations(pictures, 2):
        yield Still(a.label, a.image.pixels), Still(b.label, b.image.on_scale_of(a.image))


def _moving(run: Fitted) -> Moving:
    return Moving(run.label, run.run)


def _fitted(run: Fitted) -> Moving:
    """A run as it is compared with a target: through the model of its fit."""
    return Moving(run.label, run.run, seen=run.seen)
