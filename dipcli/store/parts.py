"""Parts of a store by name: `S/run-0`, `S/run-0/estimate`, `S/run-0@100`, `S/target`."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from dipcli.errors import BadStore
from dipcli.images import Floats, Image, Scale
from dipcli.store.creation import is_root
from dipcli.store.describe import image_as_came
from dipcli.store.layout import META
from dipcli.store.opening import Named, is_zip
from dipcli.store.run import Run
from dipcli.store.sources import reading
from dipcli.store.store import Store, open_store

RUN = r"run-(0|[1-9]\d{0,8})"
PART = re.compile(
    rf"(target|clean|flash)|{RUN}(?:/(estimate|average|std)|@(\d{{1,18}}|last|best))?"
)
IN_ADDRESS = re.compile(rf"(.+?://.+?)/((?:target|clean|flash|{RUN}(?:[/@]\w+)?)/*)?")
DEPTH = 4  # folders that a name may lead into a store
GRAMMAR = (
    "target, clean, flash, run-K, run-K/estimate, /average or /std, run-K@I, run-K@last, run-K@best"
)


def is_store_name(name: str | os.PathLike[str]) -> bool:
    """Whether a name is that of a store, or of a part of one; nothing of it is opened."""
    text = os.fspath(name)
    if split_name(text) is not None:
        return True
    # a store of something else: who opens it will say what it is
    return any(os.path.lexists(f"{text}/{file}") for file in (META, ".zgroup"))


def split_name(name: str | os.PathLike[str]) -> tuple[str, str] | None:
    """The store and the part ("" for all of it) in a name; None if there is no store in it."""
    text = os.fspath(name)
    if "://" in text:
        address = IN_ADDRESS.fullmatch(text.rstrip("/") + "/")
        return (address[1], (address[2] or "").rstrip("/")) if address else (text, "")
    # isfile: Path.is_file raises where a name is too long
    if "\0" in text or (os.path.isfile(text) and not is_zip(Path(text))):  # noqa: PTH113
        return None
    if found := _walk_up(text):
        return found
    # names from inside a store, and links into one; but what lies nowhere is not in a store
    # because the working directory is
    real = os.path.realpath(text)
    found = _walk_up(real)
    if found and (found[1] == "" or PART.fullmatch(found[1]) or os.path.lexists(real)):
        return found
    return None


def _walk_up(path: str) -> tuple[str, str] | None:
    """The store at or above a path, and the way from there."""
    head, tail = path.rstrip("/"), ""
    for _ in range(DEPTH):
        if not head:
            return None
        if is_root(Path(head)) or is_zip(Path(head)):
            return head, tail
        head, _, last = head.rpartition("/")
        tail = f"{last}/{tail}".rstrip("/")
    return None


def read_run(name: str | os.PathLike[str]) -> Run:
    """The run that is named; of a store with one run, that one."""
    store, part = _open(name)
    runs = runs_part(store, part)
    if runs is not None and len(runs) == 1:
        return runs[0]
    names = ", ".join(f"{store.name}/{run.name}" for run in store.runs) or "none"
    msg = f"{os.fspath(name)} is not a run; there are: {names}"
    raise BadStore(msg)


def runs_part(store: Store, part: str = "") -> list[Run] | None:
    """The runs that a part names: all of a store, or one; None where it names an image."""
    match = PART.fullmatch(part)
    if match and match[2] and part == f"run-{match[2]}":
        return [store.run(int(match[2]))]
    return store.runs if part == "" else None


def read_image(name: Named | Store) -> Image:
    """The image that is named, in the depth, scale and conventions of the store's original."""
    if isinstance(name, Store):
        return image_part(name)
    if isinstance(name, str | os.PathLike):
        return image_part(*_open(name))
    return image_part(open_store(name))


def image_part(store: Store, part: str = "") -> Image:
    """One image of a store: `target`, `run-0@100`, ...; "" is the first run's estimate."""
    match = PART.fullmatch(part)
    if part and match is None:
        msg = f"{store.name} has no part {part!r}; its images are {GRAMMAR}"
        raise BadStore(msg)
    whole, number, result, frame = match.groups() if match else (None, None, None, None)
    if whole:
        return _as_came(store, store.target if whole == "target" else _given(store, whole), whole)
    run = store.run(int(number)) if number else _first(store)
    if frame:
        return _as_came(store, run.frame(_iteration(store, run, frame)), "frame")
    result = result or "estimate"
    return _as_came(store, _result(run, result), result)


def _open(name: str | os.PathLike[str]) -> tuple[Store, str]:
    store, part = split_name(name) or (os.fspath(name), "")
    return open_store(store), part


def _first(store: Store) -> Run:
    runs = store.runs
    if not runs:
        msg = f"{store.name} has no runs yet; {store.name}/target is what is to be fitted"
        raise BadStore(msg)
    return runs[0]


def _given(store: Store, whole: str) -> Floats:
    """What was given besides the target."""
    pixels = store.clean if whole == "clean" else store.flash
    if pixels is None:
        option = "--clean" if whole == "clean" else "--task flash"
        msg = f"{store.name} holds no {whole} image: its fit was not given one ({option})"
        raise BadStore(msg)
    return pixels


def _result(run: Run, name: str) -> Floats:
    pixels = run.image(name)
    if pixels is None:
        saved = run.iterations
        frames = f"; {run.label}@last is its last frame" if len(saved) else ""
        msg = f"{run.label} has no {name} (it is {run.attrs.get('status')}){frames}"
        raise BadStore(msg)
    return pixels


def _iteration(store: Store, run: Run, frame: str) -> int:
    """Which saved iteration `100`, `last` or `best` is."""
    if frame not in ("last", "best"):
        return int(frame)
    saved = run.iterations
    if not len(saved):
        msg = f"{run.label} has no frames yet"
        raise BadStore(msg)
    if frame == "last":
        return int(saved[-1])
    psnr = run.scalar("psnr")
    if psnr is None or np.isnan(psnr).all():
        why = (
            "its fit was given no clean image (--clean)" if store.clean is None else "none is kept"
        )
        msg = f"{run.label}@best is the frame of the highest PSNR, and {why}"
        raise BadStore(msg)
    return int(saved[: len(psnr)][np.nanargmax(psnr)])


def _as_came(store: Store, pixels: Floats, kind: str) -> Image:
    """Pixels of the store as an image that is written as the original came."""
    with reading(store.name):
        image = image_as_came(store.attrs, pixels)
    target, alpha, model = store.target, store.alpha, store.model
    changes: dict[str, Any] = {
        # where a task makes images larger, their pixels are smaller
        "spacing": image.spacing / (model.factor if model and kind != "target" else 1),
        # nothing was done to the clean image, nor to that with flash
        "history": None if kind in ("clean", "flash") else image.history,
    }
    if kind == "std":
        changes["scale"] = Scale(image.scale.scale)  # a spread is measured from nothing
    elif alpha is not None and alpha.shape == pixels.shape[1:]:
        # what was transparent is filled everywhere but in the target
        filled = np.isnan(target).any(axis=0) & (kind != "target")
        changes["alpha"] = np.where(filled, np.float32(1), alpha)
    return image.with_pixels(pixels, **changes)
