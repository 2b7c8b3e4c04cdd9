"""Names of a store's parts: `S/run-0`, `S/run-0/estimate`, `S/run-0@100`, `S/target`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from dipcli import files
from dipcli.errors import BadStore, UsageError
from dipcli.images import Floats, Image, Scale, is_ome_zarr
from dipcli.images.writer import EXTENSIONS, extension_of
from dipcli.store.access import StoreLike, read_errors
from dipcli.store.attributes import original_image
from dipcli.store.layout import META, RUN
from dipcli.store.run import Run
from dipcli.store.safety import bad, is_root, is_zip
from dipcli.store.store import Store, open_store

PART = re.compile(
    rf"(target|clean|flash)|{RUN}(?:/(estimate|average|std)|@(\d{{1,18}}|last|best))?"
)
IN_URL = re.compile(rf"(.+?://.+?)/((?:target|clean|flash|{RUN}(?:[/@]\w+)?)/*)?")
DEPTH = 4  # levels above a name in which its store is looked for
GRAMMAR = (
    "target, clean, flash, run-K, run-K/estimate, /average or /std, run-K@I, run-K@last, run-K@best"
)


def is_store_name(name: str | os.PathLike[str]) -> bool:
    """Whether a name is that of a store or of a part of one; no array is opened."""
    text = os.fspath(name)
    if "://" in text:
        return not is_ome_zarr(text) and extension_of(text) not in EXTENSIONS
    if split_name(text) is not None:
        return True
    # other Zarr stores count too, so that the error on opening them explains what they are
    is_zarr = any(os.path.lexists(f"{text}/{file}") for file in (META, ".zgroup"))
    return is_zarr and not is_ome_zarr(text)


def split_name(name: str | os.PathLike[str]) -> tuple[str, str] | None:
    """Split a name into store and part ("" for the whole store); None if it names no store."""
    text = os.fspath(name)
    if "://" in text:
        match = IN_URL.fullmatch(text.rstrip("/") + "/")
        return (match[1], (match[2] or "").rstrip("/")) if match else (text, "")
    # os.path.isfile: Path.is_file raises for a name that is too long
    if "\0" in text or (os.path.isfile(text) and not is_zip(Path(text))):  # noqa: PTH113
        return None
    if split := _walk_up(text):
        return split
    # relative names inside a store, and links into one; in a store as working directory, a name
    # must exist or be that of a part
    real = os.path.realpath(text)
    split = _walk_up(real)
    if split and (split[1] == "" or PART.fullmatch(split[1]) or os.path.lexists(real)):
        return split
    return None


def _walk_up(path: str) -> tuple[str, str] | None:
    """The store at or above a path, and the rest of the path."""
    head, tail = path.replace(os.sep, "/").rstrip("/"), ""
    for _ in range(DEPTH):
        if not head:
            return None
        if is_root(Path(head)) or is_zip(Path(head)):
            return head, tail
        head, _, last = head.rpartition("/")
        tail = f"{last}/{tail}".rstrip("/")
    return None


def read_run(name: str | os.PathLike[str]) -> Run:
    """Open a run by name; the name of a store is enough if it has only one run."""
    store, part = _open(name)
    runs = runs_part(store, part)
    if runs is not None and len(runs) == 1:
        return runs[0]
    names = ", ".join(f"{store.name}/{run.name}" for run in store.runs) or "none"
    raise bad(os.fspath(name), f"is not a run; the runs of its store: {names}")


def runs_part(store: Store, part: str = "") -> list[Run] | None:
    """The runs of a part: all for "", one for "run-K"; None if the part is an image."""
    match = PART.fullmatch(part)
    if match and match[2] and part == f"run-{match[2]}":
        return [store.run(int(match[2]))]
    return store.runs if part == "" else None


def read_image(name: StoreLike | Store) -> Image:
    """Read an image of a store by name, with the depth and scale of the store's original."""
    if isinstance(name, Store):
        return image_part(name)
    if isinstance(name, str | os.PathLike):
        return image_part(*_open(name))
    return image_part(open_store(name))


