"""A trajectory store: the target of a fit, and its runs."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sized
from contextlib import ExitStack
from html import escape
from itertools import count, takewhile
from pathlib import Path
from typing import Any, Self

from dipcli.degrade import ForwardModel, read_model
from dipcli.errors import BadStore, DipError
from dipcli.files import write_errors
from dipcli.images import Floats, Image
from dipcli.store import disk
from dipcli.store.access import Reader, StoreLike, open_folder, open_reader, read_errors
from dipcli.store.attributes import (
    page_numbers,
    process_attributes,
    root_attributes,
    run_attributes,
)
from dipcli.store.create import create_run, create_store
from dipcli.store.disk import Lock
from dipcli.store.layout import PARTIAL, RUN, RUN_SCRATCH, STORE_SCRATCH, SaveDtype
from dipcli.store.mirror import Remote
from dipcli.store.run import Run
from dipcli.store.safety import bad, check_root, refuse_links
from dipcli.store.writer import RunWriter


class Store:
    """An open store: `open_store` opens it to read, `create` and `edit` to write runs."""

    def __init__(self, reader: Reader, lock: Lock | None = None, *, writable: bool = False) -> None:
        self.name = reader.label
        self._reader = reader
        self._lock = lock
        self._remote: Remote | None = None
        self._writable = writable
        with read_errors(self.name):
            self.attrs: dict[str, Any] = dict(check_root(reader))

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        image: Image,
        *,
        name: str,
        task: str = "denoise",
        clean: Image | None = None,
        flash: Image | None = None,
        model: ForwardModel | None = None,
        attrs: Mapping[str, Any] | None = None,
        force: bool = False,
    ) -> Store:
        """Create a store without runs, locked for writing until `close`.

        `force` replaces an existing file or store, but never another directory.
        """
        folder = _local(path)
        root = {**root_attributes(image, name, task, flash, model), **(attrs or {})}
        others = {"clean": clean, "flash": flash}
        lock = create_store(folder, image, others, root, force=force)
        return cls(open_folder(folder, str(path)), lock, writable=True)

    @classmethod
    def edit(cls, path: str | os.PathLike[str], *, lock: bool = True) -> Store:
        """Open a store to write runs.

        `lock=False` is for a worker process that writes one run: its parent holds the lock of
        the store, and each run has a lock of its own.
        """
        folder = _local(path)
        if folder.is_file():
            raise bad(str(path), "is a file and can only be read; unzip it to write")
        store = cls(open_reader(folder, str(path)), writable=True)
        with read_errors(str(path)):
            refuse_links(folder, str(path))
        if lock:
            with write_errors(str(path)):
                scratch = folder / STORE_SCRATCH
                store._lock = Lock(scratch, str(path))
                disk.sweep(scratch)
                disk.clear_runs(folder)
                disk.unconsolidate(folder, scratch)
        return store

    @property
    def target(self) -> Floats:
        """The image that is fitted; unknown pixels are NaN. (channel, y, x)"""
        with read_errors(self.name):
            pixels = self._reader.image("target")
        if pixels is None:
            msg = f"{self.name}/target is missing"
            raise BadStore(msg)
        return pixels

    @property
    def planes(self) -> int:
        """The number of planes of a volume; 1 for an image."""
        channels = self._reader.required_array("target").shape[0]
        return max(1, len(page_numbers(self.attrs, channels, self.name)))

    @property
    def clean(self) -> Floats | None:
        """The clean image of `--clean`; None without it. (channel, y, x)"""
        with read_errors(self.name):
            return self._reader.image("clean")

    @property
    def flash(self) -> Floats | None:
        """The image with flash of `--task flash`; None without it. (channel, y, x)"""
        with read_errors(self.name):
            return self._reader.image("flash")

    @property
    def model(self) -> ForwardModel | None:
        """The degradation that a frame goes through before it is compared with the target."""
        with read_errors(self.name):
            return read_model(self.attrs.get("model"))

    @property
    def alpha(self) -> Floats | None:
        """The opacity of the target; None if it had no alpha channel. (y, x)"""
        with read_errors(self.name):
            return self._reader.image("alpha", ndim=2)

    @property
    def runs(self) -> list[Run]:
        """All runs that the store has now, by number."""
        with read_errors(self.name):
            matches = (re.fullmatch(RUN, name) for name in self._reader.names())
            numbers = sorted(int(match[1]) for match in matches if match)
            if not numbers and "://" in self.name:
                # a plain web server lists no folders
                numbers = list(takewhile(self._has_run, count()))
            return [Run(self._reader, number) for number in numbers if self._has_run(number)]

    def run(self, number: int) -> Run:
        """The run named `run-NUMBER`."""
        with read_errors(self.name):
            exists = self._has_run(number)
        if not exists:
            names = ", ".join(run.name for run in self.runs) or "none"
            raise bad(self.name, f"has no run-{number}; its runs: {names}")
        return Run(self._reader, number)

    def create_run(
        self,
        number: int,
        seed: int,
        config: Mapping[str, Any],
        *,
        saves: int | Sized,
        steps: int,
        size: tuple[int, int, int],
        save_dtype: SaveDtype = "float16",
        **attrs: Any,
    ) -> RunWriter:
        """Create a run with room for `saves` frames of `size` (channel, y, x) and `steps` losses.

        `saves` is the number of frames or the iterations themselves.
        """
        root, label = self._folder(), f"{self.name}/run-{number}"
        folder = root / f"run-{number}"
        if folder.exists():
            raise bad(label, "exists; resume it, or choose another number")
        attrs, image = run_attributes(seed, config, **attrs), str(self.attrs["image"])
        with write_errors(label), disk.new_folder(folder, root / STORE_SCRATCH) as partial:
            create_run(partial, attrs, image, _count(saves), steps, size, save_dtype)
            lock = Lock(partial / RUN_SCRATCH, label)
            lock.prepare_move()
        lock.moved(folder / RUN_SCRATCH)
        return RunWriter(folder, lock, label)

    def resume_run(
        self,
        number: int,
        *,
        saves: int | Sized,
        steps: int,
        keep_until: int | None = None,
        **attrs: Any,
    ) -> RunWriter:
        """Resume a run, with room for this total number of frames and steps.

        Frames and step losses after `keep_until` are removed, to be written again.
        """
        folder, label = self._folder() / f"run-{number}", self.run(number).label
        with ExitStack() as undo, read_errors(label), write_errors(label):
            lock = Lock(folder / RUN_SCRATCH, label)
            undo.callback(lock.release)
            disk.sweep(folder)
            writer = RunWriter(folder, lock, label)
            if keep_until is not None:
                writer.rewind(keep_until)
            writer.reserve(_count(saves), steps)
            writer.update(**{"status": "running", "error": None, **process_attributes(), **attrs})
            undo.pop_all()
        return writer

    def publish(self, remote: Remote, *, new: bool) -> None:
        """Repeat all changes at an address, from now on until `close`."""
        self._remote = remote
        remote.publish(new=new)

    def close(self) -> None:
        """Close the store and release its lock; the writers of its runs stay open."""
        self._reader.close()
        if self._lock is not None:
            self._lock.release()
        if self._remote is not None:
            self._remote.close()
            self._remote = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _repr_html_(self) -> str:
        """A table of the runs, which notebooks show."""
        height, width = self.target.shape[1:]
        rows = [("run", "status", "iterations", "psnr")]
        for run in self.runs:
            attrs, saved = run.attrs, run.iterations
            psnr = attrs.get("psnr")
            last = str(saved[-1]) if len(saved) else ""
            decibels = f"{psnr:.2f}" if isinstance(psnr, float) else ""
            rows.append((run.name, str(attrs.get("status")), last, decibels))
        caption = f"{self.name}: {self.attrs['image']}, {width} x {height}, {self.attrs['task']}"
        cells = ("".join(f"<td>{escape(text)}</td>" for text in row) for row in rows)
        body = "".join(f"<tr>{row}</tr>" for row in cells)
        return f"<table><caption>{escape(caption)}</caption>{body}</table>"

    def _has_run(self, number: int) -> bool:
        return self._reader.node(f"run-{number}") is not None

    def _folder(self) -> Path:
        if self._reader.folder is None or not self._writable:
            msg = f"{self.name} is open for reading only; open it with Store.edit to write"
            raise DipError(msg)
        return self._reader.folder


def open_store(name: StoreLike, label: str = "") -> Store:
    """Open a folder, a zip, a URL, or the bytes or the stream of a zip for reading."""
    return Store(open_reader(name, label))


def stop_file(store: str) -> Path:
    """The file in a store's folder that asks its runs to stop; who edits the store deletes it."""
    return Path(store) / STORE_SCRATCH / f"stop{PARTIAL}"


def _count(saves: int | Sized) -> int:
    return saves if isinstance(saves, int) else len(saves)


def _local(path: str | os.PathLike[str]) -> Path:
    if "://" in str(path):
        msg = (
            f"cannot write {path}: a store is made in a folder on this machine; `dip fit -o` and "
            "dip.fit(store=) write to addresses too"
        )
        raise DipError(msg)
    return Path(path)
