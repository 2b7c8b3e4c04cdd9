"""Vectors that grow while a run is written, and the marks that make their rows count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dipcli.store import disk
from dipcli.store.access import open_folder
from dipcli.store.disk import Array
from dipcli.store.layout import FILL, ROWS

MARK = "iteration"  # the array that marks rows


class Column:
    """An array that grows along its first axis: kept in memory, changed chunks are written."""

    def __init__(self, folder: Path, values: Array, rows: int = ROWS) -> None:
        self.folder = folder
        self.rows = rows
        self.length = len(values)
        self._fill = np.array(FILL[values.dtype.kind], dtype=values.dtype)
        self._buffer = self._padded(values)  # padded to whole chunks
        self._dirty: set[int] = set()

    def create(self, dims: Sequence[str]) -> None:
        """Create the array, all of it the fill value."""
        rest = self._buffer.shape[1:]
        dtype = self._buffer.dtype.name
        disk.new_array(self.folder, (self.length, *rest), (self.rows, *rest), dtype, dims)

    def put(self, start: int, values: Array) -> None:
        """Set the rows from `start` on; the next flush writes them."""
        stop = start + len(values)
        self._buffer[start:stop] = values
        if stop > start:
            self._dirty.update(range(start // self.rows, (stop - 1) // self.rows + 1))

    def clear(self, start: int) -> None:
        """Set the rows from `start` on to the fill value."""
        self.put(start, np.broadcast_to(self._fill, self._buffer[start:].shape))

    def flush(self) -> None:
        """Write the changed chunks, the last first, so that the latest marks are removed first."""
        for chunk in sorted(self._dirty, reverse=True):
            index = [chunk] + [0] * (self._buffer.ndim - 1)
            rows = self._buffer[chunk * self.rows : (chunk + 1) * self.rows]
            disk.put(disk.chunk_path(self.folder, index), disk.encode(rows))
        self._dirty.clear()

    def resized(self, length: int) -> None:
        """Adopt the array's new length on disk."""
        self.length = length
        self._buffer = self._padded(self._buffer[:length])
        self._dirty = {chunk for chunk in self._dirty if chunk * self.rows < length}

    @property
    def values(self) -> Array:
        return self._buffer[: self.length]

    def _padded(self, values: Array) -> Array:
        chunks = -(-self.length // self.rows)
        buffer = np.full((chunks * self.rows, *values.shape[1:]), self._fill, values.dtype)
        buffer[: len(values)] = values
        return buffer


class Series:
    """The arrays of a group along `iteration`; a row counts once its iteration is written.

    The iteration (the mark of the row) is written last, so readers ignore rows that a killed
    writer did not complete.
    """

    def __init__(self, folder: Path, marks: Array, columns: Mapping[str, Array]) -> None:
        self.folder = folder
        self._marks = Column(folder / MARK, marks)
        self._columns = {name: Column(folder / name, v) for name, v in columns.items()}
        self.count = int(np.argmin(np.append(marks, -1) >= 0))  # number of marked rows

    @classmethod
    def create(
        cls, folder: Path, length: int, columns: Mapping[str, Mapping[str, int]] | None = None
    ) -> None:
        """Create a series of `length` empty rows; `columns` maps names to further dimensions."""
        series = cls(folder, np.full(length, -1, np.int64), {})
        series._marks.create((MARK,))
        for name, dims in (columns or {}).items():
            series._add_column(name, dims)

    @classmethod
    def open(cls, folder: Path, label: str) -> Series:
        """Open a series on disk; `frames` is no column of it, but is resized with it."""
        reader = open_folder(folder, label)
        names = [path.name for path, _ in disk.arrays_along(folder, MARK)]
        values = {n: np.asarray(reader.required_array(n)[:]) for n in names if n != "frames"}
        return cls(folder, values.pop(MARK), values)

    @property
    def length(self) -> int:
        return self._marks.length

    @property
    def last(self) -> int:
        """The last marked iteration; -1 if there is none."""
        return int(self._marks.values[self.count - 1]) if self.count else -1

    def next_row(self, iteration: int) -> int:
        """The row for an iteration, which must be above the last one; room is made for it."""
        if iteration <= self.last:
            msg = f"iteration {iteration} is not above {self.last}, which is already saved"
            raise ValueError(msg)
        if self.count >= self.length:
            self.resize(2 * self.count + 1)
        return self.count

    def append(self, iteration: int, values: Mapping[str, Any]) -> None:
        """Write a row, then mark it."""
        row = self.next_row(iteration)
        for name, value in values.items():
            column = self._columns.get(name) or self._add_column(name, {})
            column.put(row, np.asarray(value, np.float64)[np.newaxis])
            column.flush()
        self._marks.put(row, np.array([iteration]))
        self._marks.flush()
        self.count += 1

    def keep(self, until: int) -> None:
        """Remove the rows whose iteration is above `until`, the marks first."""
        marked = self._marks.values[: self.count]
        self.count = int(np.searchsorted(marked, until, side="right"))
        for column in (self._marks, *self._columns.values()):
            column.clear(self.count)
            column.flush()

    def resize(self, length: int) -> None:
        """Change the number of rows that there is room for; marked rows stay."""
        length = max(length, self.count)
        if disk.has_length(self.folder, MARK, length):
            return
        # unmarked rows are removed first: during the resize xarray would show them
        for step in dict.fromkeys((self.count, length)):
            disk.resize(self.folder, MARK, step)
            for column in (self._marks, *self._columns.values()):
                column.resized(step)

    def trim(self) -> None:
        self.resize(self.count)

    def _add_column(self, name: str, dims: Mapping[str, int]) -> Column:
        values = np.full((self.length, *dims.values()), np.nan)
        with disk.new_folder(self.folder / name, self._marks.folder) as partial:
            Column(partial, values).create((MARK, *dims))
        self._columns[name] = Column(self.folder / name, values)
        return self._columns[name]
