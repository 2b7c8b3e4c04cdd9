"""Arrays of Zarr v2 and v3: all descriptions and chunks are checked before they are decoded.

zarr decodes a chunk to any size that its bytes claim, and an image may come from a stranger. So
each chunk is decoded here, into a buffer of the size that the array's description states.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import imagecodecs
import numpy as np

from dipcli.errors import BadImage
from dipcli.images.scale import Numbers
from dipcli.images.stack import MAX_BYTES, check_size
from dipcli.images.zarrfiles import META, V2_ARRAY, Files, bad, read_json
from dipcli.machine import available_memory

MAX_CHUNK = 1 << 30  # bytes of one chunk, decoded
MAX_CHUNKS = 1 << 20  # of an array
MAX_DIMS = 5
SLACK = 1 << 16  # bytes by which a stored chunk may be longer than its pixels
ABSENT = 2**64 - 1  # offset and length of a chunk that a shard lacks
BLOSC_HEADER = struct.Struct("<BBBBIII")  # versions, flags, type size, bytes, block, compressed

TYPE_V2 = re.compile(r"[<>|](b1|[iu][1248]|f[248])")
TYPE_V3 = re.compile(r"bool|u?int(8|16|32|64)|float(16|32|64)")
COMPRESSORS = {
    "blosc": imagecodecs.blosc_decode,
    "bz2": imagecodecs.bz2_decode,
    "gzip": imagecodecs.gzip_decode,
    "lz4": imagecodecs.lz4_decode,
    "zlib": imagecodecs.zlib_decode,
    "zstd": imagecodecs.zstd_decode,
}


@dataclass(frozen=True)
class Codec:
    """How the pixels of a chunk are stored."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    order: tuple[int, ...]  # of the axes in the stored bytes
    compressor: str = ""  # one of COMPRESSORS
    checksum: bool = False  # four bytes of crc32c at the end

    @property
    def size(self) -> int:
        """Bytes of the pixels."""
        return math.prod(self.shape) * self.dtype.itemsize

    def decode(self, data: bytes | bytearray, where: str) -> Numbers:
        """The pixels of a chunk; no more memory is used than they need."""
        if self.checksum:
            data = _without_checksum(data, where)
        if self.compressor == "blosc":
            _check_blosc(data, self.size, where)
        if self.compressor:
            options = {"header": True} if self.compressor == "lz4" else {}
            room = bytearray(self.size + 1)  # full if there is more
            try:
                data = COMPRESSORS[self.compressor](data, out=room, **options)
            except Exception as error:  # each codec has errors of its own
                what = f"is broken: no {self.compressor} of {self.size} bytes"
                raise bad(where, what) from error
        if len(data) != self.size:
            raise bad(where, f"is broken: it holds {len(data)} bytes instead of {self.size}")
        stored = np.frombuffer(data, self.dtype).reshape([self.shape[i] for i in self.order])
        return stored.transpose(np.argsort(self.order))


