"""20,000 broken image files of every format: read whole, or refused in a line."""

from __future__ import annotations

import struct
import zlib
from random import Random

import numpy as np

from dipcli.images import open_stack
from tests import pictures
from torture.place import Done, Place, require

CASES = 20_000
QUICK = 50

FILES = pictures.every_format()
DEGRADATIONS = ("gaussian:5", "downsample:2", "blur:1", "mask:0.3", "gray", "jpeg:40", "poisson:9")
OPTIONS = (
    ("--page", ("1", "2", "all", "2-3")),
    ("--axes", ("YX", "ZYX", "CYX", "YXC", "TZCYX")),
    ("--normalize", ("auto", "dtype", "minmax", "0:255", "-1:1e-9")),
    ("--depth", ("8", "16", "float")),
    ("--alpha", ("unknown", "keep", "drop")),
    ("--image-format", ("png", "tiff", "jpeg", "webp", "npy")),
)
SMALL = ("--iterations", 2, "--arch", "dip", "--width", 4, "--depth", 1, "--threads", 1)
EXTREMES = (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\1")
TEXTS = (  # in place of what an earlier dip wrote into a PNG
    *(b"[]", b"{}", b"[" * 9000, b'{"scale": NaN, "offset": Infinity}', b'{"scale": "1"}'),
    *(b'{"scale": 1e308, "offset": -1e308}', b'{"scale": -1, "offset": 0, "degradations": 3}'),
    *(b'{"scale": 1e-320, "offset": 0}', b'{"degradations": [null], "spacing": {}, "seed": []}'),
)
CHUNKS = (  # kinds of a PNG, with contents that are wrong
    *((b"tEXt", b"dip\0" + text) for text in TEXTS),
    *((b"iCCP", b"x\0\0" + zlib.compress(bytes(10**6))), (b"iCCP", b"x\0\0rotten")),
    *((b"pHYs", b"\xff" * 9), (b"pHYs", b"\0"), (b"tRNS", b"\xff" * 7), (b"PLTE", b"\0" * 3000)),
    *(
        (b"eXIf", b"II*\0\xff\xff\xff\xff"),
        (b"eXIf", b"MM\0*" + b"\1" * 90),
        (b"acTL", b"\xff" * 8),
    ),
    *((b"zTXt", b"dip\0\0" + zlib.compress(b" " * 10**7)), (b"IEND", b""), (b"IDAT", b"")),
)
HEADERS = (  # of a NumPy file
    *("{'descr': '<u2', 'fortran_order': True, 'shape': (9, 13)}", "{}", "[" * 900, "(" * 90),
    *("{'descr': '|O', 'fortran_order': False, 'shape': (9, 13)}", "__import__('os').getpid()"),
    *("{'descr': '<f8', 'fortran_order': 0, 'shape': (-9, -13)}", "{'descr': '<u2'}"),
    *("{'descr': '<u2', 'fortran_order': False, 'shape': (10**9, 10**9)}", "9" * 9000),
    *("{'descr': '<u2', 'fortran_order': False, 'shape': (99999999999, 99999999999)}",),
    *("{'descr': '<u2', 'fortran_order': False, 'shape': (0, 13)}",),
    *("{'descr': '<u2', 'fortran_order': False, 'shape': (9, 13, 1, 1)}",),
    *("{'descr': '>f2', 'fortran_order': False, 'shape': (9, 13)}",),
    *("{'descr': '<f16', 'fortran_order': False, 'shape': (3, 5)}",),
    *("{'descr': '?', 'fortran_order': False, 'shape': (9, 13)}",),
    *("{'descr': [('a', '<u2')], 'fortran_order': False, 'shape': (9, 13)}",),
)


def case(place: Place, draw: Random) -> str:
    data = mutant(draw)
    file = place.folder / "in"
    file.write_bytes(data)
    kind = draw.random()
    if kind < 0.02:
        done = place.dip("fit", "in", *SMALL, "--page", 1, "-o", "out.zarr")
    elif kind < 0.1:
        done = place.dip("spectrum", "in", "--format", "jsonl")
    else:
        done = _corrupt(place, draw, data)
    errors = [line for line in done.err.splitlines() if line.startswith(b"dip: error")]
    require(len(errors) == done.code, "lines of error:", done.err[-600:])
    require(file.read_bytes() == data, "the input has changed")
    made = {name.partition("/")[0] for name in place.files()} - {"in"}
    outputs = {"out", "out.zarr"}
    require(made <= outputs, "other files:", made)
    return ("read", "refused")[done.code]


def _corrupt(place: Place, draw: Random, data: bytes) -> Done:
    words = draw.sample(DEGRADATIONS, draw.choice((0, 0, 1)))
    for option, values in draw.sample(OPTIONS, draw.choice((0, 0, 1, 2))):
        words += [option, draw.choice(values)]
    if draw.random() < 0.5:
        done = place.dip("corrupt", "-", *words, "-o", "-", stdin=data)
        image = done.out
    else:
        done = place.dip("corrupt", "in", *words, *_format(words), "-o", "out")
        out = place.folder / "out"
        image = out.read_bytes() if out.exists() else b""
    require(bool(image) == (done.code == 0), "exit", done.code, "and an image of", len(image))
    if image:
        result = open_stack(image).pages()
        if not words:
            for page, original in zip(result, open_stack(data).pages(), strict=True):
                same = np.array_equal(page.pixels, original.pixels, equal_nan=True)
                require(same, "a copy has other pixels")
    return done


def _format(words: list[str]) -> list[str]:
    return [] if "--image-format" in words else ["--image-format", "tiff"]


def mutant(draw: Random) -> bytes:
    """A file of some format with one fault or more."""
    name = draw.choice(sorted(FILES))
    data = FILES[name]
    if draw.random() < 0.5:
        change = {"png": png, "tif": tiff, "npy": npy}.get(name.rpartition(".")[2], flip)
        data = change(data, draw)
    else:
        data = draw.choice((flip, flip, cut, splice, double))(data, draw)
    return data if draw.random() < 0.7 else flip(data, draw)


def flip(data: bytes, draw: Random) -> bytes:
    """Other bits, bytes and numbers, most of them near the start."""
    some = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 5, 20)) if some else 0):
        at = draw.randrange(min(len(some), draw.choice((64, 400, len(some)))))
        new = draw.choice((bytes([some[at] ^ 1 << draw.randrange(8)]), *EXTREMES))
        some[at : at + len(new)] = new
    return bytes(some)


