"""A small picture of an image for a terminal: half blocks, two pixels a character."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from dipcli.arrays import Floats
from dipcli.images.image import Image

SIDE = 64  # pixels at most


def preview(image: Image, width: int) -> Iterator[str]:
    """The lines of a picture of an image, in colours of 24 bits, at most `width` characters."""
    colours = _colours(_reduced(image.pixels, min(SIDE, width), SIDE))
    for upper, lower in zip(colours[::2], colours[1::2], strict=True):
        cells = (
            "\x1b[38;2;{};{};{}m\x1b[48;2;{};{};{}m▀".format(*top, *bottom)
            for top, bottom in zip(upper.tolist(), lower.tolist(), strict=True)
        )
        yield "".join(cells) + "\x1b[0m"


def _reduced(pixels: Floats, width: int, height: int) -> Floats:
    """Means of square blocks (channel, y, x) that fit into a size; unknown pixels are black."""
    channels, rows, columns = pixels.shape
    block = max(1, -(-columns // width), -(-rows // height))
    rows, columns = -(-rows // block), -(-columns // block)
    padding = ((0, 0), (0, rows * block - pixels.shape[1]), (0, columns * block - pixels.shape[2]))
    padded = np.pad(pixels, padding, constant_values=np.nan)
    blocks = padded.reshape(channels, rows, block, columns, block)
    known = np.isfinite(blocks)
    means = np.where(known, blocks, 0).sum(axis=(2, 4)) / np.maximum(1, known.sum(axis=(2, 4)))
    even: Floats = np.pad(means, ((0, 0), (0, rows % 2), (0, 0)))
    return even


def _colours(pixels: Floats) -> npt.NDArray[np.uint8]:
    """The colours (y, x, 3) of 8 bits; images of other than three channels are drawn gray."""
    if len(pixels) != 3:
        pixels = np.repeat(pixels.mean(axis=0, keepdims=True), 3, axis=0)
    return np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0)
