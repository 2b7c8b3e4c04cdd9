"""NumPy files: (y, x) or (y, x, channel), or the axes that `--axes` names."""

from __future__ import annotations

import math
from io import BytesIO
from typing import BinaryIO

import numpy as np

from dipcli.errors import BadImage
from dipcli.images.image import Meta
from dipcli.images.scale import Numbers
from dipcli.images.stack import Planes, Stack, check_size, fold, native

DEFAULT_AXES = {2: "YX", 3: "YXC"}


def decode(file: BinaryIO, length: int, axes: str | None) -> Stack:
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    else:  # (3, 0) differs only in field names, which an image does not have
        shape, _, dtype = np.lib.format.read_array_header_2_0(file)
    if dtype.kind not in "buif":
        msg = f"its numbers are {dtype}, not integers or floats"
        raise BadImage(msg)
    size = math.prod(shape) * dtype.itemsize
    check_size(size, length)
    if size > length:
        msg = f"its shape {shape} needs more bytes than the file has"
        raise BadImage(msg)
    file.seek(0)
    return from_array(np.load(file, allow_pickle=False), axes)


def from_array(numbers: Numbers, axes: str | None = None) -> Stack:
    """The pages of an array; without `axes` it is (y, x) or (y, x, channel)."""
    if numbers.dtype.kind not in "buif" or numbers.size == 0:
        msg = f"an array of {numbers.dtype} and shape {numbers.shape} is no image"
        raise BadImage(msg)
    axes = axes or _default_axes(numbers.shape)
    return Stack(fold(native(numbers), axes), meta=Meta(axes=axes, shape=numbers.shape))


def _default_axes(shape: tuple[int, ...]) -> str:
    if len(shape) not in DEFAULT_AXES:
        msg = f"its shape is {shape}: name its axes, as in --axes ZYX"
        raise BadImage(msg)
    return DEFAULT_AXES[len(shape)]


def encode(planes: Planes) -> bytes:
    """The first page as (y, x) or (y, x, channel)."""
    numbers = planes.numbers[0]  # (channel, y, x)
    array = numbers[0] if len(numbers) == 1 else numbers.transpose(1, 2, 0)
    buffer = BytesIO()
    np.save(buffer, np.ascontiguousarray(array))
    return buffer.getvalue()
