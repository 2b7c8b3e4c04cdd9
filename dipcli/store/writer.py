"""Write one run of a store: append frames and scalars, checkpoint, rewind, finish."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from dipcli.store import checkpoint, disk
from dipcli.store.access import open_folder
from dipcli.store.attributes import now, plain
from dipcli.store.disk import Lock
from dipcli.store.layout import (
    IMAGE_DIMS,
    META,
    RESULTS,
    RUN_SCRATCH,
    STEPS,
    Status,
    group_metadata,
)
from dipcli.store.series import Column, Series

HEARTBEAT = 5.0  # seconds between updates of the attributes
RECORD = "record"


class RunWriter:
    """Writes a run, from `Store.create_run` or `Store.resume_run` to `finish`.

    The iteration of a frame is written last, and only then the frame counts: readers see whole
    frames only, also while the run is written and after SIGKILL.
    """

    def __init__(self, folder: Path, lock: Lock, label: str) -> None:
        self.name = folder.name
        self._folder = folder
        self._scratch = folder / RUN_SCRATCH
        self._lock = lock
        self._label = label
        reader = open_folder(folder, label)
        self._attributes = dict(reader.required_node().attributes)
        frames = reader.required_node("frames")
        self._size, self._dtype = frames.shape[1:], frames.dtype
        self._saved = Series.open(folder, label)
        losses = np.asarray(reader.required_array("step_loss")[:])
        self._losses = Column(folder / "step_loss", losses, STEPS)
        # number of steps so far
        self._steps = int(np.isfinite(losses).nonzero()[0].max(initial=-1)) + 1
        self._record = self._open_record()
        self._updated = 0.0  # time.monotonic()

    @property
    def attrs(self) -> Mapping[str, Any]:
        return dict(self._attributes["dip"])

    @property
    def records(self) -> bool:
        """Whether `create_record` has made arrays for further measures."""
        return self._record is not None

    @property
    def last(self) -> int:
        """The last saved iteration; -1 if there is none."""
        return self._saved.last

    def append(self, iteration: int, frame: npt.NDArray[Any], **scalars: float | None) -> None:
        """Save the frame of an iteration, (channel, y, x), and its scalars, such as `psnr`."""
        row = self._saved.next_row(iteration)
        if frame.shape != self._size:
            msg = f"a frame of shape {frame.shape} in a run of shape {self._size}"
            raise ValueError(msg)
        # a diverging fit may exceed the range of float16, but frames stay finite
        top = np.finfo(self._dtype).max
        data = disk.encode(frame.clip(-top, top).astype(self._dtype))
        disk.put(disk.chunk_path(self._folder / "frames", [row, 0, 0, 0]), data)
        self._losses.flush()
        self._saved.append(iteration, scalars)
        if time.monotonic() - self._updated > HEARTBEAT:
            self.update()

    def step_losses(self, first_step: int, values: npt.ArrayLike) -> None:
        """Set the losses of consecutive steps; the next frame or checkpoint writes them."""
        losses = np.atleast_1d(np.asarray(values, np.float64))
        stop = first_step + len(losses)
        if stop > self._losses.length:
            self._resize_steps(2 * stop)
        self._losses.put(first_step, losses)
        self._steps = max(self._steps, stop)

    def create_record(
        self,
        rows: int,
        columns: Mapping[str, Mapping[str, int]],
        fixed: Mapping[str, tuple[str, npt.ArrayLike]] | None = None,
    ) -> None:
        """Create arrays for `rows` rows of further measures: {"psnr": {}, "fbc": {"band": 5}}.

        `fixed` are the coordinates of further dimensions: {"low": ("band", edges)}.
        """
        fixed = fixed or {}
        names = {"columns": list(columns), "fixed": list(fixed)}
        with disk.new_folder(self._folder / RECORD, self._scratch) as partial:
            Series.create(partial, rows, columns)
            for name, (dim, values) in fixed.items():
                disk.new_image(partial / name, np.asarray(values, np.float64), (dim,))
            disk.put(partial / META, group_metadata(dip=names))
        self._record = self._open_record()

    def append_record(self, iteration: int, **values: npt.ArrayLike) -> None:
        """Append one row to the arrays that `create_record` made."""
        if self._record is None:
            msg = f"{self.name} has no record; call create_record first"
            raise ValueError(msg)
        self._record.append(iteration, values)

    def write_image(self, name: str, pixels: npt.NDArray[Any]) -> None:
        """Write the `estimate`, the `average` or the `std` of the run. (channel, y, x)"""
        if name not in RESULTS or pixels.shape != self._size:
            msg = f"an image {name!r} of shape {pixels.shape} in a run of shape {self._size}"
            raise ValueError(msg)
        path, pixels = self._folder / name, pixels.astype(np.float32)
        if path.exists():
            disk.put(disk.chunk_path(path, (0, 0, 0)), disk.encode(pixels))
            return
        with disk.new_folder(path, self._scratch) as partial:
            disk.new_image(partial, pixels, IMAGE_DIMS)

    def write_checkpoint(
        self,
        arrays: Mapping[str, npt.NDArray[Any]],
        attrs: Mapping[str, Any],
        *,
        sync: bool = False,
    ) -> None:
        """Replace the state to resume from; with `sync` it survives a loss of power too."""
        self._losses.flush()  # a run that resumes here does not repeat the steps before
        checkpoint.write(self._folder, arrays, attrs, sync=sync)

    def update(self, **attrs: Any) -> None:
        """Set attributes of the run, and the time of the update."""
        merged = {**self._attributes["dip"], **plain(attrs), "updated": now()}
        document = group_metadata(**{**self._attributes, "dip": merged})
        disk.put(self._folder / META, document, scratch=self._scratch)
        self._attributes["dip"] = merged
        self._updated = time.monotonic()

    def finish(self, status: Status, **attrs: Any) -> None:
        """Trim the arrays to the rows written, set the status, and release the run."""
        self._losses.flush()
        self._saved.trim()
        if self._record is not None:
            self._record.trim()
        self._resize_steps(self._steps)
        disk.sweep(self._scratch)  # what could not be deleted at once
        self.update(status=status, **attrs)
        self.close()

    def close(self) -> None:
        """Release the run as it is."""
        self._losses.flush()
        self._lock.release()

    def rewind(self, until: int) -> None:
        """Remove all frames and losses after an iteration, to write them again."""
        self._saved.keep(until)
        if self._record is not None:
            self._record.keep(until)
        self._losses.clear(until + 1)
        self._losses.flush()
        self._steps = min(self._steps, until + 1)

    def reserve(self, saves: int, steps: int) -> None:
        """Make room for this total number of frames and steps."""
        disk.drop_chunks(self._folder / "frames", self._saved.count)  # of a killed writer
        self._saved.resize(saves)
        self._resize_steps(max(steps, self._steps))

    def _open_record(self) -> Series | None:
        folder = self._folder / RECORD
        return Series.open(folder, f"{self._label}/{RECORD}") if folder.exists() else None

    def _resize_steps(self, length: int) -> None:
        if length != self._losses.length:
            disk.resize(self._folder, "step", length)
            self._losses.resized(length)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
