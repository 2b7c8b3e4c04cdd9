"""A small picture of an image in the terminal, two pixels a character."""

from __future__ import annotations

import shutil
import sys

import numpy as np
import numpy.typing as npt

from dipcli.arrays import Floats
from dipcli.cli import console
from dipcli.cli.progress import animated
from dipcli.images import Image

WIDTH, HEIGHT = 64, 64  # pixels at most; a character has one above the other


def preview(image: Image) -> None:
    """Draw an image on stderr with -v, if that is a terminal."""
    if not (console.Volume.verbose and animated()):
        return
    width = min(WIDTH, shutil.get_terminal_size().columns)
    colours = _colours(_reduced(image.pixels, width, HEIGHT))
    for upper, lower in zip(colours[::2], colours[1::2], strict=True):
        cells = (
            "\x1b[38;2;{};{};{}m\x1b[48;2;{};{};{}m▀".format(*top, *bottom)
            for top, bottom in zip(upper.tolist(), lower.tolist(), strict=True)
        )
        sys.stderr.write("".join(cells) + "\x1b[0m\n")


def _reduced(pixels: Floats, width: int, height: int) -> Floats:
    """Means of square blocks (channel, y, x), so that the image fits; the height is made even."""
    channels, rows, columns = pixels.shape
    block = max(1, -(-columns // width), -(-rows // height))
    rows, columns = max(2, rows // block // 2 * 2), max(1, columns // block)
    shape = (channels, rows * block, columns * block)
    padded = np.zeros(shape, np.float32)
    part = np.nan_to_num(pixels[:, : shape[1], : shape[2]])
    padded[:, : part.shape[1], : part.shape[2]] = part
    means: Floats = padded.reshape(channels, rows, block, columns, block).mean(axis=(2, 4))
    return means


def _colours(pixels: Floats) -> npt.NDArray[np.uint8]:
    """The colours (y, x, 3) of 8 bits; images of other than three channels are drawn gray."""
    if len(pixels) != 3:
        pixels = np.repeat(pixels.mean(axis=0, keepdims=True), 3, axis=0)
    return np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0)
