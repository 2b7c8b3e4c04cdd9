"""Inputs and outputs of the commands: files, parts of stores, stdin and stdout."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from dipcli import files, store
from dipcli.cli import console
from dipcli.errors import DipError, UsageError
from dipcli.images import Encoded, Image, encode, format_for_pipe, format_of, open_stack
from dipcli.images.reader import read_stream
from dipcli.images.stack import Mask


@dataclass(frozen=True)
class Input:
    """An input as the user named it: a path, an address, a builtin, or bytes from a pipe."""

    name: str
    data: bytes | None = None

    @property
    def is_store(self) -> bool:
        return self.data[:2] == b"PK" if self.data is not None else store.is_store_name(self.name)


def one_input(name: str | None, what: str) -> Input:
    """The only input of a command; several names on stdin are refused."""
    found = inputs([name] if name else [], what)
    if len(found) > 1:
        msg = (
            f"stdin names {len(found)} inputs, and this command takes one {what}: run it for each, "
            "as xargs -n 1 does"
        )
        raise DipError(msg)
    return found[0]


def inputs(names: list[str], what: str) -> list[Input]:
    """The inputs that are named; `-`, or no name, is stdin."""
    if not names:
        if sys.stdin.isatty():
            msg = f"no {what} is named, and stdin is a terminal: name one, or pipe one in"
            raise UsageError(msg)
        names = ["-"]
    found: list[Input] = []
    for name in names:
        found += _from_stdin() if name == "-" else [_named(name)]
    return found


def _named(name: str) -> Input:
    """An input by its name; a FIFO, as <(...) of a shell makes one, is read at once."""
    try:
        if not Path(name).is_fifo():
            return Input(name)
        with Path(name).open("rb") as file:
            return Input(name, read_stream(file, name))
    except OSError as error:
        msg = f"cannot read {name}: {error.strerror or error}"
        raise DipError(msg) from error


def read_images(
    source: Input,
    *,
    page: str = "all",
    axes: str | None = None,
    level: int = 0,
    series: int | None = None,
    mask: Mask | None = None,
    **scaling: Any,
) -> Sequence[Image]:
    """The pages of an image file, or the image that a part of a store is."""
    if source.is_store:
        image = store.read_image(source.name if source.data is None else source.data)
        if mask is not None:
            unknown = mask(1, image.size)
            image = image.with_pixels(np.where(unknown, np.nan, image.pixels))
        return [image]
    data = source.name if source.data is None else source.data
    stack = open_stack(data, axes=axes, name=source.name, level=level, series=series)
    pages = stack.pages(page, mask=mask, **scaling)
    for remark in (*stack.notes, pages.remark):
        if remark:
            console.note(f"{source.name}: {remark}")
    return pages


def output_format(output: str, asked: str | None) -> str | None:
    """The format of an image output; None where the image decides it."""
    in_place = output == "-" or files.is_device(output)
    if in_place and asked == "ome-zarr":
        msg = f"--image-format ome-zarr writes a folder, which {output} is not: use NAME.ome.zarr"
        raise UsageError(msg)
    return asked if asked or in_place else format_of(output)


def image_output(output: str | None, what: str = "an image") -> str:
    """Where image bytes go: to stdout without -o, unless that is a terminal."""
    if output is None or output == "-":
        if sys.stdout.isatty():
            msg = f"{what} cannot be shown on a terminal: use -o FILE, or redirect stdout"
            raise UsageError(msg)
        sys.stdout.write("")  # raises if stdout is closed
    return output or "-"


UNCHANGED = "is up to date; left unchanged"


def write_and_tell(output: str, data: bytes | files.Folder, what: str = "", *, force: bool) -> None:
    """Write bytes to stdout or, whole or not at all, a file or a folder, and say so of these."""
    if output == "-" and isinstance(data, bytes):
        with binary_stdout() as stdout:
            stdout.write(data)
    elif files.put(output, data, force=force):
        console.note(f"wrote {output} ({what})" if what else f"wrote {output}")
    else:
        console.note(f"{output} {UNCHANGED}")


def write_images(
    output: str,
    pages: Sequence[Image],
    image_format: str | None,
    provenance: dict[str, Any],
    *,
    floats: bool,
    force: bool,
) -> None:
    """Write pages that record their provenance; as floats, if the format can hold them."""
    form = output_format(output, image_format) or format_for_pipe(pages[0], len(pages))
    depth = "float" if floats and form in ("tiff", "npy", "ome-zarr") else None
    encoded = encode(pages, form, depth, provenance)
    write_encoded(output, encoded, force=force)


def write_encoded(output: str, images: Encoded, *, force: bool) -> None:
    """Write an image file, after the notes about it."""
    for note in images.notes:
        console.note(note)
    write_and_tell(output, images.data, images.what, force=force)


def binary_stdout() -> BinaryIO:
    """Stdout for bytes. With PYTHONUNBUFFERED, sys.stdout.buffer may write half of them."""
    sys.stdout.write("")  # raises if stdout is closed
    sys.stdout.flush()
    return open(sys.stdout.fileno(), "wb", closefd=False)


def _from_stdin() -> list[Input]:
    """Names, if the first line is one that exists; else the bytes themselves."""
    data = read_stream(sys.stdin.buffer, "stdin")
    if not data.strip():
        msg = "nothing came on stdin; an image, a store, or names of them were expected"
        raise DipError(msg)
    first = data[:4096].partition(b"\n")[0].rstrip(b"\r")
    if _is_name(first):
        lines = [os.fsdecode(line.rstrip(b"\r")) for line in data.split(b"\n")]
        return [Input(line) for line in lines if line]
    return [Input("stdin", data)]


def _is_name(line: bytes) -> bool:
    text = os.fsdecode(line)
    if not text or "\0" in text:
        return False
    if "://" in text or text.startswith("builtin:"):
        return text.isprintable()
    return Path(text).exists() or store.is_store_name(text)
