"""Read a store from a folder, a zip, a stream or a URL, and check every byte before use."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from dipcli.bucket import explained, is_address, open_objects
from dipcli.errors import BadStore, DipError
from dipcli.images import Floats
from dipcli.store.disk import Buffer
from dipcli.store.layout import MAX_METADATA, META, WHOLE
from dipcli.store.safety import CHUNK, Node, bad, check_chunk, check_zip, is_zip, parse_node
from dipcli.temporary import temporary_folder

if TYPE_CHECKING:
    from zarr import Array as ZarrArray

StoreLike = str | os.PathLike[str] | bytes | BinaryIO  # a name, or the bytes or stream of a zip


class Reader:
    """Read-only access to the groups and arrays of a store, with all bytes checked."""

    def __init__(self, store: Any, label: str, prefix: str = "", folder: Path | None = None):
        self.label = label
        self.folder = folder  # None for a zip or a URL
        self._prefix = f"{prefix}/" if prefix else ""
        self._zarr = _checked(store, self)
        self._nodes: dict[str, Node] = {}  # the last description of each array, to check its chunks

    def node(self, path: str = "") -> Node | None:
        """Description of the group or array at `path`; None if there is none."""
        from zarr.core.buffer import default_buffer_prototype

        key = self._prefix + (f"{path}/{META}" if path else META)
        data = _sync(self._zarr.get(key, default_buffer_prototype()))
        return None if data is None else self._nodes[key]

    def required_node(self, path: str = "") -> Node:
        """Description of the group or array at `path`; BadStore if there is none."""
        node = self.node(path)
        if node is None:
            raise self.bad(path, "is missing")
        return node

    def array(self, path: str) -> ZarrArray[Any] | None:
        """The array at `path`; None if there is none."""
        import zarr

        try:
            return zarr.open_array(
                store=self._zarr, path=self._prefix + path, mode="r", zarr_format=3
            )
        except FileNotFoundError:
            return None

    def required_array(self, path: str) -> ZarrArray[Any]:
        """The array at `path`; BadStore if there is none."""
        array = self.array(path)
        if array is None:
            raise self.bad(path, "is missing")
        return array

    def image(self, path: str, ndim: int = 3) -> Floats | None:
        """All pixels of an image array, (channel, y, x); None if there is none."""
        array = self.array(path)
        if array is None:
            return None
        if array.ndim != ndim or array.dtype.kind != "f":
            raise self.bad(path, "is not an image")
        return np.asarray(array[:], np.float32)

    def names(self) -> list[str]:
        """Names of the root's members, sorted; empty where a server lists nothing."""
        return sorted(_sync(_listed(self._zarr, self._prefix.rstrip("/"))))

    def exists(self, key: str) -> bool:
        return bool(_sync(self._zarr.exists(self._prefix + key)))

    def close(self) -> None:
        self._zarr.close()

    def limit(self, key: str) -> int:
        """Largest size in bytes that a key may have."""
        chunk = CHUNK.fullmatch(key)
        node = self._nodes.get(f"{chunk[1]}/{META}") if chunk else None
        return node.max_stored_bytes if node else MAX_METADATA

    def check(self, key: str, data: Buffer | None) -> None:
        """Refuse unsafe metadata and chunks; remember metadata to check later chunks."""
        where = f"{self.label}/{key.removeprefix(self._prefix)}"
        chunk = CHUNK.fullmatch(key)
        if chunk is None:
            if data is not None and key.endswith(META):
                self._nodes[key] = parse_node(bytes(data), where)
            return
        node = self._nodes.get(f"{chunk[1]}/{META}")
        if data is not None and node is not None:
            check_chunk(node, data, len(data), where)
        elif chunk[1].rpartition("/")[2] in WHOLE:
            raise bad(where, "is missing")

    def check_file(self, path: Path, key: str) -> None:
        """Refuse a file that is too large, and a FIFO or a device, whose reading may not end."""
        try:
            status = path.stat()
        except OSError:
            return  # zarr treats it as missing, or raises its own error
        is_file, is_folder = stat.S_ISREG(status.st_mode), stat.S_ISDIR(status.st_mode)
        if not (is_file or is_folder) or (is_file and status.st_size > self.limit(key)):
            raise self.bad(key, "is too large or not a regular file")

    def bad(self, path: str, what: str) -> BadStore:
        """The error that says what is wrong with the group, array or file at `path`."""
        return bad(f"{self.label}/{path}" if path else self.label, what)


