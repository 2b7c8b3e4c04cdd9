"""Temporary files and folders, and the removal of those that a killed process left.

A process holds a lock on each of its temporary files. The system releases the lock when the
process ends, however it ends; so a file that can be locked is nobody's. Where there are no locks
(Windows, some network file systems), nothing is removed.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

NO_LINK = getattr(os, "O_NOFOLLOW", 0)  # of os.open; Windows has no such flag


@contextmanager
def temporary_file(
    folder: Path, prefix: str, suffix: str, first: Callable[[Path], bool] = lambda _: True
) -> Iterator[Path]:
    """Yield a new file; delete it at the end, and those of dead processes before.

    A file stays, for a later process to delete, unless `first` is true of it.
    """
    remove_dead_files(folder, prefix, suffix, first)
    path, lock = _new_file(folder, prefix, suffix)
    with ExitStack() as stack:
        if lock is not None:
            stack.callback(os.close, lock)
        try:
            yield path
        finally:
            if first(path):
                path.unlink(missing_ok=True)


def _new_file(folder: Path, prefix: str, suffix: str) -> tuple[Path, int | None]:
    """Create a file; its path, and what holds its lock."""
    while True:
        handle, name = tempfile.mkstemp(suffix, prefix, folder)
        path, locked = Path(name), _lock(handle)
        if locked and is_open_at(path, handle):
            return path, handle
        os.close(handle)
        if locked is None:
            return path, None
        # between the two calls another process took the file for a dead one's


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Yield a new folder for temporary files; delete it at the end, and those of dead processes.

    Its lock is a file beside it. The host is in its name, as not all file systems share locks
    between hosts.
    """
    root, prefix = Path(tempfile.gettempdir()), f"dip-{socket.gethostname()}-"
    with temporary_file(root, prefix, ".lock", _delete_folder_of) as lock:
        folder = lock.with_suffix("")
        folder.mkdir(mode=0o700)
        yield folder


def _delete_folder_of(lock: Path) -> bool:
    """Whether the folder is gone: without its lock it would never be found again."""
    folder = lock.with_suffix("")
    shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


def remove_dead_files(
    folder: Path, prefix: str, suffix: str, first: Callable[[Path], bool] = lambda _: True
) -> None:
    """Delete the temporary files that dead processes of this user left, if `first` is true."""
    if not hasattr(os, "getuid"):  # Windows
        return
    name = re.compile(rf"{re.escape(prefix)}[a-z0-9_]{{8}}{re.escape(suffix)}")  # as mkstemp's
    with suppress(OSError), os.scandir(folder) as entries:
        for path in [Path(entry.path) for entry in entries if name.fullmatch(entry.name)]:
            with suppress(OSError):
                _remove_if_dead(path, first)


def _remove_if_dead(path: Path, first: Callable[[Path], bool]) -> None:
    if not path.is_file() or path.lstat().st_uid != os.getuid():
        return
    handle = os.open(path, os.O_RDWR | NO_LINK)
    try:
        if _lock(handle) and first(path):
            path.unlink()
    finally:
        os.close(handle)


def _lock(handle: int) -> bool | None:
    """Lock an open file: False if another process holds the lock, None if there are no locks."""
    try:
        import fcntl  # filelock takes 30 ms to import, and a command may write one small file

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):
        return None
    return True


def is_open_at(path: Path, handle: int) -> bool:
    """Whether a path still leads to the file that `handle` has open."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
