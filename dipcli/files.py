"""Write output files so that each is complete or absent."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple

from dipcli.bucket import Bucket, is_address, split
from dipcli.errors import DipError, OutputExists
from dipcli.temporary import remove_dead_files, temporary_file


class Folder(NamedTuple):
    """A folder to write: its files by their paths in it, and which folders it may replace."""

    contents: Mapping[str, bytes]
    replaceable: Callable[[Path], bool]
    what: str  # the noun for replaceable folders, as in "an OME-Zarr image"


def put(path: str | Path, data: bytes | Folder, *, force: bool = False) -> bool:
    """Write a file beside its destination, then rename it; False if it held these bytes already.

    Only `force` replaces another file. Devices and FIFOs are written in place. A folder is written
    as a file is. An address is one of a bucket.
    """
    if is_address(str(path)):
        return _put_objects(str(path), data, force=force)
    path = Path(path)
    with write_errors(str(path)):
        if not isinstance(data, bytes):
            return _put_folder(path, data, force=force)
        if in_place(path):
            with path.open("wb") as file:  # a directory raises its own error
                file.write(data)
        elif path.exists() and path.stat().st_size == len(data) and path.read_bytes() == data:
            remove_dead_files(*_partial(path))
            return False
        else:
            with atomic_file(path, force=force) as file:
                file.write(data)
    return True


def _put_objects(address: str, data: bytes | Folder, *, force: bool) -> bool:
    """Write an object, or those of a folder, the one that describes it last."""
    if isinstance(data, bytes):
        bucket, name = split(address)
        contents: Mapping[str, bytes] = {name: data}
        there = [name] if bucket.exists(name) else []
    else:
        bucket, contents = Bucket(address), data.contents
        there = bucket.names()
    if set(there) == set(contents) and all(bucket.get(n) == c for n, c in contents.items()):
        return False
    check(address, force=force)
    bucket.delete(there)
    for name in sorted(contents, key=lambda name: -name.count("/")):
        bucket.put(name, contents[name])
    return True


def in_place(path: Path) -> bool:
    """Whether a path is a device or a FIFO, or /dev/stdout, which may be an open file."""
    return path.is_relative_to("/dev") or (path.exists() and not path.is_file())


def is_device(name: str) -> bool:
    """Whether a name is that of a device or a FIFO: it says nothing about what goes in."""
    try:
        return in_place(Path(name)) and not Path(name).is_dir()
    except OSError:
        return False


def is_same(name: str, other: str) -> bool:
    """Whether two names are those of one file or folder."""
    try:
        return Path(name).samefile(other) and not is_device(other)
    except (OSError, ValueError):  # one of them is no file
        return False


def check(path: str | Path, *, force: bool) -> None:
    """Raise the error of `put` before the work instead of after it."""
    if is_address(str(path)):
        bucket, name = split(str(path))
        if not force and (bucket.exists(name) or bucket.names(f"{name}/")):
            msg = f"{path} exists and holds something else; -f replaces it"
            raise OutputExists(msg)
        return
    path = Path(path)
    with write_errors(str(path)):
        if not path.exists():
            folder = next(parent for parent in path.absolute().parents if parent.exists())
            if not folder.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        elif path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        elif not in_place(path) and not force:
            msg = f"{path} exists and holds something else; -f replaces it"
            raise OutputExists(msg)


def _put_folder(path: Path, data: Folder, *, force: bool) -> bool:
    folder = path.resolve()  # the target of a link is replaced, not the link
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = folder.parent, f".{folder.name}.", ".partial.lock"
    clear = partial(_clear_folders_of, folder)
    remove_dead_files(*beside, clear)
    if _holds(folder, data.contents):
        return False
    check_folder(path, data.replaceable, data.what, force=force)
    with temporary_file(*beside, clear) as lock:
        new = lock.with_suffix("")
        for name, content in data.contents.items():
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            (new / name).write_bytes(content)
        if folder.exists():
            folder.rename(lock.with_suffix(".old"))
        new.rename(folder)
    return True


def check_folder(
    path: str | Path, replaceable: Callable[[Path], bool], what: str, *, force: bool
) -> None:
    """Raise the error of `put` before the work instead of after it."""
    path = path if is_address(str(path)) else Path(path)
    if isinstance(path, str) or not os.path.lexists(path):
        check(path, force=force)
    elif not replaceable(path):
        kind = "a folder" if path.is_dir() else "a file"
        msg = f"{path} is {kind} that is not {what}; refusing to overwrite it"
        raise OutputExists(msg)
    elif not force:
        msg = f"{path} exists and holds something else; -f replaces it"
        raise OutputExists(msg)


def _clear_folders_of(folder: Path, lock: Path) -> bool:
    """Whether the folders beside a folder are gone; one that was to be replaced is put back."""
    new, old = lock.with_suffix(""), lock.with_suffix(".old")
    if old.is_dir() and not os.path.lexists(folder):
        old.rename(folder)
    for left in (new, old):
        shutil.rmtree(left, ignore_errors=True)
    return not new.exists() and not old.exists()


def _holds(folder: Path, contents: Mapping[str, bytes]) -> bool:
    """Whether a folder has just these files."""
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return names == set(contents) and all(
        (folder / name).read_bytes() == data for name, data in contents.items()
    )


@contextmanager
def write_errors(label: str) -> Iterator[None]:
    """Turn an OSError into a one-line DipError that names what is written."""
    try:
        yield
    except (BrokenPipeError, DipError):  # the reader went away, or the error has its line
        raise
    except OSError as error:
        msg = f"cannot write {label}: {error.strerror or error}"
        raise DipError(msg) from error


@contextmanager
def atomic_file(path: Path, *, force: bool) -> Iterator[BinaryIO]:
    """Yield a file beside its destination; it is renamed when its contents are complete."""
    exists = path.exists()
    if exists and not force:
        msg = f"{path} exists and holds something else; -f replaces it"
        raise OutputExists(msg)
    path = path.resolve()  # the target of a link is replaced, not the link
    path.parent.mkdir(parents=True, exist_ok=True)
    with temporary_file(*_partial(path)) as partial:
        with partial.open("wb") as file:
            yield file
        # it was private so far; this gives it the mode of the old file, or the usual one
        partial.chmod(stat.S_IMODE(path.stat().st_mode) if exists else _new_file_mode())
        partial.replace(path)


def _partial(path: Path) -> tuple[Path, str, str]:
    """Folder, prefix and suffix of the file that is renamed to `path` when it is complete."""
    return path.parent, f".{path.name}.", ".partial"


def _new_file_mode() -> int:
    """The mode that `open` gives a new file; the umask can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