def _checked(store: Any, reader: Reader) -> Any:
    """A zarr store that returns only bytes that the reader has checked."""
    from zarr.abc.store import RangeByteRequest
    from zarr.storage import WrapperStore

    class CheckedStore(WrapperStore[Any]):
        async def get(self, key: str, prototype: Any, byte_range: Any = None) -> Any:
            request = None
            if reader.folder is not None:
                reader.check_file(reader.folder / key, key)
            else:
                # one byte above the limit shows that a value is too large without reading it all
                request = RangeByteRequest(0, reader.limit(key) + 1)
            data = await self._store.get(key, prototype, request)
            reader.check(key, None if data is None else data.as_buffer_like())
            return data

    return CheckedStore(store)


def open_reader(name: StoreLike, label: str = "") -> Reader:
    """Open a folder, a zip, a FIFO, a URL, or the bytes or the stream of a zip."""
    if isinstance(name, bytes):
        return _open_stream(BytesIO(name), label or "stdin")
    if not isinstance(name, str | os.PathLike):
        return _open_stream(name, label or "stdin")
    text = os.fspath(name)
    label = label or text
    with read_errors(label):
        if "://" in text:
            return _open_url(text.rstrip("/"))
        path = Path(text)
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            return open_folder(path, label.rstrip("/") or label)
        if stat.S_ISREG(mode) and is_zip(path):
            return _open_zip(path, label)
        if stat.S_ISFIFO(mode):
            with path.open("rb") as stream:
                return _open_stream(stream, label)
    raise bad(label, "is neither a trajectory store nor a zip of one")


def open_folder(path: Path, label: str) -> Reader:
    from zarr.storage import LocalStore

    return Reader(LocalStore(path, read_only=True), label, folder=path)


def _open_zip(path: Path, label: str) -> Reader:
    from zarr.storage import ZipStore

    prefix = check_zip(path, label)
    # opened here, so that a temporary file may be deleted afterwards
    return Reader(_sync(ZipStore.open(path, mode="r")), label, prefix)


def _open_stream(stream: BinaryIO, label: str) -> Reader:
    """Copy a zip to a temporary file first: its list of files is at its end."""
    with temporary_folder() as folder:
        path = folder / "stream.zip"
        with read_errors(label):
            with path.open("wb") as file:
                shutil.copyfileobj(stream, file)
            if not is_zip(path):
                raise bad(label, "is not a zip of a trajectory store")
            return _open_zip(path, label)


def _open_url(url: str) -> Reader:
    """Open what obstore reads, or fsspec: https://, memory://, ..."""
    from zarr.storage import FsspecStore, ObjectStore

    if is_address(url) and find_spec("obstore"):
        return Reader(ObjectStore(open_objects(url), read_only=True), url)
    try:
        store = FsspecStore.from_url(url, read_only=True)
    except (ImportError, ValueError) as error:
        msg = f"cannot read {url}: {error}"
        if getattr(error, "name", None) == "fsspec":
            msg = "reading a store from a URL needs the package fsspec: pip install fsspec"
        raise DipError(msg) from error
    return Reader(store, url)


@contextmanager
def read_errors(label: str) -> Iterator[None]:
    """Turn any error while reading into a one-line BadStore that names the store."""
    try:
        yield
    except DipError:
        raise
    # zarr, its codecs, zipfile and fsspec raise many types, some of them undocumented
    except Exception as error:
        text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        line = explained(text)[:200] or type(error).__name__
        raise bad(label, f"cannot be read: {line}") from error


def _sync(coroutine: Any) -> Any:
    from zarr.core.sync import sync

    return sync(coroutine)


async def _listed(store: Any, prefix: str) -> list[str]:
    return [name async for name in store.list_dir(prefix)]