def cut(data: bytes, draw: Random) -> bytes:
    return data[: draw.randrange(len(data))]


def splice(data: bytes, draw: Random) -> bytes:
    """The start of one file, and the end of another."""
    other = FILES[draw.choice(sorted(FILES))]
    return data[: draw.randrange(len(data))] + other[draw.randrange(len(other)) :]


def double(data: bytes, draw: Random) -> bytes:
    """A part twice, or two files one after the other."""
    first, last = sorted((draw.randrange(len(data)), draw.randrange(len(data))))
    return data[:last] + data[first:] if draw.random() < 0.7 else data + data


def png(data: bytes, draw: Random) -> bytes:
    """Other chunks, with the right checksums."""
    chunks, at = [], 8
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += 12 + size
    place = draw.randrange(len(chunks))
    kind, body = chunks[place]
    change = draw.randrange(6)
    if change < 3:
        chunks[place] = (kind, flip(body, draw))
    elif change == 3:
        chunks.insert(place, draw.choice([*CHUNKS, *chunks]))
    elif change == 4:
        chunks.insert(1, draw.choice(CHUNKS))
    else:
        del chunks[place]
    return data[:8] + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def tiff(data: bytes, draw: Random) -> bytes:
    """Other types, counts and values of tags, and other offsets of pages."""
    some = bytearray(data)
    at: int = struct.unpack_from("<I", some, 4)[0]
    if at + 2 > len(some):
        return flip(data, draw)
    tags: int = struct.unpack_from("<H", some, at)[0]
    numbers = (0, 1, 2, 9, 13, at, len(some), 65535, 2**31 - 1, 2**32 - 1, draw.randrange(2**32))
    for _ in range(draw.choice((1, 1, 2, 4))):
        tag, number = at + 2 + 12 * draw.randrange(tags + 1), draw.choice(numbers)
        form, place = draw.choice((("<H", 0), ("<H", 2), ("<I", 4), ("<I", 8), ("<I", 8)))
        if tag == at + 2 + 12 * tags:  # the offset of the next page
            form, place = "<I", 0
        if tag + place + 4 <= len(some):
            struct.pack_into(form, some, tag + place, number & (0xFFFF if form == "<H" else -1))
    return bytes(some)


def npy(data: bytes, draw: Random) -> bytes:
    """Another header."""
    header = draw.choice(HEADERS).encode() + b"\n"
    version = draw.choice((b"\1\0", b"\2\0", b"\3\0", b"\1\0"))
    size = struct.pack("<H" if version == b"\1\0" else "<I", len(header))
    return data[:6] + version + size + header + data[128:]
