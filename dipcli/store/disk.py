"""Write the files of a store so that it is valid after SIGKILL at any moment, and lock it.

A file is written beside its destination and renamed; a group or an array is built in a scratch
folder and renamed with its contents. Chunks are encoded here and not by zarr, which takes three
times as long for a small file, leaves partial files where listing a group fails on them, and
writes an array's description before its data.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import socket
import stat
import warnings
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from dipcli.errors import BadStore
from dipcli.files import write_errors
from dipcli.store.layout import LOCK, META, PARTIAL, RUN_SCRATCH, array_metadata, dumps, shuffle
from dipcli.temporary import NO_LINK, is_open_at

Buffer = bytes | memoryview
Array = npt.NDArray[Any]

WINDOWS = os.name == "nt"
# errors of a file system or a system without locks, where a store is written without one
NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}


class Watcher(Protocol):
    """Who is told of every change below a folder, in the order of the changes."""

    def changed(self, path: Path) -> None: ...

    def removed(self, path: Path) -> None: ...


WATCHERS: list[Watcher] = []


def tell_changed(path: Path) -> None:
    """A file, or a folder with all that is in it, has come to its place."""
    for watcher in WATCHERS:
        watcher.changed(path)


def tell_removed(path: Path) -> None:
    for watcher in WATCHERS:
        watcher.removed(path)


def put(path: Path, data: Buffer, *, scratch: Path | None = None, sync: bool = False) -> None:
    """Write a whole file or nothing; the partial file is in `scratch`, or beside `path`."""
    partial = (scratch or path.parent) / f"{path.name}{PARTIAL}"
    with write_errors(str(path)):
        try:
            _write(partial, data, sync)
        except FileNotFoundError:
            partial.parent.mkdir(parents=True, exist_ok=True)
            _write(partial, data, sync)
        partial.replace(path)
        if sync:
            sync_folder(path.parent)
    tell_changed(path)


def get(path: Path) -> bytes:
    """The bytes of a file; a FIFO or a device, whose reading may not end, is refused."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return path.read_bytes()


def _write(path: Path, data: Buffer, sync: bool) -> None:
    with path.open("wb") as file:
        file.write(data)
        if sync:
            file.flush()
            os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a loss of power, where the system can."""
    if not hasattr(os, "O_DIRECTORY"):  # Windows opens no folders; NTFS journals their entries
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def encode(array: Array) -> bytes:
    """Encode one chunk exactly as zarr's codecs `bytes` and `blosc` do."""
    from numcodecs import blosc

    # with threads, the order of the blocks, and so the bytes, would differ from run to run
    blosc.use_threads = False
    mode = blosc.SHUFFLE if shuffle(array.dtype.name) == "shuffle" else blosc.BITSHUFFLE
    return bytes(blosc.Blosc(cname="zstd", clevel=3, shuffle=mode).encode(little_endian(array)))


def little_endian(array: Array) -> Array:
    """The array in C order and little-endian."""
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))


def chunk_path(folder: Path, index: Sequence[int]) -> Path:
    return folder.joinpath("c", *map(str, index))


def new_array(
    folder: Path, shape: Sequence[int], chunks: Sequence[int], dtype: str, dims: Sequence[str]
) -> None:
    """Create an array without chunks."""
    put(folder / META, array_metadata(shape, chunks, dtype, dims))


def new_image(folder: Path, pixels: Array, dims: Sequence[str]) -> None:
    """Create an array that is one chunk."""
    new_array(folder, pixels.shape, pixels.shape, pixels.dtype.name, dims)
    put(chunk_path(folder, [0] * pixels.ndim), encode(pixels))


@contextmanager
def new_folder(path: Path, scratch: Path) -> Iterator[Path]:
    """Yield a folder in `scratch` to fill; it is then renamed to `path`."""
    partial = scratch / f"{path.name}{PARTIAL}"
    remove(partial)
    partial.mkdir(parents=True)
    yield partial
    partial.rename(path)
    tell_changed(path)


