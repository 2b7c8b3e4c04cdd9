"""The trajectory store: what is fitted, and the runs that fitted it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sized
from contextlib import ExitStack
from itertools import count, takewhile
from pathlib import Path
from typing import Any, Self

from dipcli.degrade import Model, recorded
from dipcli.errors import BadStore, DipError
from dipcli.images import Floats, Image
from dipcli.store import disk
from dipcli.store.creation import create_store, lay_out_run, run_attributes, whereabouts
from dipcli.store.describe import describe
from dipcli.store.disk import writing
from dipcli.store.layout import RUN_SCRATCH, STORE_SCRATCH, SaveDtype
from dipcli.store.lock import Lock
from dipcli.store.opening import Named, check_root, source_of
from dipcli.store.run import Run, read_whole
from dipcli.store.sources import Source, from_folder, reading
from dipcli.store.writer import RunWriter

NAME = re.compile(r"run-(0|[1-9]\d{0,8})")


class Store:
    """A store that is open: to read it, and to write it after `create` or `edit`."""

    def __init__(self, source: Source, lock: Lock | None = None, *, writable: bool = False) -> None:
        self.name = source.label
        self._source = source
        self._lock = lock
        self._writable = writable
        with reading(self.name):
            self.attrs: dict[str, Any] = dict(check_root(source))

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
        model: Model | None = None,
        attrs: Mapping[str, Any] | None = None,
        force: bool = False,
    ) -> Store:
        """Make a store without runs, and hold the right to write it until `close`.

        What exists is replaced only by `force`, and a folder that is something else never.
        """
        place = _local(path)
        root = {**describe(image, name, task, flash, model), **(attrs or {})}
        others = {"clean": clean, "flash": flash}
        lock = create_store(place, image, others, root, force=force)
        return cls(from_folder(place, str(path)), lock, writable=True)

    @classmethod
    def edit(cls, path: str | os.PathLike[str], *, lock: bool = True) -> Store:
        """Open a store to write runs.

        A process that writes one run of a store whose writer started it says `lock=False`: the
        store's lock is its parent's, and the run has a lock of its own.
        """
        place = _local(path)
        if place.is_file():
            msg = f"{path} is a file, and is only read; unzip it to write it"
            raise BadStore(msg)
        store = cls(source_of(place, str(path)), writable=True)
        if lock:
            with writing(str(path)):
                store._lock = Lock(place / STORE_SCRATCH, str(path))
                disk.sweep(place / STORE_SCRATCH)
                disk.unconsolidate(place, place / STORE_SCRATCH)
        return store

    @property
    def target(self) -> Floats:
        """What is fitted; unknown pixels are NaN. (channel, y, x)"""
        return self._image("target")

    @property
    def clean(self) -> Floats | None:
        """What the target would be without its noise, if that was given. (channel, y, x)"""
        with reading(self.name):
            return read_whole(self._source, "clean")

    @property
    def flash(self) -> Floats | None:
        """A second image of the scene, which the fit began from. (channel, y, x)"""
        with reading(self.name):
            return read_whole(self._source, "flash")

    @property
    def model(self) -> Model | None:
        """What an output goes through before it is compared with the target; None: nothing."""
        with reading(self.name):
            return recorded(self.attrs.get("model"))

    @property
    def alpha(self) -> Floats | None:
        """The opacity of the target, if it had one. (y, x)"""
        with reading(self.name):
            return read_whole(self._source, "alpha", ndim=2)

    @property
    def runs(self) -> list[Run]:
        """The runs that are there now, in the order of their numbers."""
        with reading(self.name):
            found = sorted(int(m[1]) for m in map(NAME.fullmatch, self._source.names()) if m)
            if not found and "://" in self.name:
                # a plain web server does not list what it has
                found = list(takewhile(self._has_run, count()))
            return [Run(self._source, number) for number in found if self._has_run(number)]

    def run(self, number: int) -> Run:
        """The run of a number."""
        with reading(self.name):
            there = self._has_run(number)
        if not there:
            names = ", ".join(run.name for run in self.runs) or "none"
            msg = f"{self.name} has no run-{number}; there are: {names}"
            raise BadStore(msg)
        return Run(self._source, number)

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
        """Begin a run of so many frames (or these iterations) of `size` (channel, y, x)."""
        root, label = self._folder(), f"{self.name}/run-{number}"
        place = root / f"run-{number}"
        if place.exists():
            msg = f"{label} is there already: resume it, or take another number"
            raise BadStore(msg)
        said = run_attributes(seed, config, **attrs)
        with writing(label), disk.appearing(place, root / STORE_SCRATCH) as hidden:
            lay_out_run(
                hidden, said, str(self.attrs["image"]), _number(saves), steps, size, save_dtype
            )
            lock = Lock(hidden / RUN_SCRATCH, label)
        lock.moved(place / RUN_SCRATCH)
        return RunWriter(place, lock, label)

    def resume_run(
        self,
        number: int,
        *,
        saves: int | Sized,
        steps: int,
        keep_until: int | None = None,
        **attrs: Any,
    ) -> RunWriter:
        """Go on with a run, with room for so many frames and steps in all.

        Frames and step losses above `keep_until` are taken away, to be written again.
        """
        place, label = self._folder() / f"run-{number}", self.run(number).label
        with ExitStack() as undo, reading(label), writing(label):
            lock = Lock(place / RUN_SCRATCH, label)
            undo.callback(lock.release)
            disk.sweep(place)
            writer = RunWriter(place, lock, label)
            if keep_until is not None:
                writer.rewind(keep_until)
            writer.reserve(_number(saves), steps)
            writer.update(**{"status": "running", "error": None, **whereabouts(), **attrs})
            undo.pop_all()
        return writer

    def close(self) -> None:
        """Let go of the store; runs that are being written are their writers'."""
        self._source.close()
        if self._lock is not None:
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _image(self, name: str) -> Floats:
        with reading(self.name):
            pixels = read_whole(self._source, name)
        if pixels is None:
            msg = f"{self.name}/{name} is missing"
            raise BadStore(msg)
        return pixels

    def _has_run(self, number: int) -> bool:
        return self._source.node(f"run-{number}") is not None

    def _folder(self) -> Path:
        if self._source.folder is None or not self._writable:
            msg = f"{self.name} is open to be read only"
            raise DipError(msg)
        return self._source.folder


def open_store(name: Named, label: str = "") -> Store:
    """Open a folder, a zip, an address, or the bytes or the stream of a zip, to read it."""
    return Store(source_of(name, label))


def _number(saves: int | Sized) -> int:
    return saves if isinstance(saves, int) else len(saves)


def _local(path: str | os.PathLike[str]) -> Path:
    if "://" in str(path):
        msg = f"cannot write {path}: a store is written to a folder of this machine"
        raise DipError(msg)
    return Path(path)
