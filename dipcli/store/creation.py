"""What is new appears whole: laid out beside its place, or out of sight, and then renamed."""

from __future__ import annotations

import json
import math
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from dipcli.errors import DipError, OutputExists
from dipcli.images import Image
from dipcli.store import disk
from dipcli.store.describe import now, plain
from dipcli.store.layout import (
    FRAME_DIMS,
    IMAGE_DIMS,
    MAX_CHUNK,
    MAX_METADATA,
    META,
    PARTIAL,
    RUN_SCRATCH,
    STEPS,
    STORE_SCRATCH,
    TARGET_DIMS,
    SaveDtype,
    dumps,
    group_metadata,
    ome,
)
from dipcli.store.lock import Lock
from dipcli.store.series import Column, Series


def create_store(
    path: Path,
    image: Image,
    others: Mapping[str, Image | None],
    attrs: Mapping[str, Any],
    *,
    force: bool,
) -> Lock:
    """Lay out a store without runs at `path`, and hold the right to write it."""
    place = Path(os.path.realpath(path))  # what a link points to is replaced, not the link
    new = place.with_name(f".{place.name}.{os.getpid()}{PARTIAL}")
    with ExitStack() as undo, disk.writing(str(path)):
        stands = _what_stands(place, str(path), force=force)
        if stands == "store":
            undo.enter_context(all_locks(place, str(path)))
        undo.callback(disk.remove, new)  # gone already, if all goes well
        new.mkdir()
        _lay_out(new, image, others, attrs)
        lock = Lock(new / STORE_SCRATCH, str(path))
        try:
            _move(new, place, replace=stands != "")
        except BaseException:
            lock.release()
            raise
    lock.moved(place / STORE_SCRATCH)
    return lock


def _what_stands(place: Path, label: str, *, force: bool) -> str:
    """What is there: "", or a "file" or "store" that may be replaced."""
    if not place.exists():
        return ""
    if place.is_file() or is_root(place):
        if not force:
            msg = f"{label} exists; -f replaces it"
            raise OutputExists(msg)
        return "file" if place.is_file() else "store"
    kind = "a directory that is not a store of dip" if place.is_dir() else "no file"
    msg = f"{label} is {kind}: nothing replaces it"
    raise OutputExists(msg)


def is_root(path: Path) -> bool:
    """Whether a folder says that it is a store of ours, of any format."""
    try:
        with (path / META).open("rb") as file:
            attributes = json.loads(file.read(MAX_METADATA))["attributes"]
        return isinstance(attributes["dip"]["format"], int)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


@contextmanager
def all_locks(place: Path, label: str) -> Iterator[None]:
    """Nobody writes the store or any of its runs."""
    with ExitStack() as held:
        scratches = [place / STORE_SCRATCH, *place.glob(f"run-*/{RUN_SCRATCH}")]
        for scratch in filter(Path.is_dir, scratches):
            held.enter_context(Lock(scratch, label))
        yield


def _move(new: Path, place: Path, *, replace: bool) -> None:
    """Rename a folder to its place; what stood there comes back if that fails."""
    if not replace:
        try:
            new.rename(place)
        except OSError as error:
            if place.exists():
                msg = f"{place} exists; another process has just made it"
                raise OutputExists(msg) from error
            raise
        return
    old = place.with_name(f".{place.name}.{os.getpid()}.old{PARTIAL}")
    place.rename(old)
    try:
        new.rename(place)
    except OSError:
        old.rename(place)
        raise
    disk.remove(old) if old.is_dir() else old.unlink()


def _lay_out(
    folder: Path, image: Image, others: Mapping[str, Image | None], attrs: Mapping[str, Any]
) -> None:
    """The root's arrays, and what it says of itself."""
    smaller = str(attrs["task"]).startswith("sr")
    dims = TARGET_DIMS if smaller else IMAGE_DIMS
    _put_image(folder / "target", image.pixels, dims)
    if image.alpha is not None:
        _put_image(folder / "alpha", image.alpha, dims[1:])
    for name, other in others.items():
        if other is None:
            continue
        if other.channels != image.channels or (other.size != image.size and not smaller):
            msg = f"a {name} image of {other.pixels.shape} for a target of {image.pixels.shape}"
            raise DipError(msg)
        _put_image(folder / name, other.pixels, IMAGE_DIMS)
    disk.put(folder / META, dumps(group_metadata({"dip": plain(attrs)})))


def _put_image(folder: Path, pixels: Any, dims: tuple[str, ...]) -> None:
    check_size(pixels.shape, "float32")
    disk.new_image(folder, np.asarray(pixels, np.float32), dims)


def check_size(size: tuple[int, ...], dtype: str) -> None:
    """An image is one chunk, and chunks end somewhere."""
    if 0 in size or math.prod(size) * np.dtype(dtype).itemsize > MAX_CHUNK:
        msg = f"an image of {' x '.join(map(str, size))} numbers does not fit into a store"
        raise DipError(msg)


def lay_out_run(
    folder: Path,
    attrs: Mapping[str, Any],
    image: str,
    saves: int,
    steps: int,
    size: tuple[int, int, int],
    save_dtype: SaveDtype,
) -> None:
    """The arrays of a run, all of them empty."""
    check_size(size, save_dtype)
    disk.new_array(folder / "frames", (saves, *size), (1, *size), save_dtype, FRAME_DIMS)
    Series.lay_out(folder, saves)
    Column(folder / "step_loss", np.full(steps, np.nan), STEPS).create(("step",))
    attributes = {"dip": plain(attrs), "ome": ome(image, size[0])}
    disk.put(folder / META, dumps(group_metadata(attributes)))


def run_attributes(seed: int, config: Mapping[str, Any], **attrs: Any) -> dict[str, Any]:
    """What is said of a run from its first moment on, in the order in which it is read."""
    return {
        "seed": seed,
        "status": "running",
        "config": config,
        "stop": None,
        "stopping": {},
        "threads": None,
        "precision": None,
        "device": None,
        **whereabouts(),
        "updated": now(),
        "seconds": 0.0,
        "error": None,
        **attrs,
    }


def whereabouts() -> dict[str, Any]:
    return {"host": socket.gethostname(), "pid": os.getpid()}
