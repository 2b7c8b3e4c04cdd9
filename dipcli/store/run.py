"""Read one run of a store, a frame at a time, also while it is being written."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import numpy.typing as npt

from dipcli.errors import DipError
from dipcli.images import Floats
from dipcli.store import checkpoint
from dipcli.store.access import Reader, read_errors
from dipcli.store.layout import FRAME_DIMS, IMAGE_DIMS, RESULTS
from dipcli.store.safety import bad

if TYPE_CHECKING:
    from pandas import DataFrame
    from xarray import Dataset
    from zarr import Array as ZarrArray

Doubles = npt.NDArray[np.float64]
Iterations = npt.NDArray[np.int64]
SCALARS = ("loss", "psnr", "ssim", "average_psnr")  # vectors at the saved iterations


class Run:
    """One trajectory; each access reads the disk, so that a run can be watched as it grows."""

    def __init__(self, reader: Reader, number: int) -> None:
        self.name = f"run-{number}"
        self.number = number
        self.label = f"{reader.label}/{self.name}"
        self._reader = reader

    @property
    def attrs(self) -> dict[str, Any]:
        """Seed, status, config, stop, ..."""
        with read_errors(self.label):
            return self._group_attrs(self.name)

    @property
    def iterations(self) -> Iterations:
        """The saved iterations, ascending."""
        with read_errors(self.label):
            return self._marked(self.name)

    def frame(self, iteration: int) -> Floats:
        """The frame saved at an iteration. (channel, y, x)"""
        saved = self.iterations
        index = int(np.searchsorted(saved, iteration))
        if index == len(saved) or saved[index] != iteration:
            neighbours = saved[max(0, index - 1) : index + 1].tolist()
            nearest = " and ".join(map(str, neighbours)) or "none yet"
            raise bad(self.label, f"has no frame at {iteration}; the nearest saved: {nearest}")
        with read_errors(self.label):
            return _frame(self._frames(), index, self.label)

    def frames(self, only: Collection[int] | None = None) -> Iterator[tuple[int, Floats]]:
        """Yield (iteration, frame) of the saved frames, or of those in `only`. (channel, y, x)"""
        with read_errors(self.label):
            saved = self._marked(self.name)
            frames = self._frames() if len(saved) else None
        for index, iteration in enumerate(saved.tolist()):
            if only is not None and iteration not in only:
                continue
            with read_errors(self.label):
                frame = _frame(frames, index, self.label)
            yield iteration, frame

    def scalar(self, name: str) -> Doubles | None:
        """`loss`, `psnr`, `ssim` or `average_psnr` at the saved iterations; None if absent."""
        with read_errors(self.label):
            # marks are read first: the value of a marked row is on disk
            count = len(self._marked(self.name))
            values = self._vector(f"{self.name}/{name}")
            if values is None:
                return None
            missing = max(0, count - len(values))  # after an interrupted resize
            return np.append(values[:count], np.full(missing, np.nan))

    @property
    def step_loss(self) -> Doubles | None:
        """The loss of every step; NaN for steps to come."""
        with read_errors(self.label):
            return self._vector(f"{self.name}/step_loss")

    @property
    def estimate(self) -> Floats | None:
        """The restored image. (channel, y, x)"""
        return self.image("estimate")

    @property
    def average(self) -> Floats | None:
        """The running mean of the output. (channel, y, x)"""
        return self.image("average")

    @property
    def std(self) -> Floats | None:
        """The standard deviation over samples. (channel, y, x)"""
        return self.image("std")

    def image(self, name: str) -> Floats | None:
        """The `estimate`, `average` or `std`; None if the run has none. (channel, y, x)"""
        with read_errors(self.label):
            return self._reader.image(f"{self.name}/{name}")

    @property
    def size(self) -> tuple[int, int, int]:
        """Channels, height and width of the frames."""
        with read_errors(self.label):
            channels, height, width = self._frames().shape[1:]
            return channels, height, width

    @property
    def record(self) -> dict[str, npt.NDArray[Any]]:
        """Measures of `--record` by name, along its own `iteration`; {} without --record."""
        folder = f"{self.name}/record"
        with read_errors(self.label):
            if self._reader.node(folder) is None:
                return {}
            attrs = self._group_attrs(folder)
            saved = self._marked(folder)
            rows: dict[str, npt.NDArray[Any]] = {"iteration": saved}
            for name in _names(attrs, "columns"):
                array = self._reader.required_array(f"{folder}/{name}")
                rows[name] = np.asarray(array[: len(saved)])
            for name in _names(attrs, "fixed"):
                rows[name] = np.asarray(self._reader.required_array(f"{folder}/{name}")[:])
            return rows

    def to_numpy(self) -> Floats:
        """All saved frames in one array. (iteration, channel, y, x)"""
        saved = self.iterations
        stack = np.empty((len(saved), *self.size), np.float32)
        for index, (_, frame) in enumerate(self.frames(set(saved.tolist()))):
            stack[index] = frame
        return stack

    def to_pandas(self) -> DataFrame:
        """Loss, PSNR and SSIM as a pandas table, one row per saved iteration."""
        pandas = _optional("pandas")
        saved, columns = self._scalars()
        table: DataFrame = pandas.DataFrame(columns, index=pandas.Index(saved, name="iteration"))
        return table

    def xarray(self) -> Dataset:
        """Frames, scalars and images of the run as an xarray.Dataset in memory."""
        xarray = _optional("xarray")
        saved, columns = self._scalars()
        data: dict[str, Any] = {"frames": (FRAME_DIMS, self.to_numpy()[: len(saved)])}
        data |= {name: ("iteration", values) for name, values in columns.items()}
        images = ((name, self.image(name)) for name in RESULTS)
        data |= {name: (IMAGE_DIMS, image) for name, image in images if image is not None}
        if (step_loss := self.step_loss) is not None:
            data["step_loss"] = ("step", step_loss)
        dataset: Dataset = xarray.Dataset(data, {"iteration": saved}, self.attrs)
        return dataset

    def read_checkpoint(self) -> checkpoint.Checkpoint | None:
        """The state from which the run resumes; None if there is none, as in a zip."""
        folder = self._reader.folder
        return checkpoint.read(folder / self.name, self.label) if folder else None

    def _scalars(self) -> tuple[Iterations, dict[str, Doubles]]:
        """The saved iterations, and the scalars that the run has there."""
        saved = self.iterations  # read first: a running fit may add rows to what is read later
        values = {name: self.scalar(name) for name in SCALARS}
        return saved, {name: v[: len(saved)] for name, v in values.items() if v is not None}

    def _marked(self, group: str) -> Iterations:
        """The marks of a series, up to the first missing one."""
        array = self._reader.array(f"{group}/iteration")
        if array is None:
            return np.empty(0, np.int64)
        if array.ndim != 1 or array.dtype != np.int64:
            self._refuse("iteration")
        marks = np.asarray(array[:], np.int64)
        marks = marks[: int(np.argmin(np.append(marks, -1) >= 0))]
        if (np.diff(marks) <= 0).any():
            self._refuse("iteration")
        return marks

    def _vector(self, path: str) -> Doubles | None:
        array = self._reader.array(path)
        if array is None:
            return None
        if array.ndim != 1:
            self._refuse(path)
        return np.asarray(array[:], np.float64)

    def _frames(self) -> ZarrArray[Any]:
        frames = self._reader.required_array(f"{self.name}/frames")
        if frames.ndim != 4 or frames.dtype.kind != "f":
            self._refuse("frames")
        return frames

    def _group_attrs(self, path: str) -> dict[str, Any]:
        """The attributes of a group."""
        node = self._reader.node(path)
        attrs = node.attributes.get("dip") if node else None
        if node is None or node.is_array or not isinstance(attrs, dict):
            raise self._reader.bad(path, "is not a group of a trajectory store")
        return dict(attrs)

    def _refuse(self, name: str) -> NoReturn:
        raise bad(self.label, f"has a broken array {name}")


def _frame(frames: ZarrArray[Any] | None, index: int, label: str) -> Floats:
    if frames is None or index >= frames.shape[0]:
        raise bad(label, "has fewer frames than iterations")
    return np.asarray(frames[index], np.float32)


def _names(attrs: Mapping[str, Any], key: str) -> list[str]:
    """Names of arrays in the same group; a name with a slash would point outside it."""
    return [str(name) for name in attrs.get(key, []) if "/" not in str(name)]


def _optional(package: str) -> Any:
    """Import a package that dip works without."""
    try:
        return import_module(package)
    except ImportError as error:
        msg = f"this needs the package {package}: pip install {package}"
        raise DipError(msg) from error
