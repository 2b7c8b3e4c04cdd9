"""What comes in and goes out: files, parts of stores, stdin and stdout."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from dipcli import files, store
from dipcli.cli import console
from dipcli.errors import DipError, UsageError
from dipcli.images import Image, format_of, open_stack


@dataclass(frozen=True)
class Input:
    """What the user named: a path, an address, a builtin, or bytes that came through a pipe."""

    name: str
    data: bytes | None = None

    @property
    def is_store(self) -> bool:
        return self.data[:2] == b"PK" if self.data is not None else store.is_store_name(self.name)


def one_input(name: str | None, what: str) -> Input:
    """The only input of a command; several names on stdin are too many."""
    found = inputs([name] if name else [], what)
    if len(found) > 1:
        msg = (
            f"{len(found)} names came on stdin, and one {what} was expected; "
            "xargs -n 1 runs the command for each"
        )
        raise DipError(msg)
    return found[0]


def inputs(names: list[str], what: str) -> list[Input]:
    """What is named, with `-` (or nothing) standing for what comes on stdin."""
    if not names:
        if _stdin_is_terminal():
            msg = f"no {what} is given, and stdin is a terminal: name one, or pipe one in"
            raise UsageError(msg)
        names = ["-"]
    found: list[Input] = []
    for name in names:
        found += _from_stdin() if name == "-" else [_named(name)]
    return found


def _named(name: str) -> Input:
    """What is named; a FIFO, as <(...) of the shell makes them, is read once, whatever it holds."""
    try:
        fifo = Path(name).is_fifo()
        return Input(name, Path(name).read_bytes() if fifo else None)
    except OSError as error:
        msg = f"cannot read {name}: {error.strerror or error}"
        raise DipError(msg) from error


def read_images(
    source: Input,
    *,
    page: str = "all",
    axes: str | None = None,
    normalize: str = "auto",
    alpha: str = "unknown",
) -> Sequence[Image]:
    """The pages of an image, or the image that a part of a store is."""
    if source.is_store:
        return [store.read_image(source.name if source.data is None else source.data)]
    data = source.name if source.data is None else source.data
    stack = open_stack(data, axes=axes, name=source.name)
    for remark in stack.notes:
        console.note(f"{source.name}: {remark}")
    return stack.pages(page, normalize=normalize, alpha=alpha)


def reference(path: str, image: Image, option: str, *, any_size: bool = False) -> Image:
    """What an image is compared with, on its scale where both hold numbers of one kind."""
    if Input(path).is_store:
        other = store.read_image(path)
    else:
        stack = open_stack(path)
        low, high = image.scale.offset, image.scale.offset + image.scale.scale
        same = stack.numbers.dtype == image.dtype
        number = image.page if len(stack) > 1 else 1
        other = stack.pages(str(number), normalize=f"{low!r}:{high!r}" if same else "auto")[0]
    if other.channels != image.channels or (other.size != image.size and not any_size):
        msg = (
            f"{option} {path} is {_shape(other)}, and the image is {_shape(image)}: "
            "they cannot be compared"
        )
        raise DipError(msg)
    return other


def _shape(image: Image) -> str:
    height, width = image.size
    return f"{width}x{height} with {image.channels} channel{'s' * (image.channels > 1)}"


def output_format(output: str, asked: str | None) -> str | None:
    """The format of an image output; None where the image itself must decide."""
    if asked or output == "-" or _in_place(output):
        return asked
    return format_of(output)


def image_output(output: str | None, what: str = "an image") -> str:
    """Where image bytes go: without -o to stdout, unless that is a terminal."""
    if (output is None or output == "-") and sys.stdout is not None and sys.stdout.isatty():
        msg = f"{what} is not for a terminal: say -o FILE, or send stdout to a file or a pipe"
        raise UsageError(msg)
    return output or "-"


def write_output(output: str, data: bytes, *, force: bool) -> bool:
    """Write bytes to stdout or, whole or not at all, to a file; False if they were there."""
    if output != "-":
        return files.put(Path(output), data, force=force)
    with binary_stdout() as stdout:
        stdout.write(data)
    return True


def stands(output: str, provenance: Mapping[str, Any]) -> bool:
    """Whether an image is there already that says that it was made so."""
    try:
        if output == "-" or not Path(output).is_file():
            return False
        said = dict(open_stack(output).history or {})
    except (DipError, OSError):
        return False
    return {**said, "scale": 0, "offset": 0} == {**provenance, "scale": 0, "offset": 0}


def binary_stdout() -> BinaryIO:
    """Stdout for bytes. With PYTHONUNBUFFERED, sys.stdout.buffer may write half of them."""
    if sys.stdout is None:
        msg = "stdout is closed; say -o FILE"
        raise DipError(msg)
    sys.stdout.flush()
    return open(sys.stdout.fileno(), "wb", closefd=False)


def _stdin_is_terminal() -> bool:
    return sys.stdin is None or sys.stdin.isatty()


def _from_stdin() -> list[Input]:
    """Names, if the first line is one that exists; else the bytes themselves."""
    data = sys.stdin.buffer.read() if sys.stdin is not None else b""
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


def _in_place(output: str) -> bool:
    """A device or a FIFO: its name says nothing about what goes in."""
    try:
        return files.in_place(Path(output)) and not Path(output).is_dir()
    except OSError:
        return False
