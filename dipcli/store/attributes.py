"""Attributes of a store and its runs as plain JSON, and how an image is restored from them."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import os
import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import PurePath
from typing import Any, NoReturn

import numpy as np

from dipcli import __version__
from dipcli.degrade import ForwardModel
from dipcli.errors import BadStore
from dipcli.images import Floats, Image, Meta, Resolution, Scale
from dipcli.store.layout import FORMAT, MAX_METADATA

MAX_META = MAX_METADATA // 2  # bytes of an image file's metadata that the store keeps
AS_THEY_ARE = ("axes", "kind", "description", "compression", "predictor")  # fields in JSON too
RATIO = re.compile(r"-?\d{1,18}(/\d{1,18})?")


def plain(value: Any) -> Any:
    """Convert a value to what JSON can hold; NaN and infinity become null."""
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
    msg = f"a value of type {type(value).__name__} cannot be stored as an attribute"
    raise TypeError(msg)


def ended_as(attrs: Mapping[str, Any]) -> Any:
    """The status of a run; `stopped` for one that its time limit ended."""
    stop, status = attrs.get("stop"), attrs.get("status")
    timed_out = isinstance(stop, Mapping) and stop.get("reason") == "time"
    return "stopped" if timed_out and status == "complete" else status


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def pixels_digest(pixels: Floats) -> str:
    """The sha256 of the pixels as little-endian float32 in C order; it identifies a target."""
    return hashlib.sha256(np.ascontiguousarray(pixels, "<f4").data).hexdigest()


def root_attributes(
    image: Image,
    name: str,
    task: str,
    flash: Image | None = None,
    model: ForwardModel | None = None,
) -> dict[str, Any]:
    """Attributes of the root: the target, and how to write images like the original file."""
    attrs = {
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
        **({"planes": list(image.planes)} if image.planes else {}),
        "meta": _meta_to_json(image.meta),
        "history": plain(image.history),
    }
    attrs |= {"flash_sha256": pixels_digest(flash.pixels)} if flash else {}
    return attrs | ({"model": model.record()} if model else {})


def run_attributes(seed: int, config: Mapping[str, Any], **attrs: Any) -> dict[str, Any]:
    """Attributes of a new run, in the order in which they are written."""
    return {
        "seed": seed,
        "status": "running",
        "config": config,
        "stop": None,
        "stopping": {},
        "threads": None,
        "precision": None,
        "device": None,
        **process_attributes(),
        "updated": now(),
        "seconds": 0.0,
        "error": None,
        **attrs,
    }


def process_attributes() -> dict[str, Any]:
    return {"host": socket.gethostname(), "pid": os.getpid()}


def original_image(attrs: Mapping[str, Any], pixels: Floats, label: str) -> Image:
    """An image of these pixels with the scale, depth and metadata of the store's original."""
    field = _Fields(attrs, label)
    scale = field.number("scale", 255.0)
    history = attrs.get("history")
    try:
        dtype = np.dtype(field.like("dtype", "uint8"))
    except TypeError:
        dtype = np.dtype(object)
    if scale == 0 or dtype.kind not in "buif" or not isinstance(history, dict | None):
        field.refuse("dtype, scale or history")
    return Image(
        pixels,
        scale=Scale(scale, field.number("offset", 0.0)),
        dtype=dtype,
        meta=_meta_from_json(attrs.get("meta", {}), label),
        spacing=field.number("spacing", 1.0),
        history=history,
        page=field.get("page", _is_page, 1),
        planes=page_numbers(attrs, len(pixels), label),
    )


def page_numbers(attrs: Mapping[str, Any], channels: int, label: str) -> tuple[int, ...]:
    """The numbers of the pages that the channels of a volume are of; () for an image."""
    found = _Fields(attrs, label).get("planes", lambda v: _are_planes(v, channels), [])
    return tuple(found)


def _is_page(value: Any) -> bool:
    return type(value) is int and value > 0


def _are_planes(value: Any, channels: int) -> bool:
    """Whether a value can be the numbers of the pages that so many channels are of."""
    is_list = isinstance(value, list) and all(map(_is_page, value))
    return is_list and (not value or channels % len(value) == 0)


def _meta_to_json(meta: Meta) -> dict[str, Any]:
    """Convert metadata to JSON; the largest entries are dropped where there is no room."""
    resolution = meta.resolution
    out: dict[str, Any] = {
        **vars(meta),
        "imagej": {key: _tagged(item) for key, item in meta.imagej.items()},
        "resolution": resolution and [str(resolution.x), str(resolution.y), resolution.unit],
        "icc": meta.icc and base64.b64encode(meta.icc).decode(),
    }
    while len(json.dumps(out)) > MAX_META:
        del out[max(out, key=lambda key: len(json.dumps(out[key])))]
    return out


def _meta_from_json(value: Any, label: str) -> Meta:
    """Undo `_meta_to_json`; any error for JSON that it cannot have made."""
    field = _Fields(value, label)
    shape = field.get("shape", lambda v: isinstance(v, list) and all(type(n) is int for n in v), [])
    icc = field.get("icc", lambda v: isinstance(v, str | None), None)
    imagej = field.get("imagej", lambda v: isinstance(v, dict), {})
    return Meta(
        shape=tuple(shape),
        imagej={key: _untagged(item) for key, item in imagej.items()},
        resolution=_resolution(value.get("resolution")),
        icc=None if icc is None else base64.b64decode(icc, validate=True),
        **{name: field.like(name, getattr(Meta, name)) for name in AS_THEY_ARE},
    )


def _resolution(value: Any) -> Resolution | None:
    if value is None:
        return None
    x, y, unit = value
    # checked first: Fraction("1e999999999") would take for ever
    if not (RATIO.fullmatch(x) and RATIO.fullmatch(y) and isinstance(unit, str)):
        raise ValueError(value)
    return Resolution(Fraction(x), Fraction(y), unit)


def _tagged(value: Any) -> Any:
    """Tag the bytes, tuples and arrays of ImageJ's metadata, which JSON does not have."""
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
    """Reads attributes and checks their types."""

    def __init__(self, values: Any, label: str) -> None:
        self._label = label
        if not isinstance(values, Mapping):
            self.refuse("meta")
        self._values = values

    def get(self, key: str, is_valid: Callable[[Any], bool], default: Any) -> Any:
        value = self._values.get(key, default)
        if not is_valid(value):
            self.refuse(key)
        return value

    def like(self, key: str, default: Any) -> Any:
        """A value of the type of its default."""
        return self.get(key, lambda value: type(value) is type(default), default)

    def number(self, key: str, default: float) -> float:
        return float(self.get(key, _is_finite, default))

    def refuse(self, key: str) -> NoReturn:
        msg = f"{self._label}: invalid {key} in the attributes"
        raise BadStore(msg)


def _is_finite(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)
