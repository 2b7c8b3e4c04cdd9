"""The frames of a run on a page: each frame is read once, measured, and kept if there is room."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dipcli.arrays import Doubles, Floats
from dipcli.measure.base import BANDS, Measure, OnError, Progress, skipping
from dipcli.measure.runs import Measurements, best_iteration, recorded_values
from dipcli.registry import MEASURES
from dipcli.report.pictures import planes_of, webp
from dipcli.report.stores import StoreRuns, lookup
from dipcli.store import Run

MOST_RUNS = 24  # runs whose frames and figures are on the page
FIRST_RUNS = 8  # those of a page of more runs
MOST_FRAMES = 100  # frames of a run
ROOM = 4_500_000  # bytes of the frames of all runs
QUALITY = 80  # of WebP
PLOTTED = ("fbc", "frc", "error")  # measures with a figure


@dataclass(frozen=True)
class PageFrame:
    """A frame as the page has it."""

    iteration: int
    picture: bytes  # WebP
    power: Doubles  # (r,) its radial power spectrum
    number: int = -1  # in the even choice of frames; -1: always kept


class FrameSelection:
    """Keep the frames of a run that fit into a number of bytes.

    Where there are too many, every second one is dropped. The first and the last frame, and those
    at the places `important`, are always kept.
    """

    def __init__(self, count: int, important: Collection[int], room: int, side: int) -> None:
        """`count` frames will follow; `room` is in bytes, `side` in pixels."""
        even = np.linspace(0, count - 1, min(count, MOST_FRAMES)).round().astype(int)
        self._numbers = {place: i for i, place in enumerate(np.unique(even).tolist())}
        self._numbers |= dict.fromkeys({0, count - 1, *important}, -1)
        self._room, self._side = room, side
        self._step = 1
        self.frames: list[PageFrame] = []

    def wants(self, place: int) -> bool:
        """Whether to add the frame at this place, counted from 0."""
        return place in self._numbers and self._keeps(self._numbers[place])

    def add(self, place: int, iteration: int, frame: Floats, power: Doubles) -> None:
        picture = webp(frame, self._side, QUALITY)
        self.frames.append(PageFrame(iteration, picture, power, self._numbers[place]))
        while sum(len(f.picture) for f in self.frames) > self._room and self._step < MOST_FRAMES:
            self._step *= 2
            self.frames = [frame for frame in self.frames if self._keeps(frame.number)]

    def _keeps(self, number: int) -> bool:
        return number < 0 or number % self._step == 0


def few(frames: list[PageFrame], count: int) -> list[PageFrame]:
    """Choose `count` frames, evenly in log(1 + iteration), with the first and the last."""
    if len(frames) <= count:
        return frames
    at = np.log1p([frame.iteration for frame in frames])
    steps = np.linspace(at[0], at[-1], count)
    return [frames[i] for i in sorted({int(np.argmin(np.abs(at - step))) for step in steps})]


@dataclass
class RunView:
    """A run as the page shows it."""

    store: StoreRuns
    run: Run
    numbers: Mapping[str, Any]  # the run in the document
    reference: str = ""  # "target" or "clean", which its frames are measured against
    frames: list[PageFrame] = field(default_factory=list)
    frequency: Doubles = field(default_factory=lambda: np.empty(0))  # of all spectra
    spectra: dict[str, Doubles] = field(default_factory=dict)  # of the target and the clean image
    measurements: dict[str, Measurements] = field(default_factory=dict)

    @property
    def planes(self) -> int:
        """The number of planes of its frames, where they are volumes."""
        return self.store.store.planes

    @property
    def name(self) -> str:
        return f"{self.store.label} {self.run.name}"


def view_runs(
    runs: Sequence[tuple[StoreRuns, Run, Mapping[str, Any]]],
    side: int,
    progress: Progress,
    on_error: OnError,
) -> list[RunView]:
    """Read the frames of runs; a run with an unreadable frame keeps those before it."""
    views = []
    for store, run, numbers in runs:
        view = RunView(store, run, numbers)
        views.append(view)
        with skipping(on_error):
            _read_frames(view, ROOM // len(runs), side, progress)
    return views


def _read_frames(view: RunView, room: int, side: int, progress: Progress) -> None:
    run, saved, size = view.run, view.run.iterations, view.run.size
    planes = view.planes
    power = MEASURES["power"].of_frames(np.zeros(size, np.float32), BANDS, planes)
    view.frequency = power.axis["frequency"]
    reference = None
    images = {"target": view.store.store.target, "clean": view.store.store.clean}
    for name, image in images.items():
        if image is not None and image.shape == size:
            view.spectra[name] = power(image)["power"]
            # a blurred or partly sensed target is no reference for a frame that is neither
            if reference is None and not (name == "target" and view.store.store.model):
                view.reference, reference = name, image
    important = [best_iteration(run), lookup(view.numbers, "chosen", "iteration")]
    is_important = np.isin(saved, [i for i in important if i is not None])
    selection = FrameSelection(len(saved), np.flatnonzero(is_important).tolist(), room, side)
    measures = {} if reference is None else dict(_measures(view, reference))
    for place, (iteration, frame) in enumerate(run.frames()):
        for name, measure in measures.items():
            view.measurements[name].values[iteration] = measure(frame)
        if selection.wants(place):
            shown = planes_of(frame, planes)[planes // 2]
            selection.add(place, iteration, shown, power(frame)["power"])
            view.frames = selection.frames
        progress(f"report {run.label}", place + 1, len(saved))


def _measures(view: RunView, reference: Floats) -> Iterator[tuple[str, Measure]]:
    """The measures to take of each frame: those that the fit did not record."""
    for name in PLOTTED:
        measure = MEASURES[name].of_frames(reference, BANDS, view.planes)
        is_target = view.reference == "target"
        recorded = recorded_values(view.run, name, measure) if is_target else None
        best = best_iteration(view.run)
        about = view.store.name, view.run.number, measure, best
        view.measurements[name] = Measurements(*about, recorded or {})
        if recorded is None:
            yield name, measure
