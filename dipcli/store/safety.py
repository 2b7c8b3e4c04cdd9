"""Checks that every byte of a store passes before it is read.

Only what our writer makes passes, and `zip -r` of it. So no memory is allocated at the request of
a hostile store, and no missing or broken data is read as pixels.
"""

from __future__ import annotations

import json
import math
import os
import re
import stat
import struct
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from dipcli.errors import BadStore
from dipcli.store.layout import (
    FORMAT,
    MAX_CHUNK,
    MAX_DIMS,
    MAX_FILES,
    MAX_METADATA,
    MAX_ROWS,
    META,
    RUN,
    WHOLE,
)

if TYPE_CHECKING:
    from dipcli.store.access import Reader

DTYPES = frozenset({"float16", "float32", "float64", "int64"})
LINK = "is a link, and dip writes through none: put a copy in its place, or remove it"
FRAME = re.compile(rf"{RUN}/frames/c/\d+")
CHUNK = re.compile(r"(.+)/c((?:/\d+)+)")  # a chunk's key: its array, its index
ZARR_V2 = "a Zarr v2 store; dip reads Zarr v3"
OF_IMAGES = " (the address of an OME-Zarr image must end in .ome.zarr)"
ZIP = (b"PK\3\4", b"PK\5\6")  # first bytes of a zip, with files and without
MAX_DIRECTORY = 32 << 20  # bytes of the list of files at a zip's end
# chunks are compressed already: a large file that deflates well is not from our writer
DENSE = 1 << 20
MAX_RATIO = 20
END = struct.Struct("<4s4H2LH")  # end of a zip: signature, disks, counts, size, offset, comment
END64 = struct.Struct("<4sQ2H2L4Q")
BLOSC_HEADER = struct.Struct("<BBBBIII")  # versions, flags, type size, bytes, block, compressed


@dataclass(frozen=True)
class Node:
    """A group, or an array with the fields that its chunks are checked against."""

    attributes: Mapping[str, Any]
    is_array: bool = False
    shape: tuple[int, ...] = ()
    chunks: tuple[int, ...] = ()
    dtype: str = ""
    compressed: bool = False

    @property
    def chunk_bytes(self) -> int:
        return math.prod(self.chunks) * np.dtype(self.dtype).itemsize

    @property
    def max_stored_bytes(self) -> int:
        """Largest size of a chunk on disk."""
        return self.chunk_bytes + (BLOSC_HEADER.size if self.compressed else 0)


def parse_node(data: bytes, where: str) -> Node:
    """Parse a zarr.json; BadStore unless it is one that our writer could have made."""
    if len(data) > MAX_METADATA:
        raise bad(where, f"holds more than {MAX_METADATA >> 20} MiB of metadata")
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise bad(where, "holds invalid JSON") from error
    if not isinstance(document, dict) or document.get("zarr_format") != 3:
        raise bad(where, "holds no metadata of Zarr v3")
    attributes = document.get("attributes", {})
    if not isinstance(attributes, dict):
        raise bad(where, "holds attributes that are not an object")
    kind = document.get("node_type")
    if kind == "group":
        return Node(attributes)
    if kind != "array":
        raise bad(where, f"holds a node that is neither group nor array: {_short(kind)}")
    return _parse_array(document, attributes, where)


def _parse_array(document: dict[str, Any], attributes: dict[str, Any], where: str) -> Node:
    shape = _sizes(document.get("shape"), where, "shape")
    grid = _only(document, "chunk_grid", "regular", where)
    chunks = _sizes(grid.get("chunk_shape"), where, "chunk shape")
    dtype = document.get("data_type")
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise bad(where, f"holds values of the unsupported type {_short(dtype)}")
    if len(chunks) != len(shape) or 0 in chunks:
        raise bad(where, f"holds chunks of {_short(chunks)} for an array of {_short(shape)}")
    if _only(document, "chunk_key_encoding", "default", where).get("separator", "/") != "/":
        raise bad(where, "holds an unsupported chunk key separator")
    if document.get("storage_transformers"):
        raise bad(where, "holds storage transformers")
    node = Node(attributes, True, shape, chunks, dtype, _is_compressed(document, where))
    _check_size(node, where)
    return node