@dataclass(frozen=True)
class Shards:
    """How a chunk holds smaller ones, with an index of them."""

    shape: tuple[int, ...]
    inner: Codec
    at_end: bool  # the place of the index
    checksum: bool  # of the index

    @property
    def counts(self) -> tuple[int, ...]:
        """How many inner chunks there are along each axis."""
        return tuple(n // m for n, m in zip(self.shape, self.inner.shape, strict=True))


@dataclass(frozen=True)
class ArrayInfo:
    """The description of an array."""

    path: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fill: Any
    codec: Codec | Shards
    prefix: str  # of the names of chunks
    separator: str

    @property
    def grid(self) -> tuple[int, ...]:
        """How many chunks there are along each axis."""
        return tuple(-(-n // m) for n, m in zip(self.shape, self.codec.shape, strict=True))

    def key(self, index: tuple[int, ...]) -> str:
        return f"{self.path}/{self.prefix}{self.separator.join(map(str, index))}"


# -- descriptions ------------------------------------------------------------------------------


def find_array(files: Files, path: str) -> ArrayInfo:
    """The description of the array at a path; BadImage if it is absent, broken or unsafe."""
    key = f"{path}/{META}"
    if (document := read_json(files, key)) is not None:
        array = _array_v3(document, path, key)
    else:
        key = f"{path}/{V2_ARRAY}"
        if (document := read_json(files, key)) is None:
            raise bad(path, "is missing: the metadata name an array that is not there")
        array = _array_v2(document, path, key)
    codec = array.codec
    inner = codec.inner if isinstance(codec, Shards) else codec
    count = math.prod(array.grid) * (math.prod(codec.counts) if isinstance(codec, Shards) else 1)
    if inner.size > MAX_CHUNK or count > MAX_CHUNKS:
        raise bad(key, f"holds chunks of {inner.shape} for an array of {array.shape}")
    return array


def _array_v2(document: Mapping[str, Any], path: str, where: str) -> ArrayInfo:
    shape, chunks = _shapes(document.get("shape"), document.get("chunks"), where)
    name = document.get("dtype")
    if not isinstance(name, str) or not TYPE_V2.fullmatch(name):
        raise bad(where, f"holds values of the type {_short(name)}, which are no pixels")
    if document.get("filters"):
        raise bad(where, f"has filters {_short(document['filters'])}, which dip does not read")
    compressor = document.get("compressor")
    kind = "" if compressor is None else _name(compressor, "id")
    if kind and kind not in COMPRESSORS:
        raise bad(where, f"has the compressor {_short(compressor)}; dip reads {_known()}")
    separator = document.get("dimension_separator", ".")
    if separator not in (".", "/") or document.get("order") not in ("C", "F"):
        raise bad(where, "has an unknown dimension_separator or order")
    axes = range(len(shape))
    order = tuple(axes if document["order"] == "C" else reversed(axes))
    dtype = np.dtype(name)
    codec = Codec(chunks, dtype, order, kind)
    fill = _fill(document.get("fill_value"), dtype, where)
    return ArrayInfo(path, shape, dtype, fill, codec, "", separator)


def _array_v3(document: Mapping[str, Any], path: str, where: str) -> ArrayInfo:
    grid, keys = document.get("chunk_grid"), document.get("chunk_key_encoding")
    settings = _configuration(grid)
    shape, chunks = _shapes(document.get("shape"), settings.get("chunk_shape"), where)
    name = document.get("data_type")
    if not isinstance(name, str) or not TYPE_V3.fullmatch(name):
        raise bad(where, f"holds values of the type {_short(name)}, which are no pixels")
    style = _name(keys, "name")
    separator = _configuration(keys).get("separator", "/" if style == "default" else ".")
    if _name(grid, "name") != "regular" or style not in ("default", "v2"):
        raise bad(where, "has an unknown chunk grid or chunk key encoding")
    if separator not in (".", "/") or document.get("storage_transformers"):
        raise bad(where, "has an unknown separator or storage transformers")
    codec = _codec(document.get("codecs"), chunks, np.dtype(name), where)
    dtype = (codec.inner if isinstance(codec, Shards) else codec).dtype
    fill = _fill(document.get("fill_value"), dtype, where)
    prefix = f"c{separator}" if style == "default" else ""
    return ArrayInfo(path, shape, dtype, fill, codec, prefix, separator)


def _codec(
    codecs: Any, shape: tuple[int, ...], dtype: np.dtype[Any], where: str, *, inside: bool = False
) -> Codec | Shards:
    """The codecs of Zarr v3: a transposition, bytes or shards, a compressor, a checksum."""
    steps = list(codecs) if isinstance(codecs, list) else []
    names = [_name(step, "name") for step in steps]
    unknown = f"has the codecs {_short(names)}; dip reads transpose, bytes, {_known()}, crc32c"
    order = tuple(range(len(shape)))
    if names == ["sharding_indexed"] and not inside:
        return _shards(_configuration(steps[0]), shape, dtype, where)
    if names[:1] == ["transpose"]:
        wanted = _configuration(steps[0]).get("order")
        if not isinstance(wanted, list) or sorted(map(str, wanted)) != sorted(map(str, order)):
            raise bad(where, f"transposes axes in the order {_short(wanted)}")
        order, steps, names = tuple(int(n) for n in wanted), steps[1:], names[1:]
    if names[:1] != ["bytes"]:
        raise bad(where, unknown)
    endian = _configuration(steps[0]).get("endian", "little")
    rest = names[1:]
    checksum = rest[-1:] == ["crc32c"]
    rest = rest[: len(rest) - checksum]
    if endian not in ("little", "big") or len(rest) > 1 or not set(rest) <= set(COMPRESSORS):
        raise bad(where, unknown)
    dtype = dtype.newbyteorder("<" if endian == "little" else ">")
    return Codec(shape, dtype, order, "".join(rest), checksum)


def _shards(
    settings: Mapping[str, Any], shape: tuple[int, ...], dtype: np.dtype[Any], where: str
) -> Shards:
    _, chunks = _shapes(list(shape), settings.get("chunk_shape"), where)
    inner = _codec(settings.get("codecs"), chunks, dtype, where, inside=True)
    index = settings.get("index_codecs")
    names = [_name(step, "name") for step in index] if isinstance(index, list) else []
    place = settings.get("index_location", "end")
    whole = all(n % m == 0 for n, m in zip(shape, chunks, strict=True))
    known = names in (["bytes"], ["bytes", "crc32c"]) and place in ("start", "end")
    if not (whole and known and isinstance(inner, Codec)):
        raise bad(where, f"has shards that dip does not read: {_short(dict(settings))}")
    return Shards(shape, inner, place == "end", len(names) == 2)


def _shapes(shape: Any, chunks: Any, where: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    for sizes in (shape, chunks):
        whole = isinstance(sizes, list) and all(type(n) is int and 1 <= n < 2**40 for n in sizes)
        if not whole or not 2 <= len(sizes) <= MAX_DIMS or len(sizes) != len(shape):
            raise bad(where, f"has the shape {_short(shape)} and chunks {_short(chunks)}")
    return tuple(shape), tuple(chunks)


def _fill(value: Any, dtype: np.dtype[Any], where: str) -> Any:
    """The value of the pixels of absent chunks."""
    try:
        if value is None:
            return dtype.type(0)
        if isinstance(value, str) and value.startswith("0x"):
            return np.frombuffer(bytes.fromhex(value[2:]), dtype.newbyteorder(">"))[0]
        number = float(value) if dtype.kind == "f" else int(value)
        return np.array([number]).astype(dtype)[0] if dtype.kind == "f" else dtype.type(number)
    except (TypeError, ValueError, OverflowError, IndexError) as error:
        raise bad(where, f"has the fill value {_short(value)}") from error


def _name(extension: Any, key: str) -> str:
    """The name of a codec or another extension; "" if it has none."""
    if isinstance(extension, str) and key == "name":
        return extension
    name = extension.get(key) if isinstance(extension, Mapping) else None
    return name if isinstance(name, str) else "?"


def _configuration(extension: Any) -> Mapping[str, Any]:
    found = extension.get("configuration") if isinstance(extension, Mapping) else None
    return found if isinstance(found, Mapping) else {}


# -- chunks ------------------------------------------------------------------------------------


def read_array(files: Files, array: ArrayInfo) -> tuple[Numbers, int]:
    """All pixels of an array, and how many of its chunks are absent and read as fill value."""
    decoded = math.prod(array.shape) * array.dtype.itemsize
    stored = files.stored(array.path)
    check_size(decoded, decoded if stored is None else stored)
    if decoded > min(MAX_BYTES, available_memory() // 2):
        msg = f"its {decoded:,} bytes of pixels do not fit in memory"
        raise BadImage(msg)
    numbers = np.zeros(array.shape, array.dtype)
    if array.fill != 0:
        numbers[...] = array.fill
    absent = 0
    for index in np.ndindex(array.grid):
        key = array.key(index)
        if (size := files.size(key)) is None:
            absent += 1
            continue
        corner = [i * n for i, n in zip(index, array.codec.shape, strict=True)]
        for start, piece in _pieces(files, key, size, array.codec):
            _put(numbers, [a + b for a, b in zip(corner, start, strict=True)], piece)
    return numbers, absent


def _pieces(
    files: Files, key: str, size: int, codec: Codec | Shards
) -> Iterator[tuple[list[int], Numbers]]:
    """The pixels of a stored chunk, or of each chunk of a shard, and where in it they begin."""
    if isinstance(codec, Codec):
        limit = codec.size + codec.size // 8 + SLACK
        data = files.read(key, 0, min(size, limit + 1))
        if len(data) > limit:
            raise bad(key, f"is too long for {codec.size} bytes of pixels")
        yield [0] * len(codec.shape), codec.decode(data, key)
        return
    inner, limit = codec.inner, codec.inner.size + codec.inner.size // 8 + SLACK
    for place, (offset, length) in zip(
        np.ndindex(codec.counts), _shard_index(files, key, size, codec), strict=True
    ):
        if offset == length == ABSENT:
            continue
        if offset + length > size or length > limit:
            raise bad(key, "is broken: its index contradicts its size")
        data = files.read(key, offset, offset + length)
        yield [i * n for i, n in zip(place, inner.shape, strict=True)], inner.decode(data, key)


def _shard_index(files: Files, key: str, size: int, shards: Shards) -> list[list[int]]:
    """Offset and length of each chunk of a shard."""
    length = 16 * math.prod(shards.counts) + 4 * shards.checksum
    if length > size:
        raise bad(key, "is broken: it is shorter than its index")
    start = size - length if shards.at_end else 0
    data: bytes | bytearray = files.read(key, start, start + length)
    if shards.checksum:
        data = _without_checksum(data, key)
    index: list[list[int]] = np.frombuffer(data, "<u8").reshape(-1, 2).tolist()
    return index


def _put(numbers: Numbers, corner: list[int], piece: Numbers) -> None:
    """Copy the part of a chunk that is inside of an array."""
    ends = [min(a + n, m) for a, n, m in zip(corner, piece.shape, numbers.shape, strict=True)]
    if all(a < b for a, b in zip(corner, ends, strict=True)):
        place = tuple(slice(a, b) for a, b in zip(corner, ends, strict=True))
        part = tuple(slice(0, b - a) for a, b in zip(corner, ends, strict=True))
        numbers[place] = piece[part]


def _check_blosc(data: bytes | bytearray, size: int, where: str) -> None:
    """Compare the header of a chunk with its sizes: blosc reads beyond the end of one cut short."""
    if len(data) < BLOSC_HEADER.size:
        raise bad(where, "is broken: it is cut short")
    version, _, _, _, decoded, block, encoded = BLOSC_HEADER.unpack_from(data)
    if version != 2 or decoded != size or encoded != len(data) or block > max(decoded, 1):
        raise bad(where, "is broken: its header contradicts its size")


def _without_checksum(data: bytes | bytearray, where: str) -> bytes | bytearray:
    import google_crc32c  # zarr depends on it

    if google_crc32c.value(data[:-4]) != int.from_bytes(data[-4:], "little"):
        raise bad(where, "is broken: its checksum is wrong")
    return data[:-4]


def _known() -> str:
    return ", ".join(COMPRESSORS)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
