"""Where the network of a volume shrinks along its planes, `--stride-z`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dipcli.fitting.settings import Settings


def settled(settings: Settings, planes: int, distance: float | None) -> Settings:
    """The settings for a volume of so many planes, with a stride along them for each level.

    `distance` is that of two planes, in widths of a pixel; None: as far apart as pixels. A level
    shrinks along the planes where they are about as near as its pixels, and two planes are left.
    """
    strides, in_plane, between = list[int](), 1, 1
    both = zip(settings.levels("stride"), settings.levels("stride_z"), strict=True)
    for stride, wanted in both:
        near = (distance or 1.0) * between <= in_plane * stride**0.5
        here = wanted or (stride if near and 2 * between * stride <= planes else 1)
        strides.append(here)
        in_plane, between = in_plane * stride, between * here
    return replace(settings, stride_z=tuple(strides))
