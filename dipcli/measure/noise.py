"""Estimate the noise of an image from the image alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dipcli.arrays import Doubles, Floats

NORMAL = 0.6745  # median of |x| for a normal distribution of sigma 1
CLASSES = 12  # of brightness
LEAST = 16  # pixels in a class
LEAST_STEP = 1e-4  # of brightness between two classes
RISING = 0.84  # the part of the slopes that must rise; of Gaussian noise at most 0.83 do
PIXELS = 4_000_000  # of all pages, that are looked at
TINY = 1e-12
BLOCK = 16  # the side of the blocks of which the flattest show the noise alone
BLOCKS = 16  # with fewer, texture is taken for noise
FLATTEST = 0.1  # of all blocks
SHARED = 0.36  # the correlation of neighbours from which they share noise; texture has less
APART = 0.15  # the correlation of pixels that are far enough apart
FARTHEST = 4


def noise_level(target: Floats) -> float:
    """Sigma of white noise in an image (channel, y, x) on [0, 1], from its finest diagonal detail.

    Edges are too few to change the median (Donoho and Johnstone 1994, with the Haar wavelet).
    """
    detail = _detail(target)[0]
    known = detail[np.isfinite(detail)]
    return float(np.median(known)) / NORMAL if known.size else 0.0


class CameraNoise(NamedTuple):
    """Noise whose variance rises with the value, as that of counted photons: gain x + floor."""

    gain: float  # per photon, on the scale of the image
    floor: float  # the variance at 0; below 0 where the image has an offset


def camera_noise(pages: Sequence[Floats]) -> CameraNoise | None:
    """The noise of a camera in images (channel, y, x) on [0, 1]; None if it is not clearly one.

    The variance of the finest diagonal detail is taken in twelve classes of brightness, each by its
    median, which edges hardly change, and a line is laid through them by the median of its slopes
    (Theil and Sen). Most slopes must rise, and the variance must double from dark to bright.
    """
    means, variances = _variances(pages)
    first, second = np.triu_indices(len(means), 1)
    apart = means[second] - means[first] > LEAST_STEP
    if np.count_nonzero(apart) < CLASSES:
        return None
    slopes = (variances[second] - variances[first])[apart] / (means[second] - means[first])[apart]
    gain = float(np.median(slopes))
    floor = float(np.median(variances - gain * means))
    dark, bright = (gain * mean + floor for mean in (means[0], means[-1]))
    if np.mean(slopes > 0) < RISING or bright < 2 * max(dark, TINY):
        return None
    return CameraNoise(gain, floor)


def _variances(pages: Sequence[Floats]) -> tuple[Doubles, Doubles]:
    """The means of classes of brightness, from dark to bright, and the variance of their noise."""
    wanted = max(1, PIXELS // pages[0].size)
    step = -(-len(pages) // wanted)
    known = [_known(page) for page in pages[::step]]
    detail, mean = (np.concatenate(parts) for parts in zip(*known, strict=True))
    order = np.argsort(mean, kind="stable")
    classes = [part for part in np.array_split(order, CLASSES) if len(part) >= LEAST]
    means = np.array([mean[part].mean() for part in classes], float)
    return means, np.array([(np.median(detail[part]) / NORMAL) ** 2 for part in classes], float)


def _known(page: Floats) -> tuple[Floats, Floats]:
    """The known numbers among the diagonal detail and the means."""
    detail, mean = _detail(page)
    known = np.isfinite(detail)
    return detail[known], mean[known]


def _detail(image: Floats) -> tuple[Floats, Floats]:
    """The finest diagonal detail, without its sign, and the mean of each square of four pixels."""
    corner, right = image[:, :-1, :-1], image[:, :-1, 1:]
    below, across = image[:, 1:, :-1], image[:, 1:, 1:]
    detail: Floats = np.abs(corner - right - below + across) / 2
    mean: Floats = np.float32(1 / 4) * (corner + right + below + across)
    return detail, mean


def noise_reach(pages: Sequence[Floats]) -> int:
    """How far apart pixels (channel, y, x) are that share no noise; 1: neighbours share none.

    It is measured in the blocks that vary least, as far as a parabola does not describe them: there
    is next to nothing but noise. What reaches further than four pixels is not told from the image.
    """
    step = -(-len(pages) // max(1, PIXELS // pages[0].size))
    blocks = np.concatenate([_blocks(page) for page in pages[::step]])
    if len(blocks) < BLOCKS:
        return 1
    rest = blocks - (blocks @ _PARABOLAS) @ _PARABOLAS.T
    power = np.square(rest).sum(axis=1)
    flattest = np.argsort(power, kind="stable")[: max(4, round(FLATTEST * len(rest)))]
    chosen = rest[flattest].reshape(-1, BLOCK, BLOCK)
    correlations = [_correlation(chosen, lag) for lag in range(1, FARTHEST + 1)]
    apart = [lag for lag, c in enumerate(correlations, 1) if c < APART]
    return apart[0] if apart and correlations[0] > SHARED else 1


def _blocks(page: Floats) -> Doubles:
    """The blocks of all channels without unknown pixels, (n, BLOCK * BLOCK)."""
    rows, columns = (side // BLOCK for side in page.shape[1:])
    cut = page[:, : rows * BLOCK, : columns * BLOCK]
    cut = cut.reshape(len(page), rows, BLOCK, columns, BLOCK)
    blocks = cut.transpose(0, 1, 3, 2, 4).reshape(-1, BLOCK * BLOCK).astype(np.float64)
    return blocks[np.isfinite(blocks).all(axis=1)]


def _parabolas() -> Doubles:
    """An orthonormal basis of the polynomials of two degrees on a block, (BLOCK * BLOCK, 6)."""
    y, x = np.mgrid[:BLOCK, :BLOCK].reshape(2, -1) / BLOCK
    basis: Doubles = np.linalg.qr(np.stack([y**0, y, x, y * x, y**2, x**2], axis=1))[0]
    return basis


_PARABOLAS = _parabolas()


def _correlation(blocks: Doubles, lag: int) -> float:
    """That of pixels so far apart, of y and x the larger, over what is expected of white noise."""
    left = (np.eye(BLOCK * BLOCK) - _PARABOLAS @ _PARABOLAS.T).reshape((BLOCK,) * 4)
    near, far, every = slice(-lag), slice(lag, None), slice(None)
    found = []
    for one, other in ((near, every), (far, every)), ((every, near), (every, far)):
        product = (blocks[:, *one] * blocks[:, *other]).sum() / np.square(blocks).sum()
        white = np.einsum("yxyx->", left[*one, *other]) / (BLOCK * BLOCK - 6)
        found.append((product - white) * BLOCK / (BLOCK - lag))
    return float(max(found))
