"""Pack a store into a zip, written from front to back; the same store gives the same bytes."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import BinaryIO, cast

from dipcli.errors import DipError
from dipcli.store.access import open_reader
from dipcli.store.checkpoint import NAME as CHECKPOINT
from dipcli.store.disk import Buffer
from dipcli.store.layout import LOCK, MAX_FILES, META, PARTIAL
from dipcli.store.safety import check_root

DATE = (1980, 1, 1, 0, 0, 0)  # the first date that a zip can hold


class _Stream:
    """A file without `seek`, so that zipfile writes the same bytes to a file and to a pipe."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, data: Buffer) -> int:
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()


def pack(path: str | os.PathLike[str], file: BinaryIO) -> None:
    """Write the store at `path` as a zip without compression, dates, checkpoints and locks."""
    reader = open_reader(path)
    if reader.folder is None:
        msg = f"{path} is not a folder; only a folder can be packed"
        raise DipError(msg)
    check_root(reader)
    names = sorted(_files(reader.folder), key=_order)
    if len(names) > MAX_FILES:
        msg = f"{path} has {len(names)} files; dip reads no zip of more than {MAX_FILES}"
        raise DipError(msg)
    with zipfile.ZipFile(cast(BinaryIO, _Stream(file)), "w") as archive:
        for name in names:
            with (reader.folder / name).open("rb") as content:
                entry = zipfile.ZipInfo(name, DATE)
                entry.create_system = 3  # Unix, on every system
                entry.external_attr = 0o100644 << 16
                entry.file_size = os.fstat(content.fileno()).st_size  # zipfile chooses Zip64 by it
                with archive.open(entry, "w") as packed:
                    shutil.copyfileobj(content, packed)


def is_packed(path: str | os.PathLike[str], file: BinaryIO) -> bool:
    """Whether a file holds just the zip of the store at `path`."""
    same = []

    def compare(data: Buffer) -> int:
        same.append(file.read(len(data)) == data)
        return len(data)

    pack(path, cast(BinaryIO, SimpleNamespace(write=compare, flush=lambda: None)))
    return all(same) and not file.read(1)


def _files(root: Path) -> Iterator[str]:
    """Paths of all complete files of the store."""
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not _is_private(name)]
        for name in files:
            if not _is_private(name):
                yield (Path(folder) / name).relative_to(root).as_posix()


def _is_private(name: str) -> bool:
    return name.endswith(PARTIAL) or name in (LOCK, CHECKPOINT)


def _order(name: str) -> list[str]:
    """Sort key: by name, but the zarr.json of a folder before its other files."""
    return ["" if part == META else part for part in name.split("/")]
