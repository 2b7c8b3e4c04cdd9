"""Damaged and forged stores, zips and checkpoints: read, or refused in a line."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from functools import cache
from io import BytesIO
from random import Random
from typing import Any

import numpy as np

from dipcli.store import checkpoint
from torture.pictures import FILES, flip
from torture.place import Place, new_place, require

CASES = 2000
QUICK = 10

FIT = (
    *("fit", "a.png", "-o", "s.zarr", "--arch", "dip", "--width", 4, "--depth", 1, "--clean"),
    *("a.png", "--runs", 2, "--save-every", 2, "--record", "psnr", "--threads", 1),
)
READING = (
    *(("spectrum", "S"), ("spectrum", "S", "--measure", "error", "--format", "jsonl")),
    *(("spectrum", "S", "--measure", "onset"), ("trajdist", "S"), ("trajdist", "S", "--summary")),
    *(("trajdist", "S", "--against", "clean"), ("trajdist", "S/run-0", "S/run-1")),
    *(("report", "S"), ("report", "S", "--format", "jsonl"), ("report", "S", "--format", "json")),
    *(("report", "S", "-o", "out.html"), ("report", "S", "--format", "tsv", "--columns", "store")),
    *(("gpkernel", "S", "--samples", 1), ("corrupt", "S/run-0@last", "-o", "out.png")),
    *(("corrupt", "S", "-o", "out.tif"), ("corrupt", "S/target", "gray", "-o", "out.png")),
    *(("corrupt", "S/run-1@2", "-o", "out.npy"), ("spectrum", "S", "--plot", "out.svg")),
    *(("fit", "a.png", "--like", "S", "--iterations", 1, "-o", "out.zarr"),),
    *(("fit", "S/clean", "--iterations", 1, "--width", 4, "--depth", 1, "-o", "out.zarr"),),
)
WRITING = (
    *(("fit", "--resume", "s.zarr"), ("fit", "--resume", "s.zarr", "--iterations", 8)),
    *((*FIT, "--iterations", 6), (*FIT, "--iterations", 8), (*FIT, "--iterations", 8, "--force")),
)
DEEP: Any = json.loads("[" * 500 + "]" * 500)
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 10**30, 10**400, 0.5, 1e308, 1e-320),
    *(float("nan"), float("inf"), "", "x", "../../x", "/etc/passwd", "é\n\x1b[31m<b>", "x" * 10**5),
    *([], {}, [[]], [None], [-1], [10**12] * 3, {"name": "x"}, {"": None}, DEEP, list(range(999))),
    *("os:system", "object", "float128", "torch:load", "adam,lr=1e308", "noise:x,y=z", "auto"),
)
Files = dict[str, bytes]


def case(place: Place, draw: Random) -> str:
    files = dict(sound(place.warm))
    changes = (values, values, values, text, chunk, chunk, missing, forge, forge)
    draw.choice(changes)(files, draw)
    writes = draw.random() < 0.3
    zipped = not writes and draw.random() < 0.3
    if zipped:
        data = zip_of(files)
        (place.folder / "s.zip").write_bytes(flip_end(data, draw) if draw.random() < 0.5 else data)
    else:
        for name, content in files.items():
            path = place.folder / "s.zarr" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        odd_file(place, files, draw)
    (place.folder / "a.png").write_bytes(FILES["gray.png"])
    words = draw.choice(WRITING if writes else READING)
    store = "s.zip" if zipped else "s.zarr"
    before = snapshot(place)
    named = [str(word).replace("S", store, 1) if str(word)[0] == "S" else word for word in words]
    done = place.dip(*named, codes=(0, 1, 2))
    if not any(b"dip: " in line for line in done.err.splitlines()):
        require(done.code in (0, 2), "no line of error", done.err[-600:])
    after = snapshot(place)
    outside = {
        name
        for name in before.keys() | after.keys()
        if before.get(name) != after.get(name)
        and not name.startswith(("out.", "s.zarr") if writes else "out.")
    }
    require(not outside, "changes:", outside, named, done.err[-300:])
    return f"{words[0]} {('read', 'refused', 'usage')[done.code]}"


@cache
def sound(warm: Any) -> Files:
    """The files of a store with two runs, a clean image, a record and checkpoints."""
    with new_place(warm, "damage") as place:
        (place.folder / "a.png").write_bytes(FILES["gray.png"])
        place.dip(*FIT, "--iterations", 6, codes=(0,))
        store = place.folder / "s.zarr"
        paths = [path for path in sorted(store.rglob("*")) if path.is_file()]
        return {path.relative_to(store).as_posix(): path.read_bytes() for path in paths}


def snapshot(place: Place) -> dict[str, object]:
    """The contents of regular files, and the kinds of all others."""
    return {
        name: path.read_bytes()
        if path.is_file() and not path.is_symlink()
        else path.lstat().st_mode
        for name in place.files()
        if (path := place.folder / name)
    }


def values(files: Files, draw: Random) -> None:
    """Other values in a zarr.json, keys that are gone, and values where none were."""
    name = draw.choice([name for name in sorted(files) if name.endswith("zarr.json")])
    document = json.loads(files[name])
    for _ in range(draw.choice((1, 1, 1, 3))):
        change(document, draw)
    files[name] = json.dumps(document).encode()


def change(document: Any, draw: Random) -> None:
    at = document
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        if not keys:
            return
        key = draw.choice(keys)
        if isinstance(at[key], dict | list) and at[key] and draw.random() < 0.85:
            at = at[key]
            continue
        break
    if draw.random() < 0.15:
        del at[key]
    else:
        at[key] = draw.choice(ODD)


def text(files: Files, draw: Random) -> None:
    """Other bytes in a zarr.json: encodings, keys twice, brackets, tokens."""
    name = draw.choice([name for name in sorted(files) if name.endswith("zarr.json")])
    data = files[name]
    at = draw.randrange(len(data))
    changed = (
        *(flip(data, draw), data[:at], data.decode().encode("utf-16"), b"\xef\xbb\xbf" + data),
        *(b"[" * 10**5, data[:at] + b"[" * 10**5 + data[at:], data.replace(b"2", b"NaN")),
        *(data[:-1] + b', "attributes": 3}', data * 2, b"", data + b" " * 10**7, b"null"),
    )
    files[name] = draw.choice(changed)


def chunk(files: Files, draw: Random) -> None:
    """Chunks with other bytes, cut ones, two in each other's place."""
    names = [name for name in sorted(files) if not name.endswith("zarr.json")]
    name, other = draw.choice(names), draw.choice(names)
    data = files[name]
    files[name] = draw.choice(
        (flip(data, draw), data[: len(data) // 2], b"", data * 2, files[other])
    )


def missing(files: Files, draw: Random) -> None:
    """A file or a folder that is gone."""
    parts = draw.choice(sorted(files)).split("/")
    gone = "/".join(parts[: draw.randrange(1, len(parts) + 1)])
    for name in [name for name in files if name == gone or name.startswith(f"{gone}/")]:
        del files[name]


def forge(files: Files, draw: Random) -> None:
    """A checkpoint that is not what dip wrote, with the right checksums."""
    folder = f"run-{draw.randrange(2)}/checkpoint"
    switch = json.loads(files[f"{folder}/zarr.json"])["attributes"]["dip"]
    names = [checkpoint.ATTRS] if draw.random() < 0.5 else sorted(switch["arrays"])
    name = draw.choice(names)
    chunk_name = f"{folder}/{switch['state']}/{name}/c/0"
    if name == checkpoint.ATTRS:
        document = json.loads(files[chunk_name])
        change(document, draw)
        files[chunk_name] = json.dumps(document).encode()
        switch["arrays"][name]["shape"] = [len(files[chunk_name])]
        flat = np.frombuffer(files[chunk_name], np.uint8)
        files[chunk_name.replace("c/0", "zarr.json")] = checkpoint._metadata(name, flat)
    else:
        size = len(files[chunk_name])
        files[chunk_name] = draw.choice((flip(files[chunk_name], draw), b"\xff" * size))[:size]
    switch["arrays"][name]["sha256"] = hashlib.sha256(files[chunk_name]).hexdigest()
    if draw.random() < 0.4:
        change(switch["arrays"], draw)
    switch.pop("sha256")
    switch["sha256"] = checkpoint._digest_of(switch)
    group = json.loads(checkpoint.group_metadata()) | {"attributes": {"dip": switch}}
    files[f"{folder}/zarr.json"] = json.dumps(group, indent=2).encode()


def zip_of(files: Files) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def flip_end(data: bytes, draw: Random) -> bytes:
    """Other bytes in the list of files of a zip."""
    at = len(data) - draw.randrange(1, min(len(data), 4000))
    return data[:at] + flip(data[at:], draw)


def odd_file(place: Place, files: Files, draw: Random) -> None:
    """Now and then a FIFO, a device, a link or a folder in the place of a file."""
    if draw.random() < 0.9 or not files:
        return
    path = place.folder / "s.zarr" / draw.choice(sorted(files))
    path.unlink()
    make = draw.choice((os.mkfifo, os.mkdir, lambda p: p.symlink_to("/dev/zero")))
    make(path)