def _check_size(node: Node, where: str) -> None:
    """Refuse an array of which more would be read at once than our writer ever writes."""
    size = np.dtype(node.dtype).itemsize
    name = where.removesuffix(f"/{META}").rpartition("/")[2]
    at_once = node.shape[1:] if name == "frames" else node.shape
    limit = MAX_CHUNK if name in WHOLE else MAX_ROWS * size
    pieces = math.prod(-(-n // c) for n, c in zip(node.shape, node.chunks, strict=True))
    too_large = max(node.chunk_bytes, math.prod(at_once) * size) > limit
    too_many = node.shape[0] > MAX_ROWS or (pieces > MAX_FILES and name != "frames")
    if too_large or too_many:
        shape, chunks = _short(node.shape), _short(node.chunks)
        raise bad(where, f"holds an array that is too large: shape {shape}, chunks {chunks}")
    if name in WHOLE and node.chunks[-3:] != node.shape[-3:]:
        raise bad(where, f"holds chunks of {node.chunks}, which are not whole images")


def _sizes(value: Any, where: str, what: str) -> tuple[int, ...]:
    whole = isinstance(value, list) and all(type(n) is int and n >= 0 for n in value)
    if not whole or not 1 <= len(value) <= MAX_DIMS:
        raise bad(where, f"holds an invalid {what} {_short(value)}")
    return tuple(value)


def _only(document: dict[str, Any], key: str, name: str, where: str) -> dict[str, Any]:
    """Configuration of an extension point; BadStore unless it is the extension `name`."""
    value = document.get(key)
    if isinstance(value, dict) and value.get("name") == name:
        configuration = value.get("configuration", {})
        if isinstance(configuration, dict):
            return configuration
    raise bad(where, f"holds an unsupported {key.replace('_', ' ')} {_short(value)}")


def _is_compressed(document: dict[str, Any], where: str) -> bool:
    codecs = document.get("codecs")
    codecs = codecs if isinstance(codecs, list) else []
    names = [c.get("name") if isinstance(c, dict) else None for c in codecs]
    if names not in (["bytes"], ["bytes", "blosc"]):
        raise bad(where, f"holds unsupported codecs {_short(names)}; supported are bytes and blosc")
    endian = codecs[0].get("configuration", {})
    if not isinstance(endian, dict) or endian.get("endian", "little") != "little":
        raise bad(where, "holds values that are not little-endian")
    return len(names) == 2


def check_chunk(node: Node, head: bytes | memoryview, size: int, where: str) -> None:
    """Check the first 16 bytes of a chunk and its size on disk before it is decoded."""
    if size > node.max_stored_bytes:
        raise bad(where, "holds a chunk that is too large")
    if not node.compressed:
        if size != node.chunk_bytes:
            raise bad(where, f"holds a chunk of {size} bytes instead of {node.chunk_bytes}")
        return
    if len(head) < BLOSC_HEADER.size:
        raise bad(where, "holds a chunk that is cut short")
    version, _, _, _, decoded, block, encoded = BLOSC_HEADER.unpack_from(head)
    if version != 2 or decoded != node.chunk_bytes or encoded != size or block > max(decoded, 1):
        raise bad(where, "holds a broken chunk: its header contradicts its size")


def is_zip(path: Path) -> bool:
    """Whether a regular file begins like a zip; a FIFO is not read."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(4) in ZIP
    except OSError:
        return False


def is_root(path: Path) -> bool:
    """Whether a folder is the root of a trajectory store, of any format version."""
    # a FIFO would not end; Path.is_file raises for a name that is too long
    if not os.path.isfile(path / META):  # noqa: PTH113
        return False
    try:
        with (path / META).open("rb") as file:
            attributes = json.loads(file.read(MAX_METADATA))["attributes"]
        return isinstance(attributes["dip"]["format"], int)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


def refuse_links(folder: Path, label: str, part: str = "") -> None:
    """Refuse a link in a store that is to be written: a write through it would land elsewhere.

    The folders of frames are not entered: there are many, and each is new when it is written.
    """
    # another process may be writing: what it has renamed meanwhile is no link
    with suppress(FileNotFoundError), os.scandir(folder / part) as entries:
        for entry in entries:
            name = f"{part}/{entry.name}" if part else entry.name
            if entry.is_symlink():
                where = f"{label}/{name}"
                raise bad(where, LINK)
            if entry.is_dir() and not FRAME.fullmatch(name):
                refuse_links(folder, label, name)


def check_root(reader: Reader) -> Mapping[str, Any]:
    """Attributes of the root; BadStore unless it is a trajectory store of a known format."""
    node, label = reader.node(), reader.label
    hint = OF_IMAGES if "://" in label else ""
    if node is None:
        old = reader.exists(".zgroup") or reader.exists(".zarray")
        what = ZARR_V2 if old else f"not a trajectory store: it has no {META}"
        raise bad(label, f"is {what}{hint}")
    attrs = node.attributes.get("dip")
    number = attrs.get("format") if isinstance(attrs, dict) else None
    if node.is_array or not isinstance(attrs, dict) or type(number) is not int:
        kind = "array" if node.is_array else "group"
        raise bad(label, f"is a Zarr {kind}, but not a trajectory store{hint}")
    if number > FORMAT:
        version = str(attrs.get("version"))[:20]
        raise bad(label, f"was made by a newer dip ({version}); update dip to read it")
    required = ("image", "sha256", "task")
    if number < 1 or not all(isinstance(attrs.get(key), str) for key in required):
        raise bad(
            label, f"lacks required attributes ({', '.join(required)}) or has an invalid format"
        )
    return attrs


def check_zip(path: Path, label: str) -> str:
    """Return the folder of the store inside the zip, "" for the root; BadStore if it is unsafe."""
    try:
        with path.open("rb") as file:
            _check_directory(file, label)
            with zipfile.ZipFile(file) as archive:
                files = _zip_files(archive, path, label)
                prefix = _zip_root(files, label)
                _check_zip_chunks(archive, files, label)
                return prefix
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, struct.error) as error:
        raise bad(label, f"is broken or cut short: {error}") from error


def _check_directory(file: BinaryIO, label: str) -> None:
    """Refuse a huge list of files: `zipfile` reads all of it into memory."""
    size = file.seek(0, 2)
    start = max(0, size - END.size - 0xFFFF)
    file.seek(start)
    tail = file.read()
    at = tail.rfind(b"PK\5\6")
    if at < 0:
        raise bad(label, "is broken or cut short: no list of files at its end")
    length = END.unpack_from(tail, at)[5]
    if length == 0xFFFFFFFF:
        at64 = tail.rfind(b"PK\6\6", 0, at)
        length = END64.unpack_from(tail, at64)[8] if at64 >= 0 else length
    # counted here, before `zipfile` makes an object of each entry
    file.seek(max(0, start + at - length))
    if length > MAX_DIRECTORY or file.read(length).count(b"PK\1\2") > MAX_FILES:
        raise bad(label, "lists too many files")


def _zip_files(archive: zipfile.ZipFile, path: Path, label: str) -> dict[str, zipfile.ZipInfo]:
    """Files of the zip by name; BadStore unless `dip` or `zip -r` could have written them all."""
    files: dict[str, zipfile.ZipInfo] = {}
    size = path.stat().st_size
    for entry in archive.infolist():
        name = entry.filename.rstrip("/")
        if problem := _problem(entry, size) or ("a repeated name" if name in files else ""):
            raise bad(label, f"is not safe to read: it holds {problem} ({entry.filename[:80]!r})")
        files[name] = entry
    return {name: entry for name, entry in files.items() if not entry.is_dir()}


def _problem(entry: zipfile.ZipInfo, size: int) -> str:
    """Why an entry of a zip of `size` bytes is unsafe to read; "" if it is safe."""
    name = entry.orig_filename
    parts = name.rstrip("/").split("/")
    if "\\" in name or "\0" in name or "" in parts or "." in parts or ".." in parts:
        return "a name that points outside the store"
    if stat.S_ISLNK(entry.external_attr >> 16):
        return "a symbolic link"
    if entry.flag_bits & 1:
        return "an encrypted file"
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "a file that is neither stored nor deflated"
    stored = entry.compress_type == zipfile.ZIP_STORED
    if entry.compress_size > size or (stored and entry.compress_size != entry.file_size):
        return "a file with an impossible size"
    if parts[-1] == META and entry.file_size > MAX_METADATA:
        return f"more than {MAX_METADATA >> 20} MiB of metadata"
    private = "checkpoint" in parts  # checkpoints are never read from a zip
    if entry.file_size > max(DENSE, MAX_RATIO * entry.compress_size) and not private:
        return "a file with a suspicious compression ratio"
    return ""


def _zip_root(files: dict[str, zipfile.ZipInfo], label: str) -> str:
    """Folder of the outermost zarr.json; all others must be below it."""
    groups = [PurePosixPath(name).parent for name in files if name.split("/")[-1] == META]
    if not groups:
        old = any(name.split("/")[-1] in (".zgroup", ".zarray") for name in files)
        raise bad(label, f"is {ZARR_V2 if old else 'a zip, but not of a trajectory store'}")
    root = min(groups, key=lambda group: len(group.parts))
    if others := [group for group in groups if not group.is_relative_to(root)]:
        raise bad(label, f"holds several stores ({root}, {others[0]}): make a zip of each")
    return "" if root == PurePosixPath() else str(root)


def _check_zip_chunks(
    archive: zipfile.ZipFile, files: dict[str, zipfile.ZipInfo], label: str
) -> None:
    """Compare the header of each chunk with the description of its array."""
    nodes: dict[str, Node] = {}
    for name in files:
        if name.split("/")[-1] == META and "checkpoint" not in name.split("/"):
            with archive.open(name) as file:
                data = file.read(MAX_METADATA + 1)
            nodes[name.removesuffix(META).rstrip("/")] = parse_node(data, f"{label}/{name}")
    for name, entry in files.items():
        chunk = CHUNK.fullmatch(name)
        node = nodes.get(chunk[1]) if chunk else None
        if node is not None and node.is_array:
            with archive.open(name) as file:
                head = file.read(BLOSC_HEADER.size)
            check_chunk(node, head, entry.file_size, f"{label}/{name}")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def bad(where: str, what: str) -> BadStore:
    """The error that says of a store, or a part of one, what is wrong with it."""
    return BadStore(f"{where} {what}")
