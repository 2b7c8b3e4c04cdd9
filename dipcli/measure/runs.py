"""Measure every frame of runs, and images: the library side of `dip spectrum`."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.fft

from dipcli.arrays import Doubles, Floats
from dipcli.degrade import Projection
from dipcli.errors import DipError, UsageError
from dipcli.images import Image
from dipcli.machine import cores
from dipcli.measure.base import BANDS, Measure, Values, named_rows
from dipcli.measure.fbc import onset
from dipcli.measure.inputs import ImageSource, RunSource, Source, read_reference, sources
from dipcli.registry import MEASURES, TASKS
from dipcli.store import Run, image_part

ONSET = "onset"
Reference = str | PathLike[str] | Image | Floats | None
Progress = Callable[[str, int, int], object]  # label, done, total


@dataclass
class Measurements:
    """The numbers of all frames of a run, or of one image, which has no iteration."""

    source: str
    run: int | None
    measure: Measure
    best: int | None = None  # the iteration of the highest PSNR, if known
    iterations: list[int] = field(default_factory=list)
    values: list[Values] = field(default_factory=list)

    def add(self, iteration: int | None, values: Values) -> None:
        if iteration is not None:
            self.iterations.append(iteration)
        self.values.append(values)

    @property
    def iteration(self) -> npt.NDArray[np.int64]:
        return np.array(self.iterations, np.int64)

    def column(self, name: str) -> Doubles:
        """One column: (iteration, place), or (iteration) for a measure without an axis."""
        return np.array([values[name] for values in self.values])


Frame = tuple[Measurements, int | None, Values]  # iteration None: an image


def spectrum(
    things: Any,
    measure: Any = None,
    bands: int = BANDS,
    reference: Reference = None,
    at: Sequence[int] = (),
    threshold: float | Sequence[float] = 0.5,
) -> list[Any]:
    """Measure frames or images by frequency: NamedTuples with the columns of `dip spectrum`.

    `things` is a Store, a Run, an Image, a path, or a list of these. `measure` is a name, a
    function `(frame) -> number`, or None: "fbc" for runs and "power" for images.
    """
    inputs = sources(things)
    name = measure if isinstance(measure, str) else MEASURES.add(measure) if measure else None
    levels = [threshold] if isinstance(threshold, int | float) else list(threshold)
    work = SourceMeasure(name or default_measure(inputs, reference), bands, reference, at, levels)
    with scipy.fft.set_workers(cores()):
        return named_rows("SpectrumRow", work.columns, work.rows(inputs))


def default_measure(inputs: Sequence[Source], reference: Reference = None) -> str:
    """fbc, or power if there are only images and nothing to compare them with."""
    alone = reference is None and all(isinstance(s, ImageSource) for s in inputs)
    return "power" if alone else "fbc"


class SourceMeasure:
    """One measure of every frame of all sources; it keeps the numbers, but not the frames."""

    def __init__(
        self,
        name: str,
        bands: int = BANDS,
        reference: Reference = None,
        at: Sequence[int] = (),
        thresholds: Sequence[float] = (0.5,),
        *,
        on_error: Callable[[DipError], None] | None = None,
    ) -> None:
        """`on_error` gets the error of a source that is skipped; without it, errors are raised."""
        self.name = name
        self.measurements: list[Measurements] = []
        self._kept_name = "fbc" if name == ONSET else name
        self._kind: type[Measure] = MEASURES.find(self._kept_name)
        self._bands, self._at, self._thresholds = bands, at, thresholds
        self._reference = reference
        self._on_error = on_error

    @property
    def columns(self) -> list[str]:
        """The columns of the table, which do not depend on the size of an image."""
        measure = self._kind(np.zeros((1, 8, 8), np.float32), self._bands)
        if self.name == ONSET:
            return ["source", "run", *measure.axis, "threshold", "iteration"]
        return ["source", "run", "iteration", *measure.axis, *measure.columns]

    def rows(
        self, inputs: Sequence[Source], progress: Progress | None = None
    ) -> Iterator[dict[str, Any]]:
        """The rows of the table: for each frame and place on the axis, or the onsets."""
        frames = self._frames(inputs, progress)
        if self.name == ONSET:
            yield from self._onsets(frames)
            return
        for measured, iteration, values in frames:
            head = {"source": measured.source, "run": measured.run, "iteration": iteration}
            yield from ({**head, **row} for row in measured.measure.rows(values))

    def references(
        self, inputs: Sequence[Source]
    ) -> Iterator[tuple[str, Run, Floats, Projection | None]]:
        """The runs, each with its reference and the projection of its frames to it."""
        for source in inputs:
            if isinstance(source, RunSource):
                yield source.source, source.run, *self._reference_of(source)

    def _onsets(self, every: Iterator[Frame]) -> Iterator[dict[str, Any]]:
        """A row for each run, threshold and band, once all frames of the run are measured."""
        for measured, frames in itertools.groupby(every, key=lambda frame: frame[0]):
            for _ in frames:
                pass
            for level in self._thresholds:
                first = onset(measured.iteration, measured.column("fbc"), level)
                for band, iteration in zip(measured.measure.rows({}), first, strict=True):
                    head = {"source": measured.source, "run": measured.run}
                    yield {**head, **band, "threshold": level, "iteration": iteration}

    def _frames(self, inputs: Sequence[Source], progress: Progress | None) -> Iterator[Frame]:
        """The numbers of every frame, as it is read."""
        for source in inputs:
            try:
                yield from self._frames_of(source, progress)
            except UsageError:
                raise
            except DipError as error:
                if self._on_error is None:
                    raise
                self._on_error(error)

    def _frames_of(self, source: Source, progress: Progress | None) -> Iterator[Frame]:
        reference, projection = self._reference_of(source)
        frames: Iterator[tuple[int | None, Values]]
        if isinstance(source, ImageSource):
            if self.name == ONSET:
                msg = f"{source.source} is an image; onset needs the frames of a run"
                raise DipError(msg)
            measure = self._kind(reference, self._bands)
            measured = Measurements(source.source, None, measure)
            count, frames = 1, iter([(None, measure(source.image.pixels))])
        else:
            run = source.run
            _check_size(source, reference, projection)
            measure = self._kind(reference, self._bands)
            recorded = not self._kind.needs or self._is_own(None, self._kind.needs)
            count, frames = measure_frames(
                run, self._kept_name, measure, self._at, recorded=recorded, projection=projection
            )
            measured = Measurements(source.source, run.number, measure, best_iteration(run))
        self.measurements.append(measured)
        for done, (iteration, values) in enumerate(frames, 1):
            measured.add(iteration, values)
            yield measured, iteration, values
            if progress:
                progress(source.label, done, count)

    def _is_own(self, *names: str | None) -> bool:
        """Whether the reference is one of these; an image of the user's never is."""
        reference = self._reference
        return (reference is None or isinstance(reference, str)) and reference in names

    def _reference_of(self, source: Source) -> tuple[Floats, Projection | None]:
        """The reference of a source, and the projection of its frames to it.

        A measure that needs none gets an image of the right size.
        """
        needs = self._kind.needs
        if isinstance(source, ImageSource):
            if not needs:
                return source.image.pixels, None
            if self._is_own(None, "target", "clean"):
                msg = f"{self._kept_name} of the image {source.source} needs --reference IMAGE"
                raise DipError(msg)
            return self._read_reference(source.image), None
        if not needs:
            return np.zeros(source.run.size, np.float32), None
        own = needs if self._reference is None else self._reference
        if self._is_own(None) and own == "target":
            _check_resemblance(source)
        if self._is_own(None, "target", "clean"):
            projection = source.projection if own == "target" else None
            return image_part(source.store, str(own)).pixels, projection
        return self._read_reference(image_part(source.store, "target"), any_size=True), None

    def _read_reference(self, image: Image, *, any_size: bool = False) -> Floats:
        assert self._reference is not None
        return read_reference(self._reference, image, "--reference", any_size=any_size).pixels


