"""Synthetic micrographs without noise: beads, filaments and cells, as z-stacks and as movies.

A z-stack is drawn in three dimensions and blurred by a point spread function that is longer along
z, as that of a microscope is. In a movie the things move by up to two pixels from frame to frame.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter, map_coordinates

Floats = npt.NDArray[np.float32]
KINDS = ("beads", "filaments", "cells")
PSF = (2.5, 1.2, 1.2)  # sigma along z, y and x


def stack(kind: str, shape: tuple[int, int, int], seed: int = 0) -> Floats:
    """A z-stack, (z, y, x), in [0, 1]."""
    return _scaled(gaussian_filter(_things(kind, shape, seed), PSF))


def movie(kind: str, shape: tuple[int, int, int], seed: int = 0) -> Floats:
    """Frames of things in one plane that move and deform, (time, y, x), in [0, 1]."""
    frames, height, width = shape
    margin = 2 * frames + 8
    plane = _things(kind, (1, height + 2 * margin, width + 2 * margin), seed)[0]
    plane = gaussian_filter(plane, PSF[1:])
    rng = np.random.default_rng((seed, 1))
    # a smooth field of velocities, (y and x, y, x), of at most two pixels a frame
    field = gaussian_filter(rng.standard_normal((2, *plane.shape)), (0, 24, 24))
    field *= 2 / np.abs(field).max()
    places = np.mgrid[margin : margin + height, margin : margin + width].astype(float)
    inside = (slice(None), slice(margin, margin + height), slice(margin, margin + width))
    moved = (places + t * field[inside] for t in range(frames))
    return _scaled(np.stack([map_coordinates(plane, list(at), order=1) for at in moved]))


def _things(kind: str, shape: tuple[int, int, int], seed: int) -> Floats:
    rng = np.random.default_rng(seed)
    return {"beads": _beads, "filaments": _filaments, "cells": _cells}[kind](shape, rng)


def _beads(shape: tuple[int, int, int], rng: np.random.Generator) -> Floats:
    """Points of different brightness."""
    volume = np.zeros(shape, np.float32)
    count = max(1, round(0.004 * volume.size / max(1, shape[0] // 4)))
    places = tuple(rng.integers(0, side, count) for side in shape)
    np.add.at(volume, places, rng.uniform(0.3, 1, count).astype(np.float32))
    return volume


def _filaments(shape: tuple[int, int, int], rng: np.random.Generator) -> Floats:
    """Curves whose direction changes slowly."""
    volume = np.zeros(shape, np.float32)
    depth, height, width = shape
    for _ in range(max(4, height * width // 1200)):
        steps = 2 * max(height, width)
        angles = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.03, steps))
        y = rng.uniform(0, height) + np.cumsum(np.sin(angles)) / 2
        x = rng.uniform(0, width) + np.cumsum(np.cos(angles)) / 2
        z = rng.uniform(0, depth) + np.cumsum(rng.normal(0, 0.02, steps))
        places = np.floor([z, y, x]).astype(int)
        inside = np.all((places >= 0) & (places < np.array(shape)[:, None]), axis=0)
        np.add.at(volume, tuple(places[:, inside]), np.float32(rng.uniform(0.3, 1)))
    return volume


def _cells(shape: tuple[int, int, int], rng: np.random.Generator) -> Floats:
    """Bodies with a texture and a bright nucleus, on a dim background."""
    volume = np.full(shape, 0.05, np.float32)
    texture = gaussian_filter(rng.standard_normal(shape), (1, 2, 2))
    texture = (0.5 + 0.15 * texture / texture.std()).astype(np.float32)
    for _ in range(max(3, shape[1] * shape[2] // 1500)):
        middle = [rng.uniform(0, side) for side in shape]
        radii = (rng.uniform(3, 6), rng.uniform(7, 16), rng.uniform(7, 16))
        box = tuple(
            slice(max(0, int(m - r)), int(m + r) + 2) for m, r in zip(middle, radii, strict=True)
        )
        grid = np.ogrid[
            tuple(slice(b.start, min(b.stop, n)) for b, n in zip(box, shape, strict=True))
        ]
        far = sum(((g - m) / r) ** 2 for g, m, r in zip(grid, middle, radii, strict=True))
        level = np.float32(rng.uniform(0.5, 1))
        part = volume[box]  # a view
        part[:] = np.where(far < 1, np.maximum(part, level * texture[box]), part)
        part[:] = np.where(far < 0.12, np.maximum(part, level), part)
    return volume


def _scaled(volume: npt.NDArray[np.floating]) -> Floats:
    low, high = volume.min(), np.quantile(volume, 0.9995)
    return np.clip((volume - low) / (high - low), 0, 1).astype(np.float32)
