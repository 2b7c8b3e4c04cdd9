"""One run of a store, as it is written: frames and scalars appended, killed or finished."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from dipcli.store import checkpoint, disk
from dipcli.store.describe import now, plain
from dipcli.store.layout import (
    IMAGE_DIMS,
    META,
    RESULTS,
    RUN_SCRATCH,
    STEPS,
    Status,
    dumps,
    group_metadata,
)
from dipcli.store.lock import Lock
from dipcli.store.series import Column, Series, read_vector
from dipcli.store.sources import from_folder, required

HEARTBEAT = 5.0  # seconds between signs of life in the attributes
RECORD = "record"


class RunWriter:
    """The one who writes a run, from `Store.create_run` or `Store.resume_run` to `finish`.

    A frame counts once its iteration is written, which is done last; whoever reads meanwhile,
    or after SIGKILL, sees whole frames only.
    """

    def __init__(self, folder: Path, lock: Lock, label: str) -> None:
        self.name = folder.name
        self._folder = folder
        self._scratch = folder / RUN_SCRATCH
        self._lock = lock
        self._label = label
        source = from_folder(folder, label)
        self._attributes = dict(required(source.node(), label).attributes)
        frames = required(source.node("frames"), f"{label}/frames")
        self._size, self._dtype = frames.shape[1:], frames.dtype
        self._saved = Series.reopen(folder, label)
        losses = read_vector(source, "step_loss")
        self._losses = Column(folder / "step_loss", losses, STEPS)
        self._steps = int(np.isfinite(losses).nonzero()[0].max(initial=-1)) + 1  # taken so far
        self._record = self._reopen_record()
        self._updated = 0.0  # time.monotonic()

    @property
    def attrs(self) -> Mapping[str, Any]:
        return dict(self._attributes["dip"])

    @property
    def records(self) -> bool:
        """Whether there is room for further measures."""
        return self._record is not None

    @property
    def last(self) -> int:
        """The last iteration saved, -1 where there is none."""
        return self._saved.last

    def append(self, iteration: int, frame: npt.NDArray[Any], **scalars: float | None) -> None:
        """Save the frame of an iteration, (channel, y, x), and what was measured on it."""
        self._saved.check(iteration)
        self._saved.reserve()
        if frame.shape != self._size:
            msg = f"a frame of {frame.shape} in a run of {self._size}"
            raise ValueError(msg)
        with np.errstate(over="ignore"):  # a fit that diverges is saved as it is
            data = disk.encode(frame.astype(self._dtype))
        disk.put(disk.chunk_path(self._folder / "frames", [self._saved.count, 0, 0, 0]), data)
        self._losses.flush()
        self._saved.append(iteration, scalars)
        if time.monotonic() - self._updated > HEARTBEAT:
            self.update()

    def step_losses(self, first_step: int, values: npt.ArrayLike) -> None:
        """The losses of consecutive steps; they are written with the next frame or checkpoint."""
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
        """Room for `rows` of further measures: {"psnr": {}, "fbc": {"band": 5}}.

        `fixed` are vectors that say what the further dimensions are: {"low": ("band", edges)}.
        """
        fixed = fixed or {}
        said = {"columns": list(columns), "fixed": list(fixed)}
        with disk.appearing(self._folder / RECORD, self._scratch) as hidden:
            Series.lay_out(hidden, rows, columns)
            for name, (dim, values) in fixed.items():
                disk.new_image(hidden / name, np.asarray(values, np.float64), (dim,))
            disk.put(hidden / META, dumps(group_metadata({"dip": said})))
        self._record = self._reopen_record()

    def append_record(self, iteration: int, **values: npt.ArrayLike) -> None:
        """One row of what `create_record` made room for."""
        if self._record is None:
            msg = f"{self.name} has no record: create_record comes first"
            raise ValueError(msg)
        self._record.append(iteration, values)

    def write_image(self, name: str, pixels: npt.NDArray[Any]) -> None:
        """Set the `estimate`, the `average` or the `std` of the run. (channel, y, x)"""
        if name not in RESULTS or pixels.shape != self._size:
            msg = f"{name} of {pixels.shape} in a run of {self._size}"
            raise ValueError(msg)
        place, pixels = self._folder / name, pixels.astype(np.float32)
        if place.exists():
            disk.put(disk.chunk_path(place, (0, 0, 0)), disk.encode(pixels))
            return
        with disk.appearing(place, self._scratch) as hidden:
            disk.new_image(hidden, pixels, IMAGE_DIMS)

    def write_checkpoint(
        self,
        arrays: Mapping[str, npt.NDArray[Any]],
        attrs: Mapping[str, Any],
        *,
        sync: bool = False,
    ) -> None:
        """Keep the state to go on from, in place of the last one; `sync` outlives power too."""
        self._losses.flush()  # of the steps before it: whoever goes on from here takes none of them
        checkpoint.write(self._folder, arrays, attrs, sync=sync)

    def delete_checkpoint(self) -> None:
        """Free the space of a state that nobody will go on from."""
        checkpoint.delete(self._folder)

    def update(self, **attrs: Any) -> None:
        """Set attributes of the run, and say that it is alive."""
        merged = {**self._attributes["dip"], **plain(attrs), "updated": now()}
        document = group_metadata({**self._attributes, "dip": merged})
        disk.put(self._folder / META, dumps(document), scratch=self._scratch)
        self._attributes["dip"] = merged
        self._updated = time.monotonic()

    def finish(self, status: Status, **attrs: Any) -> None:
        """Cut the arrays to what was written, set the status, and let go of the run."""
        self._losses.flush()
        self._saved.trim()
        if self._record is not None:
            self._record.trim()
        self._resize_steps(self._steps)
        self.update(status=status, **attrs)
        self.close()

    def close(self) -> None:
        """Let go of the run as it is."""
        self._losses.flush()
        self._lock.release()

    def rewind(self, until: int) -> None:
        """Forget all that came after an iteration; it is going to be written again."""
        self._saved.keep(until)
        disk.drop_chunks(self._folder / "frames", self._saved.count)
        if self._record is not None:
            self._record.keep(until)
        self._losses.clear(until + 1)
        self._losses.flush()
        self._steps = min(self._steps, until + 1)

    def reserve(self, saves: int, steps: int) -> None:
        """Make room for so many frames and steps in all."""
        self._saved.resize(saves)
        self._resize_steps(max(steps, self._steps))

    def _reopen_record(self) -> Series | None:
        folder = self._folder / RECORD
        return Series.reopen(folder, f"{self._label}/{RECORD}") if folder.exists() else None

    def _resize_steps(self, length: int) -> None:
        if length != self._losses.length:
            disk.resize(self._folder, "step", length)
            self._losses.resized(length)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
