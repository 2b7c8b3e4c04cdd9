"""The work of `dip spectrum`: one measure, taken of every frame of everything that was named."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dipcli.cli import console, streams
from dipcli.cli.sources import Failures, Fitted, Picture, Source
from dipcli.degrade import Seen
from dipcli.errors import DipError, UsageError
from dipcli.images import Floats, Image
from dipcli.measure.base import Measure, Values
from dipcli.measure.onset import onset
from dipcli.measure.taken import Taken, best_of, through
from dipcli.registry import MEASURES
from dipcli.store import image_part

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ONSET = "onset"
UNLIKE = ("sr", "sense")  # tasks whose target is no image like the one that is restored
Look = tuple[Taken, int | None, Values]


class Measuring:
    """A measure of all sources; what it said is kept for the figure, the frames are not."""

    def __init__(
        self, name: str, bands: int, reference: str | None, at: Sequence[int], failures: Failures
    ) -> None:
        self.name = name
        self.kind = "fbc" if name == ONSET else name
        self.entry = MEASURES[self.kind]
        self.bands, self.at, self.failures = bands, at, failures
        self.asked = reference
        self.taken: list[Taken] = []

    @property
    def columns(self) -> list[str]:
        """The columns of the table; the same for images of every size."""
        measure = self.entry.load()(np.zeros((1, 8, 8), np.float32), self.bands)
        if self.name == ONSET:
            return ["source", "run", *measure.axis, "threshold", "iteration"]
        return ["source", "run", "iteration", *measure.axis, *measure.columns]

    def rows(self, sources: Sequence[Source]) -> Iterator[dict[str, Any]]:
        """One row per frame and place on the measure's axis."""
        for taken, iteration, values in self._each(sources):
            said = {"source": taken.source, "run": taken.run, "iteration": iteration}
            yield from ({**said, **row} for row in taken.measure.rows(values))

    def onsets(
        self, sources: Sequence[Source], levels: Sequence[float]
    ) -> Iterator[dict[str, Any]]:
        """One row per run, level and band, when all of its frames were seen."""
        for taken, frames in itertools.groupby(self._each(sources), key=lambda seen: seen[0]):
            for _ in frames:
                pass
            for level in levels:
                first = onset(taken.iteration, taken.column("fbc"), level)
                for band, iteration in zip(taken.measure.rows({}), first, strict=True):
                    said = {"source": taken.source, "run": taken.run}
                    yield {**said, **band, "threshold": level, "iteration": iteration}

    def figure(
        self, sources: Sequence[Source], labels: Mapping[str, str], levels: Sequence[float]
    ) -> Figure:
        """What `--plot` draws of it."""
        from dipcli.figures import measured

        if self.name == "error" and self.at:
            return measured.error2d(self._references(sources), self.at, labels)
        return measured.draw(self.name, self.taken, labels, levels)

    def _references(
        self, sources: Sequence[Source]
    ) -> Iterator[tuple[str, Any, Floats, Seen | None]]:
        for source in sources:
            if isinstance(source, Fitted):
                yield source.source, source.run, self._reference(source), self._seen(source)

    def _each(self, sources: Sequence[Source]) -> Iterator[Look]:
        """What the measure says of every frame, as it is read."""
        with console.progress() as progress:
            for source in sources:
                try:
                    yield from self._of(source, progress)
                except UsageError:
                    raise
                except DipError as error:
                    self.failures.add(error)

    def _of(self, source: Source, progress: console.Progress) -> Iterator[Look]:
        measure = self._measure(source)
        if isinstance(source, Picture):
            if self.name == ONSET:
                msg = f"{source.source} is an image: the onset is that of a run's frames"
                raise DipError(msg)
            taken = Taken(source.source, None, measure)
            frames: Iterator[tuple[int | None, Values]] = iter(
                [(None, measure(source.image.pixels))]
            )
            count = 1
        else:
            run = source.run
            recorded = self.asked in (None, self.entry.needs) or not self.entry.needs
            seen = self._seen(source)
            count, frames = through(run, self.kind, measure, self.at, recorded=recorded, seen=seen)
            taken = Taken(source.source, run.number, measure, best_of(run))
        self.taken.append(taken)
        for done, (iteration, values) in enumerate(frames, 1):
            taken.add(iteration, values)
            yield taken, iteration, values
            progress.update(source.label, done, count)

    def _measure(self, source: Source) -> Measure:
        reference = self._reference(source)
        if isinstance(source, Fitted):
            seen, size = self._seen(source), source.run.size
            shown = seen(np.zeros(size, np.float32)).shape if seen else size
            if reference.shape != shown:
                height, width = reference.shape[1:]
                msg = (
                    f"{source.label} has frames of {shown[2]}x{shown[1]}, and the reference "
                    f"is {width}x{height}: they cannot be compared"
                )
                raise DipError(msg)
        measure: Measure = self.entry.load()(reference, self.bands)
        return measure

    def _reference(self, source: Source) -> Floats:
        """What a source is compared with; where nothing is, any image of its size."""
        asked = self.asked or self.entry.needs or "target"
        if isinstance(source, Picture):
            if not self.entry.needs:
                return source.image.pixels
            if self.asked in (None, "target", "clean"):
                msg = f"{self.kind} of {source.source}, an image, needs --reference IMAGE"
                raise DipError(msg)
            return self._named(asked, source.image)
        if not self.entry.needs:
            return np.zeros(source.run.size, np.float32)
        task = str(source.store.attrs["task"]).partition(":")[0]
        if self.asked is None and asked == "target" and task in UNLIKE:
            msg = (
                f"{source.label} restores ({task}) what its target does not show: name what to "
                "compare it with, --reference clean|IMAGE, or target, as the fit saw it"
            )
            raise DipError(msg)
        if asked in ("target", "clean"):
            return image_part(source.store, asked).pixels
        return self._named(asked, image_part(source.store, "target"), any_size=True)

    def _named(self, path: str, image: Image, *, any_size: bool = False) -> Floats:
        return streams.reference(path, image, "--reference", any_size=any_size).pixels

    def _seen(self, source: Fitted) -> Seen | None:
        """What frames go through: compared with the target, what they did in the fit."""
        asked = self.asked or self.entry.needs
        return source.seen if self.entry.needs and asked == "target" else None
