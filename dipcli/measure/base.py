"""The base class of measures, numbers of a frame along an axis; and what all measuring shares."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from types import MappingProxyType
from typing import Any, ClassVar, NoReturn, Self, TypeVar

import numpy as np
import numpy.typing as npt

from dipcli.arrays import Doubles, Floats
from dipcli.errors import DipError, UsageError, user_code

Axis = Mapping[str, npt.NDArray[Any]]  # {"band": 1 to n, "low": ..., "high": ...}; {}: one number
Values = Mapping[str, Doubles]  # by column
Progress = Callable[[str, int, int], object]  # label, done, total
OnError = Callable[[DipError], object]  # gets the error of each thing that is skipped
T = TypeVar("T")
K = TypeVar("K")

BANDS = 5  # bands of frequency, as Shi and others have them
GRAY = (0.2989, 0.5870, 0.1140)


class Measure(ABC):
    """A measure for one image size and reference; call it with each frame."""

    needs: ClassVar[str] = ""  # the reference: "target", "clean", or "" for none
    quantity: ClassVar[str] = ""  # label of its axis in a figure, which draws the last column
    columns: ClassVar[tuple[str, ...]]
    axis: Axis = MappingProxyType({})
    volumes: ClassVar[bool] = False  # it can measure volumes, (channel, z, y, x)
    planes: int = 1  # of the frames that are volumes to it

    def __init__(self, reference: Floats, bands: int = BANDS) -> None:
        """A measure that needs no reference gets any image (channel, y, x) of the frames' size."""
        self.reference, self.bands = reference, bands

    @abstractmethod
    def take(self, frame: Floats) -> Sequence[npt.ArrayLike]:
        """Measure a frame (channel, y, x): an array or a number for each column."""

    @classmethod
    def of_frames(cls, reference: Floats, bands: int = BANDS, planes: int = 1) -> Self:
        """The measure of frames with so many planes: of volumes, or else plane by plane."""
        if not cls.volumes:
            return cls(reference, bands)
        measure = cls(as_volume(reference, planes), bands)
        measure.planes = planes
        return measure

    def __call__(self, frame: Floats) -> Values:
        """Measure a frame (channel, y, x): the numbers by column."""
        columns = self.take(as_volume(frame, self.planes))
        numbers = (np.asarray(column, np.float64) for column in columns)
        return dict(zip(self.columns, numbers, strict=True))

    @property
    def places(self) -> int:
        """The number of rows of a frame."""
        return max(map(len, self.axis.values()), default=1)

    def rows(self, values: Values) -> Iterator[dict[str, Any]]:
        """The table of a frame: a row for each place on the axis."""
        return axis_rows(self.axis, values)

    def kept_as(self, name: str) -> dict[str, str]:
        """The names of the arrays in which a store keeps the columns of the measure `name`.

        A single column is kept under the name of the measure, because `fbc` and `fbc-energy` share
        a column name.
        """
        if len(self.columns) > 1 or ":" in name:
            return {column: column for column in self.columns}
        return {self.columns[0]: name}


def as_volume(frame: Floats, planes: int) -> Floats:
    """(plane * channel, y, x) -> (channel, z, y, x); a single plane stays as it is."""
    if planes == 1:
        return frame
    return frame.reshape(planes, -1, *frame.shape[1:]).swapaxes(0, 1)


def axis_rows(axis: Axis, values: Values) -> Iterator[dict[str, Any]]:
    """A row for each place on an axis, with its coordinates and the values there."""
    both = {**axis, **values}
    for place in range(max(map(len, axis.values()), default=1)):
        yield {name: np.atleast_1d(column)[place] for name, column in both.items()}


@contextmanager
def skipping(on_error: OnError) -> Iterator[None]:
    """Hand an error of the block to `on_error`, and go on after the block."""
    try:
        yield
    except DipError as error:
        on_error(error)


def fail(error: DipError) -> NoReturn:
    """Skip nothing: the first error ends the work."""
    raise error


def grouped(items: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    """The items of each key, in their order."""
    groups: dict[K, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups


def named_rows(name: str, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> list[Any]:
    """Rows as NamedTuples of plain Python values."""
    kind = namedtuple(name, columns)  # type: ignore[misc]
    return [
        kind(*(v.item() if isinstance(v, np.generic) else v for v in (row[c] for c in columns)))
        for row in rows
    ]


def gray(image: Floats) -> Doubles:
    """Convert (channel, ...) to gray (...), as the published code of bands and blur does.

    Three channels are weighted and clipped to [0, 1], other numbers are averaged. Unknown pixels
    are 0, as in an image that was multiplied by its mask.
    """
    if len(image) != len(GRAY):
        mixed = np.asarray(np.mean(image, axis=0, dtype=np.float64))
    else:  # in double precision, without a copy of all channels
        mixed = np.multiply(image[0], GRAY[0], dtype=np.float64)
        for channel, weight in zip(image[1:], GRAY[1:], strict=True):
            mixed += np.multiply(channel, weight, dtype=np.float64)
        np.clip(mixed, 0, 1, out=mixed)
    return gray(np.nan_to_num(image, nan=0.0)) if np.isnan(mixed).any() else mixed


@cache
def adapt(name: str, thing: Any) -> type[Measure]:
    """Make a measure of a user's function `(frame) -> number` or `(frame, reference) -> number`.

    The reference is the target, or the clean image if the second parameter is called `clean`.
    """
    if isinstance(thing, type) and issubclass(thing, Measure):
        return thing
    if not callable(thing):
        msg = f"{name} is neither a function (frame) -> number nor a Measure"
        raise UsageError(msg)
    with user_code(name):
        parameters = [*inspect.signature(thing).parameters]
    if not 1 <= len(parameters) <= 2:
        msg = f"{name} takes {len(parameters)} parameters; a measure takes a frame, or a frame and "
        raise UsageError(msg + "a reference")
    compares = len(parameters) == 2
    column = getattr(thing, "__name__", "value")

    def take(self: Measure, frame: Floats) -> list[float]:
        with user_code(name):
            value = thing(frame, self.reference) if compares else thing(frame)
        try:
            return [float(value)]
        except (TypeError, ValueError):
            msg = f"{name} returned {type(value).__name__}; a measure returns one number"
            raise DipError(msg) from None

    attributes = {
        "__doc__": inspect.getdoc(thing) or "Code of the user",
        "needs": "" if not compares else "clean" if parameters[1] == "clean" else "target",
        "columns": (column if column.isidentifier() else "value",),
        "quantity": column,
        "take": take,
        "original": staticmethod(thing),
    }
    return type(column, (Measure,), attributes)