def _check_resemblance(source: RunSource) -> None:
    """Refuse the target as the default reference of a task whose target looks different."""
    text = str(source.store.attrs["task"])
    task = TASKS.split(text)[0]
    if TASKS.is_code(text):  # a store must not choose code to run
        return
    if not getattr(TASKS.find(task), "resembles", True):
        msg = (
            f"the target of {source.label} does not show the restored image (task {task}): use "
            "--reference clean or IMAGE, or --reference target to compare through the fit's model"
        )
        raise DipError(msg)


def _check_size(source: RunSource, reference: Floats, projection: Projection | None) -> None:
    shape = projected_shape(source.run.size, projection)
    if reference.shape != shape:
        height, width = reference.shape[1:]
        msg = (
            f"{source.label} has frames of {shape[2]}x{shape[1]}, and the reference "
            f"is {width}x{height}: they cannot be compared"
        )
        raise DipError(msg)


def projected_shape(size: tuple[int, ...], projection: Projection | None) -> tuple[int, ...]:
    """The shape of frames (channel, y, x) after a projection."""
    return projection(np.zeros(size, np.float32)).shape if projection else size


def measure_frames(
    run: Run,
    name: str,
    measure: Measure,
    at: Sequence[int],
    *,
    recorded: bool,
    projection: Projection | None = None,
) -> tuple[int, Iterator[tuple[int, Values]]]:
    """The number of iterations, and the numbers of each.

    With `recorded`, the numbers that the fit recorded are used: it may have recorded more often
    than it saved frames. Frames are projected before they are measured.
    """
    kept = recorded_values(run, name, measure) if recorded else None
    saved = run.iterations if kept is None else kept[0]
    chosen = nearest(saved, at) if len(at) and len(saved) else saved.tolist()
    if kept is not None:
        rows = dict(zip(kept[0].tolist(), kept[1], strict=True))
        return len(chosen), ((iteration, rows[iteration]) for iteration in chosen)
    frames = run.frames(set(chosen))
    project = projection or (lambda frame: frame)
    return len(chosen), ((i, measure(project(frame))) for i, frame in frames)


def nearest(saved: npt.NDArray[np.int64], wanted: Sequence[int]) -> list[int]:
    """The saved iterations nearest to `wanted`, each once, ascending; of two, the lower one."""
    return sorted({int(saved[np.argmin(np.abs(saved - at))]) for at in wanted})


def best_iteration(run: Run) -> int | None:
    """The saved iteration of the highest PSNR; None where it was not measured."""
    psnr = run.scalar("psnr")
    if psnr is None or np.isnan(psnr).all():
        return None
    return int(run.iterations[int(np.nanargmax(psnr))])


def recorded_values(
    run: Run, name: str, measure: Measure
) -> tuple[npt.NDArray[np.int64], list[Values]] | None:
    """The iterations at which the fit recorded a measure, and its numbers; None if it did not."""
    record = run.record
    kept = measure.kept_as(name)
    if any(array not in record for array in kept.values()):
        return None
    columns = {column: record[array] for column, array in kept.items()}
    if any(rows.size != len(rows) * measure.places for rows in columns.values()):
        return None  # recorded with another number of bands
    count = len(record["iteration"])
    return record["iteration"], [{c: rows[i] for c, rows in columns.items()} for i in range(count)]