def image_part(store: Store, part: str = "") -> Image:
    """Read an image of a store: `target`, `run-0@100`, ...; "" is the first run's estimate."""
    match = PART.fullmatch(part)
    if part and match is None:
        raise bad(store.name, f"has no part {part!r}; its images are {GRAMMAR}")
    image, number, result, frame = match.groups() if match else (None, None, None, None)
    if image:
        pixels = store.target if image == "target" else _reference(store, image)
        return _like_original(store, pixels, image)
    run = store.run(int(number)) if number else _first(store)
    if frame:
        return _like_original(store, run.frame(_iteration(store, run, frame)), "frame")
    result = result or "estimate"
    return _like_original(store, _result(run, result), result)


def _open(name: str | os.PathLike[str]) -> tuple[Store, str]:
    store, part = split_name(name) or (os.fspath(name), "")
    return open_store(store), part


def _first(store: Store) -> Run:
    runs = store.runs
    if not runs:
        raise bad(store.name, f"has no runs yet; its target is {store.name}/target")
    return runs[0]


def _reference(store: Store, name: str) -> Floats:
    """The clean image or the image with flash."""
    pixels = store.clean if name == "clean" else store.flash
    if pixels is None:
        option = "--clean" if name == "clean" else "--task flash"
        raise bad(store.name, f"holds no {name} image: its fit ran without {option}")
    return pixels


def _result(run: Run, name: str) -> Floats:
    pixels = run.image(name)
    if pixels is None:
        saved = run.iterations
        frames = f"; {run.label}@last is its last frame" if len(saved) else ""
        raise bad(run.label, f"has no {name} (it is {run.attrs.get('status')}){frames}")
    return pixels


def _iteration(store: Store, run: Run, frame: str) -> int:
    """The iteration that `100`, `last` or `best` stands for."""
    if frame not in ("last", "best"):
        return int(frame)
    saved = run.iterations
    if not len(saved):
        raise bad(run.label, "has no frames yet")
    if frame == "last":
        return int(saved[-1])
    psnr = run.scalar("psnr")
    if psnr is None or np.isnan(psnr).all():
        reason = "its fit ran without --clean" if store.clean is None else "no PSNR was recorded"
        msg = f"{run.label}@best is the frame with the highest PSNR, but {reason}"
        raise BadStore(msg)
    return int(saved[: len(psnr)][np.nanargmax(psnr)])


def _like_original(store: Store, pixels: Floats, kind: str) -> Image:
    """An image of these pixels, with the depth, scale and metadata of the original."""
    with read_errors(store.name):
        image = original_image(store.attrs, pixels, store.name)
    target, alpha, model = store.target, store.alpha, store.model
    changes: dict[str, Any] = {
        # super-resolution makes pixels smaller
        "spacing": image.spacing / (model.factor if model and kind != "target" else 1),
        # the history is that of the target alone
        "history": None if kind in ("clean", "flash") else image.history,
    }
    if kind == "std":
        changes["scale"] = Scale(image.scale.scale)  # a standard deviation has no offset
    elif alpha is not None and alpha.shape == pixels.shape[1:]:
        # a fit fills transparent pixels; they stay transparent in the target alone
        filled = np.isnan(target).any(axis=0) & (kind != "target")
        changes["alpha"] = np.where(filled, np.float32(1), alpha)
    return image.with_pixels(pixels, **changes)


def keep_inputs(inputs: Iterable[str | None], outputs: Iterable[tuple[str, str | None]]) -> None:
    """Refuse outputs, each with its flag, that are inputs too: not even -f replaces those."""
    flags = {output: flag for flag, output in outputs if output}
    for name in filter(None, inputs):
        path = (split_name(name) or (name, ""))[0]
        for output, flag in flags.items():
            if files.is_same(path, output):
                msg = f"{flag} {output} is an input too: name another output"
                raise UsageError(msg)
