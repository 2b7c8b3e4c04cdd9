"""Measure every frame of runs, and images: the library side of `dip spectrum`."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
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
from dipcli.measure.base import BANDS, Measure, OnError, Progress, Values, fail, named_rows
from dipcli.measure.fbc import onset
from dipcli.measure.inputs import ImageSource, RunSource, Source, read_reference, sources
from dipcli.registry import MEASURES, TASKS
from dipcli.store import Run, image_part

ONSET = "onset"
Reference = str | PathLike[str] | Image | Floats | None


@dataclass
class Measurements:
    """The numbers of all frames of a run, or of one image, which has no iteration."""

    source: str
    run: int | None
    measure: Measure
    best: int | None = None  # the iteration of the highest PSNR, if known
    values: dict[int | None, Values] = field(default_factory=dict)  # by iteration

    @property
    def iteration(self) -> npt.NDArray[np.int64]:
        return np.array([at for at in self.values if at is not None], np.int64)

    def column(self, name: str) -> Doubles:
        """One column: (iteration, place), or (iteration) for a measure without an axis."""
        rows = [values[name] for values in self.values.values()]
        if not rows and self.measure.axis:  # a run without frames
            return np.empty((0, self.measure.places))
        return np.array(rows)


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
        on_error: OnError = fail,
    ) -> None:
        """`on_error` gets the error of a source that is skipped."""
        self.name = name
        self.measurements: list[Measurements] = []
        self._kept_name = "fbc" if name == ONSET else name
        self._kind: type[Measure] = MEASURES.find(self._kept_name)
        self._bands, self._at, self._thresholds = bands, at, thresholds
        named = isinstance(reference, str) and reference in ("target", "clean")
        self._part = str(reference) if named else self._kind.needs  # of the store of a run
        self._image = None if named else reference  # an image of the user's, for all sources
        self._is_default = reference is None
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
        for source in inputs:
            rows = self._rows_of(source, progress)
            if self.name != ONSET:
                yield from rows
            elif deque(rows, maxlen=1):  # the onsets follow when all frames are measured
                yield from self._onsets(self.measurements[-1])

    def references(
        self, inputs: Sequence[Source]
    ) -> Iterator[tuple[str, Run, Floats, Projection | None]]:
        """The runs, each with its reference and the projection of its frames to it."""
        for source in inputs:
            if isinstance(source, RunSource):
                yield source.source, source.run, *self._reference_of(source)

    def _onsets(self, measured: Measurements) -> Iterator[dict[str, Any]]:
        """A row for each threshold and band."""
        head = {"source": measured.source, "run": measured.run}
        for level in self._thresholds:
            first = onset(measured.iteration, measured.column("fbc"), level)
            for band, iteration in zip(measured.measure.rows({}), first, strict=True):
                yield {**head, **band, "threshold": level, "iteration": iteration}

    def _rows_of(self, source: Source, progress: Progress | None) -> Iterator[dict[str, Any]]:
        """The rows of the frames of a source, each as it is read."""
        try:
            measured, count, frames = self._begin(source)
            self.measurements.append(measured)
            for done, (iteration, values) in enumerate(frames, 1):
                measured.values[iteration] = values
                head = {"source": measured.source, "run": measured.run, "iteration": iteration}
                yield from ({**head, **row} for row in measured.measure.rows(values))
                if progress:
                    progress(source.label, done, count)
        except UsageError:
            raise
        except DipError as error:
            self._on_error(error)
            self.measurements = [each for each in self.measurements if each.values]

    def _begin(
        self, source: Source
    ) -> tuple[Measurements, int, Iterator[tuple[int | None, Values]]]:
        """The measurements to fill, and the number and the numbers of the frames."""
        reference, projection = self._reference_of(source)
        if isinstance(source, ImageSource):
            if self.name == ONSET:
                msg = f"{source.source} is an image; onset needs the frames of a run"
                raise DipError(msg)
            measure = self._kind.of_frames(reference, self._bands, source.planes)
            values = measure(source.image.pixels)
            return Measurements(source.source, None, measure), 1, iter([(None, values)])
        run = source.run
        _check_size(source, reference, projection)
        measure = self._kind.of_frames(reference, self._bands, source.planes)
        measured = Measurements(source.source, run.number, measure, best_iteration(run))
        own = self._image is None and self._part == self._kind.needs
        recorded = own or not self._kind.needs
        kept = recorded_values(run, self._kept_name, measure) if recorded else None
        if kept is not None:  # the fit may have recorded more often than it saved frames
            chosen = nearest(np.array([*kept], np.int64), self._at)
            return measured, len(chosen), ((i, kept[i]) for i in chosen)
        chosen = nearest(run.iterations, self._at)
        project = projection or (lambda frame: frame)
        frames = run.frames(set(chosen))
        return measured, len(chosen), ((i, measure(project(frame))) for i, frame in frames)

    def _reference_of(self, source: Source) -> tuple[Floats, Projection | None]:
        """The reference of a source, and the projection of its frames to it.

        A measure that needs none gets an image of the right size.
        """
        if not self._kind.needs:
            size = source.run.size if isinstance(source, RunSource) else source.image.pixels.shape
            return np.zeros(size, np.float32), None
        if self._image is not None:
            is_run = isinstance(source, RunSource)
            other = read_reference(self._image, source.image, "--reference", any_size=is_run)
            return other.pixels, None
        if isinstance(source, ImageSource):
            msg = f"{self._kept_name} of the image {source.source} needs --reference IMAGE"
            raise DipError(msg)
        if self._is_default and self._part == "target":
            _check_resemblance(source)
        projection = source.projection if self._part == "target" else None
        return image_part(source.store, self._part).pixels, projection


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


def nearest(saved: npt.NDArray[np.int64], wanted: Sequence[int]) -> list[int]:
    """The saved iterations nearest to `wanted`, each once, ascending; of two, the lower one.

    All are wanted where none is named.
    """
    if not len(wanted) or not len(saved):
        return [*saved.tolist()]
    return sorted({int(saved[np.argmin(np.abs(saved - at))]) for at in wanted})


def best_iteration(run: Run) -> int | None:
    """The saved iteration of the highest PSNR; None where it was not measured."""
    psnr = run.scalar("psnr")
    if psnr is None or np.isnan(psnr).all():
        return None
    return int(run.iterations[int(np.nanargmax(psnr))])


def recorded_values(run: Run, name: str, measure: Measure) -> dict[int | None, Values] | None:
    """The numbers of a measure by iteration, as the fit recorded them; None if it did not."""
    record = run.record
    kept = measure.kept_as(name)
    if any(array not in record for array in kept.values()):
        return None
    columns = {column: record[array] for column, array in kept.items()}
    if any(rows.size != len(rows) * measure.places for rows in columns.values()):
        return None  # recorded with another number of bands
    saved = record["iteration"].tolist()
    return {at: {c: rows[i] for c, rows in columns.items()} for i, at in enumerate(saved)}
