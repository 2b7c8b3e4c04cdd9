"""A store at an address: it is written to a folder, and every change is repeated there, in order.

So what is whole in the folder at any moment is whole at the address a little later: a frame counts
once its mark is there, and a killed writer leaves a store that opens and resumes.
"""

from __future__ import annotations

import json
import os
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import Self

from dipcli.bucket import Bucket
from dipcli.errors import BadStore, DipError, OutputExists
from dipcli.store import disk
from dipcli.store.access import open_reader
from dipcli.store.layout import LOCK, META, PARTIAL, RUN_SCRATCH, STORE_SCRATCH
from dipcli.store.safety import check_root, is_root
from dipcli.temporary import temporary_folder

THREADS = 8  # of uploads and downloads
WAITING = 64  # changes that may wait to be repeated
BEAT = 20.0  # seconds between signs of life of who holds a lock
STALE = 120.0  # seconds after the last one until another may take it
MARK = f"/{RUN_SCRATCH}/c/"  # in the names of the chunks that make rows count

Change = tuple[str, bytes | None]  # of the object of this name; None: it is deleted


class Mirror:
    """Repeats at an address what changes in a folder, until `close`."""

    def __init__(self, folder: Path, bucket: Bucket, is_ours: Callable[[], bool]) -> None:
        self._folder, self._bucket, self._is_ours = folder, bucket, is_ours
        self._changes = queue.Queue[Change | None](WAITING)
        self._error: DipError | None = None
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()
        disk.WATCHERS.append(self)

    @staticmethod
    def of(folder: Path) -> Mirror | None:
        """The one of a folder, if this process has it."""
        mirrors = [each for each in disk.WATCHERS if isinstance(each, Mirror)]
        return next((mirror for mirror in mirrors if mirror._folder == folder), None)

    def changed(self, path: Path) -> None:
        """A file, or a folder with all that is in it, is there now."""
        for file in _whole(path) if path.is_dir() else [path]:
            if key := self._key(file):
                self._add((key, file.read_bytes()))

    def removed(self, path: Path) -> None:
        """A file or a folder is there no more."""
        if key := self._key(path):
            self._add((key, None))

    def wait(self) -> None:
        """Wait until the last description or mark is repeated; DipError if it could not be."""
        self._changes.join()
        if self._error:
            raise self._error

    def close(self) -> None:
        """Wait until all is repeated; DipError if it could not be."""
        disk.WATCHERS.remove(self)
        self._changes.put(None)
        self._thread.join()
        if self._error:
            raise self._error

    def _key(self, path: Path) -> str:
        """The name of the object for a file; "" for one that stays here."""
        if not path.is_relative_to(self._folder):
            return ""
        parts = path.relative_to(self._folder).parts
        private = any(part.endswith(PARTIAL) or part == LOCK for part in parts)
        return "" if private or parts[:1] == ("tiles",) else "/".join(parts)

    def _add(self, change: Change) -> None:
        if self._error:
            raise self._error
        self._changes.put(change)

    def _work(self) -> None:
        """Repeat changes. Those between two descriptions or marks have no order."""
        with ThreadPoolExecutor(THREADS) as pool:
            going: list[Future[None]] = []
            while (change := self._changes.get()) is not None:
                try:
                    if self._error:
                        continue
                    if self._closes(change):
                        self._finish(going)
                        self._repeat(change)
                    else:
                        going.append(pool.submit(self._repeat, change))
                except DipError as error:
                    self._error = error
                finally:
                    self._changes.task_done()
            try:
                self._finish(going)
            except DipError as error:
                self._error = self._error or error

    @staticmethod
    def _closes(change: Change) -> bool:
        """Whether a change must come after all before it, and before all after it."""
        key, data = change
        return data is None or key.endswith(META) or MARK in f"/{key}"

    @staticmethod
    def _finish(going: list[Future[None]]) -> None:
        for future in going:
            future.result()
        going.clear()

    def _repeat(self, change: Change) -> None:
        if not self._is_ours():
            msg = f"another process has begun to write {self._bucket.address}"
            raise BadStore(msg)
        key, data = change
        if data is not None:
            self._bucket.put(key, data)
            return
        keys = self._bucket.names(key) or [key]
        self._bucket.delete(sorted(keys, key=lambda k: not k.endswith(META)))


