"""Create a store beside its destination and rename it, so that it is whole or absent."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import numpy as np

from dipcli.errors import DipError, OutputExists
from dipcli.files import write_errors
from dipcli.images import Image
from dipcli.store import disk
from dipcli.store.attributes import plain
from dipcli.store.disk import Lock
from dipcli.store.layout import (
    FRAME_DIMS,
    IMAGE_DIMS,
    MAX_CHUNK,
    META,
    PARTIAL,
    RUN_SCRATCH,
    STEPS,
    STORE_SCRATCH,
    TARGET_DIMS,
    SaveDtype,
    group_metadata,
    ome,
)
from dipcli.store.safety import is_root, refuse_links
from dipcli.store.series import Column, Series


def recover_store(path: Path) -> None:
    """Delete what killed processes left beside a store; put back a store that one was replacing."""
    folder = Path(os.path.realpath(path))
    name = re.compile(rf"\.{re.escape(folder.name)}\.\d+(\.old)?{PARTIAL}")
    entries = folder.parent.iterdir() if folder.parent.is_dir() else ()
    for left in [entry for entry in entries if name.fullmatch(entry.name)]:
        with suppress(DipError, OSError), ExitStack() as locks:  # of a process that lives
            if left.is_symlink() or not left.is_dir():
                continue
            refuse_links(left, str(left))
            _lock_all(locks, left, str(path))
            if left.name.endswith(f".old{PARTIAL}") and not os.path.lexists(folder):
                left.rename(folder)
            else:
                disk.remove(left)


def delete_store(path: Path) -> None:
    """Delete a store; it is renamed first, so that no part of it is ever found under its name."""
    folder = Path(os.path.realpath(path))
    with ExitStack() as locks, write_errors(str(path)):
        _lock_all(locks, folder, str(path))
        if disk.WINDOWS:  # it renames no folder in which a file is open
            locks.close()
        partial = _hidden(folder)
        folder.rename(partial)
        disk.remove(partial)


def make_group(folder: Path) -> None:
    """Make a folder of stores in a store, if there is none."""
    if not (folder / META).exists():
        disk.put(folder / META, group_metadata())


def remove_folder(folder: Path) -> None:
    """Delete a folder of a store that is not needed any more."""
    disk.remove(folder)


def _hidden(folder: Path, kind: str = "") -> Path:
    """The name, beside a store, of what is not the store yet or no more."""
    return folder.with_name(f".{folder.name}.{os.getpid()}{kind}{PARTIAL}")


def create_store(
    path: Path,
    image: Image,
    others: Mapping[str, Image | None],
    attrs: Mapping[str, Any],
    *,
    force: bool,
) -> Lock:
    """Create a store without runs at `path`; return its lock."""
    folder = Path(os.path.realpath(path))  # the target of a link is replaced, not the link
    new = _hidden(folder)
    with ExitStack() as undo, write_errors(str(path)):
        replaced = _replaceable(folder, str(path), force=force)
        locks = undo.enter_context(ExitStack())
        if replaced:
            _lock_all(locks, folder, str(path))
        undo.callback(disk.remove, new)  # after a success `new` has been renamed
        lock = _locked_folder(new, str(path))
        try:
            _create_arrays(new, image, others, attrs)
            lock.prepare_move()
            if disk.WINDOWS:  # it renames no folder in which a file is open
                locks.close()
            _move(new, folder, replace=replaced)
        except BaseException:
            lock.release()
            raise
    lock.moved(folder / STORE_SCRATCH)
    return lock


def _locked_folder(folder: Path, label: str) -> Lock:
    """Make the folder of a store, and lock it."""
    while True:
        (folder / STORE_SCRATCH).mkdir(parents=True, exist_ok=True)
        # until it is locked, another process may take it for that of a dead one and delete it
        with suppress(FileNotFoundError):
            return Lock(folder / STORE_SCRATCH, label)


def _replaceable(folder: Path, label: str, *, force: bool) -> bool:
    """Whether there is a store to replace; OutputExists if what is there must not be replaced."""
    if not folder.exists():
        return False
    if is_root(folder):
        if not force:
            msg = f"{label} exists; -f replaces it"
            raise OutputExists(msg)
        refuse_links(folder, label)
        return True
    kind = "a directory" if folder.is_dir() else "a file"
    msg = f"{label} is {kind} that is not a store of dip; refusing to overwrite it"
    raise OutputExists(msg)


def _lock_all(locks: ExitStack, folder: Path, label: str) -> None:
    """Lock a store and all of its runs; a file has none."""
    for scratch in (folder / STORE_SCRATCH, *folder.glob(f"run-*/{RUN_SCRATCH}")):
        if scratch.is_dir():
            locks.enter_context(Lock(scratch, label))


def _move(new: Path, folder: Path, *, replace: bool) -> None:
    """Rename `new` to `folder`; if that fails, restore the former store."""
    if not replace:
        try:
            new.rename(folder)
        except OSError as error:
            if folder.exists():
                msg = f"{folder} exists; another process has just created it"
                raise OutputExists(msg) from error
            raise
        return
    old = _hidden(folder, ".old")
    folder.rename(old)
    try:
        new.rename(folder)
    except OSError:
        old.rename(folder)
        raise
    old.rename(new)  # `old` would be put back, were it found
    disk.remove(new)


def _create_arrays(
    folder: Path, image: Image, others: Mapping[str, Image | None], attrs: Mapping[str, Any]
) -> None:
    """Create the arrays and the attributes of the root."""
    smaller = str(attrs["task"]).startswith("sr")
    dims = TARGET_DIMS if smaller else IMAGE_DIMS
    _put_image(folder / "target", image.pixels, dims)
    if image.alpha is not None:
        _put_image(folder / "alpha", image.alpha, dims[1:])
    for name, other in others.items():
        if other is None:
            continue
        if other.channels != image.channels or (other.size != image.size and not smaller):
            shapes = f"{other.pixels.shape}, the target {image.pixels.shape}"
            msg = f"the {name} image has shape {shapes}"
            raise DipError(msg)
        _put_image(folder / name, other.pixels, IMAGE_DIMS)
    disk.put(folder / META, group_metadata(dip=plain(attrs)))


def _put_image(folder: Path, pixels: Any, dims: tuple[str, ...]) -> None:
    check_size(pixels.shape, "float32")
    disk.new_image(folder, np.asarray(pixels, np.float32), dims)


def check_size(size: tuple[int, ...], dtype: str) -> None:
    """Refuse an image that is empty, or larger than one chunk may be."""
    if 0 in size or math.prod(size) * np.dtype(dtype).itemsize > MAX_CHUNK:
        msg = f"an image of {' x '.join(map(str, size))} values cannot be stored"
        raise DipError(msg)


def create_run(
    folder: Path,
    attrs: Mapping[str, Any],
    image: str,
    saves: int,
    steps: int,
    size: tuple[int, int, int],
    save_dtype: SaveDtype,
) -> None:
    """Create the empty arrays of a run; `image` is the title that viewers show."""
    check_size(size, save_dtype)
    disk.new_array(folder / "frames", (saves, *size), (1, *size), save_dtype, FRAME_DIMS)
    Series.create(folder, saves)
    Column(folder / "step_loss", np.full(steps, np.nan), STEPS).create(("step",))
    disk.put(folder / META, group_metadata(dip=plain(attrs), ome=ome(image, size[0])))
