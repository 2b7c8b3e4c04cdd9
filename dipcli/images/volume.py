"""Volumes: the pages of a stack as one image, whose channels are those of all planes in turn."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from dipcli.errors import BadImage, UsageError
from dipcli.images import npy
from dipcli.images.image import Image
from dipcli.images.reader import open_stack


def volume(pages: Sequence[Image], number: int = 1) -> Image:
    """The volume whose planes are these pages; `number` tells it from others of the file."""
    pixels = np.concatenate([page.pixels for page in pages])
    planes = tuple(page.page for page in pages)
    return replace(pages[0], pixels=pixels, alpha=None, raw=None, page=number, planes=planes)


def volumes(pages: Sequence[Image]) -> list[Image]:
    """The volumes of a file: one for each place on the axes of its pages but Z.

    Where no axis is called Z, all pages are the planes of one volume.
    """
    if len(pages) == 1:
        msg = "--dims 3 fits the planes of a stack, and it has one page: use --dims 2"
        raise BadImage(msg)
    groups: dict[Any, list[Image]] = defaultdict(list)
    meta = pages[0].meta
    sizes = {a: n for a, n in zip(meta.axes, meta.shape, strict=False) if a not in "CSYX"}
    for page in pages:
        place: dict[str, Any] = {}
        if "Z" in sizes and page.page <= prod(sizes.values()):
            found = np.unravel_index(page.page - 1, tuple(sizes.values()))
            place = dict(zip(sizes, map(int, found), strict=True))
            place.pop("Z")
        groups[tuple(place.values())].append(page)
    return [volume(group, number) for number, group in enumerate(groups.values(), 1)]


def as_volume(source: Any, *, stretch: bool = False) -> tuple[Image, str]:
    """A volume from one, from pages, from an array (z, y, x) or (z, y, x, channel), or from a file;
    and its name."""
    if isinstance(source, Image):
        if source.planes:
            return source, "image"
        msg = "dims=3 fits the planes of a stack: give a file, a list of images, or an array"
        raise UsageError(msg)
    if isinstance(source, Sequence) and not isinstance(source, str | bytes):
        return volume([replace(page, page=n) for n, page in enumerate(source, 1)]), "image"
    if isinstance(source, np.ndarray):
        axes = {3: "ZYX", 4: "ZYXC"}.get(source.ndim)
        if axes is None:
            msg = f"a volume is (z, y, x) or (z, y, x, channel), not {source.shape}"
            raise UsageError(msg)
        name, stack = "array", npy.from_array(source, axes)
    else:
        name, stack = str(source), open_stack(source)
    found = volumes(stack.pages("all", stretch=stretch))
    if len(found) > 1:
        msg = f"{name} has {len(found)} volumes: read one, and give its pages"
        raise UsageError(msg)
    return found[0], name
