"""Layout of a trajectory store: names, dimensions, codecs and largest sizes.

The writer creates arrays by these definitions, and the reader's checks refuse all others.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from dipcli.errors import DipError

FORMAT = 1  # version of the layout; a reader refuses a higher one
NGFF = "0.5"

Status = Literal["running", "complete", "interrupted", "failed"]
SaveDtype = Literal["float16", "float32"]

FRAME_DIMS = ("iteration", "channel", "y", "x")
IMAGE_DIMS = ("channel", "y", "x")
# in super-resolution the target is smaller than the frames, so its dimensions need other names
TARGET_DIMS = ("channel", "target_y", "target_x")
RESULTS = ("estimate", "average", "std")  # images of a run
# arrays of whole images per chunk; zarr would read a missing chunk as NaN, that is, as unknown
WHOLE = frozenset({"frames", "target", "clean", "flash", "alpha", *RESULTS})

ROWS = 256  # rows of a vector per chunk: rewriting one is as cheap as any small file
STEPS = 1024  # rows of `step_loss` per chunk
FILL = {"i": -1, "f": "NaN", "u": 0, "b": False}  # fill value by the kind of the dtype

MAX_METADATA = 8 << 20  # bytes of one zarr.json
MAX_CHUNK = 1 << 30  # bytes of one chunk, decoded: three channels of 89 megapixels in float32
MAX_ROWS = 1 << 24  # rows of a vector, and frames of a run
MAX_DIMS = 5
MAX_FILES = 200_000  # files in a zip, and chunks of an array that is read at once

META = "zarr.json"
RUN = r"run-(0|[1-9]\d{0,8})"  # the name of a run
PARTIAL = ".partial"  # suffix of files and folders that are not yet part of the store
LOCK = ".lock"
# zarr warns of unknown files in a group, but never looks into the folder of an array; so locks and
# partial files are kept in the folder of an array
STORE_SCRATCH = "target"
RUN_SCRATCH = "iteration"


def array_metadata(
    shape: Sequence[int],
    chunks: Sequence[int],
    dtype: str,
    dims: Sequence[str],
    *,
    compressed: bool = True,
) -> bytes:
    """The zarr.json of an array."""
    numbers = np.dtype(dtype)
    blosc = {
        "typesize": numbers.itemsize,
        "cname": "zstd",
        "clevel": 3,
        "shuffle": shuffle(dtype),
        "blocksize": 0,
    }
    codecs: list[dict[str, Any]] = [{"name": "bytes", "configuration": {"endian": "little"}}]
    codecs += [{"name": "blosc", "configuration": blosc}] * compressed
    return dumps(
        {
            "shape": list(shape),
            "data_type": dtype,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(chunks)}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
            "fill_value": FILL[numbers.kind],
            "codecs": codecs,
            "attributes": {},
            "dimension_names": list(dims),
            "zarr_format": 3,
            "node_type": "array",
            "storage_transformers": [],
        }
    )


def group_metadata(**attributes: Any) -> bytes:
    """The zarr.json of a group."""
    return dumps({"attributes": attributes, "zarr_format": 3, "node_type": "group"})


def shuffle(dtype: str) -> Literal["shuffle", "bitshuffle"]:
    """Byte shuffle for float16, bit shuffle otherwise: these compress real frames best."""
    return "shuffle" if dtype == "float16" else "bitshuffle"


def dumps(document: Mapping[str, Any]) -> bytes:
    """Encode a zarr.json; the same document always gives the same bytes."""
    data = json.dumps(document, indent=2, allow_nan=False).encode()
    if len(data) > MAX_METADATA:
        limit = MAX_METADATA >> 20
        msg = f"attributes of {len(data) >> 20} MiB cannot be stored; the limit is {limit} MiB"
        raise DipError(msg)
    return data


def ome(name: str, channels: int) -> dict[str, Any]:
    """OME-NGFF metadata with which viewers show the frames of a run.

    The axes must have the names of the dimensions. The format cannot express uneven spacing of
    the saved iterations; the array `iteration` holds them.
    """
    kinds = ("time", "channel", "space", "space")
    colors = ("FF0000", "00FF00", "0000FF") if channels == 3 else ("FFFFFF",) * channels
    window = {"min": 0.0, "max": 1.0, "start": 0.0, "end": 1.0}
    axes = [{"name": n, "type": kind} for n, kind in zip(FRAME_DIMS, kinds, strict=True)]
    scale = {"type": "scale", "scale": [1.0, 1.0, 1.0, 1.0]}
    frames = {"path": "frames", "coordinateTransformations": [scale]}
    shown = [
        {"label": f"{i}", "color": color, "active": True, "window": window}
        for i, color in enumerate(colors)
    ]
    return {
        "version": NGFF,
        "multiscales": [{"name": name, "axes": axes, "datasets": [frames]}],
        "omero": {"channels": shown},
    }
