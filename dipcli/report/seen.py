"""What a page shows of a run: its frames are read once, and measured and pictured on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dipcli.errors import DipError
from dipcli.images import Floats
from dipcli.measure import BANDS
from dipcli.measure.base import Doubles
from dipcli.measure.taken import Taken, best_of, kept_by_fit
from dipcli.measure.trajectories import Tell
from dipcli.registry import MEASURES
from dipcli.report.film import Film, Shot
from dipcli.report.given import Given, said
from dipcli.store import Run

MOST = 24  # runs of which frames and figures are shown
ROOM = 4_500_000  # bytes, of the frames of all runs
SHOWN = ("fbc", "error")  # the measures that are drawn


@dataclass
class Seen:
    """A run as it is shown."""

    given: Given
    run: Run
    numbers: Mapping[str, Any]  # of the document
    reference: str = ""  # what the frames are compared with
    shots: list[Shot] = field(default_factory=list)
    frequency: Doubles = field(default_factory=lambda: np.empty(0))  # of the shots' spectra
    spectra: dict[str, Doubles] = field(default_factory=dict)  # of the target and the clean image
    taken: dict[str, Taken] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.given.label} {self.run.name}"


def see(
    runs: Sequence[tuple[Given, Run, Mapping[str, Any]]],
    side: int,
    tell: Tell,
    fail: Callable[[DipError], None],
) -> list[Seen]:
    """Look at the frames of the runs; what cannot be read ends that run's part."""
    found = []
    for given, run, numbers in runs:
        seen = Seen(given, run, numbers)
        found.append(seen)
        try:
            _look(seen, ROOM // len(runs), side, tell)
        except DipError as error:
            fail(error)
    return found


def _look(seen: Seen, room: int, side: int, tell: Tell) -> None:
    run, saved = seen.run, seen.run.iterations
    size = run.size
    power = MEASURES["power"].load()(np.zeros(size, np.float32), BANDS)
    seen.frequency = power.axis["frequency"]
    reference = None
    for name, image in _references(seen.given):
        if image.shape == size:
            seen.spectra[name] = power(image)["power"]
            # what was blurred, or sensed in part, is no measure of a frame that is not
            if reference is None and not (name == "target" and seen.given.store.model):
                seen.reference, reference = name, image
    wanted = (best_of(run), said(seen.numbers, "chosen", "iteration"))
    places = {int(i) for i in np.flatnonzero(np.isin(saved, [w for w in wanted if w is not None]))}
    film = Film(len(saved), places, room, side)
    seen.shots = film.shots
    measures = {} if reference is None else dict(_measures(seen, reference))
    for place, (iteration, frame) in enumerate(run.frames()):
        for name, measure in measures.items():
            seen.taken[name].add(iteration, measure(frame))
        if film.takes(place):
            film.take(place, iteration, frame, power(frame)["power"])
            seen.shots = film.shots
        tell(f"report {run.label}", place + 1, len(saved))


def _references(given: Given) -> Iterator[tuple[str, Floats]]:
    yield "target", given.store.target
    clean = given.store.clean
    if clean is not None:
        yield "clean", clean


def _measures(seen: Seen, reference: Floats) -> Iterator[tuple[str, Any]]:
    """The measures that have to be taken; what the fit itself took of a target is there already."""
    for name in SHOWN:
        measure = MEASURES[name].load()(reference, BANDS)
        taken = Taken(seen.given.name, seen.run.number, measure, best_of(seen.run))
        seen.taken[name] = taken
        kept = kept_by_fit(seen.run, name, measure) if seen.reference == "target" else None
        if kept is None:
            yield name, measure
            continue
        for iteration, values in zip(*kept, strict=True):
            taken.add(int(iteration), values)
