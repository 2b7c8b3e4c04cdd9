"""What a store says in its attributes: plain JSON, and an image's conventions in and out of it."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import PurePath
from typing import Any, NoReturn

import numpy as np

from dipcli import __version__
from dipcli.degrade import Model
from dipcli.errors import BadStore
from dipcli.images import Floats, Image, Meta, Resolution, Scale
from dipcli.store.layout import FORMAT, MAX_METADATA

MAX_META = MAX_METADATA // 2  # what a file may say besides its pixels
RATIO = re.compile(r"-?\d{1,18}(/\d{1,18})?")


def plain(value: Any) -> Any:
    """A value as JSON has it: zarr keeps what it cannot write, and then writes nothing more."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, np.generic | np.ndarray):
        return plain(value.tolist())
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, PurePath | Fraction):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    msg = f"{type(value).__name__} does not go into the attributes of a store"
    raise TypeError(msg)


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def pixels_digest(pixels: Floats) -> str:
    """The sha256 that tells one target from another, of little-endian float32 in C order."""
    return hashlib.sha256(np.ascontiguousarray(pixels, "<f4").data).hexdigest()


def describe(
    image: Image,
    name: str,
    task: str,
    flash: Image | None = None,
    model: Model | None = None,
) -> dict[str, Any]:
    """The root's attributes: what is fitted, and how to write an image as it came."""
    said = {
        "format": FORMAT,
        "version": __version__,
        "image": name,
        "sha256": pixels_digest(image.pixels),
        "task": task,
        "scale": float(image.scale.scale),
        "offset": float(image.scale.offset),
        "channels": image.channels,
        "dtype": image.dtype.name,
        "spacing": float(image.spacing),
        "page": image.page,
        "meta": _meta_out(image.meta),
        "history": plain(image.history),
    }
    said |= {"flash_sha256": pixels_digest(flash.pixels)} if flash else {}
    return said | ({"model": model.record()} if model else {})


def image_as_came(attrs: Mapping[str, Any], pixels: Floats) -> Image:
    """An image with these pixels that will be written as the store's original came."""
    field = _Fields(attrs, "the store")
    scale = field.number("scale", 255.0)
    history = attrs.get("history")
    try:
        dtype = np.dtype(field.text("dtype", "uint8"))
    except TypeError:
        dtype = np.dtype(object)
    if scale == 0 or dtype.kind not in "buif" or not isinstance(history, dict | None):
        field.refuse("dtype, scale or history")
    return Image(
        pixels,
        scale=Scale(scale, field.number("offset", 0.0)),
        dtype=dtype,
        meta=_meta_in(attrs.get("meta", {})),
        spacing=field.number("spacing", 1.0),
        history=history,
        page=field.of("page", lambda v: type(v) is int and v > 0, 1),
    )


def _meta_out(meta: Meta) -> dict[str, Any]:
    """Meta in JSON; what a store has no room for is left out, the largest first."""
    resolution = meta.resolution
    out: dict[str, Any] = {
        "axes": meta.axes,
        "shape": list(meta.shape),
        "kind": meta.kind,
        "description": meta.description,
        "imagej": {key: _tagged(item) for key, item in meta.imagej.items()},
        "resolution": resolution and [str(resolution.x), str(resolution.y), resolution.unit],
        "icc": meta.icc and base64.b64encode(meta.icc).decode(),
        "compression": meta.compression,
        "predictor": meta.predictor,
    }
    while len(json.dumps(out)) > MAX_META:
        del out[max(out, key=lambda key: len(json.dumps(out[key])))]
    return out


def _meta_in(value: Any) -> Meta:
    """The way back; what `_meta_out` cannot have made is refused, by whatever error."""
    if not isinstance(value, dict):
        msg = "the store's meta is broken"
        raise BadStore(msg)
    field = _Fields(value, "the store's meta")
    shape = field.of("shape", lambda v: isinstance(v, list) and all(type(n) is int for n in v), [])
    icc = field.of("icc", lambda v: isinstance(v, str | None), None)
    imagej = field.of("imagej", lambda v: isinstance(v, dict), {})
    return Meta(
        axes=field.text("axes", "YX"),
        shape=tuple(shape),
        kind=field.text("kind", "plain"),
        description=field.text("description", ""),
        imagej={key: _untagged(item) for key, item in imagej.items()},
        resolution=_resolution(value.get("resolution")),
        icc=None if icc is None else base64.b64decode(icc, validate=True),
        compression=field.text("compression", ""),
        predictor=field.of("predictor", lambda v: isinstance(v, bool), False),
    )


def _resolution(value: Any) -> Resolution | None:
    if value is None:
        return None
    x, y, unit = value
    # checked first: Fraction("1e999999999") would never end
    if not (RATIO.fullmatch(x) and RATIO.fullmatch(y) and isinstance(unit, str)):
        raise ValueError(value)
    return Resolution(Fraction(x), Fraction(y), unit)


def _tagged(value: Any) -> Any:
    """ImageJ's values hold bytes, tuples and arrays, which JSON has not."""
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    if isinstance(value, np.ndarray):
        return {"array": value.tolist(), "dtype": value.dtype.name}
    if isinstance(value, tuple):
        return {"tuple": [_tagged(item) for item in value]}
    if isinstance(value, list):
        return [_tagged(item) for item in value]
    if isinstance(value, Mapping):
        return {"dict": {str(key): _tagged(item) for key, item in value.items()}}
    return plain(value)


def _untagged(value: Any) -> Any:
    if isinstance(value, list):
        return [_untagged(item) for item in value]
    if not isinstance(value, dict):
        return value
    match value:
        case {"bytes": str(text)}:
            return base64.b64decode(text, validate=True)
        case {"array": list(items), "dtype": str(name)} if np.dtype(name).kind in "buif":
            return np.array(items, name)
        case {"tuple": list(items)}:
            return tuple(_untagged(item) for item in items)
        case {"dict": dict(items)}:
            return {key: _untagged(item) for key, item in items.items()}
    raise ValueError(value)


class _Fields:
    """Attributes that may be anything, read as what they should be."""

    def __init__(self, values: Mapping[str, Any], where: str) -> None:
        self._values = values
        self._where = where

    def of(self, key: str, fits: Callable[[Any], bool], default: Any) -> Any:
        value = self._values.get(key, default)
        if not fits(value):
            self.refuse(key)
        return value

    def text(self, key: str, default: str) -> str:
        return str(self.of(key, lambda value: isinstance(value, str), default))

    def number(self, key: str, default: float) -> float:
        return float(self.of(key, _is_finite, default))

    def refuse(self, key: str) -> NoReturn:
        msg = f"{self._where} says of {key} what cannot be"
        raise BadStore(msg)


def _is_finite(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)
