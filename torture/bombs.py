"""Small files that ask for much memory or time: images, zips, chunks, JSON, headers."""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from io import BytesIO
from random import Random

import numpy as np

from dipcli.store import disk
from torture.damage import Files, sound, zip_of
from torture.pictures import FILES
from torture.place import Place, require

CASES = 120
QUICK = 5

READING = (("spectrum",), ("trajdist",), ("report",), ("report", "--format", "jsonl"))
MUCH = 10**12


def case(place: Place, draw: Random) -> str:
    if draw.random() < 0.5:
        data = draw.choice(IMAGES)(draw)
        (place.folder / "in").write_bytes(data)
        words: tuple[object, ...] = draw.choice(
            (("corrupt", "in", "-o", "out.tif"), ("spectrum", "in"))
        )
    else:
        data = b""
        files = dict(sound(place.warm))
        if draw.random() < 0.3:
            (place.folder / "in").write_bytes(draw.choice(ZIPS)(files))
        else:
            draw.choice(STORES)(files, draw)
            for name, content in files.items():
                path = place.folder / "in" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        command, *options = draw.choice(READING)
        words = (command, "in", *options)
    done = place.dip(*words)
    require(
        len(done.out) < 10**7 and len(done.err) < 2000, "long output", len(done.out), done.err[:99]
    )
    return f"{words[0]} {('read', 'refused')[done.code]}"


def png(draw: Random) -> bytes:
    """A huge size, with few pixels or with as many zeros as deflate can hold."""
    side = draw.choice((20_000, 60_000, 2**31 - 1))
    zeros = (
        zlib.compress(bytes(50_000_000), 9) if draw.random() < 0.5 else zlib.compress(b"\0" * 99)
    )
    head = struct.pack(">IIBBBBB", side, side, draw.choice((1, 8, 16)), 0, 0, 0, 0)
    texts = [(b"zTXt", b"dip\0\0" + zlib.compress(bytes(50_000_000)))] * draw.choice((0, 40))
    chunks = [(b"IHDR", head), *texts, (b"IDAT", zeros), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def tiff(draw: Random) -> bytes:
    """Pages in a ring, 100,000 pages that share one strip, or a strip of huge size."""
    entries = [(256, 13), (257, 9), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (279, 117)]
    kind = draw.choice(("ring", "pages", "huge", "deflate"))
    if kind in ("huge", "deflate"):
        side = draw.choice((60_000, 2**31))
        entries[:2] = [(256, side), (257, side)]
        entries[3] = (259, 1 if kind == "huge" else 8)
        entries[7] = (279, 2**32 - 1)
    count = {"pages": 100_000}.get(kind, 1)
    body = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    start, size = 8 + 120, 2 + len(body) + 4
    pages = [
        struct.pack("<H", len(entries)) + body + struct.pack("<I", start + (n + 1) * size)
        for n in range(count)
    ]
    last = start if kind == "ring" else 0
    pages[-1] = pages[-1][:-4] + struct.pack("<I", last)
    return b"II*\0" + struct.pack("<I", start) + bytes(120) + b"".join(pages)


def gif(draw: Random) -> bytes:
    """A huge screen, or a million frames."""
    data = FILES["gray.gif"]
    if draw.random() < 0.5:
        return data[:6] + struct.pack("<HH", 65535, 65535) + data[10:]
    image = data[data.index(b",") : -1]
    return data[:-1] + image * 10_000 + b";"


def webp(draw: Random) -> bytes:
    data = bytearray(FILES["rgba.webp"])
    data[21:25] = struct.pack("<I", draw.randrange(2**32))
    return bytes(data)


def netpbm(draw: Random) -> bytes:
    return draw.choice(
        (b"P5 99999 99999 255\n", b"P2 9 9 255\n" + b"9" * 10**7, b"P4 9 " + b"9" * 10**6)
    )


def npy(draw: Random) -> bytes:
    """A header of 100 MB, or a huge shape."""
    shape = draw.choice(("1" * 10**6, "10**10", "99999999999, 9", "1, " * 9999))
    text = f"{{'descr': '<u2', 'fortran_order': False, 'shape': ({shape},)}}".encode()
    text += b" " * draw.choice((0, 10**8))
    return b"\x93NUMPY\2\0" + struct.pack("<I", len(text)) + text + bytes(100)


def shape(files: Files, draw: Random) -> None:
    """Arrays of 10^12 numbers, and chunks as large."""
    names = [name for name in sorted(files) if b'"shape"' in files[name] and "state" not in name]
    name = draw.choice(names)
    document = json.loads(files[name])
    if "shape" not in document:  # a group whose attributes have one
        return
    axis = draw.randrange(len(document["shape"]))
    document["shape"][axis] = draw.choice((MUCH, 2**24, 10**9))
    if draw.random() < 0.5:
        document["chunk_grid"]["configuration"]["chunk_shape"][axis] = document["shape"][axis]
    files[name] = json.dumps(document).encode()


def expanding(files: Files, draw: Random) -> None:
    """A chunk of zeros that is much larger than it says, or says that it is."""
    chunks = [name for name in sorted(files) if "/c/" in name and "state" not in name]
    name = draw.choice(chunks)
    data = bytearray(disk.encode(np.zeros(10**7)))
    if draw.random() < 0.5:
        data[4:8] = files[name][4:8]
    files[name] = bytes(data)


def attributes(files: Files, draw: Random) -> None:
    """Long texts, deep lists and many keys in the attributes."""
    name = draw.choice(["zarr.json", "run-0/zarr.json"])
    document = json.loads(files[name])
    odd = draw.choice(("x" * 10**6, "<b>" * 10**6, {str(n): n for n in range(10**5)}, "y" * 10**8))
    attrs = document["attributes"]["dip"]
    attrs[draw.choice(sorted(attrs))] = odd
    files[name] = json.dumps(document).encode()
    if draw.random() < 0.3:
        files[name] = files[name].replace(b"null", b"[" * 10**5 + b"]" * 10**5, 1)


def full(files: Files) -> bytes:
    """Chunks that deflate to nothing."""
    names = [name for name in files if "/c/" in name][:9]
    return _deflated(files | dict.fromkeys(names, bytes(30_000_000)))


def overlapping(files: Files) -> bytes:
    """All names for one entry."""
    data = zip_of({"zarr.json": files["zarr.json"]})
    at = data.rindex(b"PK\1\2")
    end = data.rindex(b"PK\5\6")
    entry = data[at:end]
    many = b"".join(entry.replace(b"zarr.json", b"%09d" % n) for n in range(60_000))
    tail = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 60_000, 60_000, len(many), at, 0)
    return data[:at] + many + tail


def nested(files: Files) -> bytes:
    """A zip in a zip in a zip."""
    data = full(files)
    for _ in range(9):
        data = _deflated({"traj.zip": data})
    return data


def _deflated(files: Files) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


IMAGES = (png, tiff, gif, webp, netpbm, npy)
ZIPS = (full, overlapping, nested)
STORES = (shape, expanding, attributes)