def remove(folder: Path) -> None:
    """Delete a folder and its contents, if it exists."""
    shutil.rmtree(folder, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Delete the partial files and folders of a killed writer."""
    for path in list(folder.rglob(f"*{PARTIAL}")):
        with suppress(OSError):  # the next sweep may succeed
            remove(path) if path.is_dir() else path.unlink()


def unconsolidate(group: Path, scratch: Path) -> None:
    """Delete consolidated metadata, which another program may have added.

    A reader that trusts it would not see what is written from now on.
    """
    document = json.loads(get(group / META))
    if document.pop("consolidated_metadata", None) is not None:
        put(group / META, dumps(document), scratch=scratch)


def has_length(group: Path, dim: str, length: int) -> bool:
    """Whether all arrays of a group whose first dimension is `dim` have this length."""
    return all(
        document["shape"][0] == length and document["dimension_names"][0] == dim
        for _, document in arrays_along(group, dim)
    )


def resize(group: Path, dim: str, length: int) -> None:
    """Set the length of all arrays of a group whose first dimension is `dim`.

    xarray refuses a group in which two arrays have different lengths of one dimension, and the
    arrays change one by one. So each first gets a dimension of its own, with the smaller of the
    two lengths, and gets `dim` back once the array named `dim` (or the only array) has changed.
    """
    arrays = dict(arrays_along(group, dim))
    others = [folder for folder in arrays if folder.name != dim and len(arrays) > 1]
    for folder in others:
        shorter = min(arrays[folder]["shape"][0], length)
        _describe(folder, arrays[folder], f"{folder.name}:{dim}", shorter)
    for folder in [*(arrays.keys() - set(others)), *others]:
        _describe(folder, arrays[folder], dim, length)
    for folder, document in arrays.items():
        rows = document["chunk_grid"]["configuration"]["chunk_shape"][0]
        drop_chunks(folder, -(-length // rows))


def _describe(folder: Path, document: dict[str, Any], dim: str, length: int) -> None:
    """Change the name and the length of an array's first dimension."""
    document["dimension_names"][0] = dim
    document["shape"][0] = length
    put(folder / META, dumps(document))


def arrays_along(group: Path, dim: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Arrays of a group whose first dimension is `dim`, also after an interrupted resize."""
    for path in sorted(group.glob(f"*/{META}")):
        document = json.loads(get(path))
        first = (document.get("dimension_names") or [""])[0]
        if first in (dim, f"{path.parent.name}:{dim}"):
            yield path.parent, document


def drop_chunks(folder: Path, count: int) -> None:
    """Delete the chunks of an array from index `count` on along its first axis."""
    chunks = folder / "c"
    for path in list(chunks.iterdir()) if chunks.is_dir() else []:
        if path.name.isdecimal() and int(path.name) >= count:
            remove(path) if path.is_dir() else path.unlink()
            tell_removed(path)


class Lock:
    """Exclusive right to write a store or a run, from construction until `release`.

    A lock of the operating system on a file in `folder` that holds the owner's host and pid. The
    system releases it when its process dies, and it follows the file when the folder is renamed.
    filelock locks the descriptor; its FileLock cannot be used, as it is bound to a path.
    """

    def __init__(self, folder: Path, label: str) -> None:
        self._path = folder / LOCK
        self._label = label
        self._handle: int | None = self._acquire()
        _locks.add(self)

    def _acquire(self) -> int:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # filelock warns on a system without native locks
            from filelock import lock_descriptor

        while True:
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | NO_LINK, 0o666)
            if os.fstat(handle).st_nlink > 1:  # the file is written in place
                os.close(handle)
                msg = f"{self._path} has another name too: remove it"
                raise BadStore(msg)
            try:
                acquired = lock_descriptor(handle, blocking=False)
            except OSError as error:
                if error.errno not in NO_LOCKS:
                    os.close(handle)
                    raise
                acquired = True
            if not acquired:
                message = self._owner(handle)
                os.close(handle)
                raise BadStore(message)
            if is_open_at(self._path, handle):
                break
            os.close(handle)  # its owner deleted the file after we opened it
        os.ftruncate(handle, 0)
        # Windows lets nobody read the locked first byte
        text = f"{' ' * WINDOWS}pid {os.getpid()} on {socket.gethostname()}\n"
        os.write(handle, text.encode())
        return handle

    def _owner(self, handle: int) -> str:
        os.lseek(handle, int(WINDOWS), os.SEEK_SET)
        owner = os.read(handle, 256).decode(errors="replace").strip() or "another process"
        return f"{self._label} is being written by {owner}; wait until it ends, or end it"

    def prepare_move(self) -> None:
        """Call before the folder of the lock is renamed."""
        if WINDOWS:  # it renames no folder in which a file is open
            self.release()

    def moved(self, folder: Path) -> None:
        """Call after the folder of the lock was renamed to `folder`."""
        self._path = folder / LOCK
        if self._handle is None:
            self._handle = self._acquire()

    def release(self) -> None:
        """Let others write; a second call does nothing."""
        if self._handle is None:
            return
        # the file is deleted while it is locked: afterwards, or in another store that replaced
        # this one, the name may be that of another process's lock
        if is_open_at(self._path, self._handle):
            with suppress(PermissionError):  # Windows deletes no open file
                self._path.unlink(missing_ok=True)
        self.close_handle()

    def close_handle(self) -> None:
        """Release the lock without deleting its file."""
        if self._handle is not None:
            os.close(self._handle)
        self._handle = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def clear_runs(store: Path) -> None:
    """Delete what is left in runs that nobody writes, where an earlier removal failed."""
    for scratch in store.glob(f"run-*/{RUN_SCRATCH}"):
        if any(path.name == LOCK or path.name.endswith(PARTIAL) for path in scratch.iterdir()):
            with suppress(BadStore), Lock(scratch, str(store)):
                sweep(scratch)


_locks: weakref.WeakSet[Lock] = weakref.WeakSet()


def _close_inherited_locks() -> None:
    """A forked child would keep the lock of a parent that has died."""
    for lock in list(_locks):
        lock.close_handle()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_inherited_locks)