class RemoteLock:
    """The right to write a store, or a run: an object with who has it, who often says so again."""

    def __init__(self, bucket: Bucket, key: str) -> None:
        self._bucket, self._key = bucket, key
        self._text = self._sign()
        self.is_ours = bucket.create(key, self._text) or self._take()
        if not self.is_ours:
            msg = (
                f"{bucket.address} is being written by {self._owner()}; wait until it ends, or end "
                "it; if it was killed, its lock ends after two minutes"
            )
            raise BadStore(msg)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._thread.start()

    def release(self) -> None:
        self._over.set()
        self._thread.join()
        if self.is_ours and self._bucket.get(self._key) == self._text:
            self._bucket.delete([self._key])

    @staticmethod
    def _sign() -> bytes:
        import psutil

        began = psutil.Process().create_time()
        who = {"host": socket.gethostname(), "pid": os.getpid(), "began": began}
        return json.dumps({**who, "seen": time.time()}).encode()

    def _take(self) -> bool:
        """Take the lock of a process that has died."""
        before = self._bucket.get(self._key)
        if before is None:
            return self._bucket.create(self._key, self._text)
        return _has_died(before) and self._bucket.swap(self._key, self._text, before)

    def _owner(self) -> str:
        try:
            who = json.loads(self._bucket.get(self._key) or b"")
            return f"pid {who['pid']} on {who['host']}"
        except (ValueError, KeyError, TypeError):
            return "another process"

    def _beat(self) -> None:
        while not self._over.wait(BEAT):
            text = self._sign()
            try:
                if not self._bucket.swap(self._key, text, self._text):
                    self.is_ours = False
                    return
                self._text = text
            except DipError:  # the network may come back before the lock is stale
                continue

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def _has_died(text: bytes) -> bool:
    """Whether who wrote this lock is dead, as far as it can be known here."""
    import psutil

    try:
        who = json.loads(text)
        if time.time() - who["seen"] > STALE:
            return True
        if who["host"] != socket.gethostname():
            return False
        return bool(psutil.Process(who["pid"]).create_time() != who["began"])
    except psutil.NoSuchProcess:
        return True
    except (ValueError, KeyError, TypeError):
        return True  # it is no lock of ours


def _whole(folder: Path) -> Iterator[Path]:
    """The files of a folder, what describes a group or an array after what is in it."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    yield from sorted(files, key=lambda path: (path.name == META, -len(path.parts), path.name))


class Remote:
    """A store at an address, while it is written in a folder of this machine."""

    def __init__(self, address: str, folder: Path) -> None:
        self._bucket, self._folder = Bucket(address), folder
        self._mirror: Mirror | None = None
        self._lock = RemoteLock(self._bucket, f"{STORE_SCRATCH}/{LOCK}")

    def open(self, *, force: bool) -> bool:
        """Fetch the store that is there into the folder; False if there is none, or by `force`."""
        keys = [key for key in self._bucket.names() if not key.endswith(LOCK)]
        if not keys:
            return False
        if META not in keys:
            msg = f"{self._bucket.address} holds something that is not a store of dip"
            raise OutputExists(msg)
        reader = open_reader(self._bucket.address)
        check_root(reader)
        reader.close()
        if force:
            self._bucket.delete([META])
            self._bucket.delete(keys)
            return False
        fetch(self._bucket, [key for key in keys if _is_needed(key)], self._folder)
        return True

    def publish(self, *, new: bool) -> None:
        """Repeat all changes of the folder at the address from now on."""
        self._mirror = Mirror(self._folder, self._bucket, lambda: self._lock.is_ours)
        if new:
            self._mirror.changed(self._folder)
            self._mirror.wait()  # others may begin to read it

    def close(self) -> None:
        try:
            if self._mirror:
                self._mirror.close()
        finally:
            self._lock.release()


@contextmanager
def mirrored(folder: str, address: str, run: int) -> Iterator[str]:
    """The folder in which a run is written; its changes are repeated at the address, if any.

    Another machine than the one that has the folder makes one of its own, with this run alone.
    """
    if not address:
        yield folder
        return
    if own := Mirror.of(
        Path(folder)
    ):  # this process holds the store: two would overtake each other
        yield folder
        own.wait()
        return
    bucket, is_ours = Bucket(address), lambda: True
    with ExitStack() as stack:
        if not is_root(Path(folder)):
            lock = stack.enter_context(RemoteLock(bucket, f"run-{run}/{RUN_SCRATCH}/{LOCK}"))
            folder = str(stack.enter_context(temporary_folder()) / "store.zarr")
            others = [key for key in bucket.names() if not key.startswith("run-")]
            keys = [*others, *bucket.names(f"run-{run}/")]
            fetch(bucket, [key for key in keys if _is_needed(key)], Path(folder))

            def is_ours() -> bool:
                return lock.is_ours

        mirror = Mirror(Path(folder), bucket, is_ours)
        try:
            yield folder
        finally:
            mirror.close()


def _is_needed(key: str) -> bool:
    """Whether a writer reads this object: of the frames only the first."""
    parts = PurePosixPath(key).parts
    is_frame = "frames" in parts and parts[-2:] != ("frames", META)
    return not key.endswith((LOCK, PARTIAL)) and (not is_frame or parts[-4:-3] == ("0",))


def fetch(bucket: Bucket, keys: Sequence[str], folder: Path) -> None:
    """Copy objects into a folder."""

    def copy(key: str) -> None:
        if ".." in PurePosixPath(key).parts:
            msg = f"{bucket.address} holds a name that points outside the store: {key[:80]!r}"
            raise BadStore(msg)
        data = bucket.get(key)
        if data is not None:  # another process may have deleted it
            path = folder / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(copy, keys))
