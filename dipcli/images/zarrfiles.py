"""The files of a Zarr image, in a folder or at an address; nothing outside of it is read."""

from __future__ import annotations

import json
import os
import stat
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from dipcli.bucket import Bucket, is_address
from dipcli.errors import BadImage

META, V2_GROUP, V2_ARRAY, V2_ATTRIBUTES = "zarr.json", ".zgroup", ".zarray", ".zattrs"
MAX_METADATA = 8 << 20  # bytes of one JSON file
UNKNOWN = 1 << 40  # the size of a file at an address that does not say it


class Files(Protocol):
    """Where the files of an image are: a folder, or an address."""

    def size(self, key: str) -> int | None:
        """Bytes of a file; None if there is no such file."""

    def read(self, key: str, start: int, stop: int) -> bytes:
        """A part of a file that exists."""

    def stored(self, key: str) -> int | None:
        """Bytes of all files below a key; None if they cannot be counted."""


class LocalFiles:
    """A folder on disk. No link in it is followed out of it, and no FIFO or device is read."""

    def __init__(self, path: str | Path) -> None:
        self._root = Path(os.path.realpath(path))

    def size(self, key: str) -> int | None:
        path = self._root / key
        try:
            status = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not Path(os.path.realpath(path)).is_relative_to(self._root):
            msg = f"{key} is a link out of its folder"
            raise BadImage(msg)
        if not stat.S_ISREG(status.st_mode):
            msg = f"{key} is not a regular file"
            raise BadImage(msg)
        return status.st_size

    def read(self, key: str, start: int, stop: int) -> bytes:
        with (self._root / key).open("rb") as file:
            file.seek(start)
            return file.read(stop - start)

    def stored(self, key: str) -> int | None:
        return sum(
            (Path(folder) / name).lstat().st_size
            for folder, _, names in os.walk(self._root / key)
            for name in names
        )


class BucketFiles:
    """What obstore reads: s3://, gs://, az://"""

    def __init__(self, address: str) -> None:
        self._bucket = Bucket(address)

    def size(self, key: str) -> int | None:
        return self._bucket.size(key)

    def read(self, key: str, start: int, stop: int) -> bytes:
        return self._bucket.part(key, start, stop) if stop > start else b""

    def stored(self, key: str) -> int | None:
        return None


def open_files(name: str) -> Files:
    """The files of a folder, or at an address."""
    if "://" not in name:
        return LocalFiles(name)
    return BucketFiles(name) if is_address(name) and find_spec("obstore") else RemoteFiles(name)


class RemoteFiles:
    """What fsspec reads: https://, memory://, ..."""

    def __init__(self, url: str) -> None:
        try:
            from fsspec.core import url_to_fs

            self._system, self._root = url_to_fs(url.rstrip("/"))
        except (ImportError, ValueError) as error:
            missing = getattr(error, "name", None) == "fsspec"
            msg = "an address needs the package fsspec: pip install fsspec" if missing else error
            raise BadImage(str(msg)) from error

    def size(self, key: str) -> int | None:
        try:
            size = self._system.size(f"{self._root}/{key}")
        except FileNotFoundError:
            return None
        return UNKNOWN if size is None else int(size)  # a server may not say

    def read(self, key: str, start: int, stop: int) -> bytes:
        data: bytes = self._system.cat_file(f"{self._root}/{key}", start=start, end=stop)
        return data

    def stored(self, key: str) -> int | None:
        return None


def read_json(files: Files, key: str) -> dict[str, Any] | None:
    """A file that holds a JSON object; None if there is none."""
    size = files.size(key)
    if size is None:
        return None
    try:
        document = json.loads(files.read(key, 0, min(size, MAX_METADATA + 1)))
    except (ValueError, RecursionError) as error:
        raise bad(key, "holds no valid JSON") from error
    if not isinstance(document, dict):
        raise bad(key, "holds no JSON object")
    return document


def bad(where: str, what: str) -> BadImage:
    """The error that says of a file or an array what is wrong with it."""
    return BadImage(f"{where} {what}")
