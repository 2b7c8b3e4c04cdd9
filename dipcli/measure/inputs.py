"""Inputs of measures: runs of stores, and images."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from dipcli.arrays import Floats
from dipcli.degrade import Projection
from dipcli.errors import BadStore, DipError, UsageError
from dipcli.images import Image, as_image
from dipcli.store import (
    Run,
    Store,
    image_part,
    is_store_name,
    open_store,
    read_image,
    runs_part,
    split_name,
)


@dataclass(frozen=True)
class RunSource:
    """A run of a store."""

    source: str  # the store, as the user named it
    run: Run
    store: Store

    @property
    def label(self) -> str:
        return f"{self.source}/{self.run.name}"

    @property
    def image(self) -> Image:
        """The image that was fitted."""
        return image_part(self.store, "target")

    @property
    def planes(self) -> int:
        """The number of planes of its frames, where they are volumes."""
        return self.store.planes

    @property
    def projection(self) -> Projection | None:
        """The forward model of its fit, which maps frames to the target; None: there is none."""
        model = self.store.model
        return model.projection(self.run.size[1:]) if model else None


@dataclass(frozen=True)
class ImageSource:
    """An image: a file, an image of a store, or an object in memory."""

    source: str
    image: Image

    @property
    def planes(self) -> int:
        return max(1, len(self.image.planes))

    @property
    def label(self) -> str:
        return self.source


Source = RunSource | ImageSource


def sources(things: Any) -> list[Source]:
    """The runs and images in stores, paths, images, runs, or a list of these; each once."""
    many = isinstance(things, Sequence) and not isinstance(things, str | bytes)
    found: dict[str, Source] = {}
    for thing in things if many else [things]:
        for source in _sources_of(thing, len(found)):
            found.setdefault(source.label, source)
    return list(found.values())


def _sources_of(thing: Any, number: int) -> Iterator[Source]:
    if isinstance(thing, Store):
        yield from run_sources(thing)
    elif isinstance(thing, Run):
        store = thing.label.rpartition("/")[0]
        yield RunSource(store, thing, open_store(store))
    elif isinstance(thing, str | os.PathLike) and is_store_name(thing):
        yield from store_sources(os.fspath(thing))
    elif isinstance(thing, str | os.PathLike):
        yield ImageSource(os.fspath(thing), as_image(os.fspath(thing))[0])
    elif isinstance(thing, Image) or hasattr(thing, "__array__"):
        yield ImageSource(f"image-{number}", as_image(thing)[0])
    else:
        msg = f"a source is a Store, a Run, an Image or a path, not {type(thing).__name__}"
        raise UsageError(msg)


def image_sources(name: str, pages: Sequence[Image]) -> Iterator[ImageSource]:
    """The pages of an image file."""
    many = len(pages) > 1
    yield from (ImageSource(f"{name}#{p.page}" if many else name, p) for p in pages)


def store_sources(name: str, data: bytes | None = None) -> Iterator[Source]:
    """The runs of a store, a run, or an image of a store, by name or from the bytes of a zip."""
    store_name, part = (name, "") if data else (split_name(name) or (name, ""))
    store = open_store(data or store_name, store_name)
    if runs_part(store, part) is None:
        yield ImageSource(name, image_part(store, part))
    else:
        yield from run_sources(store, store_name, part)


def run_sources(store: Store, name: str = "", part: str = "") -> Iterator[RunSource]:
    """All runs of a store, or the one that `part` names."""
    name = name or store.name
    runs = runs_part(store, part)
    if not runs:
        msg = f"{name} has no runs yet; {name}/target is the image to fit"
        raise BadStore(msg)
    yield from (RunSource(name, run, store) for run in runs)


def read_reference(
    reference: str | os.PathLike[str] | Image | Floats,
    image: Image,
    option: str,
    *,
    any_size: bool = False,
) -> Image:
    """Read an image to compare with another, on its scale where both have numbers of one type.

    `option` names the reference in errors.
    """
    if isinstance(reference, str | os.PathLike) and is_store_name(reference):
        other, name = read_image(reference), os.fspath(reference)
    else:
        other, name = as_image(reference, like=image)
    if other.channels != image.channels or (other.size != image.size and not any_size):
        msg = (
            f"{option} {name} is {describe(other.pixels.shape)}, and the image is "
            f"{describe(image.pixels.shape)}: they cannot be compared"
        )
        raise DipError(msg)
    return other


def describe(shape: Sequence[int]) -> str:
    """A shape (channel, y, x) in words: `64x48 with 3 channels`."""
    channels, height, width = shape
    return f"{width}x{height} with {channels} channel{'s' * (channels > 1)}"
